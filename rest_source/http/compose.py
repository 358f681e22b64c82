"""Composing a request: a path below a base URL, parameters as names and texts."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from rest_source.spec.template import plain_text

Pairs = list[tuple[str, str]]


def joined(base: str, path: str) -> str:
    """The path below the base URL, unless it is a URL itself; a query of the base stays."""
    if path.startswith(("http://", "https://")):
        return path
    parts = urlsplit(base)
    head, _, query = path.partition("?")
    whole = f"{parts.path.rstrip('/')}/{head.lstrip('/')}" if head else parts.path
    queries = [part for part in (parts.query, query) if part]
    return urlunsplit(parts._replace(path=whole, query="&".join(queries)))


def pairs(values: Mapping[str, Any]) -> Pairs:
    """Parameters as name and text: null is left out, booleans are true and false, lists repeat the name."""
    return list(_pairs(values))


def _pairs(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        for item in value if isinstance(value, list | tuple) else [value]:
            if item is not None:
                yield name, plain_text(item)
