"""What a downstream asset gets of an endpoint's table: the rows of the partitions that it depends on."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.orchestrate.definitions import build_definitions
from rest_source.orchestrate.io_manager import IO_MANAGER_KEY, PaginatorIOManager
from rest_source_tests.loading import Warehouse, source_spec

KEY = dg.AssetKey(["shop", "orders"])
DAYS: dict[str, Any] = {"type": "daily", "start_date": "2024-01-01", "end_date": "2024-01-08"}
DAILY = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-08")
HOURS: dict[str, Any] = {"type": "hourly", "start_date": "2024-01-01-00:00", "end_date": "2024-01-03-00:00"}
REGIONS: dict[str, Any] = {"type": "static", "partition_keys": ["eu", "us", "apac"]}


@pytest.fixture(autouse=True)
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))


def answer(call: Call) -> Reply:
    """Three records for each partition that is asked for; none of the third day."""
    key = call.arg("key") or ""
    found = [{"id": f"{key} {n}", "part": key, "n": n} for n in range(3)]
    return Reply({"records": [] if key == "2024-01-03" else found, "next": None})


def definitions(warehouse: Warehouse, url: str, *downstream: dg.AssetsDefinition, **endpoint: Any) -> dg.Definitions:
    spec = source_spec(url, **{"params": {"key": "{partition.key}"}, "partitions_def": DAYS, **endpoint})
    defs = build_definitions(spec, PaginatorIOManager(destination=warehouse.url))
    return dg.Definitions.merge(defs, dg.Definitions(assets=downstream))


def load(warehouse: Warehouse, *keys: str, **endpoint: Any) -> None:
    with LoopbackServer(answer) as server:
        defs = definitions(warehouse, server.url, **endpoint)
        for key in keys:
            start, dots, end = key.partition("...")
            ends = {"dagster/asset_partition_range_start": start, "dagster/asset_partition_range_end": end}
            asked: dict[str, Any] = {"tags": ends} if dots else {"partition_key": key}
            assert defs.resolve_implicit_global_asset_job_def().execute_in_process(**asked).success


def asked(
    warehouse: Warehouse,
    partitions: dg.PartitionsDefinition[str] | None,
    mapping: dg.PartitionMapping | None = None,
    keys: str | None = None,
    columns: Sequence[str] = ("part",),
    annotation: Any = pd.DataFrame,
    **endpoint: Any,
) -> Any:
    """What an asset downstream gets of the partitions that it is materialized for."""
    seen: list[Any] = []
    wanted = dg.AssetIn(
        key=KEY, partition_mapping=mapping, metadata={"columns": list(columns)}, input_manager_key=IO_MANAGER_KEY
    )

    def downstream(orders: Any) -> None:
        seen.append(orders)

    downstream.__annotations__["orders"] = annotation
    asset = dg.asset(ins={"orders": wanted}, partitions_def=partitions)(downstream)
    job = definitions(warehouse, "http://127.0.0.1:9", asset, **endpoint).resolve_implicit_global_asset_job_def()
    start, dots, end = (keys or "").partition("...")
    ends = {"dagster/asset_partition_range_start": start, "dagster/asset_partition_range_end": end}
    how: dict[str, Any] = {"tags": ends} if dots else {"partition_key": keys}
    result = job.execute_in_process(asset_selection=[asset.key], raise_on_error=False, **how)
    if not result.success:
        event = next(event for event in result.all_events if event.is_step_failure)
        raise AssertionError(str(event.step_failure_data.error))
    (found,) = seen
    return found


def parts(frame: Any) -> dict[str, int]:
    counts = frame["part"].value_counts()
    return {str(key): int(counts[key]) for key in sorted(counts.index)}


def days(*numbers: int) -> dict[str, int]:
    return {f"2024-01-0{number}": 3 for number in numbers}


def test_a_day_gets_its_day_and_a_range_its_days(warehouse: Warehouse) -> None:
    load(warehouse, "2024-01-01...2024-01-05")
    assert parts(asked(warehouse, DAILY, keys="2024-01-02")) == days(2)
    assert parts(asked(warehouse, DAILY, keys="2024-01-02...2024-01-04")) == days(2, 4)
    assert parts(asked(warehouse, DAILY, keys="2024-01-03")) == {}


def test_a_mapping_decides_which_partitions_are_got(warehouse: Warehouse) -> None:
    load(warehouse, "2024-01-01...2024-01-05")
    before = dg.TimeWindowPartitionMapping(start_offset=-1)
    assert parts(asked(warehouse, DAILY, before, "2024-01-05")) == days(4, 5)
    assert parts(asked(warehouse, None, dg.SpecificPartitionsPartitionMapping(["2024-01-01"]))) == days(1)
    weekly = dg.WeeklyPartitionsDefinition("2024-01-01", day_offset=1, end_date="2024-01-08")
    assert parts(asked(warehouse, weekly, keys="2024-01-01")) == days(1, 2, 4, 5)


def test_an_asset_without_partitions_gets_all_rows(warehouse: Warehouse) -> None:
    load(warehouse, "2024-01-01...2024-01-05")
    warehouse.execute("UPDATE shop.orders SET __partition = NULL WHERE part = '2024-01-04'")
    assert parts(asked(warehouse, None)) == days(1, 2, 4, 5)


def test_a_day_gets_the_hours_of_it(warehouse: Warehouse) -> None:
    hours: dict[str, Any] = {"partitions_def": HOURS}
    load(warehouse, "2024-01-01-22:00...2024-01-02-02:00", **hours)
    found = asked(warehouse, DAILY, keys="2024-01-02", **hours)
    assert parts(found) == {f"2024-01-02-0{hour}:00": 3 for hour in range(3)}


def test_names_are_told_apart(warehouse: Warehouse) -> None:
    load(warehouse, "eu", "us", partitions_def=REGIONS)
    static = dg.StaticPartitionsDefinition(["eu", "us", "apac"])
    assert parts(asked(warehouse, static, keys="us", partitions_def=REGIONS)) == {"us": 3}


STATIC = dg.StaticPartitionsDefinition(["eu", "us", "apac"])


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_a_dimension_gets_its_slice(warehouse: Warehouse) -> None:
    both = {"type": "multi", "dimensions": {"region": REGIONS, "day": DAYS}}
    load(warehouse, "2024-01-01|eu", "2024-01-01|us", "2024-01-02|us", partitions_def=both)

    def slices(
        partitions: dg.PartitionsDefinition[str] | None = None, dimension: str | None = None, key: str | None = None
    ) -> list[str]:
        mapping = dg.MultiToSingleDimensionPartitionMapping(dimension) if dimension else None
        found = parts(asked(warehouse, partitions, mapping, key, partitions_def=both))
        assert set(found.values()) == {3}
        return list(found)

    assert slices(DAILY, "day", "2024-01-01") == ["2024-01-01|eu", "2024-01-01|us"]
    assert slices(STATIC, "region", "us") == ["2024-01-01|us", "2024-01-02|us"]
    assert slices(dg.MultiPartitionsDefinition({"region": STATIC, "day": DAILY}), key="2024-01-02|us") == [
        "2024-01-02|us"
    ]
    assert slices() == ["2024-01-01|eu", "2024-01-01|us", "2024-01-02|us"]


def test_arrow_and_columns_come_as_before(warehouse: Warehouse) -> None:
    load(warehouse, "2024-01-01...2024-01-02")
    found = asked(warehouse, DAILY, keys="2024-01-02", columns=["n", "id"], annotation=pa.Table)
    assert isinstance(found, pa.Table)
    assert (found.column_names, found.num_rows) == (["n", "id"], 3)


def test_values_are_loaded_by_partition_outside_of_a_run(warehouse: Warehouse) -> None:
    load(warehouse, "2024-01-01...2024-01-04")
    defs = definitions(warehouse, "http://127.0.0.1:9")
    assert parts(defs.load_asset_value(KEY, partition_key="2024-01-02", python_type=pd.DataFrame)) == days(2)
    arrow: Any = defs.load_asset_value(KEY, partition_key="2024-01-04", python_type=pa.Table)
    assert (type(arrow), arrow.num_rows) == (pa.Table, 3)
    assert parts(defs.load_asset_value(KEY)) == days(1, 2, 4)
    with defs.get_repository_def().get_asset_value_loader() as loader:
        span = dg.PartitionKeyRange("2024-01-02", "2024-01-04")
        assert parts(loader.load_asset_value(KEY, partition_key_range=span)) == days(2, 4)


def test_partitions_that_were_never_loaded_are_told(warehouse: Warehouse, capfd: pytest.CaptureFixture[str]) -> None:
    load(warehouse, "2024-01-01", "2024-01-03")
    capfd.readouterr()
    assert parts(asked(warehouse, DAILY, keys="2024-01-01...2024-01-03")) == days(1)
    assert "shop.orders: no rows, as these partitions were never loaded: 2024-01-02" in capfd.readouterr().err


def test_a_range_that_was_loaded_at_once_is_got_as_a_whole(warehouse: Warehouse) -> None:
    at_once: dict[str, Any] = {
        "requests": "range",
        "primary_key": "id",
        "params": {"key": "{partition.start:%Y-%m-%d}"},
    }
    load(warehouse, "2024-01-01...2024-01-02", "2024-01-04", **at_once)
    assert parts(asked(warehouse, DAILY, keys="2024-01-01...2024-01-04", **at_once)) == days(1, 4)
    assert parts(asked(warehouse, DAILY, keys="2024-01-04", **at_once)) == days(4)
    with pytest.raises(AssertionError, match=r"rows of 2024-01-01\.\.\.2024-01-02 that belong to no single partition"):
        asked(warehouse, DAILY, keys="2024-01-02", **at_once)


def test_a_table_without_partitions_is_told(warehouse: Warehouse) -> None:
    with LoopbackServer(answer) as server:
        plain = definitions(warehouse, server.url, partitions_def=None, params={"key": "x"})
        plain.resolve_implicit_global_asset_job_def().execute_in_process()
    with pytest.raises(AssertionError, match="does not say which partition its rows belong to"):
        asked(warehouse, DAILY, keys="2024-01-02")


def test_years_of_hours_are_not_listed_for_an_asset_that_gets_all(warehouse: Warehouse) -> None:
    hours = {"type": "hourly", "start_date": "1990-01-01-00:00"}
    load(warehouse, "2024-01-01-22:00", partitions_def=hours)
    started = datetime.now(UTC)
    assert len(asked(warehouse, None, partitions_def=hours)) == 3
    assert datetime.now(UTC) - started < timedelta(seconds=8)
