"""Dates and times as people read them: with the name of a month, with the year first, or with a half of the day.

Which of day and month is meant has to be certain: `05/01/2026` is not among them. The patterns are shared with SQL, so
they use only what Python, RE2 and PostgreSQL read alike.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = {name[:3].lower(): f"{number:02}" for number, name in enumerate(MONTH_NAMES, 1)}
"""The number of a month by the first letters of its name."""
HOURS = {f"{12 if hour % 12 == 0 else hour % 12:02}{'ap'[hour // 12]}": f"{hour:02}" for hour in range(24)}
"""The hour by that of a half of the day and the first letter of the half: `12a` is 0, `01p` is 13."""
ZONES = {"UTC": 0, "GMT": 0, "UT": 0, "Z": 0} | {
    f"{letter}{kind}": hours + (kind == "DT")
    for letter, hours in (("E", -5), ("C", -6), ("M", -7), ("P", -8))
    for kind in ("ST", "DT")
}
"""Hours east of UTC of the zones that RFC 2822 names."""


def _any_case(word: str) -> str:
    return "".join(f"[{letter}{letter.lower()}]" for letter in word.upper())


def _name(word: str) -> str:
    """A name in full or by its first three letters."""
    return _any_case(word[:3]) + (f"(?:{_any_case(word[3:])})?" if word[3:] else "")


_MONTH = f"(?P<month>{'|'.join(map(_name, MONTH_NAMES))}|{_any_case('Sept')})"
_WEEKDAY = f"(?P<weekday>{'|'.join(map(_name, _WEEKDAYS))})"
_DAY = r"(?P<day>\d\d?)(?P<suffix>st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_TIME = (
    r"(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?P<fraction>[.,]\d{1,9})?)?"
    r"(?: *(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_ZONE = (
    rf"(?: *(?P<zone>{'|'.join(ZONES)})| *(?:GMT|UTC)?(?P<offset>[+-]\d\d:?\d\d))?"
    r"(?: *\([^()]*\))?"
)
_DIVIDED = "|".join(rf"{mark}(?P<month_{n}>\d\d?){mark}" for n, mark in enumerate(("-", "/", r"\.")))


@dataclass(frozen=True, slots=True)
class HumanForm:
    """A form of dates: its pattern without names of groups, and what the names of its groups are by then."""

    named: str

    @property
    def pattern(self) -> str:
        """The pattern, for those that know no names of groups."""
        return re.sub(r"\?P<\w+>", "", self.named)

    def groups(self, name: str) -> list[int]:
        """The numbers of the groups that hold a part; all but one of them are empty."""
        numbered = re.compile(self.named).groupindex
        return [number for group, number in numbered.items() if _part(group) == name]


HUMAN_FORMS = tuple(
    map(
        HumanForm,
        (
            # RFC 2822 3.3 and 4.3, RFC 9110 5.6.7, and the logs of web servers: 05/Jan/2026:10:00:00 +0000
            rf"(?:{_WEEKDAY},? *)?{_DAY}[ /-]+{_MONTH}\.?,?[ /-]+{_YEAR}(?:(?:,?(?: at)? +|:){_TIME}{_ZONE})?",
            rf"(?:{_WEEKDAY},? +)?{_MONTH}\.?[ /-]+{_DAY},?[ /-]+{_YEAR}(?:,?(?: at)? +{_TIME}{_ZONE})?",
            rf"{_WEEKDAY},? +{_MONTH} +{_DAY} +{_TIME}{_ZONE} +{_YEAR}",
            rf"{_YEAR}(?:{_DIVIDED}|[ -]{_MONTH}[ -])(?P<day>\d\d?)(?:[Tt ] *{_TIME}{_ZONE})?",
        ),
    )
)
_COMPILED = tuple(re.compile(form.named, re.ASCII) for form in HUMAN_FORMS)


@dataclass(frozen=True, slots=True)
class HumanDate:
    """A date of one of the forms, by its parts; it can be written in ISO 8601, and other moments as it is written."""

    match: re.Match[str]
    parts: Mapping[str, str]

    @classmethod
    def of(cls, text: str) -> "HumanDate | None":
        """The date that a text is by its form; None where it has none of the forms."""
        for form in _COMPILED:
            if found := form.fullmatch(text):
                return cls(found, {_part(group): value for group, value in found.groupdict("").items() if value})
        return None

    @property
    def iso(self) -> str | None:
        """The date in ISO 8601, not checked by the calendar; None where the hour is none of its half of the day."""
        parts = self.parts
        day = f"{parts['year']}-{MONTHS.get(parts['month'][:3].lower()) or parts['month'].zfill(2)}-{parts['day']:0>2}"
        if "hour" not in parts:
            return day
        hour = parts["hour"].zfill(2)
        written = HOURS.get(hour + parts["half"].lower()) if "half" in parts else hour
        offset = f"{ZONES[parts['zone']]:+03}:00" if "zone" in parts else parts.get("offset", "")
        clock = f"{written}:{parts['minute']}:{parts.get('second', '00')}{parts.get('fraction', '')}"
        return f"{day}T{clock}{offset}" if written else None

    def write(self, moment: datetime) -> str:
        """A moment, which is in the zone of this one, in the same form."""
        text, end = "", 0
        groups = [group for group, value in self.match.groupdict().items() if value and _part(group) in _WRITTEN]
        for group in sorted(groups, key=self.match.start):
            new = _WRITTEN[_part(group)](moment, self.match[group], "half" in self.parts)
            text, end = text + self.match.string[end : self.match.start(group)] + new, self.match.end(group)
        return text + self.match.string[end:]


def _part(group: str) -> str:
    """The part of a date that a group holds."""
    return group.partition("_")[0]


def _in_case(name: str, like: str) -> str:
    return name.upper() if like.isupper() else name.lower() if like.islower() else name


def _as_name(name: str, like: str) -> str:
    """A name in full or short, as another is."""
    return _in_case(name if len(like) > len("Sept") or like.lower() in ("june", "july") else name[:3], like)


def _month(moment: datetime, like: str, _: object) -> str:
    return _as_name(MONTH_NAMES[moment.month - 1], like) if like.isalpha() else f"{moment.month:0{len(like)}}"


def _hour(moment: datetime, like: str, is_of_half: bool) -> str:
    return f"{(moment.hour + 11) % 12 + 1 if is_of_half else moment.hour:0{len(like)}}"


def _suffix(moment: datetime, *_: object) -> str:
    last = moment.day % 10 if moment.day // 10 != 1 else 0
    return {1: "st", 2: "nd", 3: "rd"}.get(last, "th")


_WRITTEN: Mapping[str, Callable[[datetime, str, bool], str]] = {
    "year": lambda moment, *_: f"{moment.year:04}",
    "month": _month,
    "day": lambda moment, like, _: f"{moment.day:0{len(like)}}",
    "suffix": _suffix,
    "weekday": lambda moment, like, _: _as_name(_WEEKDAYS[moment.weekday()], like),
    "hour": _hour,
    "minute": lambda moment, *_: f"{moment:%M}",
    "second": lambda moment, *_: f"{moment:%S}",
    "fraction": lambda moment, like, _: like[0] + f"{moment:%f}".ljust(9, "0")[: len(like) - 1],
    "half": lambda moment, like, _: _in_case("AP"[moment.hour // 12], like),
}
"""How each part of a moment is written as another is."""
