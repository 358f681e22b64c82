"""Increments: the cursor moves with the rows, never past what is stored, and asks for no more than is needed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source_tests.fakes.changing import ChangingApi
from rest_source_tests.loading import Warehouse

PAGED = {"type": "page_number"}
KEYS: dict[str, Any] = {
    "path": "/records",
    "primary_key": "id",
    "pagination": PAGED,
    "params": {"since": "{cursor}"},
    "incremental": {"cursor": "$.updated_at"},
}


def stamp(day: int, hour: int = 0) -> str:
    return f"2024-01-{day:02}T{hour:02}:00:00Z"


def cursors(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.rows("SELECT scope, cursor FROM _rest_source.cursors ORDER BY scope")


def ids(warehouse: Warehouse) -> list[Any]:
    return [value for (value,) in warehouse.rows("SELECT id FROM shop.orders ORDER BY id")]


def test_the_next_load_asks_for_what_is_new(warehouse: Warehouse) -> None:
    api = ChangingApi([{"id": n, "updated_at": stamp(n)} for n in range(1, 6)])
    with api.serve() as server:
        first = warehouse.load_from(server.url, **KEYS)
        assert (first.cursor_before, first.cursor_after) == (None, stamp(5))
        api.records += [{"id": 6, "updated_at": stamp(6)}, {"id": 2, "updated_at": stamp(7)}]
        second = warehouse.load_from(server.url, **KEYS)
    assert (second.cursor_before, second.cursor_after) == (stamp(5), stamp(7))
    assert api.asked("since") == [None, stamp(5)]
    assert second.result.rows_read == 3
    assert ids(warehouse) == [1, 2, 3, 4, 5, 6]
    assert cursors(warehouse) == [("", f'"{stamp(7)}"')]


def test_a_full_refresh_forgets_the_cursor_even_where_nothing_comes(warehouse: Warehouse) -> None:
    api = ChangingApi([{"id": n, "updated_at": stamp(n)} for n in range(1, 6)])
    with api.serve() as server:
        warehouse.load_from(server.url, **KEYS)
        api.records.clear()
        emptied = warehouse.load_from(server.url, full_refresh=True, **KEYS)
        api.records.append({"id": 7, "updated_at": stamp(2)})
        warehouse.load_from(server.url, **KEYS)
    assert (emptied.cursor_before, emptied.cursor_after) == (None, None)
    assert api.asked("since") == [None, None, None]
    assert cursors(warehouse) == [("", f'"{stamp(2)}"')]


def test_the_first_load_starts_where_the_file_says(warehouse: Warehouse) -> None:
    api = ChangingApi([{"id": n, "updated_at": stamp(n)} for n in range(1, 6)])
    with api.serve() as server:
        warehouse.load_from(server.url, **KEYS | {"incremental": {"cursor": "$.updated_at", "initial": stamp(4)}})
    assert ids(warehouse) == [4, 5]


def test_a_lookback_reads_a_little_again(warehouse: Warehouse) -> None:
    api = ChangingApi([{"id": 1, "updated_at": stamp(5, 12)}])
    keys = KEYS | {"incremental": {"cursor": "$.updated_at", "lookback": "2h"}}
    with api.serve() as server:
        warehouse.load_from(server.url, **keys)
        api.records.append({"id": 2, "updated_at": stamp(5, 11)})
        warehouse.load_from(server.url, **keys)
    assert api.asked("since") == [None, stamp(5, 10)]
    assert ids(warehouse) == [1, 2]
    assert cursors(warehouse) == [("", f'"{stamp(5, 12)}"')]


def test_without_a_cursor_its_parameter_and_its_header_are_left_out(warehouse: Warehouse) -> None:
    api = ChangingApi([{"id": 1, "updated_at": stamp(5)}])
    keys = KEYS | {"params": {"since": "{cursor:epoch}"}, "headers": {"If-Modified-Since": "{cursor}"}}
    with api.serve() as server:
        warehouse.load_from(server.url, **keys)
        api.records.clear()
        warehouse.load_from(server.url, **keys | {"params": {}})
    asked = [
        (call.arg("since"), call.headers.get("If-Modified-Since")) for call in api.calls if call.arg("page") == "1"
    ]
    assert asked == [(None, None), (None, stamp(5))]


@pytest.mark.parametrize(
    ("first", "second", "lookback", "asked"),
    [
        (1704067200, 1704070800, "1h", "1704063600"),
        (1704067200000, 1704070800000, "1m", "1704067140000"),
        (41, 42, None, "41"),
        ("2024-01-01", "2024-01-02", "1d", "2023-12-31"),
        ("2024-01-01 10:00:00+02:00", "2024-01-02 09:00:00+02:00", "30m", "2024-01-01 09:30:00+02:00"),
        ("2024-01-01T10:00:00.123456Z", "2024-01-01T10:00:01.000000Z", "1s", "2024-01-01T09:59:59.123456Z"),
        ("a1", "a2", None, "a1"),
    ],
)
def test_cursors_are_asked_for_as_the_api_writes_them(
    warehouse: Warehouse, first: Any, second: Any, lookback: str | None, asked: str
) -> None:
    api = ChangingApi([{"id": 1, "updated_at": first}])
    keys = KEYS | {"incremental": {"cursor": "$.updated_at", **({"lookback": lookback} if lookback else {})}}
    with api.serve() as server:
        warehouse.load_from(server.url, **keys)
        api.records = [{"id": 2, "updated_at": second}]
        warehouse.load_from(server.url, **keys)
        warehouse.load_from(server.url, **keys)
    assert api.asked("since")[1] == asked
    assert ids(warehouse) == [1, 2]


def test_a_format_of_its_own_compares_as_time(warehouse: Warehouse) -> None:
    api = ChangingApi([{"id": 1, "updated_at": "02.01.2024"}, {"id": 2, "updated_at": "01.02.2024"}])
    keys = KEYS | {
        "incremental": {"cursor": "$.updated_at", "format": "%d.%m.%Y", "lookback": "1d"},
        "params": {"x": "{cursor}"},
    }
    with api.serve() as server:
        assert warehouse.load_from(server.url, **keys).cursor_after == "01.02.2024"
        warehouse.load_from(server.url, **keys)
    assert api.asked("x") == [None, "31.01.2024"]


def test_a_cursor_may_be_shifted_and_formatted_in_the_request(warehouse: Warehouse) -> None:
    api = ChangingApi([{"id": 1, "updated_at": stamp(5, 12)}])
    keys = KEYS | {"params": {"x": "{cursor-1d:%Y-%m-%d}", "y": "{cursor:epoch}"}}
    with api.serve() as server:
        for _ in range(2):
            warehouse.load_from(server.url, **keys)
    assert (api.asked("x"), api.asked("y")) == ([None, "2024-01-04"], [None, "1704456000"])


def test_windows_cut_the_time_since_the_cursor(warehouse: Warehouse) -> None:
    api = ChangingApi([{"id": n, "updated_at": stamp(n)} for n in range(1, 29)])
    keys = KEYS | {
        "params": {"from": "{window.start}", "to": "{window.end}"},
        "incremental": {
            "cursor": "$.updated_at",
            "initial": stamp(1),
            "step": "10d",
            "until": stamp(26),
        },
    }
    with api.serve() as server:
        outcome = warehouse.load_from(server.url, **keys)
        assert ids(warehouse) == list(range(1, 26))
        assert sorted(zip(api.asked("from"), api.asked("to"), strict=True)) == [
            (stamp(1), stamp(11)),
            (stamp(11), stamp(21)),
            (stamp(21), stamp(26)),
        ]
        assert outcome.cursor_after == stamp(25)
        api.calls.clear()
        warehouse.load_from(server.url, **keys)
        assert api.asked("from") == [stamp(25)]


def test_a_descending_series_ends_behind_the_cursor(warehouse: Warehouse) -> None:
    api = ChangingApi([{"id": n, "updated_at": stamp(n)} for n in range(1, 29)], descending=True)
    keys = KEYS | {"params": {}, "incremental": {"cursor": "$.updated_at", "order": "desc"}}
    with api.serve() as server:
        warehouse.load_from(server.url, **keys)
        api.records += [{"id": 99, "updated_at": stamp(29)}]
        outcome = warehouse.load_from(server.url, **keys)
    assert outcome.stop_reason == "cursor_reached"
    assert outcome.pages == 2
    assert ids(warehouse) == [*range(1, 29), 99]


def newest_first(values: list[str], broken: frozenset[int] = frozenset()) -> LoopbackServer:
    """An API with a record of each value, which knows no filter."""
    records = [{"id": n, "at": value} for n, value in enumerate(values)][::-1]

    def handler(call: Call) -> Reply:
        page = int(call.arg("page") or 1)
        return Reply({"message": "not now"}, 400) if page in broken else Reply({"records": records[2 * page - 2 :][:2]})

    return LoopbackServer(handler)


DESCENDING = KEYS | {"params": {}, "incremental": {"cursor": "$.at", "order": "desc"}}


@pytest.mark.parametrize(
    ("values", "is_certain"),
    [
        (["27 Dec 2025", "30 Dec 2025", "31 Dec 2025", "05 Jan 2026", "06 Jan 2026"], True),
        (["ORD-97", "ORD-99", "ORD-999", "ORD-1000", "ORD-1001"], True),
        (["27/12/2025", "30/12/2025", "31/12/2025", "05/01/2026", "06/01/2026"], False),
        (["winter", "summer", "spring", "autumn", "a new winter"], False),
    ],
)
def test_a_descending_series_of_texts_loses_nothing(warehouse: Warehouse, values: list[str], is_certain: bool) -> None:
    with newest_first(values[:3]) as server:
        first = warehouse.load_from(server.url, **DESCENDING)
    with newest_first(values) as server:
        second = warehouse.load_from(server.url, **DESCENDING)
    assert ids(warehouse) == [0, 1, 2, 3, 4]
    told = [text for text in second.warnings if "It is not certain which $.at is the later" in text]
    assert len(told) == (not is_certain)
    assert second.cursor_after == (values[-1] if is_certain else first.cursor_after)
    assert second.stop_reason == "cursor_reached" or not is_certain


def test_the_format_that_is_asked_for_orders_what_had_no_order(warehouse: Warehouse) -> None:
    with newest_first(["30/12/2025", "31/12/2025", "05/01/2026"]) as server:
        assert warehouse.load_from(server.url, **DESCENDING).cursor_after is None
        keys = DESCENDING | {"incremental": {"cursor": "$.at", "order": "desc", "format": "%d/%m/%Y"}}
        assert warehouse.load_from(server.url, **keys).cursor_after == "05/01/2026"


def test_an_interrupted_load_stays_without_order_when_it_is_resumed(warehouse: Warehouse) -> None:
    values = ["01/02/2025", "02/02/2025", "03/02/2025", "31/12/2024", "05/01/2025"]
    with newest_first(values, frozenset({3})) as server, pytest.raises(RestSourceError):
        warehouse.load_from(server.url, **DESCENDING)
    with newest_first(values) as server:
        outcome = warehouse.load_from(server.url, **DESCENDING)
    assert outcome.cursor_after is None
    assert "`31/12/2024`" in " ".join(outcome.warnings)


def test_the_cursor_may_be_told_by_the_answer(warehouse: Warehouse) -> None:
    api = ChangingApi([{"id": 1, "updated_at": stamp(1)}])
    keys = KEYS | {
        "params": {"x": "{cursor}"},
        "incremental": {"cursor": "$.count", "from": "response"},
        "pagination": {"type": "none"},
    }
    with api.serve() as server:
        assert warehouse.load_from(server.url, **keys).cursor_after == 1
        warehouse.load_from(server.url, **keys)
    assert api.asked("x") == [None, "1"]


def test_a_load_that_fails_moves_nothing(warehouse: Warehouse) -> None:
    api = ChangingApi([{"id": n, "updated_at": stamp(n)} for n in range(1, 6)])
    with api.serve() as server:
        warehouse.load_from(server.url, **KEYS)
        before = cursors(warehouse)
        api.records.append({"id": 7, "updated_at": stamp(9)})
        api.answers["/records"] = 500
        with pytest.raises(RestSourceError):
            warehouse.load_from(server.url, **KEYS)
        assert cursors(warehouse) == before
        api.answers.clear()
        warehouse.load_from(server.url, **KEYS)
    assert ids(warehouse) == [1, 2, 3, 4, 5, 7]


def test_what_changed_behind_an_interrupted_load_comes_with_the_next(warehouse: Warehouse) -> None:
    """Records in the order of their ids, the cursor the latest change: the position says nothing of what changed."""
    since = datetime.now(UTC)
    records = [{"id": n, "updated_at": stamp(n)} for n in range(1, 7)]
    broken = {3}

    def handler(call: Call) -> Reply:
        page = int(call.arg("page") or 1)
        if page in broken:
            return Reply({"message": "not now"}, 400)
        found = [record for record in records if str(record["updated_at"]) >= (call.arg("since") or "")]
        return Reply({"records": found[2 * page - 2 : 2 * page]})

    keys = KEYS | {"pagination": {"type": "page_number"}}
    with LoopbackServer(handler) as server:
        with pytest.raises(RestSourceError):
            warehouse.load_from(server.url, **keys)
        broken.clear()
        late, later = (f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}" for _ in range(2))
        records[0] |= {"updated_at": late}
        records[5] |= {"updated_at": later}
        resumed = warehouse.load_from(server.url, **keys)
        assert resumed.resumed_from_page == 3
        assert f"{since:%Y-%m-%dT%H:%M:%S}" <= resumed.cursor_after < late
        warehouse.load_from(server.url, **keys)
    assert warehouse.rows("SELECT id FROM shop.orders WHERE updated_at > '2024-02-01' ORDER BY id") == [(1,), (6,)]


def test_a_cursor_never_goes_back(warehouse: Warehouse) -> None:
    api = ChangingApi([{"id": 1, "updated_at": stamp(9)}])
    keys = KEYS | {"params": {}}
    with api.serve() as server:
        warehouse.load_from(server.url, **keys)
        api.records = [{"id": 2, "updated_at": stamp(3)}]
        assert warehouse.load_from(server.url, **keys).cursor_after == stamp(9)


def test_a_full_refresh_reads_everything_again(warehouse: Warehouse) -> None:
    api = ChangingApi([{"id": n, "updated_at": stamp(n)} for n in range(1, 4)])
    with api.serve() as server:
        warehouse.load_from(server.url, **KEYS)
        assert warehouse.load_from(server.url, full_refresh=True, **KEYS).result.rows_read == 3
    assert api.asked("since") == [None, None]


def test_records_without_a_cursor_are_told(warehouse: Warehouse) -> None:
    outcome = warehouse.load([{"id": 1}], incremental={"cursor": "$.updated"})
    assert any("No record has a value at $.updated" in warning for warning in outcome.warnings)


@pytest.mark.parametrize(
    ("at", "keys", "told"),
    [
        ("soon", {"lookback": "1h"}, "The next load would fail: The cursor value `soon` is no date or time."),
        ("31.01.2024 10:00", {}, "`31.01.2024 10:00` is no date or time of a certain form."),
        ("2024-13-45", {}, "is no date or time of a certain form"),
        ("31.01.2024", {"format": "%d.%m.%Y", "lookback": "1d"}, ""),
        (
            "2024-05-01",
            {"format": "%d/%m/%Y"},
            "The next load would fail: The cursor value `2024-05-01` is not written",
        ),
        ("01HV6Z0000QY7M3R1T2K4N5P6X", {}, ""),
        ("1:02", {}, ""),
        ("2024-01-31T10:00:00+01:00", {"lookback": "1h"}, ""),
        (1706695200, {"lookback": "1h"}, ""),
    ],
)
def test_a_cursor_that_may_not_do_for_the_next_load_is_told(
    warehouse: Warehouse, at: Any, keys: dict[str, Any], told: str
) -> None:
    outcome = warehouse.load([{"at": at}], params={"since": "{cursor}"}, incremental={"cursor": "$.at", **keys})
    assert told in " ".join(outcome.warnings)
    assert bool(outcome.warnings) == bool(told)


def test_values_that_cannot_be_compared_stop_the_load(warehouse: Warehouse) -> None:
    with pytest.raises(RestSourceError) as failure:
        warehouse.load([{"at": "2024-01-01"}, {"at": "soon"}], incremental={"cursor": "$.at"})
    assert failure.value.id == "cursor_mixed"


@pytest.mark.parametrize(
    ("lookback", "asked"),
    [("30m", "2024-03-31T01:45:00"), ("1h", "2024-03-31T01:15:00"), ("1d", "2024-03-30T02:15:00")],
)
def test_a_lookback_counts_the_hours_that_there_were(warehouse: Warehouse, lookback: str, asked: str) -> None:
    zone = {"timezone": "Europe/Berlin"}  # where the clock was put forward from 2:00 to 3:00
    keys = KEYS | {"incremental": {"cursor": "$.updated_at", "lookback": lookback}, "source": zone}
    api = ChangingApi([{"id": 1, "updated_at": "2024-03-31T03:15:00"}])
    with api.serve() as server:
        warehouse.load_from(server.url, **keys)
        warehouse.load_from(server.url, **keys)
    assert api.asked("since")[-1] == asked


def test_windows_move_on_where_the_clock_is_put_forward(warehouse: Warehouse) -> None:
    keys: dict[str, Any] = {
        "path": "/records",
        "params": {"from": "{window.start}", "to": "{window.end}"},
        "pagination": {"type": "none"},
        "source": {"timezone": "Europe/Berlin"},
        "incremental": {
            "cursor": "$.updated_at", "initial": "2024-03-31T01:00:00", "until": "2024-03-31T04:00:00", "step": "30m",
        },
    }  # fmt: skip
    api = ChangingApi([])
    with api.serve() as server:
        warehouse.load_from(server.url, **keys)
    starts, ends = [
        sorted(datetime.fromisoformat(str(text)).astimezone(UTC) for text in api.asked(name)) for name in ("from", "to")
    ]
    assert [end - start for start, end in zip(starts, ends, strict=True)] == [timedelta(minutes=30)] * 4
    assert starts[1:] == ends[:-1]
