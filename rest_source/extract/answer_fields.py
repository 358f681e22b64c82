"""The fields of an answer in which APIs speak of pages: its headers, and what is around its records."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from rest_source.extract.page_words import ASIDE, LIMITS, NEXT, WRAPPERS, words
from rest_source.spec.jsonpath import step_to

Way = tuple[str | int, ...]
"""The keys and indices that lead to the records."""
_FIELDS = 100
"""Fields of one object that are looked at; one with more is a map whose keys are data."""
_DEPTH = 3
_IN_HEADERS = {"total", "count", "pages", "page", "next", "more", "continuation", "pagination"}


@dataclass(frozen=True, slots=True)
class AnswerField:
    """A field, or a header, with its JSONPath or its name; a number that `is_least` is a lower bound."""

    path: str
    name: str
    value: Any
    is_header: bool = False
    is_least: bool = False


def is_bound(total: Any) -> bool:
    """Whether a total says of itself that there may be more, as Elasticsearch's does beyond 10,000."""
    return isinstance(total, dict) and total.get("relation") in ("gte", "GREATER_THAN_OR_EQUAL_TO")


def of_headers(headers: Mapping[str, str]) -> Iterator[AnswerField]:
    """The headers that may speak of pages."""
    for name, value in headers.items():
        used = set(words(name))
        if used & LIMITS or not used & _IN_HEADERS:
            continue
        if value.lstrip().startswith("{"):  # X-Pagination of ASP.NET: an object with totals
            document = _parsed(value)
            yield from (replace(field, path=name, is_header=True) for field in around(document, ()))
        else:
            yield AnswerField(name, name, value, is_header=True)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def around(document: Any, lead: Way) -> list[AnswerField]:
    """The fields of the objects on the way to the records, and of the objects beside those that speak of pages."""
    return sorted(
        _walk(*_into(document, "$", lead), 0), key=lambda field: field.path.count(".") + field.path.count("[")
    )


def _into(value: Any, path: str, lead: Way) -> tuple[Any, str, Way]:
    """The member of a list to which the indices lead with which the way goes on."""
    while lead and isinstance(lead[0], int):
        index, lead, path = lead[0], lead[1:], f"{path}[{lead[0]}]"
        value = value[index] if isinstance(value, list) and -len(value) <= index < len(value) else None
    return value, path, lead


def _walk(value: Any, path: str, lead: Way, depth: int) -> Iterator[AnswerField]:
    if not isinstance(value, dict):
        return
    for name, item in islice(value.items(), _FIELDS):
        here = path + step_to(name)
        if lead[:1] == (name,):
            inner, there, rest = _into(item, here, lead[1:])
            yield from _walk(inner, there, rest, depth) if rest else ()
        elif isinstance(item, dict):
            yield from _inside(item, here, name, depth)
        elif isinstance(item, list):
            yield from _listed(item, here, name)
        else:
            yield AnswerField(here, name, item)


def _inside(item: dict[str, Any], path: str, name: str, depth: int) -> Iterator[AnswerField]:
    """The fields of an object: a link with its target, a total with its value, or what speaks of pages."""
    used = set(words(name))
    for key in ("href", "url", "uri", "link"):
        if "next" in used and isinstance(item.get(key), str):
            yield AnswerField(path + step_to(key), "next", item[key])
            return
    if used == {"next"}:
        yield from _next_request(item, path)
        return
    if "total" in used and "value" in item:  # Elasticsearch: {"value": 640, "relation": "eq"}
        yield AnswerField(path + step_to("value"), "total", item["value"], is_least=is_bound(item))
    elif "shards" in used and isinstance(item.get("failed"), int):  # Elasticsearch: a part of the index did not answer
        yield AnswerField(path + step_to("failed"), "failed shards", item["failed"])
    elif "continue" in used:  # MediaWiki: an object of parameters
        yield from (
            AnswerField(path + step_to(key), "continue", value) for key, value in item.items() if key != "continue"
        )
    elif {"evaluated", "key"} <= used and item:  # DynamoDB: the key of the last record as an object
        yield AnswerField(path, name, json.dumps(item))
    elif used & WRAPPERS and depth < _DEPTH:
        yield from _walk(item, path, (), depth + 1)


def _next_request(item: dict[str, Any], path: str) -> Iterator[AnswerField]:
    """The parameters of the next request; an object with other fields too is the next record of something."""
    used = {word for key in item for word in words(key)}
    if used <= NEXT | ASIDE | LIMITS and not used <= {"id", "key", "name", "number", "path"}:
        yield from (AnswerField(path + step_to(key), f"next {key}", value) for key, value in item.items())


def _listed(items: list[Any], path: str, name: str) -> Iterator[AnswerField]:
    """Links as a list: each with its relation, or those under `next`."""
    is_next = "next" in words(name)
    for index, item in enumerate(islice(items, _FIELDS)):
        if not isinstance(item, dict) or not (place := f"[{index}]" if is_next else _relation(item)):
            continue
        for key in ("href", "url", "uri", "link"):
            if isinstance(item.get(key), str):
                yield AnswerField(f"{path}{place}{step_to(key)}", "next", item[key])


def _relation(item: dict[str, Any]) -> str | None:
    """The filter that selects the link to the next page, if `item` is it; FHIR says `relation`, Siren a list."""
    for key in ("rel", "relation"):
        relation = item.get(key)
        if isinstance(relation, list) and relation and relation[0] == "next":
            return f"[?(@.{key}[0] == 'next')]"
        if isinstance(relation, str) and relation.lower() == "next":
            return f"[?(@.{key} == '{relation}')]"
    return None
