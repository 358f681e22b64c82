"""Pages that bring nothing new: their records are read into structs made for the columns seen so far, not into dicts.

Most pages of a load are like those before them. A struct takes no field that has not been seen and no type that its
column has not, so there is nothing to note in the columns, and it is read and written faster: a page takes about half
of the time. What it refuses is read in the usual way, and so is what would be written otherwise than by orjson.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, Any, Union

import msgspec

from rest_source.extract.columns import Columns, Kind
from rest_source.extract.data_root import Record
from rest_source.extract.document import needs_exact
from rest_source.extract.records import EncodedRecords, encode_canonical
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.jsonpath import compile_path
from rest_source.spec.pagination import Cursor
from rest_source.spec.places import Found

MANY = 100
"""Records of a page from which on it pays to make structs for the next."""
_LONGEST_PAUSE = 64
_SPREAD = 4
"""Bytes of structs for each byte of a page: a struct has a place for each field, whether the record has it or not."""
_PLACE = 8
_HARMLESS = 32_000_000
"""Bytes of structs that a page may take whatever it holds."""
_EXPONENT = 1e16
"""From here on orjson writes a double as 1e+16, and msgspec as 1e16."""
_NO_INTEGER = Annotated[int, msgspec.Meta(ge=1, le=0)]  # a double's type would take it, and make it one
_TYPES: Mapping[Kind, Any] = {
    "boolean": bool,
    "integer": int,
    "number": Annotated[float, msgspec.Meta(gt=-_EXPONENT, lt=_EXPONENT)],
    "string": str,
    "object": dict,
    "array": list,
}
_WRITER = msgspec.json.Encoder(order="deterministic")

Names = Mapping[str, str]
"""The attributes of a struct, and the names of its fields in JSON."""
Around = tuple[tuple[str, ...], ...]
"""The keys of each object on the way to the records, in the order of their appearance."""


@dataclass(frozen=True, slots=True)
class FamiliarPage:
    """A page read into structs; its `document` has an empty list in the place of the `records`.

    `cursor` names the field in which the cursor of increments is.
    """

    document: Any
    records: Sequence[msgspec.Struct]
    names: Names
    cursor: str | None

    def column(self, name: str) -> list[Any]:
        """A field of every record; None where one has none."""
        place = next((place for place, other in self.names.items() if other == name), None)
        if place is None:
            return [None] * len(self.records)
        return [None if value is msgspec.UNSET else value for value in map(attrgetter(place), self.records)]

    @property
    def last(self) -> Record | None:
        """The last record."""
        return self.record(-1) if self.records else None

    def record(self, place: int) -> Record:
        """The record in a place."""
        return _fields(self.records[place], self.names)

    @property
    def cursors(self) -> list[Record]:
        """The records with nothing but the cursor's field."""
        names = {place: name for place, name in self.names.items() if name == self.cursor}
        return [_fields(record, names) for record in self.records] if names else []

    def encoded(self, ingested_at: int) -> EncodedRecords | None:
        """What `encode` makes of the records; None where they are not stored as they are."""
        try:
            return encode_canonical(list(map(_WRITER.encode, self.records)), ingested_at)
        except RecursionError:  # what could just be read may not be written, a few calls further down
            return None


class Familiar:
    """Reads answers whose records are under `steps`; safe from any thread.

    What stands around the records is learned from pages that were read in the usual way. After a refusal pages
    pass untried, twice as many each time.
    """

    def __init__(
        self, columns: Columns, steps: tuple[str, ...], cursor: str | None, around: Around | None = None
    ) -> None:
        self._columns = columns
        self._steps = steps
        self._cursor = cursor
        self._around = around
        self._made: tuple[Any, _Mould | None] = (None, None)
        self._pause = self._passed = 0

    @classmethod
    def of(cls, endpoint: EndpointSpec, columns: Columns) -> "Familiar | None":
        """For an endpoint that stores records as they are, and finds around them what else it looks for."""
        pagination, incremental = endpoint.pagination, endpoint.incremental
        around, cursor = list(pagination.places()), None
        inside: list[str | None] = []
        if isinstance(pagination, Cursor) and pagination.source == "last_record":
            inside += map(_field, pagination.tokens().values())
        if incremental and incremental.origin == "response":
            around.append(incremental.cursor)
        elif incremental and incremental.origin == "record":
            cursor = _field(incremental.cursor)
            inside.append(cursor)
        is_shaped = endpoint.key_column is not None or endpoint.record_columns is not None
        as_they_are = endpoint.nested == "json" and not endpoint.exclude and not is_shaped
        steps = compile_path(endpoint.data_root).steps
        if steps is None or not as_they_are or None in inside or not all(_is_apart(place, steps) for place in around):
            return None
        return cls(columns, steps, cursor)

    def of_parts(self) -> "Familiar":
        """For the parts of a document: arrays of records, with nothing around that had to be learned."""
        return Familiar(self._columns, (), self._cursor, around=())

    def learn(self, document: Any, count: int) -> None:
        """Take in a page with so many records whose columns have been noted."""
        around = []
        for step in self._steps:
            if not isinstance(document, dict):
                return
            around.append(tuple(document))
            document = document.get(step)
        if count >= MANY and isinstance(document, list):
            known = self._around or ((),) * len(around)
            self._around = tuple(tuple(dict.fromkeys(old + new)) for old, new in zip(known, around, strict=True))

    def read(self, body: bytes) -> FamiliarPage | None:
        """The page, if it brings nothing new."""
        if self._around is None or self._passed < self._pause:
            self._passed += 1
            return None
        page = self._read(body)
        self._passed, self._pause = 0, min(_LONGEST_PAUSE, 2 * self._pause + 1) if page is None else 0
        return page

    def _read(self, body: bytes) -> FamiliarPage | None:
        mould = self._current()
        if mould is None or mould.is_wasted_on(body) or needs_exact(body):
            return None
        try:
            found = mould.read(body)
        except (msgspec.DecodeError, RecursionError):
            return None
        return FamiliarPage(*found, mould.names, self._cursor) if found else None

    def _current(self) -> "_Mould | None":
        with self._columns.lock:
            key = (self._columns.version, self._around)
            if self._made[0] != key:
                self._made = key, _Mould.of(self._columns, self._steps, self._around or ())
            return self._made[1]


class _Mould:
    """The structs of a record and of what is around it, made for what has been seen."""

    def __init__(self, types: Mapping[str, Any], steps: Sequence[str], around: Around) -> None:
        record, self.names = _struct({name: types[name] for name in sorted(types)})  # as canonical JSON has them
        whole: Any = list[record]  # type: ignore[valid-type]
        self._around: list[tuple[str, Names]] = []
        for step, keys in reversed(list(zip(steps, around, strict=True))):
            whole, names = _struct(dict.fromkeys(keys, Any) | {step: whole})
            self._around.append((step, names))
        self._reader = msgspec.json.Decoder(whole, float_hook=_double)

    @classmethod
    def of(cls, columns: Columns, steps: Sequence[str], around: Around) -> "_Mould | None":
        """For the columns seen, or None where records are stored under other keys or have names to be escaped."""
        if any(column.key != column.name for column in columns.by_name.values()):
            return None
        types = dict.fromkeys(columns.always_null) | {name: _type(c.kinds) for name, c in columns.by_name.items()}
        try:
            return cls(types, steps, around)
        except ValueError:
            return None

    def is_wasted_on(self, body: bytes) -> bool:
        """Whether there may be so many records in it that they hold few of the fields."""
        size = len(self.names) * _PLACE
        return len(body) // len("{},") * size > _HARMLESS and body.count(b"{") * size > len(body) * _SPREAD

    def read(self, body: bytes) -> tuple[Any, list[msgspec.Struct]] | None:
        """The document with an empty list in the place of the records, and the records, if they are there."""
        records, around = self._reader.decode(body), []
        for step, names in reversed(self._around):
            fields = _fields(records, names)
            records = fields.get(step)
            if records is None:
                return None
            around.append((step, fields))
        document: Any = []
        for step, fields in reversed(around):
            document = fields | {step: document}
        return document, records


def _struct(types: Mapping[str, Any]) -> tuple[type[msgspec.Struct], Names]:
    """A struct of fields that may be missing, which takes no others; raises ValueError for names to be escaped."""
    names = {f"f{number}": name for number, name in enumerate(types)}
    fields = [(place, Union[types[name], msgspec.UnsetType], msgspec.UNSET) for place, name in names.items()]  # noqa: UP007
    return msgspec.defstruct("Fields", fields, rename=names, forbid_unknown_fields=True, gc=False), names


def _type(kinds: set[Kind]) -> Any:
    types = [_TYPES[kind] for kind in kinds if kind in _TYPES]
    types += [_NO_INTEGER] if "number" in kinds and "integer" not in kinds else []
    return Union[None, *types]


def _fields(struct: msgspec.Struct, names: Names) -> Record:
    values: Iterator[tuple[str, Any]] = ((name, getattr(struct, place)) for place, name in names.items())
    return {name: value for name, value in values if value is not msgspec.UNSET}


def _double(text: str) -> float:
    """A double within an object or an array."""
    value = float(text)
    if not abs(value) < _EXPONENT:
        raise ValueError(text)
    return value


def _field(path: Found) -> str | None:
    """The field of a record that a path begins with; None where it may begin with any, whose order would tell."""
    steps = compile_path(path).steps if isinstance(path, str) else None
    return steps[0] if steps else None


def _is_apart(place: Found | None, steps: tuple[str, ...]) -> bool:
    """Whether a place in an answer is neither among its records nor around all of them."""
    if not isinstance(place, str):
        return True
    found = compile_path(place).steps
    return found is not None and found[: len(steps)] != steps and steps[: len(found)] != found
