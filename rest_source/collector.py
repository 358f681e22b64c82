"""Pausing Python's collector of reference cycles while many objects are made that hold none."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
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
