"""Many series at once: their pages in the order of the series, while requests of later ones are under way."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")
Source = TypeVar("Source")
HELD = 4
"""Items of one series that may wait for their turn."""
AHEAD = 4
"""How many series for each thread may be open, those that wait for their turn with all their items included."""
_POLL = 0.1


@dataclass(slots=True)
class _Open(Generic[Item]):
    """A series that was begun: its items so far, and then its end or what it raised."""

    items: "Queue[tuple[Item | None, BaseException | None]]" = field(default_factory=lambda: Queue(HELD))


class FanOut(Generic[Source, Item]):
    """Iterates over (source, item) of many iterables in order, `width` of which are read at a time by threads.

    What one raises is raised at its turn. Leaving the loop stops the threads at their next item.
    """

    def __init__(self, sources: Sequence[Source], opened: Callable[[Source], Iterable[Item]], width: int) -> None:
        self._sources = sources
        self._opened = opened
        self._width = width
        self._stopped = Event()

    def __iter__(self) -> Generator[tuple[Source, Item], None, None]:
        waiting: Queue[tuple[Source, _Open[Item]]] = Queue()
        threads = [
            Thread(target=self._work, args=(waiting,), name="rest_source series", daemon=True)
            for _ in range(min(self._width, len(self._sources)))
        ]
        begun: deque[tuple[Source, _Open[Item]]] = deque()
        sources = iter(self._sources)
        for thread in threads:
            thread.start()
        try:
            while True:
                while len(begun) < self._width * AHEAD and (source := next(sources, None)) is not None:
                    begun.append((source, _Open()))
                    waiting.put(begun[-1])
                if not begun:
                    return
                source, series = begun.popleft()
                yield from self._items(source, series)
        finally:
            self._stopped.set()

    def _items(self, source: Source, series: _Open[Item]) -> Iterator[tuple[Source, Item]]:
        while True:
            item, error = series.items.get()
            if error is not None:
                raise error
            if item is None:
                return
            yield source, item

    def _work(self, waiting: "Queue[tuple[Source, _Open[Item]]]") -> None:
        while not self._stopped.is_set():
            try:
                source, series = waiting.get(timeout=_POLL)
            except Empty:
                continue
            try:
                for item in self._opened(source):
                    if not self._put(series, item, None):
                        return
                self._put(series, None, None)
            except BaseException as error:
                self._put(series, None, error)

    def _put(self, series: _Open[Item], item: Item | None, error: BaseException | None) -> bool:
        while not self._stopped.is_set():
            try:
                series.items.put((item, error), timeout=_POLL)
                return True
            except Full:
                continue
        return False
