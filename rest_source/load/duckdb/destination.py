"""DuckDB as a destination: one file, short locks, one transaction a load."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rest_source.errors import RestSourceError
from rest_source.load.destination import (
    Announce,
    CommitResult,
    CommittedLoad,
    DuplicateReport,
    LoadFacts,
    Table,
    TableColumn,
    resolve_column,
)
from rest_source.load.duckdb.connection import connect
from rest_source.load.duckdb.duplicates import find_duplicates
from rest_source.load.duckdb.system import ensure_tables, find_load, record_load, record_rejected
from rest_source.load.duckdb.table import STAGE, evolve, read_columns, sql_name
from rest_source.load.duckdb.write import Writer
from rest_source.load.names import INGESTED_AT
from rest_source.load.stage import Stage, identifier, literal, memory_limit

if TYPE_CHECKING:
    import pyarrow as pa


def _silent(_: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class DuckDBDestination:
    """Tables in a DuckDB file, `<schema>.<table>` for `<source>.<endpoint>`."""

    path: Path
    kind: str = "duckdb"

    def commit(self, stage: Stage, load: LoadFacts, announce: Announce) -> CommitResult:
        """Write a staged load and its record in one transaction: all of it, or nothing."""
        table = Table.of(load.source, load.endpoint)
        with connect(self.path, announce) as con:
            con.execute(f"SET TimeZone = {literal(stage.timezone)}")
            con.execute(f"ATTACH {literal(str(stage.path))} AS {STAGE} (READ_ONLY)")
            con.begin()
            ensure_tables(con)
            evolution = evolve(con, table, stage.columns)
            con.execute(f"SET memory_limit = '{memory_limit(evolution.width, stage.longest_line)}'")
            result = Writer(con, table, stage, evolution).write(load)
            record_rejected(con, table, load, stage)
            record_load(con, table, load, result)
            con.commit()
        return result

    def find_load(
        self, source: str, endpoint: str, *, load_id: str | None = None, run_id: str | None = None
    ) -> CommittedLoad | None:
        """The newest committed load of an endpoint, of that id or that run if one is given."""
        if not self.path.exists():
            return None
        with connect(self.path, _silent, read_only=True) as con:
            return find_load(con, source, endpoint, load_id, run_id)

    def columns(self, table: Table) -> tuple[TableColumn, ...]:
        """The columns of a table, metadata columns included; none if there is no such table."""
        if not self.path.exists():
            return ()
        with connect(self.path, _silent, read_only=True) as con:
            return read_columns(con, table)

    def preview(self, table: Table, limit: int) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names, and the rows read last."""
        with connect(self.path, _silent, read_only=True) as con:
            rows = con.execute(f"SELECT * FROM {sql_name(table)} ORDER BY {INGESTED_AT} DESC LIMIT {limit}")
            return [column[0] for column in rows.description or ()], rows.fetchall()

    def read(self, table: Table, columns: Sequence[str] | None) -> "pa.Table":
        """The rows of a table as Arrow, in the given columns (by either name) or all."""
        if not self.path.exists():
            raise _no_table(self.full_name(table))
        with connect(self.path, _silent, read_only=True) as con:
            existing = read_columns(con, table)
            if not existing:
                raise _no_table(self.full_name(table))
            names = [_chosen(existing, name) for name in columns] if columns else [c.name for c in existing]
            listed = ", ".join(identifier(name) for name in names)
            return con.sql(f"SELECT {listed} FROM {sql_name(table)}").to_arrow_table()

    def duplicates(self, table: Table, primary_key: Sequence[str]) -> DuplicateReport:
        """Repeated and null keys; with the default key, records that stand in several rows."""
        if not self.path.exists():
            return DuplicateReport(rows=0)
        with connect(self.path, _silent, read_only=True) as con:
            return find_duplicates(con, table, primary_key)

    def full_name(self, table: Table) -> str:
        """`database.schema.table`, as DuckDB calls it."""
        return f"{self.path.stem}.{table.schema}.{table.name}"


def _chosen(columns: Sequence[TableColumn], name: str) -> str:
    found = resolve_column(columns, name)
    if found is None:
        raise RestSourceError(
            "unknown_column",
            f"The table has no column `{name}`.",
            remedy=f"Choose among: {', '.join(column.name for column in columns)}.",
        )
    return found


def _no_table(name: str) -> RestSourceError:
    return RestSourceError(
        "no_table",
        f"There is no table {name} yet.",
        cause="The asset has not been materialized into this destination.",
        remedy="Materialize it first, or check REST_SOURCE_DESTINATION.",
    )
