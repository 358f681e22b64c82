"""Dates and times as APIs write them: ISO 8601, epochs, `/Date(ms)/`, and those of `human_dates`.

The patterns are shared with the SQL of the stage, so they use only what Python, RE2 and PostgreSQL read alike.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from rest_source.extract.document import LongNumber
from rest_source.extract.human_dates import HumanDate

ISO = (
    r"(\d{4}-\d\d-\d\d|\d{8}|\d{4}-?W\d\d(?:-?[1-7])?|\d{4}-\d{3})"
    r"(?:([Tt]| +)(\d\d)(?:(:?\d\d)(?:(:?\d\d)([.,]\d{1,9})?)?)?"
    r"(?:( *(?:[Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?))(\[[A-Za-z0-9_+/:-]+\])?)?)?"
)
"""ISO 8601, of which RFC 3339 is a part. Groups: date, separator, hour, minute, second, fraction, zone, and the name of
the zone that Java writes behind its offset (RFC 9557)."""
COMPACT = r"(?:1[89]\d\d|2[0-2]\d\d|9999)(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:(?:[01]\d|2[0-3])[0-5]\d[0-5]\d)?"
"""A date, or a date and a time, in digits alone; read as an epoch it would be in 1970."""
NUMBER = r"(-?)(0|[1-9]\d{0,18})(?:\.(\d{1,9}))?"
"""An epoch. Groups: sign, whole part, fraction."""
ODATA = r"\\?/Date\((-?\d{1,15})([+-]\d{4})?\)\\?/"
"""Milliseconds as OData 2 and .NET write them. Groups: number, and the offset of the writer, which tells no
other moment."""
REDUCED = r"((?:1[89]|2[0-2])\d\d|9999)(?:-(0[1-9]|1[0-2])|-?[Qq]([1-4]))?"
"""A year, a month or a quarter, which stand for their first day, as a week does: ISO 8601 of reduced precision, and
quarters. Groups: year, month, quarter."""
DIGITS = ((10, 0), (13, 3), (16, 6), (19, 9))
"""Up to how many digits a number counts seconds, milliseconds, microseconds and nanoseconds: each to the year 2286."""
LEAST_EPOCH = 10**8
"""A number nearer to 0, of the years 1966 to 1973 in seconds, is rather an id, a year or a serial day of Excel."""
DAY_SECONDS = 86400
"""How many of them are certainly a date: numbers below the least epoch are taken for one if they are whole days."""
NEVER, NEVER_DIGITS = range(253402214400, 253402300800), (0, 3, 6)
"""The last day of the year 9999 in seconds, as which APIs write "never", and by how many digits they divide them."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UTC14 = timezone(timedelta(hours=14))


@dataclass(frozen=True, slots=True)
class Written:
    """A moment, and how to write another as it was written; `is_date` where it has no time of day."""

    moment: datetime
    write: Callable[[datetime], Any]
    is_date: bool = False

    def is_after(self, bound: datetime) -> bool:
        """Whether it lies beyond a bound."""
        return self.moment > bound

    def is_after_everywhere(self, bound: datetime) -> bool:
        """Whether it does so in every zone: at 10:00 UTC a date may be that of tomorrow, further east."""
        return self.moment > bound and not (self.is_date and self.moment.date() <= bound.astimezone(_UTC14).date())


def read(value: Any, zone: tzinfo) -> Written | None:
    """The moment that a JSON value is, without a zone of its own in the one given; None where it is none."""
    text = value.text if isinstance(value, LongNumber) else str(value).strip(" ")
    if isinstance(value, bool) or not isinstance(value, str | int | float | LongNumber):
        return None
    if re.fullmatch(COMPACT, text, re.ASCII):
        return _compact(text, value, zone)
    if re.fullmatch(f"{REDUCED}|{NUMBER}", text, re.ASCII):
        return _reduced(text, value, zone) or _number(text, value)
    return (_iso(text, zone) or _odata(text) or _human(text, zone)) if isinstance(value, str) else None


def of_number(number: Decimal, digits: int, like: Any) -> Written | None:
    """A number of seconds, or of parts of them by so many digits, since 1970."""
    try:
        moment = EPOCH + timedelta(microseconds=int(number.scaleb(6 - digits).to_integral_value(ROUND_FLOOR)))
    except OverflowError:
        return None
    places = max(0, -int(number.as_tuple().exponent))
    return Written(moment, lambda other: _as(_since_epoch(other, digits, places), like))


def unit(number: Decimal | int) -> int | None:
    """By how many digits its size says that a number divides seconds; None where it is too large for any unit."""
    whole = abs(int(number))
    never = next((digits for digits in NEVER_DIGITS if whole // 10**digits in NEVER), None)
    return never if never is not None else next((digits for most, digits in DIGITS if whole < 10**most), None)


def in_zone(moment: datetime, zone: tzinfo | None) -> datetime:
    """A moment in another zone, at the ends of the calendar as near to it as there is."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return (datetime.max if moment.year > 5000 else datetime.min).replace(tzinfo=zone)


def _since_epoch(moment: datetime, digits: int, places: int) -> Decimal:
    micros = Decimal((moment - EPOCH) // timedelta(microseconds=1))
    return micros.scaleb(digits - 6).quantize(Decimal(1).scaleb(-places), ROUND_FLOOR)


def _as(number: Decimal, like: Any) -> Any:
    return f"{number:f}" if isinstance(like, str | LongNumber) else type(like)(number)


def _compact(text: str, like: Any, zone: tzinfo) -> Written | None:
    found = _iso(f"{text[:8]}T{text[8:]}" if text[8:] else text, zone)
    if found is None:
        return None
    return Written(found.moment, lambda other: type(like)(found.write(other).replace("T", "")), found.is_date)


def _number(text: str, like: Any) -> Written | None:
    match = re.fullmatch(NUMBER, text, re.ASCII)
    if match is None:
        return None
    number = Decimal(text)
    if abs(number) < LEAST_EPOCH and number % DAY_SECONDS:
        return None
    return of_number(number, unit(number) or 0, like)


def _reduced(text: str, like: Any, zone: tzinfo) -> Written | None:
    match = re.fullmatch(REDUCED, text, re.ASCII)
    if match is None:
        return None
    month = int(match[2] or 3 * int(match[3] or 1) - 2)
    return Written(
        datetime(int(match[1]), month, 1, tzinfo=zone),
        lambda other: _reduced_as(in_zone(other, zone), match, like),
        True,
    )


def _reduced_as(moment: datetime, match: re.Match[str], like: Any) -> Any:
    """The year, month or quarter of a moment as one is written."""
    text = f"{moment.year:04}"
    if match[2]:
        text += f"-{moment:%m}"
    elif match[3]:
        text += match.string[match.end(1) : match.start(3)] + str((moment.month + 2) // 3)
    return text if isinstance(like, str | LongNumber) else type(like)(text)


def _odata(text: str) -> Written | None:
    match = re.fullmatch(ODATA, text, re.ASCII)
    found = of_number(Decimal(match[1]), 3, match[1]) if match else None
    if found is None or match is None:
        return None
    return Written(found.moment, lambda other: text.replace(match[1], found.write(other), 1))


def _iso(text: str, zone: tzinfo) -> Written | None:
    match = re.fullmatch(ISO, text, re.ASCII)
    day = _day(match[1]) if match else None
    if match is None or day is None:
        return None
    hour, minute, second = (int((match[group] or "0")[-2:]) for group in (3, 4, 5))
    micro = int((match[6] or ".")[1:7].ljust(6, "0"))
    try:
        moment = datetime(day.year, day.month, day.day, hour, minute, second, micro, _offset(match[7]) or zone)
    except ValueError:
        return None
    return Written(moment, lambda other: _iso_text(in_zone(other, moment.tzinfo), match), match[2] is None)


def _day(text: str) -> date | None:
    try:
        if "W" in text:
            year, week = text.replace("-", "").split("W")
            return date.fromisocalendar(int(year), int(week[:2]), int(week[2:] or 1))
        if len(text) == 8 and "-" in text:
            day = date(int(text[:4]), 1, 1) + timedelta(days=int(text[5:]) - 1)
            return day if day.year == int(text[:4]) else None
        return date.fromisoformat(text)
    except (ValueError, OverflowError):
        return None


def _offset(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    digits = text.strip().replace(":", "")
    if digits[0] not in "+-":
        return UTC
    span = timedelta(hours=int(digits[1:3]), minutes=int(digits[3:] or 0))
    if int(digits[3:] or 0) > 59:
        raise ValueError(text)
    return timezone(-span if digits[0] == "-" else span)


def _iso_text(moment: datetime, like: re.Match[str]) -> str:
    """A moment in the style of a text."""
    day, separator, hour, minute, second, fraction, zone, name = like.groups()
    text = _day_text(moment.date(), day)
    if hour is not None:
        text += f"{separator}{moment:%H}" + (f"{minute[:-2]}{moment:%M}" if minute else "")
        text += f"{second[:-2]}{moment:%S}" if second else ""
        text += (fraction[0] + f"{moment:%f}".ljust(9, "0"))[: len(fraction)] if fraction else ""
    return text + (zone or "") + (name or "")


def _day_text(day: date, like: str) -> str:
    dash = "-" if "-" in like else ""
    if "W" in like:
        year, week, weekday = day.isocalendar()
        has_weekday = like[-3] != "W"
        return f"{year:04}{dash}W{week:02}" + (f"{dash}{weekday}" if has_weekday else "")
    if dash and len(like) == len("2024-032"):
        return f"{day.year:04}-{day.timetuple().tm_yday:03}"
    return day.isoformat().replace("-", dash)


def _human(text: str, zone: tzinfo) -> Written | None:
    human = HumanDate.of(text)
    found = _iso(human.iso, zone) if human and human.iso else None
    if human is None or found is None:
        return None
    return Written(found.moment, lambda other: human.write(in_zone(other, found.moment.tzinfo)), found.is_date)
