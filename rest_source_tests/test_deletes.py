"""`deletes: mark`: rows that a complete pass did not return are marked, and nothing else marks them."""

from typing import Any

import pytest
from pydantic import ValidationError

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source_tests.loading import ORDERS, PageBody, Warehouse, page_reply, source_spec

KEYS: dict[str, Any] = {"deletes": "mark", "primary_key": "id"}


def marked(warehouse: Warehouse, table: str = "shop.orders", column: str = "id") -> list[Any]:
    rows = warehouse.rows(f"SELECT {column} FROM {table} WHERE __hevo__marked_deleted ORDER BY 1")
    return [value for (value,) in rows]


def records(*ids: int) -> list[dict[str, Any]]:
    return [{"id": id, "v": "same"} for id in ids]


def test_a_complete_pass_marks_what_it_does_not_return(warehouse: Warehouse) -> None:
    warehouse.load(records(1, 2), records(3), **KEYS)
    result = warehouse.load(records(1), records(3), **KEYS).result
    assert (marked(warehouse), result.rows_deleted, result.rows_unchanged) == ([2], 1, 2)
    again = warehouse.load(records(1), records(3), **KEYS).result
    assert (marked(warehouse), again.rows_deleted) == ([2], 0)


def test_a_row_that_returns_is_unmarked(warehouse: Warehouse) -> None:
    warehouse.load(records(1, 2, 3), **KEYS)
    warehouse.load(records(1), **KEYS)
    result = warehouse.load(records(1, 2), **KEYS).result
    assert (marked(warehouse), result.rows_updated) == ([3], 1)
    assert warehouse.rows("SELECT count(*) FROM shop.orders") == [(3,)]


def test_records_may_have_a_field_called_rowid(warehouse: Warehouse) -> None:
    warehouse.load([{"id": n, "rowid": 7} for n in (1, 2, 3)], **KEYS)
    assert warehouse.load([{"id": n, "rowid": 7} for n in (1, 3)], **KEYS).result.rows_deleted == 1
    assert marked(warehouse) == [2]


def test_a_secret_that_is_written_in_the_file_says_nothing_about_what_is_gone(warehouse: Warehouse) -> None:
    keys = {**KEYS, "params": {"api_key": "f81d4fae7dec11d0a76500a0c91e6bf6"}}
    warehouse.load(records(1, 2), **keys)
    outcome = warehouse.load(records(1), **keys)
    assert "looks like a key" in outcome.warnings[0]
    assert marked(warehouse) == [2]


def test_without_the_key_nothing_is_marked(warehouse: Warehouse) -> None:
    warehouse.load(records(1, 2), primary_key="id")
    warehouse.load(records(1), primary_key="id")
    assert marked(warehouse) == []


def test_marks_are_told_to_whoever_asks_for_what_was_loaded_last(warehouse: Warehouse) -> None:
    warehouse.load(records(1, 2), **KEYS)
    warehouse.load(records(1), **KEYS)
    last = warehouse.rows(
        "SELECT id FROM shop.orders WHERE __hevo__loaded_at = (SELECT max(__hevo__loaded_at) FROM shop.orders)"
    )
    assert last == [(2,)]


def test_with_the_default_key_the_former_version_of_a_record_is_marked(warehouse: Warehouse) -> None:
    warehouse.load([{"id": 1, "v": "old"}, {"id": 2, "v": "old"}], deletes="mark")
    warehouse.load([{"id": 1, "v": "new"}, {"id": 2, "v": "old"}], deletes="mark")
    assert warehouse.rows("SELECT id, v FROM shop.orders WHERE NOT __hevo__marked_deleted ORDER BY 1") == [
        (1, "new"),
        (2, "old"),
    ]
    assert warehouse.destination.duplicates(ORDERS, ()).entities == 0


def test_an_empty_pass_marks_nothing_and_says_so(warehouse: Warehouse) -> None:
    warehouse.load(records(1, 2), **KEYS)
    outcome = warehouse.load([], **KEYS)
    assert marked(warehouse) == []
    assert outcome.warnings == (
        "No row was marked as deleted, as the API returned no records: only a complete pass tells what is gone.",
    )


def test_an_interrupted_pass_marks_nothing_until_it_is_complete(warehouse: Warehouse) -> None:
    pages: list[PageBody] = [records(1, 2), records(3)]

    def answer(call: Call) -> Reply:
        number = int(call.arg("page") or 1)
        return page_reply(pages[number - 1], number, number == len(pages))

    with LoopbackServer(answer) as server:
        warehouse.load_from(server.url, **KEYS)
        pages[:] = [records(1), Reply({}, 500)]
        with pytest.raises(RestSourceError):
            warehouse.load_from(server.url, **KEYS)
        assert marked(warehouse) == []
        pages[1] = records(3)
        assert warehouse.load_from(server.url, **KEYS).resumed_from_page == 2
    assert marked(warehouse) == [2]


def test_a_skipped_pass_marks_nothing(warehouse: Warehouse) -> None:
    warehouse.load(records(1, 2), **KEYS)
    warehouse.load(Reply({}, 403), on_error=[{"status": 403, "do": "skip"}], **KEYS)
    assert marked(warehouse) == []


def test_a_pass_with_a_warning_marks_nothing(warehouse: Warehouse) -> None:
    warehouse.load(records(1, 2), **KEYS)
    outcome = warehouse.load(records(1), Reply({"error": "over quota"}), **KEYS)
    assert marked(warehouse) == []
    assert any("No row was marked as deleted, as the load has warnings" in warning for warning in outcome.warnings)


def test_a_warning_of_certificates_is_no_doubt(warehouse: Warehouse) -> None:
    source = {"tls": {"verify": False}}
    warehouse.load(records(1, 2), source=source, **KEYS)
    outcome = warehouse.load(records(1), source=source, **KEYS)
    assert marked(warehouse) == [2]
    assert [warning for warning in outcome.warnings if "certificate" in warning]


def test_a_pass_that_drifts_marks_nothing(warehouse: Warehouse) -> None:
    warehouse.load(records(1, 2), **KEYS)

    def answer(_: Call) -> Reply:
        return Reply({"records": records(1), "total": 2})

    keys = {
        **KEYS,
        "pagination": {"type": "page_number", "total_records": "$.total", "size": 2, "stop_on_short_page": True},
    }
    with LoopbackServer(answer) as server:
        warehouse.load_from(server.url, **keys)
    assert marked(warehouse) == []


PAGES = {"type": "page_number", "size_param": "size", "size": 2}
OFFSETS = {"type": "offset_limit", "limit": 2}
TOTALS = {"total_records": "$.total"}


class Shrinking:
    """Six records, in pages of two; in each of so many passes the first one left is deleted after page 1.

    With `adds` another one is added then.
    """

    def __init__(self, passes: int, total: bool = True, adds: bool = False) -> None:
        self.records, self.passes, self.total, self.adds = records(1, 2, 3, 4, 5, 6), passes, total, adds

    def answer(self, call: Call) -> Reply:
        start = int(call.arg("offset") or 2 * (int(call.arg("page") or 1) - 1))
        page, total = self.records[start : start + 2], {"total": len(self.records)} if self.total else {}
        if not start and self.passes:
            self.passes -= 1
            self.records += records(6 + len(self.records)) if self.adds else []
            del self.records[0]
            page = [{**page[0]}, *page[1:]]
        link = {"Link": f'</orders?page={start // 2 + 2}>; rel="next"'} if start + 2 < len(self.records) else {}
        return Reply({"records": page, **total}, headers=link)


@pytest.mark.parametrize(
    ("pagination", "total", "first"),
    [
        (PAGES, False, []),
        (OFFSETS, False, []),
        ({"type": "link_header"}, False, []),
        ({**PAGES, **TOTALS}, True, [1]),
        ({**OFFSETS, **TOTALS}, True, [1]),
        (PAGES, True, [1]),
    ],
)
def test_a_record_that_moves_to_a_page_behind_is_not_marked(
    warehouse: Warehouse, pagination: dict[str, Any], total: bool, first: list[int]
) -> None:
    api = Shrinking(0, total)
    keys = {**KEYS, "pagination": pagination}
    with LoopbackServer(api.answer) as server:
        assert warehouse.load_from(server.url, **keys).warnings == ()
        api.passes = 1
        outcome = warehouse.load_from(server.url, **keys)
        assert (marked(warehouse), outcome.result.rows_deleted, outcome.warnings) == (first, len(first), ())
        assert (warehouse.load_from(server.url, **keys).warnings, marked(warehouse)) == ((), [1])
    loads = warehouse.rows("SELECT rows_deleted FROM _rest_source.loads ORDER BY committed_at")
    assert sum(deleted for (deleted,) in loads) == 1


@pytest.mark.parametrize("write", ["merge", "replace", "append"])
def test_a_total_that_fell_has_all_read_once_more_and_is_told_if_it_falls_again(
    warehouse: Warehouse, write: str
) -> None:
    keys: dict[str, Any] = {"pagination": {**PAGES, **TOTALS}, "write": write, "primary_key": "id"}
    keys |= {"deletes": "mark"} if write == "merge" else {}
    api = Shrinking(1)
    with LoopbackServer(api.answer) as server:
        assert warehouse.load_from(server.url, **keys).warnings == ()
        assert sorted(warehouse.values("id")) == [2, 3, 4, 5, 6]
        api.passes = 2
        told = warehouse.load_from(server.url, **keys).warnings
    assert "The total of records fell while they were read, in two full passes" in told[0]
    assert marked(warehouse) == []


def test_a_total_that_stays_is_no_proof_that_no_record_was_missed(warehouse: Warehouse) -> None:
    api = Shrinking(0, adds=True)
    keys = {**KEYS, "pagination": {**PAGES, **TOTALS}}
    with LoopbackServer(api.answer) as server:
        warehouse.load_from(server.url, **keys)
        api.passes = 1
        warehouse.load_from(server.url, **keys)
        assert 3 not in marked(warehouse)


def test_a_second_look_that_fails_marks_nothing_and_says_so(warehouse: Warehouse) -> None:
    api = Shrinking(0, total=False)
    keys = {**KEYS, "pagination": PAGES}

    passes = []

    def answer(call: Call) -> Reply:
        passes.extend([call] if call.arg("page") == "1" else [])
        return Reply({}, 500) if len(passes) == 3 else api.answer(call)

    with LoopbackServer(answer) as server:
        warehouse.load_from(server.url, **keys)
        del api.records[0]
        (told,) = warehouse.load_from(server.url, **keys).warnings
        assert told.startswith("No row was marked as deleted, as the second look at all pages failed")
        assert warehouse.load_from(server.url, **keys).result.rows_deleted == 1
    assert marked(warehouse) == [1]


def test_a_record_that_was_rejected_is_not_gone(warehouse: Warehouse) -> None:
    warehouse.load([{"id": 1, "v": 1}, {"id": 2, "v": 2}, {"id": 3, "v": 3}], **KEYS)
    warehouse.load([{"id": 1, "v": 1}, {"id": 2, "v": "x"}, {"id": None}], columns={"v": "BIGINT"}, **KEYS)
    assert marked(warehouse) == [3]


def test_children_are_marked_with_their_row(warehouse: Warehouse) -> None:
    first, second = ({"id": n, "t": [{"n": n, "u": [n]}]} for n in (1, 2))
    warehouse.load([first, second], nested="split", **KEYS)
    warehouse.load([first], nested="split", **KEYS)
    assert (marked(warehouse, "shop.orders_t", "n"), marked(warehouse, "shop.orders_t_u", "value")) == ([2], [2])
    warehouse.load([first, second], nested="split", **KEYS)
    assert (marked(warehouse, "shop.orders_t", "n"), marked(warehouse, "shop.orders_t_u", "value")) == ([], [])


def test_a_key_is_compared_as_the_table_holds_it(warehouse: Warehouse) -> None:
    warehouse.load([{"id": 1}, {"id": 2}], **KEYS)
    warehouse.load([{"id": "1"}, {"id": "x"}], **KEYS)
    assert marked(warehouse) == ["2"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"write": "append"}, "`deletes: mark` needs `write: merge`"),
        ({"write": "replace"}, "`deletes: mark` needs `write: merge`"),
        ({"params": {"since": "{now-24h}"}}, "needs a request for all records"),
        ({"path": "/orders/{now-1d:%Y}"}, "needs a request for all records"),
    ],
)
def test_combinations_that_cannot_tell_what_is_gone_are_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        source_spec("http://h", deletes="mark", **keys)


def test_a_bound_that_is_now_asks_for_all_records() -> None:
    source_spec("http://h", deletes="mark", params={"until": "{now}"})
