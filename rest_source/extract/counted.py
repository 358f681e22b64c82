"""Pagers that count: page numbers, and offsets with a limit. Their next request needs no response."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rest_source.errors import RestSourceError
from rest_source.extract.counted_remarks import FROM_ONE, ROWS_HIDDEN, capped, ignored
from rest_source.extract.doubted import asked_for, disproved, is_doubtful, is_no_page
from rest_source.extract.ends import PAST_END, declared_end, is_short, placed, says_more
from rest_source.extract.page import Next, Response, Stop
from rest_source.spec.pagination import OffsetLimit, PageNumber
from rest_source.spec.places import Found

EMPTY_PAGES_PASSED = 3
"""Pages in a row without new records that are passed over while something says that more is to come."""
_BORNE_OUT = 2
"""Pages after the first without a repeated record, by which a shorter step is a cap for certain."""


@dataclass(frozen=True, slots=True)
class CountedState:
    """Where a counted series stands when it asks for the page at `position` (a page number or an offset).

    `step` leads to the next position after a full page. `skipped` is how far the offset went up after a page that was
    not full, less than a step: some of its records may come again. `is_hidden` says that they did, so that the API
    counts rows that it does not show. `doubt` is the end that page 1 seemed to be, while page 2 is asked for to settle
    it; an end that is `disproved` is believed no more.
    """

    position: int
    step: int
    index: int = 0
    seen: int = 0
    empty: int = 0
    short: bool = False
    largest: int = 0
    skipped: int = 0
    is_hidden: bool = False
    total_pages: int | None = None
    total_records: int | None = None
    doubt: str = ""
    disproved: str = ""


@dataclass(frozen=True, slots=True)
class CountedPager:
    """`page_number` and `offset_limit`: they differ in what they send and in how far they step."""

    spec: PageNumber | OffsetLimit

    def first(self) -> Next[CountedState]:
        step = self.spec.step if isinstance(self.spec, PageNumber) else self.spec.limit
        return self._ask(CountedState(self.spec.start, step))

    def advance(self, state: CountedState, response: Response) -> Next[CountedState] | Stop:
        if state.doubt and self._is_borne_out(response):
            return Stop(state.doubt, keep=False)
        state = self._with_totals(state, response)
        if self._overlaps(state, response):
            return self._hidden(state)
        if self._repeats(state, response):
            return self._repeated(state, response)
        new = self.new(state, response)
        end = self._end(state, response, new)
        if end and not state.index and is_doubtful(self.spec, response, end.reason):
            return self._following(replace(state, doubt=end.reason), response, new)
        if end:
            return replace(end, warnings=(*self._capped(state, response.count), *end.warnings))
        return self._following(state, response, new)

    def ahead(self, state: CountedState) -> Next[CountedState] | None:
        expected = state.seen // state.index if state.index else self._size or 0
        seen = state.seen + expected
        if state.doubt or state.empty or not expected or self._total_reached(state, seen):
            return None
        position, index = state.position + state.step, state.index + 1
        return self._ask(replace(state, position=position, index=index, seen=seen, skipped=0))

    def knows_end(self, state: CountedState) -> bool:
        return state.total_pages is not None or state.total_records is not None

    def past_end(self, state: CountedState, error: RestSourceError) -> Stop | None:
        if state.doubt and is_no_page(error):
            return Stop(state.doubt)
        if error.id == "on_error":
            return None
        if state.empty and error.status in PAST_END:
            return self._ended_empty(state)
        is_end = error.status in (404, 416) and state.short
        return Stop("not_found_after_short_page", warnings=self._capped(state, 0)) if is_end else None

    def total(self, state: CountedState, response: Response) -> int | None:
        return self._with_totals(state, response).total_records

    def new(self, state: CountedState, response: Response) -> int:
        """With a total of records, those that the page before or a whole earlier page held do not count."""
        is_counted = self._with_totals(state, response).total_records is not None
        return (
            response.count - min(response.count, response.known()) if is_counted and response.count else response.count
        )

    def restore(self, state: Mapping[str, Any]) -> CountedState:
        return CountedState(**state)

    @property
    def keeps_digests(self) -> bool:
        return self.spec.repeated_pages == "error"

    @property
    def tells_twins(self) -> bool:
        return False  # it judges them itself

    @property
    def keeps_marks(self) -> bool:
        is_offset = isinstance(self.spec, OffsetLimit) and self.spec.advance == "rows"
        return is_offset or self.spec.total_records is not None

    @property
    def _size(self) -> int | None:
        return self.spec.size if isinstance(self.spec, PageNumber) else self.spec.limit

    def _ask(self, state: CountedState, *, keep: bool = True, warnings: tuple[str, ...] = ()) -> Next[CountedState]:
        spec = self.spec
        if isinstance(spec, PageNumber):
            sent = [(spec.param, "page", state.position)]
            sent += [(spec.size_param or "", "limit", spec.size)] if spec.size is not None else []
        else:
            sent = [(spec.offset_param, "offset", state.position), (spec.limit_param, "limit", spec.limit)]
        return Next(
            state, placed(spec.place, [item for item in sent if item[0] or spec.place == "template"]), keep, warnings
        )

    def _end(self, state: CountedState, response: Response, new: int) -> Stop | None:
        """The end of the series, if this page is its last."""
        if end := declared_end(self.spec, response):
            return end
        if self._total_reached(state, state.seen + new):
            told = (*self._told(state, response), *self._told_twin(state, response))
            return Stop("total_reached", warnings=told)
        if not new and not self._passes_empty(state, response):
            return self._ended_empty(state)
        if new and self.spec.stop_on_short_page and self._is_short(state, response):
            return Stop("short_page", warnings=self._told(state, response))
        return None

    def _following(self, state: CountedState, response: Response, new: int) -> Next[CountedState]:
        full = response.count >= (self._size or 0)
        by_rows = isinstance(self.spec, OffsetLimit) and self.spec.advance == "rows" and not state.is_hidden
        step = self._limit if response.count > state.step < self._limit else state.step
        if by_rows and state.index == 1 and response.count <= state.skipped:
            step = state.skipped or step  # the server caps the limit, as far as is known
        moved = (response.count or state.largest or step) if by_rows else step  # no window is smaller than its rows
        return self._ask(
            replace(
                state,
                position=state.position + moved,
                step=step,
                index=state.index + 1,
                seen=state.seen + new,
                empty=0 if new else state.empty + 1,
                short=not full,
                largest=max(state.largest, response.count),
                skipped=moved if by_rows and moved < self._limit else 0,
            ),
            warnings=(*self._told(state, response), *self._told_twin(state, response)),
        )

    @property
    def _limit(self) -> int:
        return self.spec.limit if isinstance(self.spec, OffsetLimit) else 0

    def _overlaps(self, state: CountedState, response: Response) -> bool:
        """Whether records came again because the offset went up by less than a step; page 1 as a whole did not.

        Where several pages have borne out that a step is a cap, a few came again because records moved meanwhile.
        """
        if not state.skipped or not response.count or not response.known():
            return False
        is_cap = state.skipped == state.step and state.index > _BORNE_OUT
        if is_cap and 2 * response.known() <= response.count:
            return False
        return response.twin() in (None, state.index) and not (state.index == 1 and response.twin() == 1)

    def _hidden(self, state: CountedState) -> Next[CountedState]:
        """Behind a page that was not full some of its records came again: it had rows that the API does not show.

        The offset goes up by a whole step from there, and the page with the repeated records is dropped. A step that
        was taken for a cap proves too short if records come again after all of it.
        """
        step = state.step if state.skipped < state.step else self._limit
        position, index = state.position - state.skipped + step, state.index + 1
        following = replace(state, position=position, step=step, skipped=0, is_hidden=True, index=index)
        return self._ask(following, keep=False, warnings=(ROWS_HIDDEN,))

    def _passes_empty(self, state: CountedState, response: Response) -> bool:
        """Whether a page without new records may have others behind it."""
        if state.empty >= EMPTY_PAGES_PASSED:
            return False
        if isinstance(self.spec, OffsetLimit) and (state.is_hidden or self.spec.advance == "limit") and state.seen:
            return True
        starts_at_zero = isinstance(self.spec, PageNumber) and state.index == 0 and state.position == 0
        return self.knows_end(state) or starts_at_zero or says_more(self.spec, response)

    def _is_short(self, state: CountedState, response: Response) -> bool:
        """Whether a page is shorter than a full one: than what was asked for, or where no size is sent, than others."""
        is_capped = state.disproved == "short_page"
        return is_short(response.count, state.largest, None if is_capped else asked_for(self.spec))

    def _told(self, state: CountedState, response: Response) -> tuple[str, ...]:
        """What page 2 proves: that there is no page 0 where page 1 was empty, or that page 1 was not the end."""
        if state.index == 1 and state.disproved:
            return (disproved(self.spec, state.disproved, state.largest),)
        is_zero = isinstance(self.spec, PageNumber) and self.spec.start == 0 and state.index == 1 and state.empty
        return (FROM_ONE,) if is_zero and response.count and not self.knows_end(state) else ()

    def _capped(self, state: CountedState, count: int) -> tuple[str, ...]:
        """At the end: that the server caps the limit, which no page has disproved and records after page 1 prove."""
        spec, step = self.spec, state.skipped if state.index == 1 else state.step
        if not isinstance(spec, OffsetLimit) or state.is_hidden or not 0 < step < spec.limit:
            return ()
        return (capped(spec, step),) if count <= step < state.seen + count else ()

    def _told_twin(self, state: CountedState, response: Response) -> tuple[str, ...]:
        """With a total of pages alone, repeated records are neither the end nor left out of a count: they are told."""
        is_judged = state.total_records is not None or self.spec.repeated_pages == "allow" or not self.knows_end(state)
        twin = response.twin() if response.count and not is_judged else None
        if twin is None:
            return ()
        return (f"Page {state.index + 1} held the same records as page {twin}: check the parameter of the page.",)

    def _is_borne_out(self, response: Response) -> bool:
        """Whether a page that was asked for to settle a doubt holds nothing new."""
        return not response.count or response.twin() is not None

    def _with_totals(self, state: CountedState, response: Response) -> CountedState:
        if state.doubt and not self._is_borne_out(response):
            state = replace(state, doubt="", disproved=state.doubt)
        if state.disproved == "total_reached":
            return replace(state, total_pages=None, total_records=None)
        return replace(
            state,
            total_pages=_newest(response, self.spec.total_pages, state.total_pages),
            total_records=_newest(response, self.spec.total_records, state.total_records),
        )

    def _total_reached(self, state: CountedState, seen: int) -> bool:
        by_records = state.total_records is not None and seen >= state.total_records
        return by_records or (state.total_pages is not None and state.index + 1 >= state.total_pages)

    def _repeats(self, state: CountedState, response: Response) -> bool:
        judged = self.spec.repeated_pages == "error" and not self.knows_end(state)
        return judged and response.count > 0 and response.twin() is not None

    def _repeated(self, state: CountedState, response: Response) -> Stop:
        if state.index == 1:
            raise ignored(self.spec)
        return Stop(
            "repeated_page",
            keep=False,
            warnings=(
                f"Page {state.index + 1} held the same records as page {response.twin()}: the server seems to answer "
                "its last page again and again, or to begin anew, so the series ended there. If the repetition is real "
                "data, set `repeated_pages: allow` in the pagination.",
            ),
        )

    def _ended_empty(self, state: CountedState) -> Stop:
        if not self.knows_end(state):
            return Stop("empty_page")
        announced = state.total_records or f"{state.total_pages} pages"
        told = (
            f"The series ended after {state.empty + 1} empty pages in a row with {state.seen} records, though the API "
            f"announced {announced}. The load may be incomplete."
        )
        return Stop("empty_pages", warnings=(told,))


def _newest(response: Response, where: Found | None, known: int | None) -> int | None:
    """The total in this response, else the one known before; null, text and negative numbers are unknown."""
    count = response.total(where) if where is not None else None
    return known if count is None else count
