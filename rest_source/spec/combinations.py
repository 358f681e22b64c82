"""What goes with what in an endpoint: the combinations that cannot work, each with the reason."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rest_source.spec.base import Location
from rest_source.spec.jsonpath import compile_path
from rest_source.spec.names import PARTITION
from rest_source.spec.pagination import Cursor
from rest_source.spec.partitions import MultiPartitions, has_windows
from rest_source.spec.template import Named, instants, names, parse

if TYPE_CHECKING:
    from rest_source.spec.endpoint import EndpointSpec

REQUEST_KEYS = ("path", "query", "params", "headers", "body", "form")
"""The keys of an endpoint that make its requests, where templates may stand."""
Found = Iterator[tuple[Location, str]]


def combinations(endpoint: "EndpointSpec") -> Found:
    """The combinations of an endpoint that cannot work: where, and why."""
    yield from _requests(endpoint)
    yield from _deletes(endpoint)
    yield from _increments(endpoint)
    yield from _partitions(endpoint)
    yield from _keys(endpoint)
    yield from _cap(endpoint)
    yield from _changed_parents(endpoint)


def texts(value: Any, loc: Location = ()) -> list[tuple[Location, str]]:
    """Every string in a nested value, with its location."""
    if isinstance(value, str):
        return [(loc, value)]
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in texts(item, (*loc, key))]
    if isinstance(value, list | tuple):
        return [found for index, item in enumerate(value) for found in texts(item, (*loc, index))]
    return []


def request_texts(endpoint: "EndpointSpec") -> list[tuple[Location, str]]:
    """Every string of an endpoint's requests, with its location."""
    return [found for key in REQUEST_KEYS for found in texts(getattr(endpoint, key), (key,))]


def used(endpoint: "EndpointSpec") -> set[str]:
    """The names of the templates in an endpoint's requests."""
    return {name for _, text in request_texts(endpoint) for name in names(text)}


def shifts_cursor(endpoint: "EndpointSpec") -> bool:
    """Whether a request has the cursor as a time: `{cursor-1d}`, `{cursor:epoch}`."""
    return any(part.name == "cursor" for _, text in request_texts(endpoint) for part in instants(text))


def opens_with_cursor(endpoint: "EndpointSpec") -> bool:
    """Whether the path begins with the cursor, which is a link then."""
    first = next(iter(parse(endpoint.path)), None)
    return endpoint.incremental is not None and isinstance(first, Named) and first.name == "cursor"


def _requests(endpoint: "EndpointSpec") -> Found:
    if endpoint.body is not None and endpoint.form is not None:
        yield ("form",), "`body` and `form` exclude each other: a request has one body"
    if endpoint.query is not None and endpoint.params:
        yield ("query",), "`query` and `params` exclude each other: write all of it into `query`, or all into `params`"
    if endpoint.method == "GET" and endpoint.form is not None:
        yield ("form",), "`form` needs `method: POST`"
    if getattr(endpoint.pagination, "place", None) == "body":
        if endpoint.method == "GET" and endpoint.body is None:
            yield ("pagination", "in"), "`in: body` needs `method: POST`, or a `body` that is sent with GET"
        elif endpoint.body is not None and not isinstance(endpoint.body, dict):
            yield ("body",), "`in: body` needs a mapping as `body` to put the page into"
    if endpoint.record_columns is not None:
        if endpoint.key_column is not None:
            yield ("record_columns",), "`record_columns` names the places of arrays, `key_column` the keys of a map"
        elif compile_path(endpoint.data_root).base is None:
            yield ("record_columns",), "`record_columns` needs a `data_root` that is a plain path to the rows"
    if endpoint.key_column is not None and not endpoint.data_root.endswith((".*", "[*]")):
        yield ("key_column",), "`key_column` needs a `data_root` that ends with `.*` or `[*]`, the map's values"


def _deletes(endpoint: "EndpointSpec") -> Found:
    """Why rows that a load does not return cannot be taken for deleted."""
    if endpoint.deletes is None:
        return
    if endpoint.write != "merge":
        yield ("deletes",), f"`deletes: mark` needs `write: merge`; `write: {endpoint.write}` has no rows to mark"
    if endpoint.incremental:
        yield ("deletes",), "`deletes: mark` needs loads of all records; `incremental` reads the new ones"
    if endpoint.partitions_def:
        yield ("deletes",), "`deletes: mark` has nothing to do: a load of a partition replaces all of its rows"
    if endpoint.parent and endpoint.parent.changed:
        yield ("deletes",), "`deletes: mark` needs loads of all records; `changed` asks for some parents only"
    for loc, text in request_texts(endpoint):
        for part in instants(text):
            if part.name == "now" and part.count < 0:
                yield loc, f"`deletes: mark` needs a request for all records, not for those since `{part.name}-…`"


def _increments(endpoint: "EndpointSpec") -> Found:
    if endpoint.incremental is None:
        return
    if endpoint.write == "replace":
        yield ("write",), "`write: replace` would leave the new records only; `incremental` needs merge or append"
    if endpoint.incremental.written_step and not used(endpoint) & {"window.start", "window.end"}:
        yield ("incremental", "step"), "`step` needs {window.start} and {window.end} in the request"
    if endpoint.parent and endpoint.parent.batch:
        yield ("parent", "batch"), "`batch` asks for several parents at once, and `incremental` keeps a cursor for each"
    if endpoint.incremental.initial is None:
        yield from _without_start(endpoint)


def _without_start(endpoint: "EndpointSpec") -> Found:
    """Texts that a first load, which has no cursor, cannot render; where a template stands alone, it is left out."""
    in_path = isinstance(endpoint.pagination, Cursor) and endpoint.pagination.place == "path"
    for loc, text in request_texts(endpoint):
        name = min({"cursor", "window.start"}.intersection(names(text)), default=None)
        if name and (len(parse(text)) > 1 or loc == ("path",)) and not (in_path and loc == ("path",)):
            where = "within a text" if len(parse(text)) > 1 else "as a path"
            yield loc, f"`{{{name}}}` {where} needs `initial` in `incremental`: the first load has no cursor yet"


def _partitions(endpoint: "EndpointSpec") -> Found:
    partitions = endpoint.partitions_def
    if partitions is None:
        if endpoint.requests == "range":
            yield ("requests",), "`requests: range` needs `partitions_def`"
        return
    if endpoint.requests == "range" and not endpoint.primary_key:
        yield ("requests",), "`requests: range` needs `primary_key`: overlapping ranges would hold a record twice"
    if endpoint.requests == "range" and (isinstance(partitions, MultiPartitions) or not has_windows(partitions)):
        yield ("requests",), "`requests: range` needs partitions of time, and of nothing else"


def _keys(endpoint: "EndpointSpec") -> Found:
    if PARTITION not in endpoint.primary_key:
        return
    if endpoint.partitions_def is None:
        yield ("primary_key",), f"`{PARTITION}` in a key needs `partitions_def`; rows of other assets have none"
    elif len(endpoint.primary_key) == 1:
        yield ("primary_key",), f"`{PARTITION}` alone would keep one row of each partition; write it beside a field"
    elif endpoint.requests == "range":
        yield ("primary_key",), f"`requests: range` needs a key without `{PARTITION}`: ranges may overlap"


def window_names(endpoint: "EndpointSpec") -> tuple[str, str]:
    """The templates between which an endpoint is asked for a stretch of time: that of `incremental`, or a partition."""
    family = "window" if used(endpoint) & {"window.start", "window.end"} else "partition"
    return f"{family}.start", f"{family}.end"


def _cap(endpoint: "EndpointSpec") -> Found:
    if endpoint.cap is None:
        return
    if not used(endpoint).issuperset(window_names(endpoint)):
        bounds = "{window.start} and {window.end}, or {partition.start} and {partition.end}"
        yield ("cap",), f"`cap` needs {bounds}, in the request: only a stretch of time can be split"
    elif endpoint.incremental and window_names(endpoint)[0] == "window.start" and endpoint.incremental.initial is None:
        yield ("cap",), "`cap` needs `initial` in `incremental`, where the first window begins"


def _changed_parents(endpoint: "EndpointSpec") -> Found:
    """Why a load that asks for some parents only cannot stand for all of them."""
    if endpoint.parent is None or not endpoint.parent.changed:
        return
    if endpoint.write == "replace":
        yield (
            ("write",),
            "`write: replace` would leave the records of changed parents only; `changed` needs merge or append",
        )
    if endpoint.partitions_def:
        yield (
            ("parent", "changed"),
            "a partition is loaded as a whole, for all parents; `changed` leaves most of them out",
        )
