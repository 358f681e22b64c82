"""How long a header asks to wait: a number, a duration, or a moment, as APIs write them."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_NUMBER = re.compile(r"\d+(\.\d+)?")
_DURATION = re.compile(r"(?:pt)?((?:\d{1,15}(?:\.\d{1,15})?\s*[a-zµ]+\s*)+)", re.IGNORECASE)
_LONGEST = 1000
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zµ]+)", re.IGNORECASE)
_UNITS = {
    **dict.fromkeys(("ns",), 1e-9),
    **dict.fromkeys(("us", "µs"), 1e-6),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
}
# As a duration that is 31 years: a larger number is a moment in epoch seconds, ms, µs or ns.
_EPOCHS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3), (1e9, 1.0))


def seconds_of(text: str, now: float, milliseconds: bool = False) -> float | None:
    """The seconds that a value asks to wait; the most of several, as of a header that came twice."""
    text = text[:_LONGEST].strip().strip('"').partition(";")[0].strip()
    whole = _one(text, now, milliseconds)
    if whole is not None or "," not in text:
        return whole
    parts = [_one(part.strip(), now, milliseconds) for part in text.split(",")]
    return None if None in parts else max(part for part in parts if part is not None)


def _one(text: str, now: float, milliseconds: bool) -> float | None:
    if _NUMBER.fullmatch(text):
        return _of_number(float(text), now, milliseconds)
    if duration := _DURATION.fullmatch(text):
        parts = [(float(number), _UNITS.get(unit.lower())) for number, unit in _PART.findall(duration[1])]
        return None if any(unit is None for _, unit in parts) else sum(number * (unit or 0) for number, unit in parts)
    moment = moment_of(text)
    return None if moment is None else max(0.0, moment - now)


def _of_number(number: float, now: float, milliseconds: bool) -> float:
    per_second = next((unit for least, unit in _EPOCHS if number > least), None)
    if per_second is not None:
        return max(0.0, number / per_second - now)
    return number / 1000 if milliseconds else number


def moment_of(text: str) -> float | None:
    """A date of HTTP, of ISO 8601, or as JavaScript writes it, in epoch seconds; without a zone it is UTC."""
    text = re.sub(r"\s*\(.*\)$|(?:GMT|UTC)(?=[+-])", "", text[:_LONGEST])
    readings: list[Callable[[], datetime]] = [
        lambda: datetime.fromisoformat(re.sub(r"\s*(GMT|UTC)$", "", text)),
        lambda: parsedate_to_datetime(text),
    ]
    for read in readings:
        with suppress(ValueError, TypeError, IndexError, OverflowError):
            moment = read()
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return None
