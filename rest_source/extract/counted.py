"""Pagers that count: page numbers, and offsets with a limit. Their next request needs no response."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rest_source.errors import RestSourceError
from rest_source.extract.page import Next, PageRequest, Response, Stop
from rest_source.spec.pagination import Found, OffsetLimit, PageNumber

EMPTY_PAGES_PASSED = 3
"""Empty pages in a row that are passed over while a known total says that more is to come."""


@dataclass(frozen=True, slots=True)
class CountedState:
    """Where a counted series stands when it asks for the page at `position` (a page number or an offset)."""

    position: int
    step: int
    index: int = 0
    seen: int = 0
    empty: int = 0
    short: bool = False
    first_was_full: bool = True
    previous: str = ""
    total_pages: int | None = None
    total_records: int | None = None


@dataclass(frozen=True, slots=True)
class CountedPager:
    """`page_number` and `offset_limit`: they differ in what they send and in how far they step."""

    spec: PageNumber | OffsetLimit

    def first(self) -> Next[CountedState]:
        step = self.spec.step if isinstance(self.spec, PageNumber) else self.spec.limit
        return self._ask(CountedState(self.spec.start, step))

    def advance(self, state: CountedState, response: Response) -> Next[CountedState] | Stop:
        state = self._with_totals(state, response)
        if self._repeats(state, response):
            return self._repeated(state)
        seen = state.seen + response.count
        if self._total_reached(state, seen):
            return Stop("total_reached", warnings=self._cap(state, response))
        if response.count == 0 and not self.knows_end(state):
            return Stop("empty_page")
        if response.count == 0 and state.empty >= EMPTY_PAGES_PASSED:
            return Stop("empty_pages", warnings=(self._incomplete(state),))
        short = self._size is not None and response.count < self._size
        if short and response.count and self.spec.stop_on_short_page:
            return Stop("short_page")
        return self._following(state, response, seen, short)

    def ahead(self, state: CountedState) -> Next[CountedState] | None:
        expected = state.seen // state.index if state.index else self._size or 0
        seen = state.seen + expected
        if state.empty or not expected or self._total_reached(state, seen):
            return None
        position, index = state.position + state.step, state.index + 1
        return self._ask(replace(state, position=position, index=index, seen=seen))

    def knows_end(self, state: CountedState) -> bool:
        return state.total_pages is not None or state.total_records is not None

    def past_end(self, state: CountedState, status: int) -> Stop | None:
        return Stop("not_found_after_short_page") if status in (404, 416) and state.short else None

    def total(self, state: CountedState, response: Response) -> int | None:
        return self._with_totals(state, response).total_records

    def restore(self, state: Mapping[str, Any]) -> CountedState:
        return CountedState(**state)

    @property
    def _size(self) -> int | None:
        return self.spec.size if isinstance(self.spec, PageNumber) else self.spec.limit

    def _ask(self, state: CountedState, warnings: tuple[str, ...] = ()) -> Next[CountedState]:
        spec = self.spec
        values: dict[str, Any]
        if isinstance(spec, PageNumber):
            values = {spec.param: state.position} | ({spec.size_param: spec.size} if spec.size_param else {})
        else:
            values = {spec.offset_param: state.position, spec.limit_param: spec.limit}
        request = PageRequest(body=values) if spec.place == "body" else PageRequest(query=values)
        return Next(state, request, warnings)

    def _following(self, state: CountedState, response: Response, seen: int, short: bool) -> Next[CountedState]:
        capped = isinstance(self.spec, OffsetLimit) and state.index == 0 and short and response.count
        step = response.count if capped else state.step
        return self._ask(
            replace(
                state,
                position=state.position + step,
                step=step,
                index=state.index + 1,
                seen=seen,
                empty=0 if response.count else state.empty + 1,
                short=short,
                first_was_full=state.first_was_full if state.index else not short,
                previous=response.fingerprint() if response.count else state.previous,
            ),
            self._cap(state, response),
        )

    def _cap(self, state: CountedState, response: Response) -> tuple[str, ...]:
        """The warning that page 1 was short because the server caps the limit, which page 2 proves."""
        spec = self.spec
        if isinstance(spec, OffsetLimit) and state.index == 1 and response.count and state.step < spec.limit:
            return (_capped(spec, state.step),)
        return ()

    def _with_totals(self, state: CountedState, response: Response) -> CountedState:
        pages = self.spec.total_pages if isinstance(self.spec, PageNumber) else None
        return replace(
            state,
            total_pages=_newest(response, pages, state.total_pages),
            total_records=_newest(response, self.spec.total_records, state.total_records),
        )

    def _total_reached(self, state: CountedState, seen: int) -> bool:
        by_records = state.total_records is not None and seen >= state.total_records
        return by_records or (state.total_pages is not None and state.index + 1 >= state.total_pages)

    def _repeats(self, state: CountedState, response: Response) -> bool:
        judged = self.spec.repeated_pages == "error" and not self.knows_end(state)
        return judged and response.count > 0 and response.fingerprint() == state.previous

    def _repeated(self, state: CountedState) -> Stop:
        if state.index == 1 and state.first_was_full:
            raise _ignored(self.spec)
        return Stop(
            "repeated_page",
            keep=False,
            warnings=(
                f"Page {state.index + 1} held the same records as the page before: the server seems to answer its "
                "last page again and again, so the series ended there. If the repetition is real data, set "
                "`repeated_pages: allow` in the pagination.",
            ),
        )

    def _incomplete(self, state: CountedState) -> str:
        return (
            f"The series ended after {state.empty + 1} empty pages in a row with {state.seen} records, though the API "
            f"announced {state.total_records or f'{state.total_pages} pages'}. The load may be incomplete."
        )


def _newest(response: Response, where: Found | None, known: int | None) -> int | None:
    """The total in this response, else the one known before; null, text and negative numbers are unknown."""
    count = as_count(response.find(where)) if where is not None else None
    return known if count is None else count


def as_count(value: Any) -> int | None:
    """A count, which some APIs write as text or as 3.0; None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,18}\s*", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None


def _capped(spec: OffsetLimit, step: int) -> str:
    return (
        f"The server returns at most {step} records a page though `{spec.limit_param}={spec.limit}` was asked for; "
        f"the offset goes up by {step}. Write `limit: {step}` in the pagination."
    )


def _ignored(spec: PageNumber | OffsetLimit) -> RestSourceError:
    param = spec.param if isinstance(spec, PageNumber) else spec.offset_param
    return RestSourceError(
        "parameter_ignored",
        f"Page 2 holds exactly the records of page 1: the API seems to ignore `{param}`.",
        cause=f"The page parameter has another name than `{param}`, or is read elsewhere (in: query or body).",
        remedy="Look up the parameter's name in the API's documentation and write it into the pagination. If all "
        "records come in one answer, use `pagination: {type: none}`; if equal pages are real, add "
        "`repeated_pages: allow`.",
    )
