"""The API that every contestant reads: `python -m benchmarks.server FILE LATENCY` prints its port, ends with its stdin.

`/pages?page=N` says nothing of an end, `/totals?page=N` adds `total_pages`, `/cursor?cursor=N` adds `next`, which is
null on the last page, and `/first?page=N` ends with the first page; `/all` is one body. A page past the end is
`{"data":[]}`. Bodies go from the file to the socket by sendfile, so that the server costs next to no CPU; each
connection has a thread, and the latency is a sleep.
"""

import json
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from subprocess import PIPE, Popen
from time import sleep

from benchmarks.data import ends_file

_REQUEST = re.compile(rb"GET /(pages|totals|cursor|first|all)(?:\?(?:page|cursor)=(\d+))? HTTP/1\.1\r\n")
_HEADERS = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
_MORE = getattr(socket, "MSG_MORE", 0)  # elsewhere than on Linux a body may take one packet more
_MISUNDERSTOOD = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of a file: where each stands, and what the dialects add to it."""

    file: int
    spans: tuple[tuple[int, int], ...]

    @classmethod
    def open(cls, path: Path) -> "Pages":
        """The pages that `write_pages` wrote."""
        spans = pairwise(json.loads(ends_file(path).read_text()))
        return cls(os.open(path, os.O_RDONLY), tuple((start, end - start) for start, end in spans))

    def tail(self, dialect: bytes, number: int) -> bytes:
        """What ends the body of a page, which counts from 1."""
        if dialect == b"totals":
            return b',"total_pages":%d}' % len(self.spans)
        if dialect == b"cursor":
            return b',"next":"%d"}' % (number + 1) if number < len(self.spans) else b',"next":null}'
        return b"}"


def answer(connection: socket.socket, pages: Pages, latency: float) -> None:
    """Serve one connection until its client closes it."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    received = b""
    with connection, suppress(ConnectionError):
        while chunk := connection.recv(65536):
            received += chunk
            while b"\r\n\r\n" in received:
                request, _, received = received.partition(b"\r\n\r\n")
                sleep(latency)
                _respond(connection, pages, request)


def _respond(connection: socket.socket, pages: Pages, request: bytes) -> None:
    asked = _REQUEST.match(request + b"\r\n")
    if asked is None:
        return connection.sendall(_MISUNDERSTOOD)
    if asked[1] == b"all":
        return _respond_at_once(connection, pages)
    number = int(asked[2] or 1)
    tail = pages.tail(asked[1], number)
    if not 1 <= number <= (1 if asked[1] == b"first" else len(pages.spans)):
        return connection.sendall(_HEADERS.format(10 + len(tail)).encode() + b'{"data":[]' + tail)
    position, length = pages.spans[number - 1]
    connection.send(_HEADERS.format(length + len(tail)).encode(), _MORE)
    _send(connection, pages.file, position, length)
    return connection.sendall(tail)


def _respond_at_once(connection: socket.socket, pages: Pages) -> None:
    """Every record in one body: the pages without what opens and closes each."""
    opening, closing = len(b'{"data":['), len(b"]")
    inner = [(start + opening, length - opening - closing) for start, length in pages.spans]
    total = sum(length for _, length in inner) + len(inner) - 1 + opening + len(b"]}")
    connection.send(_HEADERS.format(total).encode() + b'{"data":[', _MORE)
    for number, span in enumerate(inner):
        if number:
            connection.send(b",", _MORE)
        _send(connection, pages.file, *span)
    connection.sendall(b"]}")


def _send(connection: socket.socket, file: int, position: int, length: int) -> None:
    while length:
        sent = os.sendfile(connection.fileno(), file, position, length)
        position, length = position + sent, length - sent


def _accept(listener: socket.socket, pages: Pages, latency: float) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection, pages, latency), daemon=True).start()


@contextmanager
def serving(file: Path, latency: float) -> Iterator[str]:
    """A server process for the block; yields its URL."""
    command = [sys.executable, "-m", "benchmarks.server", str(file), str(latency)]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True, cwd=Path(__file__).parents[1]) as process:
        assert process.stdout
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"


def main(file: str, latency: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    print(listener.getsockname()[1], flush=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it, by closing its stdin
    threading.Thread(target=_accept, args=(listener, Pages.open(Path(file)), float(latency)), daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
