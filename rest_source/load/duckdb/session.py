"""DuckDB's part in a load: its dialect, and the session in which the destination's SQL runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from rest_source.load.dialect import Dialect, StagedRows
from rest_source.load.duckdb.connection import DATABASE
from rest_source.load.engine import identifier
from rest_source.load.fixed import fits, parsed
from rest_source.load.rejects import REJECTED
from rest_source.load.relation import Table, TableColumn
from rest_source.load.respelled_times import respelled
from rest_source.load.schema import ColumnType
from rest_source.load.stage import STAGE, Stage, StagedTable, staged_place
from rest_source.load.values import TYPES, converted, staged_values

DUCKDB = Dialect(
    types=TYPES,
    row_id="rowid",
    converted=converted,
    fits=lambda text, type_: fits(respelled(text, type_), type_),
    parsed=lambda text, type_: parsed(respelled(text, type_), type_),
    attempt="TRY({})".format,
    hashed="hash({})".format,
    distinct="approx_count_distinct({})".format,
    json_text="CASE WHEN json_valid({0}) THEN {0} ELSE to_json({0}) END".format,
    has_all_types=True,
    mistakes=(duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError),
)


@dataclass(frozen=True, slots=True)
class DuckDBSession:
    """A connection to a DuckDB file, which also reads the stage."""

    engine: duckdb.DuckDBPyConnection
    dialect: Dialect = DUCKDB

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement; returns how many rows it changed."""
        row = self.engine.execute(sql, list(parameters)).fetchone()
        return int(row[0]) if row else 0

    def insert(self, target: str, sql: str, row_bytes: int) -> None:
        """Insert the rows of a query of the engine into `target`, a table with its columns."""
        self.engine.execute(f"INSERT INTO {target} {sql}")

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self.engine.execute(sql, list(parameters)).fetchall()

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The names of the columns and all rows of a query that the file holds."""
        found = self.engine.execute(sql, list(parameters))
        return [column[0] for column in found.description or ()], found.fetchall()

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, however many."""
        self.engine.execute(sql, list(parameters))
        while row := self.engine.fetchone():
            yield row

    def place(self, table: Table) -> str:
        """Database, schema and table, quoted; without the database a schema `stage` or `main` would be ambiguous."""
        return f"{DATABASE}.{identifier(table.schema)}.{identifier(table.name)}"

    def columns(self, table: Table) -> tuple[TableColumn, ...]:
        """The columns of a table in their order; none if it does not exist."""
        sql = (
            "SELECT column_name, data_type, comment FROM duckdb_columns() "
            "WHERE database_name = ? AND schema_name = ? AND table_name = ? ORDER BY column_index"
        )
        return tuple(
            TableColumn(name, self.dialect.column_type(type_), comment if comment is not None else name, type_)
            for name, type_, comment in self.rows(sql, [DATABASE, table.schema, table.name])
        )

    def tables(self, schema: str) -> list[tuple[str, str]]:
        """The tables of a schema with their comments, those made first at the head."""
        sql = (
            "SELECT table_name, coalesce(comment, '') FROM duckdb_tables() "
            "WHERE database_name = ? AND schema_name = ? ORDER BY table_oid"
        )
        return [(name, comment) for name, comment in self.rows(sql, [DATABASE, schema])]

    def take_turn(self, what: str) -> None:
        """Nothing to wait for: there is one transaction that writes."""

    def make_schema(self, name: str) -> None:
        """Create a schema that is not there."""
        self.engine.execute(f"CREATE SCHEMA IF NOT EXISTS {DATABASE}.{identifier(name)}")

    def staged(
        self,
        stage: Stage,
        table: StagedTable,
        target: Mapping[str, TableColumn],
        before: Mapping[str, ColumnType],
    ) -> StagedRows:
        """The stage itself; its values are cast as they are read."""
        values = staged_values(target, () if table.path else stage.key, before)
        return StagedRows(staged_place(table), values, f"{STAGE}.main.{REJECTED}")
