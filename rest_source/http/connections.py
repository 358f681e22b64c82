"""Connections to APIs: answers that are watched while they arrive, and sockets that servers close when they like."""

import math
import re
import socket
import ssl
from http.client import HTTPResponse, RemoteDisconnected
from io import BufferedReader, BytesIO
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPSConnection

from rest_source.http.clock import SYSTEM_CLOCK, Clock
from rest_source.http.head import read_head
from rest_source.http.pace import PacedReader
from rest_source.http.target import TargetedConnection

_CLOSED = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
_MARGIN = 1.0
"""Seconds before a server closes an idle connection from which it is not used: a request takes its time."""


class NoAnswer(RemoteDisconnected):
    """The server closed the connection before the first byte of an answer."""


class StaleConnection(NoAnswer):
    """It did so on a connection that had served before: it closed that while it was idle, as the request was sent.

    Such a request was not acted on, and may be sent again, whatever its method (RFC 9110, 9.2.2; RFC 9112, 9.3.1).
    """


class _Response(HTTPResponse):
    """Reads through a PacedReader, the headers included; its timeout is the socket's."""

    max_bytes: int

    def __init__(
        self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self._pace = PacedReader(self.fp.detach(), sock.gettimeout(), self.max_bytes)
        self.fp = BufferedReader(self._pace)

    def begin(self) -> None:
        """Read the head."""
        try:
            head = read_head(self.fp)
        except _CLOSED as error:
            if self._pace.has_begun:
                raise
            raise NoAnswer(str(error)) from error
        body, self.fp = self.fp, BufferedReader(BytesIO(head.framing))
        try:
            super().begin()
        finally:
            self.fp = body
        self.headers = self.msg = head.message
        self._pace.restart()


class _Kept(TargetedConnection):
    """A connection that knows whether it has served, and how long the server will keep it when it is idle."""

    clock: Clock
    _has_served = False
    _kept_until = math.inf

    def connect(self) -> None:
        """Open a new socket."""
        self._has_served, self._kept_until = False, math.inf
        super().connect()

    @property
    def is_connected(self) -> bool:
        """Whether it can be used again."""
        return super().is_connected and self.clock.monotonic() < self._kept_until

    def request(self, *args: Any, **keys: Any) -> None:
        """Send a request.

        Without TLS nothing is judged by what becomes of that: where the server hangs up, urllib3 still reads what it
        may have said before.
        """
        try:
            super().request(*args, **keys)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            if not self._has_served:
                raise
            raise StaleConnection(str(error)) from error

    def getresponse(self) -> Any:
        """Read the head of the answer."""
        try:
            response = super().getresponse()
        except NoAnswer as error:
            if not self._has_served:
                raise
            raise StaleConnection(str(error)) from error
        self._has_served = True
        named = re.search(r"timeout\s*=\s*(\d{1,9})", response.headers.get("Keep-Alive", ""), re.IGNORECASE)
        idle = max(int(named[1]) - _MARGIN, int(named[1]) / 2) if named else math.inf
        self._kept_until = self.clock.monotonic() + idle
        return response


class PacedAdapter(HTTPAdapter):
    """requests' adapter whose connections, direct or by a proxy, watch the pace and length of answers."""

    def __init__(self, max_bytes: int, clock: Clock = SYSTEM_CLOCK, **keys: Any) -> None:
        self._pools = _pools(max_bytes, clock)
        super().__init__(**keys)

    def init_poolmanager(self, *args: Any, **keys: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **keys)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: Any, **keys: Any) -> Any:
        """The pools of a proxy; SOCKS has connections of its own, which keep their timeout per read."""
        manager = super().proxy_manager_for(proxy, **keys)
        if isinstance(manager, ProxyManager):
            manager.pool_classes_by_scheme = self._pools
        return manager


def _pools(max_bytes: int, clock: Clock) -> dict[str, type[HTTPConnectionPool]]:
    keys = {"response_class": type("Response", (_Response,), {"max_bytes": max_bytes}), "clock": clock}
    plain = type("Connection", (_Kept,), keys)
    secure = type("SecureConnection", (_Kept, HTTPSConnection), keys)
    return {
        "http": type("Pool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }
