"""The state directory: spools and locks, private to the user who runs the loads."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from rest_source.errors import RestSourceError, storage_error
from rest_source.spec.units import parse_duration, parse_size

DEFAULT_STATE = ".rest_source"
WAIT_SECONDS = 600.0


def state_directory() -> Path:
    """REST_SOURCE_STATE, else `.rest_source` in the working directory; made with mode 0700 where it is missing."""
    directory = Path(os.environ.get("REST_SOURCE_STATE") or DEFAULT_STATE).absolute()
    _make_private(directory)
    return directory


def _make_private(directory: Path) -> None:
    # The mode given to Path.mkdir is not that of the parents it makes.
    for missing in [path for path in reversed([directory, *directory.parents]) if not path.exists()]:
        missing.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def explained() -> Iterator[None]:
    """Turn an error of the file system inside the block into a RestSourceError."""
    try:
        yield
    except OSError as error:
        raise storage_error(error) from error


@contextmanager
def claim(directory: Path, announce: Callable[[str], None]) -> Iterator[None]:
    """Hold an endpoint's directory for one load at a time; waits up to ten minutes for another, and says for whom."""
    _make_private(directory)
    lock = FileLock(directory / "lock", mode=0o600, thread_local=False)
    holder = directory / "holder"
    try:
        try:
            lock.acquire(timeout=1)
        except Timeout:
            announce(f"Waiting for {_read(holder)}.")
            lock.acquire(timeout=WAIT_SECONDS)
    except Timeout:
        raise RestSourceError(
            "load_in_progress",
            f"Waited more than ten minutes for {_read(holder)}.",
            cause="Two runs of one asset take turns, and the first has not ended.",
            remedy="Wait for the other run, or terminate it.",
            retryable=True,
        ) from None
    try:
        what = ".".join(directory.parts[-3:-1])
        holder.write_text(f"process {os.getpid()}, which has been loading {what} since {datetime.now():%H:%M:%S}")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _read(holder: Path) -> str:
    with suppress(OSError):
        return holder.read_text()
    return "another load of the same endpoint"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long (seconds) and how many (bytes) spools are kept that nobody comes back for."""

    max_age: float
    max_size: int

    @classmethod
    def from_environment(cls) -> "Retention":
        """A week and 20 GB, unless REST_SOURCE_SPOOL_MAX_AGE and REST_SOURCE_SPOOL_MAX_SIZE say otherwise."""
        try:
            age = parse_duration(os.environ.get("REST_SOURCE_SPOOL_MAX_AGE", "7d")).total_seconds()
            return cls(age, parse_size(os.environ.get("REST_SOURCE_SPOOL_MAX_SIZE", "20GB")))
        except ValueError as error:
            raise RestSourceError(
                "invalid_retention",
                f"REST_SOURCE_SPOOL_MAX_AGE or REST_SOURCE_SPOOL_MAX_SIZE cannot be read: {error}.",
                remedy="Write them as 7d and 20GB, or leave them unset.",
            ) from None

    def sweep(self, spools: Path) -> None:
        """Remove spools that are too old, and the oldest while all take too much; none that is in use."""
        found = sorted(((_last_used(path), path) for path in spools.glob("*/*/*/*/")), reverse=True)
        total = 0
        for used, path in found:
            total += sum(file.stat().st_size for file in path.glob("*") if file.is_file())
            if time.time() - used > self.max_age or total > self.max_size:
                _remove_unclaimed(path)


def _last_used(spool: Path) -> float:
    return max((file.stat().st_mtime for file in spool.glob("*")), default=spool.stat().st_mtime)


def _remove_unclaimed(spool: Path) -> None:
    with suppress(Timeout), FileLock(spool.parent / "lock", mode=0o600, timeout=0):
        shutil.rmtree(spool, ignore_errors=True)
