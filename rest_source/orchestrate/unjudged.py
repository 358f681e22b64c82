"""Checks that a run planned and never came to keep their last verdict, where Dagster would show them as failed."""

from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager, suppress

import dagster as dg
from dagster._core.execution.context.system import StepExecutionContext
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES as JUDGED,
)
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

_LAST = "last_verdict"
"""The key of a verdict's metadata that holds the words of the one that it repeats."""
_NEVER = "The check has never judged."


@contextmanager
def checks_keep_their_verdicts(step: StepExecutionContext, key: dg.AssetKey) -> Iterator[None]:
    """Where the block that loads an asset fails, leave its checks, and those of what depends on it, as they were."""
    try:
        yield
    except dg.RetryRequested:
        raise
    except BaseException as error:
        ended = "failed" if isinstance(error, Exception) else "was interrupted"
        with suppress(Exception):  # the error of the load is what matters
            _keep(step, {key, *_below(step, key)}, f"the load of {key.to_user_string()} {ended}")
        raise


def keep_verdicts_below(step: StepExecutionContext, key: dg.AssetKey) -> None:
    """Leave the checks of what depends on an asset as they were, as a blocking check of the asset has failed."""
    _keep(step, _below(step, key), f"a blocking check of {key.to_user_string()} failed")


def keep_verdicts_of_run(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Leave the checks that a run planned as they were, as its process is gone."""
    planned = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED)
    events = [entry.dagster_event for entry in planned if entry.dagster_event]
    _tell(instance, run, [event.asset_check_planned_data.asset_check_key for event in events], "the run was killed")


def _below(step: StepExecutionContext, key: dg.AssetKey) -> Set[dg.AssetKey]:
    """The assets that depend on one, however far."""
    graph = step.job_def.asset_layer.asset_graph
    found: set[dg.AssetKey] = set()
    ahead = {key}
    while ahead:
        ahead = {child for one in ahead for child in graph.get(one).child_keys} - found
        found |= ahead
    return found


def _keep(step: StepExecutionContext, assets: Set[dg.AssetKey], reason: str) -> None:
    graph = step.job_def.asset_layer.asset_graph
    keys = [key for asset in assets for key in graph.get(asset).check_keys]
    _tell(step.instance, step.dagster_run, keys, reason)


def _tell(instance: dg.DagsterInstance, run: dg.DagsterRun, keys: Sequence[dg.AssetCheckKey], reason: str) -> None:
    storage = instance.event_log_storage
    for key, record in storage.get_latest_asset_check_execution_by_key(keys).items():
        if record.run_id == run.run_id and record.status == AssetCheckExecutionRecordStatus.PLANNED:
            before = storage.get_asset_check_execution_history(key, limit=1, status=JUDGED)
            evaluation = _again(key, before[0].evaluation if before else None, reason)
            event = dg.DagsterEvent(
                event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
                job_name=run.job_name,
                event_specific_data=evaluation,
                message=f"Asset check '{key.name}' on '{key.asset_key.to_user_string()}': {evaluation.description}",
            )
            instance.report_dagster_event(event, run.run_id)


def _again(key: dg.AssetCheckKey, last: dg.AssetCheckEvaluation | None, reason: str) -> dg.AssetCheckEvaluation:
    """The last verdict once more, which says that it is the last."""
    told = _NEVER
    if last is not None:
        told = str(last.metadata[_LAST].value) if _LAST in last.metadata else f"Its last verdict: {last.description}"
    return dg.AssetCheckEvaluation(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=last is None or last.passed,
        severity=last.severity if last else dg.AssetCheckSeverity.WARN,
        description=f"Not judged, as {reason}. {told}",
        metadata={_LAST: told},
        target_materialization_data=last.target_materialization_data if last else None,
        blocking=last.blocking if last else None,
    )
