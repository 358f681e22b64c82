"""One series of pages: a slice of an endpoint's load, from its first request to its end."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from threading import Event
from typing import Any
from urllib.parse import urlsplit

from rest_source.errors import RestSourceError
from rest_source.extract.ahead import LookAhead
from rest_source.extract.ends import PAST_END
from rest_source.extract.page import Next, Page, PageRequest, Stop
from rest_source.extract.reading import TOLD, PageReader
from rest_source.extract.request import RequestBuilder
from rest_source.extract.shortfall import announces_more
from rest_source.http.excerpt import shorten
from rest_source.http.pauses import Place
from rest_source.http.request import Answer, Request, Tally
from rest_source.http.retry import Postponed
from rest_source.http.rules import Ruled
from rest_source.http.session import ApiSession
from rest_source.spec.pagination import Cursor, OffsetLimit, PageNumber
from rest_source.spec.source import SourceSpec

_UNREACHABLE = ("dns_failed", "connection_refused", "connect_timeout", "tls_failed", "proxy_failed", "not_http")
_EMPTY_FOR_CERTAIN = 10
"""Empty pages in a row that look like the end of the data."""


@dataclass(slots=True)
class Series:
    """Iterates over the pages of a series, which are counted from 1 in it, `pages` of them in already.

    `width` is how many of its requests may be under way at once; with 0 none is sent ahead of its turn. The first
    request of a series that `may_be_refused` fails with its status, whatever a rule says of it. Nothing is requested
    beyond the `last_page`, and `watch` is shown each answer.
    """

    source: SourceSpec
    reader: PageReader
    builder: RequestBuilder
    session: ApiSession
    tally: Tally
    step: Next[Any]
    width: int
    last_page: Callable[[], int]
    watch: Callable[[Request, Answer], None] | None = None
    pages: int = 0
    may_be_refused: bool = False
    total: int | None = None
    first_request: str = ""

    def __iter__(self) -> Generator[Page, None, None]:
        limits, step = self.source.limits, self.step
        with closing(LookAhead(self.reader.pager, self._fetch, max(1, self.width))) as ahead:
            while True:
                if limits.max_pages > self.pages >= self.last_page():
                    return
                if self.pages >= limits.max_pages:
                    raise _too_many_pages(self.pages, self.reader.history.empty).at(self._place(self.pages))
                after: Next[Any] | Stop | None = None
                for page in self._pages(ahead, step, self.pages + 1):
                    self.pages, self.total, after = page.number, page.total, page.after
                    yield page
                if not isinstance(after, Next):
                    return
                step, self.may_be_refused = after, False

    def _pages(self, ahead: LookAhead[Any], step: Next[Any], number: int) -> Iterator[Page]:
        """The page that a step leads to, whole or in parts."""

        def follow(count: int, after: Next[Any] | Stop) -> None:
            ahead.learn(count)
            if self.width and isinstance(after, Next) and number < self.last_page():
                ahead.start(after)

        try:
            answer = self._answer(ahead, step, number)
            if self._is_end(answer):
                yield self._end(number, Stop("end_status"))
            else:
                yield from self.reader.read(step, answer, number, follow)
        except RestSourceError as error:
            if (end := self._judged_end(error, step)) is None:
                self._explain(error, step.request, number)
                raise
            yield self._end(number, end)

    def _is_end(self, answer: Answer) -> bool:
        """Whether the status says so; one of success only without a body, as a body holds records."""
        is_named = answer.status in self.reader.endpoint.pagination.end_statuses
        return is_named and not (200 <= answer.status < 300 and answer.body.strip())

    def _judged_end(self, error: RestSourceError, step: Next[Any]) -> Stop | None:
        """The end, where a rule takes the answer for it, or its status says that the last page is behind us."""
        if isinstance(error, Ruled) and error.do == "end":
            return Stop("ended_by_rule")
        return self.reader.pager.past_end(step.state, error)

    def _end(self, number: int, stop: Stop) -> Page:
        return self.reader.ended(number, stop, self.total)

    def _answer(self, ahead: LookAhead[Any], step: Next[Any], number: int) -> Answer:
        self.first_request = self.first_request or self._asked(step.request)
        if self.may_be_refused:
            rules = self.reader.endpoint.on_error
            place = self._waiting()
            request = self.builder.build(step.request)
            return self.session.send(request, self.tally, rules=rules, place=place, holds=self.reader.holds)
        return ahead.take(step, room=self.last_page() - number + 1)

    def _fetch(self, page: PageRequest, *, dropped: Event | None = None, postponed: Postponed | None = None) -> Answer:
        request = self.builder.build(page)
        answer = self.session.send(
            request,
            self.tally,
            self.reader.endpoint.pagination.end_statuses,
            self.reader.endpoint.on_error,
            why_whole=self.reader.why_whole(),
            dropped=dropped,
            postponed=postponed,
            place=self._waiting(),
            holds=self.reader.holds,
        )
        if self.watch is not None:
            self.watch(request, answer)
        return answer

    def _asked(self, page: PageRequest) -> str:
        request = self.builder.build(page)
        return shorten(f"{request.method} {request.full_url}", TOLD, self.session.mask)

    def _explain(self, error: RestSourceError, page: PageRequest, number: int) -> None:
        """The error with its page; a pager quotes URLs and cursors, in which APIs like to repeat a key."""
        if error.id == "parameter_ignored" and self.reader.endpoint.primary_key:
            named = ", ".join(self.reader.endpoint.primary_key)
            error.remedy += (
                f" The pages are compared by `primary_key` ({named}): correct it if it identifies no record."
            )
        if number > 1 and not isinstance(error, Ruled):
            error.remedy = f"{self._if_expected(error)}{error.remedy}"
        if page.url is not None and error.id in _UNREACHABLE and self._leads_elsewhere(page.url):
            error.remedy = (
                "If the API names an internal host in its links, write `keep_origin: true` in the pagination. "
                f"Otherwise: {error.remedy}"
            )
        texts = (error.message, error.cause, error.remedy)
        error.message, error.cause, error.remedy = (shorten(text, 1000, self.session.mask) for text in texts)
        error.args = (error.message,)
        with suppress(RestSourceError):  # there may be no request: a variable it names is missing
            error.where = shorten(error.where or self._asked(page), 700, self.session.mask)
        error.at(self._place(number))

    def _leads_elsewhere(self, url: str) -> bool:
        """Whether the URL that the API named is of another origin than the endpoint's first request."""
        own = self.builder.build(self.reader.pager.first().request).url
        return urlsplit(url)[:2] != urlsplit(own)[:2]

    def _if_expected(self, error: RestSourceError) -> str:
        """What to write if the API means no harm by an answer; nothing that would drop pages that it announced."""
        pagination, is_empty = self.reader.endpoint.pagination, error.id == "empty_body"
        if isinstance(pagination, Cursor) and error.status == 400 and not pagination.alone:
            return "If the API takes the cursor without other parameters: `pagination: {alone: true}`. Otherwise: "
        is_redirect = error.id == "redirect_changes_request" and self.pages > 1
        may_be_end = is_empty or error.status in PAST_END or is_redirect
        if not may_be_end or not isinstance(pagination, PageNumber | OffsetLimit):
            return ""
        if announces_more(self.reader.history, pagination):
            return ""
        end = "on_error: [{empty: true, do: end}]" if is_empty else f"pagination: {{end_statuses: [{error.status}]}}"
        return f"If the API answers so past its last page: `{end}`. Otherwise: "

    def _place(self, number: int) -> str:
        return f"{self._series()}, page {number}"

    def _waiting(self) -> Place:
        """What waits while a request is paused, which it only is in its turn."""
        return Place(self._series(), f"page {self.pages + 1}")

    def _series(self) -> str:
        parent = "".join(f", {name} {shorten(str(value), 60, self.session.mask)}" for name, value in self._parent())
        return f"{self.source.name}.{self.reader.endpoint.name}{parent}"

    def _parent(self) -> Iterator[tuple[str, Any]]:
        yield from self.builder.part.parent.items()


def _too_many_pages(number: int, empty: int) -> RestSourceError:
    error = RestSourceError(
        "max_pages",
        f"The series has not ended after {number} pages.",
        cause="The pagination never finds its end, or there really are more pages than `max_pages` allows.",
        remedy="Look at the last requests; if the data is real, raise `limits: {max_pages: …}` of the source.",
    )
    if empty >= _EMPTY_FOR_CERTAIN:
        error.cause = f"The last {empty} pages were empty, and each named another one."
        error.remedy = (
            "If no records follow an empty page, write `pagination: {stop_on_empty_page: true}`; if a flag in the "
            "answer says that it is the last, name it by `done` or `has_more`."
        )
    return error
