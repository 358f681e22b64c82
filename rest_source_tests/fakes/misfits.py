"""Files for drawn APIs in which one thing is wrong."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from rest_source_tests.fakes.drawn import Drawn
from rest_source_tests.fakes.fitting import COUNTED, Case, Keys, fitting, without_idle_positions

Misfit = Callable[[st.DrawFn, Drawn, Keys], Keys | None]
"""The pagination with one thing wrong, or None where that cannot be so."""


@st.composite
def misfitting(draw: st.DrawFn) -> Case:
    """An API and a file in which one thing is wrong."""
    case = draw(fitting())
    api, pagination, name = case.api, case.endpoint["pagination"], draw(st.sampled_from(list(MISFITS)))
    wrong = MISFITS[name](draw, api, pagination)
    if wrong is None:
        name, wrong = "no pagination", {"type": "none"}
    endpoint = case.endpoint if "endpoint" in wrong else {**case.endpoint, "pagination": wrong}
    return replace(case, endpoint={**without_idle_positions(endpoint), **wrong.get("endpoint", {})}, misfit=name)


def _another_type(draw: st.DrawFn, api: Drawn, pagination: Keys) -> Keys:
    others: list[Keys] = [
        {"type": "page_number", "start": api.first},
        {"type": "page_number", "param": "offset", "start": api.first},
        {"type": "offset_limit", "limit": draw(st.integers(1, 4))},
        {"type": "offset_limit", "offset_param": "page", "limit_param": "per_page", "limit": draw(st.integers(1, 4))},
        {"type": "cursor", "value": "$.next"},
        {"type": "next_url", "path": "$.next"},
        {"type": "link_header"},
    ]
    return draw(st.sampled_from(others))


def _another_name(draw: st.DrawFn, api: Drawn, pagination: Keys) -> Keys | None:
    name = {"page_number": "param", "offset_limit": "offset_param", "cursor": "param"}.get(pagination["type"])
    return {**pagination, name: "p"} if name else None


def _another_limit_name(draw: st.DrawFn, api: Drawn, pagination: Keys) -> Keys | None:
    if pagination["type"] == "offset_limit":
        return {**pagination, "limit_param": "count"}
    return {**pagination, "size_param": "count"} if "size_param" in pagination else None


def _another_size(draw: st.DrawFn, api: Drawn, pagination: Keys) -> Keys | None:
    if pagination["type"] == "page_number" and "size_param" not in pagination:
        short: Keys = draw(st.sampled_from([{}, {"stop_on_short_page": True}]))
        return {**pagination, "size": draw(st.integers(1, 9)), **short}
    return None


def _another_start(draw: st.DrawFn, api: Drawn, pagination: Keys) -> Keys | None:
    return {**pagination, "start": 1 - api.first} if api.kind in COUNTED else None


def _another_step(draw: st.DrawFn, api: Drawn, pagination: Keys) -> Keys | None:
    return {**pagination, "step": 2} if api.kind == "page_number" else None


def _another_place(draw: st.DrawFn, api: Drawn, pagination: Keys) -> Keys | None:
    """Looks for what names the next page where something else is, or nothing."""
    name = {"cursor": "value", "next_url": "path", "link_header": "rel"}.get(pagination["type"])
    if name is None:
        return None
    places: list[Any] = ["nxt", "prefetch"] if name == "rel" else ["$.nxt", *(sign.where for sign in api.signs[1:])]
    return {**pagination, name: draw(st.sampled_from(places))} | ({"from": "response"} if name == "value" else {})


def _another_total(draw: st.DrawFn, api: Drawn, pagination: Keys) -> Keys | None:
    """Takes pages for records, records for pages, or anything for either."""
    if api.kind not in COUNTED:
        return None
    places = ["$.totl", *(sign.where for sign in api.signs)]
    key = draw(st.sampled_from(["total_records", "total_pages"]))
    return {**pagination, key: draw(st.sampled_from(places))}


def _another_flag(draw: st.DrawFn, api: Drawn, pagination: Keys) -> Keys | None:
    """Takes one sense of a flag for the other, or another field for it."""
    if api.kind == "none":
        return None
    key = draw(st.sampled_from(["has_more", "done"]))
    places = [sign.where for sign in api.signs if not sign.name[0].isupper()]
    return {**pagination, key: draw(st.sampled_from(["$.nxt", *places]))}


def _another_root(draw: st.DrawFn, api: Drawn, pagination: Keys) -> Keys | None:
    return {"endpoint": {"data_root": api.root + draw(st.sampled_from([".itms", ".itms[*]"]))}}


def _higher_root(draw: st.DrawFn, api: Drawn, pagination: Keys) -> Keys | None:
    above = api.root.rpartition(".")[0]
    return {"endpoint": {"data_root": above}} if above else None


def _another_template(draw: st.DrawFn, api: Drawn, pagination: Keys) -> Keys | None:
    return {"endpoint": {"params": {"kind": draw(st.sampled_from(["{cursr}", "{{ now }}", "{nwo:%Y}"]))}}}


MISFITS: dict[str, Misfit] = {
    "no pagination": lambda draw, api, pagination: None,
    "another type": _another_type,
    "another name of the parameter": _another_name,
    "another name of the limit": _another_limit_name,
    "another size": _another_size,
    "another start": _another_start,
    "another step": _another_step,
    "another place of the next page": _another_place,
    "another total": _another_total,
    "another flag": _another_flag,
    "another root": _another_root,
    "a higher root": _higher_root,
    "another template": _another_template,
}
