"""Cursors of increments: which of two is the later, and how one is written a little earlier.

Values compare as numbers or as times, by the format that the file gives or as `time_forms.read` reads them, else as
texts, by the rules of `text_order`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from rest_source.errors import RestSourceError, quoted
from rest_source.extract.document import LongNumber
from rest_source.extract.text_order import DAY_BEFORE_YEAR, differ_as_numbers, earliest, is_before, latest_id
from rest_source.extract.time_forms import ISO, LEAST_EPOCH, ODATA, Written, in_zone, of_number, read, unit
from rest_source.spec.template import written
from rest_source.spec.units import EPOCHS

_ISO = re.compile(ISO)
_NO_DATE = "0000-00"
"""How a date begins that MySQL writes where there is none."""
_SORTED = re.compile(r"0+|/Date\(0+(\+0000)?\)/")
"""Shapes of texts besides those of ISO that sort as they do as times or numbers."""
_SAME_WIDTH = str.maketrans("123456789", "000000000")
_RECENT = datetime(1990, 1, 1, tzinfo=UTC)
_TIME_OF_DAY = re.compile(r"%-?[HIMSfpcXT]")
ODATA_FORMAT = "odata"
"""The name of `/Date(ms)/` as a format."""


class Unordered(Exception):
    """Of two texts it is not certain which is the later."""

    def __init__(self, one: Any, other: Any) -> None:
        super().__init__(one, other)
        self.pair = (str(one), str(other))


@dataclass(frozen=True, slots=True)
class CursorValues:
    """The cursor values of one endpoint; `zone` is that of times without one."""

    format: str | None
    zone: tzinfo

    def latest(self, values: Iterable[Any], known: Any = None) -> Any:
        """The latest of some values and the one known, as the API wrote it; None where there is none.

        Raises Unordered where it is not certain which is the latest.
        """
        present = [
            value for value in values if value is not None and value != "" and value is not True and value is not False
        ]
        latest = self._greatest(present) if present else None
        if latest is None or known is None:
            return known if latest is None else latest
        return self._later(known, latest)

    def precedes(self, value: Any, bound: Any) -> bool:
        """Whether a value is earlier than a bound; what cannot be compared is not."""
        return self._is_before(value, bound) or False

    def instant(self, value: Any) -> datetime | None:
        """The moment of a value, in the zone it was written in; None where it is none, an error where it has to be."""
        found = self.written(value)
        if found is None and self.format is not None:
            raise _misformatted(value, self.format)
        return found.moment if found else None

    def written(self, value: Any) -> Written | None:
        """The moment of a value and how it is written; None where it is none."""
        if self.format is not None:
            return None if isinstance(value, bool | None) else by_format(value, self.format, self.zone)
        found, number = read(value, self.zone), as_number(value)
        return None if found and number is not None and abs(number) < LEAST_EPOCH and not found.is_date else found

    def earliest(self, value: Any) -> Written | None:
        """The moment of a value, or the day before which it cannot be, by the date in a text of another form."""
        found = self.written(value)
        day = earliest(value, self.zone) if found is None and isinstance(value, str) else None
        return found or (Written(day, lambda _: value, True) if day else None)

    def earlier(self, value: Any, span: timedelta | None) -> Any:
        """The value so much earlier, written as the API wrote it."""
        if not span:
            return value
        moment = as_instant(self, value)
        try:
            return self.rewritten(value, in_zone(moment, UTC) - span)
        except OverflowError:
            return value

    def rewritten(self, value: Any, moment: datetime) -> Any:
        """A moment as a value is written that is one."""
        found = self.written(value)
        return found.write(moment) if found else value

    def in_format(self, value: Any) -> Any:
        """A time of any form, as one of the file, written by the format; any other value as it is."""
        found = read(value, self.zone) if self.format and value is not None and self.written(value) is None else None
        if found is None or self.format is None:
            return value
        if self.format == ODATA_FORMAT:
            return f"/Date({written(found.moment, 'epoch_ms')})/"
        text = written(in_zone(found.moment, self.zone), self.format)
        return int(text) if self.format in EPOCHS else text

    def _later(self, known: Any, value: Any) -> Any:
        is_later = self._is_before(known, value)
        if is_later is not None:
            return value if is_later else known
        if self.format is None and self._are_alike(known, value):
            raise Unordered(known, value)
        raise _mixed(known, value)

    def _are_alike(self, one: Any, other: Any) -> bool:
        """Whether two values are both neither times nor numbers, or both numbers."""
        return (as_number(one) is None) == (as_number(other) is None) and not any(
            as_number(value) is None and self.written(value) for value in (one, other)
        )

    def _greatest(self, values: list[Any]) -> Any:
        kinds = set(map(type, values))
        if self.format is None and kinds == {str} and (latest := latest_id(values)) is not None:
            return latest
        if self.format is None and kinds == {str}:
            return self._greatest_in_turn(list(_latest_of_shapes(values)))
        if (self.format is None or self.format in EPOCHS) and kinds <= {int, float}:
            greatest = max(values)
            if self.format or unit(greatest) == unit(min(values)):
                return greatest
        return self._greatest_in_turn(values)

    def _greatest_in_turn(self, values: list[Any]) -> Any:
        greatest = None
        for value in values:
            if isinstance(value, dict | list):
                raise _not_scalar(value)
            if _real(value) is not None:
                greatest = value if greatest is None else self._later(greatest, value)
        return greatest

    def _is_before(self, one: Any, other: Any) -> bool | None:
        """Whether one value is earlier than another; None where they cannot be compared."""
        are_texts = isinstance(one, str) and isinstance(other, str)
        if self.format is None and are_texts and (latest := latest_id((one, other))) is not None:
            return bool(one != other and latest == other)
        is_numeric = self.format is None or self.format in EPOCHS
        numbers = [as_number(value) if is_numeric else None for value in (one, other)]
        if None not in numbers and not self._differ_in_unit(one, other):
            is_small = self.format is None and max(map(abs, numbers)) < LEAST_EPOCH  # type: ignore[arg-type]
            is_certain = not (is_small and are_texts and differ_as_numbers(one, other))
            return numbers[0] < numbers[1] if is_certain else None  # type: ignore[operator]
        moments = [self.instant(value) for value in (one, other)]
        if None not in moments:
            return moments[0] < moments[1]  # type: ignore[operator]
        return is_before(one, other) if are_texts else None

    def _differ_in_unit(self, one: Any, other: Any) -> bool:
        """Whether one number counts seconds since 1970 and the other milliseconds, say: both are times not long ago.

        Else they are what they are: an id may be of any size.
        """
        if self.format is not None or _unit(one) == _unit(other):
            return False
        until = datetime.now(UTC) + timedelta(days=1)
        moments = [self.instant(value) for value in (one, other)]
        return all(moment is not None and _RECENT <= moment <= until for moment in moments)


def _latest_of_shapes(values: list[str]) -> Iterator[str]:
    """The latest of the texts of each shape; all of those whose order as texts does not tell."""
    shapes = dict.fromkeys([value.translate(_SAME_WIDTH) for value in values], values)
    if len(shapes) > 1:
        shapes = {shape: [] for shape in shapes}
        for value in values:
            shapes[value.translate(_SAME_WIDTH)].append(value)
    for shape, alike in shapes.items():
        match = _ISO.fullmatch(alike[0])
        width = len((match[7] or "") + (match[8] or "")) if match else 0
        if width > 1:
            zones = {value[-width:] for value in alike}
            yield from (max(value for value in alike if value.endswith(zone)) for zone in zones)
        elif (match or _SORTED.fullmatch(shape)) and not any(map(DAY_BEFORE_YEAR.fullmatch, alike)):
            yield max(alike)
        else:
            yield from alike


def as_number(value: Any) -> Decimal | None:
    """A number, or a text of digits, as a number of any length; None where it is none."""
    if isinstance(value, LongNumber):
        return Decimal(value.text)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(str(value))
    return Decimal(value) if isinstance(value, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value) else None


def as_instant(values: CursorValues, value: Any) -> datetime:
    """The moment of a cursor value; raises RestSourceError where it is none."""
    moment = values.instant(value)
    if moment is None:
        raise _no_instant(value)
    return moment


def by_format(value: Any, format: str, zone: tzinfo) -> Written | None:
    """The moment of a value that is written by a format; None where it is not."""
    if format in EPOCHS:
        number = as_number(value)
        return of_number(number, EPOCHS[format], value) if number is not None else None
    if format == ODATA_FORMAT:
        return read(value, zone) if re.fullmatch(ODATA, str(value).strip()) else None
    return _by_strftime(value, format, zone)


def _by_strftime(value: Any, format: str, zone: tzinfo) -> Written | None:
    try:
        moment = datetime.strptime(str(value), format)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    kind = int if isinstance(value, int) else str
    is_date = not _TIME_OF_DAY.search(format)
    return Written(moment, lambda other: kind(written(in_zone(other, moment.tzinfo), format)), is_date)


def _unit(value: Any) -> int | None:
    number = as_number(value)
    return unit(number) if number is not None else None


def _real(value: Any) -> Any:
    """A value, or None where it stands for none: MySQL's date of zeros, blanks."""
    return None if isinstance(value, str) and (value.startswith(_NO_DATE) or not value.strip()) else value


def _misformatted(value: Any, format: str) -> RestSourceError:
    return RestSourceError(
        "cursor_format",
        f"The cursor value {quoted(value)} is not written as `format: {format}` says.",
        cause="The format is not that of the field, or the API writes the field in several ways.",
        remedy="Leave `incremental.format` out: this value is read without."
        if read(value, UTC)
        else "Correct `incremental.format`: what strftime writes and strptime reads, `epoch`, `epoch_ms`, "
        "`epoch_us`, `epoch_ns` or `odata`. Without it, ISO dates and times, `31 Jan 2024`, `/Date(…)/` and epochs are "
        "recognised.",
    )


def _mixed(one: Any, other: Any) -> RestSourceError:
    return RestSourceError(
        "cursor_mixed",
        f"The cursor values {quoted(one)} and {quoted(other)} cannot be compared.",
        cause="One is a time or a number and the other is not: the field is no cursor, or its format has changed.",
        remedy="Choose another field as `incremental.cursor`, give its `format`, or start anew with --full-refresh.",
    )


def _not_scalar(value: Any) -> RestSourceError:
    what = "an object" if isinstance(value, dict) else "a list"
    names = f" with {', '.join(map(quoted, list(value)[:5]))}" if isinstance(value, dict) and value else ""
    return RestSourceError(
        "cursor_not_scalar",
        f"The cursor of `incremental` is {what}{names}.",
        cause="`incremental.cursor` ends one level too high.",
        remedy="Let it end at the text or number itself, as `$.updated_at.value` does.",
    )


def _no_instant(value: Any) -> RestSourceError:
    return RestSourceError(
        "cursor_no_time",
        f"The cursor value {quoted(value)} is no date or time.",
        cause="`lookback`, `{window.start}` and `{cursor-1h}` need a cursor of time.",
        remedy="Give the `format` of the cursor, or leave these out.",
    )
