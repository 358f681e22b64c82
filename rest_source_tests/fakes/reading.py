"""Reads an endpoint through a real session, as a run does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson

from rest_source.extract.page import Page, Stop
from rest_source.extract.stream import PageStream
from rest_source.http.session import ApiSession
from rest_source.spec.environment import Environment
from rest_source.spec.source import SourceSpec

NOW = datetime(2026, 3, 29, 12, 30, 15, 123456, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Read:
    """What a series came to."""

    records: list[dict[str, Any]]
    pages: list[Page]
    stop: Stop
    warnings: list[str]
    stream: PageStream

    @property
    def ids(self) -> list[Any]:
        return [record["id"] for record in self.records]

    @property
    def reason(self) -> str:
        return self.stop.reason


def source(url: str, endpoint: dict[str, Any], **keys: Any) -> SourceSpec:
    """A source with one endpoint, `records` at /records under $.data unless it says otherwise."""
    endpoint = {"name": "records", "path": "/records", "data_root": "$.data", **endpoint}
    limits = {"retries": 0, **keys.pop("limits", {})}
    return SourceSpec.model_validate(
        {"name": "fake", "base_url": url, "limits": limits, "endpoints": [endpoint], **keys}
    )


@contextmanager
def opened(
    url: str, endpoint: dict[str, Any], variables: dict[str, str] | None = None, **keys: Any
) -> Iterator[PageStream]:
    """A stream that has not been asked for anything yet."""
    spec, environment = source(url, endpoint, **keys), Environment(variables or {})
    with ApiSession(spec, environment) as session:
        yield PageStream(spec, spec.endpoints[0], session, environment, now=NOW)


def read(url: str, endpoint: dict[str, Any], variables: dict[str, str] | None = None, **keys: Any) -> Read:
    """Every page of the endpoint."""
    with opened(url, endpoint, variables, **keys) as stream:
        pages = list(stream)
    stop = pages[-1].after
    assert isinstance(stop, Stop)
    records = [record for page in pages for record in lines(page.records.data)]
    return Read(records, pages, stop, stream.warnings, stream)


def lines(data: bytes) -> list[dict[str, Any]]:
    """The records in a piece of the spool, as the table takes them."""
    return [orjson.loads(stored or canonical) for canonical, stored in _fields(data)]


def ids(data: bytes) -> list[str]:
    """The `__hevo_id`s in a piece of the spool."""
    return [sha256(canonical).hexdigest() for canonical, _ in _fields(data)]


def _fields(data: bytes) -> list[list[bytes]]:
    return [line.split(b"\t")[1:3] for line in data.split(b"\n")[:-1]]
