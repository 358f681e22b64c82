"""Types that the file fixes: what fits is converted, what does not is set aside with its reason."""

import json
from typing import Any

import pytest

from rest_source.errors import RestSourceError
from rest_source_tests.loading import Warehouse

BIG = 2**53 + 1


FITTING: list[tuple[str, list[Any], list[Any], list[Any]]] = [
    ("BIGINT", [1, "12", "-3", 4.0, "5.0", None], [1, 12, -3, 4, 5, None], ["", "1.5", 1.5, "x", True, {}, 2**64]),
    ("DOUBLE", [1, "2.5", "-1e3", 0.1, "7"], [1.0, 2.5, -1000.0, 0.1, 7.0], ["", "x", "1e999", BIG, str(BIG), "NaN"]),
    ("BOOLEAN", [True, "false", 1, "0", "TRUE"], [True, False, True, False, True], ["yes", 2, "", 0.5, []]),
    ("DATE", ["2024-02-29", "1999-12-31"], ["2024-02-29", "1999-12-31"], ["2024-02-30", "2024-01-01T00:00:00Z", 5]),
    (
        "TIMESTAMPTZ",
        ["2024-01-01T12:00:00+02:00", "2024-01-01", "2024-01-01 01:02:03.5"],
        ["2024-01-01 10:00:00+00", "2024-01-01 00:00:00+00", "2024-01-01 01:02:03.5+00"],
        ["01.01.2024", 1704067200, "2024-13-01T00:00:00Z", "now"],
    ),
    ("TEXT", [1, 0.5, True, "a", {"b": [1]}, None], ["1", "0.5", "true", "a", '{"b":[1]}', None], []),
    ("JSON", [1, "a", [1], {"b": None}, True], ["1", '"a"', "[1]", '{"b":null}', "true"], []),
]


@pytest.mark.parametrize(("type_", "values", "stored", "misfits"), FITTING, ids=[case[0] for case in FITTING])
def test_what_fits_is_converted_and_what_does_not_is_set_aside(
    warehouse: Warehouse, type_: str, values: list[Any], stored: list[Any], misfits: list[Any]
) -> None:
    page = [{"id": n, "v": value} for n, value in enumerate(values + misfits)]
    outcome = warehouse.load(page, columns={"v": type_.lower()}, primary_key="id")
    expected = "VARCHAR" if type_ == "TEXT" else "TIMESTAMP WITH TIME ZONE" if type_ == "TIMESTAMPTZ" else type_
    assert warehouse.business_types() == {"id": "BIGINT", "v": expected}
    shown = "CAST(v AS VARCHAR)" if type_ in ("DATE", "TIMESTAMPTZ") else "v"
    assert [value for (value,) in warehouse.rows(f"SELECT {shown} FROM shop.orders ORDER BY id")] == stored
    assert outcome.result.rows_rejected == len(misfits)
    rejected = warehouse.rows("SELECT reason, record FROM _rest_source.rejected_records")
    assert all(reason.startswith(f"v is not {type_}: ") for reason, _ in rejected)
    kept = sorted((json.loads(record) for _, record in rejected), key=lambda record: record["id"])
    assert kept == [{"id": n + len(values), "v": value} for n, value in enumerate(misfits)]


def test_the_warning_names_the_reasons(warehouse: Warehouse) -> None:
    outcome = warehouse.load([{"v": "x"}, {"v": 1}], columns={"v": "BIGINT"})
    assert outcome.warnings == (
        "1 of 2 records were rejected: v is not BIGINT: x. They are kept in _rest_source.rejected_records for 30 days.",
    )


def test_a_value_too_long_to_be_told_is_not_told_in_part(warehouse: Warehouse) -> None:
    outcome = warehouse.load([{"v": "x" * 61}, {"v": 1}], columns={"v": "BIGINT"})
    assert outcome.result.reject_reasons == ("v is not BIGINT: a text of 61 characters",)


def test_a_type_may_be_fixed_by_the_column_or_inside_nested_fields(warehouse: Warehouse) -> None:
    page = [{"Total Price": "1.5", "meta": {"code": 7}, "lines": [{"qty": "2"}, {"qty": "3"}]}]
    columns = {"total_price": "DOUBLE", "meta.code": "TEXT", "lines.qty": "BIGINT"}
    warehouse.load(page, columns=columns, nested="split")
    assert warehouse.business_types() == {"total_price": "DOUBLE", "meta_code": "VARCHAR"}
    assert warehouse.rows("SELECT qty FROM shop.orders_lines ORDER BY qty") == [(2,), (3,)]


def test_an_element_that_does_not_fit_takes_its_record_with_it(warehouse: Warehouse) -> None:
    page = [
        {"id": 1, "lines": [{"qty": 1, "taxes": [{"rate": "low"}]}, {"qty": 2}]},
        {"id": 2, "lines": [{"qty": 3, "taxes": [{"rate": "0.5"}]}]},
    ]
    warehouse.load(page, columns={"lines.taxes.rate": "DOUBLE"}, nested="split", primary_key="id")
    assert warehouse.rows("SELECT id FROM shop.orders") == [(2,)]
    assert warehouse.rows("SELECT qty FROM shop.orders_lines") == [(3,)]
    assert warehouse.rows("SELECT rate FROM shop.orders_lines_taxes") == [(0.5,)]
    ((reason, record),) = warehouse.rows("SELECT reason, record FROM _rest_source.rejected_records")
    assert (reason, json.loads(record)) == ("lines.taxes.rate is not DOUBLE: low", page[0])


def test_a_rejected_record_stands_there_once_and_goes_when_it_is_loaded(warehouse: Warehouse) -> None:
    for _ in range(3):
        warehouse.load([{"id": 1, "v": "x"}, {"id": 2, "v": 2}], columns={"v": "BIGINT"}, primary_key="id")
    assert warehouse.rows("SELECT count(*) FROM _rest_source.rejected_records") == [(1,)]
    warehouse.load([{"id": 1, "v": "x"}, {"id": 2, "v": 2}], columns={"v": "TEXT"}, primary_key="id")
    assert warehouse.rows("SELECT count(*) FROM _rest_source.rejected_records") == [(0,)]
    assert warehouse.rows("SELECT id, v FROM shop.orders ORDER BY id") == [(1, "x"), (2, "2")]


def test_rejected_records_are_kept_for_thirty_days(warehouse: Warehouse) -> None:
    warehouse.load([{"id": 1, "v": "x"}, {"id": 2, "v": "y"}, {"id": 3}], columns={"v": "BIGINT"}, primary_key="id")
    aged = "UPDATE _rest_source.rejected_records SET rejected_at = now() - INTERVAL '{} days' WHERE reason LIKE '%{}'"
    warehouse.execute(aged.format(31, "x"))
    warehouse.execute(aged.format(29, "y"))
    warehouse.load([{"id": 9}], name="others")
    assert warehouse.rows("SELECT reason FROM _rest_source.rejected_records") == [("v is not BIGINT: y",)]


def test_a_replacement_of_which_nothing_fits_leaves_the_table(warehouse: Warehouse) -> None:
    warehouse.load([{"v": 1}], write="replace")
    before = warehouse.table()
    with pytest.raises(RestSourceError, match="v is not BIGINT: x") as failure:
        warehouse.load([{"v": "x"}], write="replace", columns={"v": "BIGINT"})
    assert failure.value.id == "all_rejected"
    assert warehouse.table() == before


def test_a_column_there_is_takes_the_type_fixed_later(warehouse: Warehouse) -> None:
    warehouse.load([{"id": 1, "v": "12"}, {"id": 2, "v": "3.0"}], primary_key="id")
    warehouse.load([{"id": 3, "v": 4}], primary_key="id", columns={"v": "BIGINT"})
    assert warehouse.business_types()["v"] == "BIGINT"
    assert warehouse.rows("SELECT v FROM shop.orders ORDER BY id") == [(12,), (3,), (4,)]


def test_rows_that_do_not_fit_a_type_fixed_later_stop_the_load(warehouse: Warehouse) -> None:
    warehouse.load([{"id": 1, "v": "twelve"}], primary_key="id")
    before = warehouse.table()
    with pytest.raises(RestSourceError, match="`twelve`") as failure:
        warehouse.load([{"id": 3, "v": 4}], primary_key="id", columns={"v": "BIGINT"})
    assert (failure.value.id, warehouse.table()) == ("fixed_type_misfit", before)
    warehouse.load([{"id": 3, "v": 4}], columns={"v": "BIGINT"}, write="replace")
    assert warehouse.rows("SELECT id, v FROM shop.orders") == [(3, 4)]


def test_a_fixed_type_does_not_widen(warehouse: Warehouse) -> None:
    warehouse.load([{"id": 1, "v": 1}], primary_key="id", columns={"v": "BIGINT"})
    outcome = warehouse.load([{"id": 2, "v": 1.5}, {"id": 3}], primary_key="id", columns={"v": "BIGINT"})
    assert (outcome.result.rows_rejected, outcome.result.columns_widened) == (1, ())


@pytest.mark.parametrize("value", ["12345678901234567890123", "0.1234567890123456789"])
def test_long_numbers_keep_their_digits_as_json(warehouse: Warehouse, value: str) -> None:
    warehouse.load(f'[{{"v": {value}}}, {{"v": "text"}}, {{"v": {{"n": {value}}}}}]'.encode(), columns={"v": "JSON"})
    stored = {row for (row,) in warehouse.rows("SELECT CAST(v AS VARCHAR) FROM shop.orders")}
    assert {text.replace(" ", "") for text in stored} == {value, '"text"', f'{{"n":{value}}}'}
