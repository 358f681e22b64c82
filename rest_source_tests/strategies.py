"""Hypothesis strategies: JSON values and records, and records cut into pages."""

from typing import Any

from hypothesis import strategies as st

Record = dict[str, Any]

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
"""Any text that UTF-8 and every database hold."""

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=8)

integers = st.integers(-(2**63), 2**63 - 1)

numbers = (
    st.sampled_from([0.0, -0.0]) | st.floats(1e-4, 1e16, exclude_max=True) | st.floats(-1e16, -1e-4, exclude_min=True)
)
"""Doubles of a size that every JSON writer puts down alike, without an exponent."""

scalars = st.none() | st.booleans() | integers | numbers | texts

values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)
"""Any JSON value that neither 64 bits nor 17 digits are too small for."""

records = st.dictionaries(names, values, max_size=6)

documents = values


@st.composite
def distinct_records(draw: st.DrawFn, max_size: int = 24) -> list[Record]:
    """Records with an `id` each; ids are texts or numbers, in no order."""
    ids = draw(
        st.lists(st.integers(0, 10**6), unique=True, max_size=max_size)
        | st.lists(st.uuids().map(str), unique=True, max_size=max_size)
    )
    note = st.sampled_from(["", "ü", "{now}", "a\nb", "<b>"])
    return [{"id": id_, "note": draw(note)} for id_ in ids]


def cut(items: list[Record], size: int) -> list[list[Record]]:
    """Full pages, and what is left."""
    return [items[start : start + size] for start in range(0, len(items), size)]


@st.composite
def pages(draw: st.DrawFn, *, size: int, empty: int = 0, first_full: bool = False) -> list[list[Record]]:
    """Pages of at most `size` records; short ones anywhere, and at most `empty` empty ones in a row.

    The last page holds a record, as nothing tells an empty one from the end.
    """
    rest = draw(distinct_records())
    cut_pages: list[list[Record]] = []
    while rest:
        in_row = len(cut_pages) - next((n for n in range(len(cut_pages), 0, -1) if cut_pages[n - 1]), 0)
        least = 0 if in_row < empty and not (first_full and not cut_pages) else 1
        take = size if first_full and not cut_pages else draw(st.integers(least, size))
        cut_pages.append(rest[:take])
        rest = rest[take:]
    return cut_pages
