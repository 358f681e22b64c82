"""Writing a spool behind the reading: in a thread of its own, while the next page is read."""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Self

from rest_source.extract.columns import Columns
from rest_source.extract.page import Page
from rest_source.extract.spool import Spool

HELD_PAGES = 8
HELD_BYTES = 32_000_000
"""Pages that may wait to be written; whoever reads waits for the disk beyond."""


class WriteBehind:
    """Appends pages to a spool in their order.

    Every page that was appended is written when it is left, whatever it is left for; the first error of writing is
    raised by the next call, and nothing is written after it.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._worker = ThreadPoolExecutor(1, "rest_source spool")
        self._waiting: deque[tuple[Future[None], int]] = deque()
        self._held = 0
        self._is_broken = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._worker:
            if kind is None:
                self._wait(until=0)
            else:
                with suppress(Exception):
                    self._wait(until=0)

    def append(self, page: Page, columns: Columns) -> None:
        """Have a page written; waits while too many do."""
        size = len(page.records.data)
        self._wait(until=HELD_PAGES - 1, room=size)
        self._waiting.append((self._worker.submit(self._write, page, columns.take_changed()), size))
        self._held += size

    def _wait(self, until: int, room: int = 0) -> None:
        while self._waiting and (len(self._waiting) > until or self._held + room > HELD_BYTES):
            written, size = self._waiting.popleft()
            self._held -= size
            written.result()

    def _write(self, page: Page, changed: list[dict[str, object]]) -> None:
        if not self._is_broken:
            self._is_broken = True
            self._spool.append(page, changed)
            self._is_broken = False
