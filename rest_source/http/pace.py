"""Answers that never end: they trickle in, each byte within the timeout, or pour in and hold nothing."""

import socket
from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from rest_source.http.clock import SYSTEM_CLOCK, Clock
from rest_source.http.errors import too_large

SLOWEST = 1000
"""Bytes per second below which an answer that has taken longer than the timeout is given up."""
_OVERHEAD = 3
"""Bytes on the wire for each byte of a body at most; more is framing without end, such as empty chunks."""
_HEAD = 10_000_000


class TooSlow(TimeoutError):
    """An answer takes longer than the timeout and hardly moves."""


class PacedReader(RawIOBase):
    """Bytes of an answer as they arrive; raises TooSlow where they trickle for longer than the timeout.

    Time runs from the first byte: waiting for that is the socket's own timeout. Interim answers, chunk
    extensions, trailers and empty gzip members add nothing to a body, so what arrives is capped too.
    """

    def __init__(self, source: Any, timeout: float | None, max_bytes: int = 2**63, clock: Clock = SYSTEM_CLOCK) -> None:
        self._source = source
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._clock = clock
        self.restart()

    def restart(self) -> None:
        """Begin anew with the next byte: some servers send their headers at once, and then think."""
        self._started: float | None = None
        self._received = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """The socket's."""
        number: int = self._source.fileno()
        return number

    def readinto(self, buffer: Any) -> int:
        """The next bytes, as many as are there."""
        count: int = self._source.readinto(buffer)
        self._received += count
        if self._received > _HEAD + _OVERHEAD * self._max_bytes:
            raise too_large(self._max_bytes)
        now = self._clock.monotonic()
        if self._started is None:
            self._started = now
        elapsed = now - self._started
        if count and self._timeout is not None and elapsed > self._timeout and self._received < elapsed * SLOWEST:
            raise TooSlow(f"{self._received} bytes in {elapsed:.1f} s")
        return count

    def close(self) -> None:
        """Close the source too."""
        self._source.close()
        super().close()


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
        """Read the headers."""
        super().begin()
        self._pace.restart()


class PacedAdapter(HTTPAdapter):
    """requests' adapter whose connections, direct or by a proxy, watch the pace and length of answers."""

    def __init__(self, max_bytes: int, **keys: Any) -> None:
        self._pools = _pools(max_bytes)
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


def _pools(max_bytes: int) -> dict[str, type[HTTPConnectionPool]]:
    response = type("Response", (_Response,), {"max_bytes": max_bytes})
    plain = type("Connection", (HTTPConnection,), {"response_class": response})
    secure = type("SecureConnection", (HTTPSConnection,), {"response_class": response})
    return {
        "http": type("Pool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }
