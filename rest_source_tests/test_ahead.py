"""Looking ahead, against real servers: the pages of a sequential run, sooner, and never more requests than allowed."""

import weakref
from collections.abc import Callable
from contextlib import closing
from threading import Barrier, Event
from time import monotonic
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rest_source.demo.server import Call, Reply
from rest_source.errors import RestSourceError
from rest_source.extract import ahead
from rest_source.extract.workers import Workers
from rest_source_tests.fakes import Api, after_tokens, by_links, by_number, by_urls
from rest_source_tests.fakes.desk import (
    INSTANT,
    PATIENCE,
    Desk,
    all_idle,
    counted,
    flat,
    in_thread,
    outcome,
    reading,
    records,
)
from rest_source_tests.fakes.odd import Odd, odd
from rest_source_tests.fakes.paged import Handler, Record
from rest_source_tests.fakes.reading import lines
from rest_source_tests.fakes.scenarios import SCENARIOS
from rest_source_tests.test_session import FakeClock

NUMBERED: dict[str, Any] = {"pagination": {"type": "page_number"}}
TOTALLED: dict[str, Any] = {"pagination": {"type": "page_number", "total_records": "$.meta.records"}}
CUT = counted(12)
TWELVE = by_number(CUT, records_in="body")
COUNTED = [name for name in SCENARIOS if name.startswith(("page_number", "offset_limit"))]
WIDTHS = st.sampled_from([2, 4, 16])


# The same pages


@settings(max_examples=40)
@given(data=st.data(), concurrency=WIDTHS)
def test_every_way_of_counting_brings_the_same_pages(data: st.DataObject, concurrency: int, shared_api: Api) -> None:
    scenario = data.draw(SCENARIOS[data.draw(st.sampled_from(COUNTED))]())
    shared_api.serve(scenario.handler)
    result = outcome(shared_api.url, scenario.endpoint, concurrency, FakeClock())
    assert flat([page[1] for page in result["found"]]) == scenario.records
    assert result == outcome(shared_api.url, scenario.endpoint, 1, FakeClock())


@settings(max_examples=80)
@given(drawn=odd(), concurrency=WIDTHS)
def test_an_odd_api_brings_the_same_pages_the_same_end_and_the_same_error(
    drawn: tuple[Odd, dict[str, Any], dict[str, Any]], concurrency: int, shared_api: Api
) -> None:
    api, endpoint, limits = drawn
    results = []
    for width in (1, concurrency):
        shared_api.serve(api.handler())
        results.append(outcome(shared_api.url, endpoint, width, FakeClock(), **limits))
    assert results[1] == results[0]


# No more requests than allowed


@pytest.mark.parametrize("concurrency", [1, 2, 4, 16])
@pytest.mark.parametrize("count", [1, 2, 3, 9])
@pytest.mark.parametrize("endpoint", [NUMBERED, TOTALLED], ids=["no total", "a total too large"])
def test_requests_beyond_the_last_page_are_bounded(endpoint: dict[str, Any], count: int, concurrency: int) -> None:
    paged, totals = by_number(counted(count)), {"meta": {"records": 1000}}
    many = reading(lambda call: Reply(paged(call).body | totals), endpoint, concurrency, limit=concurrency)
    with many as (desk, stream):
        assert records(stream) == flat(counted(count))
        all_idle()
    assert sorted(desk.asked) == list(range(1, max(desk.asked) + 1))
    assert desk.most <= concurrency
    assert max(desk.asked) - count <= (max(concurrency, 4) if endpoint is TOTALLED else min(concurrency, count))


def test_a_series_of_one_page_costs_two_requests() -> None:
    with reading(by_number(counted(1)), NUMBERED, 16) as (desk, stream):
        assert records(stream) == flat(counted(1))
        all_idle()
        assert desk.asked == [1, 2]


@pytest.mark.parametrize("concurrency", [1, 4, 16])
@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize(("total", "where"), [("records", "$.meta.records"), ("pages", {"header": "X-pages"})])
def test_no_page_beyond_a_known_total_is_asked_for(total: str, where: Any, count: int, concurrency: int) -> None:
    cut = [*counted(count - 1, 3), [{"id": "last"}]]
    endpoint = {"pagination": {"type": "page_number", f"total_{total}": where}}
    handler = by_number(cut, records_in="body", pages_in="header")
    with reading(handler, endpoint, concurrency, limit=concurrency) as (desk, stream):
        assert records(stream) == flat(cut)
        all_idle()
    assert sorted(desk.asked) == list(range(1, count + 1))
    assert desk.most <= concurrency


def test_no_page_beyond_max_pages_is_asked_for() -> None:
    with reading(TWELVE, TOTALLED, 4, max_pages=6) as (desk, stream), closing(iter(stream)) as found:
        assert [next(found).number for _ in range(6)] == sorted(desk.asked)
        assert not desk.sees(7, within=INSTANT)
        with pytest.raises(RestSourceError, match="after 6 pages"):
            next(found)


@pytest.mark.parametrize("concurrency", [1, 2, 4, 7])
def test_no_page_far_from_the_lowest_unfinished_one_is_asked_for(concurrency: int) -> None:
    with reading(TWELVE, TOTALLED, concurrency, held=[5]) as (desk, stream), in_thread(lambda: records(stream)):
        assert desk.sees(*range(1, 5 + concurrency))
        assert not desk.sees(5 + concurrency, within=INSTANT)
        assert desk.most <= concurrency
        desk.let_go()


@pytest.mark.parametrize(("sizes", "opened_by"), [([4, 4, 4, 4], 3), ([4, 3, 2, 1], 0), ([2, 4, 3, 3], 2)])
def test_without_a_total_the_width_opens_as_pages_do_not_get_shorter(sizes: list[int], opened_by: int) -> None:
    cut = [[{"id": f"{page}-{place}"} for place in range(size)] for page, size in enumerate([*sizes, 1, 1, 1, 1])]
    with reading(by_number(cut), NUMBERED, 8, held=[5]) as (desk, stream), in_thread(lambda: records(stream)):
        assert desk.sees(*range(1, 6 + opened_by))
        assert not desk.sees(6 + opened_by, within=INSTANT)
        desk.let_go()


def test_no_request_runs_away_from_a_slow_consumer() -> None:
    with reading(TWELVE, TOTALLED, 4) as (desk, stream), closing(iter(stream)) as found:
        for number in range(1, 5):
            assert next(found).number == number
        assert desk.sees(*range(1, 8))
        assert not desk.sees(8, within=INSTANT)


# In parallel indeed


@pytest.mark.parametrize("concurrency", [2, 5, 16])
def test_with_a_known_total_as_many_requests_as_allowed_run_at_once(concurrency: int) -> None:
    cut = counted(1 + 3 * concurrency)
    paged, together = by_number(cut, records_in="body"), Barrier(concurrency, timeout=PATIENCE)

    def answer(call: Call) -> Reply:
        if call.arg("page") != "1":
            together.wait()
        return paged(call)

    with reading(answer, TOTALLED, concurrency) as (desk, stream):
        assert records(stream) == flat(cut)
        assert desk.most == concurrency


@pytest.mark.parametrize(
    ("handler", "pagination"),
    [
        (after_tokens(CUT), {"type": "cursor", "value": "$.meta.next"}),
        (by_urls(CUT), {"type": "next_url", "path": "$.links.next"}),
        (by_links(CUT), {"type": "link_header"}),
        (TWELVE, {"type": "page_number"}),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("concurrency", [1, 4])
def test_the_next_page_is_asked_for_while_a_page_is_handled(
    handler: Handler, pagination: dict[str, Any], concurrency: int
) -> None:
    second = Event()

    def answer(call: Call) -> Reply:
        if len(desk.asked) == 2:
            second.set()
        return handler(call)

    endpoint = {"pagination": pagination, "data_root": "$" if pagination["type"] == "link_header" else "$.data"}
    with reading(answer, endpoint, concurrency) as (desk, stream), closing(iter(stream)) as found:
        assert next(found).number == 1
        assert second.wait(PATIENCE)
        assert next(found).number == 2


# Failures ahead of their turn


def failing(page: int, *replies: Reply, before: Callable[[], object] = bool) -> Handler:
    """The page answers with these first; the one it follows waits for `before`."""
    pending = list(replies)

    def answer(call: Call) -> Reply:
        number = Desk.page(call)
        if number == page - 1:
            before()
        return pending.pop(0) if number == page and pending else TWELVE(call)

    return answer


@pytest.mark.parametrize("retries", [0, 5])
def test_a_failed_page_beyond_the_end_is_not_tried_again_nor_waited_for(retries: int) -> None:
    clock, handler = FakeClock(), failing(14, *[Reply({}, 500)] * 9, before=lambda: desk.sees(14))
    with reading(handler, NUMBERED, 4, clock, retries=retries) as (desk, stream):
        assert records(stream) == flat(CUT)
        all_idle()
    assert (desk.asked.count(14), stream.tally.retries, clock.slept) == (1, 0, [])


def test_a_hanging_page_beyond_the_end_does_not_delay_it() -> None:
    handler = failing(14, before=lambda: desk.sees(14, 15))
    with reading(handler, NUMBERED, 4, held=[14, 15]) as (desk, stream):
        assert records(stream) == flat(CUT)
        assert {14, 15} <= set(desk.serving)


@pytest.mark.parametrize(
    ("reply", "least", "most"),
    [
        (Reply({}, 429, {"Retry-After": "7"}), 7, 7),
        (Reply({}, 503, {"Retry-After": "3"}), 3, 3),
        (Reply({}, 503), 0.5, 0.5),
    ],
)
def test_a_page_that_must_be_asked_for_again_is_so_in_its_turn(reply: Reply, least: float, most: float) -> None:
    clock, found = FakeClock(), list[Record]()
    with (
        reading(failing(4, reply), TOTALLED, 4, clock, held=[3], retries=1) as (desk, stream),
        in_thread(lambda: found.extend(records(stream))),
    ):
        assert desk.sees(4)
        assert not desk.sees(4, times=2, within=INSTANT)
        assert clock.slept == []
        desk.let_go()
    assert found == flat(CUT)
    assert (desk.asked.count(4), len(desk.asked), stream.tally.retries) == (2, 13, 1)
    assert least <= sum(clock.slept) == stream.tally.wait_seconds <= most


@pytest.mark.parametrize("retries", [0, 2])
def test_a_page_that_fails_fails_after_all_lower_pages(retries: int) -> None:
    found, errors = list[Record](), list[RestSourceError]()

    def work() -> None:
        try:
            found.extend(record for page in stream for record in lines(page.records.data))
        except RestSourceError as error:
            errors.append(error)

    handler = failing(5, *[Reply({}, 500)] * 9)
    with reading(handler, TOTALLED, 8, FakeClock(), held=[2], retries=retries) as (desk, stream):
        with in_thread(work):
            assert desk.sees(5)
            assert not errors
            desk.let_go()
        where = f"fake.records, page 5, GET {stream.source.base_url}/records?page=5"
        assert (found, desk.asked.count(5)) == (flat(CUT[:4]), 1 + retries)
    assert [(error.id, error.where, error.__context__) for error in errors] == [("http_500", where, None)]


def test_a_search_that_failed_ahead_of_its_turn_is_not_sent_twice() -> None:
    endpoint = {"method": "POST", "pagination": {**TOTALLED["pagination"], "in": "body"}}
    handler = failing(4, *[Reply({}, 500)] * 9, before=lambda: desk.sees(4))
    with reading(handler, endpoint, 4, FakeClock(), retries=5) as (desk, stream):
        with pytest.raises(RestSourceError, match="500"):
            records(stream)
        assert (desk.asked.count(4), stream.rows) == (1, 6)


# Limits


def test_requests_ahead_of_their_turn_keep_to_the_rate() -> None:
    arrived: list[float] = []

    def answer(call: Call) -> Reply:
        arrived.append(monotonic())
        return TWELVE(call)

    started = monotonic()
    with reading(answer, TOTALLED, 8, rate="100/s") as (_, stream):
        assert records(stream) == flat(CUT)
    assert len(arrived) == 12
    assert all(moment - started >= place / 100 - 0.001 for place, moment in enumerate(sorted(arrived)))


def test_a_request_that_is_dropped_while_it_waits_for_the_rate_is_never_sent() -> None:
    with reading(TWELVE, TOTALLED, 4, rate="2/m") as (desk, stream):
        with closing(iter(stream)) as found:
            assert next(found).number == 1
        all_idle()  # the second request was to start after 30 seconds
        assert (desk.asked, stream.tally.requests, stream.tally.wait_seconds) == ([1], 1, 0)


def padded(call: Call) -> Reply:
    """A page of the twelve in an answer of 1000 bytes."""
    return Reply(orjson.dumps(TWELVE(call).body).ljust(1000), headers={"Content-Type": "application/json"})


@pytest.mark.parametrize(("bytes_held", "further"), [(1_999, 0), (2_000, 1), (3_999, 2), (100_000, 3)])
def test_large_answers_narrow_the_look_ahead(bytes_held: int, further: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "HELD_BYTES", bytes_held)
    with reading(padded, TOTALLED, 4, held=[5]) as (desk, stream), in_thread(lambda: records(stream)):
        assert desk.sees(*range(1, 6 + further))
        assert not desk.sees(6 + further, within=INSTANT)
        assert desk.most <= 1 + further
        desk.let_go()


def test_no_two_answers_that_are_too_large_together_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "HELD_BYTES", 1_999)
    with reading(padded, TOTALLED, 8) as (desk, stream), closing(iter(stream)) as found:
        for number in range(1, 4):
            assert next(found).number == number
            all_idle()
            assert desk.asked == list(range(1, number + 1))


def test_a_thread_that_waits_for_work_keeps_no_answer() -> None:
    with closing(Workers("test")) as workers:
        kept = weakref.ref(workers.run(Event).result(PATIENCE))
        assert workers._idle.acquire(timeout=PATIENCE)
        assert kept() is None


# Ends that come early, and streams side by side


def test_whoever_stops_reading_stops_the_requests() -> None:
    with reading(TWELVE, TOTALLED, 4, held=[6]) as (desk, stream):
        with pytest.raises(LookupError), closing(iter(stream)) as found:
            raise LookupError([next(found) for _ in range(3)])
        desk.let_go()
        all_idle()
        assert max(desk.asked) <= 6


def test_streams_of_one_session_share_its_concurrency() -> None:
    found: list[list[Record]] = []
    with reading(TWELVE, TOTALLED, 3, limit=3) as (desk, stream):
        streams = [stream, stream.afresh()]
        with in_thread(lambda: found.append(records(streams[0]))), in_thread(lambda: found.append(records(streams[1]))):
            pass
        all_idle()
        assert found == [flat(CUT)] * 2
        assert (desk.most, len(desk.asked)) == (3, 24)
