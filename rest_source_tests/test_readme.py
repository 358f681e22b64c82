"""The README holds what the models and the program say, and names nothing that does not exist."""

import re
from pathlib import Path

import click
import pytest
import yaml

from rest_source.cli.main import main
from rest_source.reference.readme import difference, rewritten
from rest_source.spec.file import COMPONENT_TYPE, load_source
from rest_source.spec.source import SourceSpec

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z][\w-]*):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
FILES = [text for language, text in BLOCKS if language == "yaml" and f"type: {COMPONENT_TYPE}" in text]
ENDPOINTS = [text for language, text in BLOCKS if language == "yaml" and text.startswith("- name:")]
AUTHS = [text for language, text in BLOCKS if language == "yaml" and text.startswith("auth:")]
COMMANDS = {"": main, **main.commands}


def keys_of_tables(text: str) -> dict[str, set[str]]:
    """What stands in backticks in the first column of each table, by section and heading of that column."""
    found: dict[str, set[str]] = {}
    for section in re.split(r"^#+ ", text, flags=re.MULTILINE):
        title = section.partition("\n")[0]
        for head, rows in re.findall(r"^\|([^|\n]*)\|[^\n]*\n\|[ |-]*\n((?:\|[^\n]*\n)+)", section, re.MULTILINE):
            place = f"{title}: key" if head.strip() == "key" else head.strip()
            cells = (row.split("|")[1] for row in rows.splitlines())
            found.setdefault(place, set()).update(key for cell in cells for key in re.findall(r"`([^`]+)`", cell))
    return found


def options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def own(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts if name.startswith("--")}


def test_the_generated_parts_are_what_models_and_catalogue_say() -> None:
    assert difference(README, rewritten(README)) == "", "run `make reference`"


@pytest.mark.parametrize("text", FILES, ids=range(len(FILES)))
def test_every_file_loads(text: str, tmp_path: Path) -> None:
    path = tmp_path / "defs.yaml"
    path.write_text(text, encoding="utf-8")
    assert load_source(path).endpoints


@pytest.mark.parametrize("text", ENDPOINTS, ids=range(len(ENDPOINTS)))
def test_every_endpoint_loads(text: str) -> None:
    SourceSpec.model_validate({"name": "api", "base_url": "https://api", "endpoints": yaml.safe_load(text)})


@pytest.mark.parametrize("text", AUTHS, ids=range(len(AUTHS)))
def test_every_sign_in_loads(text: str) -> None:
    SourceSpec.model_validate(
        {"name": "api", "base_url": "https://api", "endpoints": [{"name": "a", "path": "/"}], **yaml.safe_load(text)}
    )


def test_every_yaml_is_judged() -> None:
    assert FILES
    assert len(FILES) + len(ENDPOINTS) + len(AUTHS) == len([language for language, _ in BLOCKS if language == "yaml"])


def test_every_make_target_exists() -> None:
    shown = "\n".join([*re.findall(r"`([^`\n]+)`", README), *(text for _, text in BLOCKS)])
    named = set(re.findall(r"(?:^|\$ |, )make ([a-z-]+)", shown, re.MULTILINE))
    assert {"demo", "dev", "test", "lint", "clean"} <= named <= TARGETS


def test_the_table_of_options_is_that_of_the_program() -> None:
    assert options(" ".join(keys_of_tables(README)["option"])) == own(COMMANDS["run"]) | {"--debug"}


def test_every_option_exists() -> None:
    strangers = {"--strict"}  # of mypy
    assert options(README) - strangers <= set[str]().union(*map(own, COMMANDS.values()))


def test_every_command_exists() -> None:
    planned = README.index("## Not yet")
    named = set(re.findall(r"(?:`|bin/)rest-source(?: --debug)? ([a-z]+)", README[:planned]))
    assert named == COMMANDS.keys() - {""}
