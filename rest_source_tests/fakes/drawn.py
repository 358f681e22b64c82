"""An API as a value: what it holds, how it cuts that into pages, what it says of them, and where it lies."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from math import ceil
from typing import Any

from rest_source.demo.server import Call, Reply

Item = dict[str, Any] | None

TOTALS = ("total", "total_count", "meta/total", "meta/pagination/total", "X-Total-Count", "X-Total", "Content-Range")
PAGES = ("total_pages", "meta/total_pages", "meta/pagination/pages", "last_page", "X-Total-Pages")
MORE = ("has_more", "hasMore", "meta/has_next_page", "pagination/hasNext")
DONE = ("isLast", "done", "meta/is_last_page", "end_of_stream")
NEXT_PAGE = ("next_page", "meta/nextPage", "X-Next-Page")
TOKENS = ("next_cursor", "meta/next_cursor", "nextPageToken", "X-Next-Cursor")
URLS = ("next", "links/next", "_links/next/href", "@odata.nextLink", "X-Next")
LINKS = (
    '<{}>; rel="next"',
    "<{}>; rel=next",
    "<{}>; rel='next'",
    "<{}>;rel=Next;title=\"a, b; rel='x'\"",
    '</x?at=0>; rel="first", <{}>; rel="prefetch next"',
    "{}; rel=next",
)
"""The spellings of a Link header that browsers and `requests` take."""

LIES = ("text", "words", "null", "less", "over", "hidden", "first", "of the page")
"""How a total errs: as text, as words, without a value, too small, too large, with the records that access rules
hide, said by the first page only, or that of one page."""

BEFORE: tuple[str | int, ...] = ("first page", "empty", 400)
"""What is answered to a request before the beginning."""

PAST: tuple[str | int, ...] = ("empty", "null", "missing", "no bytes", "last page", "last records", "first page")
PAST += (204, 400, 404, 416)
"""What is answered to a request past the end."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A field of each answer, or a header where its name begins with a capital, that says how much there is."""

    name: str
    lie: str = ""

    @property
    def where(self) -> Any:
        """The place as a file writes it."""
        if self.name[0].isupper():
            return {"header": self.name}
        return "$" + "".join(f"['{step}']" if "." in step else f".{step}" for step in self.name.split("/"))


@dataclass(frozen=True, slots=True)
class Answered:
    """What the API sent, and what that says of the rest.

    `is_page` where it is a list of records, however short. `more` is what flags say, and `leads` whether there is a
    token, a URL or a number of a next page.
    """

    items: tuple[Item, ...] = ()
    is_page: bool = False
    more: bool = False
    leads: bool = False
    total: int | None = None
    pages: int | None = None
    error: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """`slots` is what the API holds: records of kind `a` and `b`, `0` a null, `-` one that access rules hide.

    A page is `size` slots unless the request asks for others, and never more than `most`. The first page or offset
    is `first`. `ends` is what stands in the place of a token or URL on the last page. In the answer to the page that
    begins at `broken`, an error takes the place of the records, and in that to the page that begins at `repeated`, the
    records before. With `ticks` each record says when it was asked for. One that is `jealous` takes a token without
    any other parameter.
    """

    kind: str
    slots: str
    size: int
    most: int
    first: int = 0
    root: str = "$.items"
    signs: tuple[Sign, ...] = ()
    past: str | int = "empty"
    before: str | int = "first page"
    ends: str = "null"
    relative: bool = False
    broken: int = 0
    repeated: int = 0
    ticks: bool = False
    jealous: bool = False

    @property
    def records(self) -> list[int]:
        """The ids of all records that are shown."""
        return [place for place, slot in enumerate(self.slots) if slot in "ab"]

    def handler(self, log: list[Answered]) -> Callable[[Call], Reply]:
        """Answers requests; what was answered is added to the log."""
        ticks = count()

        def answer(call: Call) -> Reply:
            try:
                reply, answered = _Asked(self, call, next(ticks)).answer()
            except ValueError as error:
                reply, answered = Reply({"error": str(error)}, 400), Answered()
            log.append(answered)
            return reply

        return answer


@dataclass(slots=True)
class _Asked:
    """One request."""

    api: Drawn
    call: Call
    tick: int
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def answer(self) -> tuple[Reply, Answered]:
        start, size = self._window()
        if start >= len(self.api.slots) and start:
            return self._past(size)
        if start < 0 and self.api.before == 400:
            raise ValueError("before the beginning")
        if start < 0:
            return self._page(0 if self.api.before == "first page" else len(self.api.slots), size)
        if start == self.api.broken > 0:
            return Reply((self._rooted(None) or {}) | {"errors": ["busy"]}), Answered(error=True)
        return self._page(start, size)

    def _window(self) -> tuple[int, int]:
        """The first slot that is asked for, and how many."""
        api = self.api
        match api.kind:
            case "page_number":
                size = min(int(self._sent("per_page") or api.size), api.most)
                return (self._number("page") - api.first) * size, size
            case "offset_limit":
                return self._number("offset") - api.first, min(int(self._sent("limit") or api.size), api.most)
            case "cursor":
                return int((self._token("cursor") or "t0").removeprefix("t")), api.size
            case "last_record":
                return int(self._token("after") or -1) + 1, api.size
            case "none":
                return 0, api.size
            case _:
                return int(self._sent("at") or 0), api.size

    def _number(self, name: str) -> int:
        return int(self._sent(name) or self.api.first)

    def _token(self, name: str) -> str | None:
        token = self._sent(name)
        if token is not None and self.api.jealous and self.call.query.keys() - {name}:
            raise ValueError("a token takes no other parameter")
        return token

    def _sent(self, name: str) -> str | None:
        """A parameter in the query, in a JSON body, or in a header."""
        in_body = self.call.json.get(name) if self.call.body else None
        return self.call.arg(name) or self.call.headers[name] or (None if in_body is None else str(in_body))

    def _past(self, size: int) -> tuple[Reply, Answered]:
        api, last = self.api, len(self.api.slots) - 1
        starts = {"last page": last // size * size, "last records": max(0, last + 1 - size), "first page": 0}
        if api.past == "empty" or api.past in starts:
            return self._page(starts.get(str(api.past), len(api.slots)), size)
        if isinstance(api.past, int):
            return Reply({"message": "no such page"}, api.past), Answered()
        said = {"null": self._rooted(None), "missing": {"message": "no more"}, "no bytes": b""}
        return Reply(said[api.past], headers={"Content-Type": "application/json"}), Answered()

    def _page(self, start: int, size: int) -> tuple[Reply, Answered]:
        api = self.api
        end = min(start + size, len(api.slots))
        shown = range(max(0, start - size), start) if start == api.repeated > 0 else range(start, end)
        items = [self._item(place) for place in shown if api.slots[place] != "-"]
        answered = Answered(tuple(items), True, *self._say(start, end, size, items))
        body = self._rooted(items)
        status = 206 if "Content-Range" in self.headers and items else 200
        return Reply(body if api.root == "$" else _merged(body, self.body), status, self.headers), answered

    def _item(self, place: int) -> Item:
        if self.api.slots[place] == "0":
            return None
        seen = {"seen": self.tick} if self.api.ticks else {}
        return {"id": place, "kind": self.api.slots[place], **seen}

    def _rooted(self, items: Any) -> Any:
        for step in reversed(self.api.root.split(".")[1:]):
            items = {step: items}
        return items

    def _say(self, start: int, end: int, size: int, items: list[Item]) -> tuple[bool, bool, int | None, int | None]:
        """Put the signs into the answer; whether more was announced, in flags and leads, and the largest totals."""
        more, leads, totals, pages = False, False, list[int](), list[int]()
        for sign in self.api.signs:
            if sign.name in TOTALS:
                totals += self._total(sign, start, end, items)
                more |= sign.name == "Content-Range" and items != [] and end < max(totals, default=0)
            elif sign.name in PAGES:
                pages.append(ceil(len(self.api.slots) / size))
                self._put(sign, pages[-1])
            elif sign.name in MORE + DONE:
                more |= self._flag(sign, end)
            else:
                leads |= self._lead(sign, start, end, size)
        return more, leads, max(totals, default=None), max(pages, default=None)

    def _total(self, sign: Sign, start: int, end: int, items: list[Item]) -> list[int]:
        """Put a total into the answer, and give it where it can be read."""
        slots = self.api.slots
        shown = len(slots) - slots.count("-")
        lies = {"less": max(0, shown - 1), "over": shown + 1, "hidden": len(slots), "of the page": len(items)}
        value = lies.get(sign.lie, shown)
        window = f"items {start}-{end - 1}" if items else "items *"
        if sign.name == "Content-Range" and sign.lie == "words":
            self._put(sign, f"{window}/*")
            return []
        if sign.lie in ("words", "null") or (sign.lie == "first" and start):
            self._put(sign, "many" if sign.lie == "words" else None)
            return []
        if sign.name == "Content-Range":
            self._put(sign, f"{window}/{value}")
        else:
            self._put(sign, str(value) if sign.lie == "text" else value)
        return [value]

    def _flag(self, sign: Sign, end: int) -> bool:
        """Put a flag into the answer, and give whether it says that there is more."""
        more = end < len(self.api.slots)
        truth = more if sign.name in MORE else not more
        self._put(sign, {"text": str(truth).lower(), "number": int(truth)}.get(sign.lie, truth))
        return more

    def _lead(self, sign: Sign, start: int, end: int, size: int) -> bool:
        """Put a token, a URL or a number into the answer, and give whether there is one."""
        more = end < len(self.api.slots)
        if sign.name in NEXT_PAGE:
            self._put(sign, start // size + self.api.first + 1 if more else None)
        elif sign.name in TOKENS:
            self._put(sign, f"t{end}" if more else self._end(f"t{start}"))
        else:
            url = f"{self.call.path}?at={end}"
            url = url if self.api.relative else f"http://{self.call.headers['Host']}{url}"
            if sign.name == "Link":
                self.headers |= {"Link": LINKS[int(sign.lie)].format(url)} if more else {}
            else:
                self._put(sign, url if more else self._end(self.call.target))
        return more

    def _end(self, last: str) -> Any:
        return {"null": None, "empty": "", "stays": last}.get(self.api.ends)

    def _put(self, sign: Sign, value: Any) -> None:
        if sign.name[0].isupper():
            self.headers |= {} if value is None else {sign.name: str(value)}
            return
        if value is None and self.api.ends == "gone":
            return
        *steps, name = sign.name.split("/")
        inner = self.body
        for step in steps:
            inner = inner.setdefault(step, {})
        inner[name] = value


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Both objects; what is an object in both is merged too."""
    both = {key: _merged(one[key], other[key]) for key in one.keys() & other.keys()}
    return {**one, **other, **both}
