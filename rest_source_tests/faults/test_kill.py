"""The process is killed at random moments of fetch, spool and commit; the run after it leaves an exact table."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from rest_source.demo import Call, LoopbackServer, Reply
from rest_source_tests.shop import write_file

KILLS = int(os.environ.get("REST_SOURCE_TEST_KILLS", "3"))
PAGES, SIZE, DELAY = 40, 50, 0.01
LIMIT = 60.0


def handler(call: Call) -> Reply:
    time.sleep(DELAY)
    page = int(call.arg("page") or 1)
    records = [{"id": page * SIZE + number, "name": f"record {number} of page {page}"} for number in range(SIZE)]
    return Reply({"items": records if page <= PAGES else [], **({"next": page + 1} if page < PAGES else {})})


def start(folder: Path, file: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", "from rest_source.cli.main import main; main()", "run", str(file)],
        cwd=folder,
        env={**os.environ, "REST_SOURCE_DESTINATION": "duckdb:///data.duckdb"},
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
    tmp_path: Path, seed: int, write: str, pagination: dict[str, str], asked_again: int
) -> None:
    moment = random.Random(f"{write} {seed}").uniform(0, PAGES * DELAY + 0.8)
    with LoopbackServer(handler) as server:
        endpoint = {"data_root": "$.items", "pagination": pagination, "write": write}
        file = write_file(tmp_path, server.url, endpoint)
        with start(tmp_path, file) as victim:
            deadline = time.monotonic() + LIMIT
            while not server.calls and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(moment)
            victim.send_signal(signal.SIGKILL)
        first = len(server.calls)
        committed = loads(tmp_path)
        with start(tmp_path, file) as rerun:
            _, errors = rerun.communicate(timeout=LIMIT)
        assert rerun.returncode == 0, errors.decode()
        second = Counter(call.arg("page") or "1" for call in server.calls[first:])

    copies = 2 if committed and write == "append" else 1  # the killed run may have been done: then this is another
    with duckdb.connect(str(tmp_path / "data.duckdb"), read_only=True) as con:
        rows = con.execute("SELECT id, count(*) FROM shop.items GROUP BY id ORDER BY id").fetchall()
    assert rows == [(id, copies) for id in range(SIZE, (PAGES + 1) * SIZE)]
    if not committed:
        assert first + sum(second.values()) <= PAGES + asked_again
        assert loads(tmp_path) == 1
    assert list((tmp_path / ".rest_source").glob("spool/*/*/*/*/")) == []


def loads(folder: Path) -> int:
    if not (folder / "data.duckdb").exists():
        return 0
    with duckdb.connect(str(folder / "data.duckdb")) as con:
        if not con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'loads'").fetchone():
            return 0
        row = con.execute("SELECT count(*) FROM _rest_source.loads").fetchone()
        return int(row[0]) if row else 0
