"""Terminated runs end within seconds and send nothing afterwards; runs that were killed stand in nobody's way."""

import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from rest_source.demo import Call, LoopbackServer, Reply
from rest_source_tests.daemon import ENDED, Dagster, dagster_dev, until
from rest_source_tests.project import write_project
from rest_source_tests.shop import write_file

DAYS = [str(date(2024, 1, 1) + timedelta(days=number)) for number in range(40)]
AT_MOST = 5.0
PATIENT = """
patient = dg.define_asset_job(
    "patient", selection='key:"shop/slow" or key:"shop/other"', op_retry_policy=dg.RetryPolicy(max_retries=3, delay=1)
)

@dg.definitions
def defs() -> dg.Definitions:
    return dg.Definitions.merge(
        dg.load_from_defs_folder(path_within_project=Path(__file__).parent),
        dg.Definitions(jobs=[patient], executor=dg.in_process_executor),
    )
"""


def answer(call: Call) -> Reply:
    if call.path == "/busy":
        return Reply({"message": "too many requests"}, 429, {"Retry-After": "50"})
    if call.path == "/dead":
        return Reply({"message": "out of order"}, 503)
    time.sleep(0.2)
    page = int(call.arg("page") or 1)
    return Reply([{"id": page}] if page <= 50 else [])


@pytest.fixture(scope="module")
def api() -> Iterator[LoopbackServer]:
    with LoopbackServer(answer) as server:
        yield server


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, api: LoopbackServer) -> Path:
    written = write_project(tmp_path_factory.mktemp("stop"))
    definitions = written / "their_project" / "definitions.py"
    definitions.write_text(definitions.read_text().partition("@dg.definitions")[0] + PATIENT)
    paged = {"pagination": {"type": "page_number"}}
    daily = {"partitions_def": {"type": "daily", "start_date": DAYS[0]}, "params": {"day": "{partition.key}"}}
    endpoints: list[dict[str, Any]] = [
        {"name": "slow", "path": "/slow", **paged},
        {"name": "other", "path": "/slow", **paged, "deps": ["shop/slow"]},
        {"name": "daily", "path": "/slow", **paged, **daily},
        {"name": "busy", "path": "/busy", **daily},
        {"name": "dead", "path": "/dead"},
    ]
    limits = {"retries": 20, "concurrency": 4, "max_wait": "2m"}
    write_file(written / "their_project" / "defs" / "shop", api.url, *endpoints, limits=limits)
    return written


@pytest.fixture(scope="module")
def dagster(project: Path) -> Iterator[Dagster]:
    with dagster_dev(project) as running:
        yield running


def ends_at_once(dagster: Dagster, api: LoopbackServer, run: str, requests: int) -> None:
    """Terminate a run once the API was asked so many times more, and see that it ends and asks no more."""
    before = len(api.calls)
    until(lambda: len(api.calls) >= before + requests)
    started = time.monotonic()
    dagster.terminate(run)
    until(lambda: dagster.status(run) in ENDED)
    assert time.monotonic() - started < AT_MOST
    assert dagster.status(run) == "CANCELED"
    asked = len(api.calls)
    time.sleep(1.5)
    assert len(api.calls) == asked


def tables(project: Path) -> set[str]:
    file = project / "data.duckdb"
    if not file.exists():
        return set()
    with duckdb.connect(str(file), read_only=True) as con:
        found = con.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'shop'").fetchall()
    return {name for (name,) in found}


@pytest.mark.parametrize("requests", [1, 30])
def test_a_run_over_partitions(dagster: Dagster, api: LoopbackServer, project: Path, requests: int) -> None:
    ends_at_once(dagster, api, dagster.launch_range("daily", DAYS[0], DAYS[-1]), requests)
    assert "daily" not in tables(project)


def test_partitions_that_wait_as_the_api_asks(dagster: Dagster, api: LoopbackServer) -> None:
    ends_at_once(dagster, api, dagster.launch_range("busy", DAYS[0], DAYS[7]), 2)


def test_a_load_that_waits_to_try_again(dagster: Dagster, api: LoopbackServer) -> None:
    ends_at_once(dagster, api, dagster.launch(["dead"], []), 2)


def test_a_retry_policy_repeats_nothing_and_no_other_step_begins(
    dagster: Dagster, api: LoopbackServer, project: Path
) -> None:
    ends_at_once(dagster, api, dagster.launch_job("patient"), 3)
    assert not {"slow", "other"} & tables(project)


def test_runs_that_were_killed_with_all_of_dagster(tmp_path: Path, api: LoopbackServer) -> None:
    project = write_project(tmp_path)
    endpoint = {"name": "dead", "path": "/dead", "schedule": {"every": "6h"}}
    write_file(project / "their_project" / "defs" / "shop", api.url, endpoint, limits={"retries": 20})
    with dagster_dev(project) as first:
        before = len(api.calls)
        run = first.launch_job("shop_every_6h")
        until(lambda: len(api.calls) > before)
        assert "has not ended" in first.tick("shop_every_6h_schedule")["skipReason"]
        first.kill()
    with dagster_dev(project) as again:
        assert again.status(run) == "STARTED"
        ticked = again.tick("shop_every_6h_schedule")
        assert (ticked["skipReason"], len(ticked["runRequests"])) == (None, 1)
        assert again.status(run) == "FAILURE"
