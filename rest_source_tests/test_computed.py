"""What assets that are no endpoints return becomes a table, and comes back from it."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from rest_source.demo.server import LoopbackServer, Reply
from rest_source.orchestrate.definitions import build_definitions
from rest_source.orchestrate.io_manager import IO_MANAGER_KEY, PaginatorIOManager
from rest_source_tests.loading import Warehouse, source_spec

DAILY = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-08")
Make = Callable[[], Any]


@pytest.fixture(autouse=True)
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))


def resources(warehouse: Warehouse) -> dict[str, Any]:
    return {IO_MANAGER_KEY: PaginatorIOManager(destination=warehouse.url)}


def computed(make: Callable[..., Any], *key: str, **keys: Any) -> dg.AssetsDefinition:
    """An asset that returns what the function gives for the partitions of the run."""

    def asset(context: dg.AssetExecutionContext) -> Any:
        return make(*context.partition_keys) if context.assets_def.partitions_def else make()

    made: dg.AssetsDefinition = dg.asset(key=key or ("shop", "revenue"), io_manager_key=IO_MANAGER_KEY, **keys)(asset)
    return made


def materialize(
    warehouse: Warehouse, *assets: dg.AssetsDefinition, keys: str = "", select: dg.AssetsDefinition | None = None
) -> dg.ExecuteInProcessResult:
    start, dots, end = keys.partition("...")
    ends = {"dagster/asset_partition_range_start": start, "dagster/asset_partition_range_end": end}
    how: dict[str, Any] = {"tags": ends} if dots else {"partition_key": keys or None}
    return dg.materialize(
        list(assets),
        resources=resources(warehouse),
        selection=[select] if select else None,
        raise_on_error=False,
        **how,
    )


def error(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    assert not result.success
    event = next(event for event in result.all_events if event.is_step_failure)
    data = event.step_failure_data.user_failure_data
    assert data is not None, event.step_failure_data.error
    found: Any = data.metadata["error"].value
    return dict(found)


def got(warehouse: Warehouse, *key: str, annotation: Any = pd.DataFrame, **keys: Any) -> Any:
    """What the IO manager hands downstream."""
    seen: list[Any] = []

    def downstream(value: Any) -> None:
        seen.append(value)

    downstream.__annotations__["value"] = annotation
    path = key or ("shop", "revenue")
    upstream = computed(lambda *_: None, *path, **keys)
    reader = dg.asset(ins={"value": dg.AssetIn(key=path, input_manager_key=IO_MANAGER_KEY)})(downstream)
    result = materialize(warehouse, upstream, reader, select=reader)
    assert result.success, [e.step_failure_data.error for e in result.all_events if e.is_step_failure]
    return seen[0]


ROWS = [{"id": 1, "name": "a"}, {"id": 2, "name": None}]


class Stream:
    """A table of another library, as polars has them."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize(
    "make",
    [
        lambda: pd.DataFrame(ROWS),
        lambda: pa.Table.from_pylist(ROWS),
        lambda: pa.Table.from_pylist(ROWS).to_batches()[0],
        lambda: pa.Table.from_pylist(ROWS).to_reader(),
        lambda: Stream(pa.Table.from_pylist(ROWS)),
        lambda: dg.MaterializeResult(value=pd.DataFrame(ROWS)),
        lambda: pd.DataFrame([{"id": 0, "name": "x"}, *ROWS]).loc[lambda frame: frame["id"] > 0],
        lambda: pd.DataFrame(ROWS).set_index("id"),
    ],
    ids=["pandas", "arrow", "batch", "reader", "stream", "result", "filtered", "indexed"],
)
def test_a_table_of_any_library_replaces_the_one_there_is(warehouse: Warehouse, make: Make) -> None:
    assert materialize(warehouse, computed(lambda: pd.DataFrame({"id": [7, 8, 9], "name": ["x"] * 3}))).success
    result = materialize(warehouse, computed(make))
    assert result.success
    assert warehouse.rows("SELECT * FROM shop.revenue ORDER BY id") == [(1, "a"), (2, None)]
    (event,) = result.get_asset_materialization_events()
    told: dict[str, Any] = {
        name: value.value for name, value in event.step_materialization_data.materialization.metadata.items()
    }
    assert (told["dagster/row_count"], told["rows_inserted"], told["rows_deleted"]) == (2, 2, 3)
    assert told["dagster/table_name"].endswith("shop.revenue")
    assert [(column.name, column.type) for column in told["dagster/column_schema"].columns] == [
        ("id", "bigint"),
        ("name", "text"),
    ]
    assert "| 1 | a |" in str(told["preview"])
    frame = got(warehouse)
    assert (list(frame.columns), frame["id"].tolist()) == (["id", "name"], [1, 2])


VALUES: dict[str, list[Any]] = {
    "whole": [1, None],
    "small": [1.5, float("-inf")],
    "yes": [True, None],
    "day": [date(2024, 1, 31), None],
    "moment": [datetime(2024, 1, 31, 12, 30, 15, 250000, tzinfo=UTC), None],
    "words": ['a "b", c\n', ""],
    "Total €": ["x", None],
    "nothing": [None, None],
}


def test_values_come_back_as_they_were(warehouse: Warehouse) -> None:
    given = pa.table(VALUES)
    assert materialize(warehouse, computed(lambda: given)).success
    found = got(warehouse, annotation=pa.Table)
    assert found.column_names == given.column_names
    assert {name: found[name].to_pylist() for name in VALUES} == {
        **VALUES,
        "moment": [VALUES["moment"][0], None],
    }


def test_types_that_postgres_has_not_are_told_in_ours(warehouse: Warehouse) -> None:
    given = pa.table(
        {
            "price": [Decimal("1.10")],
            "large": pa.array([2**64 - 1], pa.uint64()),
            "tags": [["a", "b"]],
            "place": [{"x": 1}],
            "kind": pa.array(["k"]).dictionary_encode(),
            "local": [datetime(2024, 1, 31, 12)],
        }
    )
    assert materialize(warehouse, computed(lambda: given)).success
    types = warehouse.types("shop", "revenue")
    if warehouse.postgres:
        assert warehouse.rows("SELECT price, large, tags ->> 1, place ->> 'x', kind FROM shop.revenue") == [
            ("1.10", str(2**64 - 1), "b", "1", "k")
        ]
        assert types["local"] == "TIMESTAMP WITH TIME ZONE"
    else:
        assert got(warehouse, annotation=pa.Table).to_pylist() == given.to_pylist()


def per_day(*keys: str) -> pd.DataFrame:
    return pd.DataFrame([{"day": key, "n": n} for key in keys for n in range(2)])


def test_a_partition_takes_the_place_of_its_rows_only(warehouse: Warehouse) -> None:
    for key in ("2024-01-01", "2024-01-02", "2024-01-02"):
        assert materialize(warehouse, computed(per_day, partitions_def=DAILY), keys=key).success
    count = "SELECT __partition, count(*) FROM shop.revenue GROUP BY 1 ORDER BY 1"
    assert warehouse.rows(count) == [("2024-01-01", 2), ("2024-01-02", 2)]
    empty = computed(lambda key: per_day().reindex(columns=["day", "n"]), partitions_def=DAILY)
    result = materialize(warehouse, empty, keys="2024-01-01")
    assert result.success
    assert warehouse.rows(count) == [("2024-01-02", 2)]
    ledger = "SELECT partition, rows_read, stop_reason FROM _rest_source.loads ORDER BY committed_at"
    assert warehouse.rows(ledger)[-1] == ("2024-01-01", 0, "stored")
    assert len(got(warehouse, partitions_def=DAILY)) == 2


def test_a_day_of_a_computed_table_is_got_by_itself(warehouse: Warehouse) -> None:
    for key in ("2024-01-01", "2024-01-02"):
        materialize(warehouse, computed(per_day, partitions_def=DAILY), keys=key)
    defs = dg.Definitions(assets=[computed(per_day, partitions_def=DAILY)], resources=resources(warehouse))
    frame: Any = defs.load_asset_value(dg.AssetKey(["shop", "revenue"]), partition_key="2024-01-02")
    assert frame["day"].tolist() == ["2024-01-02"] * 2


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_several_partitions_at_once_take_a_column_that_tells_them(warehouse: Warehouse) -> None:
    def told(*keys: str) -> pd.DataFrame:
        frame = per_day(*keys)
        return frame.assign(__partition=frame["day"])

    policy = dg.BackfillPolicy.single_run()
    asset = computed(told, partitions_def=DAILY, backfill_policy=policy)
    assert materialize(warehouse, asset, keys="2024-01-01...2024-01-03").success
    count = "SELECT __partition, count(*) FROM shop.revenue GROUP BY 1 ORDER BY 1"
    assert warehouse.rows(count) == [(f"2024-01-0{n}", 2) for n in (1, 2, 3)]
    untold = computed(per_day, partitions_def=DAILY, backfill_policy=policy)
    found = error(materialize(warehouse, untold, keys="2024-01-01...2024-01-02"))
    assert (found["id"], "`__partition`" in found["remedy"]) == ("partitions_untold", True)
    assert len(warehouse.table("shop.revenue")) == 6


def test_other_partitions_keep_their_values_when_columns_change(warehouse: Warehouse) -> None:
    frames = {
        "2024-01-01": pd.DataFrame({"n": [1], "v": [1]}),
        "2024-01-02": pd.DataFrame({"n": [2], "v": [2.5], "new": ["x"]}),
        "2024-01-03": pd.DataFrame({"n": [3], "v": [None], "new": [None]}),
        "2024-01-04": pd.DataFrame({"n": [4]}),
    }
    for key in frames:
        assert materialize(warehouse, computed(frames.__getitem__, partitions_def=DAILY), keys=key).success
    assert warehouse.rows("SELECT n, v, new FROM shop.revenue ORDER BY n") == [
        (1, 1.0, None),
        (2, 2.5, "x"),
        (3, None, None),
        (4, None, None),
    ]
    before = warehouse.table("shop.revenue")
    conflict = computed(lambda key: pd.DataFrame({"n": ["text"]}), partitions_def=DAILY)
    found = error(materialize(warehouse, conflict, keys="2024-01-05"))
    assert found["id"] == "column_conflict"
    assert "The column `n` of shop.revenue is bigint" in found["message"].replace("BIGINT", "bigint")
    assert warehouse.table("shop.revenue") == before


def test_a_whole_number_too_large_for_a_decimal_is_not_bent(warehouse: Warehouse) -> None:
    first = computed(lambda key: pd.DataFrame({"n": [2**60]}), partitions_def=DAILY)
    assert materialize(warehouse, first, keys="2024-01-01").success
    second = computed(lambda key: pd.DataFrame({"n": [0.5]}), partitions_def=DAILY)
    assert error(materialize(warehouse, second, keys="2024-01-02"))["id"] == "column_conflict"
    assert warehouse.rows("SELECT n FROM shop.revenue") == [(2**60,)]


def test_a_table_of_other_columns_is_made_anew(warehouse: Warehouse) -> None:
    materialize(warehouse, computed(lambda: pd.DataFrame({"a": [1], "b": ["x"]})))
    assert materialize(warehouse, computed(lambda: pd.DataFrame({"b": [2], "c": [None]}))).success
    assert warehouse.rows("SELECT * FROM shop.revenue") == [(2, None)]


def numbers() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ({"a": 1}, "type dict"),
        ([{"a": 1}], "type list"),
        (None, "type NoneType"),
        (5, "type int"),
        (pd.Series([1]), "type Series"),
        (pd.DataFrame(), "it has no columns"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "it is no table of columns"),
        (pd.DataFrame([[1, 2]], columns=["a", "A"]), "two columns are called a, whatever the case"),
        (pd.DataFrame([[1]], columns=[""]), "a column has no name"),
        (pd.DataFrame({"a": [1, "x"]}), "it is no table of columns"),
    ],
)
def test_what_is_no_table_is_refused_in_words(tmp_path: Path, value: Any, word: str) -> None:
    warehouse = Warehouse(tmp_path)
    found = error(materialize(warehouse, computed(lambda: value)))
    assert (found["id"], found["message"].startswith("The asset shop/revenue returned")) == ("not_storable", True)
    assert word in found["message"]
    assert "pandas DataFrame" in found["remedy"] and "io_manager_key" in found["remedy"]


def test_an_output_that_is_no_asset_is_refused_in_words(tmp_path: Path) -> None:
    @dg.op(out=dg.Out(io_manager_key=IO_MANAGER_KEY))
    def number() -> int:
        return 1

    job = dg.GraphDefinition("numbers", node_defs=[number]).to_job(resource_defs=resources(Warehouse(tmp_path)))
    assert "it is no asset" in error(job.execute_in_process(raise_on_error=False))["message"]


@pytest.mark.parametrize(
    ("key", "table"),
    [
        (["revenue"], "public.revenue"),
        (["shop", "Revenue"], "shop.revenue"),
        (["raw", "shop", "revenue"], "raw__shop.revenue"),
        (["a", "b-c", "d", "e"], "a__b_c__d.e"),
    ],
)
def test_a_key_has_a_table_and_its_rows_come_back(warehouse: Warehouse, key: list[str], table: str) -> None:
    if warehouse.postgres:
        warehouse.execute("DROP TABLE IF EXISTS public.revenue")
    assert materialize(warehouse, computed(lambda: pd.DataFrame(ROWS), *key)).success
    assert warehouse.rows(f"SELECT count(*) FROM {table}") == [(2,)]
    assert got(warehouse, *key)["id"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["raw", "shop", "revenue"], ["raw__shop", "revenue"]),
        (["shop", "revenue"], ["Shop", "REVENUE"]),
        (["revenue"], ["public", "revenue"]),
        (["a-b", "c"], ["a_b", "c"]),
    ],
)
def test_two_assets_never_share_a_table(warehouse: Warehouse, one: list[str], other: list[str]) -> None:
    if warehouse.postgres:
        warehouse.execute("DROP TABLE IF EXISTS public.revenue")
    assert materialize(warehouse, computed(lambda: pd.DataFrame(ROWS), *one)).success
    found = error(materialize(warehouse, computed(lambda: pd.DataFrame({"x": [1]}), *other)))
    assert found["id"] == "table_taken"
    assert f"is that of the asset {'/'.join(one)}, not of the asset {'/'.join(other)}" in found["message"]
    with pytest.raises(AssertionError, match="that of the a"):
        got(warehouse, *other)
    assert got(warehouse, *one)["id"].tolist() == [1, 2]


def test_no_asset_writes_over_an_endpoint_nor_the_other_way_round(warehouse: Warehouse) -> None:
    with LoopbackServer(lambda call: Reply({"records": [{"id": 1}], "next": None})) as server:
        defs = build_definitions(source_spec(server.url), PaginatorIOManager(destination=warehouse.url))
        job = defs.resolve_implicit_global_asset_job_def()
        assert job.execute_in_process().success
        found = error(materialize(warehouse, computed(lambda: pd.DataFrame(ROWS), "Shop", "orders")))
        assert (found["id"], "an endpoint or another program" in found["message"]) == ("table_taken", True)
        assert warehouse.rows("SELECT count(*) FROM shop.orders") == [(1,)]
        warehouse.execute("DROP TABLE shop.orders")
        assert materialize(warehouse, computed(lambda: pd.DataFrame(ROWS), "Shop", "orders")).success
        found = error(job.execute_in_process(raise_on_error=False))
        assert (found["id"], "the asset Shop/orders" in found["message"]) == ("table_taken", True)


def test_our_system_schema_is_nobodys(tmp_path: Path) -> None:
    found = error(materialize(Warehouse(tmp_path), computed(lambda: pd.DataFrame(ROWS), "_rest_source", "loads")))
    assert "the schema `_rest_source` is a system's" in found["message"]


def test_a_write_that_fails_leaves_the_table_as_it_was(warehouse: Warehouse) -> None:
    materialize(warehouse, computed(lambda: pd.DataFrame(ROWS)))
    before = warehouse.table("shop.revenue")
    warehouse.execute("ALTER TABLE _rest_source.loads ALTER COLUMN run_id SET DATA TYPE DATE USING NULL")
    assert not materialize(warehouse, computed(lambda: pd.DataFrame({"id": [5], "x": [1]}))).success
    assert warehouse.table("shop.revenue") == before


def test_pandas_is_not_imported_for_arrow() -> None:
    assert "pandas" in sys.modules  # the test itself; the module asks for it by name only
    source = Path(sys.modules["rest_source.orchestrate.computed"].__file__ or "").read_text()
    assert "import pandas" not in source


def test_the_io_manager_can_be_tried_without_a_run(warehouse: Warehouse) -> None:
    manager = resources(warehouse)[IO_MANAGER_KEY]
    for key in ("2024-01-01", "2024-01-02"):
        context = dg.build_output_context(
            asset_key=["shop", "revenue"],
            partition_key=key,
            asset_partition_key_range=dg.PartitionKeyRange(key, key),
            asset_partitions_def=DAILY,
        )
        manager.handle_output(context, per_day(key))
        assert context.get_logged_metadata()["rows_inserted"].value == 2
    wanted = dg.build_input_context(
        asset_key=["shop", "revenue"],
        asset_partition_key_range=dg.PartitionKeyRange("2024-01-02", "2024-01-02"),
        asset_partitions_def=DAILY,
        dagster_type=dg.PythonObjectDagsterType(pd.DataFrame),
    )
    assert manager.load_input(wanted)["day"].tolist() == ["2024-01-02"] * 2
