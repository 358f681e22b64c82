"""Schedules from the ingestion frequency: one job and one schedule per source, cadence and partitions."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import dagster as dg

from rest_source.orchestrate.assets import asset_key
from rest_source.orchestrate.partitions import RANGE_END, RANGE_START, latest_keys, partitions_definition
from rest_source.orchestrate.run_workers import unended_run
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.schedule import Schedule
from rest_source.spec.source import SourceSpec


def build_schedules(source: SourceSpec, executor: dg.ExecutorDefinition) -> list[dg.ScheduleDefinition]:
    """The schedules of a source, each with its job; none where no frequency is set.

    One job for each endpoint would be simpler to read, but Dagster resolves every job against the whole
    graph, which takes seconds for a thousand endpoints.
    """
    return [_schedule(source, name, schedule, group, executor) for name, schedule, group in _cadences(source)]


@dataclass(frozen=True, slots=True)
class Cadence:
    """What the endpoints of one job have in common: when they are loaded, and by which partitions."""

    schedule: Schedule
    partitions: str = ""

    @property
    def name(self) -> str:
        """A name made of letters, digits and underscores, which does not depend on the order of the endpoints."""
        zone, last = self.schedule.timezone, self.schedule.refresh_last
        parts = [self.schedule.cadence, *([_word(zone)] if zone else [])]
        if self.partitions:
            parts += [json.loads(self.partitions)["type"], sha256(self.partitions.encode()).hexdigest()[:6]]
        return "_".join([*parts, *([f"last_{last}"] if last > 1 else [])])

    def switched(self, enabled: bool) -> "Cadence":
        """The same cadence, switched on or off."""
        return replace(self, schedule=self.schedule.model_copy(update={"enabled": enabled}))


def _word(zone: str) -> str:
    """A time zone in letters, digits and underscores; Etc/GMT+1 and Etc/GMT-1 are two."""
    return re.sub("[^A-Za-z0-9]+", "_", zone.replace("+", "_plus_").replace("GMT-", "GMT_minus_"))


def _cadences(source: SourceSpec) -> Iterator[tuple[str, Schedule, list[EndpointSpec]]]:
    groups: dict[Cadence, list[EndpointSpec]] = {}
    for endpoint in source.endpoints:
        schedule, partitions = endpoint.schedule or source.schedule, endpoint.partitions_def
        if schedule:
            cadence = Cadence(schedule, partitions.model_dump_json() if partitions else "")
            groups.setdefault(cadence, []).append(endpoint)
    for cadence, group in groups.items():
        both = cadence.schedule.enabled and cadence.switched(False) in groups
        yield f"{source.name}_{cadence.name}{'_enabled' if both else ''}", cadence.schedule, group


def _schedule(
    source: SourceSpec,
    name: str,
    schedule: Schedule,
    endpoints: Sequence[EndpointSpec],
    executor: dg.ExecutorDefinition,
) -> dg.ScheduleDefinition:
    partitioned = endpoints[0].partitions_def
    partitions = partitions_definition(source, partitioned) if partitioned else None
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
    def tick(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        if running := unended_run(context.instance, name):
            return dg.SkipReason(f"The last run ({running.run_id}) has not ended.")
        if partitions is None:
            return [dg.RunRequest()]
        keys = latest_keys(partitions, schedule.refresh_last, context.scheduled_execution_time)
        return _requests(partitions, keys) or dg.SkipReason("No partition is complete yet.")

    return tick


def _requests(partitions: dg.PartitionsDefinition[str], keys: Sequence[str]) -> list[dg.RunRequest]:
    """One run for partitions that follow one another, else one for each."""
    if len(keys) > 1 and isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return [dg.RunRequest(tags={RANGE_START: keys[0], RANGE_END: keys[-1]})]
    return [dg.RunRequest(partition_key=key) for key in keys]
