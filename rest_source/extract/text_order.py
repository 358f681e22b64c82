"""The order of texts that are neither times nor numbers, as far as it is certain.

Certain are the ids that are made to be sorted as texts, and texts that differ in their numbers only: `ORD-999` and
`ORD-1000`. Where several numbers differ, they have to differ in one direction, as `1/2` and `2/3` do, unless the first
of them is a year or another time. `31/12/2025` and `05/01/2026` have no certain order, nor have `beta` and `alpha`.
"""

import re
from base64 import b64decode
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any

from rest_source.extract.human_dates import MONTH_NAMES
from rest_source.extract.time_forms import COMPACT, read

_PREFIX = re.compile(r"[A-Za-z]+[_-]")
"""The kind of thing that an id is of, as in `user_` and `evt-`."""
_SORTED_IDS = (
    re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}"),  # ULID
    re.compile(r"[0-7][0-9a-hjkmnp-tv-z]{25}"),  # ULID and TypeID in small letters
    re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[67][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),  # UUID 6 and 7, RFC 9562
    re.compile(r"(4[a-f]|[5-7][0-9a-f])[0-9a-f]{22}"),  # ObjectId of MongoDB, which begins with a time until 2038
    re.compile(r"[0-3][0-9A-Za-z]{26}"),  # KSUID
    re.compile(r"c[0-9a-z]{24}"),  # CUID
)
_HEXADECIMAL = re.compile(r"0x[0-9A-Fa-f]+")
DAY_BEFORE_YEAR = re.compile(r"(?:[0-2]\d|3[01])(?:[0-2]\d|3[01])(?:19|20)\d\d")
"""Digits that may be a date with the year at its end."""
_ROW_VERSION = re.compile(r"AA[A-Za-z0-9+/]{9}=")
"""The eight bytes of a rowversion of SQL Server in base64, as .NET writes them."""
_LEADING = re.compile(r"(1[89]|2[0-2])\d\d(?!\d)|(1[89]|2[0-2])\d{6}(?!\d)|1\d{9}(\d{3}){0,3}(?!\d)")
"""A year, the digits of a day, or an epoch: the numbers after it count only where it is the same."""
_HALF_OF_DAY = re.compile(r"\d *[ap]\.?m\b", re.IGNORECASE)
_DATE_ENDS = re.compile(r"(?<=\d)(?!\d)")
_LONGEST_DATE = 40
_MONTH = "|".join((*(f"{name[:3]}|{name}" for name in MONTH_NAMES), "Sept"))
_NAMED_YEAR = re.compile(
    r"(?<!\d)\d\d?([./-])\d\d?\1([1-9]\d{3})(?!\d)"  # 31/12/2025
    r"|^\d\d?[./-]([1-9]\d{3})$|^(?:Q[1-4]|W\d\d?|week \d\d?)[ ./-]*([1-9]\d{3})$"
    rf"|\b(?:{_MONTH})\b.*?(?<!\d)([1-9]\d{{3}})(?!\d)|^([1-9]\d{{3}})[ -](?:{_MONTH})\b"
    r"|^([1-9]\d{3})\D(?:0?[1-9]|1[0-2])\D(?:0?[1-9]|[12]\d|3[01])(?!\d)",  # 2025_12_31
    re.IGNORECASE,
)
"""Dates that name their year for certain, though not their day."""


def is_before(one: str, other: str) -> bool | None:
    """Whether one text is before another; None where that is not certain."""
    words = [re.split(r"[0-9]+", text) for text in (one, other)]
    if words[0] != words[1] or _HALF_OF_DAY.search(one):
        return False if one == other else None
    numbers, others = _numbers(one), _numbers(other)
    if _begins_with_time(one) and _begins_with_time(other):
        return numbers < others
    pairs = list(zip(numbers, others, strict=True))
    if all(number <= further for number, further in pairs):
        return numbers != others
    return False if all(number >= further for number, further in pairs) else None


def latest_id(texts: Sequence[str]) -> str | None:
    """The latest of ids that are made to be sorted; None where they are not all of one kind of them."""
    first, keys = _id_key(texts[0]), []
    for text in texts if first else ():
        key = _id_key(text)
        if key is None or key[0] != first[0]:  # type: ignore[index]
            return None
        keys.append((key, text))
    return max(keys)[1] if keys else None


def earliest(text: str, zone: tzinfo) -> datetime | None:
    """A day before which no text is that begins with a date, or names a year; None where it does neither."""
    for end in (match.start() for match in _DATE_ENDS.finditer(text, 8, _LONGEST_DATE)):
        found = read(text[:end], zone) if re.search(r"\D", text[:end]) or re.fullmatch(COMPACT, text[:end]) else None
        if found is not None:
            return found.moment
    match = _NAMED_YEAR.search(text)
    return datetime(int(match[match.lastindex or 0]), 1, 1, tzinfo=zone) if match else None


def differ_as_numbers(one: str, other: str) -> bool:
    """Whether two numbers may be in another order: 1.9 comes before 1.10 as a version, and 31122025 before 05012026."""
    is_less = float(one) < float(other)
    if "." in one and "." in other:
        return is_less != (_numbers(one) < _numbers(other))
    if not (DAY_BEFORE_YEAR.fullmatch(one) and DAY_BEFORE_YEAR.fullmatch(other)):
        return False
    by_month = [(text[4:], text[:4]) for text in (one, other)]
    by_day = [(text[4:], text[2:4], text[:2]) for text in (one, other)]
    return is_less != (by_month[0] < by_month[1]) or is_less != (by_day[0] < by_day[1])


def _id_key(text: str) -> tuple[Any, ...] | None:
    """What ids of one kind are sorted by, the kind first."""
    if _HEXADECIMAL.fullmatch(text):
        return "0x", int(text, 16)
    if _ROW_VERSION.fullmatch(text):
        return "rowversion", b64decode(text)
    prefix = match[0] if (match := _PREFIX.match(text)) else ""
    kinds = (n for n, kind in enumerate(_SORTED_IDS) if kind.fullmatch(text, len(prefix)))
    kind = next(kinds, None)
    return None if kind is None else (f"{prefix}{kind}", text)


def _numbers(text: str) -> list[tuple[int, str]]:
    """The numbers in a text, of any length, as what they are sorted by."""
    return [(len(digits), digits) for digits in (found.lstrip("0") for found in re.findall(r"[0-9]+", text))]


def _begins_with_time(text: str) -> bool:
    first = re.search(r"[0-9]", text)
    return first is not None and _LEADING.match(text, first.start()) is not None
