"""Waiting for a person's consent: the browser comes back to a listener on loopback, or its address is pasted."""

import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from time import monotonic
from typing import TextIO
from urllib.parse import parse_qs, urlsplit

from rest_source.errors import RestSourceError

DEFAULT_REDIRECT = "http://127.0.0.1:8765/callback"
WAIT_SECONDS = 600.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_DONE = b"<!doctype html><title>rest_source</title><p>Consent received. You can close this window."
_WRONG = b"<!doctype html><title>rest_source</title><p>This is not the answer that rest_source waits for."
Say = Callable[[str], None]


@dataclass
class Listener:
    """What waits at the redirect address; `server` is None where that is not on this machine."""

    redirect_uri: str
    server: "_Server | None"
    arrived: list[str] = field(default_factory=list)


@contextmanager
def listening(redirect_uri: str | None) -> Iterator[Listener]:
    """A listener at the address, or at the usual one; any free port takes its place where that one is taken.

    Authorization servers allow any port on loopback (RFC 8252, 7.3); one that does not needs its address named.
    """
    wanted = urlsplit(redirect_uri or DEFAULT_REDIRECT)
    if wanted.scheme != "http" or wanted.hostname not in _LOOPBACK:
        yield Listener(redirect_uri or DEFAULT_REDIRECT, None)
        return
    try:
        server = _Server(wanted.port or 80)
    except OSError as error:
        if redirect_uri is not None:
            raise _port_taken(redirect_uri, error) from None
        server = _Server(0)
    with closing(server.socket):
        address = wanted._replace(netloc=f"{wanted.hostname}:{server.server_address[1]}").geturl()
        listener = Listener(address, server)
        server.path, server.arrived = wanted.path or "/", listener.arrived
        yield listener


def code_from(listener: Listener, state: str, say: Say) -> str:
    """The code of the consent, from the listener or from what is pasted into the terminal; ten minutes long."""
    deadline = monotonic() + WAIT_SECONDS
    sources = [source.fileno() for source in (listener.server, _stdin()) if source is not None]
    while sources and (left := deadline - monotonic()) > 0:
        for source in select.select(sources, [], [], left)[0]:
            if listener.server is not None and source == listener.server.fileno():
                listener.server.handle_request()
                continue
            line = os.read(source, 65536).decode(errors="replace")
            if not line:  # nobody is there to paste anything
                sources.remove(source)
            listener.arrived.append(line.strip())
        while listener.arrived:
            code = read_code(listener.arrived.pop(0), state, say)
            if code:
                return code
    raise RestSourceError(
        "consent_missing",
        "Nobody consented"
        + (" within ten minutes." if sources else ", and there is no terminal to paste a code into."),
        cause="The browser did not come back to this machine.",
        remedy="Run the command again and open the address it prints; if the browser is on another machine, paste the "
        "address at which it ends.",
    )


def read_code(text: str, state: str, say: Say) -> str:
    """The code in an address, or the text itself; empty where the address is of another consent."""
    if "=" not in text:
        return text
    fields = {name: values[-1] for name, values in parse_qs(urlsplit(text).query or text).items()}
    if not compare_digest(fields.get("state", "").encode(), state.encode()):
        say("An address came back that belongs to another consent (its `state` differs); it is ignored.")
        return ""
    if "error" in fields:
        raise RestSourceError(
            "consent_refused",
            f'The API answers: "{": ".join(fields[key] for key in ("error", "error_description") if key in fields)}".',
            cause="The consent was declined, or the application may not ask for these scopes.",
            remedy="Run the command again and consent, or correct `scope` and `client_id` of `auth`.",
        )
    return fields.get("code", "")


def _stdin() -> TextIO | None:
    with suppress(OSError, ValueError, AttributeError):  # closed, none at all, or no file
        sys.stdin.fileno()
        return sys.stdin
    return None


class _Server(TCPServer):
    allow_reuse_address = True
    allow_reuse_port = False  # newer Pythons share a taken port in silence
    path: str
    arrived: list[str]

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Redirect)


class _Redirect(BaseHTTPRequestHandler):
    timeout = 5  # a connection that says nothing must not keep the answer waiting
    server: _Server

    def do_GET(self) -> None:
        expected = urlsplit(self.path).path == self.server.path
        if expected:
            self.server.arrived.append(self.path)
        body = _DONE if expected else _WRONG  # nothing of the request: it may come from anywhere
        self.send_response(200 if expected else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the code stands in the request."""


def _port_taken(redirect_uri: str, error: OSError) -> RestSourceError:
    return RestSourceError(
        "redirect_unusable",
        f"Nothing can listen at {redirect_uri}: {error.strerror or error}.",
        cause="Another program uses the port, or this user may not.",
        remedy="Choose another port, and register its address with the API.",
    )
