"""An API that gives no more than so many records for a query: its windows are split until all records are in."""

import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.extract.slices import Partition
from rest_source.extract.stream import PageStream
from rest_source.http.session import ApiSession
from rest_source.load.outcome import LoadOutcome
from rest_source.load.pipeline import run_load
from rest_source.spec.environment import Environment
from rest_source_tests.fakes.changing import ChangingApi
from rest_source_tests.fakes.desk import PATIENCE
from rest_source_tests.loading import Warehouse, open_stream, source_spec

START = datetime(2024, 1, 1, tzinfo=UTC)
CAP = 5
KEYS: dict[str, Any] = {
    "path": "/records",
    "write": "append",
    "cap": CAP,
    "pagination": {"type": "page_number"},
    "params": {"from": "{window.start}", "to": "{window.end}"},
    "incremental": {"cursor": "$.updated_at", "initial": "2024-01-01T00:00:00Z", "until": "2024-01-29T00:00:00Z"},
}
COUNTED = {"pagination": {"type": "page_number", "total_records": "$.count"}}
STEPS = {"incremental": {**KEYS["incremental"], "step": "7d"}}


def stamp(hours: float) -> str:
    return (START + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def api(*hours: float) -> ChangingApi:
    """An API with a record of each of some hours of January."""
    return ChangingApi([{"id": number, "updated_at": stamp(hour)} for number, hour in enumerate(hours)], cap=CAP)


def ids(warehouse: Warehouse) -> list[int]:
    return [id for (id,) in warehouse.rows("SELECT id FROM shop.orders ORDER BY id")]


CROWDED = [*range(0, 28 * 24, 12), *(300 + minute / 60 for minute in range(40))]


@pytest.mark.parametrize("keys", [{}, COUNTED, STEPS, COUNTED | STEPS], ids=["plain", "total", "steps", "total steps"])
def test_windows_are_split_until_each_part_fits(warehouse: Warehouse, keys: dict[str, Any]) -> None:
    capped = api(*CROWDED)
    with capped.serve() as server:
        outcome = warehouse.load_from(server.url, **KEYS | keys)
    assert ids(warehouse) == list(range(len(CROWDED)))
    assert outcome.result.rows_read == len(CROWDED)
    assert outcome.cursor_after == stamp(660)
    assert outcome.total_reported == (len(CROWDED) if "total_records" in str(keys) else None)
    assert outcome.warnings == ()


def test_pages_too_many_for_memory_are_held_in_the_state_directory(
    warehouse: Warehouse, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rest_source.extract.capped._HELD_IN_MEMORY", 1)
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with api(*CROWDED).serve() as server:
        spec, environment = source_spec(server.url, **KEYS), Environment({})
        with ApiSession(spec, environment, state=state) as session:
            stream = PageStream(spec, spec.endpoints[0], session, environment)
            run_load(stream, warehouse.destination, warehouse.state, report=print)
    assert ids(warehouse) == list(range(len(CROWDED)))


def test_a_total_beyond_the_cap_is_believed_at_once(warehouse: Warehouse) -> None:
    capped = api(*range(0, 28 * 24, 84))
    with capped.serve() as server:
        warehouse.load_from(server.url, **KEYS | COUNTED)
    asked = [(call.arg("from"), call.arg("to"), call.arg("page")) for call in capped.calls]
    whole = [page for start, end, page in asked if (start, end) == (stamp(0), stamp(28 * 24))]
    assert whole in (["1"], ["1", "2"])  # page 2 may be under way
    assert {(start, end) for start, end, page in asked if page == "1"} == {
        (stamp(0), stamp(28 * 24)),
        (stamp(0), stamp(14 * 24)),
        (stamp(14 * 24), stamp(28 * 24)),
    }


def test_what_fits_is_asked_for_once(warehouse: Warehouse) -> None:
    capped = api(1, 2, 3, 4)
    with capped.serve() as server:
        warehouse.load_from(server.url, **KEYS)
    assert set(capped.asked("to")) == {stamp(28 * 24)}
    assert ids(warehouse) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("start", "end"),
    [("{window.start:%Y-%m-%d}", "{window.end:%Y-%m-%d}"), ("{window.start:%Y-%m-%dT%H}", "{window.end:%Y-%m-%dT%H}")],
)
def test_windows_are_split_where_their_format_can_tell(warehouse: Warehouse, start: str, end: str) -> None:
    hours = [day * 24 + part for day in range(28) for part in (0, 1, 13, 23.5)]
    capped = api(*hours)
    with capped.serve() as server:
        warehouse.load_from(server.url, **KEYS | {"params": {"from": start, "to": end}})
    assert ids(warehouse) == list(range(len(hours)))


@pytest.mark.parametrize(
    ("params", "hours", "window"),
    [
        ({}, [30.0] * CAP, "2024-01-02T06:00:00+00:00 to 2024-01-02T06:00:01+00:00"),
        (
            {"params": {"from": "{window.start:%Y-%m-%d}", "to": "{window.end:%Y-%m-%d}"}},
            [24.0, 27.0, 30.0, 33.0, 36.0],
            "2024-01-02T00:00:00+00:00 to 2024-01-03T00:00:00+00:00",
        ),
    ],
    ids=["a second", "a day"],
)
def test_a_window_that_cannot_be_split_is_an_error(
    warehouse: Warehouse, params: dict[str, Any], hours: list[float], window: str
) -> None:
    capped = api(1, *hours)
    with capped.serve() as server, pytest.raises(RestSourceError) as caught:
        warehouse.load_from(server.url, **KEYS | params)
    assert caught.value.id == "cap_reached"
    assert caught.value.where == "shop.orders"
    assert f"has {CAP} records or more from {window}," in caught.value.message
    assert not (warehouse.types("shop", "orders") if warehouse.postgres else warehouse.path.exists())


def loaded(warehouse: Warehouse, url: str, day: int, **keys: Any) -> LoadOutcome:
    """The load of a day as a partition."""
    spec = source_spec(url, **keys)
    start = datetime(2024, 3, day, tzinfo=ZoneInfo("Europe/Berlin"))
    with open_stream(spec) as stream:
        part = stream.of(Partition(f"2024-03-{day}", start, start + timedelta(days=1)))
        return run_load(part, warehouse.destination, warehouse.state, report=warehouse.said.append)


@pytest.mark.parametrize("day", [30, 31])  # the 31st has 23 hours
def test_a_partition_is_split_as_well(warehouse: Warehouse, day: int) -> None:
    begin = datetime(2024, 3, day, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    records = [
        {"id": number, "updated_at": (begin + timedelta(minutes=30 * number)).isoformat().replace("+00:00", "Z")}
        for number in range(-4, 60)
    ]
    keys = {
        "path": "/records",
        "cap": CAP,
        "pagination": {"type": "page_number"},
        "params": {"from": "{partition.start}", "to": "{partition.end}"},
        "partitions_def": {"type": "daily", "start_date": "2024-03-01"},
    }
    utc = ChangingApi(records, cap=CAP, in_utc=True)
    with utc.serve() as server:
        for _ in range(2):
            loaded(warehouse, server.url, day, **keys)
    assert ids(warehouse) == list(range(46 if day == 31 else 48))


def test_each_parent_has_windows_of_its_own(warehouse: Warehouse) -> None:
    records = [
        {"id": f"{parent} {number}", "parent": parent, "updated_at": stamp(number * 10)}
        for parent in ("a", "b")
        for number in range(3 if parent == "a" else 30)
    ]
    capped = ChangingApi(records, cap=CAP)
    keys = {"path": "/parents/{parent.name}/children", "parent": {"values": {"name": ["a", "b"]}}}
    with capped.serve() as server:
        warehouse.load_from(server.url, **KEYS | keys)
        warehouse.load_from(server.url, **KEYS | keys)
    found = warehouse.rows("SELECT parent, count(*), count(DISTINCT id) FROM shop.orders GROUP BY 1 ORDER BY 1")
    assert found == [("a", 4, 3), ("b", 31, 30)]  # the second load reads the last record of each again


hours = st.lists(st.integers(0, 200).map(float), min_size=1, max_size=60)


@settings(max_examples=15, deadline=None)
@given(hours=hours, losses=st.lists(st.integers(0, 30), max_size=4), total=st.booleans(), steps=st.booleans())
def test_a_load_that_dies_between_windows_is_gone_on_with(
    hours: list[float], losses: list[int], total: bool, steps: bool
) -> None:
    """Whatever an API is lost at, every record is there once, though `append` keeps every read."""
    spread = sorted(set(hours))
    capped = api(*spread)
    keys = KEYS | (COUNTED if total else {}) | (STEPS if steps else {})
    with TemporaryDirectory() as folder, capped.serve() as server:
        warehouse = Warehouse(Path(folder))
        for patience in losses:
            capped.patience = patience
            with suppress(RestSourceError):
                warehouse.load_from(server.url, **keys)
                break
        else:
            capped.patience = None
            warehouse.load_from(server.url, **keys)
        found = ids(warehouse)
    assert found == list(range(len(spread)))


def test_what_was_read_before_a_loss_is_not_read_again(warehouse: Warehouse) -> None:
    capped = api(*range(0, 28 * 24, 12))
    with capped.serve() as server:
        capped.patience = 40
        with pytest.raises(RestSourceError):
            warehouse.load_from(server.url, **KEYS)
        before = len(capped.calls)
        capped.patience = None
        outcome = warehouse.load_from(server.url, **KEYS)
    assert outcome.resumed_from_page is not None
    again = {call.arg("from") for call in capped.calls[before:]}
    assert stamp(0) in {call.arg("from") for call in capped.calls[:before]} - again
    assert ids(warehouse) == list(range(56))


def test_the_windows_of_a_load_are_asked_for_side_by_side(warehouse: Warehouse) -> None:
    """The API gives no first answer to any of them before it has been asked for all."""
    capped, together = api(*CROWDED), Barrier(4)
    unasked = {stamp(7 * 24 * week): True for week in range(4)}

    def answer(call: Call) -> Reply:
        if unasked.pop(call.arg("from") or "", False):
            together.wait(PATIENCE)
        return capped.answer(call)

    with LoopbackServer(answer) as server:
        warehouse.load_from(server.url, **KEYS | STEPS)
    assert (unasked, together.broken) == ({}, False)
    assert ids(warehouse) == list(range(len(CROWDED)))


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"params": {}}, "needs {window.start} and {window.end}"),
        ({"params": {"from": "{window.start}"}}, "needs {window.start} and {window.end}"),
        ({"incremental": {"cursor": "$.updated_at"}}, "needs `initial`"),
        ({"cap": 1}, "should be at least 2"),
        ({"params": {"x": "{partition.key}"}, "partitions_def": {"type": "static", "partition_keys": ["a"]}}, "needs"),
    ],
)
def test_a_cap_that_cannot_work_is_a_mistake(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told.replace("{", r"\{").replace("}", r"\}")):
        source_spec("http://h", **KEYS | keys)
