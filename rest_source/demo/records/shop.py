"""A shop: goods, customers, orders and what becomes of them."""

from datetime import datetime, timedelta
from functools import cache

import orjson

from rest_source.demo.records.drawn import (
    CITIES,
    FIRST_NAMES,
    LAST_NAMES,
    OPENED,
    Record,
    Records,
    draw,
    euros,
    instant,
    pick,
)

GOODS = ("Kettle", "Teapot", "Lamp", "Chair", "Notebook", "Backpack", "Crème brûlée torch", "Umbrella")
STYLES = ("blue", "red", "oak", "steel", "“limited”", "recycled")


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
