"""The check `freshness`: whether loads keep coming as the schedule asks for them.

Right after a load it can only pass. What tells that loads have stopped is a sensor, which judges at all times and
reports the check without a run.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from rest_source.load.destination import Destination, LastLoad
from rest_source.load.system import last_loads
from rest_source.orchestrate.assets import asset_key
from rest_source.orchestrate.failures import explained
from rest_source.orchestrate.io_manager import PaginatorIOManager
from rest_source.orchestrate.partitions import latest_keys, partitions_definition
from rest_source.orchestrate.resource import RestApi
from rest_source.orchestrate.verdict import NOTHING_LOADED, Case, Verdict
from rest_source.spec.asset import Checks, Level
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.schedule import Schedule
from rest_source.spec.source import SourceSpec

FRESHNESS = "freshness"
GRACE = timedelta(hours=2)
"""How long after a tick its load may be missing, where the next tick does not come before."""
_EVERY = 300
_BEGINNING = "2000-01-01"
_SHOWN = 5


def freshness_level(source: SourceSpec, endpoint: EndpointSpec) -> Level | None:
    """How loud the check is; off without a schedule, and unless the file names it, where the file leaves that off."""
    schedule = endpoint.schedule or source.schedule
    if schedule is None:
        return "off"
    return (endpoint.checks or Checks()).over(source.checks).freshness or ("warn" if schedule.enabled else "off")


def judge_freshness(case: Case) -> Verdict:
    """A load has come for the last tick of the schedule; of partitions of time, the newest has."""
    endpoint = case.endpoint
    return judge_all(case.destination, case.source, [endpoint], datetime.now(UTC))[endpoint.name]


def build_freshness_sensors(source: SourceSpec, io_manager: PaginatorIOManager) -> list[dg.SensorDefinition]:
    """The sensor of a source that reports its checks `freshness` when they change; none where there is no such check.

    It is on from the start: what watches that something runs must not have to be started like it.
    """
    levels = {endpoint.name: freshness_level(source, endpoint) for endpoint in source.endpoints}
    watched = [endpoint for endpoint in source.endpoints if levels[endpoint.name] != "off"]
    if not watched:
        return []

    @dg.sensor(
        name=f"{source.name}_freshness",
        description=f"Reports whether {len(watched)} endpoints of {source.name} are loaded as their schedules ask.",
        minimum_interval_seconds=_EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def watch(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        known = set(json.loads(context.cursor or "[]"))
        with explained(clean=RestApi(source).clean):
            verdicts = judge_all(io_manager.open(), source, watched, datetime.now(UTC))
        overdue = [name for name, verdict in verdicts.items() if verdict.wrong]
        changed = [endpoint for endpoint in watched if (endpoint.name in overdue) != (endpoint.name in known)]
        return dg.SensorResult(
            asset_events=[
                _evaluation(source, endpoint, levels[endpoint.name], verdicts[endpoint.name]) for endpoint in changed
            ],
            skip_reason=_summary(overdue, len(watched)),
            cursor=json.dumps(overdue),
        )

    return [watch]


def judge_all(
    destination: Destination, source: SourceSpec, endpoints: Sequence[EndpointSpec], now: datetime
) -> Mapping[str, Verdict]:
    """What the checks of several endpoints say, by their names, with one look at the destination."""
    expected = {endpoint.name: Expected.of(source, endpoint, now) for endpoint in endpoints}
    with destination.reading() as session:
        loads = last_loads(session, source.name, min(one.since for one in expected.values()))
    return {name: one.judge([load for load in loads if load.endpoint == name]) for name, one in expected.items()}


@dataclass(frozen=True, slots=True)
class Expected:
    """The load that should be there: one since a tick, of each of the `partitions` where the endpoint has them.

    Of an endpoint that is asked for `ranges`, one of the partitions stands for all.
    """

    since: datetime
    cron: str
    partitions: frozenset[str] | None
    ranges: bool

    @classmethod
    def of(cls, source: SourceSpec, endpoint: EndpointSpec, now: datetime) -> "Expected":
        """What the schedule of an endpoint should have brought by now."""
        schedule, partitions = endpoint.schedule or source.schedule, endpoint.partitions_def
        assert schedule is not None
        tick = last_due(schedule, schedule.timezone or source.timezone, now)
        keys = None
        if partitions is not None:
            keys = frozenset(latest_keys(partitions_definition(source, partitions), 1, tick))
        return cls(tick, schedule.cron_line, keys, endpoint.requests == "range")

    def judge(self, loads: Sequence[LastLoad]) -> Verdict:
        """Whether the load is there, among those of the endpoint."""
        if not loads:
            return NOTHING_LOADED
        newest = max(load.at for load in loads)
        figures = {"last_load": f"{newest:%Y-%m-%dT%H:%M:%SZ}", "expected_since": f"{self.since:%Y-%m-%dT%H:%M:%SZ}"}
        missing = self._missing({load.partition.rpartition("...")[2] for load in loads if load.at >= self.since})
        if missing is None:
            return Verdict(None, f"Loaded as scheduled, last at {newest:%Y-%m-%d %H:%M} UTC.", figures)
        wrong = (
            f"No load{missing} has come since {self.since:%Y-%m-%d %H:%M} UTC, when the schedule ({self.cron}) asked "
            f"for one; the last of any was committed at {newest:%Y-%m-%d %H:%M} UTC. See whether the schedule is "
            "switched on, whether Dagster's daemon runs, and what the last runs say."
        )
        return Verdict(wrong, "", figures)

    def _missing(self, loaded: set[str]) -> str | None:
        """Of what no load has come, as a part of a sentence; None where all is there."""
        if self.partitions is None:
            return None if loaded else ""
        missing = sorted(self.partitions - loaded)
        if not missing or (self.ranges and self.partitions & loaded):
            return None
        return f" of {', '.join(missing[:_SHOWN])}{', …' if len(missing) > _SHOWN else ''}"


def last_due(schedule: Schedule, zone: str, now: datetime) -> datetime:
    """The last tick whose load should be there: two hours old, or followed by another."""
    ticks = dg.TimeWindowPartitionsDefinition(
        start=_BEGINNING, fmt="%Y-%m-%d", cron_schedule=schedule.cron_line, timezone=zone
    )
    with dg.partition_loading_context(effective_dt=now):
        between = ticks.get_last_partition_window()
    assert between is not None
    tick = between.end if now - between.end >= GRACE else between.start
    return tick.astimezone(UTC)


def _evaluation(
    source: SourceSpec, endpoint: EndpointSpec, level: Level | None, verdict: Verdict
) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=asset_key(source, endpoint),
        check_name=FRESHNESS,
        passed=verdict.wrong is None,
        severity=dg.AssetCheckSeverity.ERROR if level == "error" else dg.AssetCheckSeverity.WARN,
        description=verdict.wrong or verdict.right,
        metadata={name: dg.MetadataValue.text(value) for name, value in verdict.metadata.items()},
    )


def _summary(overdue: Sequence[str], watched: int) -> str:
    shown = f" ({', '.join(overdue[:_SHOWN])}{', …' if len(overdue) > _SHOWN else ''})" if overdue else ""
    return f"{len(overdue)} of {watched} endpoints are overdue{shown}."
