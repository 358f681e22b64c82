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
    (
        "DATE",
        [
            *(
                "2024-02-29",
                "1999-12-31",
                "2024-01-01T00:00:00.000+0200",
                "20240131",
                20240131,
                "2024-W05-3",
                "2024-031",
            ),
            *(
                "Wed, 31 Jan 2024 00:00:00 GMT",
                1706659200,
                "1706659200000",
                "/Date(1706659200000)/",
                "2024-01-31T00:00",
            ),
            *("31 Jan 2024", "January 31st, 2024", "2024/1/31", "2024-01", "2024-Q1", "2024", 2024, 0, 86400),
        ],
        [
            *("2024-02-29", "1999-12-31", "2024-01-01", *["2024-01-31"] * 12),
            *(*["2024-01-01"] * 4, "1970-01-01", "1970-01-02"),
        ],
        [
            *("2024-02-30", "2024-01-01T00:00:01Z", 5, "2024-W54", "2023-366", "31.01.2024", 1706659200.5, ""),
            *("01/02/2024", "2024-13", "1 Foo 2024", 202401, 45296),
        ],
    ),
    (
        "TIMESTAMPTZ",
        ["2024-01-01T12:00:00+02:00", "2024-01-01", "2024-01-01 01:02:03.5"],
        ["2024-01-01 10:00:00+00", "2024-01-01 00:00:00+00", "2024-01-01 01:02:03.5+00"],
        [
            *(
                "01.01.2024",
                "2024-13-01T00:00:00Z",
                "now",
                "",
                "2024-01-01T25:00",
                "1 Foo 2024 10:00 GMT",
                "10:00",
                1e20,
            ),
            *(5, 1234, 45296.5, "45296", 99_999_999, "2024-01-31 13:00 PM", "5 Jan 24", "01/02/2024 10:00"),
            *("2024-01-01T10:00:00+25:00", "0000-00-00", "9999-12-31T23:59:59-05:00", True, {}, "/Date(x)/"),
        ],
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
    for reason, record in rejected:  # the value as it was received, whatever was tried with it
        shown, value = reason.removeprefix(f"v is not {type_}: "), json.loads(record)["v"]
        assert shown == (value if isinstance(value, str) else json.dumps(value, separators=(",", ":")))
    kept = sorted((json.loads(record) for _, record in rejected), key=lambda record: record["id"])
    assert kept == [{"id": n + len(values), "v": value} for n, value in enumerate(misfits)]


IN_JANUARY = "2024-01-31 10:00:00+00"
TIMES = {
    "2024-01-31T10:00:00.000+0000": IN_JANUARY,
    "2024-01-31T10:00:00+00": IN_JANUARY,
    "2024-01-31T12:00:00 +0200": IN_JANUARY,
    "2024-01-31t10:00z": IN_JANUARY,
    "2024-01-31 10": IN_JANUARY,
    "2024-01-31 10:00:00 UTC": IN_JANUARY,
    "2024-01-31T10:00:00,250Z": "2024-01-31 10:00:00.25+00",
    "2024-01-31T10:00:00.2500000Z": "2024-01-31 10:00:00.25+00",
    "2024-01-31T10:00:00.250000000Z": "2024-01-31 10:00:00.25+00",
    "20240131T100000Z": IN_JANUARY,
    "20240131T1200+0200": IN_JANUARY,
    "2024-W05-3T10:00Z": IN_JANUARY,
    "2024-W05": "2024-01-29 00:00:00+00",
    "2024-031T10:00:00Z": IN_JANUARY,
    "20240131": "2024-01-31 00:00:00+00",
    "20240131100000": IN_JANUARY,
    "Wed, 31 Jan 2024 10:00:00 GMT": IN_JANUARY,
    "Tue, 31 Jan 2024 12:00:00 +0200": IN_JANUARY,
    "31 jan 2024 05:00 EST": IN_JANUARY,
    "Wed, 31 Jan 2024 10:00:00 +0000 (UTC)": IN_JANUARY,
    " 2024-01-31T10:00:00Z ": IN_JANUARY,
    "2024-01-31T11:00+01:00[Europe/Paris]": IN_JANUARY,
    "Wed Jan 31 10:00:00 +0000 2024": IN_JANUARY,
    "January 31, 2024 at 10:00 a.m.": IN_JANUARY,
    "2024/1/31 10:00": IN_JANUARY,
    2024: "2024-01-01 00:00:00+00",
    1706695200: IN_JANUARY,
    "1706695200": IN_JANUARY,
    1706695200.25: "2024-01-31 10:00:00.25+00",
    1706695200250: "2024-01-31 10:00:00.25+00",
    "1706695200250": "2024-01-31 10:00:00.25+00",
    1706695200250000: "2024-01-31 10:00:00.25+00",
    1706695200250000000: "2024-01-31 10:00:00.25+00",
    -86400: "1969-12-31 00:00:00+00",
    0: "1970-01-01 00:00:00+00",
    253402300799: "9999-12-31 23:59:59+00",
    "/Date(1706695200250)/": "2024-01-31 10:00:00.25+00",
    "/Date(1706695200000+0100)/": IN_JANUARY,
    "/Date(-62135596800000)/": "0001-01-01 00:00:00+00",
}


def test_a_timestamp_may_be_written_in_any_usual_form(warehouse: Warehouse) -> None:
    page = [{"id": n, "v": value} for n, value in enumerate(TIMES)]
    outcome = warehouse.load(page, columns={"v": "TIMESTAMPTZ"}, primary_key="id")
    stored = [value for (value,) in warehouse.rows("SELECT CAST(v AS VARCHAR) FROM shop.orders ORDER BY id")]
    assert dict(zip(TIMES, stored, strict=True)) == TIMES
    assert outcome.warnings == ()


def test_a_column_of_any_such_form_takes_the_type_fixed_later(warehouse: Warehouse) -> None:
    texts = [value for value in TIMES if isinstance(value, str)]
    warehouse.load([{"id": n, "v": value} for n, value in enumerate(texts)], primary_key="id")
    assert warehouse.business_types()["v"] == "VARCHAR"
    warehouse.load([{"id": -1, "v": 0}], primary_key="id", columns={"v": "TIMESTAMPTZ"})
    rows = warehouse.rows("SELECT CAST(v AS VARCHAR) FROM shop.orders WHERE id >= 0 ORDER BY id")
    assert [value for (value,) in rows] == [TIMES[text] for text in texts]


def test_a_time_without_a_zone_is_read_in_the_sources_whatever_its_form(warehouse: Warehouse) -> None:
    page = [{"v": "20240131T110000"}, {"v": "31 Jan 2024 11:00:00"}, {"v": "2024-W05-3 11:00"}, {"v": 1706695200}]
    warehouse.load(page, columns={"v": "TIMESTAMPTZ"}, source={"timezone": "Europe/Berlin"}, write="append")
    assert {row for (row,) in warehouse.rows("SELECT CAST(v AS VARCHAR) FROM shop.orders")} == {IN_JANUARY}


def test_digits_beyond_the_microsecond_are_cut_off_and_told(warehouse: Warehouse) -> None:
    page = [{"v": "2024-01-31T10:00:00.1234567Z"}, {"v": 1706695200123456789}, {"v": "2024-01-31T10:00:00.1234560Z"}]
    outcome = warehouse.load([*page, {"v": "v1.12345678"}], columns={"v": "TIMESTAMPTZ"})
    assert {row for (row,) in warehouse.rows("SELECT CAST(v AS VARCHAR) FROM shop.orders")} == {
        "2024-01-31 10:00:00.123456+00"
    }
    assert outcome.warnings[0] == (
        "2 values of v lost digits beyond the microsecond, which is all that TIMESTAMPTZ holds, such as "
        "`2024-01-31 10:00:00.123456789Z`. `columns: {v: TEXT}` keeps them."
    )
    assert outcome.result.reject_reasons == ("v is not TIMESTAMPTZ: v1.12345678",)


def test_keys_that_differ_beyond_the_microsecond_do_not_become_one(warehouse: Warehouse) -> None:
    page = [{"v": f"2024-01-31T10:00:00.12345{n}Z"} for n in ("67", "68", "6", "60")]
    outcome = warehouse.load(page, columns={"v": "TIMESTAMPTZ"}, primary_key="v")
    assert warehouse.rows("SELECT CAST(v AS VARCHAR) FROM shop.orders") == [("2024-01-31 10:00:00.123456+00",)]
    assert outcome.result.reject_reasons == (
        "v is not TIMESTAMPTZ: 2024-01-31T10:00:00.1234567Z",
        "v is not TIMESTAMPTZ: 2024-01-31T10:00:00.1234568Z",
    )


def test_elements_of_arrays_may_be_written_in_any_form_too(warehouse: Warehouse) -> None:
    page = [{"id": 1, "lines": [{"made": 1706695200}, {"made": "31 Jan 2024 10:00 GMT"}]}]
    warehouse.load(page, columns={"lines.made": "TIMESTAMPTZ"}, nested="split", primary_key="id")
    assert warehouse.rows("SELECT DISTINCT CAST(made AS VARCHAR) FROM shop.orders_lines") == [(IN_JANUARY,)]


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


@pytest.mark.parametrize("write", ["merge", "append", "replace"])
def test_a_load_of_which_nothing_fits_fails_and_changes_nothing(warehouse: Warehouse, write: str) -> None:
    keys: dict[str, Any] = {"write": write, "columns": {"v": "BIGINT"}}
    if write != "replace":
        keys["incremental"] = {"cursor": "$.at"}
    warehouse.load([{"v": 1, "at": "2024-01-01"}], **keys)
    before = warehouse.table()
    for _ in range(2):
        with pytest.raises(RestSourceError, match="reasons: v is not BIGINT: x; v is not BIGINT: y") as failure:
            warehouse.load([{"v": "x", "at": "2024-01-02"}, {"v": "y", "at": "2024-01-03"}], **keys)
        assert failure.value.id == "all_rejected"
    assert warehouse.table() == before
    assert warehouse.rows("SELECT count(*) FROM _rest_source.rejected_records") == [(0,)]
    if write != "replace":
        assert warehouse.rows("SELECT cursor FROM _rest_source.cursors") == [('"2024-01-01"',)]
    assert warehouse.load([{"v": "2", "at": "2024-01-02"}], **keys).result.rows_rejected == 0


def test_records_that_are_known_not_to_fit_fail_no_load_when_they_come_again_alone(warehouse: Warehouse) -> None:
    keys: dict[str, Any] = {"columns": {"v": "BIGINT"}, "primary_key": "id", "incremental": {"cursor": "$.at"}}
    last = {"id": 2, "v": "x", "at": "2024-01-02"}
    warehouse.load([{"id": 1, "v": 1, "at": "2024-01-01"}, last], **keys)
    outcome = warehouse.load([last], **keys)
    assert (outcome.cursor_after, outcome.result.rows_rejected) == ("2024-01-02", 1)
    assert "1 of 1 records were rejected" in outcome.warnings[0]
    with pytest.raises(RestSourceError, match="None of the 2 records"):
        warehouse.load([last, {"id": 3, "v": "y", "at": "2024-01-03"}], **keys)


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
