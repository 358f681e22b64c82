"""Servers that answer as a shape does, page after page: its records with other values, around them what leads on."""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from rest_source.demo.server import Call, Reply
from rest_source.extract.announced import Sign, announced, truth
from rest_source.spec.jsonpath import compile_path
from rest_source_tests.shapes import Shape

PAGES = 3
_MARK = "_p"
"""The parameter that tells the page of a URL which the server hands out."""
_TIME = re.compile(r"\d{4}-\d\d-\d\d.*")


class ShapedApi:
    """Serves three pages of a shape; one where it has no pagination, or where its root is no list."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        root = compile_path(shape.root[0].partition("[*]")[0])
        self.steps = root.steps
        first = root.first(shape.body) if self.steps is not None else None
        kinds = {pagination["type"] for pagination in shape.pagination}
        self.is_paged = isinstance(first, list) and len(first) > 1 and kinds != {"none"}
        pages = range(PAGES if self.is_paged else 1)
        self.pages = [_page(first, number) for number in pages] if first else []
        self.all = [record for page in self.pages for record in page]

    def __call__(self, call: Call) -> Reply:
        asked = {name: values[-1] for name, values in parse_qs(urlsplit(call.target).query).items()}
        if not self.is_paged:
            return Reply(self.shape.body, headers=dict(self.shape.headers))
        start, records = self._asked(asked)
        origin = f"http://{call.headers['Host']}"
        return self._answer(start, records, f"{origin}{urlsplit(call.target).path}", asked)

    def _asked(self, asked: Mapping[str, str]) -> tuple[int, list[Any]]:
        """Where the page that a request asks for begins, and its records."""
        size, start = len(self.pages[0]), 0
        if _MARK in asked:
            start = int(asked[_MARK]) * size
        for pagination in self.shape.pagination:
            named = asked.get(str(pagination.get("param", "page")))
            match pagination["type"]:
                case "page_number" if named is not None:
                    start = (int(named) - int(pagination.get("start", 1))) * size
                case "offset_limit" if (offset := asked.get(pagination["offset_param"])) is not None:
                    start = int(offset)
                case "cursor" if named is not None and pagination.get("from") == "last_record":
                    ids = [str(record["id"]) for record in self.all]
                    start = ids.index(named) + 1 if named in ids else len(ids)
                case "cursor" if named is not None:
                    start = int(named.rpartition("~")[2]) * size
        return start, self.all[max(0, start) : start + size] if start >= 0 else []

    def _answer(self, start: int, records: list[Any], url: str, asked: Mapping[str, str]) -> Reply:
        size, headers = len(self.pages[0]), dict(self.shape.headers)
        number, leads_on = start // size, start + size < len(self.all)
        following = f"{url}?{urlencode({**asked, _MARK: number + 1})}"
        if "Link" in headers:
            headers["Link"] = f'<{following}>; rel="next"' if leads_on else f'<{url}>; rel="prev"'
        body = deepcopy(self.shape.body)
        lead = self.steps or ()
        for sign, document in self._signs(body, lead):
            value = self._value(sign, number, leads_on, following)
            if sign.is_header and sign.place in headers:
                headers[sign.place] = "" if value is None else str(value)
            elif not sign.is_header:
                _put(document, sign.place, value)
        for pagination in self.shape.pagination:
            where = pagination.get("value", pagination.get("path"))
            if isinstance(where, str) and pagination.get("from") != "last_record":
                lead_value = following if pagination["type"] == "next_url" else f"t~{number + 1}"
                _put(body, where, lead_value if leads_on else None)
        return Reply(_with(body, lead, records), headers=headers)

    def _signs(self, body: Any, lead: tuple[str, ...]) -> Iterator[tuple[Sign, Any]]:
        said = announced(200, self.shape.headers, body, lead)
        yield from ((sign, body) for sign in said.signs if sign.kind != "link")

    def _value(self, sign: Sign, number: int, leads_on: bool, following: str) -> Any:
        match sign.kind:
            case "records":
                return len(self.all)
            case "pages":
                return PAGES
            case "number":
                return number + 2 if leads_on else None
            case "flag":
                return leads_on if truth(sign.value) else not leads_on
            case "url":
                return following if leads_on else None
            case _:
                return f"t~{number + 1}" if leads_on else None


def _page(records: list[Any], number: int) -> list[Any]:
    """The records of a later page: what tells those of the first apart has other values."""
    if not all(isinstance(record, dict) for record in records):
        return [f"{record}-{number}" for record in records]
    names = [name for name in records[0] if _tells_apart([record.get(name) for record in records])]
    inner = [name for name in records[0] if all(isinstance(record.get(name), dict) for record in records)]
    moved = [{**record, **{name: _moved(record[name], number) for name in names}} for record in records]
    for name in inner:
        for record, value in zip(moved, _page([record[name] for record in records], number), strict=True):
            record[name] = value
    number_of = next((name for name, value in records[0].items() if isinstance(value, int)), None)
    if names or inner or number_of is None:
        return moved
    return [{**record, number_of: _moved(record[number_of], number)} for record in records]


def _tells_apart(values: list[Any]) -> bool:
    is_plain = all(isinstance(value, str | int) and not isinstance(value, bool) for value in values)
    return is_plain and len(set(values)) == len(values) and not any(_TIME.fullmatch(str(value)) for value in values)


def _moved(value: Any, number: int) -> Any:
    return value + 1000 * number if isinstance(value, int) else f"{value}{f'-{number}' if number else ''}"


def _put(document: Any, place: str, value: Any) -> None:
    steps = compile_path(place).steps if place.startswith("$") else None
    for step in (steps or ())[:-1]:
        if not isinstance(document.get(step) if isinstance(document, dict) else None, dict):
            return
        document = document[step]
    if steps and isinstance(document, dict):
        document[steps[-1]] = value


def _with(document: Any, lead: tuple[str, ...], records: list[Any]) -> Any:
    """The document with these records at the root; they may be the document."""
    if not lead:
        return records
    inner = document
    for step in lead[:-1]:
        inner = inner[step]
    inner[lead[-1]] = records
    return document
