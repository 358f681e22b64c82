"""Our errors as Dagster's: one readable paragraph, with its parts as metadata, retried only where that can help."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError

from rest_source.errors import RestSourceError


@contextmanager
def explained() -> Iterator[None]:
    """Turn a RestSourceError, or a termination, inside the block into a `dg.Failure`."""
    try:
        yield
    except RestSourceError as error:
        raise dg.Failure(str(error), metadata={"error": error.to_dict()}, allow_retries=error.retryable) from error
    except DagsterExecutionInterruptedError as interrupt:
        # Without this a retry policy would start the step again instead of letting the run end.
        raise dg.Failure("The run was terminated; the table is as it was.", allow_retries=False) from interrupt
