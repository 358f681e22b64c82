"""A staged load as the destinations get it: tables in a DuckDB file, typed and deduplicated.

The columns are called c0, c1, …: a source may call its fields anything, `rowid` included.
"""

from dataclasses import dataclass
from pathlib import Path

from rest_source.extract.nested import ArrayPath
from rest_source.load.schema import ColumnType


@dataclass(frozen=True, slots=True)
class StagedColumn:
    """A column of the stage: the field's original name, its name in the stage, and its type.

    Where the file fixes the type, the values may be staged as text, which can be cast.
    """

    original: str
    name: str
    type: ColumnType
    is_fixed: bool = False


@dataclass(frozen=True, slots=True)
class StagedTable:
    """A table of the stage; `path` is that of the array whose elements it holds."""

    path: ArrayPath
    name: str
    columns: tuple[StagedColumn, ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """How many of the different `records` of a load gave way to newer ones of their key, with some of these keys.

    The very same record, read twice, is not among them. Where the key seems not to identify a record, `identity` names
    fields that do, if there are any. With the default key, `shared` counts those equal to one of another parent.
    """

    records: int = 0
    rows: int = 0
    sample: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    shared: int = 0


@dataclass(frozen=True, slots=True)
class Stage:
    """A staged load. The first of its tables, `records`, holds each key once as it is spelled.

    `key` names the key's columns, to which the partition belongs if it is `keyed_by_partition`. `read` counts the
    records before deduplication, `rejected` those that stand in the table `rejected`, with a few of their `reasons`.
    `longest_line` is in bytes; `doubts` tell of values that a fixed type does not hold in full.
    """

    path: Path
    tables: tuple[StagedTable, ...]
    key: tuple[str, ...]
    read: int
    rejected: int
    reasons: tuple[str, ...]
    timezone: str
    longest_line: int
    merged: Merged = Merged()
    keyed_by_partition: bool = False
    doubts: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[StagedColumn, ...]:
        """The columns of the records themselves."""
        return self.tables[0].columns


STAGE = "__stage"
"""The name under which a session attaches the stage."""


def staged_place(staged: StagedTable) -> str:
    """A table of the stage, attached to the connection."""
    return f"{STAGE}.main.{staged.name}"
