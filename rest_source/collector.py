"""Sparing Python's collector of reference cycles: objects without any, and those that stay as long as the process."""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

_lock = Lock()
_pauses = 0
_was_enabled = True


@contextmanager
def paused_collector() -> Iterator[None]:
    """No collection inside the block, in whatever thread.

    A page is a thousand objects without a cycle, which go when nobody needs them. Their number alone would have the
    collector look through them, and now and then through all objects of the process: with Dagster in it, that is a
    tenth of a load's time.
    """
    global _pauses, _was_enabled  # noqa: PLW0603
    with _lock:
        _was_enabled = _was_enabled if _pauses else gc.isenabled()
        _pauses += 1
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            _pauses -= 1
            if _was_enabled and not _pauses:
                gc.enable()


@cache
def keep_all() -> None:
    """Have the collector never again look through the objects that there are now; once in a process.

    Looking through modules, models and definitions takes it a tenth of a second, in the middle of a load.
    """
    gc.freeze()
    atexit.register(gc.unfreeze)  # or DuckDB lists what is left then as leaks
