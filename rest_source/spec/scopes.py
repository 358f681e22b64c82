"""Where a template has a value: what an endpoint's keys give to the templates of its requests and of its SQL."""

from typing import TYPE_CHECKING, Any

from rest_source.spec.base import Location, nearest
from rest_source.spec.braces import placeholders
from rest_source.spec.combinations import Found, request_texts, texts
from rest_source.spec.pagination import Cursor
from rest_source.spec.partitions import MultiPartitions, has_windows
from rest_source.spec.sql import sql_names
from rest_source.spec.template import POSITIONS, Named, names, parse

if TYPE_CHECKING:
    from rest_source.spec.endpoint import EndpointSpec

_NEEDED = {
    "partition": "a partitioned asset, `partitions_def`",
    "window": "`incremental`",
    "parent": "`parent`",
    "cursor": "`incremental`, or a cursor pagination with `in: path`",
    "login": "a later step of a login",
}
"""What gives a family of templates its values."""
_RENDERED = ("initial", "until", "step", "lookback")
"""The keys of `incremental` in which templates work."""


def without_value(endpoint: "EndpointSpec") -> Found:
    """The templates of an endpoint that nothing gives a value to, and braces that are taken for one: where, and why."""
    for loc, text in request_texts(endpoint):
        for name in names(text):
            yield from _unknown(endpoint, loc, name)
    yield from _sql(endpoint)
    yield from _positions(endpoint)
    yield from _placeholders(endpoint)
    yield from _names(endpoint)
    yield from _elsewhere(endpoint)


def _unknown(endpoint: "EndpointSpec", loc: Location, name: str) -> Found:
    family, available = name.split(".", maxsplit=1)[0], _available(endpoint)
    if family not in _NEEDED:
        return
    if family not in available:
        yield loc, f"`{{{name}}}` needs {_NEEDED[family]}, which this endpoint does not have"
    elif available[family] is not None and name not in available[family]:
        there = sorted(available[family])
        yield loc, f"`{{{name}}}` has no value here; there is {', '.join(there)}.{nearest(name, there)}"


def _available(endpoint: "EndpointSpec") -> dict[str, Any]:
    """The families of templates that have values, and their names where those are known."""
    available: dict[str, Any] = {}
    pagination, partitions, parent = endpoint.pagination, endpoint.partitions_def, endpoint.parent
    if endpoint.incremental or (isinstance(pagination, Cursor) and pagination.place == "path"):
        available["cursor"] = None
    if endpoint.incremental:
        available["window"] = {"window.start", "window.end"}
    if partitions is not None:
        dimensions = partitions.dimensions if isinstance(partitions, MultiPartitions) else ()
        bounds = {"partition.start", "partition.end"} if has_windows(partitions) else set()
        available["partition"] = {"partition.key", *bounds, *(f"partition.{name}" for name in dimensions)}
    if parent is not None:
        available["parent"] = {f"parent.{name}" for name in parent.values} if parent.values else None
    return available


def _sql(endpoint: "EndpointSpec") -> Found:
    """Templates of `where` and `query`, which choose the parents before any of them is asked for."""
    for key in ("where", "query"):
        for name in sql_names(getattr(endpoint.parent, key, None) or ""):
            if name == "now" or name.split(".")[0] in ("partition", "env"):
                yield from _unknown(endpoint, ("parent", key), name)
            else:
                told = (
                    "where parents are chosen; there is {now}, {env.NAME} and, with `partitions_def`, {partition.key}"
                )
                yield ("parent", key), f"`{{{name}}}` has no value {told}"


def _positions(endpoint: "EndpointSpec") -> Found:
    """Templates of the place of a page where there is none, and a pagination whose place is in no template."""
    pagination = endpoint.pagination
    there = pagination.positions() if pagination.in_template else ()
    found = [(loc, name) for loc, text in request_texts(endpoint) for name in _position_names(text)]
    for loc, name in found:
        if there and name not in there and loc[0] != "body":
            yield loc, f"`{{{name}}}` has no value here; `{pagination.type}` has {', '.join(there)}"
        elif not there and loc[0] != "body" and not _is_cursor_in_path(endpoint, name):
            yield loc, f"`{{{name}}}` needs a `pagination` with `in: template`"
    if there and there[0] not in {name for _, name in found}:
        message = f"`in: template` needs `{{{there[0]}}}` where the position goes: in path, params, headers or body"
        yield ("pagination", "in"), message


def _position_names(text: str) -> list[str]:
    return [part.name for part in parse(text, POSITIONS) if isinstance(part, Named) and part.name in POSITIONS]


def _is_cursor_in_path(endpoint: "EndpointSpec", name: str) -> bool:
    pagination = endpoint.pagination
    return isinstance(pagination, Cursor) and pagination.place == "path" and pagination.param == name


def _placeholders(endpoint: "EndpointSpec") -> Found:
    """Braces of a path that nothing replaces: `/users/{id}` would be asked for as it stands."""
    pagination = endpoint.pagination
    known = (str(pagination.param),) if isinstance(pagination, Cursor) and pagination.place == "path" else ()
    for written, meant in placeholders(endpoint.path, known):
        field = written[1:-1].strip() or "id"
        remedy = f"Did you mean {meant}?" if meant else f"Write {{parent.{field}}} and a `parent`, or {{env.NAME}}"
        yield ("path",), f"`{written}` is not a template and would be sent as it is. {remedy}"


def _names(endpoint: "EndpointSpec") -> Found:
    """Templates in names, which are sent as they are written."""
    for key in ("params", "headers", "form"):
        for name in getattr(endpoint, key) or ():
            if names(name) or "{{" in name:
                yield (key, name), f"the name `{name}` is not rendered; templates work in values only"


def _elsewhere(endpoint: "EndpointSpec") -> Found:
    """Templates in keys that say how answers are read, which are taken as they are written."""
    keys = ("data_root", "key_column", "record_columns", "pagination", "primary_key", "exclude", "incremental")
    written = endpoint.model_dump(mode="json", by_alias=True, include={*keys})
    for loc, text in texts(written):
        if loc[:1] == ("incremental",) and loc[-1] in _RENDERED:
            continue
        if names(text) or "{{" in text:
            yield loc, f"`{text}` is not rendered here; templates work in requests only"
