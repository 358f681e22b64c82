"""The YAML file: every mistake is named with file, line, key, the valid choices and the nearest match."""

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from rest_source.errors import RestSourceError
from rest_source.spec.file import load_source, reject_duplicate_keys
from rest_source.spec.source import SourceSpec
from rest_source_tests.shop import write_file

HEAD = """\
type: rest_source.RestSource
attributes:
  name: shop
  base_url: https://api.example/v1
  endpoints:
    - name: orders
      path: /orders
"""
"""Seven lines; what follows stands in line 8."""


def load(tmp_path: Path, text: str | bytes) -> SourceSpec:
    path = tmp_path / "defs.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_source(path)


def mistakes(tmp_path: Path, text: str | bytes) -> list[str]:
    """The messages, as `LINE: message`."""
    with pytest.raises(RestSourceError) as caught:
        load(tmp_path, text)
    assert caught.value.id == "invalid_file"
    lines = caught.value.message.splitlines()
    assert all(line.startswith(f"{tmp_path}/defs.yaml:") for line in lines), lines
    return [line.removeprefix(f"{tmp_path}/defs.yaml:") for line in lines]


def test_a_file_as_small_as_it_gets(tmp_path: Path) -> None:
    spec = load(tmp_path, HEAD)
    assert (spec.name, spec.endpoints[0].name, spec.endpoints[0].method) == ("shop", "orders", "GET")


@pytest.mark.parametrize(
    ("rest", "line", "key", "message"),
    [
        ("      pth: x\n", 8, "endpoints.0.pth", "unknown key `pth`. Did you mean `path`? Valid: description,"),
        ("      data_roto: $\n", 8, "endpoints.0.data_roto", "unknown key `data_roto`. Did you mean `data_root`?"),
        ("  bse_url: x\n", 8, "bse_url", "unknown key `bse_url`. Did you mean `base_url`?"),
        ("      zzz: x\n", 8, "endpoints.0.zzz", "unknown key `zzz`. Valid: description, "),
        ("  auth:\n    type: bearer\n    token: x\n    zoo: y\n", 11, "auth.zoo", "unknown key `zoo`. Valid: type,"),
        ("  auth:\n    type: bearer\n", 8, "auth.token", "the key `token` is required"),
        ("  auth:\n    type: bearr\n", 9, "auth.type", "unknown type `bearr`. Did you mean `bearer`? Valid: none,"),
        ("  auth:\n    token: x\n", 8, "auth.type", "the key `type` is required: none, basic, bearer, api_key"),
        ("  limits:\n    retries: many\n", 9, "limits.retries", "should be a whole number"),
        ("  limits:\n    retries: -1\n", 9, "limits.retries", "should be at least 0"),
        ("  limits:\n\n    # so\n    timeout: soon\n", 11, "limits.timeout", "`soon` is not a duration"),
        ("      write: upsert\n", 8, "endpoints.0.write", "unknown value `upsert`."),
        ("      write: mrege\n", 8, "endpoints.0.write", "unknown value `mrege`. Did you mean `merge`? Valid: merge,"),
        ("      method: PUT\n", 8, "endpoints.0.method", "unknown value `PUT`."),
        ("      data_root: $[\n", 8, "endpoints.0.data_root", "`$[` is not JSONPath"),
        ("      data_root: [a]\n", 8, "endpoints.0.data_root", "should be text, not a list"),
        ("      exclude: {a: b}\n", 8, "endpoints.0.exclude", "should be a list, not a mapping"),
        ("      pagination: page\n", 8, "endpoints.0.pagination", ""),
        ("      pagination: {type: page}\n", 8, "endpoints.0.pagination.type", "unknown type `page`."),
        ("      pagination: {type: [a]}\n", 8, "endpoints.0.pagination.type", "unknown type `['a']`."),
        (
            "      pagination:\n        type: page_number\n        parm: p\n",
            10,
            "endpoints.0.pagination.parm",
            "unknown key `parm`. Did you mean `param`?",
        ),
        (
            "      pagination:\n        type: cursor\n        value: {header: X, hedr: Y}\n",
            10,
            "endpoints.0.pagination.value.hedr",
            "unknown key `hedr`. Did you mean `header`?",
        ),
        ("      params:\n        a: 1\n        b: {c: 1}\n", 10, "endpoints.0.params.b", "write text, a number,"),
        ("      params:\n        a: [1, [2]]\n", 9, "endpoints.0.params.a", "write text, a number,"),
        ("      headers: {A: {env: low}}\n", 8, "endpoints.0.headers.A", "`env: low` names no environment variable"),
        ("      params: {a: '{now-24}'}\n", 8, "endpoints.0.params.a", "`{now-24}` is not a template"),
        ("    - path: /x\n", 8, "endpoints.1.name", "the key `name` is required"),
        ("    - text\n", 8, "endpoints.1", "should be a mapping"),
        ("    -\n", 8, "endpoints.1", "should be a mapping"),
        ("    - {name: Orders, path: /}\n", 8, "endpoints.1.name", "`Orders` and `orders` would share the table"),
        ("    - {name: a b, path: /}\n", 8, "endpoints.1.name", "`a b` is not a valid name"),
        ("  timezone: Mars\n", 8, "timezone", "`Mars` is not a time zone"),
        ("  schedule: {every: 7m}\n", 8, "schedule.every", "`every` is 15m, 20m, 30m,"),
        ("  schedule: {}\n", 8, "schedule", "write either `every: 6h` or `cron:"),
        ("  endpoint_defaults:\n    wirte: x\n", 9, "endpoint_defaults.wirte", "unknown key `wirte`. Did you mean"),
        ("  endpoint_defaults:\n    pagination: {type: x}\n", 9, "endpoint_defaults.pagination.type", "unknown type"),
        ("  endpoint_defaults: [a]\n", 8, "endpoint_defaults", "should be a mapping"),
        ("      checks: {duplicates: loud}\n", 8, "endpoints.0.checks.duplicates", "unknown value `loud`."),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(tmp_path: Path, rest: str, line: int, key: str, message: str) -> None:
    [found] = mistakes(tmp_path, HEAD + rest)
    assert found.startswith(f"{line}: attributes.{key}: {message}")


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    found = mistakes(tmp_path, HEAD + "      pth: x\n      write: x\n  auth: {type: x}\n  limits: {rate: x}\n")
    assert {line.partition(":")[0] for line in found} == {"8", "9", "10", "11"}


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("", ["1: the key `type: rest_source.RestSource` is required"]),
        ("- a\n", ["1: the key `type: rest_source.RestSource` is required"]),
        ("attributes: {}\n", ["1: the key `type: rest_source.RestSource` is required"]),
        (
            "\nattributes: {}\ntype: rest_source.RestSorce\n",
            [
                "3: unknown type `rest_source.RestSorce`. Did you mean `rest_source.RestSource`? "
                "Valid: rest_source.RestSource"
            ],
        ),
        ("type: [a]\n", ["1: unknown type `['a']`. Valid: rest_source.RestSource"]),
        ("type: rest_source.RestSource\n", ["1: the key `attributes` is required"]),
        (HEAD + "---\n" + HEAD, ["9: a second rest_source.RestSource; put each source into its own file"]),
        (HEAD + "  name: x\n", ["8: the key `name` stands twice in one mapping; the first is in line 3"]),
        (
            HEAD + "      params: {a: 1, 'a': 2}\n",
            ["8: the key `a` stands twice in one mapping; the first is in line 8"],
        ),
        (
            HEAD + "\tx: 1\n",
            [
                "8: not valid YAML: found a tab character that violates indentation; indent with spaces, not with tabs",
            ],
        ),
        (HEAD + "  x: [1\n", ["9: not valid YAML: did not find expected ',' or ']'"]),
        (
            HEAD + "  x: {{ y }}\n",
            [
                "8: found unhashable key; double braces are not rendered: write a variable as {env: NAME}, or as "
                "{env.NAME} within quotes"
            ],
        ),
        (HEAD + "  x: { {a: b}: c}\n", ["8: found unhashable key; put quotes around text that begins with a brace"]),
        (HEAD + "  x: !thing y\n", ["8: could not determine a constructor for the tag '!thing'"]),
        (HEAD + "  x: *nothing\n", ["8: not valid YAML: found undefined alias"]),
        (HEAD + "      method: POST\n      body: &a [*a]\n", ["1: an alias stands inside of what it repeats"]),
    ],
)  # fmt: skip
def test_files_that_are_no_source(tmp_path: Path, text: str, messages: list[str]) -> None:
    assert mistakes(tmp_path, text) == messages


def test_a_misspelt_key_beside_type(tmp_path: Path) -> None:
    found = mistakes(tmp_path, HEAD.replace("attributes", "atributes"))
    assert found[0].startswith("2: unknown key `atributes`. Did you mean `attributes`?")


def test_bytes_that_are_no_yaml(tmp_path: Path) -> None:
    assert mistakes(tmp_path, b"a: \x00")[0].startswith("1: not valid YAML: ")
    assert mistakes(tmp_path, HEAD + "      description: !!int x\n")[0].startswith("1: not valid YAML: ")


@pytest.mark.parametrize("text", [None, b"\xff\xfe\xff"])
def test_files_that_cannot_be_read(tmp_path: Path, text: bytes | None) -> None:
    if text:
        (tmp_path / "defs.yaml").write_bytes(text)
    with pytest.raises(RestSourceError, match="cannot be read: ") as caught:
        load_source(tmp_path / "defs.yaml")
    assert caught.value.id == "unreadable_file"


def test_components_of_others_beside_ours(tmp_path: Path) -> None:
    assert load(tmp_path, "type: other.Thing\nattributes: {x: 1}\n---\n" + HEAD).name == "shop"


def test_aliases_that_grow_without_end_are_read_once(tmp_path: Path) -> None:
    levels = "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 40))
    path = tmp_path / "defs.yaml"
    path.write_text(f"x0: &x0 [a]\n{levels}")
    reject_duplicate_keys(path)


def test_anchors_and_merge_keys(tmp_path: Path) -> None:
    rest = "      params: &p {a: 1}\n    - name: b\n      path: /b\n      params: {<<: *p, b: 2}\n"
    assert load(tmp_path, HEAD + rest).endpoints[1].params == {"a": 1, "b": 2}
    rest = "      params: &p {a: {b: 1}}\n    - name: b\n      path: /b\n      params: {<<: *p}\n"
    assert [line.partition(":")[0] for line in mistakes(tmp_path, HEAD + rest)] == ["8", "8"]


@pytest.mark.parametrize("value", ["2024-01-01", "2024-01-01T00:00:00Z", "12:30:00"])
def test_dates_stay_text(tmp_path: Path, value: str) -> None:
    spec = load(tmp_path, HEAD + f"      method: POST\n      body: {{since: {value!r}, plain: {value}}}\n")
    body = spec.endpoints[0].body
    assert body["since"] == value
    assert isinstance(body["plain"], int if ":" in value and "-" not in value else str)


def test_a_variable_wherever_text_is_accepted(tmp_path: Path) -> None:
    text = dedent("""\
        type: rest_source.RestSource
        attributes:
          name: shop
          base_url: {env: A}
          auth: {type: basic, username: {env: A}, password: {env: A}}
          headers: {X: {env: A}}
          endpoints:
            - name: orders
              method: POST
              path: {env: A}
              params: {a: {env: A}, b: [{env: A}, 1]}
              headers: {Y: {env: A}}
              body: {a: {env: A}, b: [{c: {env: A}}]}
            - name: forms
              method: POST
              path: "/{env.A}"
              form: {a: {env: A}, b: [{env: A}]}
        """)
    spec = load(tmp_path, text)
    orders, forms = spec.endpoints
    reference = "{env.A}"
    assert spec.base_url == spec.headers["X"] == orders.path == orders.headers["Y"] == reference
    assert spec.auth.model_dump() == {"type": "basic", "username": reference, "password": reference}
    assert orders.params == {"a": reference, "b": (reference, 1)}
    assert orders.body == {"a": reference, "b": [{"c": reference}]}
    assert forms.form == {"a": reference, "b": (reference,)}


SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    "attributes",
    [
        {"auth": {"type": "bearer", "token": [SECRET]}},
        {"auth": {"type": "basic", "username": {"env": SECRET}}},
        {"auth": {"type": "bearer", "token": {"value": SECRET}}},
        {"auth": {"type": "api_key", "name": "k", "value": "v", "in": "header", "extra": SECRET}},
    ],
)
def test_errors_do_not_show_what_may_be_secret(tmp_path: Path, attributes: dict[str, Any]) -> None:
    document = yaml.safe_load(HEAD)
    document["attributes"] |= attributes
    found = mistakes(tmp_path, yaml.safe_dump(document))
    if "env" not in str(attributes):
        assert SECRET not in str(found)


def test_a_file_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compose, parsed = yaml.compose_all, []

    def counted(text: str, Loader: Any) -> Any:
        parsed.append(text)
        return compose(text, Loader=Loader)

    monkeypatch.setattr(yaml, "compose_all", counted)
    load(tmp_path, HEAD)
    assert parsed == [HEAD]


@pytest.mark.parametrize("type_", ["their_project.components.OwnSource", "my_rest_source.RestSource"])
def test_a_type_that_extends_ours_is_read_as_ours(tmp_path: Path, type_: str) -> None:
    file = write_file(tmp_path, "http://x", {"name": "orders"})
    file.write_text(file.read_text().replace("rest_source.RestSource", type_))
    assert [endpoint.name for endpoint in load_source(file).endpoints] == ["orders"]
