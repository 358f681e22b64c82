"""The data root: which parts of a response are the records."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rest_source.errors import RestSourceError
from rest_source.extract.announced import Sign
from rest_source.extract.document import LongNumber
from rest_source.extract.positional import Named, Names, RowNames, suggested
from rest_source.extract.refusals import IDS, no_list, null_root, told_failures
from rest_source.http.error_members import failure
from rest_source.spec.base import free_name
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.jsonpath import MISSING, JsonPath, compile_path, step_to

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Selection:
    """The records of a page, and what the API returned, of which a filter, a slice or nulls may have left some out.

    `last` is the last record that was returned, as the data root shapes it.
    """

    records: list[Record]
    returned: list[Any]
    last: Record | None

    @property
    def is_all(self) -> bool:
        """Whether every record that was returned is selected."""
        return len(self.records) == len(self.returned)


@dataclass(frozen=True, slots=True)
class DataRoot:
    """Selects the records of a page by the rules of an endpoint."""

    path: JsonPath
    optional: bool
    key_column: str | None
    exclude: tuple[tuple[str, ...], ...]
    rows: RowNames | None = None

    @classmethod
    def of(cls, endpoint: EndpointSpec) -> "DataRoot":
        """The data root of an endpoint."""
        exclude = tuple(tuple(path.removeprefix("$.").split(".")) for path in endpoint.exclude)
        path, names = compile_path(endpoint.data_root), endpoint.record_columns
        rows = RowNames(names, path.base) if names is not None and path.base is not None else None
        return cls(path, endpoint.data_root_optional, endpoint.key_column, exclude, rows)

    def named(self, document: Any, known: Names = ()) -> Named:
        """The document, rows that are arrays made records of; `known` are the names of an earlier page."""
        return self.rows.named(document, known) if self.rows is not None else Named(document)

    def select(
        self, document: Any, first_page: bool, said_more: Sign | None = None, is_list: bool = False
    ) -> Selection:
        """The records of a page; `said_more` is by what the answer before it said that there is one.

        Null is no records, unless the answer speaks of an error or the one before said that there are more. Where the
        answers are lists, as an earlier one was if `is_list`, an object is none either.
        """
        failed = failure(document)
        is_refused = failed or (said_more and not self.optional)
        if is_refused and self.path.is_null(document):
            raise null_root(self.path.text, failed, said_more)
        if not self.path.lead and isinstance(document, dict) and (is_list or self.path.every or self.path.selects):
            if failed:
                raise no_list(failed)
            if is_list:
                return Selection([], [], None)
        records = self.records(document, first_page)
        returned = self.path.returned(document)
        if failed and not returned and self.path.lead and self.path.reaches(document):
            raise null_root(self.path.text, failed, said_more, "empty")
        if not self.path.selects:
            return Selection(records, returned, records[-1] if records else None)
        shaped = (self.path.within(item) for item in reversed(returned))
        last = next((item for item in shaped if item is not None and item is not MISSING), None)
        return Selection(records, returned, None if last is None else as_records([last])[0])

    def records(self, document: Any, first_page: bool) -> list[Record]:
        """The records in a document, in its order.

        An object is one record, a scalar becomes `{"value": …}`, null is none. On the first page a root
        that is not there is an error; later it is an empty page.
        """
        matches = self._matches(document)
        expected = first_page and document is not None and not self.optional
        if not matches and expected and not self.path.reaches(document):
            raise _no_match(self.path.text, document)
        return [record for match in matches for record in as_records(match)]

    def doubts(self, document: Any, first_page: bool, is_list: bool = False, had_records: bool = False) -> list[str]:
        """Warnings where a page may not be what it is taken for."""
        told = told_failures(self.path, document, first_page, is_list, had_records)
        if told or not first_page or failure(document):
            return told
        return [*self._absent(document), *self._unnamed(document)]

    def _unnamed(self, document: Any) -> list[str]:
        """A warning where rows are arrays, and their names stand beside them or in the first."""
        if self.rows is not None or self.path.base is None:
            return []
        names = suggested(document, self.path.returned(document))
        if names is None:
            return []
        return [
            f"The rows at {self.path.text} are arrays, each of which becomes one JSON value. Did you mean "
            f"`record_columns: {names}`? Then load once with `write: replace`, which drops such rows."
        ]

    def _absent(self, document: Any) -> list[str]:
        """A warning where an optional root is missing though the answer holds a list of records elsewhere."""
        if not self.optional or self.path.reaches(document) or document is None:
            return []
        lists = [
            (path, what, count) for path, what, count, _ in _lists(document, "$", 0) if what == "objects" and count
        ]
        if not lists:
            return []
        path, what, count = lists[0]
        return [
            f"The answer has no {self.path.text}, but {path} with {count} {what}. Did you mean `data_root: {path}`?"
        ]

    def nested_root(self, records: list[Record], key: Sequence[str]) -> str | None:
        """The one list of objects that a page's only record holds, where that rather than the record may be meant."""
        if len(records) != 1 or self.key_column is not None or any(name in records[0] for name in (*key, *IDS)):
            return None
        found = [root for root in _lists(records[0], "", 0) if root[1] == "objects" and root[2]]
        return f"{self.path.text.removesuffix('[*]')}{found[0][0]}" if len(found) == 1 else None

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
            for record in as_records(match)
        ]


def with_fields(record: Record, fields: Mapping[str, Any]) -> Record:
    """The record with fields of ours before its own; one of the same name moves to `_2`, or the next that is free."""
    if fields.keys().isdisjoint(record):
        return {**fields, **record}
    taken = {*fields, *record}
    return {**fields, **{free_name(name, taken) if name in fields else name: value for name, value in record.items()}}


def as_records(match: Any) -> list[Record]:
    """A match, or the members of a list, as records: a scalar becomes `{"value": …}`, null is none."""
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
        objects, nulls = sum(isinstance(item, dict) for item in value), sum(item is None for item in value)
        is_of_objects = objects + nulls == len(value) and (objects or not value)
        yield path, "objects" if is_of_objects else "values", len(value), depth
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
