"""DuckDB as the engine of every load: its settings, its errors, and the SQL that stage and destination share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from rest_source.errors import RestSourceError

MEMORY_LIMIT = 128 * 2**20
_LONG = 2**20
_PER_THREAD = 32 * 2**20
_COPIES = 12  # a long line is held in a read buffer, as text, parsed, and as a value of two tables
_PER_COLUMN = 640 * 2**10  # a column being written holds one or two blocks of 256 KiB
DATE = r"\d{4}-\d\d-\d\d"
TIMESTAMP = (
    DATE + r"[Tt ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6}0{0,3})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)?"  # RFC 3339
)
_CALENDAR = "'0001-01-01T00:00:00Z' AND '9999-12-31T23:59:59.999999Z'"


def memory_limit(columns: int, longest_line: int) -> str:
    """The memory for tables so wide and records so long (in bytes), as DuckDB writes it; the number of rows is free."""
    needed = MEMORY_LIMIT // 2 + columns * _PER_COLUMN + longest_line * _COPIES
    return f"{max(MEMORY_LIMIT, needed) // 2**20}MiB"


def config(temporary: Path, columns: int = 0, longest_line: int = 0) -> dict[str, Any]:
    """DuckDB settings that keep a connection's memory flat; what does not fit goes to `temporary`."""
    return {
        "memory_limit": memory_limit(columns, longest_line),
        "threads": threads(longest_line),
        "temp_directory": str(temporary),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }


def open_engine(
    path: str = ":memory:", *, read_only: bool = False, config: dict[str, Any] | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection of DuckDB that shows no progress: its bar would be in the midst of what a command prints."""
    con = duckdb.connect(path, read_only, config or {})
    con.execute("SET enable_progress_bar = false")
    return con


def threads(longest_line: int = 0) -> int:
    """How many threads the memory is for: one where lines are so long that each takes a good part of it."""
    if longest_line > _LONG:
        return 1
    return max(1, min(os.cpu_count() or 1, 4, (MEMORY_LIMIT - 64 * 2**20) // _PER_THREAD))


def as_timestamp(expression: str) -> str:
    """A text as a timestamp or null; RFC 3339 allows a lower-case t and z, DuckDB's cast does not."""
    return f"TRY_CAST(upper({expression}) AS TIMESTAMPTZ)"


def is_instant(expression: str, pattern: str = TIMESTAMP) -> str:
    """Whether a text is a timestamp of RFC 3339 (or a date, by the pattern) of the years 1 to 9999 in UTC.

    That is the calendar of Python, pandas and Postgres.
    """
    valid = f"coalesce({as_timestamp(expression)} BETWEEN {_CALENDAR}, false)"
    return f"(regexp_full_match({expression}, '{pattern}') AND {valid})"


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def exists(con: duckdb.DuckDBPyConnection, table: str, condition: str) -> bool:
    """Whether a row of a table meets a condition."""
    return con.execute(f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1").fetchone() is not None


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
