"""The records that every contestant loads: deterministic, about 250 bytes of JSON each, keys in no order."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
_STATUSES = ("open", "paid", "packed", "shipped", "delivered", "returned", "cancelled")
_CITIES = (
    "Lisbon",
    "São Paulo",
    "Zürich",
    "Nairobi",
    "Osaka",
    "Toronto",
    "Wellington",
    "Kraków",
    "Oslo",
    "Lima",
    "Pune",
)
_NAMES = ("Ada Lovelace", "Grace Hopper", "Alan Turing", "Katherine Johnson", "Edsger Dijkstra", "Barbara Liskov")


def record(number: int) -> str:
    """One order as JSON; its `id` is the number."""
    created = (_EPOCH + timedelta(seconds=7 * number)).strftime("%Y-%m-%dT%H:%M:%SZ")
    note = "null" if number % 3 else f'"Leave parcel {number % 997} with the neighbour"'
    return (
        f'{{"id":{number},"status":"{_STATUSES[number % 7]}","reference":"ORD-{number * 7919 % 10**9:09d}",'
        f'"customer":"{_NAMES[number % 6]}","amount":{number % 50021 / 100},"quantity":{quantity(number)},'
        f'"paid":{"true" if number % 5 else "false"},"created_at":"{created}","note":{note},'
        f'"shipping":{{"city":"{_CITIES[number % 11]}","postcode":"{number % 89989 + 10000}","express":false}}}}'
    )


def quantity(number: int) -> int:
    """The value whose sum tells whether each record is there once."""
    return number * 31 % 101


def expected(records: int) -> tuple[int, int, int]:
    """Rows, distinct ids and the sum of `quantity` in a table that holds every record."""
    return records, records, sum(map(quantity, range(1, records + 1)))


def write_pages(file: Path, records: int, page_size: int) -> None:
    """Each page as `{"data":[...]`, left open for what a dialect adds, one behind the other; their ends beside it."""
    ends = [0]
    with file.open("wb") as out:
        for page in _pages(records, page_size):
            out.write(page)
            ends.append(ends[-1] + len(page))
    ends_file(file).write_text(json.dumps(ends))


def ends_file(file: Path) -> Path:
    """Where the position of each page's end stands, with a 0 in front."""
    return file.with_suffix(".ends.json")


def _pages(records: int, page_size: int) -> Iterator[bytes]:
    for start in range(1, records + 1, page_size):
        numbers = range(start, min(start + page_size, records + 1))
        yield f'{{"data":[{",".join(map(record, numbers))}]'.encode()
