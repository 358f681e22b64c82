"""Rows that are arrays: their names stand in the file, in the answer or in the first row, and no value is shifted."""

import json
from pathlib import Path
from typing import Any

import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.extract import reading
from rest_source.http import body
from rest_source.load.trial import run_trial
from rest_source_tests.fakes.reading import Read, opened, read
from rest_source_tests.loading import Warehouse
from rest_source_tests.test_spec import errors, source

ROWS = [[1, "a", None], [2, "b", {"x": 1}]]
RECORDS = [{"id": 1, "name": "a", "more": None}, {"id": 2, "name": "b", "more": {"x": 1}}]
NAMES = ["id", "name", "more"]


def page(document: Any, **endpoint: Any) -> Read:
    with LoopbackServer(lambda call: Reply(document)) as api:
        return read(api.url, {"data_root": "$.rows", **endpoint})


@pytest.mark.parametrize(
    ("document", "keys"),
    [
        ({"rows": ROWS}, {"record_columns": NAMES}),
        ({"rows": ROWS, "columns": NAMES}, {"record_columns": "$.columns"}),
        ({"rows": ROWS, "s": {"fields": [{"name": n} for n in NAMES]}}, {"record_columns": "$.s.fields[*].name"}),
        ({"rows": [NAMES, *ROWS]}, {"record_columns": "first_row"}),
        ([NAMES, *ROWS], {"record_columns": "first_row", "data_root": "$"}),
        ({"r": {"rows": ROWS}, "c": NAMES}, {"record_columns": "$.c", "data_root": "$.r.rows[*]"}),
        ({"rows": [*ROWS, [3, "c", 1]]}, {"record_columns": NAMES, "data_root": "$.rows[?(@.id < 3)]"}),
        ({"rows": [*ROWS, [3, "c", 1]]}, {"record_columns": NAMES, "data_root": "$.rows[:2]"}),
    ],
)  # fmt: skip
def test_names_come_from_where_the_file_says(document: Any, keys: dict[str, Any]) -> None:
    found = page(document, **keys)
    assert (found.records, found.warnings) == (RECORDS, [])


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (["a", "a", "a_2"], ["a", "a_2", "a_2_2"]),
        (["", None, "c"], ["column", "column_2", "c"]),
        ([1, 2.5, "c"], ["1", "2.5", "c"]),
    ],
)
def test_names_of_an_answer_are_made_distinct(names: list[Any], columns: list[str]) -> None:
    found = page({"rows": [[1, 2, 3]], "c": names}, record_columns="$.c")
    assert found.records == [dict(zip(columns, [1, 2, 3], strict=True))]


def test_a_shorter_row_lacks_its_last_values_and_is_told() -> None:
    found = page({"rows": [[1, "a", 2], [2], [], [3, "b", None]]}, record_columns=NAMES)
    assert found.records == [{"id": 1, "name": "a", "more": 2}, {"id": 2}, {}, {"id": 3, "name": "b", "more": None}]
    [warning] = found.warnings
    assert "2 of 4 rows are shorter than the 3 names of `record_columns`, with 1 values" in warning


def test_a_longer_row_keeps_all_its_values_and_is_told() -> None:
    found = page({"rows": [[1, "a", 2, 3, 4]]}, record_columns=NAMES)
    assert found.records == [{"id": 1, "name": "a", "more": 2, "column_4": 3, "column_5": 4}]
    [warning] = found.warnings
    assert "One of 1 rows is longer than the 3 names" in warning and "`column_…`" in warning


def test_nulls_and_objects_among_the_rows_stay_what_they_are() -> None:
    found = page({"rows": [[1, "a", 2], None, {"id": 2}]}, record_columns=NAMES)
    assert found.records == [{"id": 1, "name": "a", "more": 2}, {"id": 2}]


def test_rows_that_are_objects_already_are_told() -> None:
    found = page({"rows": [{"id": 1}]}, record_columns=NAMES)
    assert (found.records, ["objects already" in text for text in found.warnings]) == ([{"id": 1}], [True])


@pytest.mark.parametrize(
    ("document", "names", "told"),
    [
        ({"rows": [[1, 2]], "meta": {"heads": ["a", "b"]}}, "$.columns", "Write `record_columns: $.meta.heads`"),
        ({"rows": [[1, 2]]}, "$.columns", "Write the names: `record_columns: [id, name]`"),
        ({"rows": [[1]], "c": [{"label": "a"}]}, "$.c", "Write `record_columns: $.c[*].label`"),
        ({"rows": [[1]], "c": [["a"], ["b"]]}, "$.c", "Write `record_columns: $.c[*].name`"),
        ({"rows": [[[1], {}], [1, 2]]}, "first_row", "The first row holds no names"),
        ({"rows": [{"a": 1}, [1]]}, "first_row", "The first row holds no names"),
    ],
)
def test_names_that_are_not_there_are_an_error(document: Any, names: Any, told: str) -> None:
    with pytest.raises(RestSourceError) as caught:
        page(document, record_columns=names)
    assert (caught.value.id, told in f"{caught.value.message} {caught.value.remedy}") == (
        "record_columns_not_found",
        True,
    )


def rows(start: int, count: int) -> list[list[Any]]:
    return [[n, f"n{n}"] for n in range(start, start + count)]


def paged(pages: list[Any], **endpoint: Any) -> tuple[Read, list[Call]]:
    with LoopbackServer(lambda call: Reply(pages[min(int(call.arg("page") or 1), len(pages)) - 1])) as api:
        keys = {"data_root": "$.rows", "pagination": {"type": "page_number"}, **endpoint}
        return read(api.url, keys, limits={"concurrency": 1}), api.calls


HEAD = ["id", "name"]


@pytest.mark.parametrize("heads", [(HEAD, HEAD, HEAD), (HEAD, [], [])])
def test_a_first_row_of_names_is_no_record_on_any_page(heads: tuple[list[str], ...]) -> None:
    pages = [{"rows": [*([head] if head else []), *rows(10 * n, 2)]} for n, head in enumerate(heads)]
    found, _ = paged([*pages, {"rows": [HEAD]}], record_columns="first_row")
    assert found.ids == [0, 1, 10, 11, 20, 21]
    assert (found.records[4], found.warnings) == ({"id": 20, "name": "n20"}, [])
    assert [page.returned for page in found.pages if page.records.count] == [2, 2, 2]


def test_names_in_another_order_are_followed() -> None:
    pages = [{"rows": [HEAD, [1, "a"]]}, {"rows": [["name", "id"], ["b", 2]]}, {"rows": []}]
    found, _ = paged(pages, record_columns="first_row")
    assert found.records == [{"id": 1, "name": "a"}, {"name": "b", "id": 2}]


def test_names_beside_the_rows_may_come_with_the_first_page_alone() -> None:
    pages = [{"rows": rows(1, 2), "c": HEAD}, {"rows": rows(3, 2)}, {"rows": []}]
    assert paged(pages, record_columns="$.c")[0].ids == [1, 2, 3, 4]


@pytest.mark.parametrize("has_head", [True, False])
def test_offsets_count_rows_and_not_their_names(has_head: bool) -> None:
    everything = rows(0, 25)

    def answer(call: Call) -> Reply:
        start = int(call.arg("offset") or 0)
        given = everything[start : start + 10]
        return Reply({"rows": [HEAD, *given] if has_head else given, "total": 25})

    keys = {"record_columns": "first_row" if has_head else HEAD, "data_root": "$.rows"}
    for total in ({}, {"total_records": "$.total"}):
        with LoopbackServer(answer) as api:
            found = read(api.url, {**keys, "pagination": {"type": "offset_limit", "limit": 10, **total}})
        assert found.ids == list(range(25))
        assert found.warnings == []


def test_a_cursor_may_be_in_the_last_row() -> None:
    def answer(call: Call) -> Reply:
        start = int(call.arg("after") or 0)
        return Reply({"rows": rows(start + 1, 2) if start < 6 else []})

    pagination = {"type": "cursor", "from": "last_record", "value": "$.id", "param": "after"}
    with LoopbackServer(answer) as api:
        keys = {"record_columns": HEAD, "data_root": "$.rows", "pagination": pagination}
        assert read(api.url, keys).ids == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("names", ["first_row", HEAD])
def test_a_large_answer_is_read_in_parts(monkeypatch: pytest.MonkeyPatch, names: Any) -> None:
    monkeypatch.setattr(body, "IN_MEMORY", 1000)
    monkeypatch.setattr(reading, "PART_SIZE", 1000)
    everything = rows(0, 2000)
    found = page({"rows": [*([HEAD] if names == "first_row" else []), *everything]}, record_columns=names)
    assert found.ids == list(range(2000))
    assert len(found.pages) > 5 and found.warnings == []


def test_pages_of_many_rows_are_read_alike(duckdb_warehouse: Warehouse) -> None:
    pages = [{"records": rows(200 * n, 200), "next": n + 2 if n < 4 else None} for n in range(5)]
    replies = [Reply(json.dumps(page)) for page in pages]
    outcome = duckdb_warehouse.load(*replies, record_columns=HEAD, primary_key="id")
    assert outcome.result.rows_inserted == 1000
    assert duckdb_warehouse.rows("SELECT count(*), min(name), max(id) FROM shop.orders") == [(1000, "n0", 999)]
    assert duckdb_warehouse.business_types() == {"id": "BIGINT", "name": "VARCHAR"}


def test_an_interrupted_load_knows_the_names(duckdb_warehouse: Warehouse) -> None:
    fails = [True]

    def answer(call: Call) -> Reply:
        number = int(call.arg("page") or 1)
        if number == 3 and fails.pop():
            fails.append(False)
            return Reply({}, 500)
        given = [[*HEAD], *rows(10, 2)] if number == 1 else rows(number * 10, 2)
        return Reply({"records": given, "next": number + 1 if number < 4 else None})

    with LoopbackServer(answer) as api:
        with pytest.raises(RestSourceError):
            duckdb_warehouse.load_from(api.url, record_columns="first_row")
        outcome = duckdb_warehouse.load_from(api.url, record_columns="first_row")
    assert outcome.resumed_from_page == 3
    assert duckdb_warehouse.rows("SELECT id FROM shop.orders ORDER BY 1") == [
        (10,), (11,), (20,), (21,), (30,), (31,), (40,), (41,)
    ]  # fmt: skip


def test_check_knows_the_fields(tmp_path: Path) -> None:
    with LoopbackServer(lambda call: Reply({"data": [HEAD, *rows(1, 3)]})) as api:
        keys = {"record_columns": "first_row", "exclude": ["name", "other"]}
        with opened(api.url, keys) as stream:
            trial = run_trial(stream, 5, 1)
    assert (trial.read, list(trial.sample.columns)) == (3, ["id"])
    assert [warning for warning in trial.warnings if "`name`" in warning] == []
    assert [warning for warning in trial.warnings if "`other`" in warning] != []


@pytest.mark.parametrize(
    ("keys", "place", "told"),
    [
        ({"record_columns": "columns"}, "record_columns", "write `first_row`, a list of names, or a JSONPath"),
        ({"record_columns": []}, "record_columns", "write the names as texts"),
        ({"record_columns": ["a", 1]}, "record_columns", "write the names as texts"),
        ({"record_columns": ["a", "b", "a"]}, "record_columns", "`a` stands twice"),
        ({"record_columns": "$["}, "record_columns", "is not JSONPath"),
        ({"record_columns": ["a"], "data_root": "$.x.*", "key_column": "k"}, "record_columns", "the keys of a map"),
        ({"record_columns": ["a"], "data_root": "$.x[*].rows"}, "record_columns", "a plain path to the rows"),
        ({"record_columns": ["a"], "data_root": "$..rows"}, "record_columns", "a plain path to the rows"),
    ],
)
def test_what_cannot_be_names(keys: dict[str, Any], place: str, told: str) -> None:
    [(found, message)] = errors(keys)
    assert (found, told in message) == (f"endpoints.0.{place}", True), message


@pytest.mark.parametrize("root", ["$", "$.a.b", "$.a[*]", "$.a[?(@.x == 1)]", "$.a[1:]", "$['a b'][0:2].c"])
def test_roots_that_go_with_names(root: str) -> None:
    assert source({"record_columns": ["a"], "data_root": root}).endpoints[0].record_columns == ("a",)


@pytest.mark.parametrize(
    ("document", "meant"),
    [
        ({"rows": ROWS, "meta": {"heads": NAMES}}, "$.meta.heads"),
        ({"rows": [NAMES, *ROWS]}, "first_row"),
        ({"rows": [["1", "a"], ["2", "b"]]}, None),
        ({"rows": [[1, 2], [3]]}, None),
        ({"rows": [[1, 2], None, {"a": 1}]}, None),
        ({"rows": [{"a": 1}, {"a": 2}], "columns": ["a"]}, None),
        ({"rows": [1, 2], "columns": ["a"]}, None),
    ],
)
def test_names_that_nobody_asked_for_are_pointed_at(document: Any, meant: str | None) -> None:
    found = page(document)
    told = [f"Did you mean `record_columns: {meant}`?" in warning for warning in found.warnings]
    assert told == ([True] if meant else [])
    if meant is not None:
        assert page(document, record_columns=meant).records == RECORDS
