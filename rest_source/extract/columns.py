"""The columns seen while records are spooled: names in order of appearance, and the JSON types of their values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rest_source.errors import RestSourceError

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


class Columns:
    """Notes the shape of every record; most records have a shape seen before, which costs one look-up.

    DuckDB tells no two keys apart that differ only in case, so a key that does is spooled under another.
    """

    def __init__(self) -> None:
        self.by_name: dict[str, Column] = {}
        self.changed: dict[str, Column] = {}
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
            key = column.key if column else name
            if key != name:
                renamed[name] = key
        if len(self._seen) < _REMEMBERED:
            self._seen[shape] = renamed or None
        return renamed or None

    def load(self, columns: Iterable[Mapping[str, Any]]) -> None:
        """Take back columns noted in an earlier run."""
        for column in columns:
            self._add(column["name"], set(column["kinds"]), column["key"])
        self.changed.clear()

    def take_changed(self) -> list[dict[str, Any]]:
        """The columns that are new or wider since the last call."""
        changed = [column.to_json() for column in self.changed.values()]
        self.changed.clear()
        return changed

    def _add(self, name: str, kinds: Any, key: str | None = None) -> None:
        column = self.by_name.get(name)
        if column is None:
            column = Column(name, key or self._free_key(name))
            self.by_name[name] = column
            self._keys.add(column.key.lower())
            if len(self.by_name) > MAX_COLUMNS:
                raise _too_many(self.by_name)
        if not column.kinds >= kinds:
            column.kinds |= kinds
            self.changed[name] = column

    def _free_key(self, name: str) -> str:
        if name and name.lower() not in self._keys:
            return name
        number = len(self.by_name) + 1
        while f"__column_{number}" in self._keys:
            number += 1
        return f"__column_{number}"


def _too_many(columns: Mapping[str, Column]) -> RestSourceError:
    last = ", ".join(list(columns)[-3:])
    return RestSourceError(
        "too_many_columns",
        f"The records have more than {MAX_COLUMNS} different fields (the last ones: {last}).",
        cause="Keys of an object are data here, such as ids or dates, so that every record brings new columns.",
        remedy="Point `data_root` at the values and keep the key with `key_column`, drop the fields with `exclude`, "
        "or keep them together in one column with `nested: json`.",
    )
