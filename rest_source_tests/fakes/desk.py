"""A server that keeps account of who asks for what and when, and what a test needs to watch threads with it."""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from threading import Condition, Thread
from typing import Any

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.extract.stream import PageStream
from rest_source.http.clock import SYSTEM_CLOCK, Clock
from rest_source.http.session import ApiSession
from rest_source.spec.environment import Environment
from rest_source_tests.fakes.paged import Handler, Record
from rest_source_tests.fakes.reading import NOW, lines, source

PATIENCE = 60.0
"""Seconds after which what must happen is taken for never happening, on a busy machine too."""
INSTANT = 0.05
"""Seconds in which what must not happen would have happened."""


def counted(count: int, size: int = 2) -> list[list[Record]]:
    """So many full pages; a record's id says where it stands."""
    return [[{"id": page * size + place} for place in range(size)] for page in range(count)]


def flat(cut: list[list[Record]]) -> list[Record]:
    return [record for page in cut for record in page]


class Desk:
    """A handler that keeps account: which pages were asked for, how many at once, and which are `held` back."""

    def __init__(self, handler: Handler, held: Collection[int] = (), limit: int | None = None) -> None:
        self._handler, self._held, self._limit = handler, set(held), limit
        self._changed = Condition()
        self.asked: list[int] = []
        self.serving: list[int] = []
        self.most = 0

    @staticmethod
    def page(call: Call) -> int:
        """The number of the page that is asked for; 1 where pages have none."""
        return int(call.json["page"] if call.method == "POST" else call.arg("page") or 1)

    def __call__(self, call: Call) -> Reply:
        page = self.page(call)
        with self._changed:
            self.asked.append(page)
            self.serving.append(page)
            self.most = max(self.most, len(self.serving))
            self._changed.notify_all()
            self._changed.wait_for(lambda: page not in self._held, PATIENCE)
            if self._limit is not None:  # give one too many the time to come
                self._changed.wait_for(lambda: len(self.serving) > (self._limit or 0), INSTANT / 10)
        try:
            return self._handler(call)
        finally:
            with self._changed:
                self.serving.remove(page)

    def sees(self, *pages: int, times: int = 1, within: float = PATIENCE) -> bool:
        """Whether each of the pages is asked for so many times, now or soon."""
        with self._changed:
            return self._changed.wait_for(lambda: all(self.asked.count(page) >= times for page in pages), within)

    def let_go(self) -> None:
        """Hold nothing back any more."""
        with self._changed:
            self._held.clear()
            self._changed.notify_all()


@contextmanager
def serving(handler: Handler, held: Collection[int] = (), limit: int | None = None) -> Iterator[tuple[str, Desk]]:
    """The server's URL and its desk; nothing is held back beyond the block."""
    desk = Desk(handler, held, limit)
    with LoopbackServer(desk) as server:
        try:
            yield server.url, desk
        finally:
            desk.let_go()


@contextmanager
def opened(
    url: str, endpoint: dict[str, Any], concurrency: int, clock: Clock = SYSTEM_CLOCK, **limits: Any
) -> Iterator[PageStream]:
    spec = source(url, endpoint, limits={"concurrency": concurrency, **limits})
    with ApiSession(spec, Environment({}), clock) as session:
        yield PageStream(spec, spec.endpoints[0], session, Environment({}), now=NOW)


@contextmanager
def reading(
    handler: Handler,
    endpoint: dict[str, Any],
    concurrency: int,
    clock: Clock = SYSTEM_CLOCK,
    *,
    held: Collection[int] = (),
    limit: int | None = None,
    **limits: Any,
) -> Iterator[tuple[Desk, PageStream]]:
    """A stream, and the desk that answers it."""
    with serving(handler, held, limit) as (url, desk), opened(url, endpoint, concurrency, clock, **limits) as stream:
        yield desk, stream


def records(stream: PageStream) -> list[Record]:
    return [record for page in stream for record in lines(page.records.data)]


@contextmanager
def in_thread(work: Callable[[], Any]) -> Iterator[None]:
    """The work goes on beside the block, and has ended after it."""
    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def all_idle() -> None:
    """Return when no thread looks ahead any more, after which nothing can be sent."""
    for thread in threading.enumerate():
        if thread.name == "rest_source look-ahead":
            thread.join(PATIENCE)
            assert not thread.is_alive()


def outcome(url: str, endpoint: dict[str, Any], concurrency: int, clock: Clock, **limits: Any) -> dict[str, Any]:
    """All that a run shows and keeps."""
    found, error = [], None
    with opened(url, endpoint, concurrency, clock, **limits) as stream:
        try:
            for page in stream:
                found.append((page.number, lines(page.records.data), page.after, page.total, page.follows))
        except RestSourceError as caught:
            error = (caught.status, caught.to_dict(), caught.__context__)
    all_idle()
    told = {key: stream.facts()[key] for key in ("pages", "rows_read", "first_request", "warnings")}
    return {"found": found, "error": error, "total": stream.total_reported, **told}
