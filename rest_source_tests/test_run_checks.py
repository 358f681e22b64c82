"""Checks judge every load of a run, whichever is the last, and loads by those that they are like."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner

from rest_source.cli.main import main
from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.load.destination import CommitResult, CommittedLoad
from rest_source.load.past_loads import PastLoad
from rest_source.orchestrate.definitions import build_definitions
from rest_source.orchestrate.io_manager import PaginatorIOManager
from rest_source.orchestrate.spike import History
from rest_source_tests.loading import Warehouse, source_spec

DAILY = {"type": "daily", "start_date": "2024-01-01"}
LOUD = {"complete": "error", "rows": {"min": 1, "level": "error"}, "spike": "error"}


@pytest.fixture(autouse=True)
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))


@dataclass(slots=True)
class Days:
    """An API of so many records a day, which announces so many; `fields` more of them on certain days."""

    records: Mapping[str, int]
    announced: Mapping[str, int] = field(default_factory=dict)
    fields: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    def __call__(self, call: Call) -> Reply:
        day = call.arg("day") or ""
        more = self.fields.get(day, {})
        found = [{"id": f"{day} {n}", "kind": n % 2, **more} for n in range(self.records.get(day, 0))]
        total = self.announced.get(day, len(found))
        return Reply({"records": found if (call.arg("page") or "1") == "1" else [], "total": total})


def day(number: int) -> str:
    return f"2024-01-{number:02}"


@dataclass(frozen=True)
class Run:
    result: dg.ExecuteInProcessResult

    @property
    def checks(self) -> dict[str, dg.AssetCheckEvaluation]:
        return {check.check_name: check for check in self.result.get_asset_check_evaluations()}

    def told(self, name: str) -> str:
        return self.checks[name].description or ""


def job(warehouse: Warehouse, url: str, **endpoint: Any) -> dg.JobDefinition:
    pages = {"type": "page_number", "total_records": "$.total"}
    given = {"params": {"day": "{partition.key}"}, "partitions_def": DAILY, "pagination": pages, **endpoint}
    spec = source_spec(url, source={"checks": LOUD}, **given)
    definitions = build_definitions(spec, PaginatorIOManager(destination=warehouse.url))
    return definitions.resolve_implicit_global_asset_job_def()


def run(warehouse: Warehouse, url: str, first: int, last: int, **endpoint: Any) -> Run:
    """A run over days."""
    tags = {"dagster/asset_partition_range_start": day(first), "dagster/asset_partition_range_end": day(last)}
    return Run(job(warehouse, url, **endpoint).execute_in_process(tags=tags, raise_on_error=False))


def alone(warehouse: Warehouse, name: str, **endpoint: Any) -> dg.AssetCheckEvaluation:
    """A check by itself, as it is run from the UI."""
    key = dg.AssetCheckKey(dg.AssetKey(["shop", "orders"]), name)
    subset = job(warehouse, "http://127.0.0.1:9", **endpoint).get_subset(
        asset_selection=set(), asset_check_selection={key}
    )
    (found,) = subset.execute_in_process(raise_on_error=False).get_asset_check_evaluations()
    return found


@pytest.mark.parametrize("write", ["merge", "append"])
def test_every_day_of_a_backfill_is_judged(warehouse: Warehouse, write: str) -> None:
    api = Days({day(1): 4, day(2): 3, day(4): 5}, {day(2): 5})
    with LoopbackServer(api) as server:
        found = run(warehouse, server.url, 1, 4, write=write)
    assert not found.result.success
    passed = {name: check.passed for name, check in found.checks.items() if name in LOUD}
    assert passed == {"complete": False, "rows": False, "spike": False}
    assert found.told("complete") == f"{day(2)}: The API announced 5 records, the last load read 3."
    assert found.told("rows") == f"{day(3)}: The last load read 0 records, fewer than 1."
    assert found.told("spike").startswith(f"{day(3)}: The last load read 0 records, the 3 of the partitions next to it")
    figures: Any = found.checks["complete"].metadata["partitions"].value
    assert set(figures) == {day(2)}
    for name in LOUD:
        assert alone(warehouse, name).description == found.told(name)


def test_a_later_run_is_judged_by_its_own_loads(warehouse: Warehouse) -> None:
    api = Days({day(1): 4, day(2): 3, day(3): 4, day(4): 5}, {day(2): 5})
    with LoopbackServer(api) as server:
        assert not run(warehouse, server.url, 1, 3).checks["complete"].passed
        found = run(warehouse, server.url, 4, 4)
        assert found.result.success
        assert found.told("complete") == "5 records read; the API announced no more."
        assert alone(warehouse, "complete").passed
        assert not run(warehouse, server.url, 1, 2).checks["complete"].passed


def test_many_partitions_are_told_by_the_first_of_them(warehouse: Warehouse) -> None:
    api = Days({day(n): 3 for n in range(1, 9)}, {day(n): 5 for n in range(1, 9)})
    with LoopbackServer(api) as server:
        told = run(warehouse, server.url, 1, 8).told("complete")
    assert told.count("The API announced 5 records") == 5
    assert told.endswith("3 more of 8 partitions likewise: 2024-01-06, 2024-01-07, 2024-01-08.")


def test_a_key_that_merges_is_told_by_the_check_of_duplicates(warehouse: Warehouse) -> None:
    api = Days({day(n): 9 for n in (1, 2)})
    with LoopbackServer(api) as server:
        found = run(warehouse, server.url, 1, 2, primary_key=["kind", "__partition"])
    check = found.checks["duplicates"]
    assert not check.passed and check.severity is dg.AssetCheckSeverity.WARN
    assert f"{day(1)}: `kind, __partition` does not identify a record: 7 of 9 records were merged" in found.told(
        "duplicates"
    )
    assert f"{day(2)}: " in found.told("duplicates")
    assert "`primary_key: [id, __partition]`" in found.told("duplicates")
    assert (check.metadata["rows_merged"].value, check.metadata["rows_moved"].value) == (14, 0)


def test_a_few_merged_records_are_told_by_a_check_that_passes(warehouse: Warehouse) -> None:
    def answer(call: Call) -> Reply:
        found = [{"id": n, "v": 0} for n in range(90)] + [{"id": 7, "v": 1}]
        return Reply({"records": found if (call.arg("page") or "1") == "1" else [], "total": 91})

    with LoopbackServer(answer) as server:
        keys: dict[str, Any] = {"partitions_def": None, "params": {}, "primary_key": "id"}
        found = Run(job(warehouse, server.url, **keys).execute_in_process(raise_on_error=False))
    assert found.checks["duplicates"].passed
    assert found.told("duplicates").startswith("90 rows, no duplicates. 1 record was merged into others with the same")


def test_rows_taken_from_other_partitions_are_told_by_the_check_of_duplicates(warehouse: Warehouse) -> None:
    def answer(call: Call) -> Reply:
        found = [{"campaign": n, "clicks": f"{call.arg('day')} {n}"} for n in range(4)]
        return Reply({"records": found if (call.arg("page") or "1") == "1" else [], "total": 4})

    with LoopbackServer(answer) as server:
        run(warehouse, server.url, 1, 1, primary_key="campaign")
        found = run(warehouse, server.url, 2, 2, primary_key="campaign")
        assert not found.checks["duplicates"].passed
        assert "4 rows were taken out of other partitions" in found.told("duplicates")
        assert "`primary_key: [campaign, __partition]`" in found.told("duplicates")
        found = run(warehouse, server.url, 1, 2, primary_key=["campaign", "__partition"])
        assert found.checks["duplicates"].passed, found.told("duplicates")


def test_a_column_that_one_of_the_partitions_brings_is_told(warehouse: Warehouse) -> None:
    api = Days({day(n): 2 for n in range(1, 7)}, fields={day(2): {"early": 1}, day(5): {"late": 1}})
    with LoopbackServer(api) as server:
        assert run(warehouse, server.url, 1, 3).checks["schema"].passed
        found = run(warehouse, server.url, 4, 6)
    assert not found.checks["schema"].passed
    assert f"({day(5)}): new column late" in found.told("schema")
    assert "early" not in found.told("schema")


def test_a_column_without_a_value_in_any_partition_is_missing(warehouse: Warehouse) -> None:
    api = Days({day(n): 2 for n in range(1, 5)}, fields={day(1): {"a": 1, "b": 1}, day(3): {"b": 1}})
    with LoopbackServer(api) as server:
        run(warehouse, server.url, 1, 2)
        found = run(warehouse, server.url, 3, 4)
    assert "Without a value in the last load: a." in found.told("schema")


MONDAY = date(2024, 1, 1)


def compared(
    loads: Sequence[tuple[str, int]], definition: dg.PartitionsDefinition[str] | None, adds: bool = False
) -> tuple[float | None, int]:
    """The usual number of records that the last of some loads is compared with, and how many loads make it."""
    past = [PastLoad(str(n), partition, rows) for n, (partition, rows) in enumerate(loads)]
    last = CommittedLoad(past[-1].load_id, CommitResult(), 1, "end", None, partition=past[-1].partition)
    found, least, _ = History(past, definition, adds).comparable(last)
    return (median(found) if len(found) >= least else None), len(found)


def days(count: int, weekday: int, weekend: int) -> list[tuple[str, int]]:
    dates = [MONDAY + timedelta(days=n) for n in range(count)]
    return [(f"{date}", weekend if date.weekday() > 4 else weekday) for date in dates]


def hours(count: int) -> list[tuple[str, int]]:
    moments = [datetime(2024, 1, 1) + timedelta(hours=n) for n in range(count)]
    return [(f"{moment:%Y-%m-%d-%H:00}", 2 if moment.hour < 6 else 100) for moment in moments]


_DAYS = dg.DailyPartitionsDefinition(start_date="2024-01-01")
_HOURS = dg.HourlyPartitionsDefinition(start_date="2024-01-01-00:00", timezone="Europe/Berlin")
_REGIONS = dg.StaticPartitionsDefinition(["eu", "us"])
_BOTH = dg.MultiPartitionsDefinition({"day": _DAYS, "region": _REGIONS})


@pytest.mark.parametrize(
    ("loads", "definition", "adds", "usual", "count"),
    [
        ([("", 9), ("", 10), ("", 11), ("", 400)], None, False, 10, 3),
        ([("", 9), ("", 10), ("", 400)], None, False, None, 2),
        ([*[("", 1)] * 3, *[("", 5)] * 7, ("", 400)], None, False, 5, 7),
        # a partition that is loaded again, beside others of another size
        ([*days(9, 5, 5), ("2024-01-02", 500), ("2024-01-02", 1)], _DAYS, False, 252.5, 2),
        ([("2024-01-01", 900), ("2024-01-01", 1)], _DAYS, False, 900, 1),
        # the first load of a day, by the days next to it, before and after
        ([*days(5, 10, 10), ("2024-01-06", 0)], _DAYS, False, 10, 5),
        (
            [*days(20, 1000, 1000), *[(f"2024-03-{n:02}", 5) for n in range(1, 12)], ("2024-03-12", 5)],
            _DAYS,
            False,
            5,
            7,
        ),
        ([("2024-01-02", 7), ("2024-01-03", 7), ("2024-01-04", 7), ("2024-01-01", 0)], _DAYS, False, 7, 3),
        # a week has its days, a day its hours
        ([*days(26, 100, 3), ("2024-01-27", 3)], _DAYS, False, 3, 3),
        ([*hours(24 * 4), ("2024-01-05-03:00", 2)], _HOURS, False, 2, 4),
        # other regions are of other sizes
        ([*[("eu", 1000)] * 5, ("us", 3)], _REGIONS, False, None, 0),
        ([*[("eu", 1000)] * 5, *[("us", 3)] * 3, ("us", 1000)], _REGIONS, False, 3, 3),
        (
            [(f"2024-01-0{n}|{region}", rows) for n in range(1, 5) for region, rows in (("eu", 1000), ("us", 3))],
            _BOTH,
            False,
            3,
            3,
        ),
        # what adds to its partition: first loads by first loads, later ones by those before
        ([(f"2024-01-0{n}", rows) for n in range(1, 5) for rows in (100, 2)][:-1], _DAYS, True, 100, 3),
        ([("2024-01-01", 100), ("2024-01-01", 2)], _DAYS, True, None, 1),
        # keys of a range, and of an earlier file
        ([*days(5, 10, 10), ("2024-01-06...2024-01-09", 40)], _DAYS, False, None, 0),
        ([("north", 1), ("south", 2), *days(4, 10, 10)], _DAYS, False, 10, 3),
    ],
)
def test_a_load_is_compared_with_those_that_it_is_like(
    loads: Sequence[tuple[str, int]],
    definition: dg.PartitionsDefinition[str] | None,
    adds: bool,
    usual: float | None,
    count: int,
) -> None:
    assert compared(loads, definition, adds) == (usual, count)


def test_years_of_hours_are_judged_in_one_go() -> None:
    moments = [datetime(2024, 1, 1) + timedelta(hours=n) for n in range(5000)]
    past = [PastLoad(f"{n}", f"{moment:%Y-%m-%d-%H:00}", 5) for n, moment in enumerate(moments)]
    history = History(past, _HOURS, adds=False)
    for one in past:
        load = CommittedLoad(one.load_id, CommitResult(), 1, "end", None, partition=one.partition)
        assert len(history.comparable(load)[0]) >= 4


def test_the_command_tells_a_check_of_several_partitions_once(
    duckdb_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Days({day(n): 3 for n in (1, 2, 3)}, {day(n): 5 for n in (1, 2, 3)})
    monkeypatch.chdir(duckdb_warehouse.folder)
    with LoopbackServer(api) as server:
        endpoint = {
            "name": "orders",
            "path": "/orders",
            "data_root": "$.records",
            "params": {"day": "{partition.key}"},
            "partitions_def": DAILY,
            "pagination": {"type": "page_number", "total_records": "$.total"},
        }
        attributes = {"name": "shop", "base_url": server.url, "endpoints": [endpoint]}
        document = {"type": "rest_source.RestSource", "attributes": attributes}
        Path("defs.yaml").write_text(json.dumps(document))
        command = ["run", "defs.yaml", "--destination", duckdb_warehouse.url]
        result = CliRunner().invoke(main, [*command, "--partition-range", f"{day(1)}...{day(3)}"])
    assert result.exit_code == 0
    assert result.stderr.count("complete: ") == 1
    assert all(f"{day(n)}: The API announced 5" in result.stderr for n in (1, 2, 3))
