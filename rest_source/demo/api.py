"""The demo API: a fictional shop in four areas, each with its own authentication; every pagination type."""

import base64
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock

from rest_source.demo.calls import Refusal, day, json_object
from rest_source.demo.pages import (
    Paginate,
    absolute_links,
    after_last_id,
    cursor_in_body,
    link_header,
    numbered_pages,
    offset_window,
    opaque_cursor,
    pages_until_empty,
    relative_links,
    total_in_header,
    whole_under,
)
from rest_source.demo.records import crm, maps, shop, status
from rest_source.demo.records.drawn import Records
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


Select = Callable[[Call], Records]


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
            Route("GET", "/shop/products", always(shop.products), numbered_pages),
            Route("GET", "/shop/customers", always(shop.customers), offset_window),
            Route("GET", "/shop/orders", always(shop.orders), opaque_cursor),
            Route("GET", "/shop/payments", always(shop.payments), after_last_id),
            Route("POST", "/shop/returns/search", search_returns, cursor_in_body),
            Route("GET", "/shop/inventory", self._inventory, pages_until_empty),
            Route("GET", "/crm/companies", always(crm.companies), relative_links),
            Route("GET", "/crm/contacts", always(crm.contacts), absolute_links),
            Route("POST", "/crm/activities/export", export_activities, whole_under("rows")),
            Route("GET", "/maps/countries", always(maps.countries), whole_under("result", "countries")),
            Route("GET", "/maps/stores", always(maps.stores), total_in_header),
            Route("GET", "/status/services", always(status.services), whole_under()),
            Route("GET", "/status/incidents", always(status.incidents), link_header),
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
        return shop.inventory(self._started, reading)

    def _uptime(self, call: Call) -> Records:
        now = self._now()
        since = day(call.arg("since", f"{now:%Y-%m-%d}"), "since")
        if since < now - timedelta(days=32):
            raise Refusal(400, "samples are kept for 31 days")
        return status.uptime(since, now)


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
    wanted = json_object(call).get("filter", {})
    reasons, opened_from = wanted.get("reasons"), wanted.get("opened_from", "")
    return [
        record
        for record in shop.returns()
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
        for record in crm.activities()
        if start <= record["happened_on"] <= end and record["kind"] in form.get("kind", [record["kind"]])
    ]
