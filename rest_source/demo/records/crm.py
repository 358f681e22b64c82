"""A CRM: firms, the people there, and what the sales team does."""

from functools import cache

from rest_source.demo.records.drawn import FIRST_NAMES, LAST_NAMES, Records, draw, euros, instant, pick


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
