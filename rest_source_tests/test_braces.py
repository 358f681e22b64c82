"""Braces that were meant as a template: a mistake in the file, with the spelling to write; all others stay."""

from pathlib import Path
from typing import Any

import pytest

from rest_source.errors import RestSourceError
from rest_source.spec.file import load_source
from rest_source.spec.source import SourceSpec
from rest_source_tests.test_spec import errors, source

MEANT = [
    ("{{ env.TOKEN }}", "{env.TOKEN} within a text, or {env: TOKEN} as the whole value"),
    ("{{env.TOKEN}}", "{env.TOKEN}"),
    ("{{{env.TOKEN}}}", "{env.TOKEN}"),
    ("Bearer {{ env.TOKEN }}", "{env.TOKEN}"),
    ("{{ env_var('TOKEN') }}", "{env.TOKEN}"),
    ("{{ cursor }}", "write {cursor}"),
    ("{{ cursr }}", "write {cursor}"),
    ("{{now-1d:%Y-%m-%d}}", "write {now-1d:%Y-%m-%d}"),
    ("${env.TOKEN}", "write {env.TOKEN}"),
    ("${env:TOKEN}", "write {env.TOKEN}"),
    ("${TOKEN}", "write {env.TOKEN}"),
    ("${TOKEN:-none}", "write {env.TOKEN|none}"),
    ("${cursor}", "write {cursor}"),
    ("{cursr}", "Did you mean {cursor}?"),
    ("{curser}", "Did you mean {cursor}?"),
    ("{cursors}", "Did you mean {cursor}?"),
    ("{Cursor}", "Did you mean {cursor}?"),
    ("{ cursor }", "Did you mean {cursor}?"),
    ("{curser:%Y-%m-%d}", "Did you mean {cursor:%Y-%m-%d}?"),
    ("updated_at>{cursr}", "Did you mean {cursor}?"),
    ('{"since": "{cursr}"}', "Did you mean {cursor}?"),
    ("{nwo}", "Did you mean {now}?"),
    ("{Now-24h}", "Did you mean {now-24h}?"),
    ("{now-1day}", "Did you mean {now-1d}?"),
    ("{now - 24 hours}", "Did you mean {now-24h}?"),
    ("{now()}", "Did you mean {now}?"),
    ("{now:YYYY-MM-DD}", "Did you mean {now:%Y-%m-%d}?"),
    ("{now-24}", "units s m h d w"),
    ("{partion.key}", "Did you mean {partition.key}?"),
    ("{Partition.Start}", "Did you mean {partition.start}?"),
    ("{window.begin}", "Did you mean {window.start}?"),
    ("{windows.end}", "Did you mean {window.end}?"),
    ("{parents.id}", "Did you mean {parent.id}?"),
    ("{parent['id']}", "Did you mean {parent.id}?"),
    ("{env.token}", "Did you mean {env.TOKEN}?"),
    ("{env:TOKEN}", "Did you mean {env.TOKEN}?"),
    ("{os.environ['TOKEN']}", "Did you mean {env.TOKEN}?"),
    ("{Page}", "Did you mean {page}?"),
    ("{limt}", "Did you mean {limit}?"),
]
OUTSIDE_A_BODY = [
    ("{{ name }}", "templates have single braces"),
    ("{{}}", "templates have single braces"),
    ("{{ config['api_key'] }}", "{env: API_KEY}"),
    ("x ${TOKEN}", "write {env.TOKEN}"),
    ("{TOKEN}", "Did you mean {env.TOKEN}?"),
    ("{secrets.TOKEN}", "Did you mean {env.TOKEN}?"),
    ("{today}", "Did you mean {now:%Y-%m-%d}?"),
    ("{yesterday:%d.%m.%Y}", "Did you mean {now-1d:%d.%m.%Y}?"),
    ("{parent}", "Did you mean {parent.id}?"),
    ("{parent_id}", "Did you mean {parent.id}?"),
    ("{partitionKey}", "Did you mean {partition.key}?"),
    ("{last_cursor}", "Did you mean {cursor}?"),
    ("{now:%Y}}", "`{now:%Y}}` has a brace too many: write {now:%Y}"),
    ("{{now:%Y}", "a brace too many: write {now:%Y}"),
    ("since {cursor", "`{cursor` has no closing brace: write {cursor}"),
]
LITERAL = [
    "{}",
    "{0}",
    "{id}",
    "{id,name}",
    "{Hello}",
    "{user.name}",
    "{row}",
    "{age}",
    "{cursor id}",
    "{{now} TO *}",
    "date:{now TO *}",
    "up{job='x'}",
    '{__name__=~"x"}',
    '{"a":{"b":1}}',
    "%(cursor)s",
    "<cursor>",
    ":cursor",
    "$cursor",
    "{ orders { nodes { cursors } pageInfo { next } } }",
    "query { cursors }",
    "query Q($n: Int) { cursors(first: $n) { limits } }",
    "items(first: 2) { pages }",
    "{orders(page: {limit: 10, offset: 0}){id}}",
]
IN_A_BODY = ["{{ name }}", "x ${TOKEN}", "{TOKEN}", "{today}", "{ parent_id }", "say { pages }"]


def places(text: str) -> list[tuple[dict[str, Any], dict[str, Any], str]]:
    """Where a text may stand outside a body: keys of the source, keys of the endpoint, and the place of a mistake."""
    return [
        ({}, {"params": {"a": text}}, "endpoints.0.params.a"),
        ({}, {"params": {"a": ["x", text]}}, "endpoints.0.params.a"),
        ({}, {"headers": {"A": text}}, "endpoints.0.headers.A"),
        ({}, {"method": "POST", "form": {"a": text}}, "endpoints.0.form.a"),
        ({}, {"path": f"/x?a={text}"}, "endpoints.0.path"),
        ({}, {"incremental": {"cursor": "$.at", "initial": text}}, "endpoints.0.incremental.initial"),
        ({"headers": {"A": text}}, {}, "headers.A"),
        ({"auth": {"type": "bearer", "token": text}}, {}, "auth.token"),
        ({"auth": {"type": "login", "request": {"path": "/", "params": {"a": text}}}}, {}, "auth.request.params.a"),
        ({"base_url": f"http://h/?a={text}"}, {}, "base_url"),
    ]


@pytest.mark.parametrize(("text", "told"), [*MEANT, *OUTSIDE_A_BODY])
def test_what_was_meant_as_a_template_is_a_mistake(text: str, told: str) -> None:
    for of_source, of_endpoint, place in places(text):
        [(found, message)] = errors(of_endpoint, **of_source)
        assert (found, told in message) == (place, True), message


@pytest.mark.parametrize(("text", "told"), MEANT)
@pytest.mark.parametrize("around", [lambda text: text, lambda text: {"a": [{"b": text}]}])
def test_so_it_is_in_a_body(text: str, told: str, around: Any) -> None:
    [(place, message)] = errors({"method": "POST", "body": around(text)})
    assert (place, told in message) == ("endpoints.0.body", True), message


@pytest.mark.parametrize("text", LITERAL)
def test_every_other_brace_stays(text: str) -> None:
    spec = source({"params": {"a": text}}, {"method": "POST", "body": {"a": text}}, headers={"A": text})
    assert (spec.endpoints[0].params["a"], spec.endpoints[1].body["a"], spec.headers["A"]) == (text, text, text)


@pytest.mark.parametrize("text", IN_A_BODY)
def test_a_body_has_braces_of_its_own(text: str) -> None:
    assert source({"method": "POST", "body": [text]}).endpoints[0].body == [text]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/users/{id}", "Write {parent.id} and a `parent`"),
        ("/users/{id}/x", "Write {parent.id} and a `parent`"),
        ("/users/{}", "Write {parent.id} and a `parent`"),
        ("/users/{parent_id}", "Did you mean {parent.id}?"),
        ("/users/{user.id}", "`{user.id}` is not a template"),
        ("/a{b}", "`{b}` is not a template"),
        ("https://{region}.example.com/x", "`{region}` is not a template"),
    ],
)
def test_a_path_has_no_braces_but_templates(path: str, told: str) -> None:
    [(place, message)] = errors({"path": path})
    assert (place, told in message) == ("endpoints.0.path", True), message


@pytest.mark.parametrize(
    ("keys", "place", "told"),
    [
        ({"base_url": "https://{tenant}.example.com"}, "base_url", "Write {env.TENANT} for a variable"),
        ({"base_url": "https://h/{tenant-id}/v1"}, "base_url", "Write {env.TENANT_ID} for a variable"),
        (
            {"auth": {"type": "oauth2", "client_id": "x", "token_url": "https://h/{tenant}/token"}},
            "auth.token_url",
            "{env.TENANT}",
        ),
        ({"auth": {"type": "login", "request": {"path": "/{tenant}"}}}, "auth.request.path", "{env.TENANT}"),
    ],
)
def test_nor_has_another_address(keys: dict[str, Any], place: str, told: str) -> None:
    [(found, message)] = errors(**keys)
    assert (found, told in message) == (place, True), message


def test_the_place_of_a_cursor_in_a_path_is_known() -> None:
    pagination = {"type": "cursor", "value": "$.n", "param": "token", "in": "path"}
    assert source({"path": "/x/{token}", "pagination": pagination}).endpoints[0].path == "/x/{token}"
    [(_, message)] = errors({"path": "/x/{tokn}", "pagination": pagination})
    assert "`{tokn}` is not a template" in message


@pytest.mark.parametrize("key", ["params", "headers", "form"])
@pytest.mark.parametrize("name", ["{env.NAME}", "x-{now:%Y}", "{{ env.NAME }}"])
def test_a_name_is_not_rendered(key: str, name: str) -> None:
    [(place, message)] = errors({"method": "POST", key: {name: "x"}})
    assert (place, "is not rendered" in message) == (f"endpoints.0.{key}.{name}", True)


def test_a_dimension_that_is_nearly_there_is_named() -> None:
    partitions = {"type": "static", "partition_keys": ["eu"]}
    [(_, message)] = errors({"partitions_def": partitions, "params": {"a": "{partition.kee}"}})
    assert "there is partition.key. Did you mean `partition.key`?" in message


@pytest.mark.parametrize("written", ["{{ env.SHOP_TOKEN }}", "{{env.SHOP_TOKEN}}"])
def test_without_quotes_yaml_takes_them_for_mappings(tmp_path: Path, written: str) -> None:
    path = tmp_path / "defs.yaml"
    path.write_text(
        "type: rest_source.RestSource\nattributes:\n  name: shop\n  base_url: https://h\n"
        f"  auth: {{type: bearer, token: {written}}}\n  endpoints: [{{name: a, path: /}}]\n"
    )
    with pytest.raises(RestSourceError) as caught:
        load_source(path)
    assert f"{path}:5: " in caught.value.message
    assert "write a variable as {env: NAME}" in caught.value.message


def test_a_file_of_graphql_and_json_is_read() -> None:
    query = "query Orders($after: String) { orders(after: $after, page: {limit: 10}) { edges { cursor node { id } } } }"
    body = {"query": query, "variables": {"after": "{cursor}", "filter": '{"since": {"gt": "{now}"}}'}}
    spec = {"method": "POST", "body": body, "incremental": {"cursor": "$.c"}}
    assert isinstance(source(spec), SourceSpec)


@pytest.mark.parametrize(
    ("endpoint", "place"),
    [
        ({"pagination": {"type": "page_number", "param": "{env.PARAM}"}}, "pagination.param"),
        ({"pagination": {"type": "cursor", "value": "$.next", "param": "{{ cursor }}"}}, "pagination.param"),
        ({"primary_key": ["id", "{env.KEY}"]}, "primary_key.1"),
        ({"exclude": "{{ env.FIELD }}"}, "exclude.0"),
        ({"incremental": {"cursor": "{env.CURSOR}", "from": "header"}}, "incremental.cursor"),
    ],
)
def test_keys_that_read_answers_are_not_rendered(endpoint: dict[str, Any], place: str) -> None:
    [(found, message)] = errors(endpoint)
    assert (found, "is not rendered here" in message) == (f"endpoints.0.{place}", True)
