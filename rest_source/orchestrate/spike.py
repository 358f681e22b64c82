"""The check `spike`: a load reads about as many records as those that it can be compared with.

Partitions differ in size, so a load of one is compared with earlier loads of the same. The first of a partition of time
is compared with those next to it, of the same weekday or time of day if there are enough.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from statistics import median

import dagster as dg

from rest_source.load.destination import CommittedLoad
from rest_source.load.past_loads import PastLoad, past_loads
from rest_source.orchestrate.partitions import partition_of, partitions_definition
from rest_source.orchestrate.verdict import Case, Verdict, of_each

_SPIKE = 3
_COMPARED = 7
_LEAST = 3
_ABOUT_A_DAY = timedelta(hours=20)  # clocks are set
_Line = tuple[object, ...]


def judge_spike(case: Case) -> Verdict:
    """Each load of the run read about as many records as up to seven that it can be compared with."""
    with case.destination.reading() as session:
        past = past_loads(session, case.source.name, case.endpoint.name)
    partitions = case.endpoint.partitions_def
    definition = partitions_definition(case.source, partitions) if partitions else None
    history = History(past, definition, case.endpoint.incremental is not None)
    return of_each(case.loads, lambda load: _judged(load, *history.comparable(load)))


def _judged(load: CommittedLoad, others: Sequence[int], least: int, which: str) -> Verdict:
    if len(others) < least:
        return Verdict(None, f"There are too few loads to compare with ({len(others)}).", {})
    rows, usual = load.result.rows_read, median(others)
    figures = {"rows_read": rows, "usual": usual, "compared": len(others)}
    told = f"The last load read {rows} records, the {len(others)} {which} {usual:g} (median)"
    if rows > usual * _SPIKE or rows * _SPIKE < usual:
        return Verdict(f"{told}. If that is right, nothing is to be done; else look at the request.", "", figures)
    return Verdict(None, f"{told}.", figures)


@dataclass(frozen=True, slots=True)
class Place:
    """When a partition begins, and the lines of partitions that it is in: all others, and those of its day or hour.

    Of these no more count than are near: so many days on either side.
    """

    start: datetime
    line: _Line
    alike: _Line
    near: timedelta = timedelta.max


@dataclass(frozen=True)
class History:
    """The past loads of an endpoint, oldest first, those of this run among them.

    Where a load `adds` to its partition, the first one reads other amounts than those that follow.
    """

    past: Sequence[PastLoad]
    definition: dg.PartitionsDefinition[str] | None
    adds: bool

    def comparable(self, load: CommittedLoad) -> tuple[list[int], int, str]:
        """The records of comparable loads, how many of them it takes, and which they are."""
        own = self._own.get(load.partition, [])
        before = [past.rows for past in own[: next(n for n, past in enumerate(own) if past.load_id == load.load_id)]]
        place = self._places.get(load.partition)
        if place is None or (before and self.adds):
            return before[-_COMPARED:], _LEAST, "before it"
        if before:
            return before[-_COMPARED:], 1, "before it of the same partition"
        return self._beside(load.partition, place), _LEAST, "of the partitions next to it"

    def _beside(self, partition: str, place: Place) -> list[int]:
        """The records of the partitions next to one in time, the nearest first."""
        alike = self._nearest(partition, place, place.alike, place.near)
        chosen = alike if len(alike) >= _LEAST else self._nearest(partition, place, place.line)
        return [self._own[key][0 if self.adds else -1].rows for key in chosen]

    def _nearest(self, partition: str, place: Place, line: _Line, near: timedelta = timedelta.max) -> list[str]:
        """The partitions of a line that are next to one."""
        members = self._lines[line]
        here = bisect_left(members, (place.start, partition))
        around = members[max(0, here - _COMPARED) : here + _COMPARED + 1]
        others = [(abs(start - place.start), key) for start, key in around if key != partition]
        return [key for away, key in sorted(others)[:_COMPARED] if away <= near]

    @cached_property
    def _own(self) -> Mapping[str, list[PastLoad]]:
        """The loads by their partitions."""
        own: dict[str, list[PastLoad]] = {}
        for past in self.past:
            own.setdefault(past.partition, []).append(past)
        return own

    @cached_property
    def _places(self) -> Mapping[str, Place]:
        """Where the partitions of time are."""
        placed = ((key, self._place(key)) for key in self._own)
        return {key: place for key, place in placed if place is not None}

    @cached_property
    def _lines(self) -> Mapping[_Line, list[tuple[datetime, str]]]:
        lines: dict[_Line, list[tuple[datetime, str]]] = {}
        for key, place in self._places.items():
            for line in {place.line, place.alike}:
                lines.setdefault(line, []).append((place.start, key))
        return {line: sorted(members) for line, members in lines.items()}

    def _place(self, key: str) -> Place | None:
        """The place of a partition of time; none of another key, as that of a range or of an earlier file."""
        if self.definition is None:
            return None
        try:
            partition = partition_of(self.definition, key)
        except Exception:  # Dagster raises errors of many kinds for what is no key
            return None
        start, end = partition.start, partition.end
        if start is None or end is None:
            return None
        multi = self.definition if isinstance(self.definition, dg.MultiPartitionsDefinition) else None
        timed = multi.time_window_dimension.name if multi else ""
        beside = tuple(value for name, value in partition.dimensions.items() if name != timed)
        if end - start < _ABOUT_A_DAY:
            return Place(start, beside, (*beside, start.time()), timedelta(days=4))
        if end - start < 2 * _ABOUT_A_DAY:
            return Place(start, beside, (*beside, start.weekday()), timedelta(days=28))
        return Place(start, beside, beside)
