"""DuckDB's errors as ours: what it said, and what a person can do about it."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from rest_source.errors import RestSourceError


@contextmanager
def explain(id: str, subject: str, where: str, *, cause: str, remedy: str) -> Iterator[None]:
    """Turn an error of DuckDB inside the block into a RestSourceError about `subject`.

    `cause` and `remedy` are told where neither memory nor disk is to blame.
    """
    try:
        yield
    except duckdb.Error as error:
        said, retryable = str(error).splitlines()[0], False
        if isinstance(error, duckdb.OutOfMemoryException):
            cause = "There is too little memory, or too little disk for what does not fit."
            remedy, retryable = "Free some disk.", True
        elif isinstance(error, duckdb.OperationalError):
            cause = "The disk is full or failing, or its rights changed."
            remedy, retryable = "Free some disk, then run again.", True
        raise RestSourceError(
            id, f"{subject}: {said}", where=where, cause=cause, remedy=remedy, retryable=retryable
        ) from error
