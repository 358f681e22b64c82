"""Asking an API for pages: each once, no more of them than a suggestion may take."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from rest_source.errors import RestSourceError
from rest_source.extract.data_root import DataRoot
from rest_source.extract.document import parse
from rest_source.extract.page import PageRequest, Response
from rest_source.extract.request import RequestBuilder
from rest_source.http.request import Answer, Request, Tally
from rest_source.http.session import ApiSession
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.environment import Environment
from rest_source.spec.source import SourceSpec, merge
from rest_source.suggest.compared import changing, may_be_same
from rest_source.suggest.finding import Seen

REQUESTS = 8


class EnoughAsked(Exception):
    """One more request would be one too many."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page that was asked for, and its records at a data root."""

    request: Request
    seen: Seen
    records: Sequence[Any]
    last: Any

    @property
    def response(self) -> Response:
        """The page as a pager looks at it."""
        return Response(self.seen.url, self.seen.headers, self.seen.document, len(self.records), self.last)


@dataclass(slots=True)
class Asker:
    """Sends the requests that a suggestion takes; what it `asked` is kept, without secrets."""

    source: SourceSpec
    session: ApiSession
    environment: Environment
    asked: list[str] = field(default_factory=list)
    _seen: dict[Any, Seen | RestSourceError] = field(default_factory=dict)
    _changing: dict[Any, frozenset[str]] = field(default_factory=dict)

    def seen(self, endpoint: dict[str, Any]) -> Seen:
        """The answer to the first request of an endpoint without a pagination."""
        return self._answer(self._request(self.spec(endpoint), PageRequest()))

    def page(self, endpoint: EndpointSpec, asked: PageRequest, *, is_first: bool = False) -> Page:
        """A page of an endpoint; raises RestSourceError where the API does not answer with one."""
        request = self._request(endpoint, asked)
        seen = self._answer(request)
        found = DataRoot.of(endpoint).select(seen.document, first_page=is_first)
        return Page(request, seen, found.returned, found.last)

    def compared(self, judge: Callable[..., bool], first: Page, second: Page, endpoint: EndpointSpec) -> bool:
        """What `judge` says of two pages, but for fields that change with each request.

        Which those are tells a second answer to the first page's request, where the pages leave room for doubt.
        """
        without: frozenset[str] = frozenset()
        if first.records != second.records and may_be_same(first.records, second.records):
            key = _key(first.request)
            if key not in self._changing:
                again = DataRoot.of(endpoint).select(self._sent(first.request).document, first_page=False).returned
                self._changing[key] = changing(first.records, again)
            without = self._changing[key]
        return judge(first.records, second.records, without)

    def spec(self, endpoint: dict[str, Any]) -> EndpointSpec:
        """An endpoint as it would be in the file."""
        return EndpointSpec.model_validate(merge(self.source.endpoint_defaults, endpoint))

    def _request(self, endpoint: EndpointSpec, asked: PageRequest) -> Request:
        return RequestBuilder(self.source, endpoint, self.environment, datetime.now(UTC)).build(asked)

    def _answer(self, request: Request) -> Seen:
        key = _key(request)
        if key not in self._seen:
            try:
                self._seen[key] = self._sent(request)
            except RestSourceError as error:
                self._seen[key] = error
        answer = self._seen[key]
        if isinstance(answer, RestSourceError):
            raise answer
        return answer

    def _sent(self, request: Request) -> Seen:
        if len(self.asked) >= REQUESTS:
            raise EnoughAsked
        self.asked.append(self.session.mask(f"{request.method} {request.full_url}"))
        answer = self.session.send(request, Tally())
        return Seen(answer.url, answer.headers, self._document(answer))

    def _document(self, answer: Answer) -> Any:
        return parse(answer, self.session.mask(f"GET {answer.url}"), self.session.mask).value


def _key(request: Request) -> Any:
    """What makes two requests one, in whatever order their parameters are."""
    url = urlsplit(request.full_url)
    query = tuple(sorted(parse_qsl(url.query, keep_blank_values=True)))
    return request.method, url.scheme, url.netloc, url.path, query, request.headers, request.body
