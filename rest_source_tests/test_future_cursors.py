"""A cursor never passes the time of the request: one record from the future does not stop all loading until then."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.extract.cursors import CursorValues
from rest_source.extract.increments import Reached, increments_of
from rest_source.http.request import Answer
from rest_source_tests.fakes.changing import ChangingApi
from rest_source_tests.loading import Warehouse, source_spec

KEYS: dict[str, Any] = {"path": "/records", "primary_key": "id", "pagination": {"type": "none"}}
SINCE = {"params": {"since": "{cursor}"}}
ZERO = datetime(1970, 1, 1, tzinfo=UTC)


def iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def epoch(unit: timedelta, kind: Callable[[int], Any] = int) -> Callable[[datetime], Any]:
    return lambda moment: kind((moment - ZERO) // unit)


def records(*values: Any, field: str = "updated_at") -> list[dict[str, Any]]:
    return [{"id": n, field: value} for n, value in enumerate(values, 1)]


def told(warnings: tuple[str, ...]) -> list[str]:
    return [text for text in warnings if "beyond the time of the request" in text]


WRITTEN: dict[str, tuple[Callable[[datetime], Any], dict[str, Any]]] = {
    "iso": (iso, {}),
    "iso with fraction": (lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S.123456789Z}", {}),
    "offset": (lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}+0000", {}),
    "date": (lambda moment: f"{moment:%Y-%m-%d}", {}),
    "week": (lambda moment: f"{moment:%G-W%V}", {}),
    "month": (lambda moment: f"{moment:%Y-%m}", {}),
    "quarter": (lambda moment: f"{moment:%Y}-Q{(moment.month + 2) // 3}", {}),
    "java": (lambda moment: f"{iso(moment)}[UTC]", {}),
    "ctime": (lambda moment: f"{moment:%a %b %d %H:%M:%S +0000 %Y}", {}),
    "day first": (lambda moment: f"{moment:%d %b %Y}", {}),
    "month first": (lambda moment: f"{moment:%B %d, %Y at %I:%M %p}", {}),
    "slashes": (lambda moment: f"{moment:%Y/%m/%d %H:%M:%S}", {}),
    "date and number": (lambda moment: f"{moment:%Y-%m-%d}#17", {}),
    "http": (lambda moment: format_datetime(moment, usegmt=True), {}),
    "odata": (lambda moment: f"/Date({epoch(timedelta(milliseconds=1))(moment)})/", {}),
    "seconds": (epoch(timedelta(seconds=1)), {}),
    "milliseconds": (epoch(timedelta(milliseconds=1)), {}),
    "microseconds": (epoch(timedelta(microseconds=1)), {}),
    "nanoseconds": (lambda moment: epoch(timedelta(microseconds=1))(moment) * 1000, {}),
    "seconds as text": (epoch(timedelta(seconds=1), str), {}),
    "digits": (lambda moment: int(f"{moment:%Y%m%d}"), {"cursor": "$.value"}),
    "year": (lambda moment: moment.year, {"cursor": "$.fiscalYear"}),
    "strftime": (lambda moment: f"{moment:%d.%m.%Y %H:%M}", {"format": "%d.%m.%Y %H:%M"}),
    "strftime as number": (lambda moment: int(f"{moment:%Y%m%d}"), {"format": "%Y%m%d"}),
    "named format": (epoch(timedelta(microseconds=1)), {"format": "epoch_us"}),
}  # fmt: skip


def reached(values: list[Any], since: Any = None, **incremental: Any) -> Reached:
    """How far a page with these values has come."""
    endpoint = source_spec("https://api.test", incremental={"cursor": "$.updated_at", **incremental}).endpoints[0]
    increments = increments_of(endpoint, CursorValues(incremental.get("format"), UTC), since)
    assert increments is not None
    page = [{increments.spec.cursor.removeprefix("$."): value} for value in values]
    return increments.of_page(page, {}, Answer(200, "https://api.test", {}, b""))


@pytest.mark.parametrize(("write", "keys"), WRITTEN.values(), ids=WRITTEN)
def test_no_form_of_a_time_to_come_moves_the_cursor(write: Callable[[datetime], Any], keys: dict[str, Any]) -> None:
    early, late, far = (write(datetime(*day, tzinfo=UTC)) for day in ((2023, 1, 1), (2024, 3, 2), (2099, 12, 31)))
    for values, since, latest in (([late, far, early], None, late), ([far], early, None)):
        found = reached(values, since, **keys)
        assert (found.latest, found.ahead, found.value, found.unordered) == (latest, 1, far, None)


@pytest.mark.parametrize(
    ("value", "cursor"),
    [
        *((value, "$.updated_at") for value in ("9999-12-31T23:59:59Z", "9999-12-31", "9999", 253402300799, "2099")),
        *((value, "$.value") for value in (20990105, "20990105", "31/12/2099", "1.2.2099 10:00", "05 Jan 2099")),
        *((value, "$.value") for value in ("Sat Jan 05 10:00:00 +0000 2099", "2099-Q1", "2099-W01", "2099-01")),
        *((value, "$.value") for value in ("Jan 2099", "05 Jan 2099 22h30 CET", "2099/01/05_01", "2099_01_05")),
    ],
)
def test_a_lone_time_to_come_is_no_cursor(value: Any, cursor: str) -> None:
    found = reached([value], cursor=cursor)
    assert (found.latest, found.ahead) == (None, 1)


def test_a_record_from_the_future_is_loaded_and_told_and_moves_nothing(warehouse: Warehouse) -> None:
    early, late, far = "01 Jan 2024", "02 Mar 2024", "31 Dec 2099"
    mistaken = {"id": 99, "updated_at": far}
    keys = KEYS | {"incremental": {"cursor": "$.updated_at"}}
    for page, after in (
        ([*records(early), mistaken], early),
        ([mistaken, *records(early, late)], late),
        ([mistaken], late),
    ):
        outcome = warehouse.load(page, **keys)
        assert outcome.cursor_after == after
        (warning,) = told(outcome.warnings)
        assert f"A record has a $.updated_at beyond the time of the request: `{far}` (id `99`)." in warning
    assert warehouse.rows("SELECT id FROM shop.orders ORDER BY id") == [(1,), (2,), (99,)]


def test_without_a_value_before_there_is_still_no_cursor(warehouse: Warehouse) -> None:
    for _ in range(2):
        outcome = warehouse.load(records("2099-12-31T00:00:00Z"), **KEYS, incremental={"cursor": "$.updated_at"})
        assert (outcome.cursor_before, outcome.cursor_after) == (None, None)
        assert len(told(outcome.warnings)) == 1


def test_the_records_of_many_pages_are_told_at_once(warehouse: Warehouse) -> None:
    api = ChangingApi([{"n": n, "updated_at": f"{2098 + n // 4}-01-01T00:00:{n:02}Z"} for n in range(8)])
    paged: dict[str, Any] = {"pagination": {"type": "page_number"}, "incremental": {"cursor": "$.updated_at"}}
    with api.serve() as server:
        (warning,) = told(warehouse.load_from(server.url, path="/records", **paged).warnings)
    assert "8 records have a $.updated_at beyond the time of the request: `2098-01-01T00:00:00Z` " in warning
    assert "(record 1 of its page, the first of them)" in warning


def test_pages_that_bring_nothing_new_are_judged_alike(warehouse: Warehouse) -> None:
    page = records(*(f"2024-01-01T00:{n // 60:02}:{n % 60:02}Z" for n in range(200)))
    third = [{"id": 300 + n, "updated_at": f"{2020 + n}-01-01T00:00:00Z"} for n in range(120)]
    second = [record | {"id": record["id"] + 1000} for record in page]
    outcome = warehouse.load(page, second, third, primary_key="id", incremental={"cursor": "$.updated_at"})
    now = datetime.now(UTC)
    assert outcome.cursor_after == f"{now.year}-01-01T00:00:00Z"
    (warning,) = told(outcome.warnings)
    assert f"{2139 - now.year} records have" in warning
    assert f"`{now.year + 1}-01-01T00:00:00Z` (id `{300 + now.year + 1 - 2020}`, the first of them)" in warning


@pytest.mark.parametrize(
    ("field", "values", "keys"),
    [
        ("id", [5_500_000_000_000, 5_500_000_000_001], {}),
        ("order_id", [2_900_000_000, 2_900_000_001], {}),
        ("eventId", [1_850_000_000_000_000_000, 9_150_000_000_000_000_000], {}),
        ("position", [1, 20_991_231], {}),
        ("place", [5_500_000_000_000, 5_500_000_000_001], {}),
        ("place", [1, 7, 4_102_444_800], {"primary_key": "place"}),
        ("token", ["5500000000000", "5500000000001"], {}),
        ("key", ["MARKET-4999", "MARKET-5000"], {}),
    ],
)
def test_numbers_that_are_no_times_stay_cursors(
    warehouse: Warehouse, field: str, values: list[Any], keys: dict[str, Any]
) -> None:
    page = [{"n": n, field: value} for n, value in enumerate(values)]
    for _ in range(2):
        outcome = warehouse.load(page, **{**KEYS, "primary_key": "n", **keys}, incremental={"cursor": f"$.{field}"})
        assert outcome.cursor_after == values[-1]
        assert not outcome.warnings


@pytest.mark.parametrize("cursor", ["$.lastModified", "$.meta['created-at']", "$.ts"])
def test_a_number_under_the_name_of_a_time_is_one_though_no_other_is_there_to_compare(
    warehouse: Warehouse, cursor: str
) -> None:
    page = [{"id": 1, "lastModified": 4102444800, "meta": {"created-at": 4102444800}, "ts": 4102444800000}]
    outcome = warehouse.load(page, **KEYS, incremental={"cursor": cursor})
    assert outcome.cursor_after is None
    assert len(told(outcome.warnings)) == 1


def test_the_clock_of_the_api_may_be_ahead_if_it_says_so(warehouse: Warehouse) -> None:
    at = datetime.now(UTC) + timedelta(hours=2)
    page = json.dumps({"records": records(iso(at), iso(at + timedelta(minutes=1)))}).encode()
    said = [{}, {"Date": format_datetime(at, usegmt=True)}, {"Date": "tomorrow"}]
    reached = []
    for headers in said:
        reply = Reply(page, headers={"Content-Type": "application/json", **headers})
        outcome = warehouse.load(reply, **KEYS, full_refresh=True, incremental={"cursor": "$.updated_at"})
        reached.append((outcome.cursor_after, len(told(outcome.warnings))))
    assert reached == [(None, 1), (iso(at), 1), (None, 1)]


@pytest.mark.parametrize(("zone", "days", "warned"), [("UTC", 0, 0), ("UTC", 2, 1), ("Pacific/Kiritimati", 0, 0)])
def test_the_date_of_a_zone_ahead_is_no_mistake(warehouse: Warehouse, zone: str, days: int, warned: int) -> None:
    """At any time it is the next day already somewhere; the source's own zone decides whether the cursor moves."""
    today = (datetime.now(UTC) + timedelta(hours=14 if zone != "UTC" else 0, days=days)).date()
    page = records("2024-01-01", today.isoformat())
    outcome = warehouse.load(page, **KEYS, source={"timezone": zone}, incremental={"cursor": "$.updated_at"})
    assert outcome.cursor_after == ("2024-01-01" if warned else today.isoformat())
    assert len(told(outcome.warnings)) == warned


def test_tomorrow_by_a_zone_ahead_does_not_move_the_cursor_of_the_sources_zone(warehouse: Warehouse) -> None:
    furthest = (datetime.now(UTC) + timedelta(hours=14)).date()
    own = datetime.now(UTC).date()
    page = records("2024-01-01", furthest.isoformat())
    outcome = warehouse.load(page, **KEYS, incremental={"cursor": "$.updated_at"})
    assert outcome.cursor_after == ("2024-01-01" if furthest > own else furthest.isoformat())
    assert not told(outcome.warnings)


def test_a_time_without_a_zone_is_judged_in_the_sources(warehouse: Warehouse) -> None:
    local = f"{datetime.now(UTC) + timedelta(hours=8):%Y-%m-%d %H:%M:%S}"
    keys = KEYS | {"incremental": {"cursor": "$.updated_at"}}
    (warning,) = told(warehouse.load(records(local), **keys).warnings)
    assert "If the API writes times of another zone, give it as `timezone`." in warning
    outcome = warehouse.load(records(local), **keys, source={"timezone": "Asia/Shanghai"})
    assert (outcome.cursor_after, told(outcome.warnings)) == (local, [])


def test_a_descending_series_still_ends_behind_the_cursor(warehouse: Warehouse) -> None:
    api = ChangingApi([{"id": n, "updated_at": f"2024-01-{n:02}T00:00:00Z"} for n in range(1, 29)], descending=True)
    api.records.append({"id": 99, "updated_at": "2099-01-01T00:00:00Z"})
    keys = KEYS | {"pagination": {"type": "page_number"}, "incremental": {"cursor": "$.updated_at", "order": "desc"}}
    with api.serve() as server:
        assert warehouse.load_from(server.url, **keys).cursor_after == "2024-01-28T00:00:00Z"
        api.records.append({"id": 29, "updated_at": "2024-01-29T00:00:00Z"})
        outcome = warehouse.load_from(server.url, **keys)
    assert (outcome.cursor_after, outcome.stop_reason) == ("2024-01-29T00:00:00Z", "cursor_reached")
    assert outcome.pages == 2


@pytest.mark.parametrize("origin", ["response", "header"])
def test_a_cursor_that_the_answer_names_does_not_pass_the_request_either(warehouse: Warehouse, origin: str) -> None:
    keys = KEYS | {"incremental": {"cursor": "$.until" if origin == "response" else "X-Until", "from": origin}}
    after = []
    for until in ("2024-05-01T00:00:00Z", "2099-05-01T00:00:00Z", "", "2024-06-01T00:00:00Z"):
        reply = Reply({"records": [], "until": until}, headers={"X-Until": until})
        outcome = warehouse.load(reply, **keys)
        after.append(outcome.cursor_after)
        future = any("The cursor that the answer names" in text for text in outcome.warnings)
        assert future == until.startswith("2099")
    assert after == ["2024-05-01T00:00:00Z"] * 3 + ["2024-06-01T00:00:00Z"]


def test_each_row_of_a_parent_and_each_window_keeps_its_own_cursor(warehouse: Warehouse) -> None:
    api = ChangingApi([{"id": n, "parent": n % 2, "updated_at": f"2024-01-0{n}T00:00:00Z"} for n in range(1, 5)])
    api.records.append({"id": 9, "parent": 1, "updated_at": "2099-01-01T00:00:00Z"})
    keys = KEYS | {
        "path": "/parents/{parent.n}/children",
        "parent": {"values": {"n": [0, 1]}},
        "params": {"from": "{window.start}"},
        "incremental": {"cursor": "$.updated_at", "initial": "2024-01-01T00:00:00Z", "step": "400d"},
    }
    with api.serve() as server:
        outcome = warehouse.load_from(server.url, **keys)
    assert len(told(outcome.warnings)) == 1
    kept = warehouse.rows("SELECT scope, cursor FROM _rest_source.cursors ORDER BY scope")
    assert kept == [('{"n": 0}', '"2024-01-04T00:00:00Z"'), ('{"n": 1}', '"2024-01-03T00:00:00Z"')]


def test_an_interrupted_load_still_tells_of_the_future_when_it_is_resumed(warehouse: Warehouse) -> None:
    api = ChangingApi([{"id": n, "updated_at": f"2024-01-0{n}T00:00:00Z"} for n in range(1, 8)])
    api.records[0]["updated_at"] = "2099-01-01T00:00:00Z"
    api.records.sort(key=lambda record: int(record["id"]))
    api.field_name = "id"
    broken = {3}

    def handler(call: Call) -> Reply:
        page = int(call.arg("page") or 1)
        return Reply({"message": "not now"}, 400) if page in broken else api.answer(call)

    keys = KEYS | {"pagination": {"type": "page_number"}, "incremental": {"cursor": "$.updated_at"}}
    with LoopbackServer(handler) as server:
        with pytest.raises(RestSourceError):
            warehouse.load_from(server.url, **keys)
        broken.clear()
        outcome = warehouse.load_from(server.url, **keys)
    assert outcome.resumed_from_page == 3
    assert outcome.cursor_after == "2024-01-07T00:00:00Z"
    assert "`2099-01-01T00:00:00Z` (id `1`)" in told(outcome.warnings)[0]


def test_until_without_windows_is_as_far_as_the_cursor_moves(warehouse: Warehouse) -> None:
    now = datetime.now(UTC)
    times = [iso(now - timedelta(minutes=minutes)) for minutes in (90, 40, 10)]
    keys = KEYS | SINCE | {"incremental": {"cursor": "$.updated_at", "until": "{now-30m}"}}
    outcome = warehouse.load(records(*times), **keys)
    assert (outcome.cursor_after, outcome.warnings) == (times[1], ())
    assert warehouse.rows("SELECT count(*) FROM shop.orders") == [(3,)]


@pytest.mark.parametrize(
    ("kept", "like"), [('"2099-12-31T00:00:00+02:00"', "%Y-%m-%dT%H:%M:%S+02:00"), ('"2099-12-31"', "%Y-%m-%d")]
)
def test_a_cursor_kept_in_the_future_is_told_and_not_asked_from(warehouse: Warehouse, kept: str, like: str) -> None:
    """As an earlier release could keep it: nothing would come any more, without a word."""
    api = ChangingApi(records("2024-01-01T00:00:00Z"))
    keys = KEYS | SINCE | {"incremental": {"cursor": "$.updated_at"}}
    with api.serve() as server:
        warehouse.load_from(server.url, **keys)
        ((began,),) = warehouse.rows("SELECT started_at FROM _rest_source.loads")
        warehouse.execute(f"UPDATE _rest_source.cursors SET cursor = '{kept}'")
        api.records.clear()
        asked = (began + (timedelta(hours=2) if "+02" in kept else timedelta())).strftime(like)
        outcome = warehouse.load_from(server.url, **keys)
        assert api.asked("since")[-1] == outcome.cursor_after == asked
        (warning,) = outcome.warnings
        assert f"{kept.replace(chr(34), '`')}, lies in the future" in warning
        assert "`--full-refresh` reads all again" in warning
        assert warehouse.load_from(server.url, **keys).warnings == ()
        assert api.asked("since")[-1] == asked


def test_a_number_kept_as_cursor_is_no_time_unless_it_is_said_to_be(warehouse: Warehouse) -> None:
    keys = KEYS | {"params": {"after": "{cursor}"}}
    warehouse.load([{"id": 5_500_000_000_000}], **keys, incremental={"cursor": "$.id"})
    assert warehouse.load([], **keys, incremental={"cursor": "$.id"}).warnings == ()
    (warning,) = warehouse.load([], **keys, incremental={"cursor": "$.id", "format": "epoch_ms"}).warnings
    assert "`5500000000000`, lies in the future" in warning
