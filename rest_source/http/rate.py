"""How many requests may start in a second."""

from threading import Lock

from rest_source.http.clock import Clock


class RateLimit:
    """Hands out evenly spaced starting times to all threads of a session; None is no limit."""

    def __init__(self, per_second: float | None, clock: Clock) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._lock = Lock()
        self._next_slot = clock.monotonic()

    def wait(self) -> float:
        """Sleep until it is this caller's turn and say how long that took, in seconds."""
        if not self._interval:
            return 0.0
        with self._lock:
            now = self._clock.monotonic()
            slot = max(now, self._next_slot)
            self._next_slot = slot + self._interval
        if slot > now:
            self._clock.sleep(slot - now)
        return slot - now
