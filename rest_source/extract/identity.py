"""What tells the records of one page from those of another: their primary key, else what is stored of them."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from rest_source.extract.records import EncodedRecords, canonical_lines


@dataclass(frozen=True)
class Identity:
    """The identity of a page's records; both of its forms cost a pass over the page, so that they are made on demand.

    It is None where there is nothing to compare: no record, or nothing but nulls.
    """

    _digest: Callable[[], str | None]
    _marks: Callable[[], frozenset[Hashable]]

    @cached_property
    def digest(self) -> str | None:
        """A fingerprint of all of them, in their order."""
        return self._digest()

    @cached_property
    def marks(self) -> frozenset[Hashable]:
        """One value for each of them."""
        return self._marks()


def by_content(encoded: Callable[[], EncodedRecords]) -> Identity:
    """The identity of records by what is stored of them."""
    return Identity(
        lambda: encoded().digest[:32] if encoded().count else None,
        lambda: frozenset(map(hash, canonical_lines(encoded().data))),
    )


def by_lines(lines: Callable[[], Sequence[bytes]]) -> Identity:
    """The same of the canonical JSON of records that are not all stored."""
    return Identity(
        lambda: sha256(b"\n".join(lines())).hexdigest()[:32] if lines() else None,
        lambda: frozenset(map(hash, lines())),
    )


Getter = Callable[[str], Callable[[Any], Any]]
"""What gets a field of that name out of each record of a page, or None where it has none."""


def by_key(key: Sequence[str], records: Sequence[Any], getter: Getter) -> Identity | None:
    """The identity of records by their key; None where it does not tell them apart."""
    if not key or not records:
        return None
    fields = [list(map(getter(name), records)) for name in key]
    if any(None in values for values in fields):
        return None
    values = fields[0] if len(fields) == 1 else list(zip(*fields, strict=True))
    try:
        marks = frozenset(values)
    except TypeError:  # a key of objects or lists
        marks = frozenset(map(repr, values))
    if len(marks) < len(values):
        return None
    return Identity(lambda: sha256(repr(values).encode("utf-8", "surrogatepass")).hexdigest()[:32], lambda: marks)
