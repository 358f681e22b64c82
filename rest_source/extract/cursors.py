"""Cursors of increments: which of two is the later, and how one is written a little earlier.

Values compare as instants where they are dates or times (ISO 8601, or the format that the file gives), else as numbers,
else as texts. Numbers of seconds or milliseconds since 1970 are told by their size.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any

from rest_source.errors import RestSourceError, quoted
from rest_source.extract.document import LongNumber

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:([Tt ])(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s?([Zz]|[+-]\d\d:?(?:\d\d)?)?)?"
)
_SAME_WIDTH = str.maketrans("123456789", "000000000")
_SECONDS = (10**8, 10**11)
_MILLISECONDS = (10**11, 10**14)

Comparable = tuple[str, Any]
"""What kind of value it is, and what stands for it in a comparison."""


@dataclass(frozen=True, slots=True)
class CursorValues:
    """The cursor values of one endpoint; `zone` is that of times without one."""

    format: str | None
    zone: tzinfo

    def latest(self, values: Iterable[Any], known: Any = None) -> Any:
        """The latest of some values and the one known, as the API wrote it; None where there is none."""
        present = [value for value in values if value is not None and value != "" and not isinstance(value, bool)]
        if not present:
            return known
        return self._later(known, self._greatest(present))

    def precedes(self, value: Any, bound: Any) -> bool:
        """Whether a value is earlier than a bound."""
        one, other = self._comparable(value), self._comparable(bound)
        return one[0] == other[0] and bool(one[1] < other[1])

    def instant(self, value: Any) -> datetime | None:
        """The moment of a value, in the zone it was written in; None where it is none."""
        if isinstance(value, str) and self.format is not None:
            return self._parsed(value, self.format)
        number = _number(value)
        if number is not None:
            unit = _unit(number)
            return datetime(1970, 1, 1, tzinfo=UTC) + unit * float(number) if unit else None
        match = _ISO.fullmatch(value.strip()) if isinstance(value, str) else None
        return self._from_iso(match) if match else None

    def earlier(self, value: Any, span: timedelta | None) -> Any:
        """The value so much earlier, written as the API wrote it."""
        if not span:
            return value
        number = _number(value) if not self.format else None
        if number is not None and (unit := _unit(number)):
            moved = number - Decimal(span / unit)
            moved = moved.to_integral_value(ROUND_FLOOR) if number == number.to_integral_value() else moved
            return type(value)(moved) if isinstance(value, int | float) else str(moved)
        moment = self.instant(value)
        if moment is None:
            raise _no_instant(value)
        try:
            return self._written((moment.astimezone(UTC) - span).astimezone(moment.tzinfo), str(value))
        except OverflowError:
            return value

    def _later(self, known: Any, value: Any) -> Any:
        if known is None:
            return value
        one, other = self._comparable(known), self._comparable(value)
        if one[0] != other[0]:
            raise _mixed(known, value)
        return value if other[1] > one[1] else known

    def _greatest(self, values: list[Any]) -> Any:
        if self.format is None and all(type(value) is str for value in values):
            # Equal shapes, the zone included, sort as texts as they do as times.
            shapes = {value.translate(_SAME_WIDTH) for value in values}
            if len(shapes) == 1 and (match := _ISO.fullmatch(values[0])) and match[9] in (None, "Z", "z"):
                return max(values)
        if all(type(value) is int for value in values):
            return max(values)
        greatest = values[0]
        for value in values[1:]:
            greatest = self._later(greatest, value)
        return greatest

    def _comparable(self, value: Any) -> Comparable:
        number = _number(value) if not self.format else None
        if number is not None:
            return "number", number
        moment = self.instant(value)
        return ("instant", moment) if moment is not None else ("text", str(value))

    def _parsed(self, value: str, format: str) -> datetime:
        try:
            moment = datetime.strptime(value, format)
        except ValueError:
            raise RestSourceError(
                "cursor_format",
                f"The cursor value {quoted(value)} is not written as `format: {format}` says.",
                cause="The format is not that of the field, or the API writes the field in several ways.",
                remedy="Correct `incremental.format`; without it, ISO dates and times and epochs are recognised.",
            ) from None
        return moment if moment.tzinfo else moment.replace(tzinfo=self.zone)

    def _from_iso(self, match: re.Match[str]) -> datetime | None:
        year, month, day, _, hour, minute, second, fraction, zone = match.groups()
        micro = int((fraction or "0")[:6].ljust(6, "0"))
        try:
            moment = datetime(
                int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micro
            )
            return moment.replace(tzinfo=_zone(zone) or self.zone)
        except ValueError:
            return None

    def _written(self, moment: datetime, like: str) -> str:
        """A moment in the style of a text."""
        if self.format is not None:
            return moment.strftime(self.format)
        match = _ISO.fullmatch(like.strip())
        assert match is not None
        _, _, _, separator, _, _, second, fraction, zone = match.groups()
        text = f"{moment:%Y-%m-%d}"
        if separator:
            text += f"{separator}{moment:%H:%M}" + (f":{moment:%S}" if second is not None else "")
            text += f".{f'{moment:%f}'.ljust(9, '0')[: len(fraction)]}" if fraction else ""
            text += zone or ""
        return text


def _number(value: Any) -> Decimal | None:
    if isinstance(value, LongNumber):
        return Decimal(value.text)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(str(value))
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value):
        try:
            return Decimal(value)
        except InvalidOperation:
            return None
    return None


def _unit(number: Decimal) -> timedelta | None:
    if _SECONDS[0] <= abs(number) < _SECONDS[1]:
        return timedelta(seconds=1)
    return timedelta(milliseconds=1) if _MILLISECONDS[0] <= abs(number) < _MILLISECONDS[1] else None


def _zone(text: str | None) -> tzinfo | None:
    return datetime.fromisoformat(f"2000-01-01T00:00:00{text.upper()}").tzinfo if text else None


def _mixed(one: Any, other: Any) -> RestSourceError:
    return RestSourceError(
        "cursor_mixed",
        f"The cursor values {quoted(one)} and {quoted(other)} cannot be compared.",
        cause="One is a time or a number and the other is not: the field is no cursor, or its format has changed.",
        remedy="Choose another field as `incremental.cursor`, give its `format`, or start anew with --full-refresh.",
    )


def _no_instant(value: Any) -> RestSourceError:
    return RestSourceError(
        "cursor_no_time",
        f"The cursor value {quoted(value)} is no date or time.",
        cause="`lookback`, `{window.start}` and `{cursor-1h}` need a cursor of time.",
        remedy="Give the `format` of the cursor, or leave these out.",
    )


def as_instant(values: CursorValues, value: Any) -> datetime:
    """The moment of a cursor value; raises RestSourceError where it is none."""
    moment = values.instant(value)
    if moment is None:
        raise _no_instant(value)
    return moment
