"""A small HTTP/1.1 server on loopback: plumbing for the demo API and for fakes in tests and benchmarks."""

import contextlib
import socket
import socketserver
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import orjson


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the server received it; `path` is decoded, `target` is path and query as sent."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Message
    body: bytes
    target: str = ""

    def arg(self, name: str, default: str | None = None) -> str | None:
        """The last value of a query parameter."""
        return self.query.get(name, [default])[-1]

    @property
    def json(self) -> Any:
        """The body read as JSON; a ValueError if it is none."""
        return orjson.loads(self.body)

    @property
    def form(self) -> dict[str, list[str]]:
        """The body read as application/x-www-form-urlencoded."""
        return parse_qs(self.body.decode(), keep_blank_values=True)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: bytes and str are sent as they are, any other body as JSON, and a 204 without a body.

    `truncate` sends only so many bytes of the announced body and then cuts the connection. A handler that
    raises a ConnectionError cuts it without any answer.
    """

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    truncate: int | None = None

    def encode(self) -> bytes:
        """The whole answer as it goes over the wire."""
        kind, body = _content(self.body)
        body = b"" if self.status in (204, 304) else body
        given = {name.lower() for name in self.headers}
        lines = [f"HTTP/1.1 {self.status} {responses.get(self.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if body and "content-type" not in given:
            lines.append(f"Content-Type: {kind}")
        if self.status not in (204, 304) and not given & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body[: self.truncate]


class LoopbackServer:
    """Serves `handler` on 127.0.0.1 from a thread while the `with` block lasts; port 0 takes a free one.

    The port is bound by the constructor, so `url` is known (and a taken port fails) before the block.
    `calls` holds every request received, in order of arrival, unless `record` is false.
    """

    def __init__(self, handler: Callable[[Call], Reply], port: int = 0, *, record: bool = True) -> None:
        self.calls: list[Call] = []
        self._server = _Server(port, handler, self.calls if record else None)
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    """Remembers its open connections: idle keep-alive ones would outlive the server otherwise."""

    request_queue_size = 128
    allow_reuse_port = False  # newer Pythons share a taken port in silence

    def __init__(self, port: int, handler: Callable[[Call], Reply], calls: list[Call] | None) -> None:
        self.handler, self.calls = handler, calls
        self._connections: dict[Any, Thread] = {}
        super().__init__(("127.0.0.1", port), _Exchange)

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # HTTPServer's asks the DNS for a name nobody reads
        self.server_port = self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        self._connections[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self._connections.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that left is not our error
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        for connection, thread in list(self._connections.items()):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=1)


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        target = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = parse_qs(target.query, keep_blank_values=True)
        call = Call(self.command, unquote(target.path), query, self.headers, body, self.path)
        if self.server.calls is not None:
            self.server.calls.append(call)
        try:
            reply = self.server.handler(call)
            wire = reply.encode()
        except ConnectionError:
            self.close_connection = True
            return
        except Exception as error:
            reply = Reply(f"{type(error).__name__}: {error}", 500)
            wire = reply.encode()
        self.wfile.write(wire)  # unbuffered: one send for head and body
        closing = any(k.lower() == "connection" and v.lower() == "close" for k, v in reply.headers.items())
        self.close_connection |= closing or reply.truncate is not None

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


def _content(body: Any) -> tuple[str, bytes]:
    if isinstance(body, bytes):
        return "application/octet-stream", body
    if isinstance(body, str):
        return "text/plain; charset=utf-8", body.encode()
    return "application/json", orjson.dumps(body)
