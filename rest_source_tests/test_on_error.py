"""`on_error`: what an API's refusals mean, end to end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rest_source.demo import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source_tests.loading import Warehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


def answers(*replies: Reply) -> Callable[[Call], Reply]:
    """The replies one after another, the last for ever."""
    left = list(replies)
    return lambda call: left.pop(0) if len(left) > 1 else left[0]


GOOD = Reply({"records": [{"id": 1}]})
PLAN = Reply({"error": {"message": "not enabled for this plan"}}, status=403)
BUDGET = Reply({"errors": [{"code": "BUDGET_EXCEEDED"}], "records": []})


def load(warehouse: Warehouse, handler: Callable[[Call], Reply], *rules: dict[str, Any], **spec: Any) -> Any:
    with LoopbackServer(handler) as server:
        return warehouse.load_from(server.url, on_error=list(rules), **spec)


def test_skip_leaves_the_table_and_warns(warehouse: Warehouse) -> None:
    load(warehouse, answers(GOOD))
    before = warehouse.table()
    outcome = load(warehouse, answers(PLAN), {"status": [402, 403], "contains": "not enabled", "do": "skip"})
    assert outcome.stop_reason == "skipped"
    assert "not enabled for this plan" in outcome.warnings[0]
    assert warehouse.table() == before
    assert warehouse.rows("SELECT count(*) FROM _rest_source.loads") == [(1,)]


@pytest.mark.parametrize(
    ("rule", "reply"),
    [
        ({"status": 400, "do": "skip"}, PLAN),
        ({"status": 403, "contains": "something else", "do": "skip"}, PLAN),
        ({"status": 403, "json": "$.nothing", "do": "skip"}, PLAN),
    ],
)
def test_every_key_of_a_rule_must_hold(warehouse: Warehouse, rule: dict[str, Any], reply: Reply) -> None:
    with pytest.raises(RestSourceError) as failure:
        load(warehouse, answers(reply), rule)
    assert failure.value.id == "http_403"


def test_the_first_match_decides(warehouse: Warehouse) -> None:
    with pytest.raises(RestSourceError) as failure:
        load(warehouse, answers(PLAN), {"status": 403, "do": "fail"}, {"status": 403, "do": "skip"})
    assert failure.value.id == "on_error"
    assert not failure.value.retryable


def test_an_error_in_a_success_fails(warehouse: Warehouse) -> None:
    with pytest.raises(RestSourceError) as failure:
        load(warehouse, answers(BUDGET), {"json": "$.errors", "do": "fail"})
    assert failure.value.id == "on_error"
    assert failure.value.where.startswith("shop.orders, page 1, GET")


@pytest.mark.parametrize("before", [b"", b")]}'\n", b"\xef\xbb\xbf"])
def test_a_rule_looks_into_whatever_can_be_loaded(warehouse: Warehouse, before: bytes) -> None:
    body = before + b'{"error": "quota\texceeded", "records": [{"id": 1}]}'
    with pytest.raises(RestSourceError) as failure:
        load(warehouse, answers(Reply(body)), {"json": "$.error", "contains": "quota", "do": "fail"})
    assert failure.value.id == "on_error"
    assert "quota exceeded" in failure.value.message


@pytest.mark.parametrize("nothing", [None, False, "", [], {}])
def test_an_empty_error_is_none(warehouse: Warehouse, nothing: Any) -> None:
    reply = Reply({"error": nothing, "records": [{"id": 1}]})
    assert load(warehouse, answers(reply), {"json": "$.error", "do": "fail"}).result.rows_inserted == 1


@pytest.mark.parametrize("nothing", [b"", b" \r\n\t", Reply(status=204)])
def test_an_answer_without_a_body_can_be_described(warehouse: Warehouse, nothing: Any) -> None:
    reply = nothing if isinstance(nothing, Reply) else Reply(nothing)
    assert load(warehouse, answers(reply), {"empty": True, "do": "skip"}).stop_reason == "skipped"


@pytest.mark.parametrize("rule", [{"empty": True, "status": 503}, {"empty": True, "contains": "x"}])
def test_an_empty_answer_that_no_rule_describes_is_an_error(warehouse: Warehouse, rule: dict[str, Any]) -> None:
    with pytest.raises(RestSourceError) as failure:
        load(warehouse, answers(Reply(b"")), {**rule, "do": "skip"})
    assert failure.value.id == "empty_body"


def test_an_answer_with_a_body_is_not_empty(warehouse: Warehouse) -> None:
    assert load(warehouse, answers(GOOD), {"empty": True, "do": "fail"}).result.rows_inserted == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_retry_asks_again(warehouse: Warehouse, method: str) -> None:
    rule = {"json": "$.errors[0].code", "contains": "BUDGET", "do": "retry"}
    source = {"limits": {"retries": 2, "max_wait": "1s"}}
    outcome = load(warehouse, answers(BUDGET, GOOD), rule, method=method, source=source)
    assert (outcome.retries, outcome.result.rows_inserted) == (1, 1)


def test_retries_end(warehouse: Warehouse) -> None:
    rule = {"json": "$.errors", "do": "retry"}
    with pytest.raises(RestSourceError) as failure:
        load(warehouse, answers(BUDGET), rule, source={"limits": {"retries": 1, "max_wait": "1s"}})
    assert failure.value.retryable


def test_restart_begins_again_and_not_for_ever(warehouse: Warehouse) -> None:
    first = Reply({"records": [{"id": 1}], "next": "2"})
    expired = Reply({"error": "scroll expired"}, status=410)
    rule = {"status": 410, "do": "restart"}
    outcome = load(warehouse, answers(first, expired, first, GOOD), rule, write="append")
    assert (outcome.result.rows_inserted, outcome.requests) == (2, 4)
    with pytest.raises(RestSourceError) as failure:
        load(warehouse, lambda call: expired if call.arg("page") else first, rule)
    assert failure.value.status == 410


def test_a_rule_that_describes_nothing_is_a_mistake() -> None:
    from rest_source_tests.loading import source_spec

    with pytest.raises(ValueError, match="at least one of"):
        source_spec("http://api", on_error=[{"do": "skip"}])


def test_a_later_page_that_speaks_of_an_error_is_told(warehouse: Warehouse) -> None:
    first = Reply({"records": [{"id": 1}], "next": "2"})
    outcome = load(warehouse, answers(first, Reply({"error": "quota exceeded"})))
    assert outcome.result.rows_inserted == 1
    assert "quota exceeded" in outcome.warnings[0]
    assert "on_error: [{json: $.error, do: fail}]" in outcome.warnings[0]


def three_pages_and_an_end(call: Call) -> Reply:
    page = int(call.arg("page") or 1)
    return PLAN if page == 4 else Reply({"records": [{"id": 3 * page + row} for row in range(3)], "next": page + 1})


def test_end_keeps_what_was_read(warehouse: Warehouse) -> None:
    outcome = load(warehouse, three_pages_and_an_end, {"status": 403, "do": "end"})
    assert (outcome.stop_reason, outcome.result.rows_inserted, outcome.warnings) == ("ended_by_rule", 9, ())


def test_end_on_the_first_page_is_an_empty_load(warehouse: Warehouse) -> None:
    outcome = load(warehouse, answers(PLAN), {"status": 403, "do": "end"}, write="replace")
    assert (outcome.stop_reason, outcome.result.row_count) == ("ended_by_rule", 0)


def test_an_empty_body_may_be_the_end(warehouse: Warehouse) -> None:
    outcome = load(
        warehouse, answers(GOOD, Reply(b"")), {"empty": True, "do": "end"}, pagination={"type": "page_number"}
    )
    assert (outcome.stop_reason, outcome.result.rows_inserted) == ("ended_by_rule", 1)


def test_end_is_told_where_a_flag_says_that_there_is_more(warehouse: Warehouse) -> None:
    more = Reply({"records": [{"id": 1}], "next": 2, "has_more": True})
    (warning,) = load(warehouse, answers(more, PLAN), {"status": 403, "do": "end"}).warnings
    assert "$.has_more is true" in warning


def test_skip_in_the_middle_says_what_it_dropped(warehouse: Warehouse) -> None:
    (warning,) = load(warehouse, three_pages_and_an_end, {"status": 403, "do": "skip"}).warnings
    assert "The 9 records of 3 pages before it were dropped; `do: end` loads them." in warning


def test_an_end_of_one_child_is_no_end_of_the_others(warehouse: Warehouse) -> None:
    def answer(call: Call) -> Reply:
        return PLAN if call.arg("of") == "b" else Reply({"records": [{"id": call.arg("of")}]})

    parent = {"values": {"of": ["a", "b", "c"]}}
    rule = {"status": 403, "do": "end"}
    outcome = load(warehouse, answer, rule, parent=parent, params={"of": "{parent.of}"})
    assert (sorted(warehouse.values("id")), outcome.failed_requests) == (["a", "c"], 0)
