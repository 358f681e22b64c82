"""What the duplicates check finds in a table, over many shapes of data."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.load.destination import DuplicateReport, LoadFacts
from rest_source.load.relation import Table
from rest_source.orchestrate.table_checks import duplicates_found
from rest_source_tests.loading import ORDERS, Warehouse, commit, source_spec, spooled, stage

Records = list[dict[str, Any]]


def report(tmp_path: Path, loads: Iterable[Records], key: Sequence[str] = (), write: str = "merge") -> DuplicateReport:
    warehouse = Warehouse(tmp_path)
    for number, records in enumerate(loads):
        commit(warehouse, number, [records], write, primary_key=key)
    return warehouse.destination.duplicates(ORDERS, key)


def test_equal_records_in_two_partitions_are_no_repeated_key(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    for number, day in enumerate(["2024-01-01", "2024-01-02"]):
        load = spooled(warehouse.folder / "spool", f"load-{number}", [[{"id": 1}]])
        facts = LoadFacts(load.load_id, "shop", "orders", "merge", partition=day)
        warehouse.destination.commit(stage(load), facts, warehouse.said.append)
    found = warehouse.destination.duplicates(ORDERS, ())
    assert (found.repeated_keys, found.identity, found.entities) == (0, ("id",), 1)


def test_repeated_keys_are_shown_by_themselves_where_records_repeat_too(tmp_path: Path) -> None:
    found = report(tmp_path, [[{"id": 1}, {"id": 2}], [{"id": 1}]], write="append")
    assert (found.repeated_keys, found.identity, found.entities) == (1, ("id",), 1)
    ((key, rows),) = found.sample
    assert (len(key), rows) == (64, 2)


def orders(count: int, **changed: Any) -> Records:
    """Orders whose first ones have the changed values."""
    return [{"id": n, "status": "new", "total": n * 1.5, **(changed if n < 3 else {})} for n in range(count)]


def products(price: int) -> Records:
    return [{"name": f"thing {n % 7}", "price": price if n == 4 else n, "sku": f"S-{n}", "rank": n} for n in range(20)]


def usage(calls: int, days: int = 4) -> Records:
    return [
        {"calls": calls if (day, hour) == (0, 3) else hour * day, "service": f"svc-{day}", "hour": hour}
        for day in range(days)
        for hour in range(24)
    ]


def ranked(shift: int) -> Records:
    """A chart: who stands at which rank changes, the rank itself is as unique as the id."""
    return [{"rank": n, "id": 100 + (n + shift) % 10, "name": f"song {(n + shift) % 10}"} for n in range(10)]


def events(first: int, count: int) -> Records:
    return [{"kind": f"kind-{n % 5}", "customer_id": n % 50, "event_id": f"e{n}"} for n in range(first, first + count)]


def drifting() -> Records:
    return [*orders(30), {"id": 5, "status": "changed while it was read", "total": 1.0}]


def measurements(level: str) -> Records:
    return [{"level": level, "sensor": n % 3, "value": n / 8} for n in range(12)]


@pytest.mark.parametrize(
    ("loads", "identity", "entities", "sample"),
    [
        ([orders(10), orders(10, status="paid")], ("id",), 3, ("0", 2)),
        ([orders(10), orders(10, status="paid"), orders(12, status="sent")], ("id",), 3, ("0", 3)),
        ([[{"id": 1, "v": 1}], [{"id": 1, "v": 2}]], ("id",), 1, ("1", 2)),
        ([[{"ID": f"x{n}", "v": n} for n in range(5)], [{"ID": "x1", "v": 9}]], ("ID",), 1, ("x1", 2)),
        ([[{"orderId": n, "v": n} for n in range(5)], [{"orderId": 1, "v": 9}]], ("orderId",), 1, ("1", 2)),
        ([products(7), products(8)], ("sku",), 1, ("S-4", 2)),
        ([usage(7), usage(8)], ("service", "hour"), 1, ("svc-0, 3", 2)),
        ([ranked(0), ranked(3)], ("id",), 10, ("100", 2)),
        ([drifting()], ("id",), 1, ("5", 2)),
        ([drifting(), orders(30, status="paid")], ("id",), 4, ("0", 2)),
        (
            [[{"day": f"2024-01-{n:02}", "v": n} for n in range(1, 9)], [{"day": "2024-01-02", "v": 9}]],
            ("day",),
            1,
            None,
        ),
        ([[{"name": f"n{n}", "v": n / 8} for n in range(8)], [{"name": "n3", "v": 9.5}]], ("name",), 1, ("n3", 2)),
    ],
)
def test_records_that_changed_under_the_default_key_are_found(
    tmp_path: Path, loads: list[Records], identity: tuple[str, ...], entities: int, sample: tuple[str, int] | None
) -> None:
    found = report(tmp_path, loads)
    assert (found.identity, found.entities) == (identity, entities)
    assert (found.repeated_keys, found.null_keys) == (0, 0)
    assert sample is None or found.sample[0] == sample


@pytest.mark.parametrize(
    "loads",
    [
        [],
        [[]],
        [[{}]],
        [orders(10)],
        [orders(10), orders(10)],
        [orders(10), [{"id": n, "status": "new", "total": 0.5} for n in range(10, 20)]],
        [events(0, 10), events(10, 10), events(20, 10)],
        [events(0, 3), events(3, 1), events(4, 1)],
        [products(7)],
        [usage(7)],
        [measurements("low"), measurements("high")],
        [[{"nothing": None}] * 3],
    ],
)
def test_a_table_whose_records_stand_once_passes(tmp_path: Path, loads: list[Records]) -> None:
    found = report(tmp_path, loads)
    assert (found.identity, found.entities, found.repeated_keys, found.null_keys) == ((), 0, 0, 0)


def test_the_remedy_works(warehouse: Warehouse) -> None:
    for number, records in enumerate([orders(10), orders(10, status="paid")]):
        commit(warehouse, number, [records])
    assert warehouse.destination.duplicates(ORDERS, ()).entities == 3
    assert warehouse.destination.duplicates(ORDERS, ("id",)).repeated_keys == 3
    commit(warehouse, 2, [orders(10, status="sent")], primary_key=("id",))
    assert warehouse.destination.duplicates(ORDERS, ("id",)) == DuplicateReport(rows=10)
    assert warehouse.destination.duplicates(ORDERS, ()) == DuplicateReport(rows=10)


def test_the_default_key_written_out_is_judged_like_the_default(tmp_path: Path) -> None:
    found = report(tmp_path, [orders(10), orders(10, status="paid")], ("__hevo_id",))
    assert (found.identity, found.entities) == (("id",), 3)


@pytest.mark.parametrize(
    ("key", "repeated", "nulls"),
    [(("id",), 1, 1), (("ID",), 1, 1), (("id", "part"), 1, 2), (("part",), 1, 1), (("gone",), 0, 5)],
)
def test_a_broken_key_is_counted(warehouse: Warehouse, key: tuple[str, ...], repeated: int, nulls: int) -> None:
    records = [{"id": 1, "part": 1}, {"id": 1, "part": 1, "v": 2}, {"id": 2}, {"part": 2}, {"id": 3, "part": 3}]
    commit(warehouse, 1, [records], "append")
    found = warehouse.destination.duplicates(ORDERS, key)
    assert (found.rows, found.repeated_keys, found.null_keys) == (5, repeated, nulls)


def test_append_on_the_default_key_repeats_it(tmp_path: Path) -> None:
    found = report(tmp_path, [orders(4), orders(4)], write="append")
    assert (found.rows, found.repeated_keys) == (8, 4)


def test_column_names_cannot_confuse_the_check(tmp_path: Path) -> None:
    loads = [[{"__n": n, "loads": n % 2, "n": 1, 'q"': n} for n in range(4)], [{"__n": 1, "loads": 5, "n": 1, 'q"': 9}]]
    assert report(tmp_path, loads).entities == 1
    assert report(tmp_path / "key", loads, ("__n",)).repeated_keys == 0


def test_an_absent_table_has_no_duplicates(tmp_path: Path) -> None:
    assert Warehouse(tmp_path).destination.duplicates(Table("no", "table"), ()) == DuplicateReport(rows=0)


@pytest.mark.parametrize("identity", ["id", "name", "service, hour"])
def test_a_hundred_thousand_rows_take_little_time(warehouse: Warehouse, identity: str) -> None:
    commit(warehouse, 1, [[{"a": 1}]])
    pair = identity == "service, hour"
    first = "n % 300 AS service, CAST(floor(n / 300.0) AS BIGINT) AS hour" if pair else f"'k' || n AS {identity}"
    numbers = "generate_series(0, {}, {})" if warehouse.postgres else "range(0, {} + 1, {})"
    warehouse.execute("DROP TABLE shop.orders")
    warehouse.execute(
        "CREATE TABLE shop.orders AS WITH read AS ("
        f"SELECT n, 1 AS load FROM {numbers.format(98999, 1)} t(n) UNION ALL "
        f"SELECT n, 2 FROM {numbers.format(98999, 99)} t(n)) "
        f"SELECT {first}, n % 97 AS a, n % 1009 AS b, 't' || n % 77 AS c, 'u' || n % 5000 AS d, n % 31 AS e, "
        "md5(CAST(n AS TEXT) || load) AS __hevo_id, load AS __hevo__ingested_at, load AS __hevo__loaded_at, "
        "false AS __hevo__marked_deleted FROM read"
    )
    clock = perf_counter if warehouse.postgres else process_time  # DuckDB works in this process
    started = clock()
    found = warehouse.destination.duplicates(ORDERS, ())
    assert clock() - started < (30 if warehouse.postgres else 4)
    assert (", ".join(found.identity), found.entities, found.rows) == (identity, 1000, 100_000)


class Shop:
    """An API that answers with its records changed since a moment, as an increment asks for them."""

    def __init__(self, records: Records) -> None:
        self.records = records

    def __call__(self, call: Call) -> Reply:
        since = call.arg("since") or ""
        return Reply({"records": [record for record in self.records if record["at"] >= since], "next": None})


def told(warehouse: Warehouse, url: str, **endpoint: Any) -> str | None:
    """What the check says of the table of an endpoint."""
    (spec,) = source_spec(url, **endpoint).endpoints
    return duplicates_found(warehouse.destination.duplicates(ORDERS, spec.primary_key), spec)


INCREMENTAL: dict[str, Any] = {"incremental": {"cursor": "$.at"}, "params": {"since": "{cursor}"}}


def changing(count: int, change: int) -> Records:
    """Orders of which the last one changes again and again."""
    orders = [{"id": n, "at": f"2024-01-01T00:{n:02}:00Z", "v": 0} for n in range(count)]
    return [*orders[:-1], {**orders[-1], "v": change, "at": f"2024-01-02T00:{change:02}:00Z"}]


def test_what_the_check_of_an_increment_advises_keeps_all_records(warehouse: Warehouse) -> None:
    api = Shop(changing(20, 0))
    with LoopbackServer(api) as server:
        for change in range(3):
            api.records = changing(20, change)
            warehouse.load_from(server.url, **INCREMENTAL)
        said = told(warehouse, server.url, **INCREMENTAL)
        assert said is not None and "Write `primary_key: id`" in said and "with `--full-refresh`" in said
        warehouse.load_from(server.url, full_refresh=True, primary_key="id", **INCREMENTAL)
        assert told(warehouse, server.url, primary_key="id", **INCREMENTAL) is None
    assert warehouse.rows("SELECT count(*), count(DISTINCT id), max(v) FROM shop.orders") == [(20, 20, 2)]


def test_what_the_check_advises_of_keys_that_repeat_keeps_all_records(warehouse: Warehouse) -> None:
    api = Shop(changing(20, 0))
    with LoopbackServer(api) as server:
        for change in range(3):
            api.records = changing(20, change)
            warehouse.load_from(server.url, **INCREMENTAL)
        said = told(warehouse, server.url, primary_key="id", **INCREMENTAL)
        assert said is not None and "To make one row, the newest, of each that the API still returns, load once" in said
        warehouse.load_from(server.url, full_refresh=True, primary_key="id", **INCREMENTAL)
    assert warehouse.rows("SELECT count(*), max(v) FROM shop.orders") == [(20, 2)]


def test_a_key_that_repeats_because_it_identifies_nothing_is_not_to_be_made_one_row(warehouse: Warehouse) -> None:
    with LoopbackServer(Shop([{"id": n, "kind": n % 2, "at": "2024"} for n in range(20)])) as server:
        warehouse.load_from(server.url)
        said = told(warehouse, server.url, primary_key="kind")
        assert said is not None and "kind does not identify a record: 18 of these rows" in said
        assert "Write `primary_key: id`, which tells them apart." in said
        warehouse.load_from(server.url, primary_key="id")
        assert told(warehouse, server.url, primary_key="id") is None
    assert len(warehouse.table()) == 20


@pytest.mark.parametrize("write", ["merge", "append", "replace"])
@pytest.mark.parametrize("key", [(), ("id",), ("gone",)])
@pytest.mark.parametrize("more", [{}, INCREMENTAL])
def test_no_advice_replaces_a_table_by_what_one_load_reads(
    write: str, key: Sequence[str], more: dict[str, Any]
) -> None:
    if write == "replace" and more:
        return
    (endpoint,) = source_spec("http://h", write=write, primary_key=list(key), **more).endpoints
    for report in (
        DuplicateReport(9, null_keys=9),
        DuplicateReport(9, null_keys=2),
        DuplicateReport(9, repeated_keys=2, sample=(("1", 2),)),
        DuplicateReport(9, repeated_keys=2, alike=4, sample=(("1", 2),)),
        DuplicateReport(9, identity=("id",), entities=3, sample=(("1", 2),)),
    ):
        said = duplicates_found(report, endpoint)
        assert said is not None and "write: replace" not in said


def test_a_name_that_may_mean_another_record_is_no_certain_key(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    for number in range(2):
        commit(warehouse, number, [[{"customer_id": n, "at": f"t{n}{number}", "x": n / 3} for n in range(9)]])
    (endpoint,) = source_spec("http://h").endpoints
    said = duplicates_found(warehouse.destination.duplicates(ORDERS, ()), endpoint)
    assert said is not None and "If customer_id identifies a record, write `primary_key: customer_id`" in said
