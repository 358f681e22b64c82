"""Our errors as Dagster's: one readable paragraph with its parts as metadata, retried only where that can help."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import dagster as dg
from dagster._core.execution.context.system import StepExecutionContext

from rest_source.errors import RestSourceError
from rest_source.http.errors import RetryLater

RETRIES_LATER = 3
_WORDS = ("what", "where", "likely cause", "what to do")
_terminated: set[str] = set()
"""The runs of this process that were terminated."""


@contextmanager
def terminable(step: StepExecutionContext, stop: Callable[[], None]) -> Iterator[None]:
    """`stop` what the block has begun where the run is interrupted; one that a person terminates ends.

    With a retry policy Dagster would repeat the step even then, and run the next ones.
    """
    if step.run_id in _terminated:
        raise _was_terminated()
    try:
        yield
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError) as error:
        stop()
        run = step.instance.get_run_by_id(step.run_id)
        if step.op_retry_policy is None or run is None or run.status != dg.DagsterRunStatus.CANCELING:
            raise
        _terminated.add(step.run_id)
        raise _was_terminated() from error


def _was_terminated() -> dg.Failure:
    return dg.Failure("The run was terminated.", allow_retries=False)


@contextmanager
def explained(
    facts: Callable[[], Mapping[str, Any]] = dict,
    come_back: bool = True,
    clean: Callable[[BaseException], None] = lambda error: None,
    say: Callable[[str], None] = lambda told: None,
    where: str = "",
) -> Iterator[None]:
    """Turn a RestSourceError inside the block into a `dg.Failure`, with what is known of the load by then.

    Where the API asks to be left alone for longer than a load may wait, Dagster is asked to `come_back`. `clean`
    masks secrets in whatever is raised, as Dagster keeps its text and that of what caused it. A RestSourceError says
    all there is to know: it comes without a traceback, and `say` writes it into the log of the run by itself. One that
    names no place happened `where` the block is.
    """
    try:
        yield
    except Exception as error:
        clean(error)
        if not isinstance(error, RestSourceError):
            raise
        if isinstance(error, RetryLater) and come_back:
            raise dg.RetryRequested(max_retries=RETRIES_LATER, seconds_to_wait=error.seconds) from error
        error.where = error.where or where
        say(str(error))
        metadata = {**_in_words(error), "error": error.to_dict(), **facts()}
        raise dg.Failure(str(error), metadata=metadata, allow_retries=error.retryable) from None


@contextmanager
def shown_on(key: dg.AssetKey, log_event: Callable[[dg.AssetObservation], None]) -> Iterator[None]:
    """Show a failure of the block on the page of the asset too, where Dagster says only that it has failed.

    The next materialization takes its place there.
    """
    try:
        yield
    except dg.Failure as failure:
        if words := {name: failure.metadata[name] for name in _WORDS if name in failure.metadata}:
            with suppress(Exception):  # the failure is what matters
                log_event(dg.AssetObservation(key, metadata=words))
        raise


def _in_words(error: RestSourceError) -> dict[str, str]:
    parts = zip(_WORDS, (error.message, error.where, error.cause, error.remedy), strict=True)
    return {name: text for name, text in parts if text}
