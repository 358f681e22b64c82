"""The real Dagster, web server and daemon, driven as its UI drives it: by GraphQL."""

import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from rest_source.demo import Call, LoopbackServer, Reply
from rest_source_tests.daemon import ENDED, Dagster, dagster_dev, until
from rest_source_tests.project import write_project
from rest_source_tests.shop import write_file

SLOW_PAGES = 12
SCHEDULES = """{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {
    ... on RepositoryLocation { repositories { schedules { name cronSchedule scheduleState { status } } } }
    ... on PythonError { message } } } } } }"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("dev"))


@pytest.fixture(scope="module")
def api(project: Path) -> Iterator[LoopbackServer]:
    def handler(call: Call) -> Reply:
        page = int(call.arg("page") or 1)
        if call.path == "/slow":
            time.sleep(0.3)
        return Reply([{"id": page}] if page <= SLOW_PAGES else [])

    with LoopbackServer(handler) as server:
        slow = {"name": "slow", "path": "/slow", "pagination": {"type": "page_number"}}
        folder = project / "their_project" / "defs" / "shop"
        write_file(folder, server.url, {}, slow, schedule={"every": "6h"})
        yield server


@pytest.fixture(scope="module")
def dagster(project: Path, api: LoopbackServer) -> Iterator[Dagster]:
    with dagster_dev(project) as running:
        yield running


def test_an_asset_materializes_from_the_ui(dagster: Dagster, project: Path) -> None:
    run = dagster.launch(["items"], ["items"])
    until(lambda: dagster.status(run) in ENDED)
    assert dagster.status(run) == "SUCCESS"
    assert {"MaterializationEvent", "AssetCheckEvaluationEvent"} <= set(dagster.events(run))
    with duckdb.connect(str(project / "data.duckdb"), read_only=True) as con:
        assert con.execute("SELECT id FROM shop.items").fetchall() == [(1,)]


def test_its_check_runs_alone(dagster: Dagster) -> None:
    run = dagster.launch([], ["items"])
    until(lambda: dagster.status(run) in ENDED)
    events = dagster.events(run)
    assert "AssetCheckEvaluationEvent" in events
    assert "MaterializationEvent" not in events


def test_the_schedule_appears_and_is_off(dagster: Dagster) -> None:
    (entry,) = dagster.query(SCHEDULES)["workspaceOrError"]["locationEntries"]
    (repository,) = entry["locationOrLoadError"]["repositories"]
    assert repository["schedules"] == [
        {"name": "shop_every_6h_schedule", "cronSchedule": "0 */6 * * *", "scheduleState": {"status": "STOPPED"}}
    ]


def test_a_terminated_run_ends_terminated_writes_nothing_and_is_gone_on_with(
    dagster: Dagster, project: Path, api: LoopbackServer
) -> None:
    run = dagster.launch(["slow"], ["slow"])
    until(lambda: sum(call.path == "/slow" for call in api.calls) >= 3)
    dagster.terminate(run)
    until(lambda: dagster.status(run) in ENDED)
    assert dagster.status(run) == "CANCELED"
    with duckdb.connect() as con:
        if (project / "data.duckdb").exists():
            con.execute(f"ATTACH '{project / 'data.duckdb'}' (READ_ONLY)")
        assert con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'slow'").fetchall() == []
    asked = [call.arg("page") for call in api.calls if call.path == "/slow"]
    again = dagster.launch(["slow"], ["slow"])
    until(lambda: dagster.status(again) in ENDED)
    assert dagster.status(again) == "SUCCESS"
    resumed = [call.arg("page") for call in api.calls if call.path == "/slow"][len(asked) :]
    assert int(resumed[0] or 1) >= 3
    with duckdb.connect(str(project / "data.duckdb"), read_only=True) as con:
        assert con.execute("SELECT id FROM shop.slow ORDER BY id").fetchall() == [
            (page,) for page in range(1, SLOW_PAGES + 1)
        ]
