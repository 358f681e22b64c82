"""The changes of a file that a message names, read from its text and made in the file."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import yaml

from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.pagination import Pagination
from rest_source.spec.source import SourceSpec

Keys = dict[str, Any]

_SPAN = re.compile(r"`([^`]+: [^`]+)`|\bpagination: (\{(?:[^{}]|\{[^{}]*\})*\})")
_OPEN = re.compile(r"…|\.\.\.|\b(FILE|KEY|NAME)\b")
"""What a person has to fill in."""


def changes(text: str) -> Iterator[tuple[Keys, bool]]:
    """Each change of a file that a message names, and whether only on a condition; `a` and `b` are one change.

    What only silences a check is none.
    """
    for sentence in re.split(r"(?<=[.;])\s+", text):
        on_condition = bool(re.search(r"\b[Ii]f\b|\bwhere\b", sentence))
        yield from ((change, on_condition) for change in _joined(sentence))


def _joined(sentence: str) -> Iterator[Keys]:
    end, change = 0, Keys()
    for span in _SPAN.finditer(sentence):
        named = None if _OPEN.search(span[0]) else yaml.safe_load(span[1] or f"pagination: {span[2]}")
        if not isinstance(named, dict) or not _is_of_a_file(named):
            continue
        if change and sentence[end : span.start()] != " and ":
            yield change
            change = Keys()
        end, change = span.end(), {**change, **named}
    if change:
        yield change


def mended(source: Keys, endpoint: Keys, change: Keys) -> tuple[Keys, Keys]:
    """The keys of a source and of its endpoint after a change; a pagination of another type takes the place."""
    source, endpoint = dict(source), dict(endpoint)
    for key, value in change.items():
        if key in _names(EndpointSpec):
            holder = endpoint
        elif key in _PAGING:
            holder, key, value = endpoint, "pagination", {key: value}  # noqa: PLW2901
        else:
            holder = source
        known = holder.get(key)
        if isinstance(known, dict) and isinstance(value, dict) and "type" not in value:
            value = {**known, **value}  # noqa: PLW2901
        holder[key] = value
    return source, endpoint


def _names(model: Any) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


_PAGING = {name for kind in get_args(get_args(Pagination)[0]) for name in _names(kind)} - {"type"}


def _is_of_a_file(change: Keys) -> bool:
    return change.keys() <= (_names(EndpointSpec) | _names(SourceSpec) | _PAGING) - {"checks"}
