"""What is PostgreSQL's own in a load: its types, its limits, its turns, and a server that goes away."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import dagster as dg
import psycopg
import pytest

from rest_source import PaginatorIOManager, build_definitions
from rest_source.demo.postgres import embedded_postgres
from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.load.destination import LoadFacts
from rest_source.load.destinations import open_destination
from rest_source.load.postgres import connection
from rest_source.load.relation import Table
from rest_source_tests.fakes.desk import PATIENCE
from rest_source_tests.loading import ORDERS, Warehouse, commit, page_reply, spooled, stage
from rest_source_tests.shop import serve, spec


@pytest.fixture
def warehouse(postgres_warehouse: Warehouse) -> Warehouse:
    return postgres_warehouse


def row(key: Any, value: Any = 0) -> dict[str, Any]:
    return {"id": key, "v": value}


def test_types_are_those_of_postgres(warehouse: Warehouse) -> None:
    record = {"i": 1, "d": 0.5, "l": 2**70, "b": True, "t": "2024-07-01T12:00:00+02:00", "day": "2024-07-01", "s": "x"}
    warehouse.load([{**record, "j": {"b": [1, 2.50], "a": "é"}}])
    sql = "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'shop' ORDER BY 1"
    assert dict(warehouse.rows(sql)) == {
        "__hevo__ingested_at": "bigint",
        "__hevo__loaded_at": "bigint",
        "__hevo__marked_deleted": "boolean",
        "__hevo_id": "text",
        "b": "boolean",
        "d": "double precision",
        "day": "date",
        "i": "bigint",
        "j": "jsonb",
        "l": "numeric",
        "s": "text",
        "t": "timestamp with time zone",
    }
    with psycopg.connect(warehouse.postgres) as con:
        found = con.execute("SELECT l, j -> 'b' ->> 1, t AT TIME ZONE 'UTC' FROM shop.orders").fetchone()
    assert found is not None
    assert (found[0], found[1], str(found[2])) == (Decimal(2**70), "2.5", "2024-07-01 10:00:00")


def test_a_double_that_becomes_numeric_keeps_its_digits(warehouse: Warehouse) -> None:
    commit(warehouse, 1, [[row(1, 0.12345678901234568)]], "append")
    commit(warehouse, 2, [[row(2, 2**53 + 1)]], "append")
    assert warehouse.values("v") == ["0.12345678901234568", "9007199254740993"]


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Amsterdam"])
def test_instants_of_all_ages_stay_what_they_are(warehouse: Warehouse, zone: str) -> None:
    texts = ["0001-01-01T00:00:00Z", "1883-11-18T12:03:57", "2024-07-01T12:00:00", "9999-12-31T23:59:59.999999Z"]
    warehouse.load([{"n": n, "t": text} for n, text in enumerate(texts)], source={"timezone": zone})
    direct = Warehouse(warehouse.folder)
    direct.load([{"n": n, "t": text} for n, text in enumerate(texts)], source={"timezone": zone})
    sql = "SELECT n, t FROM shop.orders ORDER BY n"
    assert warehouse.rows(sql) == direct.rows(sql)


def test_long_names_are_cut_without_becoming_one(warehouse: Warehouse) -> None:
    stem, name = "f" * 70, "t" * 80
    fields = {f"{stem}{letter}": letter for letter in "abc"} | {"f" * 63: "whole"}
    for _ in range(2):
        warehouse.load([{"id": 1, **fields}], name=name, primary_key="id")
    table = warehouse.destination.read(Table("shop", name), [*fields])
    assert table.num_rows == 1
    assert [column[0].as_py() for column in table.columns] == list(fields.values())
    assert max(map(len, table.column_names)) == 63
    assert {*fields} <= {
        *warehouse.comments(warehouse.destination.full_name(Table("shop", name)).split(".")[-1]).values()
    }


def test_fields_called_like_the_hidden_columns_of_postgres_are_stored(warehouse: Warehouse) -> None:
    record = {"id": 1, "ctid": 2, "xmin": 3, "tableoid": 4}
    for _ in range(2):
        warehouse.load([record], primary_key="ctid")
    read = warehouse.destination.read(ORDERS, [*record])
    assert [column.to_pylist() for column in read.columns] == [[1], [2], [3], [4]]


def test_child_tables_of_long_names_are_found_again(warehouse: Warehouse) -> None:
    record = {"id": 1, "a" * 60: [{"x": 1}], "a" * 61: [{"x": 2}]}
    for _ in range(2):
        result = warehouse.load([record], nested="split", primary_key="id").result
    assert len(result.child_tables) == 2
    assert {*result.child_tables.values()} == {1}
    assert max(map(len, result.child_tables)) <= 63


def test_too_many_columns_are_an_error_before_anything_is_written(warehouse: Warehouse) -> None:
    with pytest.raises(RestSourceError, match="1601 columns") as failure:
        warehouse.load([{f"f{n}": True for n in range(1597)}])
    assert (failure.value.id, failure.value.retryable) == ("too_many_columns", False)
    assert "nested: json" in failure.value.remedy
    assert warehouse.types() == {}
    warehouse.load([{f"f{n}": True for n in range(1596)}])
    assert len(warehouse.types()) == 1600


def test_a_row_that_fits_no_page_is_an_error_that_says_so(warehouse: Warehouse) -> None:
    with pytest.raises(RestSourceError, match="does not fit a page") as failure:
        warehouse.load([{f"f{n}": n for n in range(1500)}])
    assert failure.value.id == "too_many_columns"


def test_texts_that_look_like_the_end_of_a_copy_are_stored(warehouse: Warehouse) -> None:
    texts = ["\\.", "a\n\\.\nb", "\\N", "", '"', "a,b", "\r\n", " ", "null", None]
    warehouse.load([row(n, text) for n, text in enumerate(texts)], primary_key="id")
    assert [value for (value,) in warehouse.rows("SELECT v FROM shop.orders ORDER BY id")] == texts
    read = warehouse.destination.read(ORDERS, ["id", "v"]).sort_by("id")
    assert read.column("v").to_pylist() == texts


def test_a_table_is_read_with_its_types(warehouse: Warehouse) -> None:
    record = {"i": 1, "d": 0.5, "n": 2**70, "b": True, "t": "2024-07-01T12:00:00.5+02:00", "day": "2024-07-01"}
    warehouse.load([{"k": 1, **record, "j": {"a": [1]}}, {"k": 2}])
    read = warehouse.destination.read(ORDERS, None).sort_by("k")
    assert [str(read.schema.field(name).type) for name in ("i", "d", "n", "b", "t", "day", "j")] == [
        "int64",
        "double",
        "string",
        "bool",
        "timestamp[us, tz=UTC]",
        "date32[day]",
        "string",
    ]
    first, second = read.select(["i", "d", "n", "b", "t", "day", "j"]).to_pylist()
    assert (first["i"], first["d"], first["n"], first["b"], first["j"]) == (1, 0.5, str(2**70), True, '{"a": [1]}')
    assert (first["t"].isoformat(), str(first["day"])) == ("2024-07-01T10:00:00.500000+00:00", "2024-07-01")
    assert {*second.values()} == {None}


def test_loads_of_one_table_take_turns_and_others_go_on(warehouse: Warehouse, monkeypatch: Any) -> None:
    commit(warehouse, 1, [[row(1)]], primary_key=("id",))
    load = spooled(warehouse.folder / "spool", "load-2", [[row(2)]])
    staged = stage(load, primary_key=("id",))
    heard, facts = Event(), LoadFacts(load.load_id, "shop", "orders", "merge")

    def announce(said: str) -> None:
        warehouse.said.append(said)
        heard.set()

    with psycopg.connect(warehouse.postgres) as con, ThreadPoolExecutor(1) as threads:
        connection.take_turn(con, "shop.orders", print)
        waiting = threads.submit(warehouse.destination.commit, staged, facts, announce)
        assert heard.wait(PATIENCE)
        assert warehouse.load([row(1)], name="others").result.rows_inserted == 1
        assert not waiting.done()
        con.rollback()
        assert waiting.result(PATIENCE).rows_inserted == 1
    (said,) = [text for text in warehouse.said if text.startswith("Waiting")]
    assert said.startswith("Waiting for another load (server process ")
    assert said.endswith("which is loading shop.orders.")


def test_who_waits_too_long_is_told_why(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(warehouse, 1, [[row(1)]])
    monkeypatch.setattr(connection, "WAIT_SECONDS", 0.2)
    with psycopg.connect(warehouse.postgres) as con:
        connection.take_turn(con, "shop.orders", print)
        with pytest.raises(RestSourceError) as failure:
            commit(warehouse, 2, [[row(2)]])
    assert (failure.value.id, failure.value.retryable) == ("destination_locked", True)


def test_first_loads_of_many_tables_at_once_do_not_collide(warehouse: Warehouse) -> None:
    def load(number: int) -> int:
        mine = Warehouse(warehouse.folder / str(number), postgres=warehouse.postgres)
        return mine.load([row(n) for n in range(50)], name=f"orders_{number}").result.rows_inserted

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(load, range(6))) == [50] * 6
    assert warehouse.rows("SELECT count(*) FROM _rest_source.loads") == [(6,)]


LOADING = """
import sys
from pathlib import Path
from rest_source_tests.loading import Warehouse
warehouse = Warehouse(Path(sys.argv[1]), postgres=sys.argv[2])
warehouse.load_from(sys.argv[3], primary_key="id", write=sys.argv[4])
"""


@pytest.mark.parametrize("write", ["merge", "append"])
def test_processes_that_are_killed_lose_and_double_nothing(warehouse: Warehouse, write: str) -> None:
    """A process is killed in every state of the server's transaction; the load after it makes up for it."""
    pages = [[row(page * 100 + n, "x" * 100) for n in range(100)] for page in range(20)]

    def answer(call: Call) -> Reply:
        number = int(call.arg("page") or 1)
        return page_reply(pages[number - 1], number, number == len(pages))

    with LoopbackServer(answer) as server:
        arguments = [str(warehouse.folder), warehouse.postgres, server.url, write]
        for seconds in (0.9, 1.1, 1.3, 1.5):
            with subprocess.Popen([sys.executable, "-c", LOADING, *arguments], stderr=subprocess.DEVNULL) as process:
                try:
                    process.wait(seconds)
                except subprocess.TimeoutExpired:
                    process.kill()
        warehouse.load_from(server.url, primary_key="id", write=write)
    loads = warehouse.rows("SELECT count(*) FROM _rest_source.loads")[0][0]
    expected = 2000 * (loads if write == "append" else 1)
    assert warehouse.rows("SELECT count(*), count(DISTINCT id) FROM shop.orders") == [(expected, 2000)]


def test_the_server_of_the_wheel_ends_with_its_block() -> None:
    with embedded_postgres(durable=False) as server:
        psycopg.connect(server.url).close()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(server.url)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_server_that_stops_in_mid_load_costs_no_row(tmp_path: Path, mode: str) -> None:
    pages = [[row(page * 10 + n) for n in range(10)] for page in range(5)]
    at_page_four: list[Callable[[str], None]] = []

    def answer(call: Call) -> Reply:
        number = int(call.arg("page") or 1)
        if number == 4 and at_page_four:
            at_page_four.pop()(mode)
        return page_reply(pages[number - 1], number, number == len(pages))

    with embedded_postgres() as postgres, LoopbackServer(answer) as api:
        warehouse = Warehouse(tmp_path, postgres=postgres.url)
        warehouse.load_from(api.url, primary_key="id", write="append")
        before = warehouse.table()
        at_page_four.append(postgres.stop)
        with pytest.raises(RestSourceError) as failure:
            warehouse.load_from(api.url, primary_key="id", write="append")
        assert (failure.value.id, failure.value.retryable) == ("destination_unavailable", True)
        postgres.start()
        assert warehouse.table() == before
        asked = len(api.calls)
        outcome = warehouse.load_from(api.url, primary_key="id", write="append")
        assert (outcome.result.rows_inserted, outcome.pages, len(api.calls)) == (50, 5, asked)
        assert warehouse.rows("SELECT count(*), count(DISTINCT id) FROM shop.orders") == [(100, 50)]


def test_a_connection_that_is_cut_in_the_commit_leaves_the_table_as_it_was(warehouse: Warehouse) -> None:
    commit(warehouse, 1, [[row(1)]], primary_key=("id",))
    load = spooled(warehouse.folder / "spool", "load-2", [[row(1, 7), row(2)]])
    staged = stage(load, primary_key=("id",))
    cut = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"

    def announce(said: str) -> None:
        threads.submit(wait_and_cut)

    def wait_and_cut() -> None:
        while not warehouse.rows(cut):
            pass

    with psycopg.connect(warehouse.postgres) as con, ThreadPoolExecutor(1) as threads:
        connection.take_turn(con, "shop.orders", print)
        with pytest.raises(RestSourceError) as failure:
            warehouse.destination.commit(staged, LoadFacts(load.load_id, "shop", "orders", "merge"), announce)
    assert (failure.value.id, failure.value.retryable) == ("destination_unavailable", True)
    assert warehouse.rows("SELECT id, v FROM shop.orders") == [(1, 0)]
    result = warehouse.destination.commit(staged, LoadFacts(load.load_id, "shop", "orders", "merge"), print)
    assert (result.rows_updated, result.rows_inserted) == (1, 1)


SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("url", "id", "retryable"),
    [
        (f"postgresql://me:{SECRET}@127.0.0.1:1/shop", "destination_unavailable", True),
        (f"postgresql://me:{SECRET}@no-such-host.invalid/shop", "destination_unavailable", True),
        (f"postgresql://me:{SECRET}#@127.0.0.1:x/shop", "destination_unavailable", False),
        (f"postgresql://me:{SECRET}%zz@127.0.0.1/shop", "destination_url", False),
        (f"postgresql://me:x/{SECRET}@127.0.0.1/shop", "destination_url", False),
        (f"postgresql://me:{SECRET}/x@127.0.0.1/shop", "destination_url", False),
        (f"postgresql://me:x@{SECRET}@127.0.0.1/shop", "destination_url", False),
        (f"postgresql://me:\u2100{SECRET}@127.0.0.1/shop", "destination_url", False),
    ],
)
def test_a_password_is_in_no_error(url: str, id: str, retryable: bool) -> None:
    with pytest.raises(RestSourceError) as failure:
        open_destination(url).find_load("shop", "orders")
    assert (failure.value.id, failure.value.retryable) == (id, retryable)
    assert SECRET not in str(failure.value) + repr(failure.value.__dict__)


def test_a_password_is_in_nothing_that_is_shown() -> None:
    destination = open_destination(f"postgresql://me:{SECRET}@db.example/shop")
    assert destination.uri == "postgresql://db.example:5432/shop"
    assert SECRET not in repr(destination)
    assert destination.full_name(ORDERS) == "shop.shop.orders"


def test_a_database_that_does_not_exist_is_no_case_for_a_retry(postgres_database: str) -> None:
    with pytest.raises(RestSourceError, match="does not exist") as failure:
        open_destination(f"{postgres_database}_missing").find_load("shop", "orders")
    assert (failure.value.id, failure.value.retryable) == ("destination_unavailable", False)


@pytest.mark.skipif("REST_SOURCE_TEST_POSTGRES" in os.environ, reason="a server of others may not let users be made")
def test_a_user_without_rights_is_told_which(warehouse: Warehouse) -> None:
    warehouse.execute("DROP ROLE IF EXISTS rest_source_reader")
    warehouse.execute("CREATE ROLE rest_source_reader LOGIN PASSWORD 'unused'")
    url = warehouse.postgres.replace("postgres:unused", "rest_source_reader:unused")
    with pytest.raises(RestSourceError, match="denies") as failure:
        Warehouse(warehouse.folder, postgres=url).load([row(1)])
    assert failure.value.id == "destination_failed"
    assert "CREATE" in failure.value.remedy


def test_an_asset_is_loaded_checked_and_read_through_dagster(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REST_SOURCE_STATE", str(warehouse.state))
    url = warehouse.postgres.replace("unused", SECRET)
    read = []

    @dg.asset(ins={"items": dg.AssetIn(dg.AssetKey(["shop", "items"]), metadata={"columns": ["id", "at"]})})
    def below(items: Any) -> None:
        read.append(items)

    with LoopbackServer(serve({"id": 1, "at": "2024-07-01T12:00:00Z"}, {"id": None})) as api:
        defs = dg.Definitions.merge(
            build_definitions(spec(api.url), PaginatorIOManager(destination=url)), dg.Definitions(assets=[below])
        )
        result = defs.resolve_implicit_global_asset_job_def().execute_in_process()
    (event,) = result.asset_materializations_for_node("shop__items")
    metadata = {name: value.value for name, value in event.metadata.items()}
    database = warehouse.postgres.rpartition("/")[2]
    assert metadata["dagster/table_name"] == f"{database}.shop.items"
    assert metadata["dagster/storage_kind"] == "postgresql"
    assert metadata["dagster/uri"] == open_destination(url).uri
    assert SECRET not in str(metadata)
    assert {check.check_name: check.passed for check in result.get_asset_check_evaluations()} == dict.fromkeys(
        ("duplicates", "schema", "complete"), True
    )
    assert list(read[0].columns) == ["id", "at"]
    assert [str(type_) for type_ in read[0].dtypes] == ["Int64", "datetime64[us, UTC]"]


def test_the_asset_and_its_checks_are_in_the_pool_of_their_source() -> None:
    defs = build_definitions(spec("http://api.invalid"))
    job = defs.resolve_implicit_global_asset_job_def()
    assert {node.definition.pool for node in job.nodes if isinstance(node.definition, dg.OpDefinition)} == {"shop"}
