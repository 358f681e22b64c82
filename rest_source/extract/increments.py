"""What a page says about how far an endpoint has been read."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urljoin

from rest_source.extract.cursors import CursorValues, Unordered, as_number
from rest_source.extract.data_root import Record
from rest_source.extract.document import LongNumber
from rest_source.extract.time_forms import COMPACT, REDUCED, read
from rest_source.http.request import Answer
from rest_source.spec.combinations import opens_with_cursor, shifts_cursor, used
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.incremental import Incremental
from rest_source.spec.jsonpath import MISSING, compile_path
from rest_source.spec.template import names

Numbers = Literal["times", "ids", "either"]
"""What the numbers of a cursor are."""
_TIME = re.compile(
    r"(^|_)(at|on|when|since|day|week|month|quarter|year|date|datetime|time|timestamp|ts|[acm]time"
    r"|created|updated?|modified|changed|posted|published|sent|received|seen)(_|$)"
)
_ID = re.compile(r"(^|_)(id|ids|key|no|num|number|seq|sequence|serial|version|revision|offset|position)$")
_IN_DIGITS = re.compile(f"{COMPACT}|{REDUCED}")
"""Numbers that are a date if they are no ids."""
_SECOND = timedelta(seconds=1)
_SKEW = timedelta(hours=1)
"""How far the clock of an API may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class Reached:
    """The latest cursor value of a page, as JSON holds it; None where it has none.

    `ahead` counts the values that lie beyond the time of the request and do not count; the first of them is the `value`
    of the page's record in a `place`, or of the answer. Of two values that are `unordered` it is not certain which is
    the later, so that no latest is known. A link that `is_secret` repeats a credential, and cannot be kept.
    """

    latest: Any = None
    ahead: int = 0
    place: int | None = None
    value: Any = None
    unordered: tuple[str, str] | None = None
    is_secret: bool = False


@dataclass(frozen=True, slots=True)
class Increments:
    """Finds the cursor in pages, and the page behind which all is known; `since` is where the load began.

    A value later than the request is no cursor: the next load would pass over what comes until then. One beyond `until`
    is none either. Where it `is_link`, the next load sends it as its first request.
    """

    spec: Incremental
    values: CursorValues
    numbers: Numbers = "either"
    since: Any = None
    until: Any = None
    is_link: bool = False

    def of_page(self, records: list[Record], document: Any, answer: Answer) -> Reached:
        """How far a page has come."""
        try:
            return self._reached(self._found(records, document, answer), answer)
        except Unordered as found:
            return Reached(unordered=found.pair)

    def _reached(self, found: list[Any], answer: Answer) -> Reached:
        latest = self.values.latest(found)
        is_ahead = self._is_ahead(latest, datetime.fromtimestamp(answer.at, UTC))
        if latest is None or not (is_ahead or self._is_past_end(latest)):
            return Reached(_plain(latest))
        now = _time_of(answer)
        counts = self._are_times(found, now)
        ahead = [place for place, value in enumerate(found) if counts and self._is_ahead(value, now)]
        passed = {*ahead, *(place for place, value in enumerate(found) if self._is_past_end(value))}
        latest = self.values.latest(value for place, value in enumerate(found) if place not in passed)
        told = [place for place in ahead if self._is_ahead(found[place], now, everywhere=True)]
        first = told[0] if told else None
        in_record = first if self.spec.origin == "record" else None
        return Reached(_plain(latest), len(told), in_record, None if first is None else found[first])

    def later(self, known: Any, value: Any) -> Any:
        """The later of what is known and what a further page says; raises Unordered where that is not certain."""
        if value is None:
            return known
        return self.values.latest([value], known) if self.spec.origin == "record" else value

    def is_behind(self, latest: Any) -> bool:
        """Whether a page with this latest value is wholly older than the cursor, and so is all after it."""
        descending = self.spec.order == "desc" and self.since is not None and latest is not None
        return descending and self.values.precedes(latest, self.since)

    def is_stuck(self, known: Any, now: datetime) -> bool:
        """Whether a cursor that is kept lies beyond the present, so that nothing would come until then."""
        is_time = self.numbers == "times" or as_number(known) is None
        return is_time and bool(self.values.written(known)) and self._is_ahead(known, now + _SKEW, everywhere=True)

    def _found(self, records: list[Record], document: Any, answer: Answer) -> list[Any]:
        """The cursor's value in each record, or in the answer."""
        if self.spec.origin == "header":
            return [self._link(answer.headers.get(self.spec.cursor), answer)]
        path = compile_path(self.spec.cursor)
        if self.spec.origin == "response":
            value = path.first(document)
            return [None if value is MISSING else self._link(value, answer)]
        if path.steps is not None and len(path.steps) == 1 and not path.every:
            return [record.get(path.steps[0]) for record in records]
        return [None if (value := path.first(record)) is MISSING else value for record in records]

    def _link(self, value: Any, answer: Answer) -> Any:
        """A link resolved against the URL that it came from, any other value as it is."""
        return urljoin(answer.url, value) if self.is_link and value and isinstance(value, str) else value

    def _is_ahead(self, value: Any, now: datetime, everywhere: bool = False) -> bool:
        """Whether a value is a time to come, if numbers are times; `everywhere` leaves out what may be a time zone."""
        if value is None or value == "":
            return False
        found = self.values.earliest(value)
        if found is None or (self.numbers == "ids" and as_number(value) is not None):
            return False
        return found.is_after_everywhere(now) if everywhere else found.moment > now

    def _is_past_end(self, value: Any) -> bool:
        return self.until is not None and value is not None and self.values.precedes(self.until, value)

    def _are_times(self, found: list[Any], now: datetime) -> bool:
        """Whether these values are times, judged by how many of them would be in the future if nothing else tells.

        Dates in digits alone are times if all of the numbers are such dates.
        """
        numbers = [value for value in (*found, self.since) if as_number(value) is not None]
        if self.numbers != "either" or all(re.fullmatch(COMPACT, str(value)) for value in numbers):
            return True
        times = [value for value in numbers if self.values.instant(value) and not _IN_DIGITS.fullmatch(str(value))]
        ahead = sum(self._is_ahead(value, now) for value in times)
        return bool(times) and 2 * ahead <= len(times)


def increments_of(
    endpoint: EndpointSpec, values: CursorValues, since: Any = None, until: Any = None
) -> Increments | None:
    """How an endpoint's pages tell how far it has been read; None where it reads all each time."""
    spec = endpoint.incremental
    if spec is None:
        return None
    has_windows = bool(used(endpoint) & {"window.start", "window.end"})
    is_link = spec.origin != "record" and opens_with_cursor(endpoint)
    numbers = _numbers(endpoint, spec, has_windows)
    return Increments(spec, values, numbers, since, None if has_windows else until, is_link)


def _numbers(endpoint: EndpointSpec, spec: Incremental, has_windows: bool) -> Numbers:
    """What the file says of the numbers of a cursor: by how it uses them, by the key, or by the name of the field."""
    if spec.format or spec.lookback or spec.step or has_windows or shifts_cursor(endpoint) or _is_time(spec.initial):
        return "times"
    last = re.split(r"[.\[\]'\"]+", spec.cursor.rstrip("]'\""))[-1]
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|-", "_", last).lower()
    if tuple(endpoint.primary_key) == (last,) or _ID.search(name):
        return "ids"
    return "times" if _TIME.search(name) else "either"


def _is_time(initial: Any) -> bool:
    """Whether the file begins with a time: `{now-30d:epoch}`, or a date."""
    if not isinstance(initial, str):
        return False
    return "now" in names(initial) or (as_number(initial) is None and read(initial, UTC) is not None)


def _time_of(answer: Answer) -> datetime:
    """When an answer came, by our clock or by the API's own, whichever is later: clocks differ.

    A header tells no parts of a second (RFC 9110, 5.6.7).
    """
    received = datetime.fromtimestamp(answer.at, UTC)
    try:
        said = parsedate_to_datetime(answer.headers.get("Date", ""))
    except (ValueError, TypeError):
        return received
    return max(received, said.replace(tzinfo=said.tzinfo or UTC) + _SECOND)


def _plain(value: Any) -> Any:
    """A number of any length as JSON has it."""
    if isinstance(value, LongNumber):
        return int(value.text) if value.text.lstrip("-").isdigit() else value.text
    return value
