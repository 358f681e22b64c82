"""The session of a load into PostgreSQL: DuckDB casts the staged rows, COPY brings them, SQL does the rest."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from psycopg import RawCursor

from rest_source.load.destination import silent
from rest_source.load.dialect import Dialect, StagedRows
from rest_source.load.duckdb.session import DUCKDB
from rest_source.load.engine import identifier
from rest_source.load.names import HEVO_ID, INDEX, INGESTED_AT, REF_ID
from rest_source.load.postgres.connection import Connection, take_turn
from rest_source.load.postgres.dialect import POSTGRES
from rest_source.load.postgres.transfer import send
from rest_source.load.rejects import REJECTED
from rest_source.load.relation import Table, TableColumn
from rest_source.load.schema import ColumnType
from rest_source.load.stage import STAGE, Stage, StagedTable, staged_place
from rest_source.load.values import staged_values
from rest_source.spec.base import shortened

_OF_RECORDS = {"rowid": "BIGINT", HEVO_ID: "TEXT", INGESTED_AT: "BIGINT"}
_OF_ELEMENTS = {REF_ID: "TEXT", INDEX: "BIGINT"}
_OF_REJECTS = {"id": "TEXT", "ingested_at": "BIGINT", "reason": "TEXT", "record": "TEXT"}


@dataclass(frozen=True, slots=True)
class PostgresSession:
    """A connection to PostgreSQL, with DuckDB beside it to read the stage."""

    con: Connection
    engine: duckdb.DuckDBPyConnection
    dialect: Dialect = POSTGRES

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement; returns how many rows it changed."""
        return max(0, self.con.execute(*_query(sql, parameters)).rowcount)

    def insert(self, target: str, sql: str, row_bytes: int) -> None:
        """Insert the rows of a query of the engine into `target`, a table with its columns."""
        send(self.con, self.engine, sql, target, row_bytes)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self.con.execute(*_query(sql, parameters)).fetchall()

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The names of the columns and all rows of a query that the file holds; it cannot change anything."""
        with self.con.transaction():
            self.con.execute("SET TRANSACTION READ ONLY")
            cursor = RawCursor(self.con).execute(sql.encode(), parameters or None)
            return [column.name for column in cursor.description or ()], cursor.fetchall()

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, however many."""
        with self.con.cursor() as cursor:
            yield from cursor.stream(*_query(sql, parameters))

    def place(self, table: Table) -> str:
        """Schema and table, quoted, and no longer than names may be."""
        return f"{identifier(self._short(table.schema))}.{identifier(self._short(table.name))}"

    def columns(self, table: Table) -> tuple[TableColumn, ...]:
        """The columns of a table in their order; none if it does not exist."""
        sql = (
            "SELECT a.attname, format_type(a.atttypid, -1), col_description(c.oid, a.attnum) FROM pg_attribute a "
            "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = ? AND c.relname = ? AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
        )
        return tuple(
            TableColumn(name, self.dialect.column_type(type_), _original(name, comment), type_)
            for name, type_, comment in self.rows(sql, [self._short(table.schema), self._short(table.name)])
        )

    def tables(self, schema: str) -> list[tuple[str, str]]:
        """The tables of a schema with their comments, those made first at the head."""
        sql = (
            "SELECT c.relname, coalesce(obj_description(c.oid, 'pg_class'), '') FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = ? AND c.relkind IN ('r', 'p') ORDER BY c.oid"
        )
        return [(name, comment) for name, comment in self.rows(sql, [self._short(schema)])]

    def has_schema(self, name: str) -> bool:
        """Whether a schema is there."""
        return bool(self.rows("SELECT 1 FROM pg_namespace WHERE nspname = ?", [self._short(name)]))

    def take_turn(self, what: str) -> None:
        """Wait for other transactions that have taken the same turn, and keep it to the end of this one."""
        take_turn(self.con, what, silent)

    def make_schema(self, name: str) -> None:
        """Create a schema that is not there; even IF NOT EXISTS needs the right to create one."""
        if not self.has_schema(name):
            self.execute(f"CREATE SCHEMA {identifier(self._short(name))}")

    def staged(
        self,
        stage: Stage,
        table: StagedTable,
        target: Mapping[str, TableColumn],
        before: Mapping[str, ColumnType],
    ) -> StagedRows:
        """The staged rows in a temporary table, which is written to no log and goes with the connection."""
        key = () if table.path else stage.key
        # The elements of rejected records are staged too; they find no row that holds them.
        attempt = DUCKDB.attempt if stage.rejected and table.path else str
        values = {
            name: _plain(attempt(sql), target[name].type) for name, sql in staged_values(target, key, before).items()
        }
        types = {name: _PLAIN.get(column.type, self.dialect.types[column.type]) for name, column in target.items()}
        ours = _OF_RECORDS | (_OF_ELEMENTS if table.path else {})
        self._bring(f"{staged_place(table)} s_", table.name, ours | types, values, stage.longest_line)
        if stage.rejected and not table.path:
            record = {"record": DUCKDB.json_text("s_.record")}
            keys = {name: DUCKDB.attempt(values[name]) for name in key if name in values}
            types = _OF_REJECTS | {name: types[name] for name in keys}
            self._bring(f"{STAGE}.main.{REJECTED} s_", REJECTED, types, record | keys, stage.longest_line)
        return StagedRows(
            _temporary(table.name),
            {name: _value(name, column.type) for name, column in target.items()},
            _temporary(REJECTED),
        )

    def _bring(self, source: str, name: str, types: Mapping[str, str], values: Mapping[str, str], longest: int) -> None:
        """A temporary table of these columns; `values` has the SQL in DuckDB of those that are not read as they are."""
        definitions = ", ".join(f"{column} {type_}" for column, type_ in types.items())
        self.execute(f"CREATE TEMP TABLE {name} ({definitions})")
        listed = ", ".join(values.get(column, f"s_.{column}") for column in types)
        send(self.con, self.engine, f"SELECT {listed} FROM {source}", _temporary(name), longest)
        self.execute(f"ANALYZE {_temporary(name)} ({next(iter(types))})")

    def _short(self, name: str) -> str:
        return shortened(name, self.dialect.longest_name)


def _original(name: str, comment: str | None) -> str:
    return "" if comment == POSTGRES.no_comment else comment or name


def _temporary(name: str) -> str:
    return f"pg_temp.{name}"


_PLAIN = {ColumnType.TIMESTAMPTZ: "TIMESTAMP"}
"""Columns on their way: instants travel in UTC without a zone, which no setting of either side can shift."""


def _plain(sql: str, type_: ColumnType) -> str:
    """A value in DuckDB's SQL as it is sent."""
    match type_:
        case ColumnType.TIMESTAMPTZ:
            return f"timezone('UTC', {sql})"
        case ColumnType.JSON:
            return f"CAST({sql} AS VARCHAR)"
        case _:
            return sql


def _value(name: str, type_: ColumnType) -> str:
    """A column that was sent, as the table takes it."""
    return f"(s_.{name} AT TIME ZONE 'UTC')" if type_ is ColumnType.TIMESTAMPTZ else f"s_.{name}"


def _query(sql: str, parameters: Sequence[Any]) -> tuple[bytes, Sequence[Any] | None]:
    """The statement as psycopg takes it; without parameters it is sent as it is."""
    return (sql.replace("?", "%s").encode(), parameters) if parameters else (sql.encode(), None)
