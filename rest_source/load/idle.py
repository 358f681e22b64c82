"""What an endpoint's keys do nothing for: no mistake that must stop a load, but hardly what was meant."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import chain
from typing import Any

from rest_source.spec.base import normalise
from rest_source.spec.combinations import used
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.partitions import has_windows


def idle(endpoint: EndpointSpec, records: Sequence[Mapping[str, Any]]) -> list[str]:
    """A warning for each key that changes neither the requests nor these records, as the API sent them."""
    return [*_unasked(endpoint), *(_unmatched(endpoint, records) if records else ())]


def _unasked(endpoint: EndpointSpec) -> Iterator[str]:
    """Keys that make a difference only where the request has their templates."""
    asked, incremental, parent = used(endpoint), endpoint.incremental, endpoint.parent
    moves = asked & {"cursor", "window.start", "window.end"} or endpoint.partitions_def
    if incremental and incremental.order != "desc" and not moves:
        yield (
            "`incremental` asks for nothing less: every load reads all records, as the request has no {cursor}. Write "
            'it where the API takes it, such as `params: {updated_since: "{cursor}"}`.'
        )
    if endpoint.partitions_def and not any(name.startswith("partition.") for name in asked):
        template = "{partition.start}" if has_windows(endpoint.partitions_def) else "{partition.key}"
        yield (
            "`partitions_def` repeats one request for each partition, as the request has none of its templates. Write "
            f'one where the API takes it, such as `params: {{from: "{template}"}}`.'
        )
    if parent and not any(name.startswith("parent.") for name in asked):
        field = next(iter(parent.values or parent.include or ("id",)))
        yield (
            "`parent` repeats one request for each of its rows, as the request has no field of it. Write one, such as "
            f"`path: {endpoint.path}/{{parent.{field}}}`."
        )


def _unmatched(endpoint: EndpointSpec, records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Fields that the file names and none of the records has."""
    paths = set(chain.from_iterable(_paths(record) for record in records))
    own = {f"parent_{name}" for name in (endpoint.parent.include if endpoint.parent else ())}
    columns = paths | own | set(map(normalise, paths | own))
    for path in endpoint.exclude:
        if (name := path.removeprefix("$.")) not in paths:
            yield f"`exclude` finds no `{name}` in the records read here, and drops nothing.{_nearest(name, paths)}"
    for name in endpoint.columns:
        if name not in columns:
            yield f"`columns` finds no `{name}` in the records read here.{_nearest(name, paths)}"


def _paths(value: Any, above: str = "") -> Iterator[str]:
    """The dotted path of each field, through objects and lists."""
    if isinstance(value, list):
        for item in value:
            yield from _paths(item, above)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield above + name
            yield from _paths(item, f"{above}{name}.")


def _nearest(name: str, paths: set[str]) -> str:
    spelled = {path.lower(): path for path in sorted(paths)}
    near = get_close_matches(name.lower(), spelled, n=1, cutoff=0.6)
    return f" Did you mean `{spelled[near[0]]}`?" if near else ""
