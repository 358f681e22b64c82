"""The process is killed at random moments of fetch, spool and commit; the run after it leaves an exact table."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rest_source.demo import Call, LoopbackServer, Reply
from rest_source_tests.fakes.changing import ChangingApi
from rest_source_tests.loading import Warehouse
from rest_source_tests.shop import write_file

KILLS = int(os.environ.get("REST_SOURCE_TEST_KILLS", "1"))
PAGES, SIZE, DELAY = 40, 50, 0.01
LIMIT = 180.0


def handler(call: Call) -> Reply:
    time.sleep(DELAY)
    page = int(call.arg("page") or 1)
    records = [{"id": page * SIZE + number, "name": f"record {number} of page {page}"} for number in range(SIZE)]
    return Reply({"items": records if page <= PAGES else [], **({"next": page + 1} if page < PAGES else {})})


def start(folder: Path, file: Path, destination: str = "duckdb:///data.duckdb") -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", "from rest_source.cli.main import main; main()", "run", str(file)],
        cwd=folder,
        env={**os.environ, "REST_SOURCE_DESTINATION": destination},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


CURSOR = {"type": "cursor", "value": "$.next", "param": "page"}
PAGE_NUMBER = {"type": "page_number"}
AHEAD = 4  # limits.concurrency: requests that look ahead when a run is killed, or beyond the end


@pytest.mark.parametrize("seed", range(KILLS))
@pytest.mark.parametrize("write", ["append", "merge"])
@pytest.mark.parametrize(
    ("pagination", "asked_again"), [(CURSOR, 2), (PAGE_NUMBER, 3 * AHEAD)], ids=["cursor", "page_number"]
)
def test_a_killed_run_is_completed_by_the_next(
    warehouse: Warehouse, seed: int, write: str, pagination: dict[str, str], asked_again: int
) -> None:
    moment = random.Random(f"{write} {seed}").uniform(0, PAGES * DELAY + 0.8)
    with LoopbackServer(handler) as server:
        endpoint = {"data_root": "$.items", "pagination": pagination, "write": write}
        file = write_file(warehouse.folder, server.url, endpoint)
        with start(warehouse.folder, file, warehouse.url) as victim:
            deadline = time.monotonic() + LIMIT
            while not server.calls and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(moment)
            victim.send_signal(signal.SIGKILL)
        first = len(server.calls)
        committed = loads(warehouse)
        with start(warehouse.folder, file, warehouse.url) as rerun:
            _, errors = rerun.communicate(timeout=LIMIT)
        assert rerun.returncode == 0, errors.decode()
        second = Counter(call.arg("page") or "1" for call in server.calls[first:])

    copies = 2 if committed and write == "append" else 1  # the killed run may have been done: then this is another
    rows = warehouse.rows("SELECT id, count(*) FROM shop.items GROUP BY id ORDER BY id")
    assert rows == [(id, copies) for id in range(SIZE, (PAGES + 1) * SIZE)]
    if not committed:
        assert first + sum(second.values()) <= PAGES + asked_again
        assert loads(warehouse) == 1
    assert list((warehouse.folder / ".rest_source").glob("spool/*/*/*/*/")) == []


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_run_that_is_killed_while_it_splits_windows_is_completed_by_the_next(warehouse: Warehouse, seed: int) -> None:
    moment = random.Random(f"cap {seed}").uniform(0, 1.2)
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    hours = [f"{begin + timedelta(hours=number):%Y-%m-%dT%H:%M:%SZ}" for number in range(240)]
    api = ChangingApi([{"id": number, "updated_at": at} for number, at in enumerate(hours)], cap=5)
    endpoint = {
        "path": "/records",
        "data_root": "$.records",
        "pagination": PAGE_NUMBER,
        "write": "append",
        "cap": 5,
        "params": {"from": "{window.start}", "to": "{window.end}"},
        "incremental": {"cursor": "$.updated_at", "initial": hours[0], "until": "2024-01-11T00:00:00Z"},
    }
    with api.serve() as server:
        file = write_file(warehouse.folder, server.url, endpoint)
        with start(warehouse.folder, file, warehouse.url) as victim:
            deadline = time.monotonic() + LIMIT
            while not api.calls and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(moment)
            victim.send_signal(signal.SIGKILL)
        committed = loads(warehouse)
        with start(warehouse.folder, file, warehouse.url) as rerun:
            _, errors = rerun.communicate(timeout=LIMIT)
        assert rerun.returncode == 0, errors.decode()
    rows = warehouse.rows("SELECT id, count(*) FROM shop.items GROUP BY id ORDER BY id")
    last = [(239, 1 + committed)]  # after a load that was done, the next begins with the last record
    assert rows == [(id, 1) for id in range(239)] + last


def loads(warehouse: Warehouse) -> int:
    """How many loads are committed, once the server has noticed that a client is gone."""
    if warehouse.postgres:
        connected = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'rest_source'"
        while warehouse.rows(connected):
            time.sleep(0.01)
    elif not warehouse.path.exists():
        return 0
    if not warehouse.types("_rest_source", "loads"):
        return 0
    return int(warehouse.rows("SELECT count(*) FROM _rest_source.loads")[0][0])
