"""Suggestions as YAML: every key with the reason for it, in a file of its own or within another's endpoints."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from rest_source.spec.base import flow
from rest_source.spec.file import COMPONENT_TYPE
from rest_source.suggest.draft import Draft
from rest_source.suggest.finding import Finding
from rest_source.suggest.suggestion import Suggestion
from rest_source.suggest.vocabulary import PAGE_PARAMS, TOKEN_PARAMS


def file_text(draft: Draft, endpoints: Sequence[str], head: Sequence[str] = ()) -> str:
    """A file with the source of a draft and the lines of its endpoints."""
    lines = [*head, f"type: {COMPONENT_TYPE}", "attributes:"]
    lines += [f"  {key}: {flow(value)}" for key, value in draft.source.items()]
    return "\n".join([*lines, "  endpoints:", *(f"    {line}".rstrip() for line in endpoints), ""])


def endpoint_lines(suggestion: Suggestion, draft: Draft) -> list[str]:
    """The endpoint as an item of `endpoints`, without indentation; each finding in a comment above its key."""
    lines: list[str] = []
    comments = {
        "params": _later(suggestion.endpoint(draft).get("params", {})),
        "data_root": [_told("data_root", suggestion.roots[0])],
        "pagination": [_told("pagination", suggestion.pagination)],
        "primary_key": [_told("primary_key", suggestion.primary_key)] if suggestion.primary_key else [],
    }
    for key, value in suggestion.endpoint(draft).items():
        lines += [f"# {line}" for line in comments.pop(key, [])]
        lines.append(f"{key}: {flow(value)}")
    lines += [f"# {line}" for line in _left_over(suggestion, comments)]
    return [f"- {lines[0]}", *(f"  {line}" for line in lines[1:])]


def _left_over(suggestion: Suggestion, comments: Mapping[str, Sequence[str]]) -> list[str]:
    """What is not written as a key: guesses, what else there is to choose from, and what is only good to know."""
    told = [line for lines in comments.values() for line in lines]
    pagination, key, cursor = suggestion.pagination, suggestion.primary_key, suggestion.cursor
    if not suggestion.paginates and pagination.value["type"] != "none":
        told.append(f"pagination: {flow(dict(pagination.value))}")
    if key and key.confidence == "low":
        told.append(f"primary_key: {flow(list(key.value))}")
    if not key:
        told.append("primary_key: none found; records are told apart by all their fields")
    for root in suggestion.roots[1:]:
        told.append(f"data_root: {root.value.path} would be {root.reason}")
    if suggestion.page_size:
        name, size = suggestion.page_size.value
        told.append(f"{_told('page size', suggestion.page_size)}: `{name}`, {size} here")
    if cursor:
        told += [_told("incremental", cursor), f"incremental: {flow({'cursor': cursor.value})}"]
        told.append('params: {NAME: "{cursor}"}, with the NAME by which the API takes it, so that it sends what is new')
    for array in suggestion.arrays:
        told.append(f"nested: split would make a table of `{array.value}` ({array.confidence}: {array.reason})")
    return [_plain(line) for line in told]


def _later(params: Mapping[str, Any]) -> list[str]:
    """What the parameters leave out, where they ask for a page that is not the first and no pagination sends it."""
    pages = [name for name in params if name in PAGE_PARAMS and isinstance(params[name], int) and params[name] > 1]
    named = [f"`{name}`" for name in (*pages, *(name for name in params if name in TOKEN_PARAMS))]
    told = f"The URL begins at a later page ({', '.join(named)}): what is before it is not loaded."
    return [_plain(told)] if named else []


def _told(what: str, found: Finding[Any]) -> str:
    return _plain(f"{what}, {found.confidence}: {found.reason}")


def _plain(text: str) -> str:
    """A text as a comment: on one line, and without what YAML does not take."""
    return "".join(char if char.isprintable() else " " for char in text)


def insert_endpoint(text: str, endpoint: Sequence[str]) -> str | None:
    """The text of a file with one more endpoint at the end of its list, and nothing else changed.

    None where the list is not written as lines that begin with a dash.
    """
    endpoints = _endpoints(text)
    if endpoints is None or endpoints.flow_style or not endpoints.value:
        return None
    indent = " " * endpoints.start_mark.column
    lines = text.splitlines()
    at = min(int(endpoints.end_mark.line), len(lines))
    while at > 0 and _is_outside(lines[at - 1], len(indent)):
        at -= 1
    added = [f"{indent}{line}" for line in endpoint]
    return "\n".join([*lines[:at], "", *added, *lines[at:], ""])


def _is_outside(line: str, indent: int) -> bool:
    """Whether a line behind the list is not a part of its last endpoint."""
    stripped = line.lstrip()
    return not stripped or (stripped.startswith("#") and len(line) - len(stripped) < indent)


def _endpoints(text: str) -> yaml.SequenceNode | None:
    for document in yaml.compose_all(text, Loader=yaml.CSafeLoader):
        attributes = _value(document, "attributes")
        found = _value(attributes, "endpoints") if attributes else None
        if isinstance(found, yaml.SequenceNode):
            return found
    return None


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)
