"""`auth` on an endpoint, instead of the source's, and in the request of a login."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.extract.stream import PageStream
from rest_source.http.session import ApiSession
from rest_source.spec.environment import Environment
from rest_source_tests.test_session import FakeClock
from rest_source_tests.test_spec import errors, source

VARIABLES = {"A": "t0ken-of-a", "B": "t0ken-of-b", "USER": "ada", "PASSWORD": "pa55/word+"}
BEARER = {"type": "bearer", "token": {"env": "A"}}
OTHER = {"type": "bearer", "token": {"env": "B"}}


@contextmanager
def streams(url: str, *endpoints: Any, **keys: Any) -> Iterator[list[PageStream]]:
    """A stream of each endpoint, of one session."""
    spec, environment = (
        source(*endpoints, **{"base_url": url, "limits": {"retries": 0}, **keys}),
        Environment(VARIABLES),
    )
    with ApiSession(spec, environment, FakeClock()) as session:
        yield [PageStream(spec, endpoint, session, environment) for endpoint in spec.endpoints]


def test_an_endpoint_signs_in_by_its_own_auth() -> None:
    endpoints = [{"path": "/a"}, {"path": "/b", "auth": OTHER}, {"path": "/c", "auth": {"type": "none"}}]
    with LoopbackServer(lambda call: Reply([])) as api, streams(api.url, *endpoints, auth=BEARER) as opened:
        for stream in (*opened, *opened):
            list(stream)
    sent = [(call.path, call.headers["Authorization"]) for call in api.calls]
    assert sent == [("/a", "Bearer t0ken-of-a"), ("/b", "Bearer t0ken-of-b"), ("/c", None)] * 2


def test_endpoint_defaults_may_hold_it() -> None:
    endpoints = [{"path": "/a"}, {"path": "/b", "auth": {"type": "none"}}, {"path": "/c", "auth": {"token": "{env.A}"}}]
    defaults = {"auth": OTHER}
    with (
        LoopbackServer(lambda call: Reply([])) as api,
        streams(api.url, *endpoints, endpoint_defaults=defaults) as opened,
    ):
        for stream in opened:
            list(stream)
    assert [call.headers["Authorization"] for call in api.calls] == ["Bearer t0ken-of-b", None, "Bearer t0ken-of-a"]


def login(name: str) -> dict[str, Any]:
    return {"type": "login", "request": {"path": f"/login/{name}"}}


def test_the_same_auth_signs_in_once_and_another_has_cookies_of_its_own() -> None:
    def answer(call: Call) -> Reply:
        name = call.path.removeprefix("/login/")
        return Reply([], headers={"Set-Cookie": f"{name}=1; Path=/"} if name in ("x", "y") else {})

    endpoints = [{"path": f"/{name}", "auth": login(name[0])} for name in ("x1", "y1", "x2")]
    with LoopbackServer(answer) as api, streams(api.url, *endpoints) as opened:
        for stream in opened:
            list(stream)
    assert [call.path for call in api.calls] == ["/login/x", "/x1", "/login/y", "/y1", "/x2"]
    assert [call.headers["Cookie"] for call in api.calls] == [None, "x=1", None, "y=1", "x=1"]


def test_rate_and_masks_are_shared() -> None:
    def answer(call: Call) -> Reply:
        return Reply({"message": "t0ken-of-a t0ken-of-b"}, 403)

    endpoints = [{"path": "/a"}, {"path": "/b", "auth": OTHER}]
    limits = {"rate": "1/s", "retries": 0}
    with LoopbackServer(answer) as api, streams(api.url, *endpoints, auth=BEARER, limits=limits) as opened:
        told = []
        for stream in opened:
            with pytest.raises(RestSourceError) as caught:
                list(stream)
            told.append(caught.value.message)
    assert ["{env.A} {env.B}" in text for text in told] == [True, True]
    assert sum(stream.tally.wait_seconds for stream in opened) == pytest.approx(1, abs=0.01)


def test_the_hosts_of_its_token_get_credentials_too() -> None:
    with LoopbackServer(lambda call: Reply({"access_token": "abc-token"})) as issuer:
        url = issuer.url.replace("127.0.0.1", "localhost")
        auth = {"type": "oauth2", "token_url": f"{url}/token", "client_id": "me"}
        with LoopbackServer(lambda call: Reply([])) as api, streams(api.url, {"auth": auth}) as [stream]:
            list(stream)
    assert api.calls[0].headers["Authorization"] == "Bearer abc-token"


def test_a_variable_that_one_endpoint_lacks_is_no_matter_to_the_others(tmp_path: Path) -> None:
    endpoints: list[Any] = [{"path": "/a"}, {"path": "/b", "auth": {"type": "bearer", "token": {"env": "ABSENT"}}}]
    with LoopbackServer(lambda call: Reply([])) as api:
        spec, environment = source(*endpoints, base_url=api.url, auth=BEARER), Environment(VARIABLES)
        with ApiSession(spec, environment, FakeClock(), state=tmp_path) as session:
            list(PageStream(spec, spec.endpoints[0], session, environment))
            with pytest.raises(RestSourceError, match="ABSENT is not set"):
                PageStream(spec, spec.endpoints[1], session, environment)
    assert [call.path for call in api.calls] == ["/a"]


def test_a_mistake_in_it_is_told_where_it_stands() -> None:
    [(place, message)] = errors({"auth": {"type": "bearer", "tokn": "x"}})
    assert (place, "Did you mean `token`?" in message) == ("endpoints.0.auth.tokn", True)


# In the request of a login

LOGIN: dict[str, Any] = {"path": "/login", "method": "POST"}
BASIC = {"type": "basic", "username": {"env": "USER"}, "password": {"env": "PASSWORD"}}


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        (BASIC, "Authorization", "Basic YWRhOnBhNTUvd29yZCs="),
        (BEARER, "Authorization", "Bearer t0ken-of-a"),
        ({"type": "api_key", "name": "X-Key", "value": {"env": "B"}}, "X-Key", "t0ken-of-b"),
    ],
)
def test_a_login_may_sign_in_itself(auth: dict[str, Any], header: str, value: str) -> None:
    given = {"type": "login", "request": {**LOGIN, "auth": auth}, "token": "$.t"}
    with (
        LoopbackServer(lambda call: Reply({"t": "s3ssion-1"} if call.path == "/login" else [])) as api,
        streams(api.url, {}, auth=given) as [stream],
    ):
        list(stream)
    assert api.calls[0].headers[header] == value
    assert api.calls[1].headers["Authorization"] == "Bearer s3ssion-1"


def test_what_it_signs_in_with_is_masked() -> None:
    given = {"type": "login", "request": {**LOGIN, "auth": BASIC}, "token": "$.t"}
    with (
        LoopbackServer(lambda call: Reply({"message": call.headers["Authorization"]}, 403)) as api,
        streams(api.url, {}, auth=given) as [stream],
        pytest.raises(RestSourceError) as caught,
    ):
        list(stream)
    assert (caught.value.id, "Basic ***" in caught.value.message) == ("login_refused", True)


@pytest.mark.parametrize(
    ("auth", "place", "told"),
    [
        ({"type": "oauth2", "token_url": "http://h"}, "type", "Valid: basic, bearer, api_key"),
        ({"type": "basic"}, "username", "the key `username` is required"),
        ("basic", "", "should be a mapping"),
    ],
)
def test_what_a_login_cannot_sign_in_with(auth: Any, place: str, told: str) -> None:
    [(found, message)] = errors(auth={"type": "login", "request": {**LOGIN, "auth": auth}})
    assert (found, told in message) == (f"auth.request.auth.{place}".rstrip("."), True), message
