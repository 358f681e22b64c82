"""Logins: any request, a token from anywhere in its answer, and steps that feed each other."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.http.auth.login_answer import sets_cookie
from rest_source.http.request import Answer, Request, Tally
from rest_source.http.session import ApiSession
from rest_source.spec.environment import Environment
from rest_source_tests.test_session import FakeClock, replies, source

VARIABLES = {"USER": "ada", "SECRET": "pa55/word+", "KEY": "k3y-abc"}
BODY = {"user": {"env": "USER"}, "password": {"env": "SECRET"}}


@contextmanager
def api_with(handler: Callable[[Call], Reply], auth: Any, clock: FakeClock | None = None) -> Iterator[Any]:
    """A server, and a session that signs in there: call it for one request, and look into its `calls`."""
    with LoopbackServer(handler) as api:
        spec = source(f"{api.url}/v1", auth=auth, headers={"X-Own": "of the source"})
        with ApiSession(spec, Environment(VARIABLES), clock or FakeClock()) as session:

            def get(path: str = "/x") -> Answer:
                return session.send(Request("GET", f"{api.url}{path}"), Tally())

            get.calls = api.calls  # type: ignore[attr-defined]
            get.mask = session.mask  # type: ignore[attr-defined]
            yield get


@pytest.mark.parametrize(
    ("request_", "method", "target", "body"),
    [
        ({"path": "/login", "body": BODY}, "POST", "/v1/login", b'{"user": "ada", "password": "pa55/word+"}'),
        ({"path": "login?a=1", "form": BODY}, "POST", "/v1/login?a=1", b"user=ada&password=pa55%2Fword%2B"),
        ({"path": "/t/{env.SECRET}", "method": "put", "params": {"k": {"env": "KEY"}, "n": None}}, "PUT",
         "/v1/t/pa55%2Fword%2B?k=k3y-abc", b""),
        ({"path": "/t", "params": {"at": "{now:epoch}"}}, "GET", "/v1/t?at=1700000000", b""),
        ({"path": "/t", "method": "get", "body": {"k": 1}}, "GET", "/v1/t", b'{"k": 1}'),
    ],
)  # fmt: skip
def test_a_login_is_any_request(request_: dict[str, Any], method: str, target: str, body: bytes) -> None:
    auth = {"type": "login", "request": {"headers": {"X-App": "a {env.KEY}"}, **request_}, "token": "$.data.token"}
    with api_with(lambda call: Reply({"data": {"token": "t0ken-1"}}), auth) as get:
        get()
    login, data = get.calls
    assert (login.method, login.target, login.body) == (method, target, body)
    assert (login.headers["X-App"], login.headers["X-Own"], login.headers["Authorization"]) == ("a k3y-abc", None, None)
    assert data.headers["Authorization"] == "Bearer t0ken-1"


@pytest.mark.parametrize(
    ("token", "reply"),
    [
        ("$.token", Reply({"token": "t0ken-1"})),
        ("$.sessions[0].id", Reply({"sessions": [{"id": "t0ken-1"}]})),
        ({"header": "x-session"}, Reply("", 204, {"X-Session": "t0ken-1"})),
        ({"header": "X-Session"}, Reply("", 302, {"X-Session": "t0ken-1", "Location": "/home"})),
        ("$", Reply('"t0ken-1"')),
    ],
)
def test_the_token_is_found_anywhere(token: Any, reply: Reply) -> None:
    auth = {"type": "login", "request": {"path": "/login"}, "token": token}
    with api_with(lambda call: reply if call.path == "/v1/login" else Reply({}), auth) as get:
        get()
    assert [call.path for call in get.calls] == ["/v1/login", "/x"]
    assert get.calls[1].headers["Authorization"] == "Bearer t0ken-1"


def test_a_number_is_a_token_too() -> None:
    auth = {"type": "login", "request": {"path": "/login"}, "token": "$.id", "send": {"in": "query", "name": "sid"}}
    with api_with(lambda call: Reply({"id": 1234567}), auth) as get:
        get()
    assert get.calls[1].query == {"sid": ["1234567"]}


def test_a_login_without_a_token_lives_on_its_cookie() -> None:
    signed_in: set[str] = set()

    def handler(call: Call) -> Reply:
        if call.path == "/v1/login":
            cookie = f"sid=c00kie-{len(signed_in)}"
            signed_in.add(cookie)
            return Reply("", 302, {"Set-Cookie": f"{cookie}; Path=/", "Location": "/home"})
        return Reply({}, 200 if call.headers["Cookie"] in signed_in else 401)

    with api_with(handler, {"type": "login", "request": {"path": "/login", "form": BODY}}) as get:
        get()
        signed_in.clear()
        signed_in.add("another")
        get()
    assert [call.headers["Cookie"] for call in get.calls if call.path == "/x"][::2] == ["sid=c00kie-0", "sid=c00kie-1"]


STEPS = [
    {"name": "app", "request": {"path": "/app", "body": {"key": {"env": "KEY"}}}, "token": "$.ticket",
     "send": {"name": "X-App", "format": "{token}"}},
    {"name": "user", "request": {"path": "/sessions/{login.app}", "headers": {"X-Ticket": "{login.app}"}, "form": BODY},
     "token": {"header": "X-Session"}, "expires_in": "10m"},
    {"request": {"path": "/token", "body": {"session": "{login.user}", "app": "{login.app}"}}, "token": "$.jwt",
     "expires_in": "$.ttl"},
]  # fmt: skip


def chained(call: Call) -> Reply:
    if call.path == "/v1/app":
        return Reply({"ticket": "t1cket/abc"})
    if call.path == "/v1/sessions/t1cket/abc":
        return Reply("", headers={"X-Session": "s3ssion-abc"})
    if call.path == "/v1/token":
        return Reply({"jwt": "jwt-abcdef", "ttl": 3600})
    return Reply({})


@pytest.mark.parametrize("as_list", [True, False])
def test_each_step_is_fed_by_the_ones_before(as_list: bool) -> None:
    clock = FakeClock()
    auth = [{"type": "login", **step} for step in STEPS] if as_list else {"type": "login", "steps": STEPS}
    with api_with(chained, auth, clock) as get:
        get()
        clock.time += 530
        get()
        clock.time += 20
        get()  # the session's ten minutes are over, but for the margin
    calls = get.calls
    assert [call.path for call in calls[:4]] == ["/v1/app", "/v1/sessions/t1cket/abc", "/v1/token", "/x"]
    assert calls[1].target == "/v1/sessions/t1cket%2Fabc"
    assert calls[1].headers["X-Ticket"] == "t1cket/abc"
    assert calls[2].json == {"session": "s3ssion-abc", "app": "t1cket/abc"}
    assert (calls[3].headers["Authorization"], calls[3].headers["X-App"]) == ("Bearer jwt-abcdef", "t1cket/abc")
    assert len(calls) == 4 + 1 + 4


def test_a_401_signs_in_again() -> None:
    tokens = iter(range(1, 9))

    def handler(call: Call) -> Reply:
        if call.path == "/v1/login":
            return Reply({"token": f"t0ken-{next(tokens)}"})
        return Reply({}, 200 if call.headers["Authorization"] == "Bearer t0ken-2" else 401)

    with api_with(handler, {"type": "login", "request": {"path": "/login", "body": BODY}, "token": "$.token"}) as get:
        get()
    assert [call.path for call in get.calls] == ["/v1/login", "/x", "/v1/login", "/x"]


def test_a_login_that_fails_for_a_while_is_tried_again() -> None:
    handler = replies(Reply({}, 500), Reply({"token": "t0ken-1"}), Reply({}))
    with api_with(handler, {"type": "login", "request": {"path": "/login", "body": BODY}, "token": "$.token"}) as get:
        get()
    assert [call.path for call in get.calls] == ["/v1/login", "/v1/login", "/x"]


@pytest.mark.parametrize(
    ("reply", "id", "told"),
    [
        (Reply({"message": "no pa55/word+ for you"}, 401), "login_refused", "no {env.SECRET} for you"),
        (Reply({"message": "locked"}, 200), "login_token_missing", "the keys message"),
        (Reply("<html>", 200), "login_token_missing", "no JSON"),
        (Reply([1], 200), "login_token_missing", "a list"),
        (Reply({"token": None}, 200), "login_token_missing", "`$.token`"),
        (Reply({"token": {"a": "hidden-value"}}, 200), "login_token_missing", "`$.token`"),
        (Reply({"token": ""}, 200), "login_token_missing", "`$.token`"),
        (Reply({"token": "a\r\nb"}, 200), "invalid_header", "line break"),
    ],
)
def test_a_login_that_fails_is_explained_and_not_repeated(reply: Reply, id: str, told: str) -> None:
    auth = {"type": "login", "request": {"path": "/login", "body": BODY}, "token": "$.token"}
    with api_with(lambda call: reply, auth) as get:
        for _ in range(2):
            with pytest.raises(RestSourceError) as caught:
                get()
    assert (caught.value.id, caught.value.status) == (id, None)
    assert told in caught.value.message
    assert "hidden-value" not in str(caught.value)
    assert caught.value.where.startswith("sign-in, POST http")
    assert len(get.calls) == 1


def test_a_step_that_fails_does_not_show_the_token_before_it() -> None:
    def handler(call: Call) -> Reply:
        if call.path == "/v1/app":
            return chained(call)
        return Reply({"message": f"unknown: {call.headers['X-Ticket']} {json.dumps('t1cket/abc')}"}, 403)

    with api_with(handler, {"type": "login", "steps": STEPS}) as get, pytest.raises(RestSourceError) as caught:
        get()
    assert "unknown: *** " in caught.value.message
    assert "t1cket" not in f"{caught.value} {caught.value.to_dict()}"
    assert get.mask("t1cket/abc t1cket%2Fabc") == "*** ***"


@pytest.mark.parametrize(
    ("status", "token", "ok"),
    [(409, "t0ken-1", [409]), (400, "t0ken-1", [409, 400]), (200, "t0ken-1", [409]), (409, None, [])],
)
def test_a_status_may_be_taken_for_success(status: int, token: str | None, ok: list[int]) -> None:
    request = {"path": "/login", "body": BODY, "ok_statuses": ok}
    auth = {"type": "login", "request": request, "token": "$.token"}
    reply = Reply({"message": "session exists", "token": "t0ken-1"}, status)
    with api_with(lambda call: reply if call.path == "/v1/login" else Reply({}), auth) as get:
        if token:
            get()
            assert get.calls[1].headers["Authorization"] == "Bearer t0ken-1"
        else:
            with pytest.raises(RestSourceError, match="session exists") as caught:
                get()
            assert (caught.value.id, "`ok_statuses`" in caught.value.remedy) == ("login_refused", True)


COOKIELESS = [
    Reply({"status": "error", "message": "wrong password pa55/word+"}, 200),
    Reply({"message": "wrong password pa55/word+"}, 200, {"Set-Cookie": "sid=; Max-Age=0; Path=/"}),
    Reply({"message": "wrong password"}, 200, {"Set-Cookie": "sid=gone; Expires=Thu, 01 Jan 1970 00:00:00 GMT"}),
    Reply("<html><title>wrong password</title></html>", 200),
    Reply("", 302, {"Location": "/login?error=wrong%20password"}),
]


@pytest.mark.parametrize("reply", COOKIELESS)
def test_a_login_that_brings_neither_token_nor_cookie_is_a_refusal(reply: Reply) -> None:
    with (
        api_with(lambda call: reply, {"type": "login", "request": {"path": "/login", "form": BODY}}) as get,
        pytest.raises(RestSourceError) as caught,
    ):
        get()
    assert (caught.value.id, len(get.calls)) == ("login_refused", 1)
    assert "sets no cookie" in caught.value.message
    if reply.status == 200:
        assert "wrong password" in caught.value.message
    assert "pa55" not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "sets"),
    [
        ("a=; Max-Age=0, sid=abc; Path=/; Expires=Wed, 09 Jun 2038 10:18:14 GMT", True),
        ("a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT, b=; Path=/", False),
        ('sid=""; Path=/', False),
        ("sid=abc", True),
        ("", False),
    ],
)
def test_a_cookie_that_ends_is_none(header: str, sets: bool) -> None:
    assert sets_cookie(Answer(200, "http://h", {"Set-Cookie": header}, b"")) is sets


def test_a_cookie_may_come_with_any_step_and_only_once() -> None:
    steps = [{"request": {"path": "/form"}}, {"request": {"path": "/login", "form": BODY}}]
    sent: list[str | None] = []

    def handler(call: Call) -> Reply:
        if call.path == "/v1/form":
            return Reply("", 200, {} if call.headers["Cookie"] else {"Set-Cookie": "sid=abc; Path=/"})
        sent.append(call.headers["Cookie"])
        return Reply({}, 401 if call.path == "/x" and len(sent) == 2 else 200)

    with api_with(handler, steps) as get:
        get()
    assert [call.path for call in get.calls] == ["/v1/form", "/v1/login", "/x", "/v1/form", "/v1/login", "/x"]
    assert set(sent) == {"sid=abc"}


def test_a_token_of_a_step_is_enough() -> None:
    steps = [
        {"request": {"path": "/app"}, "token": "$.ticket", "send": {"name": "X-App"}},
        {"request": {"path": "/in"}},
    ]
    with api_with(chained, steps) as get:
        get()
    assert get.calls[2].headers["X-App"] == "Bearer t1cket/abc"


@pytest.mark.parametrize(
    ("token", "reply", "told"),
    [
        ("$.token", Reply({"data": {"access": "hidden-value"}, "user": "ada"}), "it may be $.data.access"),
        ("$.token", Reply({"ok": True}, 200, {"X-Auth-Token": "hidden-value"}), "it may be {header: X-Auth-Token}"),
        ({"header": "X-Token"}, Reply({"sessions": [{"id": "hidden-value"}]}), "it may be $.sessions[0].id"),
        ("$.token", Reply({"message": "locked"}), 'The API says "locked".'),
        ("$.token", Reply("hidden-value"), "a JSONPath such as $.data.token, or {header: NAME}"),
    ],
)
def test_a_token_that_is_elsewhere_is_pointed_at(token: Any, reply: Reply, told: str) -> None:
    auth = {"type": "login", "request": {"path": "/login"}, "token": token}
    with api_with(lambda call: reply, auth) as get, pytest.raises(RestSourceError) as caught:
        get()
    assert caught.value.id == "login_token_missing"
    assert told in f"{caught.value.message} {caught.value.remedy}"
    assert "hidden-value" not in str(caught.value)


def test_a_number_beyond_64_bits_is_a_token_digit_for_digit() -> None:
    auth = {"type": "login", "request": {"path": "/login"}, "token": "$.id"}
    with api_with(lambda call: Reply('{"id": 1234567890123456789012}'), auth) as get:
        get()
    assert get.calls[1].headers["Authorization"] == "Bearer 1234567890123456789012"
