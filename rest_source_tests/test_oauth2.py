"""OAuth 2.0 against a real server: tokens are asked for, expire, rotate, are revoked, and every record arrives once."""

import json
import os
import stat
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.extract.stream import PageStream
from rest_source.http.auth.credentials import Credentials
from rest_source.http.auth.grant import Grant, end_of
from rest_source.http.request import Request, Tally
from rest_source.http.session import ApiSession
from rest_source.spec.environment import Environment
from rest_source.spec.source import SourceSpec
from rest_source_tests.fakes.desk import INSTANT, PATIENCE
from rest_source_tests.fakes.oauth import CLIENT_ID, PASSWORD, USERNAME, VARIABLES, OAuth, auth, oauth
from rest_source_tests.fakes.reading import lines
from rest_source_tests.test_session import FakeClock

PASSWORD_KEYS = {"username": USERNAME, "password": {"env": "PASSWORD"}}


def source(server: OAuth, auth: dict[str, Any], **keys: Any) -> SourceSpec:
    endpoint = {"name": "records", "path": "/api", "pagination": {"type": "page_number"}, "primary_key": "id"}
    return SourceSpec.model_validate(
        {"name": "shop", "base_url": server.url, "auth": auth, "endpoints": [endpoint], **keys}
    )


@contextmanager
def session(
    server: OAuth, auth: dict[str, Any], state: Path | None = None, clock: FakeClock | None = None, **keys: Any
) -> Iterator[ApiSession]:
    spec = source(server, auth, **keys)
    with ApiSession(spec, Environment(VARIABLES), clock or FakeClock(), state=state) as opened:
        yield opened


def get(session: ApiSession, server: OAuth, page: int = 1) -> list[dict[str, int]]:
    found: list[dict[str, int]] = json.loads(
        session.send(Request("GET", f"{server.url}/api?page={page}"), Tally()).body
    )
    return found


def read_all(server: OAuth, auth: dict[str, Any], state: Path | None = None, **keys: Any) -> Counter[int]:
    """How often each record arrives."""
    spec, environment = source(server, auth, **keys), Environment(VARIABLES)
    with ApiSession(spec, environment, FakeClock(), state=state) as opened:
        stream = PageStream(spec, spec.endpoints[0], opened, environment)
        return Counter(record["id"] for page in stream for record in lines(page.records.data))


def everything(server: OAuth) -> Counter[int]:
    return Counter(range(10, (server.pages + 1) * 10))


GRANTS: list[tuple[str, dict[str, Any]]] = [
    ("client_credentials", {"scope": "records.read"}),
    ("password", PASSWORD_KEYS),
    ("refresh_token", {"refresh_token": {"env": "REFRESH"}}),
]


@pytest.mark.parametrize(("grant", "keys"), GRANTS)
@pytest.mark.parametrize("client_auth", ["basic", "body"])
def test_every_grant_opens_the_api(grant: str, keys: dict[str, Any], client_auth: str) -> None:
    method = {"basic": "client_secret_basic", "body": "client_secret_post"}[client_auth]
    with oauth(client_auth=method, first=VARIABLES["REFRESH"]) as server:
        assert read_all(server, auth(server, grant, client_auth=client_auth, **keys)) == everything(server)
    assert [asked["grant_type"] for asked in server.asked] == [grant]
    assert server.asked[0].get("scope") == keys.get("scope")


def test_a_public_client_has_no_secret() -> None:
    with oauth(client_auth="none") as server:
        assert read_all(server, auth(server, "password", **PASSWORD_KEYS)) == everything(server)


def test_any_other_grant_is_asked_for_with_its_own_fields() -> None:
    def handler(call: Call) -> Reply:
        return Reply({"access_token": "abc-token"} if call.path == "/token" else [])

    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    with LoopbackServer(handler) as api:
        server = OAuth(url=api.url)
        extra = {"assertion": "{env.PASSWORD}", "audience": "https://api", "account_id": 7, "offline": True}
        keys = {"extra": extra, "client_id": None}
        given = {**auth(server, grant), **keys}
        del given["client_secret"]
        with session(server, given) as opened:
            get(opened, server)
    sent = {"assertion": PASSWORD, "audience": "https://api", "account_id": "7", "offline": "true"}
    assert api.calls[0].form == {name: [value] for name, value in {"grant_type": grant, **sent}.items()}
    assert "Authorization" not in api.calls[0].headers


@pytest.mark.parametrize(
    ("send", "header", "query"),
    [
        ({"name": "X-Token", "format": "{token}"}, ("X-Token", "abc-token"), {}),
        ({"format": "Token token={token}"}, ("Authorization", "Token token=abc-token"), {}),
        ({"in": "query", "name": "access_token"}, ("Authorization", None), {"access_token": ["abc-token"]}),
        ({"in": "cookie", "name": "sid"}, ("Cookie", "sid=abc-token"), {}),
    ],
)
def test_the_token_is_sent_where_the_file_says(
    send: dict[str, str], header: tuple[str, str | None], query: dict[str, list[str]]
) -> None:
    with LoopbackServer(lambda call: Reply({"access_token": "abc-token"})) as api:
        server = OAuth(url=api.url)
        with session(server, auth(server, "client_credentials", send=send)) as opened:
            answer = opened.send(Request("GET", f"{api.url}/x"), Tally())
    assert api.calls[1].headers[header[0]] == header[1]
    assert api.calls[1].query == query
    assert answer.url == f"{api.url}/x"


def test_a_token_is_renewed_before_it_expires() -> None:
    clock = FakeClock()
    with oauth(expires_in=600) as server, session(server, auth(server, "client_credentials"), clock=clock) as opened:
        get(opened, server)
        clock.time += 500
        get(opened, server)
        assert len(server.asked) == 1
        clock.time += 50  # within the margin
        get(opened, server)
    assert len(server.asked) == 2
    assert [token.uses for token in server.tokens] == [2, 1]


@pytest.mark.parametrize(("lifetime", "fresh"), [(600, 539), (600, -59), (100, 89), (5, 4), (None, 10**9)])
def test_a_margin_fits_the_life_of_a_token(lifetime: int | None, fresh: float) -> None:
    grant = Grant(Credentials(), 1000.0, end_of(lifetime, 1000.0))
    assert grant.is_fresh(1000.0 + fresh)
    assert lifetime is None or not grant.is_fresh(1000.0 + fresh + (2 if fresh > 0 else -2))


@pytest.mark.parametrize(
    ("told", "end"),
    [
        (60, 160.0),
        ("60", 160.0),
        ("60.5", 160.5),
        (59.5, 159.5),
        (2_000_000_000, 2_000_000_000.0),
        ("2000000000", 2_000_000_000.0),
        (2_000_000_000_000, 2_000_000_000.0),
        ("1970-01-01T00:10:00Z", 600.0),
        ("1970-01-01T00:10:00.000+0000", 600.0),
        ("1970-01-01 00:10:00", 600.0),
        ("Thu, 01 Jan 1970 00:10:00 GMT", 600.0),
        ("1970-01-01T00:00:10Z", None),
        (0, None),
        (-1, None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        (True, None),
        (None, None),
        ({}, None),
    ],
)
def test_what_an_answer_says_of_a_lifetime(told: object, end: float | None) -> None:
    assert end_of(told, 100.0) == end


@pytest.mark.parametrize("rotate", [True, False])
@pytest.mark.parametrize(("grant", "keys"), GRANTS)
def test_a_long_run_outlives_its_tokens(grant: str, keys: dict[str, Any], rotate: bool, state: Path) -> None:
    with oauth(pages=50, uses=7, rotate=rotate, first=VARIABLES["REFRESH"]) as server:
        assert read_all(server, auth(server, grant, **keys), state, limits={"concurrency": 2}) == everything(server)
    assert len(server.asked) >= 7


def test_a_token_revoked_in_mid_run_is_replaced() -> None:
    with oauth() as server, session(server, auth(server, "client_credentials")) as opened:
        get(opened, server)
        server.revoke()
        tally = Tally()
        opened.send(Request("GET", f"{server.url}/api?page=2"), tally)
    assert (tally.requests, tally.retries, len(server.asked)) == (2, 1, 2)


def test_threads_that_meet_a_401_together_cause_one_refresh() -> None:
    with oauth(pages=99) as server:
        limits = {"concurrency": 16}
        with session(server, auth(server, "client_credentials"), limits=limits) as opened:
            get(opened, server)
            server.revoke()
            server.meet = Barrier(16)
            with ThreadPoolExecutor(16) as pool:
                answers = list(pool.map(lambda page: get(opened, server, page), range(1, 17)))
    assert [len(page) for page in answers] == [10] * 16
    assert len(server.asked) == 2


def test_one_slot_suffices_to_renew() -> None:
    with oauth(uses=1, pages=3) as server:
        given = auth(server, "client_credentials")
        assert read_all(server, given, limits={"concurrency": 1}) == everything(server)


def test_a_token_that_is_refused_at_once_fails_after_one_renewal() -> None:
    with (
        oauth(uses=0) as server,
        session(server, auth(server, "client_credentials")) as opened,
        pytest.raises(RestSourceError) as caught,
    ):
        get(opened, server)
    assert caught.value.id == "http_401"
    assert len(server.asked) == 2
    assert "fresh" in caught.value.cause and "scope" in caught.value.remedy
    assert "t0k3n" not in str(caught.value)


def test_the_api_of_another_host_neither_gets_a_token_nor_renews_one() -> None:
    with (
        oauth() as server,
        LoopbackServer(lambda call: Reply({}, 401)) as other,
        session(server, auth(server, "client_credentials")) as opened,
        pytest.raises(RestSourceError),
    ):
        opened.send(Request("GET", other.url), Tally())
    assert server.asked == [] and "Authorization" not in other.calls[0].headers


# What a token endpoint may answer

REFUSALS = [
    (Reply({"error": "invalid_client"}, 401), "client_auth: body"),
    (Reply({"error": "invalid_grant", "error_description": "expired"}, 400), "rest-source authorize"),
    (Reply({"error": "invalid_scope"}, 400), "`scope`"),
    (Reply({"ok": False, "error": "bad"}, 200), "token_url"),
    (Reply("<html>Sign in</html>", 200), "token_url"),
    (Reply({"token": "s3cret-token"}, 200), "token_url"),
    (Reply({"access_token": ["s3cret-token"]}, 200), "token_url"),
    (Reply("[]", 200), "token_url"),
    (Reply("", 302, {"Location": "/elsewhere"}), "token_url"),
    (Reply({"message": "no such page"}, 404), "token_url"),
]


@pytest.mark.parametrize(("reply", "remedy"), REFUSALS)
def test_a_refusal_is_explained_and_final(reply: Reply, remedy: str) -> None:
    with LoopbackServer(lambda call: reply) as api:
        server = OAuth(url=api.url)
        with session(server, auth(server, "client_credentials")) as opened:
            errors = []
            for _ in range(3):
                with pytest.raises(RestSourceError) as caught:
                    get(opened, server)
                errors.append(caught.value)
    error = errors[0]
    assert (error.id, error.status, error.retryable) == ("token_refused", None, False)
    assert remedy in error.remedy
    assert error.where.startswith("sign-in, POST http://127.0.0.1")
    assert "s3cret" not in str(error)
    assert len(api.calls) == 1, "a refusal is not asked for again: it may lock a user out"
    assert len({id(error) for error in errors}) == 3 and {str(error) for error in errors} == {str(error)}


def test_a_token_endpoint_that_fails_for_a_while_is_asked_again() -> None:
    replies = [Reply({}, 503, {"Retry-After": "7"}), Reply({}, 500), Reply({"access_token": "abc-token"}), Reply([])]
    clock = FakeClock()
    with LoopbackServer(lambda call: replies.pop(0)) as api:
        server = OAuth(url=api.url)
        with session(server, auth(server, "client_credentials"), clock=clock) as opened:
            get(opened, server)
    assert [call.path for call in api.calls] == ["/token", "/token", "/token", "/api"]
    assert clock.slept[0] == 7


def test_threads_share_the_failure_of_the_one_that_asked() -> None:
    begun, let_go = Barrier(9), Event()

    def handler(call: Call) -> Reply:
        let_go.wait(PATIENCE)
        return Reply({}, 503)

    def ask(opened: ApiSession, server: OAuth) -> object:
        begun.wait(PATIENCE)
        return get(opened, server)

    with LoopbackServer(handler) as api:
        server = OAuth(url=api.url)
        given, limits = auth(server, "client_credentials"), {"retries": 0, "concurrency": 8}
        with session(server, given, limits=limits) as opened, ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(ask, opened, server) for _ in range(8)]
            begun.wait(PATIENCE)
            let_go.wait(40 * INSTANT)  # until all of them stand at the same door
            let_go.set()
            errors = [future.exception() for future in waiting]
    assert {getattr(error, "id", None) for error in errors} == {"http_503"}
    assert len(set(map(id, errors))) == 8
    assert len(api.calls) == 1


def test_an_urlencoded_answer_is_read_too() -> None:
    replies = [Reply("access_token=abc-token&token_type=bearer"), Reply([])]
    with LoopbackServer(lambda call: replies.pop(0)) as api:
        server = OAuth(url=api.url)
        with session(server, auth(server, "client_credentials")) as opened:
            get(opened, server)
    assert api.calls[1].headers["Authorization"] == "Bearer abc-token"


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        ('{"access_token": 1234567890123456789012}', "1234567890123456789012"),
        ({"access_token": "abc-token", "expires_in": "3600"}, "abc-token"),
        ({"access_token": "abc-token", "expires_in": 3599.5, "token_type": "bearer"}, "abc-token"),
        ({"access_token": "abc-token", "expires_in": 0, "token_type": "BearerToken"}, "abc-token"),
        ({"access_token": "abc-token", "expires_on": "1700003600", "error": None}, "abc-token"),
        ("access_token=abc-token&expires_in=3600&refresh_token=&scope=repo%2Cuser&token_type=bearer", "abc-token"),
    ],
)
def test_tokens_come_in_many_forms(answer: Any, sent: str) -> None:
    with LoopbackServer(lambda call: Reply(answer if call.path == "/token" else [])) as api:
        server = OAuth(url=api.url)
        with session(server, auth(server, "client_credentials")) as opened:
            get(opened, server)
            get(opened, server)
    assert [call.headers["Authorization"] for call in api.calls[1:]] == [f"Bearer {sent}"] * 2


def test_a_token_ends_when_the_answer_says() -> None:
    clock = FakeClock()
    answer = {"access_token": "abc-token", "expires_at": "2023-11-14T23:13:20Z"}  # an hour after the clock begins
    with LoopbackServer(lambda call: Reply(answer if call.path == "/token" else [])) as api:
        server = OAuth(url=api.url)
        with session(server, auth(server, "client_credentials"), clock=clock) as opened:
            get(opened, server)
            clock.time += 3500
            get(opened, server)
            clock.time += 50
            answer["expires_at"] = "2023-11-15T23:13:20Z"
            get(opened, server)
    assert [call.path for call in api.calls] == ["/token", "/api", "/api", "/token", "/api"]


@pytest.mark.parametrize("kind", ["MAC", "DPoP"])
def test_a_token_that_signs_requests_is_refused_unless_the_file_says_how_it_is_sent(kind: str) -> None:
    answer = {"access_token": "abc-token", "token_type": kind}
    with LoopbackServer(lambda call: Reply(answer if call.path == "/token" else [])) as api:
        server = OAuth(url=api.url)
        with session(server, auth(server, "client_credentials")) as opened, pytest.raises(RestSourceError) as caught:
            get(opened, server)
        send = {"format": f"{kind} {{token}}"}
        with session(server, auth(server, "client_credentials", send=send)) as opened:
            get(opened, server)
    assert (caught.value.id, f"of the type `{kind}`" in caught.value.message) == ("token_refused", True)
    assert api.calls[-1].headers["Authorization"] == f"{kind} abc-token"


def test_another_type_of_token_is_told_where_it_is_refused() -> None:
    answer = {"access_token": "abc-token", "token_type": "Token"}
    with LoopbackServer(lambda call: Reply(answer) if call.path == "/token" else Reply({}, 401)) as api:
        server = OAuth(url=api.url)
        with session(server, auth(server, "client_credentials")) as opened, pytest.raises(RestSourceError) as caught:
            get(opened, server)
    assert "calls it `Token`" in caught.value.cause
    assert 'send: {format: "Token {token}"}' in caught.value.remedy


def test_a_token_deeper_in_the_answer_is_pointed_at() -> None:
    with LoopbackServer(lambda call: Reply({"code": 0, "data": {"access_token": "s3cret-token"}})) as api:
        server = OAuth(url=api.url)
        with session(server, auth(server, "client_credentials")) as opened, pytest.raises(RestSourceError) as caught:
            get(opened, server)
    assert "`token: $.data.access_token`" in caught.value.message
    assert "s3cret" not in str(caught.value)


# What outlives the process

REFRESH = {"refresh_token": {"env": "REFRESH"}}


def token_file(state: Path) -> Path:
    [path] = state.glob("tokens/*.json")
    return path


def test_a_rotated_refresh_token_outlives_the_process(state: Path) -> None:
    clock = FakeClock()
    with oauth(first=VARIABLES["REFRESH"], expires_in=600) as server:
        given = auth(server, "refresh_token", **REFRESH)
        for _ in range(3):
            with session(server, given, state, clock) as opened:
                get(opened, server)
            clock.time += 1000
    assert [asked["grant_type"] for asked in server.asked] == ["refresh_token"] * 3
    assert len({asked["refresh_token"] for asked in server.asked}) == 3
    assert stat.S_IMODE(os.stat(token_file(state)).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(token_file(state).parent).st_mode) == 0o700
    assert [path.name for path in state.glob("tokens/*.new")] == []


def test_a_token_that_is_still_good_is_taken_from_the_file(state: Path) -> None:
    with oauth(first=VARIABLES["REFRESH"]) as server:
        for _ in range(2):
            with session(server, auth(server, "refresh_token", **REFRESH), state) as opened:
                get(opened, server)
    assert len(server.asked) == 1


def test_what_another_process_has_renewed_is_taken(state: Path) -> None:
    with oauth(first=VARIABLES["REFRESH"]) as server:
        given = auth(server, "refresh_token", **REFRESH)
        with session(server, given, state) as ours, session(server, given, state) as theirs:
            get(ours, server)
            get(theirs, server)
            server.revoke()
            get(theirs, server)
            get(ours, server)
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"version": 1', b"[]", b"\xff", b'{"version": 1, "fingerprint": "x"}']
)
def test_a_damaged_file_is_none(state: Path, content: bytes) -> None:
    with oauth(first=VARIABLES["REFRESH"], rotate=False) as server:
        given = auth(server, "refresh_token", **REFRESH)
        for _ in range(2):
            with session(server, given, state) as opened:
                get(opened, server)
            token_file(state).write_bytes(content)
    assert [asked["refresh_token"] for asked in server.asked] == [VARIABLES["REFRESH"]] * 2


def test_a_new_first_token_wins_over_the_file(state: Path) -> None:
    with oauth(first=VARIABLES["REFRESH"]) as server:
        given = auth(server, "refresh_token", **REFRESH)
        with session(server, given, state) as opened:
            get(opened, server)
        server.tokens.append(type(server.tokens[0])("", "another-first", ""))
        with ApiSession(
            source(server, given), Environment({**VARIABLES, "REFRESH": "another-first"}), state=state
        ) as o:
            get(o, server)
    assert server.asked[-1]["refresh_token"] == "another-first"


def test_a_stored_token_that_is_void_gives_way_to_the_first(state: Path) -> None:
    with oauth(first=VARIABLES["REFRESH"], rotate=False) as server:
        given = auth(server, "refresh_token", **REFRESH)
        with session(server, given, state) as opened:
            get(opened, server)
        path = token_file(state)
        path.write_text(path.read_text().replace(VARIABLES["REFRESH"], "used-up"))
        server.revoke()
        server.tokens[0].refreshable = True
        with session(server, given, state) as opened:
            get(opened, server)
    assert [asked["refresh_token"] for asked in server.asked] == [VARIABLES["REFRESH"], "used-up", VARIABLES["REFRESH"]]


def test_configurations_do_not_share_a_file(state: Path) -> None:
    with oauth(first=VARIABLES["REFRESH"], rotate=False) as server:
        for keys in ({}, {"scope": ""}, {"extra": {"audience": "b"}}):
            with session(server, auth(server, "refresh_token", **REFRESH, **keys), state) as opened:
                get(opened, server)
    files = list(state.glob("tokens/*.json"))
    assert len(files) == 3
    assert all(path.name.startswith("shop-") and CLIENT_ID not in path.name for path in files)


def test_grants_that_can_begin_anew_leave_no_file(state: Path) -> None:
    with oauth() as server, session(server, auth(server, "password", **PASSWORD_KEYS), state) as opened:
        get(opened, server)
    assert not (state / "tokens").exists()


def test_without_consent_the_error_names_the_command(state: Path) -> None:
    with oauth() as server:
        given = auth(server, "authorization_code", authorize_url=f"{server.url}/authorize")
        with session(server, given, state) as opened, pytest.raises(RestSourceError) as caught:
            get(opened, server)
    assert caught.value.id == "authorization_needed"
    assert "rest-source authorize" in caught.value.remedy
    assert server.asked == []
