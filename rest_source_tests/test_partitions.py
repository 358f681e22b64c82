"""Partitions: each is asked for and committed by itself, and replaces exactly its own rows."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from rest_source.cli.main import main
from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.extract.stream import PageStream
from rest_source.load.destination import DuplicateReport
from rest_source.load.outcome import LoadOutcome
from rest_source.load.pipeline import run_load
from rest_source.load.retrying import Retry
from rest_source.orchestrate import io_manager
from rest_source.orchestrate.definitions import build_definitions
from rest_source.orchestrate.io_manager import PaginatorIOManager
from rest_source.orchestrate.partitions import latest_keys
from rest_source_tests.fakes.changing import ChangingApi
from rest_source_tests.loading import ORDERS, Warehouse, source_spec
from rest_source_tests.shop import write_file

DAILY = {"type": "daily", "start_date": "2024-01-01", "end_date": "2024-02-01"}
MONTHLY = {"type": "monthly", "start_date": "2024-01-01"}
ENDPOINT: dict[str, Any] = {
    "path": "/records",
    "pagination": {"type": "page_number"},
    "partitions_def": DAILY,
    "params": {"from": "{partition.start}", "to": "{partition.end}"},
}


@pytest.fixture(autouse=True)
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))


def day(number: int, hour: int = 1) -> str:
    return f"2024-01-{number:02}T{hour:02}:00:00Z"


def records(*days: int) -> list[dict[str, Any]]:
    return [{"id": 10 * number + n, "updated_at": day(number, n + 1)} for number in days for n in range(2)]


@dataclass(frozen=True)
class Run:
    """How a run ended, and what it told of each partition."""

    result: dg.ExecuteInProcessResult
    events: list[dg.EventLogEntry]

    @property
    def success(self) -> bool:
        return self.result.success

    @property
    def failure(self) -> str:
        event = next(event for event in self.result.all_events if event.is_step_failure)
        return str(event.step_failure_data)

    @property
    def metadata(self) -> dict[str | None, dict[str, Any]]:
        found: dict[str | None, dict[str, Any]] = {}
        for entry in self.events:
            assert entry.asset_materialization is not None
            values = {key: value.value for key, value in entry.asset_materialization.metadata.items()}
            found.setdefault(entry.asset_materialization.partition, {}).update(values)
        return found


def run(
    warehouse: Warehouse, url: str, key: str | None = None, *, start: str = "", end: str = "", **endpoint: Any
) -> Run:
    """The materialization of a partition, or of a range, through Dagster."""
    spec = source_spec(url, **{**ENDPOINT, **endpoint})
    manager = PaginatorIOManager(destination=warehouse.url)
    job = build_definitions(spec, manager).resolve_implicit_global_asset_job_def()
    tags = {"dagster/asset_partition_range_start": start, "dagster/asset_partition_range_end": end} if start else None
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, partition_key=key, tags=tags, raise_on_error=False)
        return Run(result, list(instance.all_logs(result.run_id, dg.DagsterEventType.ASSET_MATERIALIZATION)))


def rows(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return sorted(warehouse.rows("SELECT id, __partition FROM shop.orders"))


def test_a_partition_is_asked_for_by_its_window_and_replaced_exactly(warehouse: Warehouse) -> None:
    api = ChangingApi(records(1, 2, 3))
    with api.serve() as server:
        assert run(warehouse, server.url, "2024-01-02").success
        assert (api.asked("from"), api.asked("to")) == (["2024-01-02T00:00:00Z"], ["2024-01-03T00:00:00Z"])
        run(warehouse, server.url, "2024-01-03")
        assert rows(warehouse) == [(n, f"2024-01-0{n // 10}") for n in (20, 21, 30, 31)]
        api.records = [{"id": 21, "updated_at": day(2, 5)}, *records(3)]
        result = run(warehouse, server.url, "2024-01-02")
    assert rows(warehouse) == [(n, f"2024-01-0{n // 10}") for n in (21, 30, 31)]
    facts = result.metadata["2024-01-02"]
    assert (facts["rows_deleted"], facts["dagster/partition_row_count"], facts["dagster/row_count"]) == (2, 1, 3)
    assert list(warehouse.types())[-1] == "__partition"


def test_a_range_is_loaded_partition_by_partition_in_one_run(warehouse: Warehouse) -> None:
    api = ChangingApi(records(1, 2, 4))
    with api.serve() as server:
        result = run(warehouse, server.url, start="2024-01-01", end="2024-01-04")
    assert result.success
    counts = {key: facts["dagster/partition_row_count"] for key, facts in result.metadata.items()}
    assert counts == {"2024-01-01": 2, "2024-01-02": 2, "2024-01-03": 0, "2024-01-04": 2}
    loads = warehouse.rows("SELECT partition, rows_read FROM _rest_source.loads ORDER BY partition")
    assert loads == [("2024-01-01", 2), ("2024-01-02", 2), ("2024-01-03", 0), ("2024-01-04", 2)]


def test_a_partition_that_fails_leaves_the_others(warehouse: Warehouse) -> None:
    api = ChangingApi(records(1, 2, 3))
    endpoint: dict[str, Any] = {
        "path": "/records/{partition.key}",
        "params": {"from": "{partition.start}", "to": "{partition.end}"},
    }
    with api.serve() as server:
        api.answers["/records/2024-01-02"] = 400
        result = run(warehouse, server.url, start="2024-01-01", end="2024-01-03", **endpoint)
        assert not result.success
        assert rows(warehouse) == [(n, f"2024-01-0{n // 10}") for n in (10, 11, 30, 31)]
        assert set(result.metadata) == {"2024-01-01", "2024-01-03"}
        assert "1 of 3 partitions failed (2024-01-02)" in result.failure
        api.answers.clear()
        assert run(warehouse, server.url, "2024-01-02", **endpoint).success
    assert [id for id, _ in rows(warehouse)] == [10, 11, 20, 21, 30, 31]


def test_a_partition_that_fails_as_nobody_foresaw_leaves_the_others_too(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(stream: PageStream, *keys: Any, **options: Any) -> LoadOutcome:
        if stream.partition is not None and stream.partition.key == "2024-01-02":
            raise ZeroDivisionError("of a kind that is not explained")
        return run_load(stream, *keys, **options)

    monkeypatch.setattr(io_manager, "run_load", load)
    with ChangingApi(records(1, 2, 3)).serve() as server:
        result = run(warehouse, server.url, start="2024-01-01", end="2024-01-03")
    assert not result.success
    assert "ZeroDivisionError: of a kind that is not explained" in result.failure
    assert rows(warehouse) == [(n, f"2024-01-0{n // 10}") for n in (10, 11, 30, 31)]
    assert set(result.metadata) == {"2024-01-01", "2024-01-03"}


def test_an_interrupted_partition_is_gone_on_with_whatever_others_load_meanwhile(warehouse: Warehouse) -> None:
    found = [{"id": 10 * number + n, "updated_at": day(number, n)} for number in (1, 2) for n in range(5)]
    api = ChangingApi(found)
    endpoint: dict[str, Any] = {"incremental": {"cursor": "$.updated_at"}}
    with api.serve() as server:
        api.patience = 1
        assert not run(warehouse, server.url, "2024-01-01", **endpoint).success
        api.patience = None
        assert run(warehouse, server.url, "2024-01-02", **endpoint).success
        result = run(warehouse, server.url, "2024-01-01", **endpoint)
    assert result.metadata["2024-01-01"]["resumed_from_page"] == 2
    assert [id for id, _ in rows(warehouse)] == [record["id"] for record in found]


def test_a_key_moves_to_the_partition_it_is_read_in(warehouse: Warehouse) -> None:
    api = ChangingApi([{"id": 1, "updated_at": day(1)}, {"id": 2, "updated_at": day(1)}])
    with api.serve() as server:
        run(warehouse, server.url, "2024-01-01", primary_key="id")
        api.records[0]["updated_at"] = day(2)
        run(warehouse, server.url, "2024-01-02", primary_key="id")
        assert rows(warehouse) == [(1, "2024-01-02"), (2, "2024-01-01")]
        run(warehouse, server.url, "2024-01-01", primary_key="id")
    assert rows(warehouse) == [(1, "2024-01-02"), (2, "2024-01-01")]


def test_with_the_default_key_equal_records_stand_in_each_partition(warehouse: Warehouse) -> None:
    same: dict[str, Any] = {"params": {}, "partitions_def": {"type": "static", "partition_keys": ["eu", "us"]}}
    api = ChangingApi([{"id": 1, "updated_at": "x"}])
    with api.serve() as server:
        for key in ("eu", "us", "us"):
            assert run(warehouse, server.url, key, **same).success
    assert rows(warehouse) == [(1, "eu"), (1, "us")]


@pytest.mark.parametrize("write", ["replace", "append"])
def test_other_writes_of_a_partition(warehouse: Warehouse, write: str) -> None:
    api = ChangingApi(records(1, 2))
    with api.serve() as server:
        for key in ("2024-01-01", "2024-01-02", "2024-01-01"):
            run(warehouse, server.url, key, write=write)
    expected = {"replace": [10, 11, 20, 21], "append": [10, 10, 11, 11, 20, 21]}
    assert [id for id, _ in rows(warehouse)] == expected[write]


def test_two_dimensions_have_a_key_each(warehouse: Warehouse) -> None:
    regions = {"type": "static", "partition_keys": ["eu", "us"]}
    endpoint: dict[str, Any] = {
        "partitions_def": {"type": "multi", "dimensions": {"region": regions, "day": DAILY}},
        "params": {"from": "{partition.start}", "region": "{partition.region}", "key": "{partition.key}"},
    }
    api = ChangingApi(records(1))
    with api.serve() as server:
        assert run(warehouse, server.url, "2024-01-01|us", **endpoint).success
    call = api.calls[0]
    assert (call.arg("from"), call.arg("region"), call.arg("key")) == ("2024-01-01T00:00:00Z", "us", "2024-01-01|us")


@pytest.mark.parametrize(
    ("partitions", "key", "start", "end"),
    [
        (
            {"type": "hourly", "start_date": "2024-01-01-00:00"},
            "2024-01-01-05:00",
            "2024-01-01T05:00:00Z",
            "2024-01-01T06:00:00Z",
        ),
        ({"type": "weekly", "start_date": "2024-01-07"}, "2024-01-07", "2024-01-07T00:00:00Z", "2024-01-14T00:00:00Z"),
        ({"type": "monthly", "start_date": "2024-01-01"}, "2024-02-01", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
        ({**DAILY, "timezone": "Europe/Paris"}, "2024-01-02", "2024-01-02T00:00:00+01:00", "2024-01-03T00:00:00+01:00"),
        (
            {
                "type": "time_window",
                "start_date": "2024-01-01-00:00",
                "fmt": "%Y-%m-%d-%H:%M",
                "cron_schedule": "*/15 * * * *",
            },
            "2024-01-01-00:30",
            "2024-01-01T00:30:00Z",
            "2024-01-01T00:45:00Z",
        ),
    ],
)
def test_every_kind_of_window(warehouse: Warehouse, partitions: dict[str, Any], key: str, start: str, end: str) -> None:
    api = ChangingApi([])
    with api.serve() as server:
        assert run(warehouse, server.url, key, partitions_def=partitions).success
    assert (api.asked("from"), api.asked("to")) == ([start], [end])


def test_a_range_may_be_asked_for_at_once(warehouse: Warehouse) -> None:
    api = ChangingApi(records(1, 2, 3))
    with api.serve() as server:
        result = run(warehouse, server.url, start="2024-01-01", end="2024-01-03", requests="range", primary_key="id")
        assert result.success
        assert (api.asked("from"), api.asked("to")) == (["2024-01-01T00:00:00Z"], ["2024-01-04T00:00:00Z"])
        api.records = records(2)
        run(warehouse, server.url, "2024-01-02", requests="range", primary_key="id")
    assert [id for id, _ in rows(warehouse)] == [10, 11, 20, 21, 30, 31]
    assert dict(rows(warehouse))[20] == "2024-01-02"


def test_a_partitioned_asset_without_a_partition_is_an_error(warehouse: Warehouse) -> None:
    result = run(warehouse, "http://nobody.invalid")
    assert not result.success
    assert "names no partition" in result.failure


def test_a_source_may_partition_all_its_endpoints() -> None:
    spec = source_spec("http://h", source={"partitions_def": DAILY}, path="/{partition.key}")
    (asset,) = build_definitions(spec).resolve_asset_graph().asset_nodes
    assert isinstance(asset.partitions_def, dg.DailyPartitionsDefinition)
    assert asset.backfill_policy == dg.BackfillPolicy.single_run()


def test_a_backfill_may_take_several_runs() -> None:
    policy = {"type": "multi_run", "max_partitions_per_run": 30}
    spec = source_spec("http://h", partitions_def=DAILY, backfill_policy=policy)
    (asset,) = build_definitions(spec).resolve_asset_graph().asset_nodes
    assert asset.backfill_policy == dg.BackfillPolicy.multi_run(30)


def test_a_tick_loads_the_last_complete_partitions(tmp_path: Path) -> None:
    schedule = {"every": "6h", "refresh_last": 3}
    spec = source_spec("http://h", partitions_def={**DAILY, "end_date": None}, schedule=schedule)
    defs = build_definitions(spec)
    (tick,) = defs.schedules or []
    assert isinstance(tick, dg.ScheduleDefinition)
    moment = datetime(2024, 1, 10, 6, tzinfo=UTC)
    with (
        dg.DagsterInstance.local_temp(str(tmp_path)) as instance,
        dg.build_schedule_context(instance=instance, scheduled_execution_time=moment) as context,
    ):
        data = tick.evaluate_tick(context)
    (request,) = data.run_requests or []
    assert request.tags["dagster/asset_partition_range_start"] == "2024-01-07"
    assert request.tags["dagster/asset_partition_range_end"] == "2024-01-09"


@pytest.mark.parametrize("count", [1, 3, 400])
@pytest.mark.parametrize("now", ["2024-01-01T00:30", "2024-03-31T02:30", "2024-10-27T01:10", "2025-06-01T12:00"])
@pytest.mark.parametrize(
    "hours",
    [
        dg.HourlyPartitionsDefinition(start_date="2024-01-01-00:00", timezone="Europe/Berlin"),
        dg.DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-05-01"),
    ],
)
def test_the_last_partitions_are_the_end_of_the_list(hours: Any, now: str, count: int) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    listed = hours.get_partition_keys(current_time=moment)[-count:]
    assert latest_keys(hours, count, moment) == listed
    regions = dg.StaticPartitionsDefinition(["eu", "us"])
    both = dg.MultiPartitionsDefinition({"hour": hours, "region": regions})
    expected = {dg.MultiPartitionKey({"hour": key, "region": region}) for key in listed for region in ("eu", "us")}
    assert {*latest_keys(both, count, moment)} == expected
    assert latest_keys(regions, count, moment) == ["eu", "us"]


def test_the_last_partition_is_found_without_a_list_of_all() -> None:
    minutes = dg.TimeWindowPartitionsDefinition(start="1900-01-01", fmt="%Y-%m-%d", cron_schedule="* * * * *")
    both = dg.MultiPartitionsDefinition({"m": minutes, "r": dg.StaticPartitionsDefinition(list("abcdefgh"))})
    started = perf_counter()
    assert len(latest_keys(both, 1, datetime(2024, 1, 1, tzinfo=UTC))) == 8
    assert perf_counter() - started < 10  # the list has half a billion keys


def test_the_command_takes_a_key_or_a_range(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(warehouse.folder)
    api = ChangingApi(records(1, 2, 3))
    with api.serve() as server:
        endpoint = {"name": "orders", "data_root": "$.records", **ENDPOINT}
        attributes = {"name": "shop", "base_url": server.url, "endpoints": [endpoint]}
        Path("defs.yaml").write_text(json.dumps({"type": "rest_source.RestSource", "attributes": attributes}))

        def ran(*options: str) -> tuple[int, list[dict[str, Any]]]:
            command = ["run", "defs.yaml", "--destination", warehouse.url, "--json", *options]
            result = CliRunner().invoke(main, command)
            return result.exit_code, json.loads(result.stdout)["endpoints"] if result.stdout else []

        code, (report,) = ran("--partition", "2024-01-02")
        assert (code, report["partition"], report["rows_read"]) == (0, "2024-01-02", 2)
        code, reports = ran("--partition-range", "2024-01-01...2024-01-03")
        assert (code, [(r["partition"], r["rows_inserted"]) for r in reports]) == (
            0,
            [("2024-01-01", 2), ("2024-01-02", 0), ("2024-01-03", 2)],
        )
        shown = CliRunner().invoke(
            main, ["run", "defs.yaml", "--destination", warehouse.url, "--partition", "2024-01-03"]
        )
        assert shown.stdout.splitlines()[1].startswith("shop.orders 2024-01-03 ")
        assert ran()[0] == 1
        assert ran("--partition", "2024-13-01")[0] == 1


def test_a_range_that_is_asked_for_at_once_needs_a_key() -> None:
    with pytest.raises(ValidationError, match="needs `primary_key`"):
        source_spec("http://h", requests="range", **ENDPOINT)


def test_an_interrupted_load_of_a_partition_is_no_part_of_another_of_the_same_key(warehouse: Warehouse) -> None:
    weekly = {"type": "weekly", "start_date": "2024-01-07"}
    api = ChangingApi(records(7, 8, 9), page_size=2, patience=1)
    with api.serve() as server:
        assert not run(warehouse, server.url, "2024-01-07", partitions_def=weekly).success
        api.patience = None
        assert run(warehouse, server.url, "2024-01-07").success
    assert rows(warehouse) == [(70, "2024-01-07"), (71, "2024-01-07")]


@pytest.mark.parametrize("key", [{}, {"primary_key": "id"}])
def test_rejected_records_are_retried_into_their_partition(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, key: dict[str, Any]
) -> None:
    values = ((1, 1), (1, "x"), (2, "y"), (2, 2), (3, 3))
    found = [{"id": day_ * 10, "updated_at": day(day_), "n": n} for day_, n in values]
    api = ChangingApi([{**record, "id": number} for number, record in enumerate(found)])
    with api.serve() as server:
        run(warehouse, server.url, start="2024-01-01", end="2024-01-03", columns={"n": "BIGINT"}, **key)
        spec = source_spec(server.url, **ENDPOINT, columns={"n": "TEXT"}, **key)
        retry = Retry(spec, spec.endpoints[0], warehouse.destination, warehouse.state, warehouse.said.append)
        result = retry.run()
        assert (result.rows_read, result.rows_inserted, result.rows_rejected) == (2, 2, 0)
        days = ["2024-01-01", "2024-01-01", "2024-01-02", "2024-01-02", "2024-01-03"]
        expected = list(enumerate(days))
        assert rows(warehouse) == expected
        assert retry.run().rows_read == 0
        run(warehouse, server.url, "2024-01-01", columns={"n": "TEXT"}, **key)
    assert rows(warehouse) == expected


def test_what_an_earlier_release_rejected_without_a_partition_is_kept_once(warehouse: Warehouse) -> None:
    api = ChangingApi([{"id": 1, "updated_at": day(1), "n": "x"}, {"id": 2, "updated_at": day(1), "n": 2}])
    with api.serve() as server:
        run(warehouse, server.url, "2024-01-01", columns={"n": "BIGINT"})
        warehouse.execute("UPDATE _rest_source.rejected_records SET partition = NULL")
        run(warehouse, server.url, "2024-01-01", columns={"n": "BIGINT"})
    assert warehouse.rows("SELECT partition FROM _rest_source.rejected_records") == [("2024-01-01",)]


def stats(*days: int) -> list[dict[str, Any]]:
    """Three campaigns a day, as a report tells of them."""
    return [
        {"campaignId": campaign, "clicks": 100 * number + campaign, "updated_at": day(number)}
        for number in days
        for campaign in range(3)
    ]


def warned(result: Run) -> list[str]:
    return [str(warning) for facts in result.metadata.values() for warning in facts.get("warnings", [])]


@pytest.mark.parametrize("write", ["merge", "replace"])
def test_with_the_partition_in_its_key_a_row_stays_in_its_partition(warehouse: Warehouse, write: str) -> None:
    keyed: dict[str, Any] = {"primary_key": ["campaignId", "__partition"], "write": write}
    table = "SELECT campaignid, clicks, __partition FROM shop.orders ORDER BY 2"
    expected = [(n % 100, n, f"2024-01-0{n // 100}") for n in (100, 101, 102, 200, 201, 202, 300, 301, 302)]
    api = ChangingApi(stats(1, 2, 3))
    with api.serve() as server:
        result = run(warehouse, server.url, start="2024-01-01", end="2024-01-03", **keyed)
        assert (warehouse.rows(table), warned(result)) == (expected, [])
        assert run(warehouse, server.url, "2024-01-02", **keyed).metadata["2024-01-02"]["rows_unchanged"] == 3
        api.records = [*stats(1, 3), {"campaignId": 1, "clicks": 7, "updated_at": day(2)}]
        facts = run(warehouse, server.url, "2024-01-02", **keyed).metadata["2024-01-02"]
    assert (facts["rows_updated"], facts["rows_deleted"], facts["rows_moved"]) == (1, 2, 0)
    assert warehouse.rows(table) == sorted(
        [row for row in expected if row[1] // 100 != 2] + [(1, 7, "2024-01-02")], key=lambda row: row[1]
    )
    assert warehouse.destination.duplicates(ORDERS, ("campaignId", "__partition")) == DuplicateReport(rows=7)


def test_a_key_that_takes_rows_out_of_other_partitions_is_told_with_one_that_does_not(warehouse: Warehouse) -> None:
    with ChangingApi(stats(1, 2, 3)).serve() as server:
        first = run(warehouse, server.url, "2024-01-01", primary_key="campaignId")
        result = run(warehouse, server.url, "2024-01-02", primary_key="campaignId")
        assert (warned(first), result.metadata["2024-01-02"]["rows_moved"]) == ([], 3)
        (told,) = warned(result)
        assert told.startswith("3 rows were taken out of other partitions, as their `campaignId` was read in this one")
        assert "`primary_key: [campaignId, __partition]` and load the partitions again" in told
        run(warehouse, server.url, start="2024-01-01", end="2024-01-03", primary_key=["campaignId", "__partition"])
    assert len(warehouse.table()) == 9


def test_a_record_that_moves_now_and_then_is_not_told(warehouse: Warehouse) -> None:
    api = ChangingApi(records(1, 2, 3, 4))
    with api.serve() as server:
        run(warehouse, server.url, start="2024-01-01", end="2024-01-04", primary_key="id")
        api.records[0]["updated_at"] = day(4, 9)
        result = run(warehouse, server.url, "2024-01-04", primary_key="id")
    assert (result.metadata["2024-01-04"]["rows_moved"], warned(result)) == (1, [])


def test_the_remedy_of_duplicates_keeps_the_rows_of_every_partition(warehouse: Warehouse) -> None:
    with ChangingApi(stats(1, 2, 3)).serve() as server:
        result = run(warehouse, server.url, start="2024-01-01", end="2024-01-03")
        (check,) = [c for c in result.result.get_asset_check_evaluations() if c.check_name == "duplicates"]
        assert "`primary_key: [campaignId, __partition]`" in (check.description or "")
        keyed: dict[str, Any] = {"primary_key": ["campaignId", "__partition"]}
        result = run(warehouse, server.url, start="2024-01-01", end="2024-01-03", **keyed)
        (check,) = [c for c in result.result.get_asset_check_evaluations() if c.check_name == "duplicates"]
    assert (len(warehouse.table()), check.passed, warned(result)) == (9, True, [])


@pytest.mark.parametrize(("theirs", "asked"), [(DAILY, ["2"]), (MONTHLY, ["1", "2", "3"])])
def test_a_partition_asks_for_the_parents_of_its_own_if_they_have_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, theirs: dict[str, Any], asked: list[str]
) -> None:
    def answer(call: Call) -> Reply:
        return Reply([{"id": int(call.query["from"][0][8:10])}] if call.path == "/days" else [{"of": call.path}])

    monkeypatch.setenv("REST_SOURCE_DESTINATION", f"duckdb:///{tmp_path}/shop.duckdb")
    window = {"params": {"from": "{partition.start}"}}
    child = {"name": "child", "path": "/of/{parent.id}", "parent": {"endpoint": "days"}, "partitions_def": DAILY}
    with LoopbackServer(answer) as server:

        def run_of(name: str, key: str, partitions: dict[str, Any]) -> None:
            days = {"name": "days", "path": "/days", "partitions_def": partitions, **window}
            file = write_file(tmp_path, server.url, days, child)
            result = CliRunner().invoke(main, ["run", str(file), "--select", name, "--partition", key])
            assert result.exit_code == 0, result.output

        for number in (1, 2, 3):
            run_of("days", f"2024-01-0{number}", DAILY)
        run_of("child", "2024-01-02", theirs)
        assert sorted(call.path for call in server.calls if call.path.startswith("/of/")) == [
            f"/of/{id}" for id in asked
        ]


def test_the_partition_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REST_SOURCE_DESTINATION", f"duckdb:///{tmp_path}/shop.duckdb")
    month = f"{datetime.now(UTC):%Y-%m}-01"
    with LoopbackServer(lambda call: Reply([{"id": 1}])) as server:
        for offset, code, said in ((0, 1, "write `end_offset: 1` in `partitions_def`"), (1, 0, month)):
            partitions = {"type": "monthly", "start_date": "2024-01-01", "end_offset": offset}
            window = {"path": "/items", "params": {"from": "{partition.start}"}, "partitions_def": partitions}
            file = write_file(tmp_path, server.url, window)
            result = CliRunner().invoke(main, ["run", str(file), "--partition", month])
            assert (result.exit_code, said in result.output) == (code, True), result.output


def test_a_tick_loads_the_last_complete_partition_and_the_one_under_way() -> None:
    monthly = dg.MonthlyPartitionsDefinition("2024-01-01", end_offset=1)
    assert latest_keys(monthly, 1, datetime(2024, 3, 9, tzinfo=UTC)) == ["2024-02-01", "2024-03-01"]


@pytest.mark.parametrize(
    ("requests", "key", "asked", "said"),
    [("range", "2024-01-02", 3, ""), ("partition", "2024-01-05", 0, "`days` were never loaded")],
)
def test_parents_of_ranges_and_of_partitions_that_were_never_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requests: str, key: str, asked: int, said: str
) -> None:
    monkeypatch.setenv("REST_SOURCE_DESTINATION", f"duckdb:///{tmp_path}/shop.duckdb")
    days = {"name": "days", "path": "/days", "params": {"to": "{partition.end}"}, "requests": requests}
    child = {"name": "child", "path": "/of/{parent.id}", "parent": {"endpoint": "days"}}
    with LoopbackServer(lambda call: Reply([{"id": n} for n in range(3)])) as server:
        endpoints = ({**one, "partitions_def": DAILY, "primary_key": "id"} for one in (days, child))
        ran = ["run", str(write_file(tmp_path, server.url, *endpoints)), "--json", "--select"]
        first = CliRunner().invoke(main, [*ran, "days", "--partition-range", "2024-01-01...2024-01-03"])
        assert first.exit_code == 0, first.output
        result = CliRunner().invoke(main, [*ran, "child", "--partition", key])
        assert sum(call.path.startswith("/of/") for call in server.calls) == asked
    (report,) = json.loads(result.stdout)["endpoints"]
    assert (report["status"], said in " ".join(report["warnings"])) == ("success", True)
