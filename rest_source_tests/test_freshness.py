"""The check `freshness`: loads that stop coming are told of, without a run."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from rest_source.orchestrate.definitions import build_definitions
from rest_source.orchestrate.freshness import last_due
from rest_source.orchestrate.io_manager import PaginatorIOManager
from rest_source.spec.schedule import Schedule
from rest_source_tests.loading import Warehouse, serve, source_spec

KEY = dg.AssetCheckKey(dg.AssetKey(["shop", "orders"]), "freshness")
HOURLY: dict[str, Any] = {"schedule": {"every": "1h", "enabled": True}}


@pytest.fixture(autouse=True)
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def definitions(warehouse: Warehouse, url: str = "http://127.0.0.1:9", **endpoint: Any) -> dg.Definitions:
    keys = {"checks": {"duplicates": "off", "schema": "off"}, **endpoint}
    return build_definitions(source_spec(url, **keys), PaginatorIOManager(destination=warehouse.url))


def sensor(defs: dg.Definitions) -> dg.SensorDefinition:
    (found,) = defs.sensors or []
    assert isinstance(found, dg.SensorDefinition)
    return found


def watch(defs: dg.Definitions, instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult:
    """A tick of the sensor, whose events are recorded as the daemon does it."""
    with dg.build_sensor_context(instance, cursor=cursor) as context:
        result = sensor(defs)(context)
    assert isinstance(result, dg.SensorResult)
    for event in result.asset_events:
        instance.report_runless_asset_event(event)
    return result


def recorded(instance: dg.DagsterInstance) -> dg.AssetCheckEvaluation | None:
    """What Dagster knows of the check."""
    record = instance.event_log_storage.get_latest_asset_check_execution_by_key([KEY]).get(KEY)
    if record is None or record.event is None or record.event.dagster_event is None:
        return None
    evaluation = record.event.dagster_event.event_specific_data
    assert isinstance(evaluation, dg.AssetCheckEvaluation)
    return evaluation


def pass_by(warehouse: Warehouse, time: str) -> None:
    """So much time passes since all loads."""
    warehouse.execute(f"UPDATE _rest_source.loads SET committed_at = committed_at - INTERVAL '{time}'")


def test_loads_that_stop_coming_are_told_of_without_a_run(warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
    defs = definitions(warehouse, **HOURLY)
    warehouse.load([{"id": 1}], **HOURLY)
    first = watch(defs, instance)
    assert (first.asset_events, first.cursor, recorded(instance)) == ([], "[]", None)
    pass_by(warehouse, "3 hours")
    late = watch(defs, instance, first.cursor)
    found = recorded(instance)
    assert found is not None
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.description is not None
    assert "when the schedule (0 * * * *) asked for one" in found.description
    assert str(late.skip_reason) == "SkipReason(skip_message='1 of 1 endpoints are overdue (orders).')"
    assert instance.get_runs() == []


def test_it_tells_once_and_again_when_loads_are_back(warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
    defs = definitions(warehouse, **HOURLY)
    warehouse.load([{"id": 1}], **HOURLY)
    pass_by(warehouse, "3 hours")
    late = watch(defs, instance)
    still = watch(defs, instance, late.cursor)
    assert [len(result.asset_events) for result in (late, still)] == [1, 0]
    warehouse.load([{"id": 1}], **HOURLY)
    back = watch(defs, instance, still.cursor)
    found = recorded(instance)
    assert found is not None and found.passed
    assert json.loads(back.cursor or "") == []


def test_what_was_never_loaded_is_not_late(warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
    assert watch(definitions(warehouse, **HOURLY), instance).asset_events == []


@pytest.mark.parametrize(("age", "passed"), [("1 minute", True), ("3 hours", False)])
def test_the_check_can_be_run_alone(warehouse: Warehouse, instance: dg.DagsterInstance, age: str, passed: bool) -> None:
    warehouse.load([{"id": 1}], **HOURLY)
    pass_by(warehouse, age)
    defs = definitions(warehouse, schedule={"every": "1h"}, checks={"freshness": "error", "duplicates": "off"})
    job = defs.resolve_implicit_global_asset_job_def()
    alone = job.get_subset(asset_selection=set(), asset_check_selection={KEY})
    result = alone.execute_in_process(instance=instance, raise_on_error=False)
    (evaluation,) = result.get_asset_check_evaluations()
    assert (evaluation.passed, evaluation.severity) == (passed, dg.AssetCheckSeverity.ERROR)


def test_a_load_of_another_endpoint_makes_no_table_fresh(warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
    warehouse.load([{"id": 1}], **HOURLY)
    pass_by(warehouse, "3 hours")
    warehouse.load([{"id": 1}], name="others", **HOURLY)
    job = definitions(warehouse, **HOURLY).resolve_implicit_global_asset_job_def()
    alone = job.get_subset(asset_selection=set(), asset_check_selection={KEY})
    (evaluation,) = alone.execute_in_process(instance=instance).get_asset_check_evaluations()
    assert not evaluation.passed


def test_a_load_ends_it(warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
    warehouse.load([{"id": 1}], **HOURLY)
    pass_by(warehouse, "3 hours")
    with serve([{"id": 1}]) as server:
        defs = definitions(warehouse, server.url, **HOURLY)
        watch(defs, instance)
        assert defs.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance).success
    found = recorded(instance)
    assert found is not None and found.passed


DAILY: dict[str, Any] = {
    "schedule": {"every": "24h", "enabled": True},
    "partitions_def": {"type": "daily", "start_date": "2024-01-01"},
    "params": {"day": "{partition.key}"},
}


@pytest.mark.parametrize(
    ("ago", "keys", "passed"),
    [(2, {}, False), (1, {}, True), (1, {"requests": "range", "primary_key": "id"}, True)],
    ids=["an old day", "the last day", "the last day of a range"],
)
def test_a_backfill_of_old_days_makes_no_table_fresh(
    warehouse: Warehouse, instance: dg.DagsterInstance, ago: int, keys: dict[str, Any], passed: bool
) -> None:
    # Just after midnight the last tick is not yet due: the day before counts then.
    due = last_due(Schedule(every=timedelta(days=1)), "UTC", datetime.now(UTC))
    last = due - timedelta(days=ago)
    start = last - timedelta(days=1) if keys else last
    tags = {
        "dagster/asset_partition_range_start": f"{start:%Y-%m-%d}",
        "dagster/asset_partition_range_end": f"{last:%Y-%m-%d}",
    }
    with serve([{"id": 1}]) as server:
        defs = definitions(warehouse, server.url, **DAILY, **keys)
        job = defs.resolve_implicit_global_asset_job_def()
        assert job.execute_in_process(instance=instance, tags=tags).success
    found = recorded(instance)
    assert found is not None and found.passed is passed
    assert passed or f"No load of {due - timedelta(days=1):%Y-%m-%d} has come since" in (found.description or "")


@pytest.mark.parametrize(
    ("keys", "there"),
    [
        ({}, False),
        (HOURLY, True),
        ({**HOURLY, "checks": {"freshness": "off"}}, False),
        ({**HOURLY, "checks": {"freshness": False}}, False),
        ({"schedule": {"every": "1h"}}, False),
        ({"schedule": {"every": "1h"}, "checks": {"freshness": "warn"}}, True),
        ({"source": HOURLY}, True),
        ({"source": {**HOURLY, "checks": {"freshness": "off"}}}, False),
    ],
)
def test_it_is_there_where_a_schedule_is(warehouse: Warehouse, keys: dict[str, Any], there: bool) -> None:
    defs = build_definitions(source_spec("http://h", **keys), PaginatorIOManager(destination=warehouse.url))
    assert (KEY in defs.resolve_asset_graph().asset_check_keys) is there
    assert [(found.name, found.default_status) for found in defs.sensors or []] == [
        ("shop_freshness", dg.DefaultSensorStatus.RUNNING)
    ] * there


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "zone", "now", "due"),
    [
        ("0 * * * *", "UTC", "2024-01-05 10:59", "2024-01-05 09:00"),
        ("0 0 * * *", "UTC", "2024-01-05 01:59", "2024-01-04 00:00"),
        ("0 0 * * *", "UTC", "2024-01-05 02:00", "2024-01-05 00:00"),
        ("30 6 * * 1-5", "UTC", "2024-01-08 08:00", "2024-01-05 06:30"),
        ("30 6 * * 1-5", "UTC", "2024-01-08 09:00", "2024-01-08 06:30"),
        ("0 3 * * *", "America/New_York", "2024-03-10 12:00", "2024-03-10 07:00"),
        ("0 3 * * *", "America/New_York", "2024-03-09 12:00", "2024-03-09 08:00"),
    ],
)
def test_a_load_is_due_two_hours_after_its_tick_or_at_the_next(cron: str, zone: str, now: str, due: str) -> None:
    assert last_due(Schedule(cron=cron), zone, moment(now)) == moment(due)
