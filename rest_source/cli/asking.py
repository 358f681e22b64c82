"""Asking an API for what one answer leaves open: whether a second page is what a pagination says it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rest_source.errors import RestSourceError
from rest_source.extract.data_root import DataRoot
from rest_source.extract.document import parse
from rest_source.extract.page import Next, PageRequest, Response
from rest_source.extract.pagers import pager_for
from rest_source.extract.request import RequestBuilder
from rest_source.http.request import Answer, Tally
from rest_source.http.session import ApiSession
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.environment import Environment
from rest_source.spec.source import SourceSpec, merge
from rest_source.suggest.draft import Draft
from rest_source.suggest.finding import Finding, Seen
from rest_source.suggest.pagination import Settings, alternatives
from rest_source.suggest.suggestion import KEY_COLUMN, Suggestion, params_beside

REQUESTS = 3


@dataclass(slots=True)
class Asker:
    """Sends the requests that a suggestion takes, at most three; what it asks is kept, without secrets."""

    source: SourceSpec
    draft: Draft
    session: ApiSession
    environment: Environment
    tally: Tally
    asked: list[str]
    answer: Answer | None = None

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
        told, result = [], found
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
            if settings is found.value and outcome.ended:
                return self._untotalled(settings, suggestion, seen) or found.because(outcome.told, found.confidence)
        return result.because("; ".join(told), "medium" if none and told else "low") if told else result

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
            data_root = DataRoot.of(endpoint)
            first = data_root.select(seen.document, first_page=True)
            pager = pager_for(endpoint.pagination)
            response = Response(seen.url, seen.headers, seen.document, len(first.returned), first.last)
            after = pager.advance(pager.first().state, response)
            if not isinstance(after, Next):
                return Outcome(False, True, f"it ends here ({after.reason})")
            answer = self._send(endpoint, after.request)
            return _judged(first.returned, data_root.select(self._document(answer), first_page=False).returned)
        except RestSourceError as error:
            return Outcome(False, False, f"the second page failed: {error.message}")

    def _endpoint(self, settings: Settings, suggestion: Suggestion) -> EndpointSpec:
        endpoint: dict[str, Any] = {**self.draft.endpoint(), "data_root": suggestion.root.path, "pagination": settings}
        endpoint["params"] = params_beside(settings, self.draft.params)
        return self._in_the_file(endpoint | ({"key_column": KEY_COLUMN} if suggestion.root.keyed else {}))

    def _in_the_file(self, endpoint: dict[str, Any]) -> EndpointSpec:
        return EndpointSpec.model_validate(merge(self.source.endpoint_defaults, endpoint))

    def _send(self, endpoint: EndpointSpec, page: PageRequest) -> Answer:
        request = RequestBuilder(self.source, endpoint, self.environment, datetime.now(UTC)).build(page)
        self.asked.append(self.session.mask(f"{request.method} {request.full_url}"))
        return self.session.send(request, self.tally)

    def _document(self, answer: Answer) -> Any:
        return parse(answer, self.session.mask(f"GET {answer.url}"), self.session.mask).value


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a second page showed: whether it `works`, or the series has `ended`."""

    works: bool
    ended: bool
    told: str


def _judged(first: list[Any], second: list[Any]) -> Outcome:
    if not second:
        return Outcome(False, False, "the second page is empty")
    if first == second:
        return Outcome(False, False, "the second page holds the same records, so the API seems to ignore it")
    return Outcome(True, False, f"a second page was asked for and held {len(second)} other records")


def _named(settings: Mapping[str, Any]) -> str:
    param = settings.get("param") or settings.get("offset_param")
    return f"{settings['type']} with `{param}`" if param else str(settings["type"])
