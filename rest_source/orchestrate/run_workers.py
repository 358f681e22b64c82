"""Runs that have not ended by themselves: those whose process was killed together with whoever would tell."""

import time

import dagster as dg
import psutil
from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext
from dagster._core.launcher import DefaultRunLauncher
from dagster._core.storage.dagster_run import RunRecord
from dagster._core.storage.tags import GRPC_INFO_TAG, WILL_RETRY_TAG

from rest_source.orchestrate.unjudged import keep_verdicts_of_run

_START_SECONDS = 180.0
"""How long a run may take until it has a process; Dagster's own measure for that."""
_STEP_SECONDS = 60.0
"""How far a clock may be set meanwhile, by which the beginning of a process is reckoned."""
_GONE = (
    "The process of this run is gone, or never came to be: it was killed, or the machine was restarted. What was not "
    "committed is in no table; what the run had read is kept, and the next load goes on from there."
)
_UNENDED = [
    status
    for status in dg.DagsterRunStatus
    if status not in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
]


def unended_run(instance: dg.DagsterInstance, job: str) -> dg.DagsterRun | None:
    """A run of a job of this code location that goes on, or that Dagster starts again.

    Those that were killed are reported as failed, as nobody else would.
    """
    found = None
    for record in instance.get_run_records(dg.RunsFilter(job_name=job, statuses=_UNENDED)):
        if _is_elsewhere(record.dagster_run):
            continue
        if _goes_on(instance, record):
            found = record.dagster_run
        elif _has_failed(instance, record.dagster_run.run_id):
            found = instance.get_run_by_id(record.dagster_run.run_id)
    return found


def _is_elsewhere(run: dg.DagsterRun) -> bool:
    """Whether a run is of another code location, which may have a job of the same name."""
    here = DefinitionsLoadContext.get().code_location_name
    there = run.remote_job_origin.location_name if run.remote_job_origin else None
    return None not in (here, there) and here != there


def _has_failed(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Report a run without a process as failed, unless it has ended meanwhile; whether Dagster will start it again."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return False
    instance.report_run_failed(run, _GONE)
    keep_verdicts_of_run(instance, run)
    if instance.event_log_storage.supports_global_concurrency_limits:
        instance.event_log_storage.free_concurrency_slots_for_run(run_id)
    failed = instance.get_run_by_id(run_id)
    return failed is not None and failed.tags.get(WILL_RETRY_TAG) == "true"


def _goes_on(instance: dg.DagsterInstance, record: RunRecord) -> bool:
    """Whether a run has a process, or will have one; where this process cannot tell, it has.

    Only what was launched on this machine can be looked at. Other launchers have the daemon's run monitoring for that.
    """
    run = record.dagster_run
    is_local = isinstance(instance.run_launcher, DefaultRunLauncher) and GRPC_INFO_TAG in run.tags
    if run.status == dg.DagsterRunStatus.QUEUED or not is_local:
        return True
    started = _process(instance, run.run_id)
    if started is None:
        return time.time() - record.update_timestamp.timestamp() < _START_SECONDS
    return _is_alive(*started)


def _process(instance: dg.DagsterInstance, run_id: str) -> tuple[int, float] | None:
    """The process of a run on this machine, and when it was known to be alive, in epoch seconds."""
    for entry in reversed(instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)):
        event = entry.dagster_event
        pid = event.engine_event_data.metadata.get("pid") if event and not event.step_key else None
        if pid is not None:
            return int(str(pid.value)), entry.timestamp
    return None


def _is_alive(pid: int, moment: float) -> bool:
    """Whether the process that had this number at that moment still has it."""
    try:
        process = psutil.Process(pid)
        return bool(process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= moment + _STEP_SECONDS)
    except psutil.NoSuchProcess:
        return False
