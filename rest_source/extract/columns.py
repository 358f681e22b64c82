"""The columns seen while records are spooled: names in order of appearance, and the JSON types of their values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, Literal

from rest_source.errors import RestSourceError
from rest_source.extract.nested import ArrayPath

Kind = Literal["boolean", "integer", "number", "string", "object", "array", "long", "deep", "encoded"]
"""A JSON type as the spool holds it.

`long` is a number beyond 64 bits or 17 digits, spooled as text. `encoded` is an object or array spooled as
its JSON text, because it holds such numbers; `deep` one that nests beyond what DuckDB's JSON reads.
"""

_KINDS: Mapping[type, Kind] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    dict: "object",
    list: "array",
}
MAX_COLUMNS = 1600
MAX_CHILDREN = 200
_REMEMBERED = 10_000


@dataclass(slots=True)
class Column:
    """A field of the records: its name, its key in the spool, and the JSON types seen."""

    name: str
    key: str
    kinds: set[Kind] = field(default_factory=set)

    def to_json(self) -> dict[str, Any]:
        """The column as journal and manifest hold it."""
        return {"name": self.name, "key": self.key, "kinds": sorted(self.kinds)}


Tables = Mapping[ArrayPath, tuple[Column, ...]]


class Columns:
    """The columns of a table, and of the tables that arrays in its records go to, by the path of the array.

    Notes the shape of every record; most records have a shape seen before, which costs one look-up. DuckDB tells no
    two keys apart that differ only in case, so a key that does is spooled under another. Whoever notes shapes while
    others do holds the `lock`. `always_null` are fields that have no column, `version` goes up with all that is new.
    """

    def __init__(self) -> None:
        self.by_name: dict[str, Column] = {}
        self.children: dict[ArrayPath, Columns] = {}
        self.always_null: set[str] = set()
        self.version = 0
        self._changed: dict[str, Column] = {}
        self._is_new = True
        self.lock = RLock()
        self._keys: set[str] = set()
        self._seen: dict[tuple[Any, ...], Mapping[str, str] | None] = {}

    def note(self, names: tuple[str, ...], types: tuple[Any, ...]) -> Mapping[str, str] | None:
        """Take in one record's shape; returns the keys to spool under where they differ from the names.

        `types` holds Python types, or sets of kinds where the type does not say it all.
        """
        shape = (names, types)
        try:
            return self._seen[shape]
        except KeyError:
            pass
        renamed = {}
        for name, type_ in zip(names, types, strict=True):
            kinds = type_ if isinstance(type_, frozenset) else {_KINDS[type_]} if type_ in _KINDS else set()
            if kinds:
                self._add(name, kinds)
            column = self.by_name.get(name)
            if column is None and name not in self.always_null and len(self.always_null) < MAX_COLUMNS:
                self.always_null.add(name)
                self.version += 1
            key = column.key if column else name
            if key != name:
                renamed[name] = key
        if len(self._seen) < _REMEMBERED:
            self._seen[shape] = renamed or None
        return renamed or None

    def child(self, path: ArrayPath) -> "Columns":
        """The columns of the table of an array."""
        if path not in self.children:
            self.children[path] = Columns()
            if len(self.children) > MAX_CHILDREN:
                raise _too_many_children(self.children)
        return self.children[path]

    def tables(self) -> "Tables":
        """The columns of every table: its own under (), and each array's under its path."""
        with self.lock:
            return self._tables()

    def _tables(self) -> "Tables":
        found: dict[ArrayPath, tuple[Column, ...]] = {(): tuple(self.by_name.values())}
        return found | {path: tuple(child.by_name.values()) for path, child in self.children.items()}

    def load(self, changes: Iterable[Mapping[str, Any]]) -> None:
        """Take back what an earlier run noted, as `take_changed` gave it."""
        for change in changes:
            table = self.child(tuple(change["table"])) if change.get("table") else self
            if "name" in change:
                table._add(change["name"], set(change["kinds"]), change["key"])
        self.take_changed()

    def take_changed(self) -> list[dict[str, Any]]:
        """The columns that are new or wider since the last call, and the tables that are new."""
        with self.lock:
            return self._take_changed()

    def _take_changed(self) -> list[dict[str, Any]]:
        changed = [column.to_json() for column in self._changed.values()]
        self._changed.clear()
        for path, child in self.children.items():
            if child._is_new:
                changed.append({"table": path})
                child._is_new = False
            changed += [{"table": path, **change} for change in child.take_changed()]
        return changed

    def _add(self, name: str, kinds: Any, key: str | None = None) -> None:
        column = self.by_name.get(name)
        if column is None:
            column = Column(name, key or self._free_key(name))
            self.by_name[name] = column
            self.always_null.discard(name)
            self._keys.add(column.key.lower())
            if len(self.by_name) > MAX_COLUMNS:
                raise too_many_columns("The records have", list(self.by_name))
        if not column.kinds >= kinds:
            column.kinds |= kinds
            self._changed[name] = column
            self.version += 1

    def _free_key(self, name: str) -> str:
        if name and name.lower() not in self._keys:
            return name
        number = len(self.by_name) + 1
        while f"__column_{number}" in self._keys:
            number += 1
        return f"__column_{number}"


def too_many_columns(what_has: str, fields: Sequence[str]) -> RestSourceError:
    """The error for records, or a table, with more columns than a table may have."""
    return RestSourceError(
        "too_many_columns",
        f"{what_has} more than {MAX_COLUMNS} different fields (the last ones: {', '.join(fields[-3:])}).",
        cause="Keys of an object are data here, such as ids or dates, so that every record brings new columns.",
        remedy="Point `data_root` at the values and keep the key with `key_column`, drop the fields with `exclude`, "
        "or keep them together in one column with `nested: json`.",
    )


def _too_many_children(children: Mapping[ArrayPath, Columns]) -> RestSourceError:
    last = ", ".join(map(".".join, list(children)[-3:]))
    return RestSourceError(
        "too_many_tables",
        f"The records have arrays in more than {MAX_CHILDREN} different places (the last ones: {last}).",
        cause="Keys of an object are data here, such as ids or dates, so that every record brings new tables.",
        remedy="Keep arrays as JSON with `nested: flatten` or `nested: json`, or drop the fields with `exclude`.",
    )
