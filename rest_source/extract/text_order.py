"""The order of texts that are neither times nor numbers, as far as it is certain.

Certain are the ids that are made to be sorted as texts, and texts that differ in their numbers only: `ORD-999` and
`ORD-1000`. Where several numbers differ, they have to differ in one direction, as `1/2` and `2/3` do, unless the first
of them is a year. `31/12/2025` and `05/01/2026` have no certain order, nor have `beta` and `alpha`.
"""

import re
from base64 import b64decode
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any

_PREFIX = re.compile(r"[A-Za-z]+[_-]")
"""The kind of thing that an id is of, as in `user_` and `evt-`."""
_SORTED_IDS = (
    re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}"),  # ULID
    re.compile(r"[0-7][0-9a-hjkmnp-tv-z]{25}"),  # ULID and TypeID in small letters
    re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[67][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),  # UUID 6 and 7, RFC 9562
    re.compile(r"[0-9a-f]{24}"),  # ObjectId of MongoDB
    re.compile(r"[0-3][0-9A-Za-z]{26}"),  # KSUID
    re.compile(r"c[0-9a-z]{24}"),  # CUID
)
_HEXADECIMAL = re.compile(r"0x[0-9A-Fa-f]+")
_ROW_VERSION = re.compile(r"AA[A-Za-z0-9+/]{9}=")
"""The eight bytes of a rowversion of SQL Server in base64, as .NET writes them."""
_YEAR = re.compile(r"(1[89]|2[0-2])\d\d(?!\d)|(1[89]|2[0-2])\d{6}(?!\d)")
_HALF_OF_DAY = re.compile(r"\d *[ap]\.?m\b", re.IGNORECASE)
_BEGINS_WITH_DATE = re.compile(r"(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?!\d)")
_ENDS_WITH_YEAR = re.compile(r"\d\d?([./-])\d\d?\1(\d{4})(?!\d)")


def is_before(one: str, other: str) -> bool | None:
    """Whether one text is before another; None where that is not certain."""
    words = [re.split(r"[0-9]+", text) for text in (one, other)]
    if words[0] != words[1] or _HALF_OF_DAY.search(one):
        return False if one == other else None
    numbers, others = _numbers(one), _numbers(other)
    if _begins_with_year(one) and _begins_with_year(other):
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
    """A day before which no text is that holds such a date; None where it holds none that tells its year."""
    if match := _BEGINS_WITH_DATE.match(text):
        parts = [int(digits) for digits in match.groups()]
    elif match := _ENDS_WITH_YEAR.match(text):
        parts = [int(match[2]), 1, 1]
    else:
        return None
    try:
        return datetime(*parts, tzinfo=zone)  # type: ignore[arg-type, misc]
    except ValueError:
        return None


def are_versions(one: str, other: str) -> bool:
    """Whether two small decimals are in another order as versions are: 1.9 comes before 1.10 then."""
    if "." not in one or "." not in other:
        return False
    return (float(one) < float(other)) != (_numbers(one) < _numbers(other))


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


def _begins_with_year(text: str) -> bool:
    first = re.search(r"[0-9]", text)
    return first is not None and _YEAR.match(text, first.start()) is not None
