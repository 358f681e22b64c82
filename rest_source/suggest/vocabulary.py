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
NEXT_URLS = (
    "next", "next_url", "nextUrl", "next_page_url", "nextPageUrl", "nextLink", "@odata.nextLink", "next_link",
    "nextRecordsUrl", "next_records_url", "next_href", "next_uri", "nextUri", "nextHref", "next_page",
    "nextPage", "odata.nextLink", "next_results",
)  # fmt: skip
INSIDE_NEXT = ("href", "url", "uri", "link")
TOKENS = {
    "nextPageToken": "pageToken", "next_page_token": "page_token", "cursor": "cursor", "next_cursor": "cursor",
    "nextCursor": "cursor", "end_cursor": "after", "endCursor": "after", "after_cursor": "after", "after": "after",
    "next_token": "next_token", "nextToken": "nextToken", "NextToken": "NextToken", "starting_after": "starting_after",
    "continuationToken": "continuationToken", "continuation_token": "continuation_token", "scroll_id": "scroll_id",
    "_scroll_id": "scroll_id", "marker": "marker", "nextMarker": "marker", "next_marker": "marker",
    "bookmark": "bookmark", "offset": "offset", "next": "cursor", "nextPage": "page", "next_page": "page",
}  # fmt: skip
"""Fields that hold a token, and the parameter that most APIs with such a field take it by."""
SURE_TOKENS = ("nextPageToken", "next_page_token", "starting_after")
"""Those whose parameter follows from the name."""
FLAGS = (
    "has_more",
    "hasMore",
    "has_next",
    "hasNext",
    "has_next_page",
    "hasNextPage",
    "more",
    "moreRecords",
    "more_records",
    "hasMoreItems",
    "has_next_page",
    "next_page_available",
)
TOTAL_PAGES = (
    "total_pages",
    "totalPages",
    "page_count",
    "pageCount",
    "last_page",
    "lastPage",
    "pages",
    "nb_pages",
    "nbPages",
    "totalPageCount",
)
TOTALS = (
    "total", "total_count", "totalCount", "total_records", "totalRecords", "total_results", "count", "totalElements",
    "total_items", "totalItems", "totalHits", "nbHits", "totalSize", "found", "numFound", "filtered_table_rows_count",
    "total_entries", "recordsTotal",
)  # fmt: skip
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
    "page[limit]": ("page[offset]",), "rows": ("start",), "size": ("from",), "count": ("offset", "startIndex"),
    "maxResults": ("startAt", "startIndex"), "max_results": ("offset",), "first": ("skip",),
}  # fmt: skip
"""The parameters of an offset that APIs have beside one of a size, the most usual first."""
PAGE_BESIDE = {"_limit": "_page", "page[size]": "page[number]"}
"""The parameter of the page's number, where it is another than `page`."""
TOKEN_PARAMS = (
    "cursor", "after", "pageToken", "page_token", "starting_after", "start_cursor", "next_token", "pagination_token",
    "page_info", "page[after]", "page[cursor]", "continuationToken", "marker", "scroll_id", "_next", "$skiptoken",
)  # fmt: skip
TOTAL_HEADERS = ("X-Total-Count", "X-Total", "X-WP-Total", "Total-Count", "X-Pagination-Total-Count")
PAGES_HEADERS = ("X-Total-Pages", "X-WP-TotalPages", "X-Pagination-Page-Count", "X-Page-Count", "Total-Pages")
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
