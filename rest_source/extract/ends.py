"""The ends of a series that every pagination of several pages knows, and where a position goes in a request."""

from collections.abc import Sequence
from typing import Any

from rest_source.extract.announced import truth
from rest_source.extract.page import BodyPath, PageRequest, Response, Stop
from rest_source.spec.jsonpath import MISSING
from rest_source.spec.pagination import Paged
from rest_source.spec.places import ParamName

PAST_END = (400, 404, 416, 422)
"""Statuses with which APIs answer a request for a page that they do not have."""


def declared_end(spec: Paged, response: Response) -> Stop | None:
    """The end that a flag in the answer declares, or an empty page where the file says so."""
    if spec.has_more is not None and _flag(spec.has_more, response) is False:
        return Stop("has_more_false")
    if spec.done is not None and _flag(spec.done, response) is True:
        return Stop("done")
    return Stop("empty_page") if spec.stop_on_empty_page and response.count == 0 else None


def says_more(spec: Paged, response: Response) -> bool:
    """Whether a flag that the file names says that there is more."""
    more = _flag(spec.has_more, response) if spec.has_more is not None else None
    done = _flag(spec.done, response) if spec.done is not None else None
    return more is True or done is False


def is_short(count: int, largest: int, size: int | None = None) -> bool:
    """Whether a page has fewer records than a full one: than its size, where that is known, or than an earlier one."""
    return count < (largest if size is None else size)


def placed(place: str, sent: Sequence[tuple[ParamName, str, Any]], alone: bool = False) -> PageRequest:
    """The request with values in their place: each with its parameter's name and its template's."""
    named = {str(name): value for name, _, value in sent}
    match place:
        case "query":
            return PageRequest(query=named, alone=alone)
        case "header":
            return PageRequest(headers=named, alone=alone)
        case "path":
            return PageRequest(path=named, alone=alone)
        case "template":
            return PageRequest(positions={template: value for _, template, value in sent}, alone=alone)
        case _:
            return PageRequest(body=tuple((_steps(name), value) for name, _, value in sent), alone=alone)


def _steps(name: ParamName) -> BodyPath:
    return name if isinstance(name, tuple) else tuple(name.split("."))


def _flag(where: Any, response: Response) -> bool | None:
    value = response.find(where)
    return None if value is MISSING else truth(value)
