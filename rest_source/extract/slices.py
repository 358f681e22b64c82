"""The parts of a load that are series of pages of their own: windows of time, and the rows of a parent."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

from rest_source.extract.cursors import CursorValues, as_instant
from rest_source.extract.parent_rows import alike, in_batches
from rest_source.extract.time_forms import in_zone
from rest_source.spec.combinations import shifts_cursor, used
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.environment import Environment
from rest_source.spec.incremental import Incremental
from rest_source.spec.source import SourceSpec
from rest_source.spec.template import Scope, render_json

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition of an asset: its key, its window where it is one of time, its dimensions.

    A range of partitions that is asked for at once names those it `covered`.
    """

    key: str
    start: datetime | None = None
    end: datetime | None = None
    dimensions: Mapping[str, str] = field(default_factory=dict)
    covered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What a load starts from: the cursors by their scopes, and the rows of the parent.

    `only` restricts it to some of them, by their `parent_text`; `newest_parent` is when the last of them was loaded.
    `spelled` has what the API wrote for values of the parents that their columns hold otherwise, by field and value.
    `stuck` has cursors that lay in the future, by their scopes, instead of which others are among `cursors`.
    """

    cursors: Mapping[str, Any] = field(default_factory=dict)
    parents: Sequence[Row] = ()
    only: frozenset[str] | None = None
    newest_parent: int | None = None
    stuck: Mapping[str, Any] = field(default_factory=dict)
    spelled: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def as_received(self, name: str, value: Any) -> Any:
        """A value of a parent's field as the API wrote it; of several in a batch, each."""
        if isinstance(value, list):
            return [self.as_received(name, item) for item in value]
        text = self.spelled.get(name, {}).get(str(value))
        if text is None:
            return value
        return int(text) if isinstance(value, float) else text


@dataclass(frozen=True, slots=True)
class Slice:
    """One series of a load: what its templates mean, and what is added to its records.

    `key` tells it from the load's other slices, and `scope` its cursor from the endpoint's others. `since` is the
    cursor it starts from, the lookback taken off. A window may have been cut out of a larger one, whose end it is if it
    `closes` it; `is_cut` says that it was. `asks` has the fields of the parent by which it is told from others, and
    `included` what is put into the records, for each of the parents that ask alike.
    `positions` are those of one page, where templates hold them.
    """

    key: str = ""
    scope: str = ""
    since: Any = None
    instants: Mapping[str, datetime] = field(default_factory=dict)
    values: Row = field(default_factory=dict)
    asks: Row = field(default_factory=dict)
    included: Sequence[Row] = ()
    is_cut: bool = False
    closes: bool = True
    positions: Row = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """What the keys of its parts begin with."""
        return self.key if self.is_cut else f"{self.key}/"

    def half(self, mark: str) -> "Slice":
        """A part of the slice, under a key of its own that is the same in every run."""
        return replace(self, key=self.stem + mark, is_cut=True)

    @property
    def parent(self) -> dict[str, Any]:
        """The fields of the parent that ask for it, as its columns hold them."""
        partition = {"partition": self.values["partition.key"]} if "partition.key" in self.values else {}
        return {**self.asks, **partition} if self.asks else {}


@dataclass(frozen=True, slots=True)
class Slicer:
    """Cuts a load into its slices; `now` and the `known` stay the same for a whole load."""

    source: SourceSpec
    endpoint: EndpointSpec
    environment: Environment
    now: datetime
    partition: Partition | None
    known: Known

    def slices(self) -> list[Slice]:
        """The slices in their order; a load without windows and parents is one."""
        base = self._partitioned(Slice())
        found: dict[str, Slice] = {}
        only = self.known.only
        for one in self._parents(base):
            if only is not None and parent_text(one.parent) not in only:
                continue
            for window in self._windows(one):
                found.setdefault(window.key, window)
        return list(found.values())

    @property
    def scope(self) -> Scope:
        """What templates mean before the load is cut: its time, its partition, the environment."""
        base = self._partitioned(Slice())

        def look_up(name: str) -> Any:
            return base.values[name] if name in base.values else self.environment.template(name)

        return Scope({"now": self.now.astimezone(ZoneInfo(self.source.timezone)), **base.instants}, look_up)

    @property
    def values(self) -> CursorValues:
        """How the endpoint's cursor values compare."""
        incremental = self.endpoint.incremental
        return CursorValues(incremental.format if incremental else None, ZoneInfo(self.source.timezone))

    @property
    def until(self) -> Any:
        """Where `incremental` says that the load ends, as the API writes it; None where it says nothing."""
        incremental = self.endpoint.incremental
        return self.values.in_format(self._rendered(incremental.until)) if incremental else None

    def _partitioned(self, base: Slice) -> Slice:
        partition = self.partition
        if partition is None:
            return base
        bounds = {"partition.start": partition.start, "partition.end": partition.end}
        values = {"partition.key": partition.key}
        values |= {f"partition.{name}": key for name, key in partition.dimensions.items()}
        instants = {name: moment for name, moment in bounds.items() if moment is not None}
        return replace(base, scope=partition.key, instants=instants, values=values)

    def _parents(self, base: Slice) -> Iterator[Slice]:
        parent = self.endpoint.parent
        if parent is None:
            yield base
            return
        rows = [dict(row) for row in self.known.parents]
        if parent.values is not None:
            rows = [dict(zip(parent.values, choice, strict=True)) for choice in product(*parent.values.values())]
        asked = parent_fields(self.endpoint)
        groups = alike(rows, asked, parent.include)
        for row, included in in_batches(groups, parent.batch) if parent.batch else groups:
            values = {f"parent.{name}": self.known.as_received(name, row[name]) for name in asked}
            asks = {name: row[name] for name in asked}
            key = json.dumps(asks, default=str)
            scope = json.dumps([base.scope, key]) if base.scope else key
            named = {**base.values, **values}
            yield replace(base, key=key, scope=scope, values=named, asks=asks, included=included)

    def _windows(self, base: Slice) -> Iterator[Slice]:
        incremental = self.endpoint.incremental
        if incremental is None:
            yield base
            return
        cursor = self.known.cursors.get(base.scope)
        if cursor is None:
            since = self.values.in_format(self._rendered(incremental.initial))
        else:
            since = self.values.earlier(cursor, incremental.lookback)
        base = replace(base, since=since, values={**base.values, "cursor": since})
        if since is not None and shifts_cursor(self.endpoint):
            moment = in_zone(as_instant(self.values, since), ZoneInfo(self.source.timezone))
            base = replace(base, instants={**base.instants, "cursor": moment})
        if used(self.endpoint) & {"window.start", "window.end"} and since is not None:
            yield from self._stepped(base, incremental)
        else:
            yield base

    def _stepped(self, base: Slice, incremental: Incremental) -> Iterator[Slice]:
        zone = ZoneInfo(self.source.timezone)
        until = self.until
        end = self.now if until is None else as_instant(self.values, until)
        start = as_instant(self.values, base.since)
        own = start.tzinfo
        # In UTC, as moments of one zone compare by the clock on the wall, which is put forward and back.
        start, end = in_zone(start, UTC), in_zone(end, UTC)
        while start < end:
            stop = end if incremental.step is None else min(end, _after(start, incremental.step, own))
            bounds = {"window.start": in_zone(start, zone), "window.end": in_zone(stop, zone)}
            key = json.dumps([base.key, start.isoformat(), stop.isoformat()])
            yield replace(base, key=key, instants={**base.instants, **bounds})
            start = stop

    def _rendered(self, value: str | int | None) -> Any:
        return render_json(value, self.scope)


def _after(moment: datetime, step: timedelta, zone: tzinfo | None) -> datetime:
    """A step later in UTC: whole days by the calendar of a zone."""
    try:
        return moment + step if step % timedelta(days=1) else in_zone(in_zone(moment, zone) + step, UTC)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def parent_fields(endpoint: EndpointSpec) -> list[str]:
    """The fields of the parent that an endpoint's requests name, in order."""
    return sorted(name.removeprefix("parent.") for name in used(endpoint) if name.startswith("parent."))


def fields_of_children(source: SourceSpec, endpoint: EndpointSpec) -> tuple[str, ...]:
    """The fields of an endpoint that the requests of its children name."""
    children = (one for one in source.endpoints if one.parent and one.parent.endpoint == endpoint.name)
    return tuple(dict.fromkeys(field for child in children for field in parent_fields(child)))


def parent_text(parent: Row) -> str:
    """The fields by which a row of a parent asks, as text that is the same for the same row."""
    return json.dumps(dict(parent), sort_keys=True, default=str)
