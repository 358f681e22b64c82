"""Runs that have not ended by themselves: those whose process was killed together with whoever would tell."""

import time

import dagster as dg
import psutil
from dagster._core.launcher import DefaultRunLauncher, WorkerStatus
from dagster._core.storage.dagster_run import RunRecord

_START_SECONDS = 180.0
"""How long a run may take until it has a process; Dagster's own measure for that."""
_GONE = (
    "The process of this run is gone: it was killed, or the machine was restarted. The table is as it was before; "
    "what the run had read is kept, and the next load goes on from there."
)
_UNENDED = [
    status
    for status in dg.DagsterRunStatus
    if status not in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
]


def unended_run(instance: dg.DagsterInstance, job: str) -> dg.DagsterRun | None:
    """A run of a job that goes on. Those that were killed are reported as failed, as nobody else would."""
    found = None
    for record in instance.get_run_records(dg.RunsFilter(job_name=job, statuses=_UNENDED)):
        if _goes_on(instance, record):
            found = record.dagster_run
        else:
            instance.report_run_failed(record.dagster_run, _GONE)
            if instance.event_log_storage.supports_global_concurrency_limits:
                instance.event_log_storage.free_concurrency_slots_for_run(record.dagster_run.run_id)
    return found


def _goes_on(instance: dg.DagsterInstance, record: RunRecord) -> bool:
    """Whether a run has a process, or will have one; where nobody can tell, it has."""
    run, launcher = record.dagster_run, instance.run_launcher
    if run.status == dg.DagsterRunStatus.QUEUED:
        return True
    if launcher.supports_check_run_worker_health:
        return launcher.check_run_worker_health(run).status in (WorkerStatus.RUNNING, WorkerStatus.UNKNOWN)
    if not isinstance(launcher, DefaultRunLauncher):
        return True
    started = _process(instance, run.run_id)
    if started is None:
        return time.time() - record.create_timestamp.timestamp() < _START_SECONDS
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
        return bool(process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= moment + 1)
    except psutil.NoSuchProcess:
        return False
