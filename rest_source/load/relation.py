"""Tables of a destination and their columns, by their names there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rest_source.load.names import METADATA_COLUMNS
from rest_source.load.schema import ColumnType
from rest_source.spec.base import normalise


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the destination, by its names there."""

    schema: str
    name: str

    @classmethod
    def of(cls, source: str, endpoint: str) -> "Table":
        """The table of an endpoint."""
        return cls(normalise(source), normalise(endpoint))

    @classmethod
    def of_key(cls, path: Sequence[str]) -> "Table":
        """The table of an asset: the last part of its key in the schema of those before it, `a__b` or `public`.

        The key of an endpoint, of two parts, comes to its own table.
        """
        *schema, name = map(normalise, path)
        return cls("__".join(schema) or "public", name)


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column as it stands in a table; `original` is the field's name in the API, `sql` the type's in the database."""

    name: str
    type: ColumnType
    original: str
    sql: str = field(default="", compare=False)


def resolve_column(columns: Sequence[TableColumn], name: str) -> str | None:
    """The column that holds a field, by the field's original name or by the column's own; ours go by theirs alone."""
    if name in METADATA_COLUMNS:
        return next((column.name for column in columns if column.name == name), None)
    by_original: Mapping[str, str] = {column.original: column.name for column in columns}
    return by_original.get(name) or next((column.name for column in columns if column.name == normalise(name)), None)
