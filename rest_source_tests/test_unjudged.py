"""Checks of a load that failed never ran: they keep their last verdict, and are not shown as failed."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.loader import LoadingContextForTest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.orchestrate.definitions import build_definitions
from rest_source.orchestrate.io_manager import PaginatorIOManager
from rest_source.orchestrate.run_workers import unended_run
from rest_source.spec.source import SourceSpec
from rest_source_tests.loading import Warehouse

NAMES = ("complete", "duplicates", "schema", "spike")
DAYS = {"type": "daily", "start_date": "2024-01-01"}
RANGE = {
    "dagster/asset_partition_range_start": "2024-01-01",
    "dagster/asset_partition_range_end": "2024-01-03",
}


@pytest.fixture(autouse=True)
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


class Shop:
    """Two records for each request, until there is a status to answer instead; on the last of three days always."""

    status = 200
    records = 2

    def __call__(self, call: Call) -> Reply:
        if self.status != 200 and call.arg("day") not in ("2024-01-01", "2024-01-02"):
            return Reply({}, self.status)
        return Reply({"records": [{"id": f"{call.arg('day')} {n}"} for n in range(self.records)], "total": 2})


def definitions(warehouse: Warehouse, url: str, checks: Mapping[str, Any], **orders: Any) -> dg.Definitions:
    pages = {"type": "none", "total_records": "$.total"}
    given = {"name": "orders", "path": "/", "data_root": "$.records", "pagination": pages, "primary_key": "id"}
    lines = {"name": "lines", "path": "/", "data_root": "$.records", "pagination": pages, "deps": ["shop/orders"]}
    source = {"name": "shop", "base_url": url, "limits": {"retries": 0}, "endpoints": [{**given, **orders}, lines]}
    spec = SourceSpec.model_validate({**source, "checks": checks, "schedule": {"every": "1h"}})
    return build_definitions(spec, PaginatorIOManager(destination=warehouse.url))


def verdicts(instance: dg.DagsterInstance, endpoint: str) -> dict[str, tuple[str, str]]:
    """What Dagster's UI shows of the checks of an asset: the status and the words."""
    keys = [dg.AssetCheckKey(dg.AssetKey(["shop", endpoint]), name) for name in NAMES]
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    context = LoadingContextForTest(instance)
    return {
        key.name: (
            asyncio.run(record.resolve_status(context)).value,
            getattr(record.evaluation, "description", ""),
        )
        for key, record in records.items()
    }


@pytest.mark.parametrize("partitions", [None, DAYS])
def test_the_checks_of_a_failed_load_and_of_what_waits_for_it_keep_their_verdicts(
    duckdb_warehouse: Warehouse, instance: dg.DagsterInstance, partitions: Mapping[str, Any] | None
) -> None:
    api = Shop()
    keys: dict[str, Any] = {"partitions_def": partitions, "params": {"day": "{partition.key}"}} if partitions else {}
    asked: dict[str, Any] = {"tags": RANGE} if partitions else {}
    orders = [dg.AssetKey(["shop", "orders"])] if partitions else None
    with LoopbackServer(api) as server:
        job = definitions(duckdb_warehouse, server.url, {}, **keys).resolve_implicit_global_asset_job_def()

        def run() -> bool:
            return job.execute_in_process(
                instance=instance, raise_on_error=False, asset_selection=orders, **asked
            ).success

        api.status = 403
        assert not run()
        for endpoint in ("orders",) if partitions else ("orders", "lines"):
            never = "Not judged, as the load of shop/orders failed. The check has never judged."
            assert set(verdicts(instance, endpoint).values()) == {("SUCCEEDED", never)}
        api.status, api.records = 200, 1
        assert run()
        before = verdicts(instance, "orders")
        assert before["complete"][0] == "FAILED" and before["duplicates"][0] == "SUCCEEDED"
        api.status = 403
        for _ in range(2):
            assert not run()
            after = verdicts(instance, "orders")
            assert {name: status for name, (status, _) in after.items()} == {n: s for n, (s, _) in before.items()}
            for name, (_, told) in after.items():
                last = before[name][1]
                assert told == f"Not judged, as the load of shop/orders failed. Its last verdict: {last}"


def test_a_blocking_check_that_fails_leaves_the_checks_below_as_they_were(
    duckdb_warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    api = Shop()
    api.records = 1
    with LoopbackServer(api) as server:
        job = definitions(duckdb_warehouse, server.url, {"complete": "error"}).resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance, raise_on_error=False)
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    assert failed.step_failure_data.error is not None
    said = failed.step_failure_data.error.message
    assert "shop.orders has not passed its check `complete`: The API announced 2 records, the last load read 1." in said
    assert verdicts(instance, "orders")["complete"][0] == "FAILED"
    never = "Not judged, as a blocking check of shop/orders failed. The check has never judged."
    assert set(verdicts(instance, "lines").values()) == {("SUCCEEDED", never)}


def test_the_checks_of_a_killed_run_keep_their_verdicts(
    duckdb_warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rest_source.orchestrate.run_workers._START_SECONDS", -1)
    job = definitions(duckdb_warehouse, "http://127.0.0.1:9", {}).resolve_job_def("shop_every_1h")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags={".dagster/grpc_info": "{}"})
        assert unended_run(instance, "shop_every_1h") is None
        never = "Not judged, as the run was killed. The check has never judged."
        assert set(verdicts(instance, "lines").values()) == {("SUCCEEDED", never)}
