"""Signs in a response that it is one page of many, with the pagination that would follow them."""

from collections.abc import Callable, Iterator
from typing import Any

from rest_source.extract.counted import as_count
from rest_source.extract.links import link_with_rel
from rest_source.extract.page import Response
from rest_source.spec.jsonpath import step_to

_WRAPPERS = ("meta", "pagination", "paging", "page", "links", "_links", "page_info", "pageInfo", "info", "cursor")
NEXT = ("next", "next_url", "nextUrl", "next_page_url", "nextPageUrl", "nextLink", "@odata.nextLink", "next_link")
CURSOR = ("next_cursor", "nextCursor", "cursor", "end_cursor", "endCursor", "next_page_token", "nextPageToken")
MORE = ("has_more", "hasMore", "has_next", "hasNext", "has_next_page", "hasNextPage", "more")
PAGES = ("total_pages", "totalPages", "page_count", "pageCount", "last_page", "lastPage", "pages")
TOTAL = ("total", "total_count", "totalCount", "total_records", "totalRecords", "total_results", "count")


def announced_pagination(response: Response) -> tuple[str, str] | None:
    """What announces more (as a JSONPath with its value) and the YAML that would follow it, if anything does.

    Of several signs the best known counts, whatever the order in which the answer has them.
    """
    if link_with_rel(response.headers.get("Link", ""), "next"):
        return "Link: rel=next", "pagination: {type: link_header}"
    signs = _signs(response.count)
    if response.last_record is response.document:
        signs = signs[:1]  # the answer itself is the record: its counts and flags are data
    fields = sorted(_fields(response.document), key=lambda field: field[0])
    for names, applies, yaml in signs:
        found = [field for field in fields if field[1] in names and applies(field[2])]
        if found:
            path, _, value = min(found, key=lambda field: names.index(field[1]))
            return f"{path} {_told(value)}", yaml.format(path=path)
    return None


def _signs(count: int) -> list[tuple[tuple[str, ...], Callable[[Any], bool], str]]:
    return [
        (NEXT, _is_url, "pagination: {{type: next_url, path: {path}}}"),
        (NEXT + CURSOR, _is_token, "pagination: {{type: cursor, value: {path}, param: cursor}}"),
        (
            MORE,
            lambda value: str(value).lower() == "true",
            "the pagination that the API documents (a cursor: has_more: {path})",
        ),
        (
            PAGES,
            lambda value: (as_count(value) or 0) > 1,
            "pagination: {{type: page_number, total_pages: {path}}}",
        ),
        (
            TOTAL,
            lambda value: (as_count(value) or 0) > count > 0,
            "pagination: {{type: offset_limit, total_records: {path}}}",
        ),
    ]


def _fields(document: Any) -> Iterator[tuple[str, str, Any]]:
    if not isinstance(document, dict):
        return
    for name, value in document.items():
        path = "$" + step_to(name)
        yield path, name, value
        if isinstance(value, dict) and name in _WRAPPERS:
            for inner, item in value.items():
                yield path + step_to(inner), inner, item
                if inner == "next" and isinstance(item, dict) and "href" in item:
                    yield f"{path}{step_to(inner)}.href", "next", item["href"]


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://", "/", "?"))


def _is_token(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _told(value: Any) -> str:
    """A count as it is; of a URL or token only that it is there: part of it may be a secret, and no part is of use."""
    return "is set" if isinstance(value, str) else f"is {value}"
