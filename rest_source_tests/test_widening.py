"""A series of loads on one table: columns come, go and widen, and every value that was there still is."""

import json
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rest_source.load.schema import ColumnType, widened
from rest_source_tests.loading import Warehouse, commit

BIG = 2**53 + 1
NOON = "2024-01-02T12:00:00Z"


@pytest.mark.parametrize(
    ("first", "later", "type_", "stored"),
    [
        (1, 2.5, "DOUBLE", [1.0, 2.5]),
        (2.5, 1, "DOUBLE", [2.5, 1.0]),
        (-(2**53), 0.5, "DOUBLE", [-(2.0**53), 0.5]),
        (BIG, 2.5, "VARCHAR", ["9007199254740993", "2.5"]),
        (2.5, BIG, "VARCHAR", ["2.5", "9007199254740993"]),
        (-(2**63), 2.5, "VARCHAR", ["-9223372036854775808", "2.5"]),
        (2.5, -(2**63), "VARCHAR", ["2.5", "-9223372036854775808"]),
        (1, 2**64, "VARCHAR", ["1", "18446744073709551616"]),
        (2.5, 2**64, "VARCHAR", ["2.5", "18446744073709551616"]),
        (1, "a", "VARCHAR", ["1", "a"]),
        (2.5, "a", "VARCHAR", ["2.5", "a"]),
        ("a", 2.5, "VARCHAR", ["a", "2.5"]),
        (True, "a", "VARCHAR", ["true", "a"]),
        (False, 1, "VARCHAR", ["false", "1"]),
        ("a", True, "VARCHAR", ["a", "true"]),
        ("2024-01-02", "a", "VARCHAR", ["2024-01-02", "a"]),
        ("a", "2024-01-02", "VARCHAR", ["a", "2024-01-02"]),
        ("2024-01-02", NOON, "VARCHAR", ["2024-01-02", NOON]),
        (NOON, "2024-01-02", "VARCHAR", [NOON, "2024-01-02"]),
        (NOON, "a", "VARCHAR", [NOON, "a"]),
        ("2024-01-02T14:00:00.25+02:00", "a", "VARCHAR", ["2024-01-02T12:00:00.250000Z", "a"]),
        ("a", "2024-01-02T14:00:00+02:00", "VARCHAR", ["a", "2024-01-02T14:00:00+02:00"]),
        (NOON, 5, "VARCHAR", [NOON, "5"]),
        (5, {"a": 1}, "VARCHAR", ["5", '{"a":1}']),
        ({"a": 1}, 5, "VARCHAR", ['{"a":1}', "5"]),
        ({"a": 1}, "a", "VARCHAR", ['{"a":1}', "a"]),
        ("a", [1, None], "VARCHAR", ["a", "[1,null]"]),
        ({"a": 1}, [1], "JSON", ['{"a":1}', "[1]"]),
        (1, None, "BIGINT", [1, None]),
        (None, 1, "BIGINT", [None, 1]),
    ],
)
def test_a_conflict_widens_and_keeps_what_was_there(
    warehouse: Warehouse, first: Any, later: Any, type_: str, stored: list[Any]
) -> None:
    commit(warehouse, 1, [[{"Val!": first}]], "append")
    result = commit(warehouse, 2, [[{"Val!": later}]], "append")
    assert warehouse.business_types() == {"val": type_} or None in (first, later)
    assert warehouse.values("val") == stored
    assert warehouse.comments() == {"val": "Val!"}
    widens = warehouse.rows("SELECT count(*) FROM shop.orders WHERE val IS NOT NULL")[0][0] == 2
    assert len(result.columns_widened) <= widens


def test_a_series_of_loads_end_to_end(warehouse: Warehouse) -> None:
    steps: list[tuple[dict[str, Any], dict[str, str], tuple[str, ...], tuple[str, ...]]] = [
        ({"Id": 1, "a": 1}, {"id": "BIGINT", "a": "BIGINT"}, ("id", "a"), ()),
        ({"Id": 2, "b": "x"}, {"id": "BIGINT", "a": "BIGINT", "b": "VARCHAR"}, ("b",), ()),
        ({"Id": 3, "a": 0.5}, {"id": "BIGINT", "a": "DOUBLE", "b": "VARCHAR"}, (), ("a: BIGINT to DOUBLE",)),
        ({"Id": 4, "a": [1]}, {"id": "BIGINT", "a": "VARCHAR", "b": "VARCHAR"}, (), ("a: DOUBLE to VARCHAR",)),
        ({"Id": 5, "a": 7}, {"id": "BIGINT", "a": "VARCHAR", "b": "VARCHAR"}, (), ()),
    ]
    for record, types, added, wider in steps:
        result = warehouse.load([record], primary_key="Id").result
        assert (warehouse.business_types(), result.columns_added) == (types, added)
        assert result.columns_widened == warehouse.columns_widened(*wider)
    assert warehouse.rows("SELECT id, a, b FROM shop.orders ORDER BY id") == [
        (1, "1", None),
        (2, None, "x"),
        (3, "0.5", None),
        (4, "[1]", None),
        (5, "7", None),
    ]
    assert warehouse.comments() == {"id": "Id", "a": "a", "b": "b"}


def test_a_column_added_later_stands_before_no_earlier_one(warehouse: Warehouse) -> None:
    commit(warehouse, 1, [[{"a": 1}]])
    commit(warehouse, 2, [[{"c": 1, "a": 1, "b": 1}]])
    assert list(warehouse.business_types()) == ["a", "c", "b"]


@given(st.sampled_from(ColumnType), st.sampled_from(ColumnType), st.sampled_from(ColumnType), st.booleans())
def test_widening_is_the_same_in_any_order(one: ColumnType, two: ColumnType, three: ColumnType, exact: bool) -> None:
    assert widened(one, two, exact) == widened(two, one, exact)
    assert widened(one, one, exact) == one
    assert widened(widened(one, two, exact), two, exact) == widened(one, two, exact)
    both_ways = {widened(widened(one, two, exact), three, exact), widened(one, widened(two, three, exact), exact)}
    assert len({ColumnType.TEXT if type_ is ColumnType.NUMERIC else type_ for type_ in both_ways}) == 1


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=6),
    st.sampled_from(
        ["", "2024-01-02", NOON, "2024-01-02T03:04:05.5-07:00", "2024-01-02t03:04:05", "1", "true", "null"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(["a", "b", "B", "", "c$", "__hevo_id"])
# Now and then every value of a field is of one kind, so that columns of each type come up.
KINDS = [
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    SCALARS,
    VALUES,
]
RECORDS = st.lists(st.dictionaries(FIELDS, VALUES, max_size=5), max_size=5) | st.sampled_from(KINDS).flatmap(
    lambda kind: st.lists(st.dictionaries(FIELDS, kind, max_size=4), max_size=5)
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(loads=st.lists(st.lists(RECORDS, min_size=1, max_size=2), min_size=1, max_size=3))
def test_records_come_back_equal_however_they_are_split_into_loads(loads: list[list[list[dict[str, Any]]]]) -> None:
    with TemporaryDirectory() as folder:
        warehouse = Warehouse(Path(folder))
        for number, pages in zip(count(), loads):
            commit(warehouse, number, pages, "append")
        sent = [record for pages in loads for page in pages for record in page]
        rows = warehouse.rows("SELECT * FROM shop.orders ORDER BY rowid")
        types = warehouse.types()
        columns = list(types)
        names = {original: columns.index(column) for column, original in warehouse.comments().items()}
        assert len(rows) == len(sent)
        for record, row in zip(sent, rows, strict=True):
            for field, place in names.items():
                assert same(record.get(field), row[place], types[columns[place]]), (
                    field,
                    record,
                    row[place],
                )
            assert not {field for field, value in record.items() if value is not None} - names.keys()


def same(sent: Any, stored: Any, type_: str) -> bool:
    """Whether a stored value is the JSON value that was sent, in the documented form of its column's type."""
    if sent is None or stored is None:
        return sent is stored
    if type_ == "JSON" or isinstance(sent, dict | list):
        return bool(exact(json.loads(stored)) == exact(readable(sent)))
    if isinstance(sent, bool):
        return stored is sent or stored == str(sent).lower()
    if isinstance(sent, str):
        return stored == readable(sent) or moment(sent) == moment(stored)
    return bool(float(stored) == sent if isinstance(sent, float) else number(stored) == sent)


def number(stored: Any) -> int:
    """An integer as BIGINT, DOUBLE (where exact) or text holds it."""
    if isinstance(stored, str):
        return int(float(stored)) if "." in stored or "e" in stored else int(stored)
    return int(stored)


def moment(value: Any) -> datetime | date | None:
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value.upper())
        except ValueError:
            return None
    return value.replace(tzinfo=value.tzinfo or UTC) if isinstance(value, datetime) else value


def readable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "\\u0000")
    if isinstance(value, dict):
        return {readable(key): readable(item) for key, item in value.items()}
    return [readable(item) for item in value] if isinstance(value, list) else value


def exact(value: Any) -> Any:
    """JSON by value and kind: 1, 1.0 and true are three things."""
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    return [exact(item) for item in value] if isinstance(value, list) else (type(value), value)
