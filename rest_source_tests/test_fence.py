"""Credentials reach the API and nobody else."""

import socket
from typing import Any

import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.http.fence import fence, strip
from rest_source.http.request import Request, Tally
from rest_source.http.session import ApiSession
from rest_source.spec.environment import Environment
from rest_source.spec.source import SourceSpec

VARIABLES = {"TOKEN": "t0ken-abc", "HOST": "env.example", "URL": "https://url.example"}


def source(base_url: str, *paths: str, **keys: Any) -> SourceSpec:
    endpoints = [{"name": f"e{number}", "path": path} for number, path in enumerate(paths or ("/x",))]
    return SourceSpec.model_validate({"name": "s", "base_url": base_url, "endpoints": endpoints, **keys})


@pytest.mark.parametrize(
    ("url", "admitted"),
    [
        ("https://api.example/v1/x?y=1", True),
        ("https://API.example:443/", True),
        ("https://api.example:8443/", False),
        ("http://api.example/", False),
        ("https://api.example.evil.example/", False),
        ("https://api.example@evil.example/", False),
        ("https://evil.example/https://api.example/", False),
        ("https://evil.example\\@api.example/", False),
        ("https://evil.example#@api.example/", False),
        ("https://sub.api.example/", False),
        ("//api.example/", False),
        ("https://[::1", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_the_base_url_admits_its_origin_only(url: str, admitted: bool) -> None:
    assert fence(source("https://api.example/v1"), Environment({}), 0).admits(url) is admitted


@pytest.mark.parametrize(
    ("url", "admitted"),
    [
        ("https://files.example/", True),
        ("https://FILES.example:8443/", True),
        ("http://files.example/", False),
        ("https://ported.example:9000/", True),
        ("https://ported.example/", False),
        ("https://written.example/any", True),
        ("http://written.example/any", False),
        ("http://plain.example:81/", True),
        ("https://plain.example:81/", True),
        ("https://plain.example/", False),
        ("https://default.example/", True),
        ("https://env.example/", True),
        ("https://url.example/", True),
        ("https://bare.example/", True),
        ("https://fallback.example/", True),
        ("https://named.example/", True),
        ("https://spare.example/", True),
        ("https://env.example.example/", True),
        ("https://1970.example/", False),
        ("https://relative/", False),
    ],
)
def test_hosts_written_in_the_file_are_admitted(url: str, admitted: bool) -> None:
    paths = (
        "https://written.example/a?b",
        "http://plain.example:81/a",
        "http://default.example/a",
        "https://{env.HOST}/{now:%Y}",
        "{env.URL}/a",
        "https://{env.ABSENT}/a",
        "https://bare.example",
        "relative/path?u=https://query.example/",
        "{env.ABSENT|https://fallback.example/x}/a",
        "https://{env.ABSENT|named.example}/{now:%Y}",
        "https://{now:%Y}.example/",
    )
    hosts = [
        "files.example",
        "ported.example:9000",
        "{env.HOST}.example",
        {"env": "ABSENT", "default": "spare.example"},
    ]
    spec = source("https://api.example", *paths, allowed_hosts=hosts)
    assert fence(spec, Environment(VARIABLES), 0).admits(url) is admitted


def test_a_url_in_a_relative_path_is_not_a_written_host() -> None:
    spec = source("https://api.example", "/redirect?u=https://query.example/")
    assert not fence(spec, Environment({}), 0).admits("https://query.example/")


@pytest.mark.parametrize(
    ("base_url", "hosts"), [("{env.TOKEN}", []), ("https://", []), ("http://h", ["[::1"]), ("http://h", ["a b:x"])]
)
def test_what_is_no_host_is_an_error(base_url: str, hosts: list[str]) -> None:
    with pytest.raises(RestSourceError) as caught:
        fence(source(base_url, allowed_hosts=hosts), Environment(VARIABLES), 0)
    assert caught.value.id == "invalid_url"


def test_strangers_get_no_header_and_no_parameter_with_a_secret() -> None:
    request = Request(
        "GET",
        "https://evil.example/a?x=%20keep&t=my%20secret&flag",
        params=(("p", "secret"), ("q", "1")),
        headers=(("X-Key", "a secret"), ("authorization", "literal"), ("Cookie", "a=b"), ("Accept", "text/csv")),
    )
    stripped = strip(request, lambda text: "secret" in text)
    assert stripped == Request("GET", "https://evil.example/a?x=%20keep&flag&q=1", headers=(("Accept", "text/csv"),))


def test_strangers_get_no_body_with_a_secret() -> None:
    with pytest.raises(RestSourceError, match="body holds a secret") as caught:
        strip(Request("POST", "https://evil.example/", body=b'{"key": "secret"}'), lambda text: "secret" in text)
    assert "evil.example" in caught.value.remedy


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1%2", "64:ff9b::a9fe:a9fe", "::ffff:169.254.0.1"])
def test_a_name_of_a_link_local_address_is_not_asked(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a name leads to is the resolver's word, so that is what is stood in for."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **keys: found)
    monkeypatch.setenv("NO_PROXY", "*")
    with (
        ApiSession(source("https://api.example"), Environment({})) as session,
        pytest.raises(RestSourceError) as caught,
    ):
        session.send(Request("GET", "http://metadata.evil.example:9/latest"), Tally())
    assert (caught.value.id, "metadata.evil.example" in caught.value.message) == ("link_local_address", True)


AUTHS: list[dict[str, Any]] = [
    {"type": "basic", "username": "me", "password": {"env": "TOKEN"}},
    {"type": "bearer", "token": {"env": "TOKEN"}},
    {"type": "bearer", "token": "t0ken-abc"},
    {"type": "api_key", "in": "header", "name": "X-Key", "value": {"env": "TOKEN"}},
    {"type": "api_key", "in": "query", "name": "key", "value": {"env": "TOKEN"}},
    {"type": "api_key", "in": "cookie", "name": "sid", "value": {"env": "TOKEN"}},
]


def _sent(call: Call) -> str:
    return f"{call.target} {call.headers.items()}"


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("by", ["redirect", "next_url"])
def test_credentials_do_not_follow_to_another_origin_and_return_with_it(auth: dict[str, Any], by: str) -> None:
    own_headers = (("X-Own", "Key t0ken-abc"), ("X-Plain", "yes"))
    with LoopbackServer(lambda call: Reply(status=302, headers={"Location": f"{api.url}/home"})) as other:
        away = Reply({}, 302 if by == "redirect" else 200, {"Location": f"{other.url}/away", "Set-Cookie": "jar=1"})
        with (
            LoopbackServer(lambda call: away if call.path == "/start" else Reply({})) as api,
            ApiSession(source(api.url, auth=auth), Environment(VARIABLES)) as session,
        ):
            session.send(Request("GET", f"{api.url}/start", headers=own_headers), Tally())
            if by == "next_url":
                session.send(Request("GET", f"{other.url}/away", headers=own_headers), Tally())
    stranger = _sent(other.calls[0])
    assert "X-Plain" in stranger
    for secret in ("Authorization", "X-Key", "key=", "Cookie", "t0ken"):
        assert secret not in stranger
    assert "X-Own" not in stranger or auth.get("token") == "t0ken-abc"
    credential = [part for part in ("t0ken-abc", "bWU6dDBrZW4tYWJj") if part in _sent(api.calls[-1])]
    assert credential and api.calls[-1].path == "/home"


def test_an_allowed_host_gets_credentials_at_any_port() -> None:
    auth = {"type": "bearer", "token": {"env": "TOKEN"}}
    with LoopbackServer(lambda call: Reply({})) as other:
        spec = source("http://localhost:1", auth=auth, allowed_hosts=["127.0.0.1"])
        with ApiSession(spec, Environment(VARIABLES)) as session:
            session.send(Request("GET", other.url), Tally())
    assert other.calls[0].headers["Authorization"] == "Bearer t0ken-abc"


def test_a_refusal_outside_the_fence_names_the_remedy() -> None:
    with (
        LoopbackServer(lambda call: Reply({}, 401)) as other,
        ApiSession(source("http://localhost:1"), Environment({})) as session,
        pytest.raises(RestSourceError) as caught,
    ):
        session.send(Request("GET", other.url), Tally())
    assert "allowed_hosts: [127.0.0.1]" in caught.value.remedy


def test_strangers_get_no_parameter_that_is_itself_a_secret() -> None:
    request = Request("GET", "https://evil.example/a?secret&b=%2573ecret&x=1")
    assert strip(request, lambda text: text in ("secret", "%73ecret")).full_url == "https://evil.example/a?x=1"


@pytest.mark.parametrize(
    "auth",
    [
        {"type": "oauth2", "token_url": "https://auth.example/token", "client_id": "me"},
        {"type": "login", "request": {"path": "https://auth.example/login"}, "token": "$.t"},
    ],
)
def test_where_a_sign_in_goes_is_a_written_host(auth: dict[str, Any]) -> None:
    admits = fence(source("https://api.example", auth=auth), Environment({}), 0).admits
    assert admits("https://auth.example/x") and not admits("https://other.example/")


TOKENS: list[dict[str, Any]] = [
    {"type": "oauth2", "token_url": "{url}/token", "client_id": "me", "client_secret": {"env": "TOKEN"}},
    {"type": "login", "request": {"path": "/token"}, "token": "$.access_token", "send": {"name": "X-Session"}},
    {"type": "login", "request": {"path": "/token"}, "token": "$.access_token", "send": {"in": "query", "name": "s"}},
    {"type": "login", "request": {"path": "/token"}},
]


@pytest.mark.parametrize("auth", TOKENS)
@pytest.mark.parametrize("by", ["redirect", "next_url"])
def test_a_token_that_was_handed_out_does_not_follow_either(auth: dict[str, Any], by: str) -> None:
    with LoopbackServer(lambda call: Reply({})) as other:
        away = f"{other.url}/away?keep=1&copied=acc3ss-t0ken"

        def handler(call: Call) -> Reply:
            if call.path == "/token":
                return Reply({"access_token": "acc3ss-t0ken"}, headers={"Set-Cookie": "sid=acc3ss-t0ken; Path=/"})
            return Reply({}, 302 if by == "redirect" else 200, {"Location": away})

        with LoopbackServer(handler) as api:
            given = {**auth, "token_url": f"{api.url}/token"} if "token_url" in auth else auth
            with ApiSession(source(api.url, auth=given), Environment(VARIABLES)) as session:
                session.send(Request("GET", f"{api.url}/start"), Tally())
                if by == "next_url":
                    session.send(Request("GET", away), Tally())
    assert "acc3ss-t0ken" in _sent(api.calls[1])
    assert other.calls[0].query.get("keep") == ["1"]
    # A cookie is no token: what the API itself puts into its address is its own affair then.
    assert "acc3ss-t0ken" not in _sent(other.calls[0]) or ("token" not in auth and "token_url" not in auth)
    assert "Cookie" not in other.calls[0].headers
