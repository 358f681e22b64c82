"""Ends that page 1 of a counted series may only seem to be; page 2 settles each."""

from dataclasses import dataclass

from rest_source.errors import RestSourceError
from rest_source.extract.ends import PAST_END
from rest_source.extract.page import Response
from rest_source.extract.page_words import words
from rest_source.spec.pagination import OffsetLimit, PageNumber
from rest_source.spec.places import HeaderValue

_OWN_COUNT = (
    "The total of the answer was reached by page 1, and page 2 held more records: it counts something else, so the "
    "series went on without it. Correct or leave out `{key}` in the pagination."
)
_OF_PAGE = {"count", "length", "page", "returned", "size"}
_OF_ALL = {"all", "found", "last", "pages", "range", "total", "totals"}
_CAPPED = (
    "Page 1 held {count} records though {size} were asked for, and page 2 held more: the server gives at most {count}. "
    "Write `{key}: {count}` in the pagination."
)

_TELL_NOTHING = (401, 407)
_NO_PAGE = ("data_root_null", "empty_body", "redirect_changes_request", "http_500", "http_501")
"""Errors with which APIs answer for a page that they do not have, beside refusals."""


@dataclass(slots=True)
class Uncut:
    """The most records of a page that is not cut by the server, as the series of a load find out together."""

    most: int = 0

    def saw(self, count: int) -> None:
        """Take in a page with so many records: one with fewer is not cut."""
        self.bears_out(count - 1)

    def bears_out(self, count: int) -> None:
        """Take in that nothing came behind a short page with so many records."""
        self.most = max(self.most, count)


def is_doubtful(spec: PageNumber | OffsetLimit, response: Response, reason: str) -> bool:
    """Whether page 1 may not be the last, though it ends the series for a reason.

    Its total may count the page alone, if the name allows that and the page may be full. A page that is shorter than
    asked for may be as long as the server allows, unless another page of the load tells.
    """
    if spec.repeated_pages == "allow" or not response.count:
        return False
    if reason == "short_page":
        return response.count > response.uncut
    return reason == "total_reached" and response.count >= (asked_for(spec) or 0) and _is_unsure(spec)


def is_no_page(error: RestSourceError) -> bool:
    """Whether an error bears the end out that page 1 seemed to be: the API has no page 2, and says so in its way.

    The file does not ask for that page. An error that may pass, or that asks for credentials, tells nothing.
    """
    status = error.status or 0
    is_refused = error.id.startswith("http_") and 400 <= status < 500 and status not in _TELL_NOTHING
    is_final = not error.retryable and (is_refused or error.id == "on_error")
    return is_final or status in PAST_END or error.id in _NO_PAGE


def disproved(spec: PageNumber | OffsetLimit, reason: str, count: int) -> str:
    """What page 2 shows by its records, of an end that page 1 with so many records seemed to be."""
    if reason == "total_reached":
        return _OWN_COUNT.format(key="total_records" if spec.total_records is not None else "total_pages")
    key = "size" if isinstance(spec, PageNumber) else "limit"
    return _CAPPED.format(count=count, size=asked_for(spec), key=key)


def asked_for(spec: PageNumber | OffsetLimit) -> int | None:
    """The size of a page that is sent; None where none is."""
    if isinstance(spec, OffsetLimit):
        return spec.limit
    return spec.size if spec.size_param is not None else None


def _is_unsure(spec: PageNumber | OffsetLimit) -> bool:
    """Whether a total that the file names has a name that may be that of the page's own count or number."""
    named = [where for where in (spec.total_records, spec.total_pages) if where is not None]
    texts = [where.header if isinstance(where, HeaderValue) else where for where in named]
    used = {word for text in texts for word in words(text)}
    return bool(used & _OF_PAGE) and not used & _OF_ALL
