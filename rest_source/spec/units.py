"""Quantities as people write them: `90s`, `6h`, `256MB`, `10/s`."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def parse_duration(value: Any) -> timedelta:
    """`90s`, `15m`, `6h`, `2d`, `1w`, or a number of seconds."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return timedelta(seconds=value)
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*", str(value))
    if not match:
        raise ValueError(f"`{value}` is not a duration: write a number and ms, s, m, h, d or w, such as 90s or 6h")
    return timedelta(seconds=float(match[1]) * SECONDS[match[2]])


def parse_size(value: Any) -> int:
    """`256MB`, `1GiB`, or a number of bytes."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMG]?I?B)?\s*", str(value), re.IGNORECASE)
    if not match or isinstance(value, bool):
        raise ValueError(f"`{value}` is not a size: write a number and B, KB, MB or GB, such as 256MB")
    return int(float(match[1]) * _BYTES[(match[2] or "B").upper()])


def parse_rate(value: Any) -> float:
    """`10/s`, `100/m` or `5000/h`, as requests per second."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*/\s*(\d*)(s|m|h|d)\s*", str(value))
    if not match or float(match[1]) == 0:
        raise ValueError(f"`{value}` is not a rate: write requests per time, such as 10/s, 100/m or 5000/h")
    return float(match[1]) / (int(match[2] or 1) * SECONDS[match[3]])


Duration = Annotated[timedelta, BeforeValidator(parse_duration), WithJsonSchema({"type": ["string", "number"]})]
Size = Annotated[int, BeforeValidator(parse_size), WithJsonSchema({"type": ["string", "integer"]})]
Rate = Annotated[float, BeforeValidator(parse_rate), WithJsonSchema({"type": "string"})]
