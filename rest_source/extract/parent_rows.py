"""The rows of a parent as requests ask for them: those that ask alike as one, some of them in a batch."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
Group = tuple[Row, tuple[Row, ...]]
"""A row of the parent, and what it and those that ask alike put into the records."""


def alike(rows: Sequence[Row], asked: Sequence[str], include: Sequence[str]) -> list[Group]:
    """The rows that ask for different things, each with the different fields that those which ask alike include."""
    groups: dict[str, tuple[Row, dict[str, Row]]] = {}
    for row in rows:
        _, included = groups.setdefault(_text([row[name] for name in asked]), (row, {}))
        if include:
            fields = {f"parent_{name}": row[name] for name in include}
            included.setdefault(_text(fields), fields)
    return [(row, tuple(included.values())) for row, included in groups.values()]


def in_batches(groups: Sequence[Group], size: int) -> Iterator[Group]:
    """So many rows as one, which has lists of their values."""
    for start in range(0, len(groups), size):
        batch = [row for row, _ in groups[start : start + size]]
        yield {name: [row[name] for row in batch] for name in batch[0]}, ()


def _text(value: Any) -> str:
    return json.dumps(value, default=str)
