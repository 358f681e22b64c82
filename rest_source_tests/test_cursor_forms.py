"""Cursors in the forms that APIs write: they are asked for as they were received, and as templates and formats say."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.extract.cursors import CursorValues
from rest_source.load.pipeline import run_load
from rest_source.spec.environment import Environment
from rest_source_tests.loading import Warehouse, open_stream, source_spec

KEYS: dict[str, Any] = {"path": "/records", "pagination": {"type": "none"}, "write": "append"}


class Answering:
    """An API that answers each request with one record, its cursor the next of `values`; keeps what it was asked."""

    def __init__(self, *values: Any) -> None:
        self.values = list(values)
        self.server = LoopbackServer(self._answer)

    def _answer(self, call: Call) -> Reply:
        return Reply({"records": [{"at": self.values[min(len(self.server.calls), len(self.values)) - 1]}]})

    def asked(self, name: str = "since") -> list[str | None]:
        return [call.arg(name) for call in self.server.calls]

    def load(self, warehouse: Warehouse, times: int = 2, **keys: Any) -> None:
        with self.server as server:
            for _ in range(times):
                warehouse.load_from(server.url, **KEYS | {"params": {"since": "{cursor}"}} | keys)


@pytest.mark.parametrize(
    ("value", "lookback", "asked"),
    [
        (1700000000123456, "1h", "1699996400123456"),
        (1700000000123456789, "1h", "1699996400123456000"),
        ("1700000000123456789", "1h", "1699996400123456000"),
        (1700000000.5, "1h", "1699996400.5"),
        ("/Date(1700000000000)/", "1h", "/Date(1699996400000)/"),
        ("/Date(1700000000000+0100)/", "1h", "/Date(1699996400000+0100)/"),
        ("2024-W05", "7d", "2024-W04"),
        ("2024-W01-1", "1d", "2023-W52-7"),
        ("2024-032", "1d", "2024-031"),
        ("20240131T100000Z", "1h", "20240131T090000Z"),
        ("20240131", "1d", "20240130"),
        (20240131, "31d", "20231231"),
        (20240131100000, "1h", "20240131090000"),
        ("2024-01-31T10:00:00.000+0000", "1h", "2024-01-31T09:00:00.000+0000"),
        ("2024-01-31 10:00:00,1234567 +02", "1h", "2024-01-31 09:00:00,1234560 +02"),
        ("2024-01-31T10:00Z", "1h", "2024-01-31T09:00Z"),
        ("Wed, 31 Jan 2024 10:00:00 GMT", "1d", "Tue, 30 Jan 2024 10:00:00 GMT"),
        ("1 Feb 2024 00:00 +0530", "1d", "31 Jan 2024 00:00 +0530"),
        ("0001-01-01T00:00:00Z", "1d", "0001-01-01T00:00:00Z"),
        ("0001-03-01", "1d", "0001-02-28"),
    ],
)
def test_a_lookback_is_written_as_the_api_writes(warehouse: Warehouse, value: Any, lookback: str, asked: str) -> None:
    api = Answering(value)
    api.load(warehouse, incremental={"cursor": "$.at", "lookback": lookback})
    assert api.asked() == [None, asked]


@pytest.mark.parametrize(
    ("format", "value", "asked"),
    [
        ("epoch", 86400, "82800"),
        ("epoch_ms", "90000000", "86400000"),
        ("epoch_us", 1700000000123456, "1699996400123456"),
        ("epoch_ns", 1700000000123456789, "1699996400123456000"),
        ("odata", "/Date(90000000)/", "/Date(86400000)/"),
        ("%d.%m.%Y %H:%M", "31.01.2024 00:30", "30.01.2024 23:30"),
        ("%Y%m%d%H", 2024013100, "2024013023"),
        ("%Y-%m-%dT%H:%M:%S%z", "2024-01-31T00:30:00+0200", "2024-01-30T23:30:00+0200"),
    ],
)
def test_a_format_says_how_a_cursor_is_written(warehouse: Warehouse, format: str, value: Any, asked: str) -> None:
    api = Answering(value)
    api.load(warehouse, incremental={"cursor": "$.at", "lookback": "1h", "format": format})
    assert api.asked() == [None, asked]


@pytest.mark.parametrize(
    ("format", "asked"),
    [
        ("epoch_us", "1706695200000000"),
        ("epoch_ns", "1706695200000000000"),
        ("odata", "/Date(1706695200000)/"),
        ("%d.%m.%Y %H:%M", "31.01.2024 15:30"),
        (None, "2024-01-31T10:00:00Z"),
    ],
)
def test_the_first_cursor_is_written_in_the_format_whatever_form_it_has(
    warehouse: Warehouse, format: str | None, asked: str
) -> None:
    api = Answering(1706695200)
    increment = {"cursor": "$.id", "initial": "2024-01-31T10:00:00Z", **({"format": format} if format else {})}
    api.load(warehouse, times=1, source={"timezone": "Asia/Kolkata"}, incremental=increment)
    assert api.asked() == [asked]


def test_an_initial_in_the_format_already_stays(warehouse: Warehouse) -> None:
    api = Answering("03.02.2024")
    api.load(warehouse, incremental={"cursor": "$.at", "initial": "01.02.2024", "format": "%d.%m.%Y"})
    assert api.asked() == ["01.02.2024", "03.02.2024"]


def test_a_moving_initial_is_written_in_the_format(warehouse: Warehouse) -> None:
    api = Answering("03.02.2024")
    before = datetime.now(UTC)
    api.load(warehouse, times=1, incremental={"cursor": "$.at", "initial": "{now-3d}", "format": "%d.%m.%Y"})
    assert api.asked()[0] in {f"{at - timedelta(days=3):%d.%m.%Y}" for at in (before, datetime.now(UTC))}


def test_a_cursor_that_is_formatted_is_in_the_sources_timezone(warehouse: Warehouse) -> None:
    api = Answering("2024-11-06T12:00:00+0000")
    params = {"a": "{cursor:%Y-%m-%d %H:%M}", "b": "{cursor-1d}", "c": "{cursor:epoch_us}", "d": "{cursor}"}
    api.load(warehouse, source={"timezone": "America/New_York"}, params=params, incremental={"cursor": "$.at"})
    asked = [api.asked(name)[1] for name in params]
    assert asked == ["2024-11-06 07:00", "2024-11-05T07:00:00-05:00", "1730894400000000", "2024-11-06T12:00:00+0000"]


def test_the_formats_of_templates_go_down_to_nanoseconds(warehouse: Warehouse) -> None:
    api = Answering("2024-01-31T10:00:00.123456Z")
    params = {"a": "{cursor:epoch}", "b": "{cursor:epoch_ms}", "c": "{cursor:epoch_us}", "d": "{cursor:epoch_ns}"}
    params["e"] = "{cursor:at %s}"
    api.load(warehouse, params=params, incremental={"cursor": "$.at"})
    asked = [api.asked(name)[1] for name in params]
    assert asked == ["1706695200", "1706695200123", "1706695200123456", "1706695200123456000", "at 1706695200"]


@pytest.mark.parametrize(
    ("initial", "first"), [(0, 0), ("0", "0"), ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"), ("{now:%s}", str)]
)
def test_the_first_cursor_keeps_its_type_in_a_body(warehouse: Warehouse, initial: Any, first: Any) -> None:
    api = Answering(41)
    body = {"after": "{cursor}", "text": "since {cursor}"}
    api.load(warehouse, method="POST", params={}, body=body, incremental={"cursor": "$.at", "initial": initial})
    sent = [call.json for call in api.server.calls]
    assert [type(sent[0]["after"]) if first is str else sent[0]["after"], sent[1]["after"]] == [first, 41]
    assert sent[1]["text"] == "since 41"


def test_a_date_of_yaml_is_text() -> None:
    from rest_source.spec.incremental import Incremental

    written = [datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1).date(), datetime(2024, 1, 1, 5)]
    found = [Incremental.model_validate({"cursor": "$.at", "initial": value}).initial for value in written]
    assert found == ["2024-01-01T00:00:00Z", "2024-01-01", "2024-01-01T05:00:00"]
    for value in (True, 1.5, ["2024"]):
        with pytest.raises(ValidationError, match="write text or a whole number"):
            Incremental.model_validate({"cursor": "$.at", "initial": value})


@pytest.mark.parametrize("format", ["iso", "YYYY-MM-DD", "epoch_micros", ""])
def test_a_format_that_is_none_is_a_mistake_in_the_file(format: str) -> None:
    with pytest.raises(ValidationError, match=r"is no format: write one of strftime, such as %d\.%m\.%Y, or epoch, "):
        source_spec("http://api", incremental={"cursor": "$.at", "format": format})


@pytest.mark.parametrize(
    ("begin", "end"),
    [("{window.start:%Y-%m-%d}", "{window.end-1d:%Y-%m-%d}"), ("{window.start:epoch}", "{window.end-1s:epoch}")],
)
def test_the_last_window_does_not_end_before_it_begins(warehouse: Warehouse, begin: str, end: str) -> None:
    keys = KEYS | {
        "params": {"from": begin, "to": end},
        "incremental": {"cursor": "$.at", "initial": "2024-01-01", "until": "2024-01-03T00:00:00.5Z", "step": "1d"},
    }
    api = Answering("2024-01-01")
    with api.server as server:
        warehouse.load_from(server.url, **keys)
    asked = sorted(zip(api.asked("from"), api.asked("to"), strict=True))
    days = [("2024-01-01", "2024-01-01"), ("2024-01-02", "2024-01-02"), ("2024-01-03", "2024-01-03")]
    day = 1704067200
    seconds = [(str(day + n * 86400), str(day + (n + 1) * 86400 - 1)) for n in range(2)] + [(str(day + 172800),) * 2]
    assert asked == (days if "%" in begin else seconds)


def test_a_window_that_is_shifted_as_a_whole_stays_as_long_as_it_is(warehouse: Warehouse) -> None:
    keys = KEYS | {
        "params": {"from": "{window.start-1d}", "to": "{window.end-1d}"},
        "incremental": {"cursor": "$.at", "initial": "2024-01-02", "until": "2024-01-02T06:00:00Z"},
    }
    api = Answering("2024-01-01")
    with api.server as server:
        warehouse.load_from(server.url, **keys)
    assert (api.asked("from"), api.asked("to")) == (["2024-01-01T00:00:00Z"], ["2024-01-01T06:00:00Z"])


def linked(call: Call) -> Reply:
    """As OData's delta queries: pages by nextLink, and at the end a link to ask by for what changed since."""
    host = f"http://{call.headers['Host']}"
    if "deltatoken" in call.target:
        link = f"{host}/api/items/delta?$deltatoken=b%2Fc=='+{call.target.count('b%2Fc')}&&$select=a,b"
        return Reply({"value": [{"id": 3}], "@odata.deltaLink": link})
    if "skip" in call.target:
        return Reply(
            {"value": [{"id": 2}], "@odata.deltaLink": f"{host}/api/items/delta?$deltatoken=a%2Fb==&&$select=a,b"}
        )
    return Reply({"value": [{"id": 1}], "@odata.nextLink": f"{host}/api/items/delta?$skiptoken=1"})


LINKED: dict[str, Any] = {
    "path": "{cursor}",
    "data_root": "$.value",
    "pagination": {"type": "next_url", "path": "$['@odata.nextLink']"},
    "incremental": {"cursor": "$['@odata.deltaLink']", "from": "response", "initial": "/items/delta?$select=a,b"},
    "primary_key": "id",
}


def test_a_stored_link_is_the_first_request_byte_for_byte(warehouse: Warehouse) -> None:
    with LoopbackServer(linked) as server:
        for _ in range(3):
            warehouse.load_from(f"{server.url}/api", **LINKED, params={"$top": "5"})
        targets = [call.target for call in server.calls]
    assert targets[0] in ("/api/items/delta?$select=a,b&%24top=5", "/api/items/delta?$select=a,b&$top=5")
    assert targets[1:] == [
        "/api/items/delta?$skiptoken=1",
        "/api/items/delta?$deltatoken=a%2Fb==&&$select=a,b",
        "/api/items/delta?$deltatoken=b%2Fc=='+0&&$select=a,b",
    ]
    assert warehouse.rows("SELECT id FROM shop.orders ORDER BY id") == [(1,), (2,), (3,)]


@pytest.mark.parametrize("origin", ["response", "header"])
def test_a_stored_link_may_be_relative_to_where_it_came_from(warehouse: Warehouse, origin: str) -> None:
    def answer(call: Call) -> Reply:
        link = "/api/changes?since=2" if call.path == "/api/v2/items" else "changes?since=3"
        return Reply({"value": [], "next": link}, headers={"X-Next": link})

    cursor = "$.next" if origin == "response" else "X-Next"
    increment = {"cursor": cursor, "from": origin, "initial": "/items"}
    keys: dict[str, Any] = {"path": "{cursor}", "data_root": "$.value", "pagination": {"type": "none"}}
    with LoopbackServer(answer) as server:
        for _ in range(3):
            warehouse.load_from(f"{server.url}/api/v2", **keys, incremental=increment)
        assert [call.target for call in server.calls] == [
            "/api/v2/items",
            "/api/changes?since=2",
            "/api/changes?since=3",
        ]


def test_a_stored_link_to_another_host_gets_no_credentials(warehouse: Warehouse) -> None:
    with LoopbackServer(lambda call: Reply({"value": []})) as other:

        def answer(call: Call) -> Reply:
            return Reply({"value": [], "@odata.deltaLink": f"{other.url}/delta"})

        with LoopbackServer(answer) as server:
            source = {"auth": {"type": "bearer", "token": "s3cr3t-token"}}
            for _ in range(2):
                warehouse.load_from(server.url, **LINKED, source=source)
            assert [call.headers.get("Authorization") for call in server.calls] == ["Bearer s3cr3t-token"]
        assert [call.headers.get("Authorization") for call in other.calls] == [None]


def test_a_link_that_repeats_a_credential_is_not_kept(warehouse: Warehouse) -> None:
    def answer(call: Call) -> Reply:
        return Reply({"value": [], "@odata.deltaLink": f"http://{call.headers['Host']}{call.target}&token=1"})

    source = {
        "auth": {"type": "api_key", "in": "query", "name": "key", "value": "{env.KEY}"},
        "base_url": "{env.HOST}",
    }
    with LoopbackServer(answer) as server:
        environment = Environment({"KEY": "s3cr3t-key", "HOST": server.url, "ACCOUNT": "account-7"})
        for param in ({}, {"account": "{env.ACCOUNT}"}):
            spec = source_spec("", **LINKED, params=param, source=source)
            with open_stream(spec, environment) as stream:
                outcome = run_load(stream, warehouse.destination, warehouse.state, report=warehouse.said.append)
            assert outcome.cursor_after is None
            assert "The link that is to be the cursor repeats a credential" in outcome.warnings[0]
    assert warehouse.rows("SELECT * FROM _rest_source.cursors") == []


def test_what_our_own_address_says_is_no_credential(warehouse: Warehouse) -> None:
    def answer(call: Call) -> Reply:
        return Reply({"value": [], "@odata.deltaLink": f"http://{call.headers['Host']}/api/account-7/delta?token=1"})

    with LoopbackServer(answer) as server:
        environment = Environment({"HOST": server.url, "ACCOUNT": "account-7"})
        keys = LINKED | {"incremental": LINKED["incremental"] | {"initial": "/{env.ACCOUNT}/items"}}
        spec = source_spec("", **keys, source={"base_url": "{env.HOST}/api"})
        with open_stream(spec, environment) as stream:
            outcome = run_load(stream, warehouse.destination, warehouse.state, report=warehouse.said.append)
    assert (outcome.cursor_after, outcome.warnings) == (f"{server.url}/api/account-7/delta?token=1", ())


def test_a_path_of_a_cursor_needs_a_first_one() -> None:
    with pytest.raises(ValidationError, match=r"`\{cursor\}` as a path needs `initial` in `incremental`"):
        source_spec("http://api", path="{cursor}", incremental={"cursor": "$.link", "from": "response"})


ODD: dict[str, tuple[list[Any], Any]] = {
    "nothing at all": ([None, "", " ", True, False, "0000-00-00", "0000-00-00 00:00:00"], None),
    "nothing among dates": ([None, "2024-01-02", "", "0000-00-00", "2024-01-01"], "2024-01-02"),
    "zeros of the same shape": (["0000-00-00", "2024-01-02"], "2024-01-02"),
    "fractions or none": (["2024-01-01T00:00:00Z", "2024-01-01T00:00:00.500Z"], "2024-01-01T00:00:00.500Z"),
    "fractions, and later none": (["2024-01-01T00:00:00.999Z", "2024-01-01T00:00:01Z"], "2024-01-01T00:00:01Z"),
    "zones": (["2024-01-01T10:00:00+02:00", "2024-01-01T09:00:00Z"], "2024-01-01T09:00:00Z"),
    "seconds and milliseconds": ([1704067200000, 1704153600, 1704067200], 1704153600),
    "milliseconds after seconds": ([1704067200, 1704153600000], 1704153600000),
    "seconds and microseconds": ([1704153600, 1704067200000000], 1704153600),
    "texts and numbers of an epoch": (["1704067200000", 1704153600], 1704153600),
    "epochs and dates": ([1704067200, "2024-01-02T00:00:00Z"], "2024-01-02T00:00:00Z"),
    "ids of any size": ([3, 99_999_999_999, 100_000_000_000, 7], 100_000_000_000),
    "ids and digits": ([3, "12", 5], "12"),
    "long ids": ([10**25, 7], 10**25),
    "http dates": (["Tue, 02 Jan 2024 10:00:00 GMT", "Mon, 01 Jan 2024 10:00:00 GMT"], "Tue, 02 Jan 2024 10:00:00 GMT"),
    "odata": (["/Date(1704067200000)/", "/Date(999999999999)/"], "/Date(1704067200000)/"),
    "weeks": (["2024-W05", "2023-W52"], "2024-W05"),
    "years far away": (["0001-01-01T00:00:00+14:00", "2024-01-01T00:00:00Z"], "2024-01-01T00:00:00Z"),
    "counted texts": (["ORD-1000", "ORD-999"], "ORD-1000"),
}  # fmt: skip


@pytest.mark.parametrize(("values", "latest"), ODD.values(), ids=ODD)
@pytest.mark.parametrize("backwards", [False, True], ids=["as given", "backwards"])
def test_the_latest_of_odd_values_is_the_latest_in_time(values: list[Any], latest: Any, backwards: bool) -> None:
    page, found = values[::-1] if backwards else values, CursorValues(None, UTC)
    one_by_one = None
    for value in page:
        one_by_one = found.latest([value], one_by_one)
    assert [found.latest(page), one_by_one] == [latest, latest]


def test_the_latest_of_a_page_is_kept_as_it_was_written(warehouse: Warehouse) -> None:
    values, latest = ODD["years far away"]
    page = [{"at": value} for value in values]
    assert warehouse.load(page, write="append", incremental={"cursor": "$.at"}).cursor_after == latest
    assert warehouse.load([], write="append", incremental={"cursor": "$.at"}).cursor_after == latest


@pytest.mark.parametrize(
    ("value", "told"),
    [({"time": "2024-01-01", "zone": 1}, "is an object with `time`, `zone`"), (["2024-01-01"], "is a list")],
)
@pytest.mark.parametrize("origin", ["record", "response"])
def test_a_cursor_that_is_no_value_stops_the_load(warehouse: Warehouse, value: Any, told: str, origin: str) -> None:
    reply = Reply({"records": [{"at": value}], "at": value, "next": None})
    with pytest.raises(RestSourceError, match=f"The cursor of `incremental` {told}") as failure:
        warehouse.load(reply, incremental={"cursor": "$.at", "from": origin})
    assert failure.value.id == "cursor_not_scalar"


def test_the_cursor_of_an_answer_may_go_back(warehouse: Warehouse) -> None:
    """It is the API's own, as a token that is issued anew is."""
    keys = KEYS | {"params": {"since": "{cursor}"}, "incremental": {"cursor": "$.until", "from": "response"}}
    after = [
        warehouse.load(Reply({"records": [], "until": until}), **keys).cursor_after
        for until in ("2024-02-01", "2024-01-01", False, None, "")
    ]
    assert after == ["2024-02-01", *["2024-01-01"] * 4]


def test_the_cursor_of_an_answer_is_not_judged_by_its_order(warehouse: Warehouse) -> None:
    incremental = {"cursor": "$.token", "from": "response"}
    for token in ("sync 31.01.2024 10:00", "sync 05.01.2024 10:00", "http://10.0.0.1/changes?t=9"):
        reply = Reply({"records": [{"id": 1}], "token": token})
        outcome = warehouse.load(reply, **KEYS | {"incremental": incremental})
        assert (outcome.cursor_after, outcome.warnings) == (token, ())


def test_windows_reach_to_the_ends_of_the_calendar(warehouse: Warehouse) -> None:
    keys = KEYS | {
        "params": {"from": "{window.start}", "to": "{window.end}"},
        "source": {"timezone": "Pacific/Kiritimati"},
        "incremental": {
            "cursor": "$.at",
            "initial": "0001-01-01",
            "until": "9999-12-31T23:59:59-12:00",
            "step": "5000w",
        },
    }
    api = Answering("2024-01-01")
    with api.server as server:
        warehouse.load_from(server.url, **keys)
    assert len(api.asked("from")) == 105
