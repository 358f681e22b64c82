"""Whether two pages hold the same records, though a field of them may change from one request to the next."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

_SAME_PAGE = 0.5
"""More than this share of the shorter page is in both if they are one page, between whose requests records came in."""


def may_be_same(first: Sequence[Any], second: Sequence[Any]) -> bool:
    """Whether pages that differ hold fields, the same in each place, that tell their records apart."""
    if not first or len(first) != len(second) or not all(isinstance(record, dict) for record in (*first, *second)):
        return False
    pairs = list(zip(first, second, strict=True))
    names = [name for name in first[0] if all(one.get(name) == other.get(name) for one, other in pairs)]
    telling = [name for name in names if not _are_positions([record.get(name) for record in first])]
    return bool(telling) and len(set(_texts(first, telling))) == len(first)


def changing(once: Sequence[Any], again: Sequence[Any]) -> frozenset[str]:
    """The fields in which two answers to one request differ, such as an age."""
    if len(once) != len(again):
        return frozenset()
    pairs = [(one, other) for one, other in zip(once, again, strict=True) if isinstance(one, dict)]
    return frozenset(
        name for one, other in pairs if isinstance(other, dict) for name in one if one[name] != other.get(name)
    )


def holds_others(first: Sequence[Any], second: Sequence[Any], without: Iterable[str] = ()) -> bool:
    """Whether the second page holds a record that the first does not."""
    return not set(_compared(second, without)) <= set(_compared(first, without))


def shares(first: Sequence[Any], second: Sequence[Any], without: Iterable[str] = ()) -> bool:
    """Whether a record is on both pages."""
    return bool(set(_compared(first, without)) & set(_compared(second, without)))


def are_one_page(first: Sequence[Any], second: Sequence[Any], without: Iterable[str] = ()) -> bool:
    """Whether two pages hold mostly the same records, as the same page does at another size or a moment later."""
    one, other = set(_compared(first, without)), set(_compared(second, without))
    return len(one & other) > _SAME_PAGE * min(len(one), len(other)) or one == other


def _compared(records: Sequence[Any], without: Iterable[str]) -> list[str]:
    left_out = set(without)
    if not left_out:
        return _texts(records)
    return [*_texts([{k: v for k, v in r.items() if k not in left_out} if isinstance(r, dict) else r for r in records])]


def _texts(records: Sequence[Any], names: Sequence[str] | None = None) -> list[str]:
    kept = records if names is None else [[record.get(name) for name in names] for record in records]
    return [json.dumps(record, sort_keys=True, default=str) for record in kept]


def _are_positions(values: list[Any]) -> bool:
    """Whether values only count the records of a page."""
    return values in ([*range(len(values))], [*range(1, len(values) + 1)])
