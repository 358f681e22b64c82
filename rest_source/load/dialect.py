"""What tells one destination's SQL from another's: the SQL of a load is written once, for a session of either."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import duckdb

from rest_source.load.relation import Table, TableColumn
from rest_source.load.schema import ColumnType
from rest_source.load.stage import Stage, StagedTable


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a destination spells what differs. Every callable takes and gives SQL.

    `row_id` names a row as long as the transaction lasts, `converted` takes a value of the first type as one of the
    second, `fits` and `parsed` judge and take a text as a value of a type, `attempt` gives null where a staged value
    cannot be had, `hashed` makes a whole number of a list of columns, `distinct` counts values, about, and
    `json_text` gives a rejected record as JSON. `unless_locked` passes over rows that another transaction deletes.
    `longest_name` is in bytes, `most_columns` counts metadata columns too; None is no limit.
    With `has_all_types` it takes every type of DuckDB. `no_comment` stands for an empty comment that cannot be had,
    `reserved` has the names that no column may have, and `mistakes` are the exceptions for SQL that is wrong.
    """

    types: Mapping[ColumnType, str]
    row_id: str
    converted: Callable[[str, ColumnType, ColumnType], str]
    fits: Callable[[str, ColumnType], str]
    parsed: Callable[[str, ColumnType], str]
    attempt: Callable[[str], str]
    hashed: Callable[[str], str]
    distinct: Callable[[str], str]
    json_text: Callable[[str], str]
    mistakes: tuple[type[Exception], ...]
    unless_locked: str = ""
    longest_name: int | None = None
    most_columns: int | None = None
    no_comment: str = ""
    has_all_types: bool = False
    reserved: frozenset[str] = frozenset()

    def stored(self, type_: ColumnType) -> ColumnType:
        """The type a column gets; a number too long for any type keeps its digits as text."""
        return ColumnType.TEXT if self.types[type_] == self.types[ColumnType.TEXT] else type_

    def column_type(self, sql: str) -> ColumnType:
        """The type of a column by its name in SQL; what is none of ours is taken for text."""
        known = {"TIMESTAMP WITH TIME ZONE": ColumnType.TIMESTAMPTZ} | {name: t for t, name in self.types.items()}
        return self.stored(known.get(sql.upper(), ColumnType.TEXT))


@dataclass(frozen=True, slots=True)
class StagedRows:
    """Rows of the stage where a session can read them, under the alias `s_`.

    No column ends with an underscore: in a subquery on a table with a column `s`, DuckDB would take `s.c0` for a field
    of that.

    `values` has the SQL of each staged column as the table takes it, by its name in the stage. `rejects` is where the
    rejected records are.
    """

    place: str
    values: Mapping[str, str]
    rejects: str


class Session(Protocol):
    """An open connection to a destination; parameters are marked by `?`."""

    @property
    def dialect(self) -> Dialect:
        """The destination's SQL."""
        ...

    @property
    def engine(self) -> duckdb.DuckDBPyConnection:
        """DuckDB with the stage attached."""
        ...

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement; returns how many rows it changed."""
        ...

    def insert(self, target: str, sql: str, row_bytes: int) -> None:
        """Insert the rows of a query of the engine into `target`, a table with its columns."""
        ...

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        ...

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The names of the columns and all rows of a query that the file holds; it is not to change anything.

        Its parameters are marked by `$1`, `$2` …, as SQL of the file may hold a `?` or a `%` of its own.
        """
        ...

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, however many."""
        ...

    def place(self, table: Table) -> str:
        """The table's name in SQL."""
        ...

    def columns(self, table: Table) -> tuple[TableColumn, ...]:
        """The columns of a table in their order; none if it does not exist."""
        ...

    def tables(self, schema: str) -> list[tuple[str, str]]:
        """The tables of a schema with their comments, those made first at the head."""
        ...

    def take_turn(self, what: str) -> None:
        """Wait for other transactions that have taken the same turn, and keep it to the end of this one."""
        ...

    def make_schema(self, name: str) -> None:
        """Create a schema that is not there."""
        ...

    def staged(
        self,
        stage: Stage,
        table: StagedTable,
        target: Mapping[str, TableColumn],
        before: Mapping[str, ColumnType],
    ) -> StagedRows:
        """The rows of a staged table as values of `target`, its columns by their names in the stage.

        `before` has the type of columns of the table that are text by now.
        """
        ...


def count(session: Session, sql: str, parameters: Sequence[Any] = ()) -> int:
    """The number that a query gives; 0 where it gives none."""
    rows = session.rows(sql, parameters)
    return int(rows[0][0]) if rows and rows[0][0] is not None else 0


def exists(session: Session, table: str, condition: str) -> bool:
    """Whether a row of a table meets a condition."""
    return bool(session.rows(f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1"))
