"""The component as Dagster loads it: `type: rest_source.RestSource` in a defs.yaml."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from rest_source import RestSource
from rest_source_tests.project import write_project
from rest_source_tests.shop import attributes, write_file

URL = "https://api.shop.example"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path)


def validate(project: Path, module: str = "their_project.definitions") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-m", module],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_component_builds_its_assets() -> None:
    component = RestSource.from_attributes_dict(attributes=attributes(URL, {}, {"name": "orders"}))
    assert [endpoint.name for endpoint in component.source.endpoints] == ["items", "orders"]


def test_braces_are_not_jinja(project: Path) -> None:
    endpoint = {"method": "POST", "body": {"template": "Hello {{ not.jinja }}", "query": "{ a { b } }"}}
    path = write_file(project / "their_project" / "defs" / "shop", URL, endpoint)
    assert "{{ not.jinja }}" in path.read_text()
    result = validate(project)
    assert result.returncode == 0, result.stdout + result.stderr


def test_our_own_definitions_load_and_nothing_is_said_to_leak(tmp_path: Path) -> None:
    result = validate(tmp_path, "rest_source.definitions")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "leaked" not in result.stderr


@pytest.mark.parametrize(
    ("line", "wrong", "expected"),
    [
        ("write: merge", "write: merg", "Did you mean `merge`?"),
        ("write: merge", "wirte: merge", "unknown key `wirte`. Did you mean `write`?"),
        ("primary_key: id", "primary_key: 7", "should be a list, not a number"),
        ("write: merge", "primary_key: sku", "the key `primary_key` stands twice"),
    ],
)
def test_dagster_names_file_and_line_of_a_mistake(project: Path, line: str, wrong: str, expected: str) -> None:
    folder = project / "their_project" / "defs" / "shop"
    path = write_file(folder, URL, {"primary_key": "id", "write": "merge"})
    lines = path.read_text().splitlines()
    number = next(index for index, text in enumerate(lines) if line in text)
    lines[number] = lines[number].replace(line, wrong)
    path.write_text("\n".join(lines))
    result = validate(project)
    output = result.stdout + result.stderr
    assert result.returncode == 1
    assert f"{path}:{number + 1}" in output
    assert expected in output


def test_the_schema_accepts_every_form_that_the_models_accept() -> None:
    # `dg check yaml` judges by the JSON Schema; what the models read must pass it.
    from jsonschema import Draft202012Validator

    schema = RestSource.get_model_cls().model_json_schema()
    data = yaml.safe_load("""
        name: shop
        base_url: "{env.URL}/v1"
        auth: {type: api_key, name: key, value: {env: KEY}, in: query}
        limits: {rate: 10/s, timeout: 60s, max_wait: 600, max_response: 256MB}
        schedule: {every: 6h}
        endpoints:
          - {name: a, path: /a, primary_key: id, exclude: email, checks: {duplicates: off}, method: post, body: [1]}
          - name: b
            path: {env: PATH_B}
            primary_key: [a, b]
            params: {a: 1, b: true, c: null, d: [x, 2], e: {env: X}}
            pagination: {type: page_number, total_records: {header: X-Total}}
          - {name: c, path: /c, pagination: {type: cursor, value: $.n, from: last_record, in: body}, method: POST}
    """)
    Draft202012Validator.check_schema(schema)
    assert [error.message for error in Draft202012Validator(schema).iter_errors(data)] == []
    dg.Definitions.validate_loadable(RestSource.from_attributes_dict(attributes=data).build_defs(None))  # type: ignore[arg-type]
