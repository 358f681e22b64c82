"""Backfills by several runs at once, each step in a process of its own, all of it on PostgreSQL: storage and tables."""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from rest_source.demo import Call, LoopbackServer, Reply
from rest_source.demo.postgres import EmbeddedServer, embedded_postgres
from rest_source_tests import postgres
from rest_source_tests.daemon import Dagster, dagster_dev, until
from rest_source_tests.project import write_project
from rest_source_tests.shop import write_file

PARTITIONS = int(os.environ.get("REST_SOURCE_TEST_PARTITIONS", "0"))
pytestmark = pytest.mark.skipif(not PARTITIONS, reason="minutes of the real daemon: part of `make torture`")

KEYS = [str(date(2024, 1, 1) + timedelta(days=number)) for number in range(PARTITIONS)]
PAGES, SIZE = 4, 25
AT_ONCE = 4
LIMIT = 120 + 30 * PARTITIONS
ENDED = ("COMPLETED", "COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED")
ROWS = sorted((f"{key} {page} {n}", key) for key in KEYS for page in range(1, PAGES + 1) for n in range(SIZE))


def handler(call: Call) -> Reply:
    time.sleep(0.1)
    day, page = call.arg("day"), int(call.arg("page") or 1)
    return Reply([{"id": f"{day} {page} {n}"} for n in range(SIZE)] if page <= PAGES else [])


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with embedded_postgres(durable=False) as running:
        yield running


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("workers"))


@pytest.fixture(scope="module")
def dagster(project: Path, server: EmbeddedServer) -> Iterator[Dagster]:
    storage = urlsplit(server.database("dagster"))
    variables = {
        "DAGSTER_PG_HOST": str(storage.hostname),
        "DAGSTER_PG_PORT": str(storage.port),
        "DAGSTER_PG_USERNAME": str(storage.username),
        "DAGSTER_PG_PASSWORD": str(storage.password),
        "DAGSTER_PG_DB": storage.path.lstrip("/"),
        "REST_SOURCE_DESTINATION": server.database("warehouse"),
        "REST_SOURCE_EXECUTOR": "multiprocess",
        "REST_SOURCE_STATE": str(project / "state"),
    }
    endpoint: dict[str, Any] = {
        "path": "/items",
        "params": {"day": "{partition.key}"},
        "pagination": {"type": "page_number"},
        "primary_key": "id",
        "partitions_def": {"type": "daily", "start_date": KEYS[0]},
        "backfill_policy": {"type": "multi_run"},
    }
    with LoopbackServer(handler) as api:
        endpoints = [{"name": name, **endpoint} for name in ("calm", "killed", "stopped")]
        write_file(project / "their_project" / "defs" / "shop", api.url, *endpoints)
        with dagster_dev(project, deployed="postgres", variables=variables) as running:
            yield running


def backfilled(dagster: Dagster, asset: str, keys: list[str]) -> list[dict[str, Any]]:
    """The runs of a backfill, once it has ended."""
    backfill = dagster.backfill(asset, keys)
    until(lambda: dagster.backfill_status(backfill) in ENDED, LIMIT)
    return dagster.backfill_runs(backfill)


def rows(server: EmbeddedServer, asset: str) -> list[tuple[Any, ...]]:
    url = server.database("warehouse")
    if not postgres.rows(url, "SELECT 1 FROM information_schema.tables WHERE table_name = ?", [asset]):
        return []
    return sorted(postgres.rows(url, f"SELECT id, __partition FROM shop.{asset}", []))


def test_runs_side_by_side_load_every_partition(dagster: Dagster, server: EmbeddedServer) -> None:
    runs = backfilled(dagster, "calm", KEYS)
    assert [run["status"] for run in runs] == ["SUCCESS"] * PARTITIONS
    assert rows(server, "calm") == ROWS
    assert 1 < most_at_once(runs) <= AT_ONCE


def most_at_once(runs: list[dict[str, Any]]) -> int:
    spans = [(float(run["startTime"]), float(run["endTime"])) for run in runs]
    return max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)


def test_workers_that_are_killed_cost_no_row(dagster: Dagster, server: EmbeddedServer, project: Path) -> None:
    with Killer(project / "home", PARTITIONS // 2) as killer:
        backfilled(dagster, "killed", KEYS)
    assert killer.killed > 0
    ask_again(dagster, server, "killed")
    assert rows(server, "killed") == ROWS


def test_a_server_that_stops_while_runs_are_under_way_costs_no_row(dagster: Dagster, server: EmbeddedServer) -> None:
    """The server of both: Dagster cannot note what becomes of its runs, nor can these load."""
    backfill = dagster.backfill("stopped", KEYS)
    until(lambda: bool(rows(server, "stopped")), LIMIT)
    server.stop("immediate")
    time.sleep(3)
    server.start(durable=False)
    assert len(rows(server, "stopped")) < len(ROWS)
    until(lambda: dagster.backfill_status(backfill) in ENDED, LIMIT)
    ask_again(dagster, server, "stopped")
    assert rows(server, "stopped") == ROWS


def ask_again(dagster: Dagster, server: EmbeddedServer, asset: str) -> None:
    """Load what the retries of runs have not made up for, as a person would; a partition is there as a whole or not."""
    for _ in range(3):
        loaded = rows(server, asset)
        complete = {key for key in KEYS if sum(partition == key for _, partition in loaded) == PAGES * SIZE}
        assert {partition for _, partition in loaded} == complete
        if left := [key for key in KEYS if key not in complete]:
            backfilled(dagster, asset, left)


class Killer:
    """Kills a process of a run, or of a step, every second or so, up to a number of `times`."""

    def __init__(self, home: Path, times: int) -> None:
        self.killed = 0
        self._home = home
        self._times = times
        self._random = random.Random(7)
        self._done = Event()
        self._thread = Thread(target=self._kill, daemon=True)

    def __enter__(self) -> "Killer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _kill(self) -> None:
        while self.killed < self._times and not self._done.wait(self._random.uniform(0.5, 2)):
            if workers := list(self._workers()):
                with suppress(ProcessLookupError):
                    os.kill(self._random.choice(workers), signal.SIGKILL)
                    self.killed += 1

    def _workers(self) -> Iterator[int]:
        home = f"DAGSTER_HOME={self._home}\0".encode()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                spawned = b"multiprocessing.spawn" in (process / "cmdline").read_bytes()
                if spawned and home in (process / "environ").read_bytes():
                    yield int(process.name)
