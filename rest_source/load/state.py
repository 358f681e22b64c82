"""The state directory: spools and locks, private to the user who runs the loads."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from rest_source.errors import RestSourceError

DEFAULT_STATE = ".rest_source"
WAIT_SECONDS = 600.0


def state_directory(path: str | None = None) -> Path:
    """The directory given, else REST_SOURCE_STATE, else `.rest_source`; made with mode 0700."""
    directory = Path(path or os.environ.get("REST_SOURCE_STATE") or DEFAULT_STATE).absolute()
    _make_private(directory)
    return directory


def _make_private(directory: Path) -> None:
    # The mode given to Path.mkdir is not that of the parents it makes.
    for missing in [path for path in reversed([directory, *directory.parents]) if not path.exists()]:
        missing.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def claim(directory: Path, announce: Callable[[str], None]) -> Iterator[None]:
    """Hold an endpoint's directory for one load at a time; waits up to ten minutes for another."""
    _make_private(directory)
    lock = FileLock(directory / "lock", mode=0o600, thread_local=False)
    try:
        try:
            lock.acquire(timeout=1)
        except Timeout:
            announce(f"Waiting for another load of {'.'.join(directory.parts[-2:])} to end.")
            lock.acquire(timeout=WAIT_SECONDS)
    except Timeout:
        raise RestSourceError(
            "load_in_progress",
            f"Another load of {'.'.join(directory.parts[-2:])} has been running for more than ten minutes.",
            cause="Two runs of one asset take turns, and the first has not ended.",
            remedy="Wait for the other run, or terminate it.",
            retryable=True,
        ) from None
    try:
        yield
    finally:
        lock.release()
