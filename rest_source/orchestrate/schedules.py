"""Schedules from the ingestion frequency: one job and one schedule per source and cadence."""

import re
from collections.abc import Iterator, Sequence

import dagster as dg

from rest_source.orchestrate.assets import asset_key
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.schedule import Schedule
from rest_source.spec.source import SourceSpec

_ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
_UNENDED = [status for status in dg.DagsterRunStatus if status not in _ENDED]


def build_schedules(source: SourceSpec, executor: dg.ExecutorDefinition) -> list[dg.ScheduleDefinition]:
    """The schedules of a source, each with its job; none where no frequency is set.

    One job for each endpoint would be simpler to read, but Dagster resolves every job against the whole
    graph, which takes seconds for a thousand endpoints.
    """
    return [_schedule(source, name, schedule, group, executor) for name, schedule, group in _cadences(source)]


def _cadences(source: SourceSpec) -> Iterator[tuple[str, Schedule, list[EndpointSpec]]]:
    """Each cadence with a name that does not depend on the order of the endpoints."""
    groups: dict[Schedule, list[EndpointSpec]] = {}
    for endpoint in source.endpoints:
        schedule = endpoint.schedule or source.schedule
        if schedule:
            groups.setdefault(schedule, []).append(endpoint)
    for schedule, group in groups.items():
        zone = f"_{re.sub('[^A-Za-z0-9]+', '_', schedule.timezone)}" if schedule.timezone else ""
        switched = schedule.model_copy(update={"enabled": False}) in groups and schedule.enabled
        yield f"{source.name}_{schedule.cadence}{zone}{'_enabled' if switched else ''}", schedule, group


def _schedule(
    source: SourceSpec,
    name: str,
    schedule: Schedule,
    endpoints: Sequence[EndpointSpec],
    executor: dg.ExecutorDefinition,
) -> dg.ScheduleDefinition:
    job = dg.define_asset_job(
        name,
        selection=dg.AssetSelection.assets(*(asset_key(source, endpoint) for endpoint in endpoints)),
        description=f"Loads {len(endpoints)} endpoints of {source.name}.",
        executor_def=executor,
        tags={"rest_source/source": source.name},
    )

    @dg.schedule(
        name=f"{name}_schedule",
        job=job,
        cron_schedule=schedule.cron_line,
        execution_timezone=schedule.timezone or source.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING if schedule.enabled else dg.DefaultScheduleStatus.STOPPED,
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        unended = dg.RunsFilter(job_name=name, statuses=_UNENDED)
        running = context.instance.get_runs(filters=unended, limit=1)
        if running:
            return dg.SkipReason(f"The last run ({running[0].run_id}) has not ended.")
        return dg.RunRequest()

    return tick
