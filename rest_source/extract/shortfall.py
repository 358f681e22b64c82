"""What an API announced beyond what a series read, judged at the end of the series."""

from rest_source.extract.announced import Sign
from rest_source.extract.history import History
from rest_source.extract.page import Stop
from rest_source.spec.pagination import NoPagination, Pagination

_CHOSEN = frozenset(("done", "has_more_false", "same_url", "link_ends", "ended_by_rule", "end_status"))
"""Ends that the file names: what leads on from there is left on purpose."""
_SEEN = frozenset(("empty_page", "empty_pages", "short_page", "not_found_after_short_page"))
"""Ends that the page itself shows, though some APIs name a next page even there."""
_EARLY = frozenset(("cursor_reached", "repeated_page"))
"""Ends that leave out records on purpose, or have a warning of their own."""


def shortfall(history: History, stop: Stop, pagination: Pagination, total_is_known: bool) -> str | None:
    """The sentence that says what was announced and not read; None where all was.

    `total_is_known` where the file names a total, by which the load itself is judged.
    """
    if stop.reason in _EARLY:
        return None
    if sign := _leads_on(history, stop.reason):
        what, remedy = "pages", sign.remedy
    elif sign := _counts_more(history, stop.reason, total_is_known):
        what, remedy = "records" if sign.kind == "records" else "pages", sign.remedy
    else:
        return None
    read = f"{_counted(history.returned, 'record')} in {_counted(history.pages, 'page')}"
    told = f"The answer announces more {what} ({sign}), but the series ended after {read}."
    if isinstance(pagination, NoPagination) or (history.pages <= 1 and sign.kind in ("link", "url", "token")):
        return f"{told} Write {remedy}"
    if sign.kind == "flag":
        return f"{told} Compare `pagination` with the API's documentation: {sign.where} goes on when the series ends."
    key = f"total_{sign.kind}" if sign.kind in ("records", "pages") else ""
    hint = f"; `{key}: {sign.where}` in it makes the load judge the total" if key else ""
    return f"{told} Check `pagination` and what the credentials may see{hint}."


def announces_more(history: History) -> bool:
    """Whether the last answer, or a total, says that there is more than was read."""
    return history.last.more is not None or _counts_more(history, "", total_is_known=False) is not None


def _leads_on(history: History, reason: str) -> Sign | None:
    sign = history.last.more
    if sign is None or reason in _CHOSEN:
        return None
    if reason in _SEEN or not (sign.is_sure or history.pages <= 1):
        return history.last.flag
    return sign


def _counts_more(history: History, reason: str, total_is_known: bool) -> Sign | None:
    """A total beyond what was read; the last answer's, unless it has none, as that of a page beyond the end."""
    latest = history.last if history.last.records or history.last.pages else history.first
    records, pages = latest.records, latest.pages
    if records is not None and not total_is_known and records.count > history.returned:
        return records
    return pages if pages is not None and reason != "total_reached" and pages.count > history.pages else None


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
