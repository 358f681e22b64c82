"""Keys and tokens written in the file: told by `check` and `run`, shown nowhere."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rest_source.cli.main import main
from rest_source.demo.server import LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.spec.literals import literals_of_endpoint, literals_of_source
from rest_source_tests.fakes.reading import opened
from rest_source_tests.test_spec import source

RANDOM = "a8Fk29xLq04ZtB7w"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N"
SECRETS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("auth.token", {"auth": {"type": "bearer", "token": RANDOM}}, {}),
    ("auth.value", {"auth": {"type": "api_key", "name": "X", "value": RANDOM}}, {}),
    ("auth.username", {"auth": {"type": "basic", "username": "sk_" + "live_51HabcDEFghi", "password": ""}}, {}),
    ("auth.password", {"auth": {"type": "basic", "username": "ada", "password": "Summer2024!"}}, {}),
    ("auth.request.body.password", {"auth": {"type": "login", "token": "$.t", "request": {
        "path": "/", "body": {"password": "winter2024"}}}}, {}),
    ("headers.Authorization", {"headers": {"Authorization": f"Token token={RANDOM}, v=1"}}, {}),
    ("headers.X-Api-Key", {"headers": {"X-Api-Key": RANDOM}}, {}),
    ("headers.xSecretKey", {}, {"headers": {"xSecretKey": RANDOM}}),
    ("params.api_key", {}, {"params": {"api_key": RANDOM}}),
    ("params.q", {}, {"params": {"q": JWT}}),
    ("path", {}, {"path": "/hooks/xox" + "b-1234567890-abcdefgh"}),
    ("query", {}, {"query": "x=1&t=AKIA" + "ABCDEFGHIJKLMNOP"}),
    ("body.auth.1.token", {}, {"method": "POST", "body": {"auth": [0, {"token": RANDOM}]}}),
    ("base_url", {"base_url": "http://h/?token=ghp_" + "a1" * 18}, {}),
]  # fmt: skip
PLAIN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"auth": {"type": "bearer", "token": {"env": "TOKEN"}}}, {}),
    ({"auth": {"type": "bearer", "token": {"env": "TOKEN", "default": RANDOM}}}, {}),
    ({"auth": {"type": "api_key", "name": "X", "value": "DEMO_KEY"}}, {}),
    ({"auth": {"type": "basic", "username": "ada@shop.example", "password": "x"}}, {}),
    ({"auth": {"type": "oauth2", "token_url": "https://h/t", "client_id": "1234567890abcdefghij"}}, {}),
    ({}, {"params": {"account": "5f3a9c1e2b7d4e6f8a0b1c2d", "sort_key": "created_at", "page_token": ""}}),
    ({}, {"params": {"id": "0b0d1c3e-51a8-4f1c-9a52-3c1f0a9b7e11", "fields": "a1,b2,c3,d4,e5,f6,g7,h8"}}),
    ({}, {"headers": {"X-Api-Version": "2024-01-01-preview", "User-Agent": "acme-loader/1.2.3-4567890"}}),
    ({}, {"headers": {"Authorization": "Token token={env.TOKEN}"}}),
    ({}, {"path": "/keys/1234567890abcdefghij", "params": {"key": "shop.orders.created"}}),
    ({}, {"method": "POST", "body": {"query": "{ orders(first: 100) { edges { node { id token } } } }"}}),
]


def found(of_source: dict[str, Any], of_endpoint: dict[str, Any]) -> list[str]:
    spec = source(of_endpoint, **of_source)
    places = (*literals_of_source(spec), *literals_of_endpoint(spec.endpoints[0]))
    return [".".join(map(str, place)) for place in places]


@pytest.mark.parametrize(("place", "of_source", "of_endpoint"), SECRETS)
def test_what_looks_like_a_secret_is_found(place: str, of_source: dict[str, Any], of_endpoint: dict[str, Any]) -> None:
    assert found(of_source, of_endpoint) == [place]


@pytest.mark.parametrize(("of_source", "of_endpoint"), PLAIN)
def test_what_is_none_is_not(of_source: dict[str, Any], of_endpoint: dict[str, Any]) -> None:
    assert found(of_source, of_endpoint) == []


@pytest.mark.parametrize("command", ["check", "run"])
def test_check_and_run_warn_of_it_and_mask_it(tmp_path: Path, command: str) -> None:
    with LoopbackServer(lambda call: Reply([{"id": 1, "echo": call.target}])) as api:
        file = tmp_path / "defs.yaml"
        file.write_text(
            f"type: rest_source.RestSource\nattributes:\n  name: shop\n  base_url: {api.url}\n"
            f"  endpoints: [{{name: a, path: /a, params: {{token: {RANDOM}}}}}, {{name: b, path: /b}}]\n"
        )
        given = [command, str(file), "--json"]
        given += ["--destination", f"duckdb:///{tmp_path}/x.duckdb"] if command == "run" else []
        result = CliRunner().invoke(main, given, env={"REST_SOURCE_STATE": str(tmp_path / "state")})
    assert result.exit_code == 0, result.output
    first, second = json.loads(result.stdout)["endpoints"]
    assert ["`params.token` holds what looks like a key" in warning for warning in first["warnings"]] == [True]
    assert second["warnings"] == []
    assert RANDOM not in result.output


def test_it_is_masked_where_the_api_repeats_it() -> None:
    with (
        LoopbackServer(lambda call: Reply({"message": call.target}, 400)) as api,
        opened(api.url, {"params": {"api_key": RANDOM}}) as stream,
        pytest.raises(RestSourceError) as caught,
    ):
        list(stream)
    assert RANDOM not in str(caught.value) and "***" in str(caught.value)
