"""Composing a request: a path below a base URL, parameters as names and texts."""

from collections.abc import Container, Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus

from rest_source.spec.template import plain_text

Pairs = list[tuple[str, str]]


def joined(base: str, path: str) -> str:
    """The path below the base URL, unless it is a URL itself; queries of both stay, as they are written."""
    if path.startswith(("http://", "https://")):
        return path
    base, _, base_query = base.partition("#")[0].partition("?")
    head, _, query = path.partition("#")[0].partition("?")
    whole = f"{base.rstrip('/')}/{head.lstrip('/')}" if head else base
    queries = "&".join(part for part in (base_query, query) if part)
    return f"{whole}?{queries}" if queries else whole


def without(query: str, names: Container[str]) -> list[str]:
    """The parameters of a query as they are written, but for those of these names."""
    return [pair for pair in query.split("&") if pair and unquote_plus(pair.partition("=")[0]) not in names]


def pairs(values: Mapping[str, Any]) -> Pairs:
    """Parameters as name and text: null is left out, booleans are true and false, lists repeat the name."""
    return list(_pairs(values))


def _pairs(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        for item in value if isinstance(value, list | tuple) else [value]:
            if item is not None:
                yield name, plain_text(item)
