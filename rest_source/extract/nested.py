"""Records within records: objects become fields of their own, and arrays become rows of child tables."""

import json
from dataclasses import dataclass
from hashlib import sha256

from rest_source.extract.data_root import Record
from rest_source.spec.base import free_name

ArrayPath = tuple[str, ...]
"""Where an array is: the field that holds it, after those of the arrays around it; the records themselves are at ()."""


@dataclass(frozen=True, slots=True)
class ChildRow:
    """An element of an array: where the array is, the element's place in it from 0, and its record without arrays.

    `ref` is the `__hevo_id` of the record or element that holds the array.
    """

    path: ArrayPath
    id: str
    ref: str
    index: int
    record: Record


def flatten(record: Record) -> Record:
    """The record with the fields of its objects in their place: `{"a": {"b": 1}}` becomes `{"a.b": 1}`.

    A field that is called `a.b` already is the same column, and where a record has both, the second is `a.b_2`. An
    empty object leaves nothing.
    """
    flat: Record = {}
    _flatten_into(flat, record, "")
    return flat


def split(record: Record, id: str, path: ArrayPath = ()) -> tuple[Record, list[ChildRow]]:
    """The flattened record without its arrays, and a row for each of their elements, level by level.

    `id` is the record's `__hevo_id`. An element that is no object stands under `value`; null is a row without values.
    """
    flat, rows = flatten(record), list[ChildRow]()
    for name in [name for name, value in flat.items() if type(value) is list]:
        array = (*path, name)
        place = path_text(array)
        for index, element in enumerate(flat.pop(name)):
            child = element if isinstance(element, dict) else {} if element is None else {"value": element}
            child_id = sha256(f"{id}{place}{index}".encode()).hexdigest()
            child_flat, further = split(child, child_id, array)
            rows += [ChildRow(array, child_id, id, index, child_flat), *further]
    return flat, rows


def path_text(path: ArrayPath) -> str:
    """The path as a JSON array, without line breaks or tabs."""
    return json.dumps(path)


def _flatten_into(flat: Record, record: Record, prefix: str) -> None:
    for name, value in record.items():
        if type(value) is dict:
            _flatten_into(flat, value, f"{prefix}{name}.")
            continue
        flat_name = prefix + name
        flat[free_name(flat_name, flat) if flat_name in flat else flat_name] = value
