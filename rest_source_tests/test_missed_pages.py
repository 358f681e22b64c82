"""Series that end at their first page because the file looks for the next one in the wrong place."""

from typing import Any

import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source_tests.loading import Warehouse

WRONG: list[dict[str, Any]] = [
    {"type": "cursor", "value": "$.meta.nxt"},
    {"type": "next_url", "path": "$.next"},
    {"type": "link_header"},
]


def answer(call: Call) -> Reply:
    return Reply({"records": [{"id": 1}], "meta": {"next_cursor": "2"}})


@pytest.mark.parametrize("pagination", WRONG)
def test_a_pagination_that_looks_in_the_wrong_place_is_told(warehouse: Warehouse, pagination: dict[str, Any]) -> None:
    with LoopbackServer(answer) as server:
        outcome = warehouse.load_from(server.url, pagination=pagination)
    (warning,) = outcome.warnings
    assert warning == (
        "The answer announces more pages ($.meta.next_cursor is set), but the series ended after 1 record in 1 page. "
        "Write `pagination: {type: cursor, value: $.meta.next_cursor, param: cursor}`"
    )


@pytest.mark.parametrize("pagination", WRONG)
def test_the_only_page_of_a_series_is_no_reason_to_warn(warehouse: Warehouse, pagination: dict[str, Any]) -> None:
    with LoopbackServer(lambda call: Reply({"records": [{"id": 1}], "next": None, "total": 1})) as server:
        assert warehouse.load_from(server.url, pagination=pagination).warnings == ()


@pytest.mark.parametrize("document", [{"count": 900, "total": 900}, {"total": 900, "count": 900}])
def test_the_order_of_an_answer_makes_no_other_warning(warehouse: Warehouse, document: dict[str, int]) -> None:
    with LoopbackServer(lambda call: Reply({**document, "records": [{"id": 1}]})) as server:
        (warning,) = warehouse.load_from(server.url, pagination={"type": "none"}).warnings
    assert "total_records: $.total" in warning
