"""The session against real sockets: retries, limits, redirects, cookies and what leaves it."""

import base64
import gzip
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import pytest
import yaml

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.http.errors import RetryLater
from rest_source.http.pace import PacedReader, TooSlow
from rest_source.http.rate import RateLimit
from rest_source.http.redirect import follow
from rest_source.http.request import Answer, Request, Tally
from rest_source.http.session import ApiSession
from rest_source.spec.environment import Environment
from rest_source.spec.source import SourceSpec
from rest_source_tests.fakes.raw import HEAD, Talk, raw_server, say, stay_silent, trickle
from rest_source_tests.loading import Warehouse

START = 1_700_000_000.0


class FakeClock:
    """Time passes only by sleeping, and takes none."""

    def __init__(self) -> None:
        self.time = START
        self.slept: list[float] = []
        self._lock = Lock()

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float, until: Event | None = None) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.time += seconds


def source(url: str, **keys: Any) -> SourceSpec:
    return SourceSpec.model_validate(
        {"name": "shop", "base_url": url, "endpoints": [{"name": "orders", "path": "/orders"}], **keys}
    )


@contextmanager
def open_session(
    url: str, clock: FakeClock | None = None, variables: dict[str, str] | None = None, **keys: Any
) -> Iterator[ApiSession]:
    with ApiSession(source(url, **keys), Environment(variables or {}), clock or FakeClock()) as session:
        yield session


def replies(*sequence: Reply) -> Callable[[Call], Reply]:
    """Answers in this order, the last one again and again."""
    pending = list(sequence)
    return lambda call: pending.pop(0) if len(pending) > 1 else pending[0]


def test_an_answer_carries_status_url_headers_and_body() -> None:
    tally = Tally()
    with (
        LoopbackServer(lambda call: Reply({"id": 1}, headers={"X-Page": "3"})) as api,
        open_session(api.url) as session,
    ):
        answer = session.send(Request("GET", f"{api.url}/orders?a=1", params=(("b", "x y"), ("b", "2"))), tally)
    assert (answer.status, answer.body, answer.headers["x-page"]) == (200, b'{"id":1}', "3")
    assert answer.url == f"{api.url}/orders?a=1&b=x%20y&b=2"
    assert api.calls[0].query == {"a": ["1"], "b": ["x y", "2"]}
    assert (tally.requests, tally.retries, tally.bytes) == (1, 0, 8)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h/a", "http://h/a?p=1&p=%C3%A4"),
        ("http://h/a?", "http://h/a?p=1&p=%C3%A4"),
        ("http://h/a?x=%20y&", "http://h/a?x=%20y&p=1&p=%C3%A4"),
        ("http://h/a?x=1#part", "http://h/a?x=1&p=1&p=%C3%A4"),
    ],
)
def test_params_extend_the_query_of_the_url(url: str, expected: str) -> None:
    assert Request("GET", url, params=(("p", "1"), ("p", "ä"))).full_url == expected


def test_own_headers_replace_defaults_whatever_their_case() -> None:
    with LoopbackServer(lambda call: Reply({})) as api, open_session(api.url) as session:
        session.send(Request("GET", api.url), Tally())
        session.send(Request("GET", api.url, headers=(("accept", "text/csv"), ("USER-AGENT", "me"))), Tally())
    first, second = (call.headers for call in api.calls)
    assert first["Accept"] == "application/json"
    assert first["User-Agent"].startswith("rest_source/")
    assert (second.get_all("Accept"), second.get_all("User-Agent")) == (["text/csv"], ["me"])


@pytest.mark.parametrize("value", ["two\r\nX-Evil: 1", "“quoted”"])
def test_a_header_that_cannot_be_sent_is_an_error_without_its_value(value: str) -> None:
    with LoopbackServer(lambda call: Reply({})) as api, open_session(api.url) as session:
        error = fails(session, Request("GET", api.url, headers=(("X-Ok", value),)))
    assert (error.id, "X-Ok" in error.message, value in str(error), len(api.calls)) == (
        "invalid_header",
        True,
        False,
        0,
    )


def fails(session: ApiSession, request: Request, tally: Tally | None = None) -> RestSourceError:
    with pytest.raises(RestSourceError) as caught:
        session.send(request, tally or Tally())
    error = caught.value
    while error.__context__ is not None:  # nothing of requests, whose texts hold URLs with secrets
        assert isinstance(error.__context__, RestSourceError)
        error = error.__context__
    return caught.value


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 522, 527, 529, 530, 598])
def test_a_passing_failure_is_tried_again(status: int) -> None:
    clock, tally = FakeClock(), Tally()
    handler = replies(Reply({}, status), Reply({}, status), Reply({"ok": True}))
    with LoopbackServer(handler) as api, open_session(api.url, clock) as session:
        answer = session.send(Request("GET", api.url), tally)
    assert answer.body == b'{"ok":true}'
    assert (tally.requests, tally.retries, tally.wait_seconds) == (3, 2, sum(clock.slept))
    assert 0.5 <= clock.slept[0] <= 0.75 and 1 <= clock.slept[1] <= 1.25


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_retries_end_at_the_limit(retries: int) -> None:
    with (
        LoopbackServer(lambda call: Reply({}, 503)) as api,
        open_session(api.url, limits={"retries": retries}) as session,
    ):
        error = fails(session, Request("GET", api.url))
    assert (error.id, error.retryable, len(api.calls)) == ("http_503", True, retries + 1)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422, 418, 501, 505, 511])
def test_other_refusals_fail_at_once(status: int) -> None:
    with LoopbackServer(lambda call: Reply({}, status)) as api, open_session(api.url) as session:
        error = fails(session, Request("GET", api.url))
    assert (error.id, error.status, error.retryable, len(api.calls)) == (f"http_{status}", status, False, 1)


@pytest.mark.parametrize("status", [404, 429, 503, 302])
def test_an_expected_status_is_an_answer(status: int) -> None:
    reply = Reply({"a": 1}, status, {"Location": "/elsewhere"})
    with LoopbackServer(lambda call: reply) as api, open_session(api.url) as session:
        assert session.send(Request("GET", api.url), Tally(), expected=[status]).status == status
    assert len(api.calls) == 1


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"Retry-After": "7"}, 7),
        (503, {"Retry-After": "2.5"}, 2.5),
        (503, {"Retry-After": format_datetime(datetime.fromtimestamp(START + 9, UTC), usegmt=True)}, 9),
        (429, {"RateLimit-Reset": "11"}, 11),
        (429, {"X-RateLimit-Reset": str(int(START) + 13)}, 13),
        (429, {"X-RateLimit-Reset": str((int(START) + 14) * 1000)}, 14),
        (429, {"Retry-After": "3", "X-RateLimit-Reset": "99"}, 99),
    ],
)
def test_the_server_says_how_long_to_wait(status: int, headers: dict[str, str], seconds: float) -> None:
    clock = FakeClock()
    handler = replies(Reply({}, status, headers), Reply({}))
    with LoopbackServer(handler) as api, open_session(api.url, clock) as session:
        session.send(Request("GET", api.url), Tally())
    assert clock.slept == [seconds]


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (429, {"Retry-After": "soon"}),
        (429, {"Retry-After": "0"}),
        (429, {"Retry-After": format_datetime(datetime.fromtimestamp(START - 9, UTC), usegmt=True)}),
        (429, {"RateLimit-Reset": "nan"}),
        (503, {"X-RateLimit-Reset": "60"}),
    ],
)
def test_a_hint_that_says_nothing_leaves_the_backoff(status: int, headers: dict[str, str]) -> None:
    clock = FakeClock()
    handler = replies(Reply({}, status, headers), Reply({}))
    with LoopbackServer(handler) as api, open_session(api.url, clock) as session:
        session.send(Request("GET", api.url), Tally())
    assert 0.5 <= clock.slept[0] <= 0.75


def test_a_wait_beyond_max_wait_fails_at_once_and_names_it() -> None:
    clock = FakeClock()
    with (
        LoopbackServer(lambda call: Reply({}, 429, {"Retry-After": "3600"})) as api,
        open_session(api.url, clock, limits={"max_wait": "10m"}) as session,
    ):
        error = fails(session, Request("GET", api.url))
    assert isinstance(error, RetryLater)
    assert (error.seconds, error.retryable, error.status, clock.slept, len(api.calls)) == (3600, True, 429, [], 1)
    assert "max_wait" in error.remedy


@pytest.mark.parametrize(
    ("status", "attempts"),
    [(408, 2), (425, 2), (429, 2), (503, 2), *((status, 1) for status in (500, 502, 504, 520, 529, 400))],
)
def test_a_post_is_repeated_only_where_the_server_did_not_act(status: int, attempts: int) -> None:
    with LoopbackServer(replies(Reply({}, status), Reply({}))) as api, open_session(api.url) as session:
        request = Request("POST", api.url, body=b'{"a":1}')
        if attempts == 1:
            assert fails(session, request).id == f"http_{status}"
        else:
            session.send(request, Tally())
    assert [call.body for call in api.calls] == [b'{"a":1}'] * attempts


@pytest.mark.parametrize(("method", "attempts"), [("GET", 2), ("POST", 1)])
def test_a_cut_body_is_fetched_again_but_not_posted_again(method: str, attempts: int) -> None:
    with (
        LoopbackServer(lambda call: Reply({"long": "x" * 1000}, truncate=100)) as api,
        open_session(api.url, limits={"retries": 1}) as session,
    ):
        error = fails(session, Request(method, api.url))
    assert (error.id, error.retryable, len(api.calls)) == ("truncated_body", True, attempts)


@pytest.mark.parametrize(
    ("talk", "id", "attempts"),
    [
        (say(), "connection_reset", 2),
        (say(reset=True), "connection_reset", 2),
        (say(b"SSH-2.0-OpenSSH_9.6\r\n"), "not_http", 1),
        (say(HEAD, b"Transfer-Encoding: chunked\r\n\r\n5\r\n[1,2"), "truncated_body", 2),
        (say(HEAD, b"Transfer-Encoding: chunked\r\n\r\nzz\r\n[1,2"), "truncated_body", 2),
        (say(HEAD, b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!"), "undecodable_body", 1),
        (stay_silent, "read_timeout", 2),
    ],
)
def test_network_trouble_is_explained(talk: Talk, id: str, attempts: int) -> None:
    tally, timeout = Tally(), "100ms" if talk is stay_silent else "60s"
    with raw_server(talk) as url, open_session(url, limits={"retries": 1, "timeout": timeout}) as session:
        error = fails(session, Request("GET", f"{url}/orders"), tally)
    assert (error.id, error.where, tally.requests) == (id, f"GET {url}/orders", attempts)
    assert error.message and error.cause and error.remedy


@pytest.mark.parametrize(("method", "attempts"), [("GET", 2), ("POST", 1)])
@pytest.mark.parametrize("by_proxy", [False, True])
def test_an_answer_that_trickles_is_given_up(
    method: str, attempts: int, by_proxy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally = Tally()
    with raw_server(trickle(b"", b"H")) as server:
        if by_proxy:
            monkeypatch.setenv("http_proxy", server)
        url = "http://api.invalid" if by_proxy else server
        with open_session(url, limits={"retries": 1, "timeout": "400ms"}) as session:
            error = fails(session, Request(method, url), tally)
    assert (error.id, error.retryable, tally.requests) == ("slow_response", True, attempts)


@pytest.mark.parametrize(
    ("arrivals", "ends"),
    [
        ([(0, 1)] * 3, None),
        ([(300, 1), (9, 1)], None),  # waiting for the first byte is the socket's affair
        ([(0, 1), (60, 1), (0.1, 1)], 2),
        ([(0, 1), *[(1, 999)] * 100], 61),
        ([(0, 1), *[(1, 1000)] * 100], None),
        ([(0, 500_000), *[(1, 1)] * 450], None),
        ([(0, 1), (1, 500_000), (400, 1), (200, 1)], 3),
    ],
)
def test_an_answer_is_too_slow_after_the_timeout_and_below_a_kilobyte_a_second(
    arrivals: list[tuple[float, int]], ends: int | None
) -> None:
    clock, pending = FakeClock(), list(arrivals)

    class Wire:
        def readinto(self, buffer: bytearray) -> int:
            seconds, count = pending.pop(0)
            clock.sleep(seconds)
            return count

    reader = PacedReader(Wire(), 60, clock=clock)
    for number in range(len(arrivals)):
        if number == ends:
            with pytest.raises(TooSlow):
                reader.readinto(bytearray())
            return
        reader.readinto(bytearray())
    assert ends is None


def test_no_log_of_a_broken_answer_holds_the_key_in_the_url(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    auth = {"type": "api_key", "in": "query", "name": "key", "value": {"env": "TOKEN"}}
    broken = say(
        HEAD, b"Location t0ken-abc\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n"
    )
    with raw_server(broken) as url, open_session(url, None, VARIABLES, auth=auth) as session:
        session.send(Request("GET", url), Tally())
    assert "Content-Length and Transfer-Encoding" in caplog.text
    assert "t0ken" not in caplog.text


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("host", "id"), [("127.0.0.1", "connection_refused"), ("x.invalid", "dns_failed")])
def test_where_nothing_was_sent_even_a_post_is_tried_again(method: str, host: str, id: str) -> None:
    url, tally = f"http://{host}:{_free_port()}/", Tally()
    with open_session(url, limits={"retries": 2}) as session:
        error = fails(session, Request(method, url), tally)
    assert (error.id, error.retryable, tally.requests) == (id, True, 3)


@pytest.mark.parametrize("url", ["ftp://h/x", "http://", "http://[::1", "http://h:99999/", "no scheme", "http://*.x/"])
def test_an_invalid_url_is_not_tried_again(url: str) -> None:
    tally = Tally()
    with open_session("http://h.invalid") as session:
        error = fails(session, Request("GET", url), tally)
    assert (error.id, error.retryable, tally.requests) == ("invalid_url", False, 1)


def test_who_does_not_sign_in_is_told_so_by_a_401() -> None:
    with LoopbackServer(lambda call: Reply(status=401)) as api, open_session(api.url) as session:
        error = fails(session, Request("GET", api.url))
    assert error.cause == "The API wants credentials, and the source has no `auth`."


@pytest.mark.parametrize("compressed", [False, True])
def test_max_response_caps_the_decoded_body(compressed: bool) -> None:
    body = b'"' + b"x" * 2_000_000 + b'"'
    reply = Reply(gzip.compress(body), headers={"Content-Encoding": "gzip"}) if compressed else Reply(body)
    with LoopbackServer(lambda call: reply) as api:
        with open_session(api.url, limits={"max_response": "1MB"}) as session:
            error = fails(session, Request("GET", api.url))
        with open_session(api.url) as session:
            tally = Tally()
            assert session.send(Request("GET", api.url), tally).body == body
    assert (error.id, error.retryable, tally.bytes) == ("response_too_large", False, len(body))


def test_the_rate_spaces_requests_evenly() -> None:
    clock, tally = FakeClock(), Tally()
    with LoopbackServer(lambda call: Reply({})) as api, open_session(api.url, clock, limits={"rate": "4/s"}) as session:
        for _ in range(5):
            session.send(Request("GET", api.url), tally)
    assert clock.slept == [0.25] * 4
    assert tally.wait_seconds == 1


def test_the_rate_holds_across_threads() -> None:
    clock = FakeClock()
    limit = RateLimit(10, clock)
    waits: list[float | None] = []
    threads = [Thread(target=lambda: waits.append(limit.wait())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # However the threads interleave, the last slot lies 19 intervals after the first.
    assert clock.time - START >= 1.9 - 1e-3


def test_one_session_serves_many_threads_and_keeps_its_connections_and_cookies() -> None:
    tally = Tally()

    def handler(call: Call) -> Reply:
        return Reply({}, headers={"Set-Cookie": f"c{call.arg('n')}=1"})

    with LoopbackServer(handler) as api, open_session(api.url, limits={"concurrency": 8}) as session:

        def work(thread: int) -> None:
            for step in range(20):
                session.send(Request("GET", api.url, params=(("n", f"{thread}_{step}"),)), tally)

        threads = [Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        session.send(Request("GET", api.url), tally)
    assert tally.requests == 161
    assert len(api.calls[-1].headers["Cookie"].split("; ")) == 160


def test_cookies_are_kept_and_join_those_of_the_request() -> None:
    handler = replies(Reply({}, headers={"Set-Cookie": "sid=abc"}), Reply({}))
    with LoopbackServer(handler) as api, open_session(api.url) as session:
        session.send(Request("GET", api.url), Tally())
        session.send(Request("GET", api.url, headers=(("cookie", "mine=1"),)), Tally())
    assert [call.headers["Cookie"] for call in api.calls] == [None, "mine=1; sid=abc"]


@pytest.mark.parametrize(
    ("method", "status"),
    [("GET", 301), ("GET", 302), ("GET", 303), ("GET", 307), ("GET", 308), ("POST", 307), ("POST", 308)],
)
def test_redirects_are_followed(method: str, status: int) -> None:
    tally, body = Tally(), b"{}" if method == "POST" else b""
    handler = replies(Reply({}, status, {"Location": "next?b=2&a=1#x"}), Reply([1]))
    headers = (("Content-Type", "application/json"),) if method == "POST" else ()
    with LoopbackServer(handler) as api, open_session(api.url) as session:
        request = Request(method, f"{api.url}/v1/old", (("a", "1"),), headers, body or None)
        answer = session.send(request, tally)
    last = api.calls[-1]
    assert (last.method, last.target, last.body) == (method, "/v1/next?b=2&a=1", body)
    assert ("Content-Type" in last.headers) == (method == "POST")
    assert (answer.url, tally.requests) == (f"{api.url}/v1/next?b=2&a=1", 2)


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_would_drop_the_body_is_an_error_that_names_the_final_address(method: str, status: int) -> None:
    with (
        LoopbackServer(lambda call: Reply({}, status, {"Location": "/search/"})) as api,
        open_session(api.url) as session,
    ):
        error = fails(session, Request(method, f"{api.url}/search", body=b'{"status": "open"}'))
    assert (error.id, error.retryable, len(api.calls)) == ("redirect_changes_request", False, 1)
    assert f"redirects by {status} to {api.url}/search/" in error.message
    assert f"`path: {api.url}/search/`" in error.remedy


@pytest.mark.parametrize(
    ("status", "location"),
    [
        (301, "/items/"),
        (302, "/items/"),
        (307, "/items/"),
        (308, "/v2/items"),
        (302, "/v2/Items?lang=en"),
        (301, "/v2/articles"),
        (301, "/items/?size=50"),
    ],
)
def test_a_redirect_that_forgets_parameters_is_an_error(status: int, location: str) -> None:
    with (
        LoopbackServer(lambda call: Reply([], status, {"Location": location})) as api,
        open_session(api.url) as session,
    ):
        error = fails(session, Request("GET", f"{api.url}/items?page=2", (("size", "50"),)))
    assert (error.id, len(api.calls)) == ("redirect_changes_request", 1)
    assert "`page`" in error.message and ("`size`" in error.message) == ("size" not in location)
    own = location.removesuffix("?size=50")  # the file has it as a parameter
    assert f"`path: {api.url}{own}`" in error.remedy


@pytest.mark.parametrize(
    ("status", "locations", "told"),
    [
        (302, ["/items?page=1&size=50"], "changes `page` = `3` to `page` = `1`"),
        (308, ["/items/?size=50&page=1&page=3"], "changes `page` = `3` to `page` = `1, 3`"),
        (307, ["/items?size=50"], "lacks the parameter `page`"),
        (302, ["/items?page=3&size=50,10"], "changes `size` = `50` to `size` = `50,10`"),
        (301, ["/v3/items?size=50"], "lacks the parameter `page`"),
        (302, ["/v2/list?page=1&size=50"], "changes `page` = `3`"),
        (302, ["/v2/list?page=1"], "changes `page` = `3`"),
        (302, ["/items?page=1&token=abc&size=50"], "changes `page` = `3`"),
        (302, ["/login?next=%2Fitems", "/items?page=1&size=50"], "changes `page` = `3`"),
        (301, ["/v2/list?p=3&size=50", "/v2/list?size=50"], "lacks the parameter `p`"),
    ],
)
def test_a_redirect_that_changes_a_parameter_is_an_error_that_names_the_final_address(
    status: int, locations: list[str], told: str
) -> None:
    handler = replies(*(Reply([], status, {"Location": location}) for location in locations), Reply([1]))
    with LoopbackServer(handler) as api, open_session(api.url) as session:
        error = fails(session, Request("GET", f"{api.url}/items?page=3", (("size", "50"),)))
    assert (error.id, error.status, len(api.calls)) == ("redirect_changes_request", status, len(locations))
    assert told in error.message and f"to {api.url}{locations[-1]}" in error.message


@pytest.mark.parametrize(
    ("asked", "locations"),
    [
        ("/items?q=a%20b&page=3", ["/items/?page=03&q=a+b&lang=en"]),
        ("/items?since=2024-01-01T00:00:00Z&sort=DESC", ["/v2/items?Sort=desc&since=2024-01-01T00:00:00%2B00:00"]),
        ("/items?page=3&format=json&q=", ["/items.json?page=3"]),
        ("/items?all=true&lang=en_US&ids=2,1", ["/items/?ids=2&ids=1&all=1&lang=en-us"]),
        ("/items?page=1&api_key=abc&size=5", ["/items?size=5"]),
        ("/items?offset=0&size=5", ["/items/?size=5"]),
        ("/items?page=3", ["/items?page=3&cookies=1", "/items?page=3"]),
        ("/report.csv?version=2", ["/cache/report.csv?X-Amz-Signature=abc&version=7"]),
        ("/report.csv?version=2", ["/cache/report.csv?__token__=exp=1~hmac=2"]),
        ("/export?format=csv&id=5", ["/files/5.zip?sig=abc&format=zip"]),
        ("/export?format=csv", ["/files/5.zip?kind=zip"]),
    ],
)
@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_that_asks_for_the_same_or_for_a_file_is_followed(
    asked: str, locations: list[str], status: int
) -> None:
    handler = replies(*(Reply([], status, {"Location": location}) for location in locations), Reply([1]))
    with LoopbackServer(handler) as api, open_session(api.url) as session:
        session.send(Request("GET", f"{api.url}{asked}"), Tally())
    assert [call.target for call in api.calls] == [asked, *locations]


def test_a_redirect_to_the_first_page_past_the_last_one_has_a_remedy_that_loads_all(tmp_path: Path) -> None:
    def handler(call: Call) -> Reply:
        page = int(call.arg("page", "1") or 1)
        return Reply({"records": [{"id": page}]}) if page < 4 else Reply({}, 302, {"Location": "/orders?page=1"})

    warehouse, paged = Warehouse(tmp_path), {"type": "page_number"}
    with LoopbackServer(handler) as api:
        with pytest.raises(RestSourceError, match="changes `page`") as caught:
            warehouse.load_from(api.url, pagination=paged)
        written = yaml.safe_load(caught.value.remedy.split("`")[1])["pagination"]
        assert warehouse.load_from(api.url, pagination={**paged, **written}).result.rows_inserted == 3


@pytest.mark.parametrize(
    ("status", "location"),
    [
        (302, "/files/1f3a.json?signature=abc"),
        (303, "/reports/17/result"),
        (307, "/files/1f3a.json"),
        (301, "/items/2"),
        (301, "/v2/list?p=2"),
        (308, "/items/?page=2"),
    ],
)
def test_a_redirect_to_a_file_or_to_a_path_that_holds_the_parameter_is_followed(status: int, location: str) -> None:
    with (
        LoopbackServer(replies(Reply([], status, {"Location": location}), Reply([1]))) as api,
        open_session(api.url) as session,
    ):
        session.send(Request("GET", f"{api.url}/items?page=2"), Tally())
    assert [call.target for call in api.calls] == ["/items?page=2", location]


def test_the_remedy_of_such_a_redirect_loads_all(tmp_path: Path) -> None:
    def handler(call: Call) -> Reply:
        if call.path == "/search":
            return Reply({}, 301, {"Location": "/search/"})
        wanted = call.json["status"]
        return Reply({"records": [{"id": n, "status": s} for n, s in enumerate(["open", "closed"]) if s == wanted]})

    posted: dict[str, Any] = {"method": "POST", "body": {"status": "open"}, "pagination": {"type": "none"}}
    warehouse = Warehouse(tmp_path)
    with LoopbackServer(handler) as api:
        with pytest.raises(RestSourceError, match="redirects by 301") as caught:
            warehouse.load_from(api.url, path="/search", **posted)
        written = yaml.safe_load(caught.value.remedy.split("`")[1])
        assert warehouse.load_from(api.url, **written, **posted).result.rows_inserted == 1


@pytest.mark.parametrize("location", ["/again", "/again?n={n}"])
def test_endless_redirects_end(location: str) -> None:
    def handler(call: Call) -> Reply:
        return Reply(status=302, headers={"Location": location.format(n=len(api.calls))})

    with LoopbackServer(handler) as api, open_session(api.url) as session:
        error = fails(session, Request("GET", f"{api.url}/start"))
    assert (error.id, error.where, len(api.calls)) == ("too_many_redirects", f"GET {api.url}/start", 11)
    assert ("loop" in error.message) == ("{" not in location)


@pytest.mark.parametrize("location", ["http://h/x", "//h/x", "ftp://h/x", "http://["])
def test_a_redirect_never_leaves_https(location: str) -> None:
    answer = Answer(302, "https://h/a", {"Location": location}, b"")
    if location.startswith("//"):
        assert follow(Request("GET", "https://h/a"), answer).url == "https://h/x"
    else:
        with pytest.raises(RestSourceError, match="not encrypted") as caught:
            follow(Request("GET", "https://h/a"), answer)
        assert caught.value.id == "insecure_redirect"


def test_a_redirect_without_location_is_an_error() -> None:
    with LoopbackServer(lambda call: Reply({}, 302)) as api, open_session(api.url) as session:
        assert fails(session, Request("GET", api.url)).id == "http_302"


def test_netrc_is_ignored_and_proxies_are_not(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with LoopbackServer(lambda call: Reply({})) as proxy:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with open_session(proxy.url) as session:
            session.send(Request("GET", proxy.url), Tally())
        monkeypatch.setenv("http_proxy", proxy.url)
        with open_session("http://api.invalid") as session:
            session.send(Request("GET", "http://api.invalid/orders"), Tally())
    assert "Authorization" not in proxy.calls[0].headers
    assert proxy.calls[1].target == "http://api.invalid/orders"


def test_an_unreachable_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://me:hush@127.0.0.1:{_free_port()}")
    with open_session("http://api.invalid", limits={"retries": 0}) as session:
        error = fails(session, Request("GET", "http://api.invalid/orders"))
    assert error.id == "proxy_failed"
    assert "hush" not in str(error)


AUTHS: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "basic", "username": "jö", "password": {"env": "KEY"}}, "Authorization", "Basic asO2OnMzY3LDp3Q="),
    ({"type": "bearer", "token": "{env.TOKEN}"}, "Authorization", "Bearer t0ken-abc"),
    ({"type": "api_key", "in": "header", "name": "X-Key", "value": "Key {env.TOKEN}"}, "X-Key", "Key t0ken-abc"),
    ({"type": "api_key", "in": "cookie", "name": "sid", "value": {"env": "TOKEN"}}, "Cookie", "sid=t0ken-abc"),
]
VARIABLES = {"KEY": "s3crçt", "TOKEN": "t0ken-abc"}


@pytest.mark.parametrize(("auth", "header", "value"), AUTHS)
def test_credentials_go_with_the_request(auth: dict[str, Any], header: str, value: str) -> None:
    with LoopbackServer(lambda call: Reply({})) as api, open_session(api.url, None, VARIABLES, auth=auth) as session:
        session.send(Request("GET", api.url), Tally())
    assert api.calls[0].headers[header] == value


def test_a_key_in_the_query_is_added_once_and_shown_nowhere() -> None:
    auth = {"type": "api_key", "in": "query", "name": "key", "value": {"env": "TOKEN"}}
    with LoopbackServer(lambda call: Reply({})) as api, open_session(api.url, None, VARIABLES, auth=auth) as session:
        answer = session.send(Request("GET", f"{api.url}/a?x=1"), Tally())
        session.send(Request("GET", f"{api.url}/a?key=t0ken-abc"), Tally())
    assert [call.target for call in api.calls] == ["/a?x=1&key=t0ken-abc", "/a?key=t0ken-abc"]
    assert answer.url == f"{api.url}/a?x=1"


def test_own_headers_stand_before_credentials() -> None:
    auth = {"type": "bearer", "token": "abcdef"}
    with LoopbackServer(lambda call: Reply({})) as api, open_session(api.url, auth=auth) as session:
        session.send(Request("GET", api.url, headers=(("authorization", "Other x"),)), Tally())
    assert api.calls[0].headers.get_all("Authorization") == ["Other x"]


@pytest.mark.parametrize("value", ["abc9\n", "abc9\u2013"])
def test_a_credential_that_no_header_can_hold_names_its_variable(value: str) -> None:
    auth = {"type": "bearer", "token": {"env": "TOKEN"}}
    with pytest.raises(RestSourceError) as caught, open_session("http://h", None, {"TOKEN": value}, auth=auth):
        pass
    assert caught.value.id == "invalid_header"
    assert "{env.TOKEN}" in caught.value.message
    assert value.strip() not in str(caught.value)


def test_a_missing_variable_is_named() -> None:
    auth = {"type": "bearer", "token": {"env": "TOKEN"}}
    with pytest.raises(RestSourceError, match="TOKEN is not set"), open_session("http://h", auth=auth):
        pass


@pytest.mark.parametrize(("auth", "header", "value"), AUTHS)
def test_no_text_of_an_error_holds_a_secret(
    auth: dict[str, Any], header: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def handler(call: Call) -> Reply:
        return Reply({"message": f"bad {call.headers[header]} for {call.target}"}, 401)

    environment = Environment(VARIABLES)
    path, param = environment["KEY"], environment["TOKEN"]
    with LoopbackServer(handler) as api, ApiSession(source(api.url, auth=auth), environment, FakeClock()) as session:
        error = fails(session, Request("GET", f"{api.url}/{path}", params=(("k", param),)))
    told = f"{error} {error.args} {error.to_dict()} {caplog.text}"
    assert error.id == "http_401" and "bad " in error.message
    for secret in ("s3cr", "t0ken", "asO2OnMzY3LDp3Q"):
        assert secret not in told


@pytest.mark.parametrize(
    "auth",
    [
        {"type": "bearer", "token": {"env": "EMPTY"}},
        {"type": "api_key", "name": "X-Key", "value": "Key {env.EMPTY}"},
    ],
)
def test_an_empty_variable_is_no_credential(auth: dict[str, Any]) -> None:
    with pytest.raises(RestSourceError, match="EMPTY is set but empty") as caught:
        ApiSession(source("http://h", auth=auth), Environment({"EMPTY": ""}))
    assert caught.value.id == "missing_env"


@pytest.mark.parametrize("variables", [{}, {"EMPTY": ""}])
def test_a_default_takes_the_place_of_a_variable_and_is_shown(variables: dict[str, str]) -> None:
    auth = {"type": "bearer", "token": {"env": "EMPTY", "default": "demo-token"}}
    with LoopbackServer(lambda call: Reply({})) as api:
        base_url = api.url.replace("127.0.0.1", "{env.HOST|127.0.0.1}")
        with open_session(base_url, None, variables, auth=auth) as session:
            session.send(Request("GET", api.url), Tally())
            assert session.mask("demo-token") == "demo-token"
    assert api.calls[0].headers["Authorization"] == "Bearer demo-token"


def test_a_password_may_be_empty() -> None:
    auth = {"type": "basic", "username": "key", "password": {"env": "EMPTY"}}
    with (
        LoopbackServer(lambda call: Reply({})) as api,
        open_session(api.url, None, {"EMPTY": ""}, auth=auth) as session,
    ):
        session.send(Request("GET", api.url), Tally())
    assert api.calls[0].headers["Authorization"] == f"Basic {base64.b64encode(b'key:').decode()}"
