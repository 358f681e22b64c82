"""Our errors as Dagster's: one readable paragraph with its parts as metadata, retried only where that can help."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from rest_source.errors import RestSourceError


@contextmanager
def explained() -> Iterator[None]:
    """Turn a RestSourceError inside the block into a `dg.Failure`."""
    try:
        yield
    except RestSourceError as error:
        metadata = {"error": error.to_dict()}
        raise dg.Failure(str(error), metadata=metadata, allow_retries=error.retryable) from error
