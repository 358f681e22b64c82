"""A backfill from Dagster's daemon gives the same rows as one run and as a run for each day; a bad day stays alone."""

import os
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from rest_source import definitions
from rest_source.demo import Call, LoopbackServer, Reply
from rest_source_tests.daemon import Dagster, dagster_dev, until
from rest_source_tests.project import write_project
from rest_source_tests.shop import write_file

DAYS = int(os.environ.get("REST_SOURCE_TEST_BACKFILL_DAYS", "0"))
pytestmark = pytest.mark.skipif(not DAYS, reason="minutes of the real daemon: part of `make torture`")

FIRST = date(2024, 1, 1)
KEYS = [str(FIRST + timedelta(days=number)) for number in range(DAYS)]
BAD = KEYS[DAYS // 2] if DAYS else ""
AT_ONCE = 2
ENDED = ("COMPLETED", "COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED")
LIMIT = 180 + 40 * DAYS


def handler(call: Call) -> Reply:
    day, page = call.arg("day") or "", int(call.arg("page") or 1)
    if day == BAD and call.path == "/broken":
        return Reply({"message": "no data for this day"}, 400)
    return Reply([{"id": f"{day} {page} {n}", "day": day} for n in range(5)] if page <= 2 else [])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = write_project(tmp_path_factory.mktemp("backfill"))
    # Its executor too is that of this project: Dagster's own starts two further processes for each of the runs.
    shutil.copy(str(definitions.__file__), written / "their_project" / "definitions.py")
    return written


@pytest.fixture(scope="module")
def dagster(project: Path) -> Iterator[Dagster]:
    common: dict[str, Any] = {
        "params": {"day": "{partition.key}"},
        "pagination": {"type": "page_number"},
        "primary_key": "id",
        "partitions_def": {"type": "daily", "start_date": str(FIRST)},
    }
    many = {"backfill_policy": {"type": "multi_run"}}
    endpoints = [
        {"name": "as_one", "path": "/whole", **common},
        {"name": "as_many", "path": "/whole", **common, **many},
        {"name": "broken_as_one", "path": "/broken", **common},
        {"name": "broken_as_many", "path": "/broken", **common, **many},
    ]
    settings = f"concurrency:\n  runs:\n    max_concurrent_runs: {AT_ONCE}\n"
    with LoopbackServer(handler) as server:
        write_file(project / "their_project" / "defs" / "shop", server.url, *endpoints)
        with dagster_dev(project, settings) as running:
            yield running


def backfilled(dagster: Dagster, asset: str) -> list[dict[str, Any]]:
    """The runs of a backfill of all days, once it has ended."""
    backfill = dagster.backfill(asset, KEYS)
    until(lambda: dagster.backfill_status(backfill) in ENDED, LIMIT)
    return dagster.backfill_runs(backfill)


def rows(project: Path, table: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(project / "data.duckdb"), read_only=True) as con:
        return con.execute(f"SELECT id, day, __partition FROM shop.{table} ORDER BY ALL").fetchall()


def most_at_once(runs: list[dict[str, Any]]) -> int:
    moments = sorted([(run["startTime"], 1) for run in runs] + [(run["endTime"], -1) for run in runs])
    under_way, most = 0, 0
    for _, change in moments:
        under_way += change
        most = max(most, under_way)
    return most


def test_one_run_and_a_run_for_each_day_give_the_same_rows(dagster: Dagster, project: Path) -> None:
    one = backfilled(dagster, "as_one")
    assert [run["status"] for run in one] == ["SUCCESS"]
    many = backfilled(dagster, "as_many")
    assert [run["status"] for run in many] == ["SUCCESS"] * DAYS
    assert most_at_once(many) <= AT_ONCE
    expected = sorted((f"{day} {page} {n}", day) for day in KEYS for page in (1, 2) for n in range(5))
    found = rows(project, "as_one")
    assert [(id, str(day), key) for id, day, key in found] == [(id, day, day) for id, day in expected]
    assert rows(project, "as_many") == found


@pytest.mark.parametrize(("asset", "runs"), [("broken_as_one", ["FAILURE"]), ("broken_as_many", ["FAILURE"])])
def test_a_day_that_fails_leaves_the_others(dagster: Dagster, project: Path, asset: str, runs: list[str]) -> None:
    found = backfilled(dagster, asset)
    assert [run["status"] for run in found if run["status"] != "SUCCESS"] == runs
    assert len(found) == (DAYS if asset == "broken_as_many" else 1)
    assert {key for _, _, key in rows(project, asset)} == {*KEYS} - {BAD}
    assert len(rows(project, asset)) == 10 * (DAYS - 1)
