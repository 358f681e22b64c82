"""DuckDB's errors as ours: what it said, and what a person can do about it."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from rest_source.errors import RestSourceError


@contextmanager
def explain(id: str, subject: str, where: str) -> Iterator[None]:
    """Turn an error of DuckDB inside the block into a RestSourceError about `subject`."""
    try:
        yield
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        cause, remedy, retryable = _explanation(error)
        raise RestSourceError(
            id, f"{subject}: {said}", where=where, cause=cause, remedy=remedy, retryable=retryable
        ) from error


def _explanation(error: duckdb.Error) -> tuple[str, str, bool]:
    if isinstance(error, duckdb.OutOfMemoryException):
        return "There is too little memory, or too little disk for what does not fit.", "Free some disk.", True
    if isinstance(error, duckdb.OperationalError):
        return "The disk is full or failing, or its rights changed.", "Free some disk, then run again.", True
    return (
        "A table there is not as this program made it: another program created or changed it.",
        "Rename that table (the load makes a new one), or give the endpoint another name.",
        False,
    )
