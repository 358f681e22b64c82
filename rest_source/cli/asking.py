"""Asking an API for what one answer leaves open: whether a second page is what a pagination says it is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rest_source.errors import RestSourceError
from rest_source.extract.data_root import DataRoot
from rest_source.extract.document import parse
from rest_source.extract.page import Next, PageRequest, Response
from rest_source.extract.pagers import pager_for
from rest_source.extract.request import RequestBuilder
from rest_source.http.request import Answer, Request, Tally
from rest_source.http.session import ApiSession
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.environment import Environment
from rest_source.spec.source import SourceSpec, merge
from rest_source.suggest.draft import Draft
from rest_source.suggest.finding import Finding, Seen
from rest_source.suggest.pagination import Settings, alternatives
from rest_source.suggest.suggestion import KEY_COLUMN, Suggestion, params_beside

REQUESTS = 4


@dataclass(slots=True)
class Asker:
    """Sends the requests that a suggestion takes, few of them; what it asks is kept, without secrets.

    A pagination is tried as a load with the file that is printed would ask, from its first page on.
    """

    source: SourceSpec
    draft: Draft
    session: ApiSession
    environment: Environment
    tally: Tally
    asked: list[str]
    answer: Answer | None = None
    first_pages: dict[Request, Seen] = field(default_factory=dict)
    second: tuple[dict[str, Any], ...] = ()

    def first(self) -> Seen:
        """The answer to the URL itself."""
        self.answer = self._send(self._in_the_file(self.draft.endpoint()), PageRequest())
        return Seen(self.answer.url, self.answer.headers, self._document(self.answer))

    def confirmed(self, suggestion: Suggestion, seen: Seen) -> Finding[Settings]:
        """The pagination after a look at a second page, or another that turns out to work."""
        found = suggestion.pagination
        none = found.value["type"] == "none"
        if none and found.confidence != "low":
            return found
        told, moves = [], False
        for settings in [
            *([] if none else [found.value]),
            *alternatives(found.value, suggestion.root, self.draft.params),
        ]:
            if self.tally.requests >= REQUESTS:
                break
            outcome = self._second_page(settings, suggestion, seen)
            if outcome.works:
                kept = found if settings is found.value else Finding(settings, "low", "tried where nothing was sure")
                return kept.because(outcome.told, "high" if kept is found else "medium")
            told.append(f"{_named(settings)}: {outcome.told}")
            moves |= outcome.moves
            if settings is found.value and outcome.ended:
                return self._untotalled(settings, suggestion, seen) or found.because(outcome.told, found.confidence)
        return found.because("; ".join(told), "medium" if none and not moves else "low") if told else found

    def _untotalled(self, settings: Settings, suggestion: Suggestion, seen: Seen) -> Finding[Settings] | None:
        """The pagination without its total, where a second page shows that the total counts one page's records."""
        bare = {key: value for key, value in settings.items() if key != "total_records"}
        if bare == settings or not self._second_page(bare, suggestion, seen).works:
            return None
        told = "what looks like a total counts the records of a page: a second page was asked for and held others"
        return Finding(bare, "medium", told)

    def _second_page(self, settings: Settings, suggestion: Suggestion, seen: Seen) -> "Outcome":
        try:
            endpoint = self._endpoint(settings, suggestion)
            data_root, pager = DataRoot.of(endpoint), pager_for(endpoint.pagination)
            shown = data_root.select(seen.document, first_page=True).returned
            seen = self._first_page(endpoint, pager.first().request, seen)
            first = data_root.select(seen.document, first_page=True)
            if shown and not first.returned:
                return Outcome(False, False, "its first page is empty, though the URL itself has records", moves=True)
            if len(shown) == len(first.returned) and not _are_same(shown, first.returned, suggestion.primary_key):
                return Outcome(False, False, "its first page holds other records than the URL itself", moves=True)
            response = Response(seen.url, seen.headers, seen.document, len(first.returned), first.last)
            after = pager.advance(pager.first().state, response)
            if not isinstance(after, Next):
                return Outcome(False, True, f"it ends here ({after.reason})")
            answer = self._send(endpoint, after.request)
            second = data_root.select(self._document(answer), first_page=False).returned
        except RestSourceError as error:
            return Outcome(False, False, f"the second page failed: {error.message}")
        outcome = _judged(first.returned, second, suggestion.primary_key)
        if outcome.works:
            self.second = tuple(record for record in second if isinstance(record, dict))
        return outcome

    def _first_page(self, endpoint: EndpointSpec, page: PageRequest, seen: Seen) -> Seen:
        """The first page as a load asks for it: what was seen, unless the URL had other parameters."""
        request = self._build(endpoint, page)
        if request == self._build(self._in_the_file(self.draft.endpoint()), PageRequest()):
            return seen
        if request not in self.first_pages:
            answer = self._send(endpoint, page)
            self.first_pages[request] = Seen(answer.url, answer.headers, self._document(answer))
        return self.first_pages[request]

    def _endpoint(self, settings: Settings, suggestion: Suggestion) -> EndpointSpec:
        endpoint: dict[str, Any] = {**self.draft.endpoint(), "data_root": suggestion.root.path, "pagination": settings}
        endpoint["params"] = params_beside(settings, self.draft.params)
        return self._in_the_file(endpoint | ({"key_column": KEY_COLUMN} if suggestion.root.keyed else {}))

    def _in_the_file(self, endpoint: dict[str, Any]) -> EndpointSpec:
        return EndpointSpec.model_validate(merge(self.source.endpoint_defaults, endpoint))

    def _send(self, endpoint: EndpointSpec, page: PageRequest) -> Answer:
        request = self._build(endpoint, page)
        self.asked.append(self.session.mask(f"{request.method} {request.full_url}"))
        return self.session.send(request, self.tally)

    def _build(self, endpoint: EndpointSpec, page: PageRequest) -> Request:
        return RequestBuilder(self.source, endpoint, self.environment, datetime.now(UTC)).build(page)

    def _document(self, answer: Answer) -> Any:
        return parse(answer, self.session.mask(f"GET {answer.url}"), self.session.mask).value


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a second page showed: whether it `works`, the series has `ended`, or at least the parameter `moves` it."""

    works: bool
    ended: bool
    told: str
    moves: bool = False


def _judged(first: list[Any], second: list[Any], key: Finding[tuple[str, ...]] | None) -> Outcome:
    if not second:
        return Outcome(False, False, "the second page is empty")
    if _are_same(first, second, key):
        return Outcome(False, False, "the second page holds the same records, so the API seems to ignore it")
    return Outcome(True, False, f"a second page was asked for and held {len(second)} other records")


def _are_same(first: list[Any], second: list[Any], key: Finding[tuple[str, ...]] | None) -> bool:
    """Whether two pages hold the same records, though a field may have changed meanwhile, such as their age."""
    if first == second or len(first) != len(second):
        return first == second
    pairs = [(one, other) for one, other in zip(first, second, strict=True) if isinstance(one, dict)]
    if len(pairs) < len(first) or not all(isinstance(other, dict) for _, other in pairs):
        return False
    same = [name for name in first[0] if all(one.get(name) == other.get(name) for one, other in pairs)]
    names = key.value if key else [name for name in same if not _are_positions([one.get(name) for one in first])]
    kept = [json.dumps([one.get(name) for name in names], default=str) for one, _ in pairs]
    return bool(names) and {*names} <= {*same} and len(set(kept)) == len(kept)


def _are_positions(values: list[Any]) -> bool:
    """Whether values only count the records of a page."""
    return values in ([*range(len(values))], [*range(1, len(values) + 1)])


def _named(settings: Mapping[str, Any]) -> str:
    param = settings.get("param") or settings.get("offset_param")
    return f"{settings['type']} with `{param}`" if param else str(settings["type"])
