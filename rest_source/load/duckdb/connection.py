"""Connections to a DuckDB file that several threads and processes want at once.

DuckDB lets one process write. Connections are therefore short, one at a time within this process, and wait
for other processes with a word on whom they wait for.
"""

import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import duckdb

from rest_source.errors import RestSourceError
from rest_source.load.destination import Announce
from rest_source.load.stage import config

WAIT_SECONDS = 600.0
_POLL_SECONDS = 0.1
_ANNOUNCE_AFTER = 1.0
_locks: defaultdict[Path, threading.RLock] = defaultdict(threading.RLock)


@contextmanager
def connect(path: Path, announce: Announce, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that no other thread of this process shares; waits up to ten minutes for other processes."""
    path = path.absolute()
    if not read_only:
        path.parent.mkdir(parents=True, exist_ok=True)
    with _locks[path]:
        con = _open(path, announce, read_only)
        try:
            con.execute("SET TimeZone = 'UTC'")
            yield con
        finally:
            con.close()


def _open(path: Path, announce: Announce, read_only: bool) -> duckdb.DuckDBPyConnection:
    started, announced = monotonic(), False
    while True:
        try:
            return duckdb.connect(str(path), read_only=read_only, config=config(path.parent / ".duckdb_tmp"))
        except duckdb.IOException as error:
            waited = monotonic() - started
            if "lock" not in str(error) or waited >= WAIT_SECONDS:
                raise _unavailable(path, error) from error
            if waited >= _ANNOUNCE_AFTER and not announced:
                announce(f"Waiting for {_holder(error)}, which has {path.name} open for writing.")
                announced = True
            sleep(_POLL_SECONDS)
        except duckdb.Error as error:
            raise _unavailable(path, error) from error


def _holder(error: duckdb.Error) -> str:
    match = re.search(r"held in (.+?) \(PID (\d+)\)", str(error))
    return f"process {match[2]} ({Path(match[1]).name})" if match else "another process"


def _unavailable(path: Path, error: duckdb.Error) -> RestSourceError:
    locked = "lock" in str(error)
    return RestSourceError(
        "destination_locked" if locked else "destination_unavailable",
        f"The DuckDB file {path.name} cannot be opened: {str(error).splitlines()[0]}",
        where=str(path),
        cause=f"{_holder(error)} keeps it open." if locked else "The file, its folder or its rights are not in order.",
        remedy="Close that process (an open DuckDB shell blocks every load), then run again."
        if locked
        else "Check the path in REST_SOURCE_DESTINATION and the rights of its folder.",
        retryable=locked,
    )
