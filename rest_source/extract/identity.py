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


def by_key(key: Sequence[str], records: Sequence[Any], field: Callable[[Any, str], Any]) -> Identity | None:
    """The identity of records by their key; None where it does not tell them apart.

    `field` gives a field of a record, or None. A key of constants, such as the fields of a parent, tells nothing.
    """
    if not key or not records:
        return None
    rows = [tuple(field(record, name) for name in key) for record in records]
    if any(value is None for row in rows for value in row):
        return None
    shown = list(map(repr, rows))
    marks = frozenset(shown)
    if len(marks) < len(rows):
        return None
    return Identity(lambda: sha256("\n".join(shown).encode("utf-8", "surrogatepass")).hexdigest()[:32], lambda: marks)
