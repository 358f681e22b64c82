"""The real Dagster, web server and daemon, driven as its UI drives it: by GraphQL."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import duckdb
import pytest

from rest_source.demo import Call, LoopbackServer, Reply
from rest_source_tests.project import write_project
from rest_source_tests.shop import write_file

SLOW_PAGES = 12
ENDED = ("SUCCESS", "FAILURE", "CANCELED")
LAUNCH = """mutation($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { id } } ... on PythonError { message } } }"""
TERMINATE = "mutation($id: String!) { terminateRun(runId: $id) { __typename } }"
STATUS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
EVENTS = """query($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events { __typename } } } }"""
SCHEDULES = """{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {
    ... on RepositoryLocation { repositories { schedules { name cronSchedule scheduleState { status } } } }
    ... on PythonError { message } } } } } }"""


class Dagster:
    """A running `dagster dev`."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def query(self, query: str, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        with urlopen(Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"}), timeout=30) as answer:
            return json.load(answer)["data"]

    def launch(self, assets: list[str], checks: list[str]) -> str:
        selector = {
            "repositoryLocationName": "their_project.definitions",
            "repositoryName": "__repository__",
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": ["shop", name]} for name in assets],
            "assetCheckSelection": [{"assetKey": {"path": ["shop", name]}, "name": "duplicates"} for name in checks],
        }
        result = self.query(LAUNCH, params={"selector": selector, "runConfigData": {}, "mode": "default"})
        return str(result["launchPipelineExecution"]["run"]["id"])

    def status(self, run: str) -> str:
        return str(self.query(STATUS, id=run)["runOrError"]["status"])

    def events(self, run: str) -> list[str]:
        return [event["__typename"] for event in self.query(EVENTS, id=run)["logsForRun"]["events"]]


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


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
    home = project / "home"
    home.mkdir()
    settings = (Path(__file__).parents[1] / "deploy" / "dev" / "dagster.yaml").read_text()
    (home / "dagster.yaml").write_text(settings)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "PYTHONPATH": str(project),
        "REST_SOURCE_DESTINATION": f"duckdb:///{project}/data.duckdb",
    }
    command = [sys.executable, "-m", "dagster", "dev", "-m", "their_project.definitions", "--port", str(port)]
    log = project / "dagster.log"
    with (
        log.open("w") as output,
        subprocess.Popen(command, cwd=project, env=environment, stdout=output, stderr=output) as dev,
    ):
        try:
            until(lambda: _answers(port) or dev.poll() is not None)
            assert dev.poll() is None, log.read_text()
            yield Dagster(port)
        finally:
            dev.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):  # where it was started with SIGINT ignored
                dev.wait(30)
            dev.kill()


def _answers(port: int) -> bool:
    with suppress(URLError, OSError), urlopen(f"http://127.0.0.1:{port}/server_info", timeout=2):
        return True
    return False


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
    dagster.query(TERMINATE, id=run)
    until(lambda: dagster.status(run) in ENDED)
    assert dagster.status(run) == "CANCELED"
    with duckdb.connect(str(project / "data.duckdb"), read_only=True) as con:
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
