"""Tables that change: what each policy lets through, and what the check tells of it."""

from typing import Any

import pytest

from rest_source.errors import RestSourceError
from rest_source.load.destination import CommittedLoad, SchemaReport
from rest_source.load.past_loads import loads_of_run, schema_changes
from rest_source_tests.loading import Warehouse

CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "a new field": ({"id": 2, "v": 1, "extra": True}, "new column `extra` (BOOLEAN)"),
    "decimals": ({"id": 2, "v": 1.5}, "`v` from BIGINT to DOUBLE"),
    "text": ({"id": 2, "v": "x"}, "`v` from BIGINT to TEXT"),
    "an object": ({"id": 2, "v": {"x": 1}}, "`v` from BIGINT to TEXT"),
}


@pytest.mark.parametrize(("record", "told"), CHANGES.values(), ids=CHANGES)
def test_freeze_stops_the_load_and_leaves_everything_as_it_was(
    warehouse: Warehouse, record: dict[str, Any], told: str
) -> None:
    keys: dict[str, Any] = {"schema_change": "freeze", "primary_key": "id"}
    warehouse.load([{"id": 1, "v": 1}], **keys)
    before = warehouse.table(), warehouse.types(), warehouse.table("_rest_source.loads")
    with pytest.raises(RestSourceError) as failure:
        warehouse.load([{"id": 1, "v": 5}, record], **keys)
    assert failure.value.id == "schema_frozen"
    assert told in failure.value.message
    assert (warehouse.table(), warehouse.types(), warehouse.table("_rest_source.loads")) == before


def test_freeze_lets_through_what_changes_no_column(warehouse: Warehouse) -> None:
    keys: dict[str, Any] = {"schema_change": "freeze", "primary_key": "id"}
    warehouse.load([{"id": 1, "v": 1, "w": "a"}], **keys)
    warehouse.load([{"id": 1, "v": None, "new": None}, {"id": 2, "v": 2}], **keys)
    assert warehouse.rows("SELECT id, v, w FROM shop.orders ORDER BY id") == [(1, None, None), (2, 2, None)]


def test_freeze_lets_the_first_records_make_the_columns(warehouse: Warehouse) -> None:
    warehouse.load([], schema_change="freeze")
    warehouse.load([{"id": 1}], schema_change="freeze")
    assert warehouse.business_types() == {"id": "BIGINT"}


@pytest.mark.parametrize("policy", ["freeze", "ignore"])
def test_the_first_records_make_the_child_tables_too(warehouse: Warehouse, policy: str) -> None:
    keys: dict[str, Any] = {"schema_change": policy, "nested": "split"}
    warehouse.load([], **keys)
    assert warehouse.load([{"id": 1, "t": [1], "u": [2]}], **keys).result.child_tables == {"orders_t": 1, "orders_u": 1}


def test_freeze_forbids_a_new_child_table(warehouse: Warehouse) -> None:
    keys: dict[str, Any] = {"schema_change": "freeze", "nested": "split"}
    warehouse.load([{"id": 1, "t": [1]}], **keys)
    with pytest.raises(RestSourceError, match="new table `orders_u`"):
        warehouse.load([{"id": 1, "u": [1]}], **keys)
    with pytest.raises(RestSourceError, match="new column `x`"):
        warehouse.load([{"id": 1, "t": [{"x": 1}]}], **keys)
    assert warehouse.children("orders") == [("orders_t", "t")]


@pytest.mark.parametrize("elements", [[None], [{}], [[1]]], ids=["null", "an empty object", "an array"])
def test_a_child_table_without_columns_keeps_its_shape_too(warehouse: Warehouse, elements: list[Any]) -> None:
    keys: dict[str, Any] = {"nested": "split", "primary_key": "id"}
    warehouse.load([{"id": 1, "t": elements}], **keys)
    with pytest.raises(RestSourceError, match="new column `value`"):
        warehouse.load([{"id": 2, "t": [5]}], **keys, schema_change="freeze")
    assert warehouse.load([{"id": 2, "t": [5]}], **keys, schema_change="ignore").result.columns_ignored == ("t.value",)
    assert warehouse.business_types(table="orders_t").keys() == {"__hevo_ref_id", "__hevo_index"}


def test_ignore_loads_the_columns_there_are(warehouse: Warehouse) -> None:
    keys: dict[str, Any] = {"schema_change": "ignore", "primary_key": "id", "nested": "split"}
    warehouse.load([{"id": 1, "v": 1, "t": [{"x": 1}]}], **keys)
    outcome = warehouse.load([{"id": 2, "v": 2.5, "new": 1, "t": [{"x": 2, "y": 3}], "u": [1]}], **keys)
    assert warehouse.business_types() == {"id": "BIGINT", "v": "DOUBLE"}
    assert warehouse.rows("SELECT x FROM shop.orders_t ORDER BY x") == [(1,), (2,)]
    assert warehouse.children("orders") == [("orders_t", "t")]
    assert sorted(outcome.result.columns_ignored) == ["new", "t.y", "u"]


def test_ignore_never_leaves_out_the_key(warehouse: Warehouse) -> None:
    warehouse.load([{"v": 1}], schema_change="ignore")
    warehouse.load([{"v": 1, "id": 1, "w": 2}], schema_change="ignore", primary_key="id")
    assert warehouse.business_types() == {"v": "BIGINT", "id": "BIGINT"}


def test_the_changes_of_a_table_are_remembered_with_their_time(warehouse: Warehouse) -> None:
    warehouse.load([{"id": 1, "v": 1}])
    assert _changes(warehouse, "shop", "orders").changes == ()
    warehouse.load([{"id": 1, "v": 2.5, "w": 1}])
    warehouse.load([{"id": 1, "w": 1}])
    report = _changes(warehouse, "shop", "orders")
    ((when, partition, texts),) = report.changes
    assert texts == ("new column w", *warehouse.columns_widened("v: BIGINT to DOUBLE"))
    (last,) = loads_of(warehouse)
    assert (when < last.at, partition) == (True, "")
    assert last.result.columns_missing == ("v",)
    assert _changes(warehouse, "shop", "others") == SchemaReport()


def loads_of(warehouse: Warehouse) -> list[CommittedLoad]:
    with warehouse.destination.reading() as session:
        return loads_of_run(session, "shop", "orders", "")


def _changes(warehouse: Warehouse, source: str, endpoint: str) -> SchemaReport:
    with warehouse.destination.reading() as session:
        return schema_changes(session, source, endpoint)
