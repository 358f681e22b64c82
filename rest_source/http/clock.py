"""Time, as a value that tests can replace."""

import time
from threading import Event
from typing import Protocol


class Clock(Protocol):
    """Tells the time and lets it pass."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds since some moment; never runs backwards."""

    def sleep(self, seconds: float, until: Event | None = None) -> None:
        """Return after so many seconds, or as soon as the event is set."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment; never runs backwards."""
        return time.monotonic()

    def sleep(self, seconds: float, until: Event | None = None) -> None:
        """Return after so many seconds, or as soon as the event is set."""
        if until is None:
            time.sleep(seconds)
        else:
            until.wait(seconds)


SYSTEM_CLOCK = SystemClock()
