"""The demo shop's records: fictional, and the same in every process, as values are drawn from checksums."""

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import orjson

Record = dict[str, Any]
Records = Sequence[Record]

OPENED = datetime(2025, 1, 1, 8, tzinfo=UTC)
FIRST_NAMES = (
    "Ada",
    "Björn",
    "Chloé",
    "Dilan",
    "Eva",
    "Farid",
    "Grace",
    "Haruto",
    "Inés",
    "Jan",
    "Keiko",
    "Łukasz",
    "Zoë",
)
LAST_NAMES = (
    "Andersen",
    "Brontë",
    "Castillo",
    "D'Angelo",
    "Eriksson",
    "Müller",
    "Nakamura",
    "O'Neill",
    "Şahin",
    "Weiß",
)
CITIES = (
    ("Berlin", "DE"),
    ("Lisboa", "PT"),
    ("København", "DK"),
    ("Kraków", "PL"),
    ("Zürich", "CH"),
    ("Paris", "FR"),
)
GOODS = ("Kettle", "Teapot", "Lamp", "Chair", "Notebook", "Backpack", "Crème brûlée torch", "Umbrella")
STYLES = ("blue", "red", "oak", "steel", "“limited”", "recycled")
SERVICES = ("checkout", "search", "login", "payments", "images", "mail", "reports", "webhooks")


def draw(n: int, what: str, below: int) -> int:
    """An integer in [0, below) that depends on the record's number and the field only."""
    return zlib.crc32(f"{what} {n}".encode()) % below


def pick(n: int, what: str, options: Sequence[Any]) -> Any:
    """One of the options, drawn."""
    return options[draw(n, what, len(options))]


def instant(minutes: float) -> str:
    """RFC 3339 in UTC, so many minutes after the shop opened."""
    return f"{OPENED + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"


def euros(n: int, what: str, below: int) -> float:
    """A price with two decimals."""
    return (draw(n, what, below * 100) + 99) / 100


@cache
def products() -> Records:
    """A mixed-type `warranty`, whole and fractional `rating`s, an object and an array."""
    return [
        {
            "id": n,
            "sku": f"SKU-{n:05d}",
            "name": f"{pick(n, 'goods', GOODS)}, {pick(n, 'style', STYLES)}",
            "ean": 4_000_000_000_000 + n * 97,
            "price": euros(n, "price", 300),
            "currency": "EUR",
            "rating": pick(n, "rating", (3, 3.5, 4, 4.5, 5, None)),
            "warranty": pick(n, "warranty", (12, 24, "lifetime", None)),
            "in_stock": draw(n, "stock", 10) > 0,
            "tags": [tag for tag in ("new", "sale", "gift", "eco") if draw(n, tag, 3) == 0],
            "dimensions": {"width": draw(n, "w", 90) + 1, "height": draw(n, "h", 90) + 1, "unit": "cm"},
            "launched_on": f"{OPENED + timedelta(days=draw(n, 'launch', 300)):%Y-%m-%d}",
        }
        for n in range(1, 1_201)
    ]


@cache
def customers() -> Records:
    """People with personal fields that a careful user excludes."""
    return [
        {
            "id": n,
            "name": f"{pick(n, 'first', FIRST_NAMES)} {pick(n, 'last', LAST_NAMES)}",
            "email": f"customer{n}@mail.example",
            "phone": f"+49 30 5550 {n:04d}" if draw(n, "phone", 3) else None,
            "newsletter": draw(n, "letter", 2) == 1,
            "address": _address(n),
            "signed_up_at": instant(n * 173),
        }
        for n in range(1, 2_501)
    ]


@cache
def orders() -> Records:
    """Line items and an address, dates that may be null."""
    return [_order(n) for n in range(1, 3_001)]


def _order(n: int) -> Record:
    items: list[Record] = [
        {
            "sku": f"SKU-{draw(n, f'sku{i}', 1200) + 1:05d}",
            "quantity": draw(n, f"q{i}", 4) + 1,
            "price": euros(n, f"p{i}", 90),
        }
        for i in range(draw(n, "items", 4) + 1)
    ]
    sent = draw(n, "sent", 5) > 0
    return {
        "id": n,
        "number": f"R-{n:06d}",
        "customer_id": draw(n, "customer", 2_500) + 1,
        "status": "shipped" if sent else pick(n, "status", ("open", "paid", "cancelled")),
        "total": round(sum(item["price"] * item["quantity"] for item in items), 2),
        "gift": draw(n, "gift", 9) == 0,
        "coupon": pick(n, "coupon", ("SPRING", "WELCOME10", None, None, None)),
        "items": items,
        "ship_to": _address(n),
        "ship_date": instant(n * 140 + 1440)[:10] if sent else None,
        "placed_at": instant(n * 140),
    }


def _address(n: int) -> Record:
    city, country = pick(n, "city", CITIES)
    return {"street": f"{pick(n, 'street', LAST_NAMES)}straße {n % 90 + 1}", "city": city, "country": country}


@cache
def payments() -> Records:
    """Numbers a float would spoil: a 64-bit `ledger_no`, and 19 digits in `amount_eth`."""
    return [
        {
            "id": f"pay_{n:06d}",
            "order_id": n,
            "ledger_no": 9_007_199_254_740_993 + n * 2,
            "amount": order["total"],
            "amount_eth": _ether(n) if draw(n, "method", 4) == 0 else None,
            "method": pick(n, "method", ("crypto", "card", "invoice", "transfer")),
            "captured": order["status"] != "cancelled",
            "paid_at": f"{order['placed_at'][:-1]}.{draw(n, 'ms', 1000):03d}Z",
        }
        for n, order in enumerate(orders(), 1)
    ]


def _ether(n: int) -> orjson.Fragment:
    return orjson.Fragment(f"{draw(n, 'eth', 9) + 1}.{draw(n, 'wei', 10**9):09d}{draw(n, 'gwei', 10**9):09d}".encode())


@cache
def returns() -> Records:
    """Goods that came back; the search filters them by reason and date."""
    return [
        {
            "id": n,
            "order_id": n * 5,
            "reason": pick(n, "reason", ("damaged", "wrong_item", "changed_mind")),
            "refund": euros(n, "refund", 80),
            "opened_on": instant(n * 700 + 4_000)[:10],
            "note": pick(n, "note", (None, "Box was open", "Größe passt nicht", "📦 dented")),
        }
        for n in range(1, 601)
    ]


def inventory(opened: datetime, reading: int) -> Records:
    """The same 250 SKUs at every reading, never the same stock; `opened` is when the server started."""
    return [
        {
            "sku": f"SKU-{n:05d}",
            "warehouse": pick(n, "warehouse", ("BER", "LIS", "KRK")),
            "stock": (draw(n, "stock", 80) + 7 * reading) % 80,
            "updated_at": f"{opened + timedelta(seconds=reading):%Y-%m-%dT%H:%M:%SZ}",
        }
        for n in range(1, 251)
    ]


@cache
def companies() -> Records:
    """Customers that are firms."""
    return [
        {
            "id": n,
            "name": f"{pick(n, 'name', LAST_NAMES)} & {pick(n, 'partner', LAST_NAMES)} {n}",
            "employees": draw(n, "staff", 5_000) if draw(n, "known", 4) else None,
            "revenue": euros(n, "revenue", 2_000_000),
            "founded_on": f"{1900 + draw(n, 'year', 120)}-{draw(n, 'month', 12) + 1:02d}-01",
        }
        for n in range(1, 401)
    ]


@cache
def contacts() -> Records:
    """People at those firms; `created_at` is local time without a zone, as many a CRM has it."""
    return [
        {
            "id": n,
            "company_id": draw(n, "company", 400) + 1,
            "name": f"{pick(n, 'given', FIRST_NAMES)} {pick(n, 'family', LAST_NAMES)}",
            "email": f"contact{n}@firm.example",
            "custom": {
                "vip": draw(n, "vip", 20) == 0,
                "birthday": f"19{draw(n, 'born', 60) + 40}-06-01",
                "source": None,
            },
            "created_at": f"{instant(1440 * (n % 300) + draw(n, 'minute', 540))[:-1]}",
        }
        for n in range(1, 1_501)
    ]


@cache
def activities() -> Records:
    """Calls, meetings and mails of the sales team."""
    return [
        {
            "id": n,
            "contact_id": draw(n, "contact", 1_500) + 1,
            "kind": pick(n, "kind", ("call", "meeting", "mail")),
            "minutes": draw(n, "length", 90),
            "happened_on": instant(n * 500)[:10],
        }
        for n in range(1, 801)
    ]


@cache
def countries() -> Records:
    """Where the shop delivers."""
    rows = (
        "AT Österreich 20",
        "CH Schweiz 8.1",
        "DE Deutschland 19",
        "DK Danmark 25",
        "FR France 20",
        "PL Polska 23",
        "PT Portugal 23",
    )
    parts = [row.split() for row in rows]
    return [{"code": code, "name": name, "vat_percent": float(vat), "eu": code != "CH"} for code, name, vat in parts]


@cache
def stores() -> Records:
    """Places on a map, with a point and opening hours as nested values."""
    return [
        {
            "id": f"store-{n}",
            "city": pick(n, "city", CITIES)[0],
            "country": pick(n, "city", CITIES)[1],
            "location": {
                "type": "Point",
                "coordinates": [draw(n, "lon", 24_000) / 1000, 40 + draw(n, "lat", 15_000) / 1000],
            },
            "hours": {day: ["09:00", pick(n, day, ("18:00", "20:00"))] for day in ("mon", "wed", "sat")},
            "opened_at": f"{instant(n * 900)[:-1]}+01:00",
        }
        for n in range(1, 231)
    ]


@cache
def services() -> Records:
    """The parts of the shop that the status page watches."""
    return [{"id": name, "title": name.title(), "public": name != "reports", "slo": 99.9} for name in SERVICES]


@cache
def incidents() -> Records:
    """What went wrong; the last ones are still open."""
    return [
        {
            "id": n,
            "service": pick(n, "service", SERVICES),
            "severity": pick(n, "severity", ("minor", "major", "critical")),
            "started_at": instant(n * 1_500),
            "resolved_at": instant(n * 1_500 + draw(n, "repair", 300)) if n < 278 else None,
            "updates": [
                {
                    "at": instant(n * 1_500 + 5 * i),
                    "text": pick(n + i, "text", ("Looking", "Found it", "Fixed")),
                }
                for i in range(n % 4)
            ],
        }
        for n in range(1, 281)
    ]


def uptime(since: datetime, until: datetime) -> Records:
    """One sample per service and full hour, for any time: a value depends on its hour alone."""
    hours = range(int(since.timestamp()) // 3600, int(until.timestamp()) // 3600)
    return [_sample(name, hour) for hour in hours for name in SERVICES]


def _sample(service: str, hour: int) -> Record:
    return {
        "service": service,
        "hour": f"{datetime.fromtimestamp(hour * 3600, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "requests": draw(hour, f"{service} requests", 90_000),
        "errors": draw(hour, f"{service} errors", 12),
        "latency_ms": draw(hour, f"{service} latency", 90_000) / 1000,
    }
