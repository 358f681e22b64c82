"""Heads of answers as servers write them, and connections that servers close when they like."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.http.request import Answer, Request, Tally
from rest_source_tests.fakes.raw import HEAD, Talk, raw_server, receive, say
from rest_source_tests.fakes.tls import papers, serving_tls
from rest_source_tests.loading import Warehouse
from rest_source_tests.test_session import FakeClock, fails, open_session

OK = b"HTTP/1.1 200 OK\r\n"
GOOD = b"Content-Length: 10\r\n\r\n" + b'[{"id":1}]'


def answer_to(*parts: bytes) -> Answer:
    """What comes of an answer on the wire."""
    with raw_server(say(*parts)) as url, open_session(url, limits={"retries": 0}) as session:
        return session.send(Request("GET", url), Tally())


@pytest.mark.parametrize("count", [99, 101, 109, 2000])
def test_an_answer_may_have_many_headers(count: int) -> None:
    answer = answer_to(HEAD, *(b"X-%d: %d\r\n" % (n, n) for n in range(count)), b"X-Last: yes\r\n", GOOD)
    assert (answer.status, answer.body, answer.headers["X-Last"]) == (200, b'[{"id":1}]', "yes")
    assert len(answer.headers) == count + 3


@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n" * 3,
        b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nContent-Length: 999\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nno colon\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 104 Upload Resumption Supported\r\n\r\n",
    ],
)
def test_interim_answers_are_passed_over(interim: bytes) -> None:
    answer = answer_to(interim, HEAD, GOOD)
    assert (answer.status, answer.body) == (200, b'[{"id":1}]')
    assert "Link" not in answer.headers


def test_a_switch_of_protocols_that_nobody_asked_for_is_an_error() -> None:
    with (
        raw_server(say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n")) as url,
        open_session(url) as session,
    ):
        assert fails(session, Request("GET", url)).id == "http_101"


@pytest.mark.parametrize(
    ("lines", "headers"),
    [
        (b"no colon here\r\n", {}),
        (b"Location t0ken\r\n", {}),
        (b": no name\r\n", {}),
        (b"Bad Name: x\r\n", {}),
        (b"B\xe4d: x\r\n", {}),
        (b"X-A : 1\r\n", {"X-A": "1"}),
        (b"X-A\t:\t1\t\r\n", {"X-A": "1"}),
        (b"X-A:1\n", {"X-A": "1"}),
        (b"X-A: 1,\r\n 2,\r\n\t3\r\n", {"X-A": "1, 2, 3"}),
        (b"no colon\r\n folded\r\n", {}),
        (b"X-A: a\rb\0c\r\n", {"X-A": "a b c"}),
        (b"X-A: a\x0bb\x0cc\x1cd\x85e\r\n", {"X-A": "a\x0bb\x0cc\x1cd\x85e"}),
        (b"X-A: K\xc3\xb6ln\r\n", {"X-A": "K\xc3\xb6ln"}),
        (b"X-A: 1\r\nx-a: 2\r\n", {"X-A": "1, 2"}),
        (b"X-A:\r\n", {"X-A": ""}),
    ],
)
def test_a_line_that_is_no_header_does_not_swallow_those_after_it(lines: bytes, headers: dict[str, str]) -> None:
    answer = answer_to(HEAD, lines, b'Link: </x?page=2>; rel="next"\r\nX-RateLimit-Remaining: 7\r\n', GOOD)
    known = {"Content-Type": "application/json", "Content-Length": "10"}
    known |= {"Link": '</x?page=2>; rel="next"', "X-RateLimit-Remaining": "7"}
    assert dict(answer.headers) == known | headers
    assert answer.body == b'[{"id":1}]'


def test_a_first_line_that_is_folded_is_left_out() -> None:
    assert dict(answer_to(OK, b" folded\r\n", GOOD).headers) == {"Content-Length": "10"}


def test_what_follows_a_broken_line_decides_the_load(tmp_path: Path) -> None:
    pages = [b'Link: </orders?page=2>; rel="next"\r\n', b""]

    def talk(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"no colon\r\n" + pages.pop(0) + b"Connection: close\r\n" + GOOD)

    with raw_server(talk) as url:
        keys: dict[str, Any] = {"data_root": "$", "pagination": {"type": "link_header"}}
        outcome = Warehouse(tmp_path).load_from(url, write="append", **keys)
    assert (outcome.pages, outcome.result.rows_inserted) == (2, 2)


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (b"Transfer-Encoding : chunked\r\n", b"2\r\n[]\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: gzip, chunked\r\nContent-Length: 99\r\n", b"2\r\n[]\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: CHUNKED\r\n", b"2;a=b\r\n[]\r\n0\r\nX-Trailer: 1\r\nno colon\r\n\r\n"),
        (b"Content-Length: 2, 2\r\n", b"[]and more"),
        (b"Content-Length: 2\r\nContent-Length: 2\r\n", b"[]and more"),
        (b"Content-Length : 2\r\n", b"[]and more"),
    ],
)
def test_the_end_of_a_body_is_found(lines: bytes, body: bytes) -> None:
    assert answer_to(OK, lines, b"\r\n", body).body == b"[]"


@pytest.mark.parametrize(
    ("parts", "id"),
    [
        ([HEAD], "truncated_body"),
        ([OK, b"Content-Ty"], "truncated_body"),
        ([b"HTTP/1.1 200 OK"], "truncated_body"),
        ([b"HTTP/1.1 103 Early Hints\r\n\r\n"], "connection_reset"),
        ([HEAD, b"Content-Length: 99\r\n\r\n[]"], "truncated_body"),
        ([HEAD, b"Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n"], "truncated_body"),
        ([HEAD, b"Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n-5\r\n"], "truncated_body"),
        ([HEAD, b"Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n" + b"5" * 70_000], "truncated_body"),
        ([HEAD, b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]"], "two_lengths"),
        ([b"RTSP/1.0 200 OK\r\n\r\n"], "not_http"),
        ([b"HTTP/1.1 OK\r\n\r\n"], "not_http"),
    ],
)
def test_an_answer_that_is_cut_or_none_says_so(parts: list[bytes], id: str) -> None:
    with raw_server(say(*parts)) as url, open_session(url, limits={"retries": 0}) as session:
        error = fails(session, Request("GET", url))
    assert error.id == id
    assert error.cause and error.remedy


@pytest.mark.parametrize("line", ["SSH-2.0-OpenSSH_9.6", "HTTP/1.1 200OK"])
def test_what_is_no_answer_of_http_is_quoted(line: str) -> None:
    with raw_server(say(f"{line}\r\n\r\n".encode())) as url, open_session(url) as session:
        assert (
            fails(session, Request("GET", url)).message
            == f"What answered does not speak HTTP (it began with `{line}`)."
        )


@contextmanager
def hanging_up(how: Callable[[socket.socket], None], served: int = 1) -> Iterator[tuple[str, list[int]]]:
    """A server that answers so many requests on each connection and hangs up on the next; and all that it answered."""
    answered: list[int] = []
    connections, lock = [0], Lock()

    def talk(connection: socket.socket) -> None:
        with lock:
            connections[0] += 1
            number = connections[0]
        for _ in range(served):
            connection.sendall(HEAD + GOOD)
            answered.append(number)
            if not receive(connection):
                return
        how(connection)

    with raw_server(talk) as url:
        yield url, answered


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("how", [say(), say(reset=True)], ids=["closed", "reset"])
def test_a_request_on_a_connection_that_the_server_has_closed_is_sent_again_at_once(how: Talk, method: str) -> None:
    tally, clock = Tally(), FakeClock()
    with hanging_up(how) as (url, answered), open_session(url, clock, limits={"retries": 0}) as session:
        for _ in range(3):
            session.send(Request(method, url, body=b"{}" if method == "POST" else None), tally)
    assert answered == [1, 2, 3]
    assert (tally.requests, tally.retries, clock.slept) == (3, 0, [])


@pytest.mark.parametrize("parts", [[], [b"HTT"]])
def test_a_post_is_not_sent_again_where_it_may_have_arrived(parts: list[bytes]) -> None:
    tally = Tally()
    served = 0 if not parts else 1  # on a new connection, or with a piece of an answer
    with hanging_up(say(*parts), served) as (url, answered), open_session(url) as session:
        for _ in range(served):
            session.send(Request("POST", url, body=b"{}"), tally)
        error = fails(session, Request("POST", url, body=b"{}"), tally)
    assert error.id in ("connection_reset", "truncated_body")
    assert (tally.requests, answered) == (served + 1, [1] * served)


def test_a_post_over_tls_is_sent_again_too(tmp_path: Path) -> None:
    def handler(call: Call) -> Reply:
        if len(api.calls) == 2:
            raise ConnectionResetError
        return Reply({})

    made, tally = papers(tmp_path, "server"), Tally()
    with serving_tls(handler, made) as api, open_session(api.url, tls={"ca": str(made.cert)}) as session:
        for _ in range(2):
            session.send(Request("POST", api.url, body=b"{}"), tally)
    assert (tally.requests, tally.retries, len(api.calls)) == (2, 0, 3)


def test_it_is_sent_again_once() -> None:
    def once(connection: socket.socket) -> None:
        connection.sendall(HEAD + GOOD)
        receive(connection)

    talks: list[Talk] = [once, say()]
    tally = Tally()

    def talk(connection: socket.socket) -> None:
        talks.pop(0)(connection)

    with raw_server(talk) as url, open_session(url) as session:
        session.send(Request("POST", url, body=b"{}"), tally)
        error = fails(session, Request("POST", url, body=b"{}"), tally)
    assert (error.id, tally.requests, talks) == ("connection_reset", 2, [])


def test_an_idle_connection_is_not_used_when_the_server_is_about_to_close_it() -> None:
    clock, peers = FakeClock(), list[int]()

    def talk(connection: socket.socket) -> None:
        while True:
            peers.append(connection.getpeername()[1])
            connection.sendall(HEAD + b"Keep-Alive: max=100, timeout=5\r\n" + GOOD)
            if not receive(connection):
                return

    with raw_server(talk) as url, open_session(url, clock) as session:
        for idle in (0, 3.9, 4.1):
            clock.time += idle
            session.send(Request("GET", url), Tally())
    assert peers[0] == peers[1] != peers[2]


def test_cookies_of_an_answer_on_the_fresh_connection_are_kept() -> None:
    def handler(call: Call) -> Reply:
        if len(api.calls) == 2:
            raise ConnectionResetError
        return Reply([], headers={"Set-Cookie": f"sid={len(api.calls)}"} if len(api.calls) == 3 else {})

    with LoopbackServer(handler) as api, open_session(api.url) as session:
        for _ in range(3):
            session.send(Request("GET", api.url), Tally())
    assert [call.headers["Cookie"] for call in api.calls] == [None, None, None, "sid=3"]


def test_keeping_connections_is_worth_it() -> None:
    with LoopbackServer(lambda call: Reply([])) as api, open_session(api.url) as session:
        for _ in range(5):
            session.send(Request("GET", api.url), Tally())
        assert len(api._server._connections) == 1
