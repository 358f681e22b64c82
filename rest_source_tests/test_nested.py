"""Nested records: flattened into columns, or split into child tables that follow their rows."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.extract.nested import flatten, split
from rest_source_tests.loading import METADATA, PageBody, Warehouse, commit, page_reply
from rest_source_tests.strategies import Record, cut, integers, names, numbers, scalars, texts

CHILD_METADATA = {**METADATA, "__hevo_ref_id": "VARCHAR", "__hevo_index": "BIGINT"}
ORDER: Record = {
    "id": 1,
    "customer": {"name": "Ada", "address": {"city": "London", "zip": None}},
    "tags": ["new", "paid"],
    "lines": [
        {"sku": "a", "price": {"net": 1.5}, "taxes": [{"rate": 0.2}, {"rate": 0.05}]},
        {"sku": "b", "price": {"net": 2}, "taxes": []},
    ],
}


def children(warehouse: Warehouse, table: str) -> list[Record]:
    """The rows of a child table without nulls and metadata, in the order of holder and index."""
    names = [name for name in warehouse.types("shop", table) if name not in METADATA]
    rows = warehouse.rows(f"SELECT {', '.join(names)} FROM shop.{table} ORDER BY __hevo_ref_id, __hevo_index")
    return [{key: value for key, value in zip(names, row, strict=True) if value is not None} for row in rows]


def business(rows: Sequence[Record]) -> list[Record]:
    return [{key: value for key, value in row.items() if not key.startswith("__hevo")} for row in rows]


# Flatten


def test_flatten_gives_objects_columns_of_their_own_and_keeps_arrays_as_json(warehouse: Warehouse) -> None:
    warehouse.load([ORDER, {"id": 2, "customer": None, "tags": []}], nested="flatten", primary_key="id")
    assert warehouse.business_types() == {
        "id": "BIGINT",
        "customer_name": "VARCHAR",
        "customer_address_city": "VARCHAR",
        "tags": "JSON",
        "lines": "JSON",
    }
    assert warehouse.comments()["customer_address_city"] == "customer.address.city"
    (row,) = warehouse.rows("SELECT customer_name, customer_address_city, tags, lines FROM shop.orders WHERE id = 1")
    assert row[:2] == ("Ada", "London")
    assert [json.loads(value) for value in row[2:]] == [ORDER["tags"], ORDER["lines"]]
    assert warehouse.rows("SELECT customer_name, tags FROM shop.orders WHERE id = 2") == [(None, "[]")]


def test_the_id_of_a_record_does_not_depend_on_how_it_is_stored(tmp_path: Path) -> None:
    ids = set()
    for nested in ("json", "string", "flatten", "split"):
        warehouse = Warehouse(tmp_path, f"{nested}.duckdb")
        warehouse.load([ORDER], nested=nested, name=f"orders_{nested}")
        ids |= {row[0] for row in warehouse.rows(f"SELECT __hevo_id FROM shop.orders_{nested}")}
    assert len(ids) == 1


def test_a_field_that_is_sometimes_an_object_keeps_both_columns(warehouse: Warehouse) -> None:
    warehouse.load([{"id": 1, "owner": "ada"}, {"id": 2, "owner": {"name": "bob", "id": 7}}], nested="flatten")
    assert warehouse.business_types() == {
        "id": "BIGINT",
        "owner": "VARCHAR",
        "owner_name": "VARCHAR",
        "owner_id": "BIGINT",
    }


def test_names_that_flatten_alike_do_not_overwrite_each_other(warehouse: Warehouse) -> None:
    warehouse.load([{"a.b": 1, "a": {"b": 2}, "a_b": 3}], nested="flatten")
    assert sorted(warehouse.rows("SELECT * FROM shop.orders")[0][:3]) == [1, 2, 3]


def test_a_key_may_lie_in_an_object(warehouse: Warehouse) -> None:
    page: list[PageBody] = [[{"meta": {"id": n % 2}, "v": n} for n in range(4)]]
    warehouse.load(*page, nested="flatten", primary_key="meta.id")
    assert warehouse.rows("SELECT meta_id, v FROM shop.orders ORDER BY 1") == [(0, 2), (1, 3)]


def test_too_many_fields_name_the_cure(warehouse: Warehouse) -> None:
    with pytest.raises(RestSourceError, match="1600") as failure:
        warehouse.load([{"by_day": {str(n): 1 for n in range(1601)}}], nested="flatten")
    assert failure.value.id == "too_many_columns"
    assert "`nested: json`" in failure.value.remedy


# Split


def test_split_makes_child_tables_on_every_level(warehouse: Warehouse) -> None:
    outcome = warehouse.load([ORDER], nested="split")
    assert outcome.result.child_tables == {"orders_tags": 2, "orders_lines": 2, "orders_lines_taxes": 2}
    assert warehouse.business_types() == {
        "id": "BIGINT",
        "customer_name": "VARCHAR",
        "customer_address_city": "VARCHAR",
    }
    assert business(children(warehouse, "orders_tags")) == [{"value": "new"}, {"value": "paid"}]
    assert business(children(warehouse, "orders_lines")) == [
        {"sku": "a", "price_net": 1.5},
        {"sku": "b", "price_net": 2.0},
    ]
    assert list(warehouse.types("shop", "orders_lines"))[-6:] == list(CHILD_METADATA)
    joined = warehouse.rows(
        "SELECT o.id, l.sku, t.rate, t.__hevo_index FROM shop.orders o "
        "JOIN shop.orders_lines l ON l.__hevo_ref_id = o.__hevo_id "
        "JOIN shop.orders_lines_taxes t ON t.__hevo_ref_id = l.__hevo_id ORDER BY 4"
    )
    assert joined == [(1, "a", 0.2, 0), (1, "a", 0.05, 1)]


def test_children_are_replaced_and_deleted_with_their_row(warehouse: Warehouse) -> None:
    keys: dict[str, Any] = {"nested": "split", "primary_key": "id"}
    other = {"id": 2, "tags": ["kept"]}
    warehouse.load([ORDER, other], **keys)
    untouched = warehouse.rows("SELECT * FROM shop.orders_tags WHERE value = 'kept'")
    changed = {**ORDER, "tags": ["paid"], "lines": [{"sku": "c", "taxes": [{"rate": 0.1}]}]}
    assert warehouse.load([changed, other], **keys).result.rows_updated == 1
    assert {row["value"] for row in children(warehouse, "orders_tags")} == {"paid", "kept"}
    assert business(children(warehouse, "orders_lines")) == [{"sku": "c"}]
    assert business(children(warehouse, "orders_lines_taxes")) == [{"rate": 0.1}]
    assert warehouse.rows("SELECT * FROM shop.orders_tags WHERE value = 'kept'") == untouched
    warehouse.load([{"id": 9}], **keys | {"write": "replace"})
    assert [children(warehouse, f"orders_{name}") for name in ("tags", "lines", "lines_taxes")] == [[], [], []]


def test_equal_records_share_their_children(warehouse: Warehouse) -> None:
    for _ in range(2):
        warehouse.load([ORDER, ORDER], nested="split", write="append")
    assert warehouse.rows("SELECT count(*) FROM shop.orders") == [(4,)]
    assert len(children(warehouse, "orders_tags")) == 2


def test_equal_elements_of_one_array_are_all_kept(warehouse: Warehouse) -> None:
    warehouse.load([{"id": 1, "marks": [1, 1, None, 1]}, {"id": 2, "marks": [1]}], nested="split")
    assert warehouse.rows("SELECT count(*), count(value) FROM shop.orders_marks") == [(5, 4)]


def test_arrays_of_arrays_go_on_splitting(warehouse: Warehouse) -> None:
    warehouse.load([{"id": 1, "grid": [[1, 2], [3]]}], nested="split")
    assert warehouse.rows("SELECT value FROM shop.orders_grid_value ORDER BY value") == [(1,), (2,), (3,)]


def test_a_child_table_makes_way_for_an_endpoint(warehouse: Warehouse) -> None:
    warehouse.load([{"id": 1}], name="orders_lines")
    outcome = warehouse.load([ORDER], nested="split")
    assert "orders_lines_2" in outcome.result.child_tables
    assert warehouse.load([ORDER], nested="split").result.child_tables == outcome.result.child_tables


def test_an_endpoint_does_not_load_into_a_child_table(warehouse: Warehouse) -> None:
    warehouse.load([ORDER], nested="split")
    with pytest.raises(RestSourceError, match=r"shop\.orders") as failure:
        warehouse.load([{"id": 1}], name="orders_lines")
    assert failure.value.id == "table_taken"


def test_a_load_that_goes_on_keeps_the_children_it_has_read(warehouse: Warehouse) -> None:
    pages: list[PageBody] = [[{"id": 1, "t": ["a", {}]}], Reply({}, 500)]

    def answer(call: Call) -> Reply:
        number = int(call.arg("page") or 1)
        return page_reply(pages[number - 1], number, number == len(pages))

    with LoopbackServer(answer) as server:
        with pytest.raises(RestSourceError):
            warehouse.load_from(server.url, nested="split")
        pages[1] = [{"id": 2, "t": [{"x": 1}]}]
        assert warehouse.load_from(server.url, nested="split").resumed_from_page == 2
    assert warehouse.rows("SELECT value, x FROM shop.orders_t ORDER BY 1, 2") == [("a", None), (None, 1), (None, None)]


def test_elements_may_have_a_field_called_rowid(warehouse: Warehouse) -> None:
    keys: dict[str, Any] = {"nested": "split", "primary_key": "id"}
    kept = {"id": 1, "t": [{"rowid": 7, "v": 1}]}
    warehouse.load([kept, {"id": 2, "t": [{"rowid": 7, "v": 2}]}], **keys)
    warehouse.load([kept, {"id": 2, "t": [{"rowid": 7, "v": 3}]}], **keys)
    assert warehouse.rows("SELECT v FROM shop.orders_t ORDER BY v") == [(1,), (3,)]


def test_a_child_table_that_was_empty_is_still_known(warehouse: Warehouse) -> None:
    keys: dict[str, Any] = {"nested": "split", "primary_key": "id"}
    for record in ({"id": 1, "t": [[1]]}, {"id": 1}, {"id": 1, "t": [[2]]}, {"id": 1, "t": [[3]]}):
        tables = warehouse.load([record], **keys).result.child_tables
    assert tables == {"orders_t": 1, "orders_t_value": 1}
    assert warehouse.children("orders") == [("orders_t", "t")]


def test_turning_split_on_fills_child_tables_for_rows_there_are(warehouse: Warehouse) -> None:
    warehouse.load([ORDER], primary_key="id")
    result = warehouse.load([ORDER], primary_key="id", nested="split").result
    assert (result.rows_unchanged, result.child_tables["orders_tags"]) == (1, 2)


def test_too_many_arrays_name_the_cure(warehouse: Warehouse) -> None:
    with pytest.raises(RestSourceError, match="200") as failure:
        warehouse.load([{f"k{n}": [n] for n in range(201)}], nested="split")
    assert failure.value.id == "too_many_tables"


@pytest.mark.parametrize("nested", ["flatten", "split"])
def test_odd_values_survive_inside_nested_ones(warehouse: Warehouse, nested: str) -> None:
    body = (
        rb'[{"id": 1, "o": {"long": 12345678901234567890123, "nul": "a\u0000b", "lone": "\ud800", "A": 1, "a": 2},'
        rb' "l": [{"long": 0.1234567890123456789, "tab\there": "x\ty"}]}]'
    )
    warehouse.load(body, nested=nested)
    (row,) = warehouse.rows("SELECT o_long, o_nul, o_lone, o_a, o_a_2 FROM shop.orders")
    assert row == ("12345678901234567890123", "a\\u0000b", "\\ud800", 1, 2)
    if nested == "split":
        assert business(children(warehouse, "orders_l")) == [{"long": "0.1234567890123456789", "tab_here": "x\ty"}]


# Properties

plain_names = names.map(lambda name: name.replace(".", "-"))
plain_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain_names, inner, max_size=3), max_leaves=8
)
plain_records = st.dictionaries(plain_names, plain_values, max_size=5)


def place(record: Record, path: str) -> tuple[Record, str]:
    """The object that a dotted path leads to, made where it is missing, and the last step."""
    *steps, last = path.split(".")
    for step in steps:
        record = record.setdefault(step, {})
    return record, last


def unflattened(flat: Record) -> Record:
    record: Record = {}
    for path, value in flat.items():
        holder, last = place(record, path)
        holder[last] = value
    return record


def tidy(value: Any, empty: tuple[Any, ...]) -> Any:
    """A value without the fields that a table does not tell from missing ones."""
    if isinstance(value, dict):
        kept = {key: tidy(item, empty) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item not in empty}
    return value


def wrapped(value: Any) -> Any:
    """A value whose array elements are records, as child tables hold them."""
    if isinstance(value, dict):
        return {key: wrapped(item) for key, item in value.items()}
    if isinstance(value, list):
        items = (item if isinstance(item, dict) else {} if item is None else {"value": item} for item in value)
        return [tidy(wrapped(item), ({}, [])) for item in items]
    return value


@given(plain_records)
def test_flattening_loses_nothing(record: Record) -> None:
    assert tidy(unflattened(flatten(record)), ({},)) == tidy(record, ({},))


@given(plain_records)
def test_splitting_loses_nothing(record: Record) -> None:
    row, elements = split(record, "root")
    held = {"root": unflattened(row)} | {element.id: unflattened(element.record) for element in elements}
    assert len(held) == len(elements) + 1
    for element in elements:
        holder, last = place(held[element.ref], element.path[-1])
        assert element.index == len(holder.setdefault(last, []))
        holder[last].append(held[element.id])
    assert tidy(wrapped(held["root"]), ({}, [])) == tidy(wrapped(record), ({}, []))


fields: dict[str, st.SearchStrategy[Any]] = {
    "Count": integers,
    "share %": numbers,
    "open?": st.booleans(),
    "note": texts.map("#{}".format),
    "NOTE": texts.map("#{}".format),
}
shaped = st.recursive(
    st.fixed_dictionaries({}, optional=fields),
    lambda inner: st.fixed_dictionaries({}, optional={**fields, "in": inner, "of": st.lists(inner, max_size=3)}),
    max_leaves=6,
)


@settings(max_examples=6, deadline=None)
@given(found=st.lists(shaped, min_size=1, max_size=6), size=st.integers(1, 3))
@example(found=[{"of": [{"Count": 0, "of": []}]}], size=1)
@pytest.mark.parametrize("nested", ["json", "string", "flatten", "split"])
def test_records_come_back_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, nested: str, found: list[Record], size: int
) -> None:
    warehouse = Warehouse(tmp_path_factory.mktemp("nested"))
    records = [{**record, "n": number} for number, record in enumerate(found)]
    commit(warehouse, 1, cut(records, size), nested=nested)
    back = sorted(read_back(warehouse, "orders", nested), key=lambda record: int(record["n"]))
    as_stored = wrapped if nested == "split" else dict
    assert [tidy(as_stored(record), ({}, [])) for record in back] == [
        tidy(as_stored(record), ({}, [])) for record in records
    ]


def read_back(warehouse: Warehouse, table: str, nested: str, ref: str | None = None) -> list[Record]:
    """The records of a table, put together again from its columns, their comments, and the child tables."""
    types, comments = warehouse.types("shop", table), warehouse.comments(table)
    where = "" if ref is None else f"WHERE __hevo_ref_id = '{ref}' ORDER BY __hevo_index"
    records = []
    for row in warehouse.rows(f"SELECT * FROM shop.{table} {where}"):
        cells = dict(zip(types, row, strict=True))
        flat = {comments[name]: value for name, value in cells.items() if name in comments and value is not None}
        for name, type_ in types.items():
            if name in comments and comments[name] in flat and (type_ == "JSON" or comments[name] in ("in", "of")):
                flat[comments[name]] = json.loads(flat[comments[name]])
        record = flat if nested in ("json", "string") else unflattened(flat)
        for child, path in warehouse.children(table):
            holder, last = place(record, path)
            holder[last] = read_back(warehouse, child, nested, cells["__hevo_id"])
        records.append(record)
    return records
