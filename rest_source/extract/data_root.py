"""The data root: which parts of a response are the records."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rest_source.errors import RestSourceError
from rest_source.extract.document import LongNumber
from rest_source.spec.base import free_name
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.jsonpath import JsonPath, compile_path, step_to

Record = dict[str, Any]
_ERROR_KEYS = ("error", "errors", "error_message", "fault")


@dataclass(frozen=True, slots=True)
class DataRoot:
    """Selects the records of a page by the rules of an endpoint."""

    path: JsonPath
    optional: bool
    key_column: str | None
    exclude: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, endpoint: EndpointSpec) -> "DataRoot":
        """The data root of an endpoint."""
        exclude = tuple(tuple(path.removeprefix("$.").split(".")) for path in endpoint.exclude)
        return cls(compile_path(endpoint.data_root), endpoint.data_root_optional, endpoint.key_column, exclude)

    def records(self, document: Any, first_page: bool) -> list[Record]:
        """The records in a document, in its order.

        An object is one record, a scalar becomes `{"value": …}`, null is none. On the first page a root
        that is not there is an error; later it is an empty page.
        """
        matches = self._matches(document)
        expected = first_page and document is not None and not self.optional
        if not matches and expected and not self.path.reaches(document):
            raise _no_match(self.path.text, document)
        return [record for match in matches for record in _as_records(match)]

    def doubts(self, document: Any, first_page: bool) -> list[str]:
        """A warning where a later page is taken for an empty one though it speaks of an error."""
        if first_page or not isinstance(document, dict) or self.path.reaches(document):
            return []
        return [
            f"A page without the data root {self.path.text} was taken for an empty one, but it holds `{key}`: "
            f"{document[key]}. If that is an error, add `on_error: [{{json: $.{key}, do: fail}}]`."
            for key in _ERROR_KEYS
            if document.get(key) not in (None, False, "", [], {})
        ][:1]

    def without_excluded(self, records: list[Record]) -> list[Record]:
        """The records without the fields that must not be stored; the document keeps them for the pager."""
        for path in self.exclude:
            records = [_without(record, path) for record in records]
        return records

    def _matches(self, document: Any) -> list[Any]:
        if self.key_column is None:
            return self.path.find(document)
        return [
            with_fields(record, {self.key_column: key})
            for key, match in self.path.keyed(document)
            for record in _as_records(match)
        ]


def with_fields(record: Record, fields: Mapping[str, Any]) -> Record:
    """The record with fields of ours before its own; one of the same name moves to `_2`, or the next that is free."""
    if fields.keys().isdisjoint(record):
        return {**fields, **record}
    taken = {*fields, *record}
    return {**fields, **{free_name(name, taken) if name in fields else name: value for name, value in record.items()}}


def _as_records(match: Any) -> list[Record]:
    items = match if isinstance(match, list) else [match]
    if set(map(type, items)) == {dict}:
        return items
    return [item if isinstance(item, dict) else {"value": item} for item in items if item is not None]


def _without(value: Any, path: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_without(item, path) for item in value]
    if not isinstance(value, dict):
        return value
    whole = ".".join(path)
    value = {key: item for key, item in value.items() if key != whole}
    for steps in range(1, len(path)):  # a name may hold dots
        if (name := ".".join(path[:steps])) in value:
            value[name] = _without(value[name], path[steps:])
    return value


def find_roots(document: Any, limit: int = 5) -> list[tuple[str, str]]:
    """Where records may lie, best first: (JSONPath, what is there)."""
    found = sorted(_lists(document, "$", 0), key=lambda root: (-root[2], root[3]))
    roots = [(path, f"{count} {what}") for path, what, count, _ in found[:limit]]
    return roots or ([("$", "one object")] if isinstance(document, dict) else [])


def _lists(value: Any, path: str, depth: int) -> Iterator[tuple[str, str, int, int]]:
    if isinstance(value, list):
        objects = sum(isinstance(item, dict) for item in value)
        yield path, "objects" if objects == len(value) else "values", len(value), depth
    elif isinstance(value, dict) and depth < 6:
        for key, item in value.items():
            yield from _lists(item, path + step_to(key), depth + 1)


def _no_match(path: str, document: Any) -> RestSourceError:
    roots = find_roots(document)
    listed = "; ".join(f"{found} ({what})" for found, what in roots) or f"none, the answer is {_kind(document)}"
    return RestSourceError(
        "data_root_not_found",
        f"The data root {path} matches nothing in the response.",
        cause=f"The response holds no such path. Roots found: {listed}.",
        remedy=f"Write `data_root: {roots[0][0] if roots else '$'}`, or `data_root_optional: true` if the root may "
        "be missing where there is no data.",
    )


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    names = {list: "a list", str: "text", bool: "a boolean", LongNumber: "a number"}
    return names.get(type(value), "a number")
