"""The first file of an API, and the schema by which editors read it."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

import rest_source
from rest_source import EndpointSpec, RestSource
from rest_source.cli.main import main
from rest_source.spec.file import load_source
from rest_source.spec.schema import SCHEMA, file_schema, schema_text
from rest_source_tests.project import write_project
from rest_source_tests.shop import attributes

DEFS = Path(rest_source.__file__).parent / "defs"
DEMO = sorted(DEFS.glob("*/defs.yaml"))


def call(*args: str) -> Result:
    return CliRunner().invoke(main, list(args))


def complaints(text: str) -> list[str]:
    return [error.message for error in Draft202012Validator(file_schema()).iter_errors(yaml.safe_load(text))]


def test_the_schema_that_is_printed_is_the_one_that_is_shipped() -> None:
    assert call("schema").stdout == schema_text()
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), "run `make reference`"
    Draft202012Validator.check_schema(file_schema())


@pytest.mark.parametrize("file", DEMO, ids=lambda path: path.parent.name)
def test_the_demo_is_right_by_the_schema_that_its_first_line_names(file: Path) -> None:
    first, _, rest = file.read_text(encoding="utf-8").partition("\n")
    mark, _, path = first.partition("$schema=")
    assert mark == "# yaml-language-server: "
    assert (file.parent / path).resolve() == SCHEMA
    assert complaints(rest) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("base_url:", "base_urll:"), ("type: rest_source.RestSource", "type: other"), ("path: /orders", "path: [1]")],
)
def test_the_schema_finds_mistakes(right: str, wrong: str) -> None:
    text = (DEFS / "demo_shop" / "defs.yaml").read_text(encoding="utf-8")
    assert right in text
    assert complaints(text.replace(right, wrong, 1))


@pytest.mark.parametrize(
    ("url", "base", "endpoint", "path"),
    [
        ("https://api.example.com/v1/orders", "https://api.example.com/v1", "orders", "/orders"),
        ("https://api.example.com/v1", "https://api.example.com/v1", "items", "/items"),
        ("https://api.example.com", "https://api.example.com", "items", "/items"),
    ],
)
def test_init_writes_a_file_that_loads(
    url: str, base: str, endpoint: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("init", "shop", "--url", url)
    assert result.exit_code == 0, result.output
    file = Path("rest_source/defs/shop/defs.yaml")
    assert str(file) in result.stdout
    source = load_source(file)
    assert (source.name, source.base_url) == ("shop", base)
    assert [(found.name, found.path) for found in source.endpoints] == [(endpoint, path)]
    assert complaints(file.read_text()) == []


def test_init_keeps_a_secret_out_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    call("init", "shop", "--url", "https://ada:s3cret@api.example.com/v1/orders?token=t0p-secret&status=paid")
    text = Path("rest_source/defs/shop/defs.yaml").read_text()
    assert "s3cret" not in text
    assert "t0p-secret" not in text
    assert load_source(Path("rest_source/defs/shop/defs.yaml")).endpoints[0].params["status"] == "paid"


@pytest.mark.parametrize(
    ("name", "url", "said"),
    [("shop", "api.example.com", "is not a URL"), ("my-shop", "https://a.example", "is not a valid name")],
)
def test_init_explains_what_it_cannot_take(
    name: str, url: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("init", name, "--url", url)
    assert result.exit_code == 1
    assert said in result.stderr
    assert not Path("rest_source").exists()


def test_init_overwrites_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("rest_source/defs/shop/defs.yaml")
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    assert call("init", "shop", "--url", "https://api.example.com").exit_code == 1
    assert file.read_text() == "mine"


def test_dg_scaffolds_the_same_file_in_another_project(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    dg_command = Path(sys.executable).with_name("dg")
    url = "https://api.example.com/v1/orders"
    result = subprocess.run(
        [dg_command, "scaffold", "defs", "rest_source.RestSource", "shop", "--url", url],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    source = load_source(project / "their_project" / "defs" / "shop" / "defs.yaml")
    assert (source.name, source.base_url) == ("shop", "https://api.example.com/v1")
    assert [found.path for found in source.endpoints] == ["/orders"]


class Translated(RestSource):
    """A component of a user's own, with another taste in groups."""

    def get_asset_spec(self, endpoint: EndpointSpec, spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(group_name=f"rest_{endpoint.name}").merge_attributes(tags={"tier": "gold"})


def test_a_subclass_changes_the_specs_of_its_assets() -> None:
    component = Translated.from_attributes_dict(attributes=attributes("https://api.example.com"))
    definitions = component.build_defs(None)  # type: ignore[arg-type]
    dg.Definitions.validate_loadable(definitions)
    [spec] = definitions.resolve_all_asset_specs()
    assert (spec.group_name, spec.tags["tier"]) == ("rest_items", "gold")


def test_each_asset_refers_to_its_line() -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # of Dagster's own reading of the references
        specs = dg.load_from_defs_folder(path_within_project=DEFS).resolve_all_asset_specs()
    spec = next(found for found in specs if found.key.path == ["demo_shop", "orders"])
    [reference] = spec.metadata["dagster/code_references"].code_references
    lines = (DEFS / "demo_shop" / "defs.yaml").read_text(encoding="utf-8").splitlines()
    assert reference.file_path == str(DEFS / "demo_shop" / "defs.yaml")
    assert lines[reference.line_number - 1].strip() == "- name: orders"
