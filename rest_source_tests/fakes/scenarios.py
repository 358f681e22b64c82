"""Every pager with an API made for it: pages drawn by hypothesis, and the endpoint that reads them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from rest_source_tests.fakes.paged import (
    Handler,
    Record,
    TotalIn,
    after_tokens,
    by_links,
    by_number,
    by_offset,
    by_urls,
    in_one_answer,
)
from rest_source_tests.strategies import distinct_records, pages

SIZES = st.integers(1, 6)


@dataclass(frozen=True, slots=True)
class Scenario:
    """An API and the endpoint that reads all of its records."""

    handler: Handler
    endpoint: dict[str, Any]
    records: list[Record]


def _total(place: TotalIn, name: str) -> Any:
    return {None: None, "body": f"$.meta.{name}", "header": {"header": f"X-{name}"}}[place]


def _scenario(handler: Handler, records: list[list[Record]], pagination: dict[str, Any], **endpoint: Any) -> Scenario:
    flat = [record for page in records for record in page]
    return Scenario(handler, {"pagination": pagination, **endpoint}, flat)


@st.composite
def numbered(
    draw: st.DrawFn, pages_in: TotalIn = None, records_in: TotalIn = None, in_: str = "query", form: bool = False
) -> Scenario:
    size, start, step = draw(SIZES), draw(st.sampled_from([0, 1, 5])), draw(st.sampled_from([1, 1, 10]))
    cut = draw(pages(size=size, empty=3 if pages_in or records_in else 0))
    pagination = {"type": "page_number", "start": start, "step": step, "in": in_}
    pagination |= draw(st.sampled_from([{}, {"size_param": "per_page", "size": size}]))
    pagination |= {"total_pages": _total(pages_in, "pages"), "total_records": _total(records_in, "records")}
    handler = by_number(cut, start=start, step=step, pages_in=pages_in, records_in=records_in)
    return _scenario(handler, cut, pagination, **_posted(in_, form))


@st.composite
def windowed(
    draw: st.DrawFn, records_in: TotalIn = None, in_: str = "query", capped: bool = False, form: bool = False
) -> Scenario:
    size, start = draw(SIZES), draw(st.sampled_from([0, 1]))
    cut = draw(pages(size=size, empty=3 if records_in else 0, first_full=True))
    slots = [slot for page in cut for slot in [*page, *[None] * (size - len(page))]]
    limit = size + draw(st.integers(1, 5)) if capped else size
    pagination = {"type": "offset_limit", "limit": limit, "start": start, "in": in_}
    pagination |= {"total_records": _total(records_in, "records")}
    handler = by_offset(slots, start=start, cap=size, records_in=records_in)
    return _scenario(handler, cut, pagination, **_posted(in_, form))


@st.composite
def tokened(draw: st.DrawFn, in_: str = "query", token_in: Any = "body", form: bool = False) -> Scenario:
    last_record = token_in == "last_record"
    cut = draw(pages(size=draw(SIZES), empty=0 if last_record else 4))
    more = last_record or draw(st.booleans())
    # With has_more the server may well hand out a token on its last page; it is not followed.
    ends = draw(st.sampled_from(["last", 0, None])) if more else draw(st.sampled_from([None, ""]))
    where: Any = {"body": "$.meta.next", "header": {"header": "x-next"}, "last_record": "$.id"}[token_in]
    pagination = {"type": "cursor", "value": where, "in": in_}
    pagination |= {"from": "last_record"} if last_record else {}
    pagination |= {"has_more": "$.has_more"} if more else {}
    pagination |= {"param": "page.cursor"} if in_ == "body" and not form else {}
    numeric = token_in == "body" and draw(st.booleans())
    place: Any = "form" if form else in_
    handler = after_tokens(cut, place=place, token_in=token_in, numeric=numeric, more=more, ends=ends)
    return _scenario(handler, cut, pagination, **_posted(in_, form, draw(st.sampled_from([{}, {"page": {"n": 1}}]))))


@st.composite
def chained(draw: st.DrawFn, relative: bool = False, in_header: bool = False) -> Scenario:
    cut = draw(pages(size=draw(SIZES), empty=4))
    path: Any = {"header": "x-next"} if in_header else "$.links.next"
    handler = by_urls(cut, relative=relative, in_header=in_header, ends=draw(st.sampled_from([None, ""])))
    return _scenario(handler, cut, {"type": "next_url", "path": path}, params={"at": 0, "note": "{now}"})


@st.composite
def linked(draw: st.DrawFn) -> Scenario:
    cut = draw(pages(size=draw(SIZES), empty=4))
    handler = by_links(cut, relative=draw(st.booleans()))
    return _scenario(handler, cut, {"type": "link_header"}, data_root="$", params={"at": 0})


@st.composite
def whole(draw: st.DrawFn) -> Scenario:
    records = draw(distinct_records())
    return _scenario(in_one_answer(records), [records], {"type": "none"})


def _posted(in_: str, form: bool, body: dict[str, Any] | None = None) -> dict[str, Any]:
    if in_ != "body":
        return {}
    return {"method": "POST", "form": {"kind": "all"}} if form else {"method": "POST", "body": body}


SCENARIOS: dict[str, Callable[[], st.SearchStrategy[Scenario]]] = {
    "page_number": numbered,
    "page_number, pages in body": lambda: numbered(pages_in="body"),
    "page_number, pages in header": lambda: numbered(pages_in="header"),
    "page_number, records in body": lambda: numbered(records_in="body"),
    "page_number, records in header": lambda: numbered(records_in="header"),
    "page_number, both totals": lambda: numbered(pages_in="header", records_in="body"),
    "page_number in body": lambda: numbered(in_="body"),
    "page_number in form": lambda: numbered(in_="body", form=True, records_in="body"),
    "offset_limit": windowed,
    "offset_limit, records in body": lambda: windowed(records_in="body"),
    "offset_limit, records in header": lambda: windowed(records_in="header"),
    "offset_limit in body": lambda: windowed(in_="body"),
    "offset_limit in form": lambda: windowed(in_="body", form=True),
    "offset_limit, capped": lambda: windowed(capped=True),
    "offset_limit, capped, records in body": lambda: windowed(capped=True, records_in="body"),
    "cursor in query": tokened,
    "cursor in body": lambda: tokened(in_="body"),
    "cursor in form": lambda: tokened(in_="body", form=True),
    "cursor in header": lambda: tokened(in_="header"),
    "cursor in path": lambda: tokened(in_="path"),
    "cursor from header": lambda: tokened(token_in="header"),
    "cursor from last record": lambda: tokened(token_in="last_record"),
    "next_url": chained,
    "next_url, relative": lambda: chained(relative=True),
    "next_url in header": lambda: chained(in_header=True),
    "link_header": linked,
    "none": whole,
}
