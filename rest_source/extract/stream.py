"""The pages of one endpoint, fetched as they are asked for."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from threading import Event
from typing import Any

from rest_source.errors import RestSourceError
from rest_source.extract.ahead import LookAhead
from rest_source.extract.columns import Columns
from rest_source.extract.page import NOTHING, Next, Page, PageRequest, Stop, journalled
from rest_source.extract.pagers import pager_for
from rest_source.extract.reading import TOLD, PageReader
from rest_source.extract.recovery import Interrupted
from rest_source.extract.request import RequestBuilder
from rest_source.http.excerpt import shorten
from rest_source.http.request import Answer, Request, Tally
from rest_source.http.retry import Postponed
from rest_source.http.rules import Ruled
from rest_source.http.session import ApiSession
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.environment import Environment
from rest_source.spec.pagination import OffsetLimit, PageNumber
from rest_source.spec.source import SourceSpec


@dataclass(slots=True)
class PageStream:
    """A lazy stream of an endpoint's pages: nothing is requested before it is iterated.

    Iterating yields `Page`s in order and ends with one whose `after` is a `Stop`. `tally` counts requests,
    retries, waits and bytes; `warnings` gathers what a person should know though the load goes on. With
    `full_refresh` nothing of earlier loads is gone on with. With `until`, which may be raised between two pages,
    nothing is requested beyond that page; `watch` is shown each answer with its request.
    """

    source: SourceSpec
    endpoint: EndpointSpec
    session: ApiSession
    environment: Environment
    full_refresh: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    columns: Columns = field(default_factory=Columns)
    tally: Tally = field(default_factory=Tally)
    until: int | None = None
    watch: Callable[[Request, Answer], None] | None = None
    warnings: list[str] = field(default_factory=list)
    total_reported: int | None = None
    first_request: str = ""
    pages: int = 0
    rows: int = 0
    _resumed_from: int = 0
    _later: "PageStream | None" = None
    _after: Next[Any] | Stop | None = None

    def facts(self) -> dict[str, Any]:
        """How far the stream has come: for the report on a load that failed."""
        if self._later is not None:
            return self._later.facts()
        tally = self.tally
        return {
            "requests": tally.requests,
            "retries": tally.retries,
            "wait_seconds": round(tally.wait_seconds, 3),
            "bytes": tally.bytes,
            "pages": self.pages,
            "rows_read": self.rows,
            "first_request": self.first_request,
            "warnings": self.warnings,
        }

    def afresh(self) -> "PageStream":
        """The same stream from its first page; requests go on being counted in the same tally."""
        self._later = PageStream(
            self.source, self.endpoint, self.session, self.environment, self.full_refresh, self.now, tally=self.tally
        )
        return self._later

    def resumed(self, interrupted: Interrupted) -> "PageStream":
        """The stream that goes on where another run stopped, with that run's `now`."""
        pager = pager_for(self.endpoint.pagination)
        stream = replace(self.afresh(), now=interrupted.now)
        self._later = stream
        stream.columns.load(interrupted.columns)
        stream.warnings += interrupted.warnings
        stream.total_reported = interrupted.last["total"]
        stream._resumed_from = interrupted.pages + 1
        stream.pages, stream.rows = interrupted.pages, interrupted.last["rows"]
        follows = interrupted.last.get("next")
        stream._after = (
            Next(pager.restore(follows["state"]), PageRequest(**follows["request"]))
            if follows
            else Stop(**interrupted.last["stop"])
        )
        return stream

    @property
    def stop_reason(self) -> str:
        """Why the series stopped, where that is known before it is iterated."""
        return self._after.reason if isinstance(self._after, Stop) else ""

    def __iter__(self) -> Generator[Page, None, None]:
        limits, pager = self.source.limits, pager_for(self.endpoint.pagination)
        reader = PageReader(self.endpoint, pager, self.columns, limits.max_response, self.session.mask)
        step = self._after or pager.first()
        with closing(LookAhead(pager, partial(self._fetch, reader), limits.concurrency)) as ahead:
            while isinstance(step, Next) and self.pages < (self.until or self.pages + 1):
                if self.pages >= limits.max_pages:
                    raise _too_many_pages(self.pages).at(self._place(self.pages))
                for page in self._pages(reader, ahead, step, self.pages + 1):
                    self.pages = page.number
                    self.rows += page.records.count
                    self.total_reported = page.total
                    self.warnings += page.after.warnings if page.after else ()
                    step = page.after or step
                    yield page

    def _pages(self, reader: PageReader, ahead: LookAhead[Any], step: Next[Any], number: int) -> Iterator[Page]:
        """The page that a step leads to, whole or in parts."""

        def follow(count: int, after: Next[Any] | Stop) -> None:
            ahead.learn(count)
            if isinstance(after, Next) and number < self._last_page:
                ahead.start(after)

        try:
            answer = self._answer(ahead, step, number)
            if answer.status in self.endpoint.pagination.end_statuses:
                yield self._end(number, Stop("end_status"))
            else:
                yield from reader.read(step, answer, number, follow)
        except RestSourceError as error:
            judged = error.status if not isinstance(error, Ruled) else None
            end = reader.pager.past_end(step.state, judged) if judged else None
            if end is None:
                self._explain(error, step.request, number)
                raise
            yield self._end(number, end)

    def _end(self, number: int, stop: Stop) -> Page:
        return Page(number, NOTHING, stop, self.total_reported, journalled(stop))

    def _answer(self, ahead: LookAhead[Any], step: Next[Any], number: int) -> Answer:
        self.first_request = self.first_request or self._asked(step.request)
        if self._may_be_refused(number):
            return self.session.send(self._builder.build(step.request), self.tally, rules=self.endpoint.on_error)
        return ahead.take(step, room=self._last_page - number + 1)

    def _fetch(
        self,
        reader: PageReader,
        page: PageRequest,
        *,
        dropped: Event | None = None,
        postponed: Postponed | None = None,
    ) -> Answer:
        request = self._builder.build(page)
        answer = self.session.send(
            request,
            self.tally,
            self.endpoint.pagination.end_statuses,
            self.endpoint.on_error,
            in_parts=reader.in_parts(),
            dropped=dropped,
            postponed=postponed,
        )
        if self.watch is not None:
            self.watch(request, answer)
        return answer

    @property
    def _last_page(self) -> int:
        return min(self.source.limits.max_pages, self.until or self.source.limits.max_pages)

    def _may_be_refused(self, number: int) -> bool:
        """Whether an error status may mean an expired cursor: on the first request of a resumed, followed series."""
        counted = isinstance(self.endpoint.pagination, PageNumber | OffsetLimit)
        return not counted and self._resumed_from == number

    @property
    def _builder(self) -> RequestBuilder:
        return RequestBuilder(self.source, self.endpoint, self.environment, self.now)

    def request(self, page: PageRequest) -> Request:
        """The request of a page, before credentials."""
        return self._builder.build(page)

    def _asked(self, page: PageRequest) -> str:
        request = self._builder.build(page)
        return shorten(f"{request.method} {request.full_url}", TOLD, self.session.mask)

    def _explain(self, error: RestSourceError, page: PageRequest, number: int) -> None:
        """The error with its page; a pager quotes URLs and cursors, in which APIs like to repeat a key."""
        texts = (error.message, error.cause, error.remedy)
        error.message, error.cause, error.remedy = (shorten(text, 1000, self.session.mask) for text in texts)
        error.args = (error.message,)
        with suppress(RestSourceError):  # there may be no request: a variable it names is missing
            error.where = shorten(error.where or self._asked(page), 700, self.session.mask)
        error.at(self._place(number))

    def _place(self, number: int) -> str:
        return f"{self.source.name}.{self.endpoint.name}, page {number}"


def _too_many_pages(number: int) -> RestSourceError:
    return RestSourceError(
        "max_pages",
        f"The series has not ended after {number} pages.",
        cause="The pagination never finds its end, or there really are more pages than `max_pages` allows.",
        remedy="Look at the last requests; if the data is real, raise `limits: {max_pages: …}` of the source.",
    )
