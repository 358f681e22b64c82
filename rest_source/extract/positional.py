"""Rows that are arrays, made records of by names that stand elsewhere: in the file, in the answer, in the first row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rest_source.errors import RestSourceError, quoted
from rest_source.extract.document import LongNumber
from rest_source.spec.base import free_name
from rest_source.spec.jsonpath import compile_path, step_to
from rest_source.spec.rows import FIRST_ROW

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A document with records in the place of its rows, the names they have, and what is doubtful about them."""

    document: Any
    names: Names = ()
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RowNames:
    """Where the names of the rows under `steps` are: `first_row`, a list of them, or a JSONPath."""

    where: str | Names
    steps: tuple[str, ...]

    def named(self, document: Any, known: Names) -> Named:
        """The document with its rows as records; `known` are the names that an earlier page of the series had."""
        rows = document
        for step in self.steps:
            rows = rows.get(step) if isinstance(rows, dict) else None
        if not isinstance(rows, list) or not any(isinstance(row, list) for row in rows):
            return Named(document, known, self._unneeded(rows))
        names, rows = self._names(document, rows, known)
        records = [_record(names, row) if isinstance(row, list) else row for row in rows]
        return Named(_put(document, self.steps, records), names, tuple(_misfits(names, rows)))

    def _names(self, document: Any, rows: list[Any], known: Names) -> tuple[Names, list[Any]]:
        """The names, and the rows without that of the names."""
        if isinstance(self.where, tuple):
            return self.where, rows
        if self.where != FIRST_ROW:
            return self._found(document) or known or _none_found(self.where, document, rows), rows
        first = _texts(rows[0]) if isinstance(rows[0], list) else None
        if first is not None and (not known or 2 * len({*first} & {*known}) > len(known)):
            return _distinct(first), rows[1:]
        if known:  # further pages may do without
            return known, rows
        raise _no_header(rows[0])

    def _found(self, document: Any) -> Names:
        matches = compile_path(str(self.where)).find(document)
        listed = matches[0] if len(matches) == 1 and isinstance(matches[0], list) else matches
        names = _texts(listed)
        if names is None:
            raise _no_names(str(self.where), listed)
        return _distinct(names)

    def _unneeded(self, rows: Any) -> tuple[str, ...]:
        if not isinstance(rows, list) or not any(isinstance(row, dict) for row in rows):
            return ()
        return ("`record_columns` names nothing: the rows are objects already. Leave it out.",)


def suggested(document: Any, rows: list[Any]) -> str | None:
    """Where the names of rows that are arrays seem to be; None where the rows are none, or nothing looks like names."""
    widths = {len(row) for row in rows if isinstance(row, list)}
    if len(widths) != 1 or not all(isinstance(row, list) for row in rows) or len(rows) < 2:
        return None
    for path, values in _lists(document, "$"):
        if {len(values)} == widths and all(isinstance(value, str) for value in values):
            return path
    first, second = rows[:2]
    head = all(isinstance(value, str) for value in first) and len({*first}) == len(first)
    return FIRST_ROW if head and not all(isinstance(value, str) for value in second) else None


def _texts(values: Sequence[Any]) -> list[str] | None:
    """Names as texts; None where there is something else among them."""
    if not all(isinstance(value, str | int | float | LongNumber | None) for value in values):
        return None
    return [value.text if isinstance(value, LongNumber) else "" if value is None else str(value) for value in values]


def _distinct(names: Sequence[str]) -> Names:
    """Names of which none is empty or twice."""
    taken: dict[str, None] = {}
    for name in names:
        taken[free_name(name or "column", taken)] = None
    return tuple(taken)


def _record(names: Names, row: list[Any]) -> dict[str, Any]:
    """A row as a record: what lies beyond the names has names of its own, so that nothing is lost."""
    record = dict(zip(names, row, strict=False))
    for place in range(len(names), len(row)):
        record[free_name(f"column_{place + 1}", record)] = row[place]
    return record


def _put(document: Any, steps: tuple[str, ...], records: list[Any]) -> Any:
    if not steps:
        return records
    return {**document, steps[0]: _put(document[steps[0]], steps[1:], records)}


def _misfits(names: Names, rows: list[Any]) -> list[str]:
    """A warning for rows that are shorter than the names, and one for those that are longer."""
    told = []
    for kind, lengths in (
        ("shorter", [len(row) for row in rows if isinstance(row, list) and len(row) < len(names)]),
        ("longer", [len(row) for row in rows if isinstance(row, list) and len(row) > len(names)]),
    ):
        if lengths:
            which = f"{len(lengths)} of {len(rows)} rows are" if len(lengths) > 1 else f"One of {len(rows)} rows is"
            then = "what lacks at their end is null" if kind == "shorter" else "the rest is in `column_…`"
            told.append(
                f"{which} {kind} than the {len(names)} names of `record_columns`, with {lengths[0]} values: they were "
                f"given to the first names, and {then}. Check the names if a value may lack elsewhere."
            )
    return told


def _none_found(where: str, document: Any, rows: list[Any]) -> Names:
    width = max(len(row) for row in rows if isinstance(row, list))
    lists = [path for path, names in _lists(document, "$") if len(names) == width and _texts(names)]
    raise RestSourceError(
        "record_columns_not_found",
        f"The names of the rows are not at {where}.",
        cause=f"The answer holds nothing there. Lists of {width} texts, as many as a row has values: "
        f"{', '.join(lists) or 'none'}.",
        remedy=f"Write `record_columns: {lists[0]}`." if lists else "Write the names: `record_columns: [id, name]`.",
    )


def _no_names(where: str, found: Sequence[Any]) -> RestSourceError:
    fields = [
        name for item in found[:1] if isinstance(item, dict) for name, value in item.items() if isinstance(value, str)
    ]
    path = where.removesuffix("[*]")
    return RestSourceError(
        "record_columns_not_found",
        f"What is at {where} are no names of columns.",
        cause="They are objects or lists, of which a field may be the name.",
        remedy=f"Write `record_columns: {path}[*]{step_to(fields[0] if fields else 'name')}`, the path to the names.",
    )


def _no_header(row: Any) -> RestSourceError:
    return RestSourceError(
        "record_columns_not_found",
        f"The first row holds no names: {quoted(row)}.",
        cause="The answer begins with a record, or with an object.",
        remedy="Write the names: `record_columns: [id, name]`, or a JSONPath to them.",
    )


def _lists(value: Any, path: str, depth: int = 0) -> list[tuple[str, list[Any]]]:
    if isinstance(value, list):
        return [(path, value)]
    if not isinstance(value, dict) or depth > 5:
        return []
    return [found for key, item in value.items() for found in _lists(item, path + step_to(key), depth + 1)]
