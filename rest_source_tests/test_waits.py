"""Waits that answers name, in all spellings in use, and who is told of them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner

from rest_source import PaginatorIOManager, build_definitions
from rest_source.cli.main import main
from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.http import pauses
from rest_source.http.errors import RetryLater
from rest_source.http.pauses import Place
from rest_source.http.request import Request, Tally
from rest_source.http.session import ApiSession
from rest_source.spec.environment import Environment
from rest_source_tests.shop import spec, write_file
from rest_source_tests.test_rate import in_threads
from rest_source_tests.test_session import START, FakeClock, replies, source

NAMED = 25
THEN = datetime.fromtimestamp(START + NAMED, UTC)
EPOCH = int(START) + NAMED


def answered(
    *refusals: Reply, method: str = "GET", rules: list[dict[str, Any]] | None = None, **limits: Any
) -> tuple[list[float], list[str]]:
    """The pauses that refusals lead to before a good answer, and what is reported of them."""
    clock, told = FakeClock(), list[str]()
    with LoopbackServer(replies(*refusals, Reply({"ok": True}))) as api:
        endpoint = {"name": "orders", "path": "/orders", "on_error": rules or []}
        spec = source(api.url, limits=limits, endpoints=[endpoint])
        with ApiSession(spec, Environment({}), clock, report=told.append) as session:
            rule = spec.endpoints[0].on_error
            answer = session.send(Request(method, api.url), Tally(), rules=rule, place=Place("shop.orders", "page 3"))
    assert answer.status == 200
    return clock.slept, told


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "25"},
        {"Retry-After": "25.0"},
        {"Retry-After": "25s"},
        {"Retry-After": "25 seconds"},
        {"Retry-After": "0m25s"},
        {"Retry-After": "PT25S"},
        {"Retry-After": "25000ms"},
        {"Retry-After": format_datetime(THEN, usegmt=True)},
        {"Retry-After": THEN.strftime("%A, %d-%b-%y %H:%M:%S GMT")},
        {"Retry-After": THEN.isoformat()},
        {"Retry-After": str(EPOCH)},
        {"Retry-After": "25, 3"},
        {"retry-after-ms": "25000"},
        {"x-ms-retry-after-ms": "25000.5", "Retry-After": "24"},
        {"X-Retry-After": "25"},
        {"X-RateLimit-Retry-After": "25"},
        {"X-Rate-Limit-Retry-After-Seconds": "25"},
        {"RateLimit-Reset": "25"},
        {"RateLimit-Reset": "25;w=60"},
        {"RateLimit-ResetTime": format_datetime(THEN, usegmt=True)},
        {"X-RateLimit-Reset": str(EPOCH)},
        {"X-RateLimit-Reset": f"{EPOCH}.0"},
        {"X-RateLimit-Reset": str(EPOCH * 1000)},
        {"X-RateLimit-Reset": str(EPOCH * 1_000_000)},
        {"X-RateLimit-Reset": THEN.strftime("%Y-%m-%dT%H:%M:%SZ")},
        {"X-RateLimit-Reset": THEN.astimezone(datetime.now().astimezone().tzinfo).isoformat()},
        {"X-RateLimit-Reset": THEN.strftime("%Y-%m-%d %H:%M:%S")},
        {"X-RateLimit-Reset": THEN.strftime("%Y-%m-%d %H:%M:%S UTC")},
        {"X-RateLimit-Reset": THEN.strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)")},
        {"X-Rate-Limit-Reset": str(EPOCH)},
        {"x_rate_limit_reset": str(EPOCH)},
        {"X-Sentry-Rate-Limit-Reset": str(EPOCH)},
        {"X-Rate-Limit-Time-Reset-Ms": "25000"},
        {"x-ratelimit-reset-after": "25.0"},
        {"X-RateLimit-Requests-Reset": str(EPOCH * 1000)},
        {"x-ratelimit-reset-requests": "0m25s", "x-ratelimit-reset-tokens": "20ms"},
        {"anthropic-ratelimit-requests-reset": THEN.isoformat()},
        {"Fitbit-Rate-Limit-Reset": "25"},
        {"X-Gate-RateLimit-Reset-Timestamp": str(EPOCH)},
        {"X-ESI-Error-Limit-Reset": "25", "X-ESI-Error-Limit-Remain": "0"},
        {"X-Cafe24-Api-Rate-Limit-Reset-At": str(EPOCH)},
        {"RateLimit": '"default";r=0;t=25'},
        {"RateLimit": '"a,b;t=9";r=0;t=25, "day";r=40;t=300', "RateLimit-Policy": '"default";q=100;w=60'},
        {"RateLimit": "limit=10, remaining=0, reset=25"},
        {"Zendesk-RateLimit-Tickets-Index": "total=100; remaining=0; resets=25"},
    ],
    ids=str,
)
def test_a_wait_is_read_in_every_spelling(headers: dict[str, str]) -> None:
    slept, _ = answered(Reply({}, 429, headers))
    assert slept == [pytest.approx(NAMED, abs=0.001)]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3", "X-RateLimit-Reset": "25"}, 25),
        ({"Retry-After": "25", "X-RateLimit-Reset": "3"}, 25),
        ({"Retry-After": "25", "X-RateLimit-Reset": "99", "X-RateLimit-Remaining": "40"}, 25),
        ({"X-RateLimit-Reset": "25", "X-RateLimit-Remaining": "40"}, 25),  # nothing else is named
        ({"X-RateLimit-Reset-Minute": "25", "X-RateLimit-Reset-Day": "40000"}, 25),
        ({"Retry-After": "25", "X-RateLimit-Reset": str(EPOCH + 3000), "X-RateLimit-Remaining": "0"}, 25),
        (
            {
                **{"x-ratelimit-reset-requests": "25s", "x-ratelimit-remaining-requests": "0"},
                **{"x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": "149000"},
            },
            25,
        ),
        ({"RateLimit": '"minute";r=0;t=25, "day";r=7;t=400'}, 25),
    ],
    ids=str,
)
def test_of_several_waits_the_longest_plausible_counts(headers: dict[str, str], seconds: float) -> None:
    assert answered(Reply({}, 429, headers))[0] == [seconds]


def test_a_reset_is_a_moment_of_the_servers_clock() -> None:
    behind = datetime.fromtimestamp(START - 300, UTC)
    reset = str(int(START) - 300 + NAMED)
    headers = {"Date": format_datetime(behind, usegmt=True), "X-RateLimit-Reset": reset}
    assert answered(Reply({}, 429, headers))[0] == [NAMED]


@pytest.mark.parametrize(
    "body",
    [
        {"message": "You are being rate limited.", "retry_after": 25.0, "global": False},
        {"ok": False, "error_code": 429, "parameters": {"retry_after": 25}},
        {"error": {"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "25s"}]}},
        {"errors": [{"extensions": {"retry_in_seconds": 25}}]},
        {"retryAfterMs": 25000},
    ],
    ids=str,
)
def test_the_body_of_a_429_may_name_the_wait(body: Any) -> None:
    slept, told = answered(Reply(body, 429))
    assert slept == [NAMED]
    assert "in the body" in told[0]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(EPOCH)}),
        (403, {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(EPOCH)}),
        (403, {"RateLimit": '"default";r=0;t=25'}),
        (403, {"Retry-After": "25"}),
        *((status, {"Retry-After": "25"}) for status in (400, 409, 413, 418, 420, 423, 430)),
        (420, {"X-ESI-Error-Limit-Reset": "25"}),
        (503, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(EPOCH)}),
    ],
)
def test_a_refusal_that_says_it_is_a_limit_is_repeated_like_a_429(
    method: str, status: int, headers: dict[str, str]
) -> None:
    assert answered(Reply({}, status, headers), method=method)[0] == [NAMED]


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (403, {"message": "You have exceeded a secondary rate limit. Please wait."}, {"Retry-After": "25"}),
        (403, {"message": "API rate limit exceeded for user 7."}, {"X-RateLimit-Remaining": "4000", "X-Reset": "9"}),
        (403, {"error": {"errors": [{"reason": "userRateLimitExceeded"}], "message": "User Rate Limit Exceeded"}}, {}),
        (400, {"error": {"message": "(#4) Application request limit reached", "code": 4}}, {}),
        (400, {"__type": "ThrottlingException", "message": "Rate exceeded"}, {}),
        (403, "<html><title>Too Many Requests</title></html>", {}),
        (420, {}, {}),
        (430, "", {}),
    ],
)
def test_a_refusal_that_speaks_of_a_limit_is_repeated_like_a_429(
    status: int, body: Any, headers: dict[str, str]
) -> None:
    (pause,) = answered(Reply(body, status, headers), method="POST")[0]
    assert pause == NAMED if "Retry-After" in headers else 0.5 <= pause <= 0.75
    with pytest.raises(RestSourceError) as caught:
        answered(Reply(body, status, headers), retries=0)
    assert (caught.value.id, caught.value.retryable) == (f"http_{status}", True)
    assert "limits: {rate: 5/s}" in caught.value.remedy


@pytest.mark.parametrize(
    "headers",
    [
        {"X-RateLimit-Remaining": "17", "X-RateLimit-Reset": str(EPOCH)},
        {"X-RateLimit-Remaining": "0"},
        {"X-RateLimit-Reset": str(EPOCH)},
        {"Retry-After": "0"},
    ],
)
def test_a_403_that_does_not_is_none(headers: dict[str, str]) -> None:
    with pytest.raises(RestSourceError) as caught:
        answered(Reply({"message": "Forbidden.", "see": "https://api/docs/rate-limit-exceeded"}, 403, headers))
    assert (caught.value.id, caught.value.retryable) == ("http_403", False)
    assert "scope, role or plan" in caught.value.cause


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (404, {}, {"Retry-After": "25"}),
        (401, {"message": "Too many requests with a wrong token"}, {}),
        (400, {"message": "The query limit of 500 exceeds the maximum of 100."}, {}),
        (400, {"message": "rate must not be exceeded by limit"}, {"X-RateLimit-Reset": "25"}),
        (400, {"message": "rate_limit is no setting of a white label"}, {"X-RateLimit-Reset": "25"}),
    ],
)
def test_other_refusals_are_not_repeated(status: int, body: Any, headers: dict[str, str]) -> None:
    with pytest.raises(RestSourceError) as caught:
        answered(Reply(body, status, headers))
    assert (caught.value.id, caught.value.retryable) == (f"http_{status}", False)


def test_a_403_that_stays_is_explained_as_a_limit() -> None:
    refusal = Reply({}, 403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(EPOCH + 3600)})
    with pytest.raises(RetryLater) as caught:
        answered(refusal)
    assert "limits: {rate: ...}" in caught.value.remedy
    assert "(X-RateLimit-Reset)" in caught.value.message


def test_an_error_says_how_long_the_api_asks_to_wait() -> None:
    with pytest.raises(RestSourceError, match=r"It asks to wait 25 s \(X-Rate-Limit-Reset\)\.") as caught:
        answered(Reply({}, 429, {"X-Rate-Limit-Reset": str(EPOCH)}), retries=0)
    assert caught.value.id == "http_429"


@pytest.mark.parametrize(
    ("rule", "refusal", "seconds"),
    [
        ({"status": 400, "wait": "30s"}, Reply({}, 400), 30),
        ({"status": 400, "wait": "30s"}, Reply({}, 400, {"Retry-After": "7"}), 30),
        ({"status": 400, "wait": "20m"}, Reply({}, 400), 1200),  # `max_wait` is for what an API asks
        ({"status": 400, "wait": {"header": "X-Next-Slot"}}, Reply({}, 400, {"x-next-slot": THEN.isoformat()}), 25),
        ({"status": 400, "wait": {"header": "X-Next-Slot"}}, Reply({}, 400, {"Retry-After": "7"}), 7),
        ({"json": "$.busy", "wait": "4s"}, Reply({"busy": True}), 4),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_rule_says_how_long_to_wait(rule: dict[str, Any], refusal: Reply, seconds: float, method: str) -> None:
    slept, told = answered(refusal, method=method, rules=[{**rule, "do": "retry"}])
    assert slept == [seconds]
    if rule["wait"] == "30s":
        assert "shop.orders: A rule of `on_error` asks to wait 30 s (400); page 3 follows at " in told[0]


def test_a_rule_without_a_wait_that_can_be_read_leaves_the_backoff() -> None:
    rule = {"status": 400, "do": "retry", "wait": {"header": "X-Next-Slot"}}
    slept, _ = answered(Reply({}, 400, {"X-Next-Slot": "soon"}), rules=[rule])
    assert 0.5 <= slept[0] <= 0.75


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"status": 400, "do": "skip", "wait": "3s"}, "`wait` is for `do: retry`"),
        ({"status": 400, "do": "retry", "wait": "soon"}, "is not a duration"),
    ],
)
def test_a_wait_that_makes_no_sense_is_a_mistake(rule: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        source("http://h", endpoints=[{"name": "orders", "path": "/", "on_error": [rule]}])


def test_a_wait_is_announced_when_it_begins() -> None:
    _, told = answered(Reply({}, 429, {"X-Rate-Limit-Reset": str(int(START) + 17)}))
    at = datetime.fromtimestamp(START + 17).strftime("%H:%M:%S")
    assert told == [f"shop.orders: The API asks to wait 17 s (429, X-Rate-Limit-Reset); page 3 follows at {at}."]


@pytest.mark.parametrize("headers", [{"Retry-After": "3"}, {}])
def test_a_short_wait_is_not(headers: dict[str, str]) -> None:
    assert answered(Reply({}, 429, headers))[1] == []


def test_a_pause_of_our_own_is_announced_too() -> None:
    slept, told = answered(*[Reply({}, 502)] * 4)
    assert len([seconds for seconds in slept if seconds > 3]) == len(told) == 1
    assert told[0].startswith("shop.orders: The API answered 502, so there is a pause of 5 s; page 3 follows at ")


class _Together(FakeClock):
    """Lets nobody's time pass before all of `most` threads sleep."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._asleep = Barrier(most)

    def sleep(self, seconds: float, until: Event | None = None) -> None:
        self._asleep.wait(timeout=30)
        super().sleep(seconds, until)


def test_of_requests_that_wait_side_by_side_one_is_announced() -> None:
    clock, told = _Together(4), list[str]()
    limited = Reply({}, 429, {"X-RateLimit-Reset": str(EPOCH)})
    with (
        LoopbackServer(replies(*[limited] * 4, Reply({}))) as api,
        ApiSession(source(api.url), Environment({}), clock, report=told.append) as session,
    ):
        in_threads(4, lambda: session.send(Request("GET", api.url), Tally()))
    assert len(told) == 1


def test_a_wait_of_the_sign_in_is_announced() -> None:
    told = list[str]()
    auth = {"type": "login", "request": {"path": "/login"}, "token": "$.token"}
    answers = replies(Reply({}, 429, {"Retry-After": "9"}), Reply({"token": "t0ken-1"}))
    with LoopbackServer(answers) as api:
        with ApiSession(source(api.url, auth=auth), Environment({}), FakeClock(), report=told.append) as session:
            session.send(Request("GET", api.url), Tally())
        assert told[0].startswith(f"sign-in, GET {api.url}/login: The API asks to wait 9 s (429, Retry-After); ")


def test_no_announcement_holds_a_secret() -> None:
    clock, told = FakeClock(), list[str]()
    auth = {"type": "bearer", "token": {"env": "TOKEN"}}
    with LoopbackServer(replies(Reply({}, 429, {"Retry-After": "9"}), Reply({}))) as api:
        environment = Environment({"TOKEN": "t0ken-abcdef"})
        with ApiSession(source(api.url, auth=auth), environment, clock, report=told.append) as session:
            session.send(Request("GET", api.url), Tally(), place=Place("shop.orders, id t0ken-abcdef", "page 1"))
    assert told[0].startswith("shop.orders, id {env.TOKEN}: ")


@pytest.fixture
def _soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses are told from 1 ms on."""
    monkeypatch.setattr(pauses, "_TOLD", 0.001)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))


def busy_on_page_2() -> Callable[[Call], Reply]:
    refusals = [Reply({}, 429, {"Retry-After": "0.2"})]

    def answer(call: Call) -> Reply:
        if call.arg("after") == "1" and refusals:
            return refusals.pop()
        return Reply({"data": [{"id": call.arg("after")}], "next": None if call.arg("after") else "1"})

    return answer


PAGES = {"data_root": "$.data", "pagination": {"type": "cursor", "value": "$.next", "param": "after"}}
TOLD = "shop.items: The API asks to wait 1 s (429, Retry-After); page 2 follows at "


@pytest.mark.usefixtures("_soon")
@pytest.mark.parametrize("command", ["run", "preview"])
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_the_terminal_tells_of_a_wait(command: str, flags: list[str]) -> None:
    with LoopbackServer(busy_on_page_2()) as server:
        file = write_file(Path(), server.url, PAGES, limits={"retries": 2})
        args = {"run": ["--destination", "duckdb:///d.duckdb"], "preview": ["items"]}[command]
        result = CliRunner().invoke(main, [command, str(file), *args, *flags])
    assert result.exit_code == 0
    assert TOLD in result.stderr
    assert TOLD not in result.stdout
    assert not flags or json.loads(result.stdout)["source"] == "shop"


@pytest.mark.usefixtures("_soon")
def test_the_run_log_tells_of_a_wait(tmp_path: Path) -> None:
    io_manager = PaginatorIOManager(destination=f"duckdb:///{tmp_path}/shop.duckdb")
    with LoopbackServer(busy_on_page_2()) as server, dg.DagsterInstance.ephemeral() as instance:
        job = build_definitions(
            spec(server.url, PAGES, limits={"retries": 2}), io_manager
        ).resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance)
        logged = [entry for entry in instance.all_logs(result.run_id) if TOLD in entry.user_message]
    assert [entry.step_key for entry in logged] == ["shop__items"]


class ShortLived:
    """An API whose tokens live for 3 s of a clock; answers 401 to any other."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.ends: dict[str, float] = {}

    def __call__(self, call: Call) -> Reply:
        if call.path == "/login":
            token = f"t0ken-{len(self.ends)}"
            self.ends[token] = self.clock.time + 3
            return Reply({"token": token, "expires_in": 3})
        token = str(call.headers["Authorization"]).removeprefix("Bearer ")
        return Reply({}, 200 if self.clock.time < self.ends[token] else 401)


LOGIN = {"type": "login", "request": {"path": "/login"}, "token": "$.token", "expires_in": "$.expires_in"}


def test_a_token_that_ends_while_a_request_waits_for_its_turn_is_renewed_before_it_is_sent() -> None:
    clock, tally = FakeClock(), Tally()
    with LoopbackServer(ShortLived(clock)) as api:
        spec = source(api.url, auth=LOGIN, limits={"rate": "15/m"})  # 4 s apart
        with ApiSession(spec, Environment({}), clock) as session:
            for _ in range(5):
                session.send(Request("GET", f"{api.url}/orders"), tally)
        paths = [call.path for call in api.calls]
    assert (tally.requests, tally.retries) == (5, 0)
    assert paths[-2:] == ["/login", "/orders"]


def test_a_token_that_ends_during_a_wait_is_renewed_once_more() -> None:
    """Where nothing is known of its life."""
    tokens, answers = list[str](), [401, 429, 401, 200]

    def handler(call: Call) -> Reply:
        if call.path == "/login":
            tokens.append(f"t0ken-{len(tokens)}")
            return Reply({"token": tokens[-1]})
        return Reply({}, answers.pop(0), {"Retry-After": "30"})

    with LoopbackServer(handler) as api:
        auth = {"type": "login", "request": {"path": "/login"}, "token": "$.token"}
        with ApiSession(source(api.url, auth=auth), Environment({}), FakeClock()) as session:
            assert session.send(Request("GET", f"{api.url}/orders"), Tally()).status == 200
    assert len(tokens) == 3


def test_threads_that_share_a_short_token_are_never_refused() -> None:
    clock, tally = FakeClock(), Tally()
    with LoopbackServer(ShortLived(clock)) as api:
        spec = source(api.url, auth=LOGIN, limits={"rate": "3/s", "concurrency": 2})
        with ApiSession(spec, Environment({}), clock) as session:

            def work() -> None:
                for _ in range(12):
                    session.send(Request("GET", f"{api.url}/orders"), tally)

            in_threads(4, work)
    assert tally.requests - tally.retries == 48
    assert timedelta(seconds=clock.time - START) > timedelta(seconds=10)
