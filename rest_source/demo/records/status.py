"""A status page: services, incidents and samples."""

from datetime import UTC, datetime
from functools import cache

from rest_source.demo.records.drawn import Record, Records, draw, instant, pick

SERVICES = ("checkout", "search", "login", "payments", "images", "mail", "reports", "webhooks")


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
