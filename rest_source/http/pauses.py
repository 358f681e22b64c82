"""Pauses between the attempts at a request; the longer ones are told when they begin."""

import math
from collections.abc import Callable
from datetime import datetime
from threading import Event, Lock
from typing import NamedTuple

from rest_source.http.clock import Clock

Report = Callable[[str], None]
"""Tells a person who may be waiting."""
_TOLD = 3.0
"""Seconds from which on a pause is told."""
_FAR = 12 * 3600.0


class Place(NamedTuple):
    """What a request is for, as a person knows it: the asset, and which of its requests."""

    asset: str
    request: str


SOMEWHERE = Place("The API", "the request")


class Stopped(BaseException):
    """Ends a load from outside, in each of its threads; passes every `except Exception`, as nothing is to be tried."""


class Pauses:
    """Sleeps, and reports pauses of more than 3 s; safe from any thread.

    Requests side by side are refused side by side: of pauses that end together only the first is told.
    `stopped` is set where nobody wants to wait any more.
    """

    def __init__(self, clock: Clock, report: Report) -> None:
        self._clock = clock
        self._report = report
        self._told_until = -math.inf
        self._lock = Lock()
        self.stopped = Event()

    def go_on(self) -> None:
        """Raise `Stopped` if it was."""
        if self.stopped.is_set():
            raise Stopped

    def sleep(self, seconds: float, why: str, place: Place) -> None:
        """Sleep for so many seconds; `why` is a clause that ends with them, such as "The API asks to wait"."""
        until = self._clock.now() + seconds
        with self._lock:
            told = seconds > _TOLD and until > self._told_until + 1
            self._told_until = until if told else self._told_until
        if told:
            self._report(f"{place.asset}: {why}; {place.request} follows at {_written(until, seconds)}.")
        self._clock.sleep(seconds, self.stopped)
        self.go_on()


def _written(moment: float, ahead: float) -> str:
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M:%S" if ahead > _FAR else "%H:%M:%S")
