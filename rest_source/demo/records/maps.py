"""A map: countries and stores."""

from functools import cache

from rest_source.demo.records.drawn import CITIES, Records, draw, instant, pick


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
