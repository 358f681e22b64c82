"""`rest-source retry`: rejected records are loaded from where they were kept."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rest_source.cli.main import main
from rest_source.load.destination import CommitResult
from rest_source.load.retrying import Retry
from rest_source_tests.fakes.changing import ChangingApi
from rest_source_tests.loading import Warehouse, source_spec

LEFT = "SELECT count(*) FROM _rest_source.rejected_records"


def retry(warehouse: Warehouse, **spec: Any) -> CommitResult:
    source = source_spec("http://nobody.invalid", **spec)
    return Retry(source, source.endpoints[0], warehouse.destination, warehouse.state, warehouse.said.append).run()


def test_records_load_once_the_file_takes_them(warehouse: Warehouse) -> None:
    page = [{"id": 1, "v": "x"}, {"id": 2, "v": 2}, {"id": 3, "v": "y"}]
    warehouse.load(page, columns={"v": "BIGINT"}, primary_key="id")
    result = retry(warehouse, columns={"v": "TEXT"}, primary_key="id")
    assert (result.rows_read, result.rows_inserted, result.rows_rejected) == (2, 2, 0)
    assert warehouse.rows("SELECT id, v FROM shop.orders ORDER BY id") == [(1, "x"), (2, "2"), (3, "y")]
    assert warehouse.rows(LEFT) == [(0,)]
    ids = {row for (row,) in warehouse.rows("SELECT __hevo_id FROM shop.orders")}
    again = warehouse.beside("again")
    again.load(page, primary_key="id")
    assert ids == {row for (row,) in again.rows("SELECT __hevo_id FROM shop.orders")}


def test_what_still_does_not_fit_is_kept_with_its_new_reason(warehouse: Warehouse) -> None:
    warehouse.load([{"id": 1, "v": "x"}, {"id": 2, "v": "2.5"}, {"id": 3}], columns={"v": "BIGINT"}, primary_key="id")
    result = retry(warehouse, columns={"v": "DOUBLE"}, primary_key="id")
    assert (result.rows_inserted, result.rows_rejected, result.reject_reasons) == (1, 1, ("v is not DOUBLE: x",))
    assert warehouse.rows("SELECT reason FROM _rest_source.rejected_records") == [("v is not DOUBLE: x",)]


def test_records_that_all_lack_the_key_are_kept_again(warehouse: Warehouse) -> None:
    warehouse.load([{"id": 1}, {"v": "x"}], primary_key="id")
    for _ in range(2):
        result = retry(warehouse, primary_key="id")
        assert (result.rows_read, result.rows_rejected) == (1, 1)
        assert result.reject_reasons == ("No record has a value for the primary key `id`",)
    assert warehouse.rows("SELECT reason FROM _rest_source.rejected_records") == [
        ("the primary key id is null or missing",)
    ]


def test_a_row_that_was_read_later_stays_as_it_is(warehouse: Warehouse) -> None:
    keys: dict[str, Any] = {"columns": {"v": "BIGINT"}, "primary_key": "id"}
    warehouse.load([{"id": 1, "v": "old"}, {"id": 2, "v": 1}], **keys)
    warehouse.load([{"id": 1, "v": 7}], **keys)
    before = warehouse.table()
    result = retry(warehouse, columns={"v": "TEXT"}, primary_key="id")
    assert (result.rows_unchanged, result.rows_inserted + result.rows_updated) == (1, 0)
    assert [row[1] for row in warehouse.table()] == [str(row[1]) for row in before]
    assert warehouse.rows(LEFT) == [(0,)]


def test_nothing_to_try_is_no_load(warehouse: Warehouse) -> None:
    assert retry(warehouse).rows_read == 0
    warehouse.load([{"id": 1}])
    retry(warehouse)
    assert warehouse.rows("SELECT count(*) FROM _rest_source.loads") == [(1,)]


@pytest.mark.parametrize("nested", ["json", "flatten", "split"])
def test_odd_records_come_back_as_they_were_sent(warehouse: Warehouse, nested: str) -> None:
    body = (
        rb'[{"id": 1, "v": "x", "o": {"n": 12345678901234567890123, "s": "\ud800", "z": "a\u0000"}, "l": [{"q": 1}]}]'
    )
    keys: dict[str, Any] = {"nested": nested, "primary_key": "id"}
    direct = warehouse.beside("direct")
    direct.load(body, **keys)
    warehouse.load(body, [{"id": 2, "v": 1}], columns={"v": "BIGINT"}, **keys)
    retry(warehouse, columns={"v": "TEXT"}, **keys)
    columns = list(direct.business_types())
    shown = f"SELECT __hevo_id, {', '.join(columns)} FROM shop.orders WHERE id = 1"
    assert warehouse.rows(shown) == direct.rows(shown)
    assert len(warehouse.table()[0]) == len(direct.table()[0])
    if nested == "split":
        child = "SELECT __hevo_id, __hevo_ref_id, q FROM shop.orders_l"
        assert warehouse.rows(child) == direct.rows(child)


def test_a_replaced_table_is_not_emptied(warehouse: Warehouse) -> None:
    warehouse.load([{"id": 1, "v": "x"}, {"id": 2, "v": 2}], columns={"v": "BIGINT"}, write="replace")
    retry(warehouse, write="replace", columns={"v": "TEXT"})
    assert warehouse.rows("SELECT id FROM shop.orders ORDER BY id") == [(1,), (2,)]


def test_a_retry_is_no_load_of_the_api(warehouse: Warehouse) -> None:
    first = warehouse.load([{"id": 1, "v": "x"}, {"id": 2, "v": 2}], columns={"v": "BIGINT"})
    retry(warehouse)
    newest = warehouse.destination.find_load("shop", "orders")
    assert newest is not None
    assert newest.load_id == first.load_id
    assert not list((warehouse.state / "spool").glob("*/*/*/*/"))


def test_the_command_reports_what_is_left(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.load([{"id": 1, "v": "x"}, {"id": 2, "v": "3"}, {"id": 4}], columns={"v": "BOOLEAN"}, primary_key="id")
    monkeypatch.chdir(warehouse.folder)
    monkeypatch.setenv("REST_SOURCE_STATE", str(warehouse.state))
    endpoint = "{name: orders, path: /, primary_key: id, columns: {v: %s}}"
    head = "type: rest_source.RestSource\nattributes: {name: shop, base_url: http://nobody.invalid, endpoints: ["

    def run(type_: str, *options: str) -> tuple[int, str, str]:
        Path("defs.yaml").write_text(f"{head}{endpoint % type_}]}}\n")
        result = CliRunner().invoke(main, ["retry", "defs.yaml", "--destination", warehouse.url, *options])
        return result.exit_code, result.stdout, result.stderr

    code, shown, said = run("BIGINT")
    assert code == 1
    assert shown.split()[-8:] == ["shop.orders", "2", "1", "0", "0", "1", "0", "0"]
    assert "shop.orders: still rejected: v is not BIGINT: x" in said
    code, shown, _ = run("TEXT", "--json")
    assert code == 0
    assert json.loads(shown)["endpoints"][0]["rows_inserted"] == 1


def test_requests_that_a_rule_skipped_are_made_again(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(warehouse.folder)
    api = ChangingApi([{"id": n, "parent": str(n), "updated_at": "x"} for n in range(3)])
    with api.serve() as server:
        comments = {
            "name": "comments",
            "path": "/parents/{parent.id}/children",
            "data_root": "$.records",
            "parent": {"values": {"id": [0, 1, 2]}},
            "on_error": [{"status": 404, "do": "skip"}],
        }
        attributes = {"name": "shop", "base_url": server.url, "endpoints": [comments]}
        Path("defs.yaml").write_text(json.dumps({"type": "rest_source.RestSource", "attributes": attributes}))

        def ran(command: str) -> tuple[int, Any]:
            options = [command, "defs.yaml", "--destination", warehouse.url, "--json"]
            result = CliRunner().invoke(main, options)
            return result.exit_code, json.loads(result.stdout)["endpoints"][0]

        api.answers |= {"/parents/1/children": 404, "/parents/2/children": 404}
        assert ran("run")[0] == 0
        del api.answers["/parents/1/children"]
        code, report = ran("retry")
        assert (code, report["failed_requests"], report["failed_requests_left"]) == (1, 2, 1)
        api.answers.clear()
        assert ran("retry")[0] == 0
    assert warehouse.rows("SELECT id FROM shop.comments ORDER BY id") == [(0,), (1,), (2,)]


@pytest.mark.parametrize("requests", ["partition", "range"])
def test_what_was_skipped_in_a_partition_is_asked_for_there(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, requests: str
) -> None:
    monkeypatch.chdir(warehouse.folder)
    api = ChangingApi([{"id": n, "parent": str(n), "updated_at": "2024-01-01T05:00:00Z"} for n in range(3)])
    with api.serve() as server:
        comments = {
            "name": "comments",
            "path": "/parents/{parent.id}/children",
            "data_root": "$.records",
            "params": {"from": "{partition.start}", "to": "{partition.end}"},
            "partitions_def": {"type": "daily", "start_date": "2024-01-01"},
            "requests": requests,
            "primary_key": "id",
            "parent": {"values": {"id": [0, 1, 2]}},
            "on_error": [{"status": 404, "do": "skip"}],
        }
        attributes = {"name": "shop", "base_url": server.url, "endpoints": [comments]}
        Path("defs.yaml").write_text(json.dumps({"type": "rest_source.RestSource", "attributes": attributes}))

        def ran(command: str, *options: str) -> int:
            options = (command, "defs.yaml", "--destination", warehouse.url, *options)
            return CliRunner().invoke(main, options).exit_code

        api.answers["/parents/1/children"] = 404
        assert ran("run", "--partition-range", "2024-01-01...2024-01-02") == 0
        api.answers.clear()
        api.calls.clear()
        assert ran("retry") == 0
    assert {call.path for call in api.calls} == {"/parents/1/children"}
    assert api.asked("from") == ["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"][: len(api.calls)]
    assert len(api.calls) == (2 if requests == "partition" else 1)
    assert warehouse.rows("SELECT id FROM shop.comments ORDER BY id") == [(0,), (1,), (2,)]
    assert warehouse.rows("SELECT * FROM _rest_source.failed_requests") == []
