"""Answers that never end: they trickle in, each byte within the timeout, or pour in and hold nothing."""

from io import RawIOBase
from typing import Any

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

    @property
    def has_begun(self) -> bool:
        """Whether a byte has arrived."""
        return self._received > 0

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
