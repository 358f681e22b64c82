"""One handler for each way of cutting records into pages; give it to a LoopbackServer, or to an `Api`.

Each but `by_offset` serves exactly the pages it is given, empty ones included, so that a test decides where a
page is short or empty. Handlers keep no state: pages may be asked for in any order and from any thread.
"""

from collections.abc import Callable, Sequence
from threading import Lock
from types import TracebackType
from typing import Any, Literal, Self

from rest_source.demo.server import Call, LoopbackServer, Reply

Record = dict[str, Any]
Pages = Sequence[Sequence[Record]]
Handler = Callable[[Call], Reply]
TotalIn = Literal["body", "header"] | None
Place = Literal["query", "body", "form", "header", "path"]


class Api:
    """A server on loopback whose handler can be changed while it runs; an example costs no new socket."""

    def __init__(self) -> None:
        self.handler: Handler = lambda call: Reply(status=404)
        self._server = LoopbackServer(self._answer)
        self.url, self.calls = self._server.url, self._server.calls

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.__exit__(kind, error, at)

    def _answer(self, call: Call) -> Reply:
        return self.handler(call)

    def serve(self, handler: Handler) -> None:
        """Answer with this handler from now on; forget the calls so far."""
        self.handler = handler
        self.calls.clear()


def by_number(
    pages: Pages, *, start: int = 1, step: int = 1, pages_in: TotalIn = None, records_in: TotalIn = None
) -> Handler:
    """`?page=1`, or `page` in a JSON body; a page that does not exist is empty. Totals under `meta` or in `X-`."""
    records = sum(map(len, pages))

    def answer(call: Call) -> Reply:
        position = int(_sent(call, "page") or start) - start
        page, off_beat = divmod(position, step)
        items = pages[page] if not off_beat and 0 <= page < len(pages) else []
        return _with_totals(list(items), (pages_in, "pages", len(pages)), (records_in, "records", records))

    return answer


def by_offset(
    slots: Sequence[Record | None], *, start: int = 0, cap: int | None = None, records_in: TotalIn = None
) -> Handler:
    """`?offset=0&limit=100`, over slots of which an empty one is a record the server counts but does not show."""
    records = sum(slot is not None for slot in slots)

    def answer(call: Call) -> Reply:
        offset, limit = int(_sent(call, "offset") or start) - start, int(_sent(call, "limit") or 100)
        window = slots[offset : offset + min(limit, cap or limit)]
        return _with_totals([slot for slot in window if slot is not None], (records_in, "records", records))

    return answer


def after_tokens(
    pages: Pages,
    *,
    place: Place = "query",
    token_in: Literal["body", "header", "last_record"] = "body",
    numeric: bool = False,
    more: bool = False,
    ends: object = None,
) -> Handler:
    """Each answer holds the token of the next page, and `ends` on the last; with `more` also `has_more`.

    With `last_record` the token is the `id` of the last record, and the answer holds none.
    """
    tokens: list[Any] = [7 * index + 3 if numeric else f"t/{index}=&?%7B{{now}}" for index in range(len(pages))]
    places = {str(token): index for index, token in enumerate(tokens)}
    after = {str(page[-1]["id"]): index + 1 for index, page in enumerate(pages) if page}

    def answer(call: Call) -> Reply:
        token = _token(call, place)
        index = 0 if token is None else (after if token_in == "last_record" else places)[str(token)]
        following = tokens[index + 1] if index + 1 < len(pages) else ends
        body: dict[str, Any] = {"data": _at(pages, index), "has_more": index + 1 < len(pages)}
        headers = {}
        if token_in == "body":
            body["meta"] = {"next": following}
        elif token_in == "header" and following is not None:
            headers["X-Next"] = str(following)
        if not more:
            del body["has_more"]
        return Reply(body, headers=headers)

    return answer


def by_urls(pages: Pages, *, relative: bool = False, in_header: bool = False, ends: object = None) -> Handler:
    """The next page's URL under `links.next`, or in `X-Next`."""

    def answer(call: Call) -> Reply:
        index = int(call.arg("at", "0") or 0)
        following = _url(call, index + 1, relative) if index + 1 < len(pages) else ends
        if in_header:
            return Reply({"data": _at(pages, index)}, headers={"X-Next": str(following)} if following else {})
        return Reply({"data": _at(pages, index), "links": {"next": following}})

    return answer


def by_links(pages: Pages, *, relative: bool = False) -> Handler:
    """The next page in the Link header."""

    def answer(call: Call) -> Reply:
        index = int(call.arg("at", "0") or 0)
        links = [f'<{_url(call, 0, relative)}>; rel="first"']
        if index + 1 < len(pages):
            links.append(f'<{_url(call, index + 1, relative)}>; title="a=b, c"; rel="next last"')
        return Reply(_at(pages, index), headers={"Link": ", ".join(links)})

    return answer


def in_one_answer(records: Sequence[Record]) -> Handler:
    """Everything at once."""
    return lambda call: Reply({"data": list(records)})


def scripted(*replies: Any) -> Handler:
    """These answers in this order, the last one again and again; for one request at a time."""
    pending, lock = list(replies), Lock()

    def answer(call: Call) -> Reply:
        with lock:
            reply = pending.pop(0) if len(pending) > 1 else pending[0]
        return reply if isinstance(reply, Reply) else Reply(reply)

    return answer


def _at(pages: Pages, index: int) -> list[Record]:
    return list(pages[index]) if index < len(pages) else []


def _with_totals(items: list[Record], *totals: tuple[TotalIn, str, int]) -> Reply:
    meta = {name: value for place, name, value in totals if place == "body"}
    headers = {f"X-{name}": str(value) for place, name, value in totals if place == "header"}
    return Reply({"data": items, "meta": meta}, headers=headers)


def _sent(call: Call, name: str) -> Any:
    if call.method == "GET" or not call.body:
        return call.arg(name)
    if call.headers.get_content_type() == "application/x-www-form-urlencoded":
        return call.form.get(name, [None])[-1]
    return call.json.get(name)


def _token(call: Call, place: Place) -> Any:
    match place:
        case "query":
            return call.arg("cursor")
        case "header":
            return call.headers["cursor"]
        case "path":
            return call.path.partition("/records/")[2] or None
        case "form":
            return _sent(call, "cursor")
        case "body":
            return (call.json if call.body else {}).get("page", {}).get("cursor")


def _url(call: Call, index: int, relative: bool) -> str:
    target = f"{call.path}?at={index}&note=%7Bnow%7D"
    return target if relative else f"http://{call.headers['Host']}{target}"
