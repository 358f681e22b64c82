"""The paginations of the demo API: how an answer is cut, and where it says how to go on."""

from collections.abc import Callable

from rest_source.demo.calls import Refusal, cursor_to, json_object, number, page_size, position, url
from rest_source.demo.records.drawn import Records
from rest_source.demo.server import Call, Reply

Paginate = Callable[[Records, Call], Reply]


def whole_under(*path: str) -> Paginate:
    """Everything in one answer, under the given keys."""

    def answer(records: Records, call: Call) -> Reply:
        body: object = records
        for key in reversed(path):
            body = {key: body}
        return Reply(body)

    return answer


def numbered_pages(records: Records, call: Call) -> Reply:
    """`?page=1&per_page=100`; the answer counts the pages."""
    page, size = number(call, "page", 1), page_size(call, "per_page")
    meta = {"page": page, "total_pages": -(-len(records) // size), "total": len(records)}
    return Reply({"data": records[(page - 1) * size : page * size], "meta": meta})


def pages_until_empty(records: Records, call: Call) -> Reply:
    """`?page=1&per_page=100`; no totals: the page after the last one is empty."""
    page, size = number(call, "page", 1), page_size(call, "per_page")
    return Reply({"page": page, "items": records[(page - 1) * size : page * size]})


def total_in_header(records: Records, call: Call) -> Reply:
    """`?page=1&page_size=50`; a bare array, and X-Total-Count."""
    page, size = number(call, "page", 1), page_size(call, "page_size")
    return Reply(records[(page - 1) * size : page * size], headers={"X-Total-Count": str(len(records))})


def offset_window(records: Records, call: Call) -> Reply:
    """`?offset=0&limit=100`; the answer counts the records."""
    offset, limit = number(call, "offset", 0), page_size(call, "limit")
    return Reply({"results": records[offset : offset + limit], "offset": offset, "total": len(records)})


def opaque_cursor(records: Records, call: Call) -> Reply:
    """`?cursor=...&limit=100`; `next_cursor` is for the server to read only, `has_more` says when to stop."""
    start, limit = position(call.arg("cursor")), page_size(call, "limit")
    end = min(start + limit, len(records))
    more = end < len(records)
    return Reply({"orders": records[start:end], "has_more": more, "next_cursor": cursor_to(end)})


def after_last_id(records: Records, call: Call) -> Reply:
    """`?starting_after=ID&limit=100`: the caller sends the id of the last record it has."""
    last, limit = call.arg("starting_after"), page_size(call, "limit")
    places = {record["id"]: place for place, record in enumerate(records)}
    if last is not None and last not in places:
        raise Refusal(400, f"starting_after: no such id {last}")
    start = places[last] + 1 if last else 0
    return Reply({"data": records[start : start + limit], "has_more": start + limit < len(records)})


def cursor_in_body(records: Records, call: Call) -> Reply:
    """`{"page": {"size": 100, "cursor": "..."}}` in the JSON body; the answer's cursor is null at the end."""
    page = json_object(call).get("page", {})
    start = position(page.get("cursor"))
    end = start + min(int(page.get("size", 100)), 250)
    following = cursor_to(end) if end < len(records) else None
    return Reply({"result": {"hits": records[start:end]}, "page": {"cursor": following}})


def absolute_links(records: Records, call: Call) -> Reply:
    """`?after=ID&limit=100`; `paging.next` is the full URL of the next page, or null."""
    after, limit = number(call, "after", 0), page_size(call, "limit")
    rest = [record for record in records if record["id"] > after]
    following = url(call, after=rest[limit - 1]["id"], limit=limit) if len(rest) > limit else None
    return Reply({"results": rest[:limit], "paging": {"next": following}})


def relative_links(records: Records, call: Call) -> Reply:
    """`?page=1`; `links.next` has no host, and is not there on the last page."""
    page, size = number(call, "page", 1), 100
    links = {"self": call.target}
    if page * size < len(records):
        links["next"] = f"{call.path}?page={page + 1}"
    return Reply({"items": records[(page - 1) * size : page * size], "links": links})


def link_header(records: Records, call: Call) -> Reply:
    """`?page=1&per_page=100`; a bare array, and the next page in the Link header (RFC 8288)."""
    page, size = number(call, "page", 1), page_size(call, "per_page")
    links = [f'<{url(call, page=1, per_page=size)}>; rel="first"']
    if page * size < len(records):
        links.append(f'<{url(call, page=page + 1, per_page=size)}>; rel="next"')
    return Reply(records[(page - 1) * size : page * size], headers={"Link": ", ".join(links)})
