"""`suggest` against answers shaped as public APIs document theirs: mostly right, and never sure when wrong."""

from typing import Any

import pytest

from rest_source.suggest.finding import Finding, Seen
from rest_source.suggest.keys import arrays, incremental_cursor, primary_key
from rest_source.suggest.pagination import recognise
from rest_source.suggest.roots import find_roots
from rest_source_tests.shapes import SHAPES, Shape


def judge(shape: Shape) -> dict[str, tuple[bool, Finding[Any] | None]]:
    """Each finding about a shape, and whether it is right."""
    from requests.structures import CaseInsensitiveDict

    seen = Seen(shape.url, CaseInsensitiveDict(shape.headers), shape.body)
    root = find_roots(seen)[0]
    pagination, key = recognise(seen, root.value), primary_key(root.value, seen)
    cursor = incremental_cursor(root.value)
    right_pages = any(expected.items() <= pagination.value.items() for expected in shape.pagination)
    right_key = key.value[0] in shape.key and len(key.value) == 1 if key and key.confidence != "low" else not shape.key
    return {
        "root": (root.value.path in shape.root, root),
        "pagination": (right_pages, pagination),
        "key": (right_key, key),
        "cursor": ((cursor.value if cursor and cursor.confidence != "low" else None) == shape.cursor, cursor),
        "arrays": ({found.value for found in arrays(root.value)} >= set(shape.arrays), None),
    }


JUDGED = {shape.name: judge(shape) for shape in SHAPES}


@pytest.mark.parametrize(
    ("what", "share"), [("root", 0.97), ("pagination", 0.92), ("key", 0.88), ("cursor", 0.8), ("arrays", 0.95)]
)
def test_suggest_is_right_about_most_apis(what: str, share: float) -> None:
    wrong = {name: found[what][1] for name, found in JUDGED.items() if not found[what][0]}
    assert len(wrong) <= len(SHAPES) * (1 - share), wrong


@pytest.mark.parametrize("name", JUDGED)
def test_suggest_is_never_sure_when_it_is_wrong(name: str) -> None:
    for right, found in JUDGED[name].values():
        assert right or found is None or found.confidence != "high", found
