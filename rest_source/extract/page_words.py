"""The words by which APIs speak of pages and records: each name is the set of its words, in any order and spelling."""

import re
from functools import lru_cache

Names = tuple[set[str], ...]


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """The words of a name in lower case, whether it is written in snake, kebab or camel case, or as one word."""
    written = (word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name))
    return tuple(part for word in written for part in (_PART.findall(word) if _IN_ONE.fullmatch(word) else [word]))


_PARTS = (
    "continuation|count|cursor|has|is|items|last|links|link|marker|more|next|pages|page|records|results|resumption|skip|token"
    "|total|url"
)
"""Words that names write together, as in `continuationtoken` and `totalpages`."""
_IN_ONE = re.compile(f"(?:{_PARTS})+")
_PART = re.compile(f"(?:{_PARTS})(?=(?:{_PARTS})*$)")


WRAPPERS = frozenset((
    "additional", "continue", "count", "cursor", "cursors", "header", "hits", "info", "link", "links", "list",
    "meta", "metadata", "nav", "navigation", "next", "odata", "page", "pageinfo", "pager", "pages", "pagination",
    "paginator", "paging", "query", "response", "result", "results", "search", "summary", "total", "totals", "view",
))  # fmt: skip
"""Words in the names of objects that are beside records and speak of pages."""
ASIDE = frozenset((
    "api", "hydra", "links", "meta", "ms", "nb", "num", "number", "odata", "opensearch", "pagination", "paging",
    "response", "wp", "x",
))  # fmt: skip
"""Words that tell nothing about what a count or a token is."""
HELP = frozenset(("about", "details", "help", "info", "information", "learn", "read", "see"))
"""Words beside `more` where its URL leads to a page for people."""
NEXT = frozenset((
    "after", "batch", "bookmark", "continuation", "cursor", "data", "from", "href", "id", "index", "key", "link",
    "links", "mark", "marker", "max", "min", "next", "offset", "page", "pages", "params", "partition", "path",
    "position", "query", "range", "record", "records", "request", "result", "results", "row", "rows", "scroll", "set",
    "skip", "start", "starting", "state", "token", "uri", "url",
))  # fmt: skip
"""Words that may be beside `next` where it leads to a page; `next_billing_date` does not."""
TOKENS: Names = (
    {"cursor"}, {"cursor", "end"}, {"after", "cursor"}, {"after"}, {"after", "cursor"}, {"offset"}, {"marker"},
    {"bookmark"}, {"id", "scroll"}, {"after", "starting"}, {"page", "token"}, {"skip", "token"}, {"key", "last"},
    {"evaluated", "key", "last"},
)  # fmt: skip
"""Names of tokens that do not say whether they lead on: some APIs repeat the one that was sent."""
COUNTED = frozenset((
    "all", "available", "count", "docs", "documents", "elements", "entries", "filter", "filtered", "found",
    "hits", "item", "items", "matches", "n", "nb", "num", "number", "objects", "overall", "record", "records",
    "result", "results", "row", "rows", "set", "size", "table", "total",
))  # fmt: skip
"""Words that may be beside `total` where it counts records; `total_price` does not."""
COUNTS: Names = (
    {"total"}, {"count"}, {"found"}, {"hits"}, {"count", "filter"}, {"count", "items"}, {"count", "item"},
    {"count", "rows"}, {"count", "row"}, {"count", "records"}, {"count", "record"}, {"count", "results"},
    {"count", "result"}, {"count", "filtered", "rows", "table"}, {"results"},
)  # fmt: skip
"""Names of a number of records without `total`."""
PAGES: Names = (
    {"pages", "total"}, {"page", "total"}, {"count", "page", "total"}, {"count", "page"}, {"count", "pages"},
    {"last", "page"}, {"pages"}, {"max", "page"}, {"max", "pages"}, {"of", "pages"},
)  # fmt: skip
"""Names of a number of pages."""
MORE: Names = (
    {"more"}, {"more", "records"}, {"more", "results"}, {"items", "more"}, {"more", "pages"}, {"data", "more"},
    {"available", "more"}, {"available", "more", "results"}, {"collection", "in", "items", "more"},
    {"available", "next", "page"}, {"truncated"}, {"is", "truncated"}, {"is", "more"}, {"entries", "more"},
    {"more", "rows"}, {"is", "more", "there"}, {"pages", "remaining"}, {"exists", "next", "page"},
    {"items", "remaining"}, {"records", "remaining"}, {"remaining", "results"}, {"remaining", "rows"},
)  # fmt: skip
"""Names of a flag that is true while there is more, beside those with `has`."""
LAST: Names = (
    {"last"}, {"is", "last"}, {"is", "last", "page"}, {"last", "page"}, {"done"}, {"done", "is"}, {"finished"},
    {"finished", "is"}, {"end", "of", "stream"}, {"end", "list", "of"}, {"end", "of", "results"},
    {"data", "end", "of"}, {"end", "of", "records"}, {"end", "is"}, {"at", "end"}, {"complete"},
    {"complete", "is"}, {"exhausted"}, {"eof"}, {"more", "no"}, {"more", "no", "results"}, {"more", "no", "pages"},
    {"final"}, {"final", "is"},
)  # fmt: skip
"""Names of a flag that is true at the end."""
FAILED_SHARDS = {"failed", "shards"}
"""The name of a number of parts of an index that did not answer."""
PARTIAL: Names = (
    FAILED_SHARDS,
    {"incomplete"}, {"incomplete", "results"}, {"incomplete", "is"}, {"out", "timed"}, {"early", "terminated"},
    {"partial"}, {"is", "partial"}, {"partial", "results"}, {"partial", "result"}, {"partial", "response"},
)  # fmt: skip
"""Names of a flag that is true where an answer does not hold all that it should."""
BEFORE: Names = (
    {"has", "previous"}, {"has", "prev"}, {"has", "page", "previous"}, {"has", "page", "prev"},
    {"has", "pages", "previous"},
)  # fmt: skip
"""Names of a flag that is true where a page comes before this one."""
FIRST: Names = ({"first"}, {"first", "is"}, {"first", "is", "page"}, {"first", "page"})
"""Names of a flag that is true on the first page."""
FILTERED = frozenset(("filter", "filtered", "found", "matches", "matching"))
"""Words in the name of a total that counts what a filter leaves."""
LIMITS = frozenset((
    "length", "limit", "per", "quota", "rate", "ratelimit", "retry", "runtime", "size", "time", "timeout",
))  # fmt: skip
"""Words of a header or parameter that counts something else."""
