"""A hostile API on real sockets, loaded end to end: the right rows or a clear error, in bounded time and memory."""

import gzip
import itertools
import json
import signal
import socket
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.extract.stream import PageStream
from rest_source.http.session import ApiSession
from rest_source.load.outcome import LoadOutcome
from rest_source.load.pipeline import run_load
from rest_source.spec.environment import Environment
from rest_source_tests.fakes.raw import HEAD, Talk, raw_server, say, trickle
from rest_source_tests.loading import Warehouse, source_spec
from rest_source_tests.memory import forget_peak, peak_of_process
from rest_source_tests.test_session import FakeClock

SECONDS = 90
MEMORY = 1_500_000_000
JSON = {"Content-Type": "application/json"}
TOKEN = "t0ken-abcdef"
Answer = Callable[[Call], Reply]

CURSOR = {"type": "cursor", "value": "$.next", "param": "page"}
ODD_TOTALS: list[Any] = [None, "many", -1, -1.5, True, [3], {}, "9" * 30]
NEXT_URL = {"type": "next_url", "path": "$.next"}
PAGE = {"type": "page_number"}
OFFSET = {"type": "offset_limit", "limit": 2}
TOTAL = {"type": "page_number", "total_records": "$.total"}
LINK = {"type": "link_header"}
SHORT = {"retries": 0, "timeout": "500ms"}


@dataclass(frozen=True, slots=True)
class Case:
    """What the API does and what becomes of it: `ids` in the table, or one of the errors; then it is unchanged."""

    answer: Answer | None = None
    talk: Talk | None = None
    ids: Sequence[int] = ()
    error: str = ""
    warned: str = ""
    reason: str = ""
    pagination: dict[str, Any] = field(default_factory=lambda: CURSOR)
    limits: dict[str, Any] = field(default_factory=dict)
    endpoint: dict[str, Any] = field(default_factory=dict)
    requests: int = 30
    column: tuple[str, Any] | None = None


def body(ids: Sequence[int], **rest: Any) -> dict[str, Any]:
    return {"records": [{"id": id} for id in ids], **rest}


def always(reply: Any, **headers: str) -> Answer:
    """The same answer to every request; bytes are sent as JSON."""
    made = reply if isinstance(reply, Reply) else Reply(reply, headers={**JSON, **headers})
    return lambda call: made


def big(make: Callable[[], bytes], **headers: str) -> Answer:
    """An answer too large to stand in a table: made when it is asked for."""
    return lambda call: Reply(make(), headers={**JSON, **{k.replace("_", "-"): v for k, v in headers.items()}})


def by_page(*pages: Any, **rest: Any) -> Answer:
    """Pages by number from 1, empty beyond; a callable among the `rest` is given the page."""

    def answer(call: Call) -> Reply:
        number = int(call.arg("page") or 1)
        page = pages[number - 1] if number <= len(pages) else []
        return page if isinstance(page, Reply) else Reply(body(page, **rest))

    return answer


def by_cursor(*pages: Any) -> Answer:
    """Pages whose cursor is the next page's number."""

    def answer(call: Call) -> Reply:
        number = int(call.arg("page") or 1)
        page = pages[number - 1]
        follows = {"next": number + 1} if number < len(pages) else {}
        return page if isinstance(page, Reply) else Reply(body(page, **follows))

    return answer


def turning(nexts: Callable[[int], Any]) -> Answer:
    """A new record each time, and whatever `nexts` makes of the number of requests so far."""
    count = itertools.count()

    def answer(call: Call) -> Reply:
        number = next(count)
        return Reply(body([number + 1], next=nexts(number)))

    return answer


def failing(times: int, reply: Reply) -> Callable[[], Answer]:
    """The reply so many times, then a good page, on each page; made anew per test."""

    def make() -> Answer:
        left = itertools.count(times, -1)
        return lambda call: reply if next(left) > 0 else Reply(body([1, 2]))

    return make


def text(record: str) -> Answer:
    return always(b'{"records":[{"id":1,"v":' + record.encode() + b"}]}")


def encoded(encoding: str, content_type: str = "application/json") -> Answer:
    return always(Reply('{"records":[{"id":1,"v":"café"}]}'.encode(encoding), headers={"Content-Type": content_type}))


def nested(levels: int) -> Answer:
    return text("[" * levels + "]" * levels)


def bomb(layers: int) -> bytes:
    """A gigabyte of zeros, packed again and again."""
    packer = zlib.compressobj(9, wbits=31)
    block = bytes(1_000_000)
    head = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    data = head + again * 999
    return data if layers == 1 else gzip.compress(data)


GOOD = json.dumps(body([1])).encode()


def slowly(pause: float, *parts: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)

    return talk


def pour(first: bytes, flood: bytes) -> Talk:
    """The same again and again, as fast as it is taken."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(flood)

    return talk


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LOOPS = {
    "the same next URL": Case(turning(lambda n: "/orders?at=1"), error="pagination_loop", pagination=NEXT_URL),
    "the next URL is the first": Case(turning(lambda n: "/orders"), error="pagination_loop", pagination=NEXT_URL),
    "the same cursor": Case(turning(lambda n: "x"), error="pagination_loop", requests=2),
    "cursors A-B-A": Case(turning(lambda n: "AB"[n % 2]), error="pagination_loop", requests=4),
    "next URLs A-B-A": Case(turning(lambda n: f"/{n % 2}"), error="pagination_loop", pagination=NEXT_URL),
    "a circle of seven cursors": Case(turning(lambda n: n % 7), error="pagination_loop"),
    "a Link to itself": Case(
        always([{"id": 1}], Link='</orders?at=2>; rel="next"'),
        error="pagination_loop",
        pagination=LINK,
        endpoint={"data_root": "$"},
    ),
    "cursors without end": Case(turning(lambda n: n + 1), error="max_pages", limits={"max_pages": 20}),
    "pages without end": Case(
        turning(lambda n: None),
        error="max_pages",
        pagination=PAGE,
        limits={"max_pages": 20},
    ),
    "the page parameter is ignored": Case(always(body([1, 2])), error="parameter_ignored", pagination=PAGE),
    "the offset is ignored": Case(always(body([1, 2])), error="parameter_ignored", pagination=OFFSET),
    "the last page again and again": Case(
        lambda call: Reply(body([[1, 2], [3, 4], [5]][min(int(call.arg("page") or 1), 3) - 1])),
        ids=[1, 2, 3, 4, 5],
        pagination=PAGE,
        reason="repeated_page",
        warned="same records",
    ),
}
PAGES = {
    "short and empty pages in the middle": Case(by_cursor([1, 2], [], [3], [], [], [], [], [], [4]), ids=[1, 2, 3, 4]),
    "an empty first page": Case(by_cursor([], [], [1]), ids=[1]),
    "empty pages before a total is reached": Case(
        by_page([1, 2], [], [], [], [3], total=3), ids=[1, 2, 3], pagination=TOTAL
    ),
    "duplicate pages by cursor": Case(by_cursor([1, 2], [1, 2], [3]), ids=[1, 2, 3], warned="same records as page 1"),
    "duplicate pages with a total": Case(
        by_page([1, 2], [1, 2], [3], total=5), ids=[1, 2, 3], pagination=TOTAL, warned="incomplete"
    ),
    "a total too low": Case(by_page([1, 2], [3], total=1), ids=[1, 2], pagination=TOTAL, warned="announced 1 records"),
    "a total too high": Case(by_page([1, 2], [3], total=9), ids=[1, 2, 3], pagination=TOTAL, warned="incomplete"),
    "a total of 10^30": Case(by_page(Reply(b'{"records":[{"id":1}],"total":1%030d}' % 0)), ids=[1], pagination=TOTAL),
    "a total of 1e30": Case(by_page([1, 2], total=1e30), ids=[1, 2], pagination=TOTAL),
    **{
        f"a total of {total!r}": Case(by_page([1, 2], [3], total=total), ids=[1, 2, 3], pagination=TOTAL)
        for total in ODD_TOTALS
    },
    "an error body with 200": Case(always({"error": "quota"}), error="data_root_not_found"),
    "an error body as the record": Case(
        always({"error": "quota"}), error="primary_key_missing", endpoint={"data_root": "$"}
    ),
    "a list of errors": Case(always(["quota"]), error="data_root_not_found"),
    "204": Case(always(Reply(status=204)), ids=[]),
    "an empty body with 200": Case(always(b""), error="empty_body"),
    "a cursor of 1 MB": Case(turning(lambda n: "x" * 1_000_000), error="http_414|connection_reset"),
    "the same cursor of 1 MB": Case(
        turning(lambda n: "x" * 1_000_000),
        error="pagination_loop",
        pagination={**CURSOR, "in": "body"},
        endpoint={"method": "POST"},
    ),
    "a cursor that is an object": Case(turning(lambda n: {"a": n}), error="cursor_not_scalar"),
    "next URL file://": Case(always(body([1], next="file:///etc/passwd")), error="invalid_url", pagination=NEXT_URL),
    "next URL javascript:": Case(always(body([1], next="javascript:x")), error="invalid_url", pagination=NEXT_URL),
    "next URL that is none": Case(
        always(body([1], next="http://[")), error="next_url_invalid|invalid_url", pagination=NEXT_URL
    ),
    "next URL a number": Case(always(body([1], next=7)), error="next_url_not_text", pagination=NEXT_URL),
    "next URL of 1 MB": Case(
        always(body([1], next="/" + "x" * 1_000_000)), error="http_414|connection_reset", pagination=NEXT_URL
    ),
    **{
        f"next URL {url}": Case(
            always(body([1], next=url)), error="link_local_address", pagination=NEXT_URL, requests=1
        )
        for url in (
            "http://169.254.169.254/latest/meta-data/",
            "//169.254.169.254/",
            "http://0xA9FEA9FE/",
            "http://2852039166/",
            "http://[::ffff:169.254.169.254]/",
            "http://[fe80::1]/",
            "http://me:x@169.254.1.1:80/",
        )
    },
    "a redirect to 169.254.169.254": Case(
        always(Reply(status=302, headers={"Location": "http://169.254.169.254/"})), error="link_local_address"
    ),
    "a redirect loop": Case(always(Reply(status=302, headers={"Location": "/orders"})), error="too_many_redirects"),
    "a Link header of 30 kB": Case(
        always([{"id": 1}], Link=", ".join(['</a>; rel="last"'] * 1800)),
        ids=[1],
        pagination=LINK,
        endpoint={"data_root": "$"},
    ),
    "a Link header of 70 kB": Case(
        always([{"id": 1}], Link="x" * 70_000), ids=[1], pagination=LINK, endpoint={"data_root": "$"}
    ),
    "6 MB of Link headers that are none": Case(
        talk=say(HEAD, (b"Link: " + b"<" * 65_000 + b"\r\n") * 90, b"Content-Length: 10\r\n\r\n", b'[{"id":1}]'),
        ids=[1],
        pagination=LINK,
        endpoint={"data_root": "$"},
    ),
    "headers without end": Case(talk=pour(HEAD, b"X: 1\r\n" * 1000), error="header_too_long", requests=1),
    "a header without end": Case(talk=pour(HEAD, b"x" * 100_000), error="header_too_long", requests=1),
    "a head folded 9,000 times": Case(
        talk=say(HEAD, b"X: " + b"x" * 1_000_000, b"\r\n " * 9000, b"\r\nContent-Length: %d\r\n\r\n" % len(GOOD), GOOD),
        ids=[1],
    ),
}
WIRE = {
    "a head that trickles": Case(talk=trickle(HEAD, b"X-A: 1\r\n"), error="slow_response", limits=SHORT),
    "a first line that trickles": Case(talk=trickle(b"", b"HTTP/1.1 200 OK"), error="slow_response", limits=SHORT),
    "a body that trickles": Case(
        talk=trickle(HEAD + b"Content-Length: 9999\r\n\r\n", b" "), error="slow_response", limits=SHORT
    ),
    "a body without length that trickles": Case(
        talk=trickle(HEAD + b"\r\n", b" "), error="slow_response", limits=SHORT
    ),
    "chunks that trickle": Case(talk=trickle(CHUNKED, b"1\r\n \r\n"), error="slow_response", limits=SHORT),
    "gzip that trickles": Case(
        talk=trickle(HEAD + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"")), error="slow_response", limits=SHORT
    ),
    "silence": Case(talk=slowly(1, b"", b""), error="read_timeout", limits=SHORT),
    "silence in the body": Case(
        talk=slowly(1, HEAD + b"Content-Length: 9\r\n\r\n[", b""), error="read_timeout", limits=SHORT
    ),
    "pauses, and then all at once": Case(
        talk=slowly(0.4, HEAD, b"X: 1\r\n", b"Content-Length: %d\r\n\r\n" % len(GOOD), GOOD),
        ids=[1],
        limits={"retries": 0, "timeout": "1s"},
    ),
    "interim answers without end": Case(
        talk=pour(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 3000), error="header_too_long", requests=1
    ),
    "trailers without end": Case(
        talk=pour(CHUNKED + b"0\r\n", b"X: 1\r\n" * 10_000), error="response_too_large", limits={"max_response": "1MB"}
    ),
    "chunk extensions without end": Case(
        talk=pour(CHUNKED, b"1;" + b"x" * 60_000 + b"\r\n \r\n"),
        error="response_too_large",
        limits={"max_response": "1MB"},
    ),
    "empty gzip members without end": Case(
        talk=pour(HEAD + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"") * 3000),
        error="response_too_large",
        limits={"max_response": "1MB"},
    ),
    "a body without end": Case(
        talk=pour(HEAD + b"\r\n", b" " * 100_000), error="response_too_large", limits={"max_response": "1MB"}
    ),
    "a reset in mid-body": Case(
        talk=say(HEAD + b"Content-Length: 99\r\n\r\n[1,", reset=True), error="connection_reset|truncated_body"
    ),
    "a body that is cut": Case(talk=say(HEAD + b"Content-Length: 99\r\n\r\n[1,"), error="truncated_body"),
    "chunks that are cut": Case(talk=say(CHUNKED + b"5\r\n[1,2"), error="truncated_body"),
    "chunks that are none": Case(talk=say(CHUNKED + b"zz\r\n[1,2"), error="truncated_body"),
    "no answer": Case(talk=say(), error="connection_reset"),
    "a reset before any answer": Case(talk=say(reset=True), error="connection_reset"),
    "something else than HTTP": Case(talk=say(b"220 smtp ready\r\n"), error="not_http"),
    "a length of -1": Case(talk=say(HEAD + b"Content-Length: -1\r\n\r\n" + GOOD), ids=[1]),
    "a length that is text": Case(talk=say(HEAD + b"Content-Length: many\r\n\r\n" + GOOD), ids=[1]),
    "a length too short": Case(talk=say(HEAD + b"Content-Length: 20\r\n\r\n" + GOOD), error="truncated_json"),
    "two lengths": Case(
        talk=say(HEAD + b"Content-Length: 2\r\nContent-Length: 999\r\n\r\n" + GOOD),
        error="two_lengths",
        requests=1,
    ),
    "truncated JSON with its right length": Case(always(GOOD[:-5]), error="truncated_json"),
    "gzip that is cut": Case(
        always(gzip.compress(GOOD[:-1] + b" " * 50 + b"}")[:-20], **{"Content-Encoding": "gzip"}),
        error="truncated_json",
    ),
    "gzip that is garbage": Case(always(b"garbage" * 99, **{"Content-Encoding": "gzip"}), error="undecodable_body"),
    "gzip that turns to garbage": Case(
        always(gzip.compress(GOOD * 500)[:60] + b"garbage" * 99, **{"Content-Encoding": "gzip"}),
        error="undecodable_body|truncated_json",
    ),
    "a gzip bomb": Case(big(lambda: bomb(1), Content_Encoding="gzip"), error="response_too_large"),
    "a bomb in a bomb": Case(big(lambda: bomb(2), Content_Encoding="gzip, gzip"), error="response_too_large"),
}
STATUS = {
    "429 with Retry-After": Case(
        always(Reply(status=429, headers={"Retry-After": "30"})), error="http_429", requests=6
    ),
    "429 for a year": Case(
        always(Reply(status=429, headers={"Retry-After": "31536000"})), error="retry_later", requests=1
    ),
    "429 for ever": Case(
        always(Reply(status=429, headers={"Retry-After": "9" * 400})), error="retry_later", requests=1
    ),
    "429 with headers of a megabyte": Case(
        talk=say(
            b"HTTP/1.1 429 Slow down\r\nContent-Length: 0\r\n",
            b"RateLimit-" * 100_000 + b"x: 1\r\n",
            b"RateLimit: " + b'"a";r=0;t=' * 100_000 + b"\r\nX-RateLimit-Reset: " + b"1a" * 500_000 + b"\r\n",
            b"Date: a" + b" " * 1_000_000 + b"b\r\n\r\n",
        ),
        error="http_429",
        limits={"retries": 0},
    ),
    "429 until 10^400": Case(
        always(Reply(status=429, headers={"X-RateLimit-Reset": "9" * 400})), error="retry_later", requests=1
    ),
    "500 for ever": Case(always(Reply(status=500)), error="http_500", requests=6),
    "a status of 999": Case(always(Reply(status=999)), error="http_999", requests=1),
    "an error page of 100 MB": Case(
        lambda call: Reply(b"<html>" + b"<script>" * 12_500_000, status=404), error="http_404", requests=1
    ),
    "an error of many tags": Case(lambda call: Reply(b"<" * 1_000_000, status=404), error="http_404", requests=1),
    "an error of many titles": Case(lambda call: Reply(b"<title>" * 140_000, status=404), error="http_404", requests=1),
}
CONTENT = {
    "JSON as text/html": Case(always(Reply(GOOD, headers={"Content-Type": "text/html"})), ids=[1]),
    "JSON without a type": Case(talk=say(b"HTTP/1.1 200 OK\r\n\r\n", GOOD), ids=[1]),
    "latin-1, declared": Case(
        encoded("latin-1", "application/json; charset=ISO-8859-1"), ids=[1], column=("v", "café")
    ),
    "latin-1, undeclared": Case(encoded("latin-1"), error="not_utf8"),
    "latin-1, declared as what nobody knows": Case(encoded("latin-1", "text/json; charset=x-none"), error="not_utf8"),
    "UTF-8, declared as latin-1": Case(encoded("utf-8", "text/json; charset=latin-1"), ids=[1], column=("v", "café")),
    "a charset that is no text": Case(encoded("latin-1", "text/json; charset=zlib"), error="not_utf8"),
    "a byte order mark": Case(encoded("utf-8-sig"), ids=[1], column=("v", "café")),
    "UTF-16": Case(encoded("utf-16"), ids=[1], column=("v", "café")),
    "UTF-16 without a mark": Case(encoded("utf-16-le"), ids=[1], column=("v", "café")),
    "UTF-32": Case(encoded("utf-32"), ids=[1], column=("v", "café")),
    "UTF-16 that is cut": Case(always('{"records":[{"id":1}]}'.encode("utf-16")[:-3]), error="truncated_json"),
    "invalid UTF-8": Case(always(b'{"records":[{"id":1,"v":"\xff\xc0"}]}'), error="not_utf8"),
    "a lone surrogate": Case(text('"\\ud800"'), ids=[1], column=("v", "\\ud800")),
    "NUL": Case(text('"a\\u0000b"'), ids=[1], column=("v", "a\\u0000b")),
    "NaN": Case(text("NaN"), error="invalid_json"),
    "Infinity": Case(text("-Infinity"), error="invalid_json"),
    "1e400": Case(text("1e400"), ids=[1], column=("v", "1e400")),
    "duplicate keys": Case(always(b'{"records":[{"id":9,"id":1}]}'), ids=[1]),
    "an integer of 10,000 digits": Case(text("7" * 10_000), ids=[1], column=("v", "7" * 10_000)),
    "a fraction of 10,000 digits": Case(text("0." + "7" * 10_000), ids=[1], column=("v", "0." + "7" * 10_000)),
    "an exponent of 10,000 digits": Case(text("1e" + "7" * 10_000), ids=[1]),
    "nesting of 100": Case(nested(100), ids=[1]),
    "nesting of 249": Case(nested(249), ids=[1]),
    "nesting of 300": Case(nested(300), error="too_deep"),
    "nesting of 100,000": Case(nested(100_000), error="too_deep"),
    "nesting that never closes": Case(always(b"[" * 1_000_000), error="too_deep|truncated_json"),
    "a key of 1 MB": Case(always({"records": [{"id": 1, "k" * 1_000_000: 1}]}), ids=[1]),
    "a root of 1 MB": Case(always({"k" * 1_000_000: [{"id": 1}]}), error="data_root_not_found"),
    "5,000 keys in a record": Case(
        always({"records": [{"id": 1, **{f"k{number}": number for number in range(5000)}}]}), error="too_many_columns"
    ),
    "5,000 records with a key of their own": Case(
        always({"records": [{"id": 1, f"k{number}": number} for number in range(5000)]}), error="too_many_columns"
    ),
    "100 MB of space before": Case(big(lambda: b" " * 100_000_000 + GOOD), ids=[1]),
    "100 MB of space after": Case(big(lambda: GOOD + b"\n" * 100_000_000), ids=[1]),
    "100 MB of space": Case(big(lambda: b" " * 100_000_000), error="empty_body"),
    "100 MB of text": Case(
        big(lambda: b'{"records":[{"id":1,"v":"' + b"x" * 100_000_000 + b'"}]}'),
        ids=[1],
        limits={"max_response": "1GB"},
    ),
    "a million records that are null": Case(
        big(lambda: b'{"records":[' + b"null," * 1_000_000 + b'{"id":1}]}'), ids=[1]
    ),
}
CASES = LOOPS | PAGES | WIRE | STATUS | CONTENT


@pytest.fixture(autouse=True)
def alarm() -> Iterator[None]:
    """Nothing here may hang; the alarm interrupts whatever the main thread is doing."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"still not done after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A warehouse file with one order, 0."""
    warehouse = Warehouse(tmp_path_factory.mktemp("loaded"))
    warehouse.load([{"id": 0}], primary_key="id")
    return warehouse.path.read_bytes()


@pytest.fixture
def warehouse(tmp_path: Path, loaded: bytes) -> Warehouse:
    made = Warehouse(tmp_path)
    made.path.write_bytes(loaded)
    return made


def load(warehouse: Warehouse, url: str, clock: FakeClock | None = None, **keys: Any) -> LoadOutcome:
    """Load orders with a clock on which waiting takes no time."""
    keys = {"primary_key": "id", **keys}
    spec, environment = source_spec(url, **keys), Environment({"TOKEN": TOKEN})
    with ApiSession(spec, environment, clock or FakeClock()) as session:
        stream = PageStream(spec, spec.endpoints[0], session, environment)
        return run_load(stream, warehouse.destination, warehouse.state, report=warehouse.said.append)


def fails(warehouse: Warehouse, url: str, ids: str, **keys: Any) -> RestSourceError:
    before = warehouse.table(), warehouse.table("_rest_source.loads")
    with pytest.raises(RestSourceError) as caught:
        load(warehouse, url, **keys)
    error = caught.value
    assert error.id in ids.split("|"), str(error)[:500]
    assert error.cause or error.remedy
    assert error.where.startswith("shop.orders")
    assert len(str(error)) < 5000
    assert (warehouse.table(), warehouse.table("_rest_source.loads")) == before
    return error


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_api_gets_right_rows_or_a_clear_error(warehouse: Warehouse, name: str) -> None:
    case = CASES[name]
    forget_peak()
    keys = {
        "source": {"limits": case.limits, "auth": {"type": "bearer", "token": {"env": "TOKEN"}}},
        "pagination": case.pagination,
        **case.endpoint,
    }
    calls: list[Call] = []
    with raw_server(case.talk) if case.talk else LoopbackServer(counted(case.answer, calls)) as server:
        url = server if isinstance(server, str) else server.url
        if case.error:
            fails(warehouse, url, case.error, **keys)
        else:
            outcome = load(warehouse, url, **keys)
            assert [row[0] for row in warehouse.rows("SELECT id FROM shop.orders ORDER BY id")] == [0, *case.ids]
            assert case.warned in "\n".join(outcome.warnings)
            assert bool(case.warned) == bool(outcome.warnings), outcome.warnings
            assert case.reason in ("", outcome.stop_reason)
    if case.column:
        column, value = case.column
        assert warehouse.rows(f"SELECT {column} FROM shop.orders WHERE id = 1") == [(value,)]
    assert len(calls) <= case.requests
    assert peak_of_process() < MEMORY


def counted(answer: Answer | None, calls: list[Call]) -> Answer:
    def counting(call: Call) -> Reply:
        assert answer is not None
        calls.append(call)
        return answer(call)

    return counting


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("times", [1, 5])
def test_a_storm_that_passes_within_the_retries_is_survived(warehouse: Warehouse, status: int, times: int) -> None:
    clock = FakeClock()
    headers = {"Retry-After": "30"} if status == 429 else {}
    with LoopbackServer(failing(times, Reply({}, status, headers))()) as server:
        outcome = load(warehouse, server.url, clock, source={"limits": {"retries": 5}})
    assert (outcome.requests, outcome.retries, outcome.result.rows_inserted) == (times + 1, times, 2)
    assert outcome.wait_seconds == pytest.approx(sum(clock.slept), abs=0.001)
    assert status != 429 or clock.slept == [30] * times


def test_an_api_whose_every_other_answer_fails_is_loaded(warehouse: Warehouse) -> None:
    turn = itertools.count()

    def flapping(call: Call) -> Reply:
        return Reply({}, 500) if next(turn) % 2 else by_cursor(*[[number] for number in range(1, 21)])(call)

    with LoopbackServer(flapping) as server:
        outcome = load(warehouse, server.url, source={"limits": {"retries": 2}})
    assert (outcome.result.rows_inserted, outcome.retries) == (20, 19)


def test_a_slow_answer_is_asked_for_again(warehouse: Warehouse) -> None:
    turns = itertools.count()

    def talk(connection: socket.socket) -> None:
        first = next(turns) == 0
        (trickle(HEAD + b"\r\n", b" ") if first else say(HEAD + b"\r\n", GOOD))(connection)

    with raw_server(talk) as url:
        outcome = load(warehouse, url, source={"limits": {"retries": 1, "timeout": "1s"}})
    assert (outcome.retries, outcome.result.rows_inserted) == (1, 1)


@pytest.mark.parametrize("how", ["redirect", "next URL", "Link"])
def test_another_host_is_asked_without_our_token(warehouse: Warehouse, how: str) -> None:
    pagination = {"redirect": CURSOR, "next URL": NEXT_URL, "Link": LINK}[how]

    def lead_away(call: Call) -> Reply:
        if how == "redirect":
            return Reply(status=307, headers={"Location": f"{elsewhere}/x?token={TOKEN}&a=1"})
        headers = {"Link": f"<{elsewhere}/x>; rel=next"} if how == "Link" else {}
        return Reply(body([1], next=f"{elsewhere}/x"), headers=headers)

    with LoopbackServer(always(body([2]))) as other, LoopbackServer(lead_away) as server:
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        auth = {"type": "bearer", "token": {"env": "TOKEN"}}
        load(warehouse, server.url, source={"auth": auth}, pagination=pagination)
    assert server.calls[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert [TOKEN in f"{call.target} {call.headers}" for call in other.calls] == [False]
    assert warehouse.rows("SELECT max(id) FROM shop.orders") == [(2,)]


def test_a_next_url_with_credentials_is_followed_and_they_are_shown_nowhere(warehouse: Warehouse) -> None:
    def answer(call: Call) -> Reply:
        if call.arg("at"):
            return Reply({"message": "no"}, 403)
        return Reply(body([1], next=f"http://me:hush-hush@{server.url[7:]}/orders?at=2"))

    with LoopbackServer(answer) as server:
        error = fails(warehouse, server.url, "http_403", pagination=NEXT_URL)
    assert "hush-hush" not in f"{error} {warehouse.said}"
