"""Dates and times as APIs write them, respelled in SQL as RFC 3339 does: those that `time_forms` reads in Python.

The SQL is that of DuckDB and PostgreSQL, but for some functions.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from rest_source.extract.human_dates import HOURS, HUMAN_FORMS, MONTHS, ZONES, HumanForm
from rest_source.extract.time_forms import (
    COMPACT,
    DAY_SECONDS,
    DIGITS,
    ISO,
    LEAST_EPOCH,
    NEVER,
    NEVER_DIGITS,
    NUMBER,
    ODATA,
    REDUCED,
)
from rest_source.load.engine import DATE, TIMESTAMP, literal
from rest_source.load.schema import ColumnType

_MIDNIGHT = DATE + r"[Tt ]00:00:00(\.0*)?([Zz]|[+-]\d\d:\d\d)?"
_BEYOND = r"(\.\d{6})\d+"
_LOST = r"\.\d{6}\d*[1-9]"
INSTANTS = (ColumnType.DATE, ColumnType.TIMESTAMPTZ)
"""The types of dates and times."""
_WITH_OFFSET = r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d(?:\.\d{1,9})?) *([+-]\d\d):?(\d\d)"
_INTEGER = r"-?(?:0|[1-9]\d{0,15})"
"""The most frequent of what `ISO` and `NUMBER` stand for, which is read several times faster so."""
_WIDE = "DECIMAL(28, 9)"
"""Holds the nineteen digits of the largest epoch, and nine behind the point."""

Parts = Callable[[int], str]
"""The groups of a pattern, by their number: texts, empty where a group has none."""


@dataclass(frozen=True, slots=True)
class Functions:
    """What the two spell differently. Every callable takes and gives SQL.

    `matches` says whether a whole text is of a pattern, and `taken_apart` makes something of the groups of one that is.
    `date` reads a text, `day` writes a date, and `stamp` a whole number of microseconds since 1970,
    with six digits behind the second.
    """

    matches: Callable[[str, str], str]
    taken_apart: Callable[[str, str, Callable[[Parts], str]], str]
    date: Callable[[str], str]
    day: Callable[[str], str]
    stamp: Callable[[str], str]


def _taken_apart(text: str, pattern: str, make: Callable[[Parts], str]) -> str:
    # So the pattern is gone through once, however often its groups are named, which is ten times faster.
    names = ", ".join(f"'g{number + 1}'" for number in range(re.compile(pattern).groups))
    groups = f"regexp_extract({text}, {literal(f'^{pattern}$')}, [{names}])"
    return f"list_transform([{groups}], lambda m: {make('m.g{}'.format)})[1]"


IN_DUCKDB = Functions(
    matches=lambda text, pattern: f"regexp_full_match({text}, {literal(pattern)})",
    taken_apart=_taken_apart,
    date="TRY_CAST({} AS DATE)".format,
    day="CAST({} AS VARCHAR)".format,
    stamp="strftime(make_timestamp({}), '%Y-%m-%d %H:%M:%S.%f')".format,
)


def in_full(text: str, type_: ColumnType, sql: Functions = IN_DUCKDB) -> str:
    """A text as RFC 3339 writes the date or time that it is, with all digits of its second; any other as it is."""
    plain, full = (DATE if type_ is ColumnType.DATE else TIMESTAMP), _full(text, sql)
    if type_ is ColumnType.DATE:
        full = f"CASE WHEN {sql.matches(full, _MIDNIGHT)} THEN substr({full}, 1, 10) ELSE {full} END"
    return f"CASE WHEN {sql.matches(text, plain)} THEN {text} ELSE coalesce({full}, {text}) END"


def respelled(text: str, type_: ColumnType, sql: Functions = IN_DUCKDB) -> str:
    """A text as RFC 3339 writes the date or time that it is, of whole microseconds; any other as it is."""
    if type_ not in INSTANTS:
        return text
    full = in_full(text, type_, sql)
    return full if type_ is ColumnType.DATE else f"regexp_replace({full}, '{_BEYOND}', '\\1')"


def loses_digits(text: str) -> str:
    """Whether a time of RFC 3339 in DuckDB has parts of a microsecond."""
    return IN_DUCKDB.matches(text, f"{DATE}.*{_LOST}.*")


def _full(text: str, sql: Functions) -> str:
    """A text as RFC 3339 with all the digits there are; null where it is no date or time."""
    trimmed = f"trim({text})"
    forms = {
        _WITH_OFFSET: f"regexp_replace({trimmed}, '^{_WITH_OFFSET}$', '\\1T\\2\\3:\\4')",
        COMPACT: _compact(trimmed),
        REDUCED: sql.taken_apart(trimmed, REDUCED, _reduced),
        _INTEGER: _integer(trimmed, sql),
        NUMBER: _number(trimmed, sql),
        ISO: sql.taken_apart(trimmed, ISO, lambda part: _iso(part, sql)),
        ODATA: sql.taken_apart(trimmed, ODATA, lambda part: _odata(part, sql)),
    }
    for form in HUMAN_FORMS:
        forms[form.pattern] = sql.taken_apart(trimmed, form.pattern, partial(_human, form))
    return f"CASE {' '.join(f'WHEN {sql.matches(trimmed, form)} THEN {value}' for form, value in forms.items())} END"


def _compact(text: str) -> str:
    time = f"'T' || {_cut(text, ':', (9, 2), (11, 2), (13, 2))}"
    return f"{_cut(text, '-', (1, 4), (5, 2), (7, 2))} || CASE WHEN length({text}) > 8 THEN {time} ELSE '' END"


def _reduced(part: Parts) -> str:
    quarters = " ".join(f"WHEN '{n}' THEN '{3 * n - 2:02}'" for n in range(1, 5))
    return f"{part(1)} || '-' || CASE {part(3)} {quarters} ELSE coalesce(nullif({part(2)}, ''), '01') END || '-01'"


def _integer(text: str, sql: Functions) -> str:
    number = f"CAST({text} AS BIGINT)"
    return _if_epoch(number, f"{sql.stamp(_micros(number, DIGITS[:3]))} || 'Z'")


def _number(text: str, sql: Functions) -> str:
    number = f"CAST({text} AS {_WIDE})"
    micros = _micros(number, DIGITS)
    further = f"substr(CAST({micros} - floor({micros}) AS VARCHAR), 3)"
    return _if_epoch(number, f"{sql.stamp(f'CAST(floor({micros}) AS BIGINT)')} || {further} || 'Z'")


def _if_epoch(number: str, value: str) -> str:
    return f"CASE WHEN abs({number}) >= {LEAST_EPOCH} OR {number} % {DAY_SECONDS} = 0 THEN {value} END"


def _odata(part: Parts, sql: Functions) -> str:
    return f"{sql.stamp(f'(CAST({part(1)} AS BIGINT) * 1000)')} || 'Z'"


def _micros(value: str, units: Sequence[tuple[int, int]]) -> str:
    """An epoch in microseconds, of which there may be parts."""
    size, factors = f"abs({value})", {0: "1000000", 3: "1000", 6: "1", 9: "0.001"}
    never = f"{size} >= {NEVER.start}{{0}} AND {size} < {NEVER.stop}{{0}}"
    cases = {never.format("0" * digits): digits for digits in NEVER_DIGITS}
    cases |= {f"{size} < 1{'0' * most}": digits for most, digits in units}
    chosen = " ".join(f"WHEN {condition} THEN {factors[digits]}" for condition, digits in cases.items())
    return f"({value} * CASE {chosen} END)"


def _iso(part: Parts, sql: Functions) -> str:
    day, hour, minute, second, fraction, zone = map(part, (1, 3, 4, 5, 6, 7))
    offset = f"replace(trim({zone}), ':', '')"
    hours = f"substr({offset}, 1, 3) || ':' || {_or_zero(f'substr({offset}, 4)')}"
    clock = " || ':' || ".join((hour, *(_or_zero(f"replace({digits}, ':', '')") for digits in (minute, second))))
    time = (
        f"'T' || {clock} || replace({fraction}, ',', '.') || "
        f"CASE WHEN {offset} = '' THEN '' WHEN substr({offset}, 1, 1) IN ('+', '-') THEN {hours} ELSE 'Z' END"
    )
    return f"{_day(day, sql)} || CASE WHEN {hour} = '' THEN '' ELSE {time} END"


def _day(day: str, sql: Functions) -> str:
    """The day of an ISO date as RFC 3339 has it; null where the year has no such week or day."""
    year, rest = f"substr({day}, 1, 4)", f"replace(substr({day}, 5), '-', '')"
    week, weekday, number = (
        f"CAST({digits} AS INTEGER)"
        for digits in (f"substr({rest}, 2, 2)", f"coalesce(nullif(substr({rest}, 4), ''), '1')", rest)
    )
    # The fourth of January is in the first week, and a week is of the year of its Thursday.
    fourth, first = (sql.date(f"{year} || '-01-{day}'") for day in ("04", "01"))
    monday = f"CAST(date_trunc('week', {fourth}) AS DATE) + 7 * ({week} - 1)"
    of_week = _in_year(f"({monday} + 3)", year, f"{week} > 0", sql.day(f"({monday} + {weekday} - 1)"))
    nth = f"({first} + {number} - 1)"
    of_year = _in_year(nth, year, f"{number} > 0", sql.day(nth))
    return (
        f"CASE WHEN length({day}) = 10 AND substr({rest}, 1, 1) <> 'W' THEN {day} WHEN {year} = '0000' THEN NULL "
        f"WHEN substr({rest}, 1, 1) = 'W' THEN {of_week} WHEN substr({day}, 5, 1) = '-' THEN {of_year} "
        f"ELSE {_cut(day, '-', (1, 4), (5, 2), (7, 2))} END"
    )


def _in_year(day: str, year: str, condition: str, value: str) -> str:
    return f"CASE WHEN {condition} AND extract(year FROM {day}) = CAST({year} AS INTEGER) THEN {value} END"


def _human(form: HumanForm, part: Parts) -> str:
    year, month, day, hour, minute, second, fraction, half, zone, offset = (
        " || ".join(map(part, form.groups(name)))
        for name in ("year", "month", "day", "hour", "minute", "second", "fraction", "half", "zone", "offset")
    )
    number = f"{_chosen(f'lower(substr({month}, 1, 3))', MONTHS)} ELSE lpad({month}, 2, '0') END"
    hours = f"CASE {half} WHEN '' THEN lpad({hour}, 2, '0') ELSE {_chosen(_half(hour, half), HOURS)} END END"
    named = _chosen(zone, {"": ""} | {name: f"{hours:+03}:00" for name, hours in ZONES.items()})
    digits = f"replace({offset}, ':', '')"
    shift = f"CASE {offset} WHEN '' THEN {named} END ELSE {_cut(digits, ':', (1, 3), (4, 2))} END"
    time = f"'T' || {hours} || ':' || {minute} || ':' || {_or_zero(second)} || replace({fraction}, ',', '.') || {shift}"
    return f"{year} || '-' || {number} || '-' || lpad({day}, 2, '0') || CASE {hour} WHEN '' THEN '' ELSE {time} END"


def _half(hour: str, half: str) -> str:
    return f"lpad({hour}, 2, '0') || lower({half})"


def _chosen(key: str, values: Mapping[str, str]) -> str:
    """The value of a key, in SQL without its end."""
    cases = " ".join(f"WHEN {literal(name)} THEN {literal(value)}" for name, value in values.items())
    return f"CASE {key} {cases}"


def _cut(text: str, between: str, *pieces: tuple[int, int]) -> str:
    """Pieces of a text, by their place and length, with something between them."""
    return f" || '{between}' || ".join(f"substr({text}, {start}, {length})" for start, length in pieces)


def _or_zero(digits: str) -> str:
    return f"coalesce(nullif({digits}, ''), '00')"
