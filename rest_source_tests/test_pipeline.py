"""A load from the first request to the commit: failures in the middle, and several loads at once."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Timer
from typing import Any

import duckdb
import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.load.destinations import open_destination
from rest_source.load.duckdb import connection
from rest_source_tests.fakes.desk import PATIENCE
from rest_source_tests.loading import PageBody, Warehouse, page_reply

GOOD = page_reply([{"id": 2}], 2, last=False)
JSON_TYPE = {"Content-Type": "application/json"}


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


@pytest.mark.parametrize(
    ("broken", "id"),
    [
        (Reply({"message": "down"}, 500), None),
        (Reply("id,name\n1,a\n", headers={"Content-Type": "text/csv"}), None),
        (Reply("<html><body>Sign in</body></html>", headers={"Content-Type": "text/html"}), None),
        (Reply(b'{"records":[{"id":2},{"id"', headers=JSON_TYPE), None),
        (Reply({"records": [{"id": 2}]}, truncate=8), None),
        (Reply({"error": "gone"}, 404), None),
    ],
    ids=["500", "csv", "html", "torn-json", "cut-off", "404"],
)
def test_a_page_that_fails_in_the_middle_leaves_the_table_as_it_was(
    warehouse: Warehouse, broken: Reply, id: str | None
) -> None:
    warehouse.load([{"id": 1, "v": "before"}], primary_key="id")
    before = warehouse.table(), warehouse.table("_rest_source.loads")
    with pytest.raises(RestSourceError) as failure:
        warehouse.load([{"id": 1, "v": "after"}], broken, [{"id": 3}], primary_key="id")
    assert failure.value.where.startswith("shop.orders, page 2")
    assert failure.value.cause and failure.value.remedy
    assert id is None or failure.value.id == id
    assert (warehouse.table(), warehouse.table("_rest_source.loads")) == before


def test_a_data_root_that_matches_nothing_names_what_is_there(warehouse: Warehouse) -> None:
    with pytest.raises(RestSourceError, match=r"\$\.records") as failure:
        warehouse.load([{"id": 1}], data_root="$.orders")
    assert failure.value.id == "data_root_not_found"
    assert failure.value.where.startswith("shop.orders, page 1, GET http")
    assert not warehouse.path.exists()


def test_the_outcome_has_the_facts_of_the_load(warehouse: Warehouse) -> None:
    outcome = warehouse.load([{"id": 1}], [{"id": 2}, {"id": 3}])
    assert (outcome.pages, outcome.requests, outcome.retries, outcome.result.rows_read) == (2, 2, 0, 3)
    assert outcome.first_request.startswith("GET http://127.0.0.1")
    assert outcome.to_dict()["rows_inserted"] == 3
    json.dumps(outcome.to_dict())


def test_a_retry_of_a_failed_load_loads_everything(warehouse: Warehouse) -> None:
    pages: list[PageBody] = [[{"id": 1}], [{"id": 2}]]
    with pytest.raises(RestSourceError):
        warehouse.load(pages[0], Reply({}, 500), primary_key="id")
    assert warehouse.load(*pages, primary_key="id").result.row_count == 2


def test_threads_load_into_one_file(warehouse: Warehouse) -> None:
    def load(name: str) -> int:
        page = [{"id": n, "table": name} for n in range(50)]
        return sum(warehouse.load(page, page, name=name).result.rows_inserted for _ in range(2))

    names = ["a", "b", "c", "d"]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(load, names)) == [50] * 4
    assert [warehouse.rows(f"SELECT count(*) FROM shop.{name}") for name in names] == [[(50,)]] * 4
    assert warehouse.rows("SELECT count(*) FROM _rest_source.loads") == [(8,)]


def test_two_loads_of_one_endpoint_take_turns(warehouse: Warehouse) -> None:
    """The second waits for the first, and says so, although the first has only begun to fetch."""
    asked, go_on = Event(), Event()

    def answer(call: Call) -> Reply:
        asked.set()
        go_on.wait(PATIENCE)
        return page_reply([{"id": 1}], 1, last=True)

    def watch(said: str) -> None:
        warehouse.said.append(said)
        go_on.set()

    with LoopbackServer(answer) as server, ThreadPoolExecutor(2) as threads:
        first = threads.submit(warehouse.load_from, server.url)
        assert asked.wait(PATIENCE)
        second_house = Warehouse(warehouse.folder, said=Listener(watch))
        second = threads.submit(second_house.load_from, server.url)
        assert (first.result().result.rows_inserted, second.result().result.rows_unchanged) == (1, 1)
    (said,) = warehouse.said
    assert said.startswith(f"Waiting for process {os.getpid()}, which has been loading shop.orders since")


class Listener(list[str]):
    """A list that tells what is appended to it."""

    def __init__(self, tell: Any) -> None:
        super().__init__()
        self._tell = tell

    def append(self, said: str) -> None:
        self._tell(said)


LOADING = """
import sys
from pathlib import Path
from rest_source_tests.loading import Warehouse
name = sys.argv[2]
warehouse = Warehouse(Path(sys.argv[1]))
for turn in range(4):
    warehouse.load([{"id": n, "turn": turn} for n in range(200)], primary_key="id", name=name)
"""
HOLDING = """
import sys
import duckdb
with duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read_only"):
    print("open", flush=True)
    sys.stdin.read()
"""


def start(program: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_processes_load_into_one_file_at_once(warehouse: Warehouse) -> None:
    processes = [start(LOADING, str(warehouse.folder), name) for name in ("a", "b", "a")]
    for process in processes:
        process.communicate(timeout=PATIENCE)
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert warehouse.rows("SELECT endpoint, count(*) FROM _rest_source.loads GROUP BY 1 ORDER BY 1") == [
        ("a", 8),
        ("b", 4),
    ]
    for name in ("a", "b"):
        assert warehouse.rows(f"SELECT count(*), min(turn) FROM shop.{name}") == [(200, 3)]


@pytest.mark.parametrize("mode", ["read_only", "read_write"])
def test_who_waits_for_another_process_says_for_whom(
    warehouse: Warehouse, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_ANNOUNCE_AFTER", 0.05)
    warehouse.load([{"id": 1}])
    with start(HOLDING, str(warehouse.path), mode) as holder:
        assert holder.stdout and holder.stdout.readline() == "open\n"
        assert holder.stdin
        heard: list[str] = []
        closed = holder.stdin

        def listen(said: str) -> None:
            heard.append(said)
            closed.close()

        warehouse.said = Listener(listen)
        assert warehouse.load([{"id": 2}]).result.row_count == 2
    assert len(heard) == 1
    assert f"process {holder.pid} (" in heard[0] and "warehouse.duckdb" in heard[0]


def test_a_file_that_stays_open_elsewhere_is_an_error_that_names_the_process(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "WAIT_SECONDS", 0.2)
    warehouse.load([{"id": 1}])
    with start(HOLDING, str(warehouse.path), "read_only") as holder:
        assert holder.stdout and holder.stdout.readline() == "open\n"
        with pytest.raises(RestSourceError) as failure:
            warehouse.load([{"id": 2}])
        assert holder.stdin
        holder.stdin.close()
    assert (failure.value.id, failure.value.retryable) == ("destination_locked", True)
    assert str(holder.pid) in failure.value.cause
    assert len(warehouse.table()) == 1


def test_a_connection_of_this_very_process_is_named(warehouse: Warehouse) -> None:
    warehouse.load([{"id": 1}])
    with duckdb.connect(str(warehouse.path), read_only=True), pytest.raises(RestSourceError) as failure:
        warehouse.load([{"id": 2}])
    assert failure.value.id == "destination_locked"
    assert "this very process" in failure.value.cause
    warehouse.load([{"id": 2}])


@pytest.mark.parametrize("name", ["broken.duckdb", "locked.duckdb"])
def test_a_file_that_is_no_database_is_an_error_at_once(tmp_path: Path, name: str) -> None:
    warehouse = Warehouse(tmp_path, name)
    warehouse.path.write_text("could not set a lock on this text" * 100)
    timer = Timer(20, lambda: pytest.fail("it waits"))
    timer.start()
    with pytest.raises(RestSourceError) as failure:
        warehouse.load([{"id": 1}])
    timer.cancel()
    assert (failure.value.id, failure.value.retryable) == ("destination_unavailable", False)


def test_connections_are_frugal_and_clean(warehouse: Warehouse) -> None:
    with connection.connect(warehouse.path, print) as con:
        settings = con.execute(
            "SELECT current_setting('memory_limit'), current_setting('threads'), current_setting('TimeZone')"
        ).fetchone()
    assert settings is not None
    assert (settings[0], settings[2]) == ("128.0 MiB", "UTC")
    assert 1 <= settings[1] <= 2
    assert [path.name for path in warehouse.folder.iterdir()] == [warehouse.path.name]


def test_what_does_not_fit_into_memory_goes_to_a_folder_that_is_gone_afterwards(warehouse: Warehouse) -> None:
    with connection.connect(warehouse.path, print) as con:
        con.execute("SET threads = 1; SET memory_limit = '48MB'")
        con.execute("CREATE TABLE sorted AS SELECT n FROM range(4_000_000) t(n) ORDER BY hash(n)")
        assert len(list(warehouse.folder.glob("*.tmp/*"))) >= 1
    assert [path.name for path in warehouse.folder.iterdir()] == [warehouse.path.name]


def test_one_record_may_be_longer_than_the_memory_limit_allows_for_many(warehouse: Warehouse) -> None:
    text, nested = "x" * 30_000_000, {"list": ["y" * 1000] * 30_000}
    warehouse.load([{"id": 1, "text": text}], [{"id": 2, "nested": nested}], primary_key="id")
    found = "SELECT sum(length(text)), sum(json_array_length(nested, '$.list')) FROM shop.orders"
    assert warehouse.rows(found) == [(30_000_000, 30_000)]


def test_two_names_of_one_file_share_a_lock(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.load([{"id": 1}])
    (tmp_path / "link").symlink_to(tmp_path)
    other = open_destination(f"duckdb:////{str(tmp_path / 'link' / warehouse.path.name).lstrip('/')}")
    alias = Warehouse(tmp_path / "link")
    assert other.kind == "duckdb"
    with ThreadPoolExecutor(2) as threads:
        loads = [threads.submit(house.load, [{"id": 2}], name=name) for house, name in ((warehouse, "a"), (alias, "b"))]
        assert [load.result().result.row_count for load in loads] == [1, 1]
