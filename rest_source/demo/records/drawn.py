"""What the demo's records are drawn with: a value depends on its record's number and field, in every process alike."""

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

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
