"""Files for drawn APIs: those that fit, and those that do not in one way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from rest_source_tests.fakes.drawn import (
    BEFORE,
    DONE,
    LIES,
    LINKS,
    MORE,
    NEXT_PAGE,
    PAGES,
    PAST,
    TOKENS,
    TOTALS,
    URLS,
    Drawn,
    Sign,
)

Keys = dict[str, Any]
COUNTED = ("page_number", "offset_limit")
FOLLOWED = ("cursor", "next_url", "link_header")
PLAIN_PAST: tuple[str | int, ...] = ("empty", "null", 204)
"""What no API can be blamed for."""
TAIL = {"": "ab", "[*]": "ab", "[0:50]": "ab", '[?(@.kind == "a")]': "a"}
"""What may stand behind a data root, and which kinds of records it selects."""


@dataclass(frozen=True, slots=True)
class Case:
    """An API and the endpoint that reads it; `misfit` names what is wrong with the endpoint.

    `best` is the pagination that asks for what the API has in its own way.
    """

    api: Drawn
    endpoint: Keys
    best: Keys
    misfit: str = ""

    @property
    def records(self) -> list[int]:
        """The ids of the records that the table should hold."""
        kinds = next(kinds for tail, kinds in reversed(TAIL.items()) if self.endpoint["data_root"].endswith(tail))
        return [place for place in self.api.records if self.api.slots[place] in kinds]

    @property
    def at_its_best(self) -> Keys:
        """The endpoint with the best pagination."""
        return without_idle_positions({**self.endpoint, "pagination": self.best})

    @property
    def begins_too_early(self) -> bool:
        """Whether page 0 is asked for first, which is empty, and page 1 is the first that there is."""
        starts_at_0 = self.endpoint["pagination"].get("start") == 0 and self.api.first == 1
        ends_when_empty = "stop_on_empty_page" in self.endpoint["pagination"]
        return self.api.kind == "page_number" and self.api.before == "empty" and starts_at_0 and not ends_when_empty


def without_idle_positions(endpoint: Keys) -> Keys:
    """An endpoint without the templates of a position that its pagination does not fill in."""
    if endpoint["pagination"].get("in") == "template":
        return endpoint
    idle = [key for key in ("params", "body") if any("{" in str(value) for value in (endpoint.get(key) or {}).values())]
    return {key: value for key, value in endpoint.items() if key not in idle}


@st.composite
def apis(draw: st.DrawFn, honest: bool = False) -> Drawn:
    """An API of any kind; an honest one says nothing that is not so, and shows all that it counts."""
    kind = draw(st.sampled_from([*COUNTED, *FOLLOWED, "last_record", "none"]))
    held = ("aab" if kind == "last_record" else "aab0") if honest else "aaab0-"
    slots = draw(st.text(st.sampled_from(held), max_size=9))
    size = 99 if kind == "none" else draw(st.integers(1, 4))
    first = draw(st.sampled_from({"page_number": [1, 1, 0], "offset_limit": [0, 0, 1]}.get(kind, [0])))
    root = draw(st.sampled_from(["$.items", "$.data.items", "$"]))
    own = draw(_own(kind, root))
    signs = draw(st.lists(_signs(kind, honest), max_size=2, unique_by=lambda sign: sign.name))
    signs = [sign for sign in signs if sign not in own and (root != "$" or sign.name[0].isupper())]
    return Drawn(
        kind,
        slots,
        size,
        draw(st.integers(size, 4)) if size < 4 else size,
        first,
        root,
        (*own, *signs),
        draw(st.sampled_from(PLAIN_PAST if honest else PAST)),
        draw(st.sampled_from(BEFORE)),
        draw(st.sampled_from(["null", "gone", "empty"] if honest else ["null", "gone", "empty", "stays"])),
        draw(st.booleans()),
        0 if honest else draw(st.sampled_from([0, 0, 0, size, 2 * size])),
        0 if honest else draw(st.sampled_from([0, 0, 0, size, 2 * size])),
        not honest and draw(st.sampled_from([False, False, True])),
        kind in ("cursor", "last_record") and draw(st.sampled_from([False, False, True])),
    )


def _own(kind: str, root: str) -> st.SearchStrategy[list[Sign]]:
    """What a kind of paging cannot do without."""
    names = {"cursor": TOKENS, "next_url": URLS}.get(kind, ())
    if kind == "link_header":
        return st.integers(0, len(LINKS) - 1).map(lambda spelling: [Sign("Link", str(spelling))])
    fitting = [name for name in names if root != "$" or name[0].isupper()]
    return st.sampled_from(fitting).map(lambda name: [Sign(name)]) if fitting else st.just([])


@st.composite
def _signs(draw: st.DrawFn, kind: str, honest: bool) -> Sign:
    """What an answer may say beside it."""
    numbered = NEXT_PAGE if kind == "page_number" else ()
    name = draw(st.sampled_from([*TOTALS, *PAGES, *MORE, *DONE, *numbered]))
    if name in MORE + DONE:
        return Sign(name, draw(st.sampled_from(["", "text", "number"])))
    lies = ["", "text", "null", "first"] if honest else ["", "", *LIES]
    return Sign(name, draw(st.sampled_from(lies))) if name in TOTALS else Sign(name)


@st.composite
def fitting(draw: st.DrawFn, honest: bool = False) -> Case:
    """An API and a file that fits it."""
    api = draw(apis(honest))
    best = PAGINATIONS[api.kind](api)
    more = {"page_number": _sizes, "offset_limit": _limits}.get(api.kind)
    pagination = {**best, **(draw(more(api)) if more else {}), **draw(_totals(api)), **draw(_ends(api))}
    place, around = draw(_places(api, pagination))
    if honest and api.kind == "offset_limit":
        pagination |= {"limit": min(pagination["limit"], api.most)}
    endpoint: Keys = {
        "data_root": api.root + draw(st.sampled_from(list(TAIL))),
        "pagination": pagination | place,
        **around,
    }
    endpoint |= draw(st.sampled_from([{}, {"primary_key": "id"}]))
    endpoint |= draw(st.sampled_from([{"write": "append"}, {"write": "merge"}]))
    endpoint |= {"exclude": ["seen"]} if api.ticks and draw(st.booleans()) else {}
    return Case(api, endpoint, best)


PAGINATIONS: dict[str, Callable[[Drawn], Keys]] = {
    "page_number": lambda api: {"type": "page_number", "start": api.first},
    "offset_limit": lambda api: {"type": "offset_limit", "start": api.first, "limit": api.size, "advance": "limit"},
    "cursor": lambda api: {"type": "cursor", "value": api.signs[0].where},
    "last_record": lambda api: {"type": "cursor", "value": "$.id", "from": "last_record", "param": "after"},
    "next_url": lambda api: {"type": "next_url", "path": api.signs[0].where},
    "link_header": lambda api: {"type": "link_header"},
    "none": lambda api: {"type": "none"},
}


@st.composite
def _sizes(draw: st.DrawFn, api: Drawn) -> Keys:
    size = draw(st.integers(1, 5))
    sizes: Keys = draw(st.sampled_from([{}, {"size": api.size}, {"size_param": "per_page", "size": size}]))
    is_right = sizes and sizes["size"] <= api.most
    return sizes | (draw(st.sampled_from([{}, {"stop_on_short_page": True}])) if is_right else {})


@st.composite
def _limits(draw: st.DrawFn, api: Drawn) -> Keys:
    limit = draw(st.integers(1, 5))
    return {"limit": limit, "advance": draw(st.sampled_from(["rows", "limit"])) if limit <= api.most else "rows"}


@st.composite
def _places(draw: st.DrawFn, api: Drawn, pagination: Keys) -> tuple[Keys, Keys]:
    """Where the position goes: the keys of the pagination for that, and of the endpoint."""
    positions = {
        "page_number": {"page": "{page}"},
        "offset_limit": {"offset": "{offset}", "limit": "{limit}"},
        "cursor": {pagination.get("param", "cursor"): "{next}"},
    }.get(pagination["type"])
    if positions is None:
        return {}, {}
    if api.jealous:
        return {"alone": True}, {"params": {"kinds": "all"}}
    ways: list[tuple[Keys, Keys]] = [
        ({}, {}),
        ({"in": "body"}, {"method": "POST", "body": draw(st.sampled_from([None, {"kinds": ["a", "b"]}]))}),
    ]
    if "size_param" not in pagination:
        ways.append(({"in": "template"}, {"params": positions}))
        ways.append(({"in": "template"}, {"method": "POST", "body": positions}))
    if pagination["type"] == "cursor":
        ways.append(({"in": "header"}, {}))
    way: tuple[Keys, Keys] = draw(st.sampled_from([ways[0], *ways]))
    return way


@st.composite
def _totals(draw: st.DrawFn, api: Drawn) -> Keys:
    """The totals that the API announces, which every pagination knows."""
    return {
        key: sign.where
        for sign in api.signs
        for key, names in {"total_records": TOTALS, "total_pages": PAGES}.items()
        if sign.name in names and draw(st.booleans())
    }


@st.composite
def _ends(draw: st.DrawFn, api: Drawn) -> Keys:
    """Further ways to end that the API allows for."""
    if isinstance(api.past, int) and api.past != 204 and draw(st.booleans()):
        return {"end_statuses": [api.past]}
    if api.kind != "none" and draw(st.sampled_from([False, False, True])):
        return {"stop_on_empty_page": True}
    return {
        key: sign.where
        for sign in api.signs
        for key, names in {"has_more": MORE, "done": DONE}.items()
        if sign.name in names and api.kind != "none" and draw(st.booleans())
    }
