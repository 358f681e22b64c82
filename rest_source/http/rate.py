"""How many requests may start in a second, on this machine."""

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Lock

from filelock import FileLock

from rest_source.http.clock import Clock

_LOCK_SECONDS = 10.0  # the file is held for well under a millisecond, unless its holder is suspended
_POLL_SECONDS = 0.002
_QUEUE = 1000  # requests that may wait at once


class RateLimit:
    """Hands out evenly spaced starting times to all threads of a session; None is no limit.

    With a `file`, which holds the next free slot in epoch seconds, also to all other processes that name it.
    The limit then holds as well as the file does: if it cannot be locked or written, each process keeps to
    the limit by itself.
    """

    def __init__(self, per_second: float | None, clock: Clock, file: Path | None = None) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._lock = Lock()
        self._next_slot = clock.monotonic()
        self._shared = _SharedSlot(file, max(60.0, _QUEUE * self._interval)) if file and per_second else None

    def wait(self, until: Event | None = None, at_most: float = math.inf) -> float | None:
        """Sleep until it is this caller's turn, or the event is set; the wait that was due, in seconds.

        None where the turn is further away than `at_most` seconds: then it is left to others.
        """
        if not self._interval:
            return 0.0
        with self._lock:
            wait = self._book(at_most)
        if wait:
            self._clock.sleep(wait, until)
        return wait

    def _book(self, at_most: float) -> float | None:
        """The seconds until the slot that is now taken, unless it is too far away."""
        monotonic = self._clock.monotonic()
        wait = max(0.0, self._next_slot - monotonic)
        if self._shared:
            with suppress(OSError), self._shared.held():  # filelock's Timeout is an OSError
                now, monotonic = self._clock.now(), self._clock.monotonic()
                wait = max(0.0, self._next_slot - monotonic, self._shared.read(now) - now)
                if wait > at_most:
                    return None
                self._shared.write(now + wait + self._interval)
        if wait > at_most:
            return None
        self._next_slot = monotonic + wait + self._interval
        return wait


class _SharedSlot:
    """The next free slot of a source, in a file."""

    def __init__(self, file: Path, furthest: float) -> None:
        self._file = file
        self._furthest = furthest
        self._lock = FileLock(f"{file}.lock", timeout=_LOCK_SECONDS, poll_interval=_POLL_SECONDS, mode=0o600)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else reads or writes meanwhile."""
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock:
            yield

    def read(self, now: float) -> float:
        """The slot, or now where there is none that makes sense.

        A writer may have been killed, and a slot far ahead was written before the machine's clock was set back.
        """
        try:
            slot = float(self._file.read_bytes()[:64])
        except (OSError, ValueError):
            return now
        return slot if now < slot <= now + self._furthest else now  # NaN is no slot either

    def write(self, slot: float) -> None:
        """Leave the slot to the next caller."""
        self._file.write_text(repr(slot))
