"""Windows of an API that returns no more than so many records for a query: each is split until its parts fit."""

import pickle
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

from rest_source.errors import RestSourceError
from rest_source.extract.page import Page, Stop
from rest_source.extract.slices import Slice
from rest_source.spec.combinations import request_texts, window_names
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.template import Instant, instants

_UNITS = (timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1))
_SAMPLE = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
_HELD_IN_MEMORY = 8_000_000


@dataclass(frozen=True, slots=True)
class CappedWindows:
    """Reads windows of at most `cap` records by `read`, which gives the pages of one; `done` are read already.

    The pages of a window are held back until its last, on a disk where they are many, in `folder`: those of one that
    proves too large are dropped, as its parts have their records again. A load can only be gone on with between
    windows, for the same reason.
    """

    endpoint: EndpointSpec
    where: str
    cap: int
    read: Callable[[Slice], Generator[Page, None, None]]
    done: frozenset[str] = frozenset()
    folder: Path | None = None

    def pages(self, window: Slice) -> Iterator[tuple[Slice, Page]]:
        """The pages of a window in order, each with the part of the window that it belongs to."""
        if window.key in self.done:
            return
        was_split = any(key.startswith(window.stem) for key in self.done)
        with SpooledTemporaryFile(_HELD_IN_MEMORY, dir=str(self.folder) if self.folder else None) as file:
            held = None if was_split else self._held(window, _Held(file))
            if held is not None:
                for page in held:
                    yield window, page if isinstance(page.after, Stop) else replace(page, follows={})
                return
        for half in self._halves(window):
            yield from self.pages(half)

    def _held(self, window: Slice, held: "_Held") -> "_Held | None":
        """The pages of a window, or None if it holds too much."""
        count = 0
        with closing(self.read(window)) as pages:
            for page in pages:
                count += page.returned
                if count >= self.cap or (page.total or 0) >= self.cap:
                    return None
                held.add(page)
        return held

    def _halves(self, window: Slice) -> tuple[Slice, Slice]:
        start, end = window_names(self.endpoint)
        middle = _middle(window.instants[start], window.instants[end], self._unit)
        if middle is None:
            raise _full(self.cap, self.where, window.instants[start], window.instants[end])
        first = replace(window.half("0"), instants={**window.instants, end: middle}, closes=False)
        return first, replace(window.half("1"), instants={**window.instants, start: middle})

    @property
    def _unit(self) -> timedelta:
        """The least time that changes what both ends of a window look like in a request; at least a second."""
        parts = [part for _, text in request_texts(self.endpoint) for part in instants(text)]
        return max(_unit([part for part in parts if part.name == name]) for name in window_names(self.endpoint))


@dataclass(frozen=True, slots=True)
class _Held:
    """Pages on disk, or in memory while they are few."""

    file: Any
    ends: list[int] = field(default_factory=list)

    def add(self, page: Page) -> None:
        pickle.dump(page, self.file)
        self.ends.append(self.file.tell())

    def __iter__(self) -> Iterator[Page]:
        self.file.seek(0)
        for _ in self.ends:
            yield pickle.load(self.file)


def _unit(parts: list[Instant]) -> timedelta:
    changing = (unit for unit in _UNITS if any(part.render(_SAMPLE) != part.render(_SAMPLE + unit) for part in parts))
    return next(changing, timedelta.max)


def _middle(start: datetime, end: datetime, unit: timedelta) -> datetime | None:
    """A moment about half-way, on a whole unit of the window's own zone; None where there is none in between."""
    if unit not in _UNITS:
        return None
    half = (start.astimezone(UTC) + (end.astimezone(UTC) - start.astimezone(UTC)) / 2).astimezone(start.tzinfo)
    whole = half.replace(microsecond=0)
    if unit > _UNITS[0]:
        whole = whole.replace(second=0)
    if unit > _UNITS[1]:
        whole = whole.replace(minute=0)
    if unit > _UNITS[2]:
        whole = whole.replace(hour=0, fold=0)
    after = whole + unit  # by the calendar: a day may have 23 hours
    between = [one for one in (whole, after) if start.astimezone(UTC) < one.astimezone(UTC) < end.astimezone(UTC)]
    return between[0] if between else None


def _full(cap: int, where: str, start: datetime, end: datetime) -> RestSourceError:
    return RestSourceError(
        "cap_reached",
        f"The API has {cap} records or more from {start.isoformat()} to {end.isoformat()}, a window that cannot be "
        "split any further.",
        where=where,
        cause=f"By `cap: {cap}` it returns no more than that, so some of them cannot be read. Windows are split down "
        "to the second, or to what the format of their templates can tell apart.",
        remedy="Write the window more finely, for instance as {window.start:epoch} instead of a date; ask for less at "
        "a time by a further parameter, such as a `parent` with `values`; or raise `cap` if the API does return more.",
    )
