"""Connections to a PostgreSQL server, the turns that loads of one table take, and what its errors mean."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256

import psycopg
from psycopg import IsolationLevel, errors

from rest_source.errors import RestSourceError
from rest_source.load.destination import Announce

Connection = psycopg.Connection[tuple[object, ...]]
WAIT_SECONDS = 600
_SETTINGS = {
    "application_name": "rest_source",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "client_encoding": "utf8",
}
_RETRYABLE = ("08", "40", "53", "55", "57", "58")
"""Classes of SQLSTATE: connection, conflict with another transaction, resources, locks, intervention, system."""
_REFUSED = ("28", "3D")
"""Classes of SQLSTATE: a wrong user or password, a database that does not exist."""


@contextmanager
def connect(url: str, shown: str) -> Iterator[Connection]:
    """A connection in autocommit mode; `shown` is its URL as it may be told."""
    with explained(shown):
        settings = {name: value for name, value in _SETTINGS.items() if f"{name}=" not in url}
        with psycopg.connect(url, autocommit=True, **settings) as con:  # type: ignore[arg-type]
            con.isolation_level = IsolationLevel.READ_COMMITTED
            con.execute("SET TimeZone = 'UTC'")
            con.execute("SET DateStyle = 'ISO'")
            con.execute("SET jit = off")
            yield con


def take_turn(con: Connection, table: str, announce: Announce) -> None:
    """Hold a table for the open transaction alone; waits up to ten minutes for another load, and says for whom."""
    key = int.from_bytes(sha256(f"rest_source {table}".encode()).digest()[:8], signed=True)
    con.execute(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'".encode())
    if con.execute("SELECT pg_try_advisory_xact_lock(%s)", [key]).fetchone() == (False,):
        announce(f"Waiting for {_holder(con, key)}, which is loading {table}.")
        con.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def _holder(con: Connection, key: int) -> str:
    row = con.execute(
        "SELECT a.pid, a.client_addr, to_char(a.xact_start, 'HH24:MI:SS') "
        "FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND l.granted "
        "AND (CAST(l.classid AS BIGINT) << 32) | CAST(l.objid AS BIGINT) = %s LIMIT 1",
        [key],
    ).fetchone()
    if row is None:
        return "another load"
    pid, address, started = row
    return f"another load (server process {pid}, from {address or 'this machine'}, since {started or '?'} UTC)"


@contextmanager
def explained(shown: str) -> Iterator[None]:
    """Turn an error of PostgreSQL inside the block into a RestSourceError."""
    try:
        yield
    except psycopg.Error as error:
        raise _explanation(error, shown) from error


def _explanation(error: psycopg.Error, shown: str) -> RestSourceError:
    state, said = error.sqlstate or "", _said(error)
    if isinstance(error, errors.LockNotAvailable):
        return RestSourceError(
            "destination_locked",
            f"Waited more than ten minutes for a lock in PostgreSQL: {said}",
            where=shown,
            cause="Another load of the table has not ended, or somebody's open transaction holds the table.",
            remedy="Wait for the other load, or end that transaction (pg_stat_activity shows it), then run again.",
            retryable=True,
        )
    if isinstance(error, errors.ProgramLimitExceeded):
        return RestSourceError(
            "too_many_columns",
            f"A row does not fit a page of PostgreSQL: {said}",
            where=shown,
            cause="The table has too many columns: a row's fixed parts must fit 8 kB.",
            remedy="Keep nested fields together with `nested: json`, or `exclude` some.",
        )
    if state.startswith(_RETRYABLE) or (isinstance(error, psycopg.OperationalError) and not _is_refused(error)):
        return RestSourceError(
            "destination_unavailable",
            f"PostgreSQL cannot be reached, or gave up: {said}",
            where=shown,
            cause="The server is down, restarts, is out of resources, or the network between is broken.",
            remedy="Run again when the server is back: what was read is kept, and the load goes on with it.",
            retryable=True,
        )
    if _is_refused(error):
        return RestSourceError(
            "destination_unavailable",
            f"PostgreSQL refuses the connection: {said}",
            where=shown,
            cause="User, password or database in the URL are not those of the server.",
            remedy="Check REST_SOURCE_DESTINATION; create the database if it does not exist.",
        )
    if isinstance(error, errors.InsufficientPrivilege):
        return RestSourceError(
            "destination_failed",
            f"PostgreSQL denies it: {said}",
            where=shown,
            cause="The user of the URL lacks a right.",
            remedy="Grant it CREATE and TEMPORARY on the database, and its own tables.",
        )
    return RestSourceError(
        "destination_failed",
        f"PostgreSQL: {said}",
        where=shown,
        cause="A table there is not as this program made it, as another program created or changed it; or a record "
        "holds a value that PostgreSQL cannot take.",
        remedy="Rename that table (the load makes a new one), or fix the type `text` for the column with `columns`.",
    )


def _is_refused(error: psycopg.Error) -> bool:
    """Whether the server turned the connection down; libpq gives no SQLSTATE for that, only the server's words."""
    words = ("authentication failed", "does not exist", "no pg_hba.conf entry", "no password supplied", "invalid ")
    return (error.sqlstate or "").startswith(_REFUSED) or (
        error.sqlstate is None and any(word in str(error) for word in words)
    )


def _said(error: psycopg.Error) -> str:
    with suppress(Exception):
        if error.diag.message_primary:
            return error.diag.message_primary
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
