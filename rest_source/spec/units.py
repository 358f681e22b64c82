"""Quantities as people write them: `90s`, `6h`, `256MB`, `10/s`."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from rest_source.spec.word import Word

SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
EPOCHS = {"epoch": 0, "epoch_ms": 3, "epoch_us": 6, "epoch_ns": 9}
"""Formats of times that count from 1970: by how many digits they divide seconds."""
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_LONGEST = 100 * 366 * 86400


def parse_duration(value: Any) -> timedelta:
    """`90s`, `15m`, `6h`, `2d`, `1w`, or a number of seconds."""
    if isinstance(value, timedelta):
        return value
    number, unit = _quantity(value, "ms|s|m|h|d|w")
    if number is None or number * SECONDS[unit or "s"] > _LONGEST or (not unit and isinstance(value, str)):
        raise ValueError(f"`{value}` is not a duration: write a number and ms, s, m, h, d or w, such as 90s or 6h")
    return timedelta(seconds=number * SECONDS[unit or "s"])


def parse_size(value: Any) -> int:
    """`256MB`, `1GiB`, or a number of bytes."""
    number, unit = _quantity(value, "(?i:[KMG]?I?B)")
    if number is None or not 1 <= number * _BYTES.get(unit.upper(), 1) < 2**63 or unit.upper() == "IB":
        raise ValueError(f"`{value}` is not a size: write a number and B, KB, MB or GB, such as 256MB")
    return int(number * _BYTES[unit.upper() or "B"])


def write_duration(value: timedelta) -> str:
    """A duration in the largest unit in which it is a whole number."""
    return _in_units(value // timedelta(milliseconds=1), {unit: round(s * 1000) for unit, s in SECONDS.items()})


def write_size(value: int) -> str:
    """A number of bytes in the largest unit of thousands in which it is a whole number."""
    return _in_units(value, {unit: size for unit, size in _BYTES.items() if "I" not in unit})


def _in_units(value: int, units: dict[str, int]) -> str:
    unit, size = [(unit, size) for unit, size in units.items() if value % size == 0][-1]
    return f"{value // size}{unit}"


def parse_rate(value: Any) -> float:
    """`10/s`, `100/m` or `5000/h`, as requests per second."""
    match = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*/\s*(\d{0,9})(s|m|h|d)\s*", str(value))
    per = int(match[2] or 1) if match else 0
    if not match or float(match[1]) == 0 or per == 0:
        raise ValueError(f"`{value}` is not a rate: write requests per time, such as 10/s, 100/m or 5000/h")
    return float(match[1]) / (per * SECONDS[match[3]])


def _quantity(value: Any, units: str) -> tuple[float | None, str]:
    """The number and the unit ('' where there is none) of a value; no number where it is no quantity."""
    if isinstance(value, bool):
        return None, ""
    match = re.fullmatch(rf"\s*(\d{{1,18}}(?:\.\d{{1,18}})?)\s*({units})?\s*", str(value))
    return (float(match[1]), match[2] or "") if match else (None, "")


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": ["string", "number"]}),
    Word("duration", write=write_duration),
]
Size = Annotated[
    int, BeforeValidator(parse_size), WithJsonSchema({"type": ["string", "integer"]}), Word("size", write=write_size)
]
Rate = Annotated[float, BeforeValidator(parse_rate), WithJsonSchema({"type": "string"}), Word("rate")]
