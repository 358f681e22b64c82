"""Connections to a DuckDB file that several threads and processes want at once.

DuckDB lets one process write. Connections are therefore short, one at a time within this process, and wait
for other processes with a word on whom they wait for. The file is attached under a name of ours: called by its
own, shop.duckdb, it could not be told apart from a schema `shop` inside it.
"""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import duckdb

from rest_source.errors import RestSourceError
from rest_source.load.destination import Announce
from rest_source.load.engine import config, explain, literal, open_engine

WAIT_SECONDS = 600.0
_POLL_SECONDS = 0.1
_ANNOUNCE_AFTER = 1.0
DATABASE = "destination"
_locks: dict[str, threading.RLock] = {}


@contextmanager
def connect(path: Path, announce: Announce, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that no other thread of this process shares; waits up to ten minutes for all others together.

    Closing it rolls an open transaction back.
    """
    path = path.resolve()  # one lock for all the names of a file
    if not read_only:
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")  # readers of several processes may spill at once
    with _turn(path, announce) as started, open_engine(config=config(temporary)) as con:
        _attach(con, path, announce, read_only, started)
        with explain(
            "destination_failed",
            f"The DuckDB file {path.name}",
            str(path),
            cause="A table there is not as this program made it: another program created or changed it.",
            remedy="Rename that table (the load makes a new one), or give the endpoint another name.",
        ):
            con.execute(f"USE {DATABASE}")
            con.execute("SET TimeZone = 'UTC'")
            yield con


@contextmanager
def _turn(path: Path, announce: Announce) -> Iterator[float]:
    """The file for this thread alone, within the process; yields when the wait began."""
    lock, started = _locks.setdefault(str(path), threading.RLock()), monotonic()
    if not lock.acquire(timeout=min(_ANNOUNCE_AFTER, WAIT_SECONDS)):
        announce(f"Waiting for another load of this process, which has {path.name} open.")
        if not lock.acquire(timeout=max(0.0, started + WAIT_SECONDS - monotonic())):
            raise _unavailable(path, "another load of this process has it open", "Another load of this process")
    try:
        yield started
    finally:
        lock.release()


def _attach(con: duckdb.DuckDBPyConnection, path: Path, announce: Announce, read_only: bool, started: float) -> None:
    announced = False
    while True:
        try:
            con.execute(f"ATTACH {literal(str(path))} AS {DATABASE}" + (" (READ_ONLY)" if read_only else ""))
            return
        except duckdb.Error as error:
            waited = monotonic() - started
            if not _is_locked(error) or waited >= WAIT_SECONDS:
                holder = _holder(error) if _is_locked(error) or _is_ours(error) else None
                raise _unavailable(path, str(error).splitlines()[0], holder) from error
            if waited >= _ANNOUNCE_AFTER and not announced:
                announce(f"Waiting for {_holder(error)}, which has {path.name} open.")
                announced = True
            sleep(_POLL_SECONDS)


def _is_locked(error: duckdb.Error) -> bool:
    return isinstance(error, duckdb.IOException) and "Could not set lock" in str(error)


def _is_ours(error: duckdb.Error) -> bool:
    return "Unique file handle conflict" in str(error)


def _holder(error: duckdb.Error) -> str:
    if _is_ours(error):
        return "this very process"
    match = re.search(r"held in (.+?) \(PID (\d+)\)", str(error))
    return f"process {match[2]} ({Path(match[1]).name})" if match else "another process"


def _unavailable(path: Path, said: str, holder: str | None) -> RestSourceError:
    return RestSourceError(
        "destination_locked" if holder else "destination_unavailable",
        f"The DuckDB file {path.name} cannot be opened: {said}",
        where=str(path),
        cause=f"{holder} keeps it open." if holder else "The file, its folder or its rights are not in order.",
        remedy="Close it (an open DuckDB shell or notebook blocks every load), then run again."
        if holder
        else "Check the path in REST_SOURCE_DESTINATION and the rights of its folder.",
        retryable=holder is not None,
    )
