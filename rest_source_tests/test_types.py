"""Types end to end: from an API's JSON over HTTP into DuckDB, each with its column type and its values."""

import json
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

import pytest

from rest_source_tests.loading import METADATA, Warehouse

TSTZ = "TIMESTAMP WITH TIME ZONE"
LONG = "12345678901234567890123"
DIGITS = "0.1000000000000000055511151231257827"


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


CASES: dict[str, tuple[str, str, list[Any]]] = {
    "integers": ("1 2 -3", "BIGINT", [1, 2, -3]),
    "int64": ("9223372036854775807 -9223372036854775808", "BIGINT", [2**63 - 1, -(2**63)]),
    "beyond int64": ("1 9223372036854775808", "VARCHAR", ["1", "9223372036854775808"]),
    "below int64": ("-9223372036854775809 1", "VARCHAR", ["-9223372036854775809", "1"]),
    "u64": ("18446744073709551615", "VARCHAR", ["18446744073709551615"]),
    "long integer": (f"{LONG} 5", "VARCHAR", [LONG, "5"]),
    "doubles": ("0.1 1e22 -2.5", "DOUBLE", [0.1, 1e22, -2.5]),
    "extreme doubles": ("5e-324 1.7976931348623157e308", "DOUBLE", [5e-324, 1.7976931348623157e308]),
    "17 digits": ("0.12345678901234568", "DOUBLE", [0.12345678901234568]),
    "long decimal": (f"{DIGITS} 0.5", "VARCHAR", [DIGITS, "0.5"]),
    "too big for a double": ("1e400 1", "VARCHAR", ["1e400", "1"]),
    "integers and decimals": ("1 2.5 null", "DOUBLE", [1.0, 2.5, None]),
    "2^53 and decimals": ("9007199254740992 0.5", "DOUBLE", [2.0**53, 0.5]),
    "beyond 2^53 and decimals": ("9007199254740993 0.5", "VARCHAR", ["9007199254740993", "0.5"]),
    "int64 and decimals": ("-9223372036854775808 0.5", "VARCHAR", ["-9223372036854775808", "0.5"]),
    "booleans": ("true false null", "BOOLEAN", [True, False, None]),
    "boolean and integer": ("true 1", "VARCHAR", ["true", "1"]),
    "number and text": ('1 2.5 "x"', "VARCHAR", ["1", "2.5", "x"]),
    "digits as text": ('"1" "007"', "VARCHAR", ["1", "007"]),
    "true as text": ('"true"', "VARCHAR", ["true"]),
    "empty text": ('"" null " "', "VARCHAR", ["", None, " "]),
    "unicode": ('"\\u00e4\\ud83d\\ude00"', "VARCHAR", ["ä\U0001f600"]),
    "nul": ('"a\\u0000b"', "VARCHAR", ["a\\u0000b"]),
    "lone surrogate": ('"a\\ud800b"', "VARCHAR", ["a\\ud800b"]),
    "timestamps": (
        '"2024-01-02T03:04:05Z" "2024-01-02T03:04:05.123456+02:00" "2024-01-02T03:04:05"',
        TSTZ,
        [at(2024, 1, 2, 3, 4, 5), at(2024, 1, 2, 1, 4, 5, 123456), at(2024, 1, 2, 3, 4, 5)],
    ),
    "nanoseconds that are none": (
        '"2024-01-02T03:04:05.1234560Z" "2024-01-02T03:04:05.100000000Z"',
        TSTZ,
        [at(2024, 1, 2, 3, 4, 5, 123456), at(2024, 1, 2, 3, 4, 5, 100000)],
    ),
    "lower-case t and z": ('"2024-01-02t03:04:05z"', TSTZ, [at(2024, 1, 2, 3, 4, 5)]),
    "space for T": ('"2024-01-02 03:04:05-00:30"', TSTZ, [at(2024, 1, 2, 3, 34, 5)]),
    "far timestamps": (
        '"0001-01-01T00:00:00Z" "9999-12-31T23:59:59.999999Z"',
        TSTZ,
        [at(1, 1, 1), at(9999, 12, 31, 23, 59, 59, 999999)],
    ),
    "dates": ('"2024-02-29" "0001-01-01" "9999-12-31"', "DATE", [date(2024, 2, 29), date.min, date.max]),
    "objects": ('{"a":1} {"b":[1,{}]}', "JSON", ['{"a":1}', '{"b":[1,{}]}']),
    "arrays": ('[1,2] [] ["a"]', "JSON", ["[1,2]", "[]", '["a"]']),
    "objects and arrays": ('{"a":1} [1]', "JSON", ['{"a":1}', "[1]"]),
    "empty objects": ("{} [] null", "JSON", ["{}", "[]", None]),
    "object and scalar": ('{"a":1} "x" 2 true', "VARCHAR", ['{"a":1}', "x", "2", "true"]),
    "long inside objects": (
        f'{{"a":[{LONG},{DIGITS}]}} {{"a":1}}',
        "JSON",
        [f'{{"a":[{LONG},{DIGITS}]}}', '{"a":1}'],
    ),
    "nul inside objects": ('{"a":"\\u0000"}', "JSON", ['{"a":"\\\\u0000"}']),
}
NOT_TIMES = [
    "2024-01-02T03:04:05.1234567Z",
    "2024-01-02T03:04:05.0000000001Z",
    "2024-01-02T03:04:05.0000000000Z",
    "2024-02-30T00:00:00Z",
    "2024-01-02T24:00:00Z",
    "2024-01-02T23:59:60Z",
    "2024-01-02T03:04Z",
    "2024-01-02T03:04:05+0100",
    "2024-01-02T03:04:05+99:99",
    "2024-01-02T03:04:05 Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-01:00",
    "2024-02-30",
    "0000-00-00",
    "2024-1-2",
    "20240102",
    "epoch",
    "infinity",
    "now",
    "12:30:00",
    "2024-01-02\n",
]


def records(field: str, values: str) -> bytes:
    """A page with one record a value; the values are JSON texts between spaces."""
    decoder, found, position = json.JSONDecoder(), [], 0
    while position < len(values):
        _, end = decoder.raw_decode(values, position)
        found.append(values[position:end])
        position = end + 1
    return (
        "[" + ",".join(f'{{"n":{n},"field":"{field}","{field}":{value}}}' for n, value in enumerate(found)) + "]"
    ).encode()


def test_every_type_and_its_values(warehouse: Warehouse) -> None:
    """One page a case, so that a page that needs the exact path leaves the others on the fast one."""
    warehouse.load(*(records(f"v{number}", values) for number, (values, _, _) in enumerate(CASES.values())))
    types = warehouse.business_types()
    for number, (name, (_, type_, expected)) in enumerate(CASES.items()):
        field = f"v{number}"
        assert types[field] == type_, name
        rows = warehouse.rows(f"SELECT {field} FROM shop.orders WHERE field = '{field}' ORDER BY n")
        stored = [value.replace("0" * 400, "e400") if isinstance(value, str) else value for (value,) in rows]
        assert stored == expected, name
        assert [type(value) for (value,) in rows] == [type(value) for value in expected], name


@pytest.mark.parametrize("valid", ["2024-01-02T03:04:05Z", "2024-01-02"])
def test_what_is_not_rfc_3339_in_every_value_stays_text(warehouse: Warehouse, valid: str) -> None:
    page = [{f"{place}{n}": text for n, text in enumerate(NOT_TIMES) for place in ("alone", "after")}]
    warehouse.load([{f"after{n}": valid for n in range(len(NOT_TIMES))}], page, write="append")
    assert set(warehouse.business_types().values()) == {"VARCHAR"}
    for n, text in enumerate(NOT_TIMES):
        assert warehouse.values(f"after{n}") == [valid, text]
        assert warehouse.values(f"alone{n}") == [None, text]


def test_dates_and_timestamps_together_are_text(warehouse: Warehouse) -> None:
    warehouse.load([{"v": "2024-01-02"}, {"v": "2024-01-02T00:00:00Z"}])
    assert warehouse.business_types() == {"v": "VARCHAR"}


def test_a_timestamp_without_a_zone_is_read_in_the_sources_timezone(warehouse: Warehouse) -> None:
    page = [{"v": "2024-07-01T12:00:00"}, {"v": "2024-01-01T12:00:00"}, {"v": "2024-07-01T12:00:00Z"}]
    warehouse.load(page, source={"timezone": "Europe/Berlin"})
    assert warehouse.values("v") == [at(2024, 7, 1, 10), at(2024, 1, 1, 11), at(2024, 7, 1, 12)]


def test_a_type_may_change_on_any_page_of_a_load_and_nothing_is_lost(warehouse: Warehouse) -> None:
    values = {1: 1, 2: 2, 3: 0.5, 4: 4, 5: None, 6: 2**53, 7: "text", 8: [1], 10: True}
    pages = [
        [{"n": page * 1000 + n, **({} if page == 9 else {"v": values[page]})} for n in range(1000)]
        for page in range(1, 11)
    ]
    outcome = warehouse.load(*pages)
    assert (outcome.result.rows_inserted, outcome.pages) == (10_000, 10)
    page = "CAST(floor(n / 1000.0) AS INT)"
    found = warehouse.rows(f"SELECT {page}, v, count(*), count(DISTINCT n) FROM shop.orders GROUP BY 1, 2 ORDER BY 1")
    texts = ["1", "2", "0.5", "4", None, "9007199254740992", "text", "[1]", None, "true"]
    assert found == [(page, text, 1000, 1000) for page, text in enumerate(texts, 1)]


def test_long_numbers_keep_every_digit_at_any_depth(warehouse: Warehouse) -> None:
    page = f'[{{"n":{LONG},"d":{DIGITS},"o":{{"n":{LONG},"l":[{DIGITS}]}}}},{{"n":1,"d":0.5,"o":{{"n":1.5}}}}]'
    warehouse.load(page.encode(), write="append")
    assert warehouse.business_types() == {"n": "VARCHAR", "d": "VARCHAR", "o": "JSON"}
    assert warehouse.rows("SELECT n, d, o FROM shop.orders") == [
        (LONG, DIGITS, f'{{"l":[{DIGITS}],"n":{LONG}}}'),
        ("1", "0.5", '{"n":1.5}'),
    ]


def test_nested_string_keeps_objects_as_text(warehouse: Warehouse) -> None:
    warehouse.load([{"o": {"a": [1, "ä"]}, "l": []}], nested="string")
    assert warehouse.business_types() == {"o": "VARCHAR", "l": "VARCHAR"}
    assert warehouse.values("o") + warehouse.values("l") == ['{"a":[1,"ä"]}', "[]"]


def test_deep_nesting_is_text_that_is_still_the_same_json(warehouse: Warehouse) -> None:
    deep: Any = 1
    for _ in range(150):
        deep = [deep]
    warehouse.load([{"v": deep}, {"v": [1]}], write="append")
    assert warehouse.business_types() == {"v": "VARCHAR"}
    assert [json.loads(value) for value in warehouse.values("v")] == [deep, [1]]


def test_columns_appear_at_their_first_value_and_metadata_follows(warehouse: Warehouse) -> None:
    warehouse.load([{"z": None, "b": 1, "never": None}], [{"a": 2, "b": None, "z": 3}])
    assert warehouse.types() == {"b": "BIGINT", "a": "BIGINT", "z": "BIGINT", **METADATA}


def test_empty_records_are_rows_of_metadata_only(warehouse: Warehouse) -> None:
    warehouse.load([{}, {"v": None}, {}], write="append")
    assert warehouse.types() == METADATA
    assert len(warehouse.table()) == 3
    warehouse.load([{"v": 1}], write="append")
    assert warehouse.values("v") == [None, None, None, 1]


def test_a_table_of_no_records_gets_its_columns_in_order_later(warehouse: Warehouse) -> None:
    warehouse.load([])
    assert (warehouse.types(), warehouse.table()) == (METADATA, [])
    warehouse.load([{"id": 1}])
    assert warehouse.types() == {"id": "BIGINT", **METADATA}


def test_metadata_of_a_row(warehouse: Warehouse) -> None:
    before = datetime.now(UTC).timestamp() * 1000 - 1
    warehouse.load([{"id": 1, "name": "ä"}])
    hevo_id, ingested, loaded, deleted = warehouse.rows(f"SELECT {', '.join(METADATA)} FROM shop.orders")[0]
    canonical = '{"id":1,"name":"ä"}'
    assert hevo_id == sha256(canonical.encode()).hexdigest()
    assert before <= ingested <= loaded <= datetime.now(UTC).timestamp() * 1000
    assert deleted is False


def test_1600_columns_load_twice_and_one_more_is_an_error(duckdb_warehouse: Warehouse) -> None:
    warehouse = duckdb_warehouse
    wide = {f"f{n}": n if n % 2 else f"t{n}" for n in range(1600)}
    warehouse.load([{"f0": "first"}])
    warehouse.load([wide])
    assert len(warehouse.types()) == 1600 + len(METADATA)
    assert warehouse.load([wide]).result.rows_unchanged == 1
    with pytest.raises(Exception, match="more than 1600 different fields"):
        warehouse.load([wide | {"one_more": 1}])
