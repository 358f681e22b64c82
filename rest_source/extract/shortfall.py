"""What an API announced beyond what a series read, judged at the end of the series."""

from rest_source.extract.announced import Sign
from rest_source.extract.history import History
from rest_source.extract.page import Stop
from rest_source.extract.page_words import FILTERED, words
from rest_source.spec.pagination import NoPagination, OffsetLimit, PageNumber, Pagination

_CHOSEN = frozenset(("same_url", "link_ends"))
"""Ends that the file names: what leads on from there is left on purpose."""
_FLAGGED = frozenset(("done", "has_more_false", "end_status", "ended_by_rule"))
"""Ends that the file names by one thing, which another flag may contradict."""
_SEEN = frozenset(("empty_page", "empty_pages", "short_page", "not_found_after_short_page"))
"""Ends that the page itself shows, though some APIs name a next page even there."""
_EARLY = frozenset(("cursor_reached", "repeated_page"))
"""Ends that leave out records on purpose, or have a warning of their own."""


def shortfall(
    history: History, stop: Stop, pagination: Pagination, total: int | None, is_part: bool = False
) -> str | None:
    """The sentence that says what was announced and not read; None where all was.

    A load of one series is judged by its `total` of records, which the file says where to find, as a whole; of several
    series, each `is_part` and judged here, as their totals may make up for one another.
    """
    if stop.reason in _EARLY:
        return None
    sign = _leads_on(history, stop.reason, pagination) or _counts_more(history, pagination, total)
    if sign is None:
        if (before := _before(history, pagination)) is not None:
            return before
        if is_part and total is not None and total > history.returned:
            return f"The API announced {total} records for a request, and {history.returned} were read."
        return None
    what = "records" if sign.kind == "records" else "pages"
    read = f"{_counted(history.returned, 'record')} in {_counted(history.pages, 'page')}"
    told = f"The answer announces more {what} ({sign}), but the series ended after {read}."
    return f"{told} {_remedy(sign, history, pagination)}"


def _before(history: History, pagination: Pagination) -> str | None:
    """The sentence that says that a page comes before the one at which a counted series began."""
    sign = history.first.before
    if sign is None or not isinstance(pagination, PageNumber | OffsetLimit) or pagination.start != 1:
        return None
    what = "pages" if isinstance(pagination, PageNumber) else "records"
    return (
        f"The first answer says that others come before it ({sign}): the API seems to count {what} from 0. "
        "Write `start: 0` in the pagination."
    )


def announces_more(history: History, pagination: Pagination) -> bool:
    """Whether the last answer, or a total, says that there is more than was read."""
    return history.last.more is not None or _counts_more(history, pagination, None) is not None


def _remedy(sign: Sign, history: History, pagination: Pagination) -> str:
    leads = sign.kind in ("link", "url", "token")
    if isinstance(pagination, NoPagination) or (leads and history.pages <= 1):
        return f"Write {sign.remedy}"
    if sign.kind in ("records", "pages"):
        key = f"total_{sign.kind}: {sign.where}"
        return f"Check `pagination` and what the credentials may see; `{key}` in it has the load judged by the total."
    return "Compare `pagination` with the documentation of the API."


def _leads_on(history: History, reason: str, pagination: Pagination) -> Sign | None:
    sign = history.last.more
    if sign is None or reason in _CHOSEN:
        return None
    if reason in _FLAGGED:
        return history.last.flag or _misread(history, pagination) or _number(history, reason)
    is_sure = sign.is_sure or history.pages <= 1
    if reason == "short_page" and sign.kind == "number":
        return sign
    if not is_sure or (reason in _SEEN and history.returned):
        return history.last.flag
    return sign


def _misread(history: History, pagination: Pagination) -> Sign | None:
    """What leads on at the very place that the file takes for the flag of the end."""
    flags = {getattr(pagination, key, None) for key in ("has_more", "done")}
    leads = (sign for sign in history.last.signs if sign.kind not in ("pages", "records"))
    return next((sign for sign in leads if sign.place in flags), None)


def _number(history: History, reason: str) -> Sign | None:
    """The number of a next page, which the API answers as if there was none."""
    if reason != "end_status":
        return None
    return next((sign for sign in history.last.signs if sign.kind == "number"), None)


def _counts_more(history: History, pagination: Pagination, total: int | None) -> Sign | None:
    """A total beyond what was read; the last answer's, unless it has none, as that of a page beyond the end.

    The file may name the total of what a filter leaves, beside which the total of all is none.
    """
    latest = history.last if history.last.records or history.last.pages else history.first
    records, pages = latest.records, latest.pages
    named = str(pagination.total_records) if total is not None else ""
    if records is not None and not FILTERED & set(words(named)):
        read = max(history.returned, total or 0)
        if records.count > read or (records.is_least and records.count == read):
            return records
    return pages if pages is not None and pages.count > history.pages else None


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
