"""Increments in any order and overlap: with a lookback no record is missed, and none stands twice.

Some records have a time that is far in the future.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rest_source.errors import RestSourceError
from rest_source_tests.fakes.changing import ChangingApi
from rest_source_tests.loading import Warehouse

EXAMPLES = int(os.environ.get("REST_SOURCE_TEST_EXAMPLES", "5"))
START = datetime(2024, 1, 1, tzinfo=UTC)
LOOKBACK = 4
Write = Callable[[int], Any]


def iso(hour: int) -> str:
    return (START + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M:%SZ")


def epoch(hour: int) -> int:
    return int((START + timedelta(hours=hour)).timestamp())


def micros(hour: int) -> int:
    return epoch(hour) * 10**6


def odata(hour: int) -> str:
    return f"/Date({epoch(hour)}000)/"


def offset(hour: int) -> str:
    return iso(hour).replace("Z", ".000+0000")


MISTAKEN = 70 * 365 * 24
"""Hours from the start until long after each of these tests."""


@dataclass(frozen=True)
class Change:
    """A record is written, or written anew; the API shows it hours later than its time says, or its time is wrong."""

    id: int
    late: int
    mistaken: bool = False


@dataclass(frozen=True)
class Load:
    """A load that may lose the API after some requests, of everything or of what is new."""

    patience: int | None = None
    full: bool = False


@dataclass(frozen=True)
class Way:
    """How an API is asked for what is new."""

    keys: dict[str, Any]
    write: Write = iso
    descending: bool = False
    windows: bool = False


@dataclass
class World:
    """An API, a warehouse, and the hour."""

    way: Way
    api: ChangingApi
    warehouse: Warehouse
    url: str
    hour: int = 0
    versions: int = 0
    records: dict[int, dict[str, Any]] = field(default_factory=dict)

    def change(self, change: Change) -> None:
        self.versions += 1
        mistaken = change.mistaken and not self.way.windows  # which ask for nothing that far
        at = self.way.write(MISTAKEN if mistaken else self.hour - change.late)
        self.records[change.id] = {"id": change.id, "version": self.versions, "updated_at": at}
        self.api.records = list(self.records.values())

    def load(self, load: Load) -> None:
        self.api.patience = load.patience
        increment: dict[str, Any] = {
            "cursor": "$.updated_at",
            "lookback": f"{LOOKBACK}h",
            **self.way.keys["incremental"],
        }
        if self.way.windows:
            increment["until"] = iso(self.hour + 1)
        keys = {**self.way.keys, "incremental": increment}
        # Hours pass between two loads: numbered pages of an interrupted one have moved.
        limits = {"retries": 0, "resume_within": 0}
        try:
            self.warehouse.load_from(
                self.url, full_refresh=load.full, path="/records", primary_key="id", source={"limits": limits}, **keys
            )
        except RestSourceError:
            if load.patience is None:
                raise
        self.api.patience = None


PAGED: dict[str, Any] = {"pagination": {"type": "page_number"}}
WAYS = {
    "cursor": Way({**PAGED, "params": {"since": "{cursor}"}, "incremental": {}}),
    "epochs": Way({**PAGED, "params": {"since": "{cursor}"}, "incremental": {}}, epoch),
    "microseconds": Way({**PAGED, "params": {"since": "{cursor}"}, "incremental": {}}, micros),
    "odata": Way({**PAGED, "params": {"since": "{cursor}"}, "incremental": {}}, odata),
    "offsets": Way({**PAGED, "params": {"since": "{cursor}"}, "incremental": {}}, offset),
    "windows": Way(
        {
            **PAGED,
            "params": {"from": "{window.start}", "to": "{window.end}"},
            "incremental": {"initial": iso(-24), "step": "7h"},
        },
        windows=True,
    ),
    "descending": Way({**PAGED, "incremental": {"order": "desc"}}, descending=True),
}
changes = st.builds(Change, st.integers(0, 11), st.integers(0, LOOKBACK), st.sampled_from([False] * 5 + [True]))
loads = st.builds(Load, st.none() | st.integers(0, 5), st.booleans())
hours = st.integers(1, 6)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(happenings=st.lists(st.tuples(st.lists(changes, min_size=1, max_size=5), hours, loads), min_size=2, max_size=6))
def test_no_record_is_missed_and_none_is_there_twice(
    way: Way, happenings: list[tuple[list[Change], int, Load]]
) -> None:
    api = ChangingApi(descending=way.descending)
    with TemporaryDirectory() as folder, api.serve() as server:
        world = World(way, api, Warehouse(Path(folder)), server.url)
        for changed, passed, load in happenings:
            for change in changed:
                world.change(change)
            world.load(load)
            world.hour += passed
        world.load(Load())
        found = world.warehouse.rows("SELECT id, version FROM shop.orders ORDER BY ALL")
    assert found == sorted((record["id"], record["version"]) for record in world.records.values())


def test_without_a_lookback_a_late_record_is_missed(tmp_path: Path) -> None:
    """The property above would hold of a program that reads everything each time; this is what the lookback is for."""
    api = ChangingApi()
    keys: dict[str, Any] = {**PAGED, "params": {"since": "{cursor}"}, "incremental": {"cursor": "$.updated_at"}}
    warehouse = Warehouse(tmp_path)
    with api.serve() as server:
        for id, hour in ((1, 5), (2, 4)):
            api.records.append({"id": id, "updated_at": iso(hour)})
            warehouse.load_from(server.url, path="/records", primary_key="id", **keys)
    assert warehouse.rows("SELECT id FROM shop.orders") == [(1,)]
