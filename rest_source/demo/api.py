"""The demo API: a fictional shop in four areas, each with its own authentication; every pagination type."""

import base64
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any
from urllib.parse import urlencode

from rest_source.demo import data
from rest_source.demo.data import Records
from rest_source.demo.server import Call, Reply

CREDENTIALS: Mapping[str, str] = {
    "DEMO_SHOP_TOKEN": "demo-shop-token",
    "DEMO_CRM_USER": "demo",
    "DEMO_CRM_PASSWORD": "demo-crm-password",
    "DEMO_MAPS_KEY": "demo-maps-key",
}


def ENVIRONMENT(url: str) -> dict[str, str]:
    """The variables that the demo's `defs.yaml` files read, for a demo API served at `url`."""
    return {"DEMO_API_URL": url, **CREDENTIALS}


class Refusal(Exception):
    """A request the API does not answer; carries what it says instead."""

    def __init__(self, status: int, error: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.reply = Reply({"error": {"status": status, "message": error}}, status, headers or {})


Select = Callable[[Call], Records]
Paginate = Callable[[Records, Call], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """Which records a path serves, and how it cuts them into pages."""

    method: str
    path: str
    select: Select
    paginate: Paginate


class DemoApi:
    """Answers every request of the demo shop; give one instance to a LoopbackServer.

    All records are the same in every process, but for two: `/status/uptime` has samples up to `now()`, and
    `/shop/inventory` shows another stock level each time a page is read.
    """

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._started = now()
        self._readings: Counter[str | None] = Counter()
        self._lock = Lock()
        self.routes = (
            Route("GET", "/shop/products", always(data.products), numbered_pages),
            Route("GET", "/shop/customers", always(data.customers), offset_window),
            Route("GET", "/shop/orders", always(data.orders), opaque_cursor),
            Route("GET", "/shop/payments", always(data.payments), after_last_id),
            Route("POST", "/shop/returns/search", search_returns, cursor_in_body),
            Route("GET", "/shop/inventory", self._inventory, pages_until_empty),
            Route("GET", "/crm/companies", always(data.companies), relative_links),
            Route("GET", "/crm/contacts", always(data.contacts), absolute_links),
            Route("POST", "/crm/activities/export", export_activities, whole_under("rows")),
            Route("GET", "/maps/countries", always(data.countries), whole_under("result", "countries")),
            Route("GET", "/maps/stores", always(data.stores), total_in_header),
            Route("GET", "/status/services", always(data.services), whole_under()),
            Route("GET", "/status/incidents", always(data.incidents), link_header),
            Route("GET", "/status/uptime", self._uptime, whole_under("samples")),
        )
        self._by_path = {(route.method, route.path): route for route in self.routes}

    def __call__(self, call: Call) -> Reply:
        """The API itself."""
        try:
            check_credentials(call)
            route = self._route(call)
            return route.paginate(route.select(call), call)
        except Refusal as refusal:
            return refusal.reply

    def _route(self, call: Call) -> Route:
        if route := self._by_path.get((call.method, call.path)):
            return route
        allowed = [route.method for route in self.routes if route.path == call.path]
        if allowed:
            raise Refusal(405, f"{call.path} takes {allowed[0]}", {"Allow": allowed[0]})
        raise Refusal(404, f"no such path; there are {', '.join(route.path for route in self.routes)}")

    def _inventory(self, call: Call) -> Records:
        page = call.arg("page")
        with self._lock:
            self._readings[page] += 1  # by page, so that the pages of one pass belong together
            reading = self._readings[page]
        return data.inventory(self._started, reading)

    def _uptime(self, call: Call) -> Records:
        now = self._now()
        since = _day(call.arg("since", f"{now:%Y-%m-%d}"), "since")
        if since < now - timedelta(days=32):
            raise Refusal(400, "samples are kept for 31 days")
        return data.uptime(since, now)


# Authentication: one scheme for each area.


def check_credentials(call: Call) -> None:
    """Refuse a call whose credentials are missing or wrong: 401, with the scheme that is asked for."""
    for area, (challenge, admits) in AREAS.items():
        if call.path.startswith(f"{area}/") and not admits(call):
            raise Refusal(401, f"missing or wrong credentials for {area}", {"WWW-Authenticate": challenge})


def _bearer(call: Call) -> bool:
    return call.headers["Authorization"] == f"Bearer {CREDENTIALS['DEMO_SHOP_TOKEN']}"


def _basic(call: Call) -> bool:
    pair = f"{CREDENTIALS['DEMO_CRM_USER']}:{CREDENTIALS['DEMO_CRM_PASSWORD']}"
    return call.headers["Authorization"] == f"Basic {base64.b64encode(pair.encode()).decode()}"


def _api_key(call: Call) -> bool:
    return CREDENTIALS["DEMO_MAPS_KEY"] in (call.headers["X-Api-Key"], call.arg("key"))


AREAS: Mapping[str, tuple[str, Callable[[Call], bool]]] = {
    "/shop": ('Bearer realm="shop"', _bearer),
    "/crm": ('Basic realm="crm"', _basic),
    "/maps": ('ApiKey realm="maps", header="X-Api-Key", query="key"', _api_key),
}


# Selections: which records a request asks for.


def always(records: Callable[[], Records]) -> Select:
    """All records, whatever the request says."""
    return lambda call: records()


def search_returns(call: Call) -> Records:
    """The JSON body's `filter`: `reasons` and `opened_from`."""
    wanted = _json(call).get("filter", {})
    reasons, opened_from = wanted.get("reasons"), wanted.get("opened_from", "")
    return [
        record
        for record in data.returns()
        if record["opened_on"] >= opened_from and (reasons is None or record["reason"] in reasons)
    ]


def export_activities(call: Call) -> Records:
    """The form's `from`, `to` (inclusive dates) and `kind` (may be repeated)."""
    form = call.form
    if call.headers.get_content_type() != "application/x-www-form-urlencoded" or not {"from", "to"} <= set(form):
        raise Refusal(415, "send an urlencoded form with from, to and, if you like, kind")
    start, end = form["from"][-1], form["to"][-1]
    return [
        record
        for record in data.activities()
        if start <= record["happened_on"] <= end and record["kind"] in form.get("kind", [record["kind"]])
    ]


# Paginations: how an answer is cut, and where it says how to go on.


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
    page, size = _number(call, "page", 1), _size(call, "per_page")
    meta = {"page": page, "total_pages": -(-len(records) // size), "total": len(records)}
    return Reply({"data": records[(page - 1) * size : page * size], "meta": meta})


def pages_until_empty(records: Records, call: Call) -> Reply:
    """`?page=1&per_page=100`; no totals: the page after the last one is empty."""
    page, size = _number(call, "page", 1), _size(call, "per_page")
    return Reply({"page": page, "items": records[(page - 1) * size : page * size]})


def total_in_header(records: Records, call: Call) -> Reply:
    """`?page=1&page_size=50`; a bare array, and X-Total-Count."""
    page, size = _number(call, "page", 1), _size(call, "page_size")
    return Reply(records[(page - 1) * size : page * size], headers={"X-Total-Count": str(len(records))})


def offset_window(records: Records, call: Call) -> Reply:
    """`?offset=0&limit=100`; the answer counts the records."""
    offset, limit = _number(call, "offset", 0), _size(call, "limit")
    return Reply({"results": records[offset : offset + limit], "offset": offset, "total": len(records)})


def opaque_cursor(records: Records, call: Call) -> Reply:
    """`?cursor=...&limit=100`; `next_cursor` is for the server to read only, `has_more` says when to stop."""
    start, limit = _position(call.arg("cursor")), _size(call, "limit")
    end = min(start + limit, len(records))
    more = end < len(records)
    return Reply({"orders": records[start:end], "has_more": more, "next_cursor": _cursor(end)})


def after_last_id(records: Records, call: Call) -> Reply:
    """`?starting_after=ID&limit=100`: the caller sends the id of the last record it has."""
    last, limit = call.arg("starting_after"), _size(call, "limit")
    places = {record["id"]: place for place, record in enumerate(records)}
    if last is not None and last not in places:
        raise Refusal(400, f"starting_after: no such id {last}")
    start = places[last] + 1 if last else 0
    return Reply({"data": records[start : start + limit], "has_more": start + limit < len(records)})


def cursor_in_body(records: Records, call: Call) -> Reply:
    """`{"page": {"size": 100, "cursor": "..."}}` in the JSON body; the answer's cursor is null at the end."""
    page = _json(call).get("page", {})
    start = _position(page.get("cursor"))
    end = start + min(int(page.get("size", 100)), 250)
    following = _cursor(end) if end < len(records) else None
    return Reply({"result": {"hits": records[start:end]}, "page": {"cursor": following}})


def absolute_links(records: Records, call: Call) -> Reply:
    """`?after=ID&limit=100`; `paging.next` is the full URL of the next page, or null."""
    after, limit = _number(call, "after", 0), _size(call, "limit")
    rest = [record for record in records if record["id"] > after]
    following = _url(call, after=rest[limit - 1]["id"], limit=limit) if len(rest) > limit else None
    return Reply({"results": rest[:limit], "paging": {"next": following}})


def relative_links(records: Records, call: Call) -> Reply:
    """`?page=1`; `links.next` has no host, and is not there on the last page."""
    page, size = _number(call, "page", 1), 100
    links = {"self": call.target}
    if page * size < len(records):
        links["next"] = f"{call.path}?page={page + 1}"
    return Reply({"items": records[(page - 1) * size : page * size], "links": links})


def link_header(records: Records, call: Call) -> Reply:
    """`?page=1&per_page=100`; a bare array, and the next page in the Link header (RFC 8288)."""
    page, size = _number(call, "page", 1), _size(call, "per_page")
    links = [f'<{_url(call, page=1, per_page=size)}>; rel="first"']
    if page * size < len(records):
        links.append(f'<{_url(call, page=page + 1, per_page=size)}>; rel="next"')
    return Reply(records[(page - 1) * size : page * size], headers={"Link": ", ".join(links)})


# Readers of a request: what is wrong is said with a 400.


def _number(call: Call, name: str, least: int) -> int:
    text = call.arg(name, str(least)) or ""
    if not text.isdecimal() or int(text) < least:
        raise Refusal(400, f"{name}: a whole number from {least} on, not {text!r}")
    return int(text)


def _size(call: Call, name: str) -> int:
    return min(_number(call, name, 1) if call.arg(name) else 100, 250)


def _day(text: str | None, name: str) -> datetime:
    try:
        return datetime.strptime(text or "", "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Refusal(400, f"{name}: a date like 2026-01-31, not {text!r}") from None


def _json(call: Call) -> dict[str, Any]:
    try:
        body = call.json
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "send a JSON object")
    return body


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(f"after:{position}".encode()).decode()


def _position(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(cursor).decode().removeprefix("after:"))
    except ValueError:
        raise Refusal(400, "cursor: not one of ours") from None


def _url(call: Call, **query: int) -> str:
    return f"http://{call.headers['Host']}{call.path}?{urlencode(query)}"
