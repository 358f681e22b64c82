"""A server of bytes: what it sends need not be HTTP, nor come in time."""

import itertools
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread

Talk = Callable[[socket.socket], None]
"""What a server does with one connection whose request has been read."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def raw_server(talk: Talk) -> Iterator[str]:
    """A server that reads a request from each connection, misbehaves as told, and closes it."""
    listener = socket.create_server(("127.0.0.1", 0))
    open_ones: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the client has had enough
            receive(connection)
            talk(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                open_ones.append(connection)
                Thread(target=serve, args=(connection,), daemon=True).start()

    thread = Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=5)
        for connection in open_ones:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def receive(connection: socket.socket) -> bytes:
    """One request, which may come in pieces; nothing where the client has gone."""
    got = connection.recv(65536)
    while _is_cut(got) and (more := connection.recv(65536)):
        got += more
    return got


def _is_cut(got: bytes) -> bool:
    head, end, body = got.partition(b"\r\n\r\n")
    if not re.match(rb"[A-Z]+ ", got):  # not HTTP
        return False
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    return not end or len(body) < (int(length[1]) if length else 0)


def say(*parts: bytes, reset: bool = False) -> Talk:
    """These bytes, and no more."""

    def talk(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return talk


def trickle(first: bytes, drops: bytes, pause: float = 0.02) -> Talk:
    """One byte at a time, each well within the timeout of a read, for as long as somebody listens."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(first)
        for drop in itertools.cycle(drops):
            connection.sendall(bytes([drop]))
            time.sleep(pause)

    return talk


def stay_silent(connection: socket.socket) -> None:
    """Nothing, until the client has given up."""
    connection.recv(65536)
