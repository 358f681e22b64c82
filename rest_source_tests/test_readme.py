"""The README names every key of the YAML and every option of the program, and nothing that does not exist."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import pytest
import yaml
from pydantic import BaseModel

from rest_source.cli.main import main
from rest_source.spec.asset import AssetSettings
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


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every model that an annotation holds, in unions and containers too, and those of its fields."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models(field.annotation)
            yield from models(tuple(field.metadata))
    for inner in annotation if isinstance(annotation, tuple) else get_args(annotation):
        yield from models(inner)


KEYS = sorted(
    {
        (model.__name__, field.alias or name)
        for model in models(SourceSpec)
        for name, field in model.model_fields.items()
    }
)


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


def heading(model: str, key: str) -> str:
    """The heading of the table that explains a model's key."""
    if model in ("SourceSpec", "EndpointSpec"):
        section = "Source or endpoint" if key in AssetSettings.model_fields else model.removesuffix("Spec")
        return f"{section}: key"
    parts = {"Auth": "`auth`", "Limits": "`limits`", "Schedule": "`schedule`", "Checks": "`checks`"}
    parts |= {"LoginStep": "a login step", "LoginRequest": "`request`", "Send": "`send`", "Tls": "`tls`"}
    parts |= {"FreshnessPolicy": "`freshness_policy`", "ErrorRule": "an `on_error` rule", "Value": "`{header: NAME}`"}
    return "key of " + next((part for end, part in parts.items() if model.endswith(end)), "`pagination`")


def options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def own(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts if name.startswith("--")}


def test_the_models_are_found() -> None:
    assert {"SourceSpec", "EndpointSpec", "ErrorRule", "ApiKeyAuth", "Cursor", "HeaderValue"} <= {m for m, _ in KEYS}


@pytest.mark.parametrize(("model", "key"), KEYS, ids=map(".".join, KEYS))
def test_every_key_stands_in_a_table(model: str, key: str) -> None:
    assert key in keys_of_tables(README).get(heading(model, key), set())


def test_a_key_that_is_not_there_is_missed() -> None:
    without = "".join(line for line in README.splitlines(keepends=True) if not line.startswith("| `resume_within` |"))
    assert "resume_within" not in keys_of_tables(without)["key of `limits`"]


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
