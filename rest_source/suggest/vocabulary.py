"""The words in which APIs speak of pages and records."""

from typing import Any

DATA = (
    "data", "results", "result", "items", "records", "value", "rows", "entries", "hits", "elements", "objects",
    "content", "list", "values", "nodes", "edges", "features", "entities", "documents", "resources", "members",
)  # fmt: skip
"""Names of lists of records."""
ASIDE = (
    "included", "includes", "links", "_links", "errors", "warnings", "messages", "facets", "aggregations", "columns",
    "expandable_columns", "suggested_facets", "fields", "schema", "_shards", "paging", "pagination", "meta", "metadata",
    "bbox", "extensions", "units", "cursors", "page", "pages", "sprites", "info", "constraints", "names", "sort",
)  # fmt: skip
"""Names of what stands beside the records."""
ERRORS = ("error", "errors", "error_message", "error_description", "fault")
"""Fields by which an answer of status 200 says that it is none."""
TOKENS = {
    "nextPageToken": "pageToken", "next_page_token": "page_token", "cursor": "cursor", "next_cursor": "cursor",
    "nextCursor": "cursor", "end_cursor": "after", "endCursor": "after", "after_cursor": "after", "after": "after",
    "next_token": "next_token", "nextToken": "nextToken", "NextToken": "NextToken", "starting_after": "starting_after",
    "continuationToken": "continuationToken", "continuation_token": "continuation_token", "scroll_id": "scroll_id",
    "_scroll_id": "scroll_id", "marker": "marker", "nextMarker": "marker", "next_marker": "marker",
    "bookmark": "bookmark", "offset": "offset", "next": "cursor", "nextPage": "page", "next_page": "page",
}  # fmt: skip
"""Fields that hold a token, and the parameter that most APIs with such a field take it by."""
TOKENS_ONLY = tuple(name for name in TOKENS if name not in ("next", "nextPage", "next_page"))
"""Those that hold no URL."""
SURE_TOKENS = ("nextPageToken", "next_page_token", "starting_after")
"""Those whose parameter follows from the name."""
PAGE = (
    "page",
    "current_page",
    "currentPage",
    "pageNumber",
    "page_number",
    "number",
    "pageIndex",
    "page_index",
    "pageNo",
)
SIZE = ("per_page", "perPage", "page_size", "pageSize", "pagesize", "size", "limit", "maxResults", "max_results",
        "resultsPerPage", "results_per_page", "hitsPerPage")  # fmt: skip
OFFSET = ("offset", "startAt", "start_at", "skip", "startIndex", "start_index", "start")
PAGE_PARAMS = (*PAGE, "_page", "p", "page[number]", "paged", "$page")
SIZE_PARAMS = (*SIZE, "_limit", "page[size]", "page[limit]", "count", "$top", "$limit", "rows", "_size", "num", "first")
OFFSET_PARAMS = (*OFFSET, "from", "_start", "$skip", "$offset", "page[offset]")
OFFSETS_BESIDE = {
    "limit": ("offset", "skip"), "$limit": ("$skip", "$offset"), "$top": ("$skip",), "_limit": ("_start",),
    "page[limit]": ("page[offset]",), "rows": ("start",), "size": ("from",), "count": ("startIndex", "offset"),
    "maxResults": ("startAt", "startIndex"), "max_results": ("offset",), "first": ("skip",),
}  # fmt: skip
"""The parameters of an offset that APIs have beside one of a size, the most usual first."""
PAGE_BESIDE = {"_limit": "_page", "page[size]": "page[number]"}
"""The parameter of the page's number, where it is another than `page`."""
TOKEN_PARAMS = (
    "cursor", "after", "pageToken", "page_token", "starting_after", "start_cursor", "next_token", "pagination_token",
    "page_info", "page[after]", "page[cursor]", "continuationToken", "marker", "scroll_id", "_next", "$skiptoken",
)  # fmt: skip
SECRETS = (
    "key",
    "token",
    "secret",
    "password",
    "passwd",
    "signature",
    "auth",
    "appid",
    "credential",
    "cookie",
    "session",
)
"""What stands in the names of headers and parameters that hold secrets."""
SECRET_NAMES = ("sig", "pwd", "pass", "pat", "jwt")
"""Whole names of such: in others they are parts of harmless words."""


def is_count(value: Any) -> bool:
    """Whether a value can be a number of things."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_secret(name: str) -> bool:
    """Whether the value of a header or parameter of this name is kept out of files."""
    lowered = name.lower()
    plain = lowered in (*map(str.lower, TOKEN_PARAMS), "nextpagetoken")
    return lowered in SECRET_NAMES or (not plain and any(word in lowered for word in SECRETS))
