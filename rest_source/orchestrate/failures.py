"""Our errors as Dagster's: one readable paragraph with its parts as metadata, retried only where that can help."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg

from rest_source.errors import RestSourceError


@contextmanager
def explained(facts: Callable[[], Mapping[str, Any]] = dict) -> Iterator[None]:
    """Turn a RestSourceError inside the block into a `dg.Failure`, with what is known of the load by then."""
    try:
        yield
    except RestSourceError as error:
        metadata = {"error": error.to_dict(), **facts()}
        raise dg.Failure(str(error), metadata=metadata, allow_retries=error.retryable) from error
