"""What tells the records of one page from those of another: their primary key, else what is stored of them."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
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
        lambda: _digest(b"\n".join(lines())) if lines() else None,
        lambda: frozenset(map(hash, lines())),
    )


def by_key(columns: Callable[[], Sequence[Sequence[Any]]], otherwise: Identity) -> Identity:
    """The identity of records by the columns of their key; `otherwise` where the key does not tell them apart.

    A key of constants, such as the fields of a parent, tells nothing, and neither does one that is missing.
    """

    @cache
    def shown() -> list[str] | None:
        found = columns()
        if not found or any(None in column for column in found):
            return None
        rows = list(map(repr, found[0] if len(found) == 1 else zip(*found, strict=True)))
        return rows if rows and len(frozenset(rows)) == len(rows) else None

    def digest() -> str | None:
        rows = shown()
        return otherwise.digest if rows is None else _digest("\n".join(rows).encode("utf-8", "surrogatepass"))

    def marks() -> frozenset[Hashable]:
        rows = shown()
        return otherwise.marks if rows is None else frozenset(rows)

    return Identity(digest, marks)


def _digest(text: bytes) -> str:
    return sha256(text).hexdigest()[:32]
