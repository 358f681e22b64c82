"""Proving what one answer leaves open: where a series begins, whether its pages follow, and what a total counts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rest_source.cli.asking import Asker, EnoughAsked, Page
from rest_source.errors import RestSourceError
from rest_source.extract.announced import as_count
from rest_source.extract.page import Next, PageRequest
from rest_source.extract.page_words import words
from rest_source.extract.pagers import pager_for
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.places import HeaderValue
from rest_source.suggest.compared import are_one_page, holds_others, shares
from rest_source.suggest.draft import Draft
from rest_source.suggest.finding import Finding, Seen
from rest_source.suggest.pagination import Settings, alternatives
from rest_source.suggest.suggestion import KEY_COLUMN, Suggestion, params_beside
from rest_source.suggest.vocabulary import OFFSET_PARAMS, PAGE_PARAMS, SIZE_PARAMS, TOKEN_PARAMS

_POSITIONS = {"page_number": "param", "offset_limit": "offset_param", "cursor": "param"}
_OF_A_PAGE = "what looks like a total counts the records of a page"
_OLDEST = 10**8
"""A number from here on may be seconds since the epoch."""
_LINKS = ("next_url", "link_header")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the first pages showed: whether a pagination `works`, has `ended`, or at least `moves` the series.

    `settings` and `draft` are those that were tried in the end, `second` the records of the second page.
    """

    told: str
    settings: Settings
    draft: Draft
    works: bool = False
    ended: bool = False
    moves: bool = False
    second: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Prover:
    """Tries paginations as a load with the file that is printed would ask, from its first page on."""

    asker: Asker
    draft: Draft
    suggestion: Suggestion
    seen: Seen

    def proved(self) -> tuple[Suggestion, Draft]:
        """The suggestion with a pagination that was seen to work, or a doubt; and the draft from its first page on."""
        found = self.suggestion.pagination
        if found.value["type"] == "none" and found.confidence != "low":
            return self.suggestion, self.draft
        pagination, outcome = self._confirmed(found)
        suggestion = replace(self.suggestion, pagination=pagination)
        if outcome is None:
            return suggestion, self.draft
        return suggestion.with_records(outcome.second, self.seen), outcome.draft

    def _confirmed(self, found: Finding[Settings]) -> tuple[Finding[Settings], Outcome | None]:
        none = found.value["type"] == "none"
        others = alternatives(found.value, self.seen, self.suggestion.root, self.draft.params)
        told, moves = [], False
        try:
            for settings in [*([] if none else [found.value]), *others]:
                outcome = self._tried(settings)
                is_found = settings is found.value
                if is_found and outcome.ended:
                    kept = replace(found, value=outcome.settings)
                    return kept.because(outcome.told, found.confidence), outcome
                if outcome.works:
                    kept = found if is_found else Finding(settings, "low", "tried where nothing was sure")
                    kept = replace(kept, value=outcome.settings)
                    return kept.because(outcome.told, "high" if is_found else "medium"), outcome
                told.append(f"{_named(settings)}: {outcome.told}")
                moves |= outcome.moves
        except EnoughAsked:
            told.append(f"no more was tried after {len(self.asker.asked)} requests")
        if not told:
            return found, None
        return found.because("; ".join(told), "medium" if none and not moves else "low"), None

    def _tried(self, settings: Settings) -> Outcome:
        try:
            settings, draft = self._from_the_first(settings)
            outcome = self._second_page(settings, draft)
            if not (outcome.works or outcome.ended) or not _counts_a_page(settings, self._first(settings, draft)):
                return outcome
            bare = {key: value for key, value in settings.items() if key != "total_records"}
            without = self._second_page(bare, draft)
            return replace(without, told=f"{_OF_A_PAGE}: {without.told}") if without.works else outcome
        except RestSourceError as error:
            return Outcome(f"the second page failed: {error.message}", settings, self.draft)

    def _second_page(self, settings: Settings, draft: Draft) -> Outcome:
        outcome = Outcome("", settings, draft)
        endpoint = self._endpoint(settings, draft)
        pager = pager_for(endpoint.pagination)
        shown = self._shown(self.draft.params)
        first = self._first(settings, draft)
        if shown.records and not first.records:
            return replace(outcome, told="its first page is empty, though the URL itself has records", moves=True)
        begins_later = (
            draft is not self.draft or settings.get(_POSITIONS.get(settings["type"], "")) in self.draft.params
        )
        if not begins_later and not self.asker.compared(are_one_page, shown, first, endpoint):
            return replace(outcome, told="its first page holds other records than the URL itself", moves=True)
        after = pager.advance(pager.first().state, first.response)
        if not isinstance(after, Next):
            return replace(outcome, told=f"it ends here ({after.reason})", ended=True)
        second = self.asker.page(endpoint, after.request)
        if not second.records:
            return replace(outcome, told="the second page is empty", ended=_counts_a_page(settings, first))
        if not self.asker.compared(holds_others, first, second, endpoint):
            return replace(outcome, told="the second page holds the same records, so the API seems to ignore it")
        told = f"a second page was asked for and held {len(second.records)} other records"
        records = tuple(record for record in second.records if isinstance(record, dict))
        settings = self._stepped(self._counted(settings, first, second, endpoint), first, second)
        return replace(outcome, told=told, works=True, second=records, settings=settings)

    def _first(self, settings: Settings, draft: Draft) -> Page:
        endpoint = self._endpoint(settings, draft)
        return self.asker.page(endpoint, pager_for(endpoint.pagination).first().request, is_first=True)

    def _counted(self, settings: Settings, first: Page, second: Page, endpoint: EndpointSpec) -> Settings:
        """The settings without a number of pages that is, of pages numbered from zero, the number of the last."""
        where, start = settings.get("total_pages"), settings.get("start")
        if start != 0 or where is None or {"total", "count"} & set(words(str(where))):
            return settings
        count = as_count(_found(first, where))
        bare = {key: value for key, value in settings.items() if key != "total_pages"}
        try:
            last = self._shown({**self.draft.params, settings.get("param", "page"): count})
        except RestSourceError:
            return settings
        except EnoughAsked:
            return bare
        is_new = bool(last.records) and all(
            self.asker.compared(holds_others, page, last, endpoint) for page in (first, second)
        )
        return bare if is_new else settings

    @staticmethod
    def _stepped(settings: Settings, first: Page, second: Page) -> Settings:
        """The settings with `advance: limit` where full pages hold records besides, such as one pinned on each."""
        limit = settings.get("limit")
        if settings["type"] != "offset_limit" or limit is None or len(first.records) < limit:
            return settings
        pinned = len(first.records) > limit or shares(first.records, second.records)
        return {**settings, "advance": "limit"} if pinned else settings

    def _from_the_first(self, settings: Settings) -> tuple[Settings, Draft]:
        """Settings and draft that begin with the first page, though the URL asks for a later one."""
        params, kind = self.draft.params, settings["type"]
        if kind in _LINKS:
            moved = self._moved(settings)
            return settings, replace(self.draft, params=moved) if moved != params else self.draft
        name = settings.get(_POSITIONS.get(kind, ""))
        sent = params.get(name or "")
        if kind == "cursor" or not isinstance(sent, int):
            return settings, self.draft
        start = self._first_number(str(name), sent, is_page=kind == "page_number")
        plain = {key: value for key, value in settings.items() if key != "start"}
        usual = 1 if kind == "page_number" else 0
        return plain | ({} if start == usual else {"start": start}), self.draft

    def _moved(self, settings: Settings) -> Mapping[str, Any]:
        """The parameters with which a series of links begins: those that the next link changes are positions."""
        params = dict(self.draft.params)
        pager = pager_for(self._endpoint(settings, self.draft).pagination)
        after = pager.advance(pager.first().state, self._shown(params).response)
        link = parse_qs(urlsplit(after.request.url or "").query) if isinstance(after, Next) else {}
        for name, sent in self.draft.params.items():
            following = link.get(name, [""])[-1]
            on = int(following) - sent if isinstance(sent, int) and following.isdecimal() else 0
            if name in TOKEN_PARAMS and following not in ("", str(sent)):
                del params[name]
            elif isinstance(sent, int) and (on == 1 or (name in PAGE_PARAMS and not link)):
                params[name] = self._first_number(name, sent, is_page=True)
            elif isinstance(sent, int) and (on > 1 or (not link and self._is_offset(name, sent))):
                params[name] = self._first_number(name, sent, is_page=False)
        return params

    def _is_offset(self, name: str, sent: int) -> bool:
        """Whether a parameter is an offset, and not the time at which something starts: one of a size is beside it."""
        return name in OFFSET_PARAMS and sent < _OLDEST and any(size in self.draft.params for size in SIZE_PARAMS)

    def _first_number(self, name: str, sent: int, *, is_page: bool) -> int:
        """The number of the first page, or record: 0 if that brings records which 1 does not."""
        if sent < 1 or (sent > 1 and not is_page):
            return 0
        try:
            zero = self._shown({**self.draft.params, name: 0})
        except RestSourceError:
            return 1
        one = self._shown({**self.draft.params, name: 1})
        endpoint = self._endpoint({"type": "none"}, self.draft)
        if not zero.records or not self.asker.compared(holds_others, one, zero, endpoint):
            return 1
        return 1 if is_page and self.asker.compared(are_one_page, one, zero, endpoint) else 0

    def _shown(self, params: Mapping[str, Any]) -> Page:
        """What the URL itself shows, with these parameters."""
        endpoint = self._endpoint({"type": "none"}, replace(self.draft, params=params))
        return self.asker.page(endpoint, PageRequest(), is_first=True)

    def _endpoint(self, settings: Settings, draft: Draft) -> EndpointSpec:
        params = params_beside(settings, draft.params)
        endpoint = {**draft.endpoint(params), "data_root": self.suggestion.root.path, "pagination": settings}
        return self.asker.spec(endpoint | ({"key_column": KEY_COLUMN} if self.suggestion.root.keyed else {}))


def _counts_a_page(settings: Settings, first: Page) -> bool:
    """Whether what the settings take for the total is no more than the records of the first page."""
    where = settings.get("total_records")
    total = as_count(_found(first, where)) if where is not None else None
    return total is not None and 0 < total <= len(first.records)


def _found(page: Page, where: Any) -> Any:
    """What a page has at a JSONPath or in a header, as the file has them."""
    return page.response.find(HeaderValue(**where) if isinstance(where, dict) else where)


def _named(settings: Settings) -> str:
    param = settings.get("param") or settings.get("offset_param")
    base = f" from {settings['base']}" if "base" in settings else ""
    return f"{settings['type']} with `{param}`" if param else f"{settings['type']}{base}"
