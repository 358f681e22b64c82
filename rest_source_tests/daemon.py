"""A running `dagster dev`, web server and daemon, driven as its UI drives it: by GraphQL."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import psutil

ENDED = ("SUCCESS", "FAILURE", "CANCELED")
LAUNCH = """mutation($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { id } } ... on PythonError { message } } }"""
BACKFILL = """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
TERMINATE = "mutation($id: String!) { terminateRun(runId: $id) { __typename } }"
TICK = """mutation($selector: ScheduleSelector!, $at: Float!) {
    scheduleDryRun(selectorData: $selector, timestamp: $at) { __typename
    ... on DryRunInstigationTick { evaluationResult { skipReason runRequests { runKey } error { message } } } } }"""
REPOSITORY = {"repositoryLocationName": "their_project.definitions", "repositoryName": "__repository__"}
STATUS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
EVENTS = """query($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events { __typename } } } }"""
BACKFILL_STATUS = """query($id: String!) { partitionBackfillOrError(backfillId: $id) {
    ... on PartitionBackfill { status } } }"""
BACKFILL_RUNS = """query($id: String!) { runsOrError(filter: {tags: [{key: "dagster/backfill", value: $id}]}) {
    ... on Runs { results { status startTime endTime } } } }"""


class Dagster:
    """A running `dagster dev`, whose project has a source named shop."""

    def __init__(self, port: int, process: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.process = process

    def kill(self) -> None:
        """Kill all of its processes at once: web server, daemon, code server and runs."""
        top = psutil.Process(self.process)
        for process in (top, *top.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def query(self, query: str, **variables: Any) -> Any:
        """The data of an answer. A web server whose storage was away fails with each connection that it had kept."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        attempts = 1 if query.startswith("mutation") else 30
        while True:
            try:
                with urlopen(request, timeout=60) as answer:
                    return json.load(answer)["data"]
            except HTTPError as error:
                attempts -= 1
                if not attempts or error.code != 500:
                    raise
                time.sleep(1)

    def launch(self, assets: list[str], checks: list[str]) -> str:
        return self._launch(
            pipelineName="__ASSET_JOB",
            assetSelection=[{"path": ["shop", name]} for name in assets],
            assetCheckSelection=[{"assetKey": {"path": ["shop", name]}, "name": "duplicates"} for name in checks],
        )

    def launch_range(self, asset: str, first: str, last: str) -> str:
        """One run over partitions that follow one another, as a backfill comes to."""
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        return self._launch(tags, pipelineName="__ASSET_JOB", assetSelection=[{"path": ["shop", asset]}])

    def launch_job(self, name: str) -> str:
        return self._launch(pipelineName=name)

    def _launch(self, tags: Mapping[str, str] | None = None, **of: Any) -> str:
        named = {"tags": [{"key": key, "value": value} for key, value in (tags or {}).items()]}
        selector = {**REPOSITORY, **of}
        params = {"selector": selector, "runConfigData": {}, "mode": "default", "executionMetadata": named}
        result = self.query(LAUNCH, params=params)["launchPipelineExecution"]
        return str(result["run"]["id"])

    def terminate(self, run: str) -> None:
        self.query(TERMINATE, id=run)

    def tick(self, schedule: str) -> dict[str, Any]:
        """What a schedule would do now: the runs that it asks for, or why it skips."""
        selector = {**REPOSITORY, "scheduleName": schedule}
        ticked = self.query(TICK, selector=selector, at=time.time())["scheduleDryRun"]
        return dict(ticked["evaluationResult"])

    def status(self, run: str) -> str:
        return str(self.query(STATUS, id=run)["runOrError"]["status"])

    def events(self, run: str) -> list[str]:
        return [event["__typename"] for event in self.query(EVENTS, id=run)["logsForRun"]["events"]]

    def backfill(self, asset: str, partitions: list[str]) -> str:
        params = {"assetSelection": [{"path": ["shop", asset]}], "partitionNames": partitions}
        return str(self.query(BACKFILL, params=params)["launchPartitionBackfill"]["backfillId"])

    def backfill_status(self, backfill: str) -> str:
        return str(self.query(BACKFILL_STATUS, id=backfill)["partitionBackfillOrError"]["status"])

    def backfill_runs(self, backfill: str) -> list[dict[str, Any]]:
        return list(self.query(BACKFILL_RUNS, id=backfill)["runsOrError"]["results"])


def until(true: Callable[[], bool], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


@contextmanager
def dagster_dev(
    project: Path, settings: str = "", *, deployed: str = "dev", variables: Mapping[str, str] | None = None
) -> Iterator[Dagster]:
    """`dagster dev` of a project that loads into its `data.duckdb`, unless the `variables` name another destination.

    `settings` are added to those that are `deployed`, by default those of `make dev`.
    """
    home = project / "home"
    home.mkdir(exist_ok=True)
    shipped = (Path(__file__).parents[1] / "deploy" / deployed / "dagster.yaml").read_text()
    (home / "dagster.yaml").write_text(shipped + settings)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "PYTHONPATH": str(project),
        "REST_SOURCE_DESTINATION": f"duckdb:///{project}/data.duckdb",
        **(variables or {}),
    }
    command = [sys.executable, "-m", "dagster", "dev", "-m", "their_project.definitions", "--port", str(port)]
    log = project / "dagster.log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            command, cwd=project, env=environment, stdout=output, stderr=output, start_new_session=True
        ) as dev,
    ):
        try:
            until(lambda: _answers(port) or dev.poll() is not None)
            assert dev.poll() is None, log.read_text()
            yield Dagster(port, dev.pid)
        finally:
            dev.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):  # where it was started with SIGINT ignored
                dev.wait(30)
            with suppress(ProcessLookupError):
                os.killpg(dev.pid, signal.SIGKILL)  # its web server and daemon too, which outlive it


def _answers(port: int) -> bool:
    with suppress(URLError, OSError), urlopen(f"http://127.0.0.1:{port}/server_info", timeout=2):
        return True
    return False
