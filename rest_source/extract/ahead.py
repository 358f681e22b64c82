"""Looking ahead: requests of a series that are under way before it is their turn.

Answers are taken in order and judged as if there had been nothing but that order, so a series read ahead brings
the same pages, ends at the same place and fails at the same page as one read request by request. A request that
proves wrong or superfluous is dropped, and one that would have to wait for a retry is left to its turn.
"""

from collections import deque
from concurrent.futures import Future
from threading import Event
from typing import Generic, Protocol

from rest_source.extract.page import Next, Pager, PageRequest, State
from rest_source.extract.workers import Workers
from rest_source.http.request import Answer
from rest_source.http.retry import Postponed

HELD_BYTES = 64_000_000
"""What the answers under way should add up to, judged by the last one; a longer answer is fetched alone."""


class Fetch(Protocol):
    """Sends the request of a page, ahead of its turn where it has an event that says when it is dropped."""

    def __call__(
        self, page: PageRequest, *, dropped: Event | None = None, postponed: Postponed | None = None
    ) -> Answer:
        """The answer; see `ApiSession.send`."""
        ...


class LookAhead(Generic[State]):
    """The answers of a series in order, at most `width` of its requests at once.

    With a known total the width is used at once. Without, it opens by one page after the other, beginning with
    the second, as long as pages do not get shorter: a series of one page costs no request too many, and none costs
    more than `width` requests beyond its last page with records. Whatever is known, a request that is postponed
    halves what is used, and each page in turn gives one back.
    """

    def __init__(self, pager: Pager[State], fetch: Fetch, width: int) -> None:
        self._pager = pager
        self._fetch = fetch
        self._width = width
        self._open = 1
        self._bearable = width
        self._affordable = width
        self._last_count: int | None = None
        self._started: deque[tuple[PageRequest, Future[Answer]]] = deque()
        self._dropped = Event()
        self._workers = Workers("rest_source look-ahead")

    def take(self, step: Next[State], room: int) -> Answer:
        """The answer to a step, while up to `room` requests are looked ahead; raises what sending it raised."""
        answer = self._take(step, room)
        self._affordable = HELD_BYTES // max(1, len(answer.body))
        return answer

    def start(self, step: Next[State]) -> None:
        """Send a request that is certain to follow, unless its answer and the last would be too much to hold."""
        if self._affordable > 1 and not (self._started and self._started[0][0] == step.request):
            self._drop()
            self._send(step.request)

    def learn(self, count: int) -> None:
        """Take in how many records the page in turn held."""
        if self._last_count is not None and 0 < count >= self._last_count:
            self._open = min(self._width, self._open + 1)
        self._bearable = min(self._width, self._bearable + 1)
        self._last_count = count

    def close(self) -> None:
        """Drop what is under way; nobody waits for it."""
        self._drop()
        self._workers.close()

    def _take(self, step: Next[State], room: int) -> Answer:
        if self._started and self._started[0][0] != step.request:
            self._drop()
        started = self._started.popleft()[1] if self._started else None
        postponed = None
        self._look(step.state, room)
        if started is not None:
            try:
                return started.result()
            except Postponed as error:
                postponed = error
            self._bearable = max(1, self._bearable // 2)
        # Out here, so that what it raises has no Postponed as its context.
        return self._fetch(step.request, postponed=postponed)

    def _look(self, state: State, room: int) -> None:
        width = self._width if self._pager.knows_end(state) else self._open
        guess = self._pager.ahead(state)
        for place in range(min(width, self._bearable, self._affordable, room) - 1):
            if guess is None or self._held() > HELD_BYTES:
                return
            if place >= len(self._started):
                self._send(guess.request)
            guess = self._pager.ahead(guess.state)

    def _held(self) -> int:
        answers = (answer for _, answer in self._started if answer.done() and not answer.exception())
        return sum(len(answer.result().body) for answer in answers)

    def _send(self, request: PageRequest) -> None:
        dropped = self._dropped
        self._started.append((request, self._workers.run(lambda: self._fetch(request, dropped=dropped))))

    def _drop(self) -> None:
        self._dropped.set()
        self._dropped = Event()
        self._started.clear()
