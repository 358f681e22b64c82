"""Threads for calls whose results may never be wanted; unlike an executor's, they keep no process alive."""

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import TypeVar

_Result = TypeVar("_Result")


class Workers:
    """At most `most` threads called `name`; a call waits where all are busy, and may be cancelled then."""

    def __init__(self, name: str, most: int | None = None) -> None:
        self._name = name
        self._most = most
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._idle = Semaphore(0)
        self._count = 0

    def run(self, call: Callable[[], _Result]) -> Future[_Result]:
        """Have a call made; from one thread only."""
        future: Future[_Result] = Future()

        def settle() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)

        self._calls.put(settle)
        if not self._idle.acquire(blocking=False) and self._count != self._most:
            self._count += 1
            Thread(target=self._work, name=self._name, daemon=True).start()
        return future

    def close(self) -> None:
        """End the threads, each after the calls that wait before; nobody waits for it."""
        for _ in range(self._count):
            self._calls.put(_end)

    def _work(self) -> None:
        while (call := self._calls.get()) is not _end:
            call()
            del call  # which holds the result, while the thread waits
            self._idle.release()


def _end() -> None: ...
