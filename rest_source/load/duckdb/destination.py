"""DuckDB as a destination: one file, short locks, one transaction a load."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from rest_source.errors import RestSourceError
from rest_source.load.destination import (
    Announce,
    CommitResult,
    CommittedLoad,
    DuplicateReport,
    LoadFacts,
    RejectedRecord,
    SchemaReport,
    Table,
    TableColumn,
    TableView,
    resolve_column,
    silent,
)
from rest_source.load.duckdb.children import Children, has_shape, refuse_elements
from rest_source.load.duckdb.connection import connect
from rest_source.load.duckdb.duplicates import find_duplicates
from rest_source.load.duckdb.system import (
    ensure_tables,
    find_load,
    longest_record,
    record_load,
    rejected_records,
    schema_changes,
    widenings,
)
from rest_source.load.duckdb.table import STAGE, described, evolve, read_columns, sql_name, types_before_text
from rest_source.load.duckdb.write import Writer
from rest_source.load.engine import identifier, literal, memory_limit
from rest_source.load.names import INGESTED_AT
from rest_source.load.stage import Stage

if TYPE_CHECKING:
    import pyarrow as pa

_PREVIEW_ROWS = 5
_PREVIEW_CHARACTERS = 61  # one more than are shown, so that a value that was cut can be told
_ROW_GROUP = 122_880  # rows that DuckDB stores together
_VECTOR = 2048  # DuckDB reads so many rows at a time, of which some are held twice
_BATCH_BYTES = 2**28
_BATCH_ROWS = 2**17


@dataclass(frozen=True, slots=True)
class DuckDBDestination:
    """Tables in a DuckDB file, `<schema>.<table>` for `<source>.<endpoint>`."""

    path: Path
    kind: str = "duckdb"

    @property
    def uri(self) -> str:
        """The URL of the file, with its absolute path."""
        return f"duckdb:///{self.path.resolve()}"

    def commit(self, stage: Stage, load: LoadFacts, announce: Announce) -> CommitResult:
        """Write a staged load and its record in one transaction: all of it, or nothing."""
        table = Table.of(load.source, load.endpoint)
        with connect(self.path, announce) as con:
            con.execute(f"SET TimeZone = {literal(stage.timezone)}")
            con.execute(f"ATTACH {literal(str(stage.path))} AS {STAGE} (READ_ONLY)")
            con.execute("SET preserve_insertion_order = false")  # else one thread writes all rows
            con.begin()
            ensure_tables(con)
            refuse_elements(con, table)
            if not has_shape(con, table):  # the first records give it one, whatever the file forbids later
                load = replace(load, schema_change="evolve")
            evolution = evolve(con, table, stage.tables[0], load.schema_change, stage.key, load.write != "replace")
            con.execute(f"SET memory_limit = '{memory_limit(evolution.width, stage.longest_line)}'")
            before = types_before_text([*widenings(con, table), *described(evolution)])
            loaded_at = int(time.time() * 1000)
            result = Writer(con, table, stage, evolution, before, loaded_at).write(load)
            result = Children(con, table, stage, load, loaded_at).write(result)
            record_load(con, load, stage, result, loaded_at)
            columns = read_columns(con, table)
            if result.rows_inserted > _ROW_GROUP and not result.rows_updated + result.rows_deleted:
                # To merge the few rows that each thread has left over, DuckDB would write most others once more.
                con.execute("SET max_vacuum_tasks = 0")
            con.commit()
            return result.showing(TableView(columns, _preview(con, table, columns)))

    def find_load(
        self,
        source: str,
        endpoint: str,
        announce: Announce = silent,
        *,
        load_id: str | None = None,
        run_id: str | None = None,
    ) -> CommittedLoad | None:
        """The newest committed load of an endpoint, of that id or that run if one is given."""
        if not self.path.exists():
            return None
        with connect(self.path, announce, read_only=True) as con:
            found = find_load(con, source, endpoint, load_id, run_id)
            columns = read_columns(con, table := Table.of(source, endpoint))
            if found is None or not columns:
                return found
            _make_room(con, table, len(columns))
            result = replace(found.result, row_count=_rows(con, table))
            return replace(found, result=result.showing(TableView(columns, _preview(con, table, columns))))

    def read(self, table: Table, columns: Sequence[str] | None) -> "pa.Table":
        """The rows of a table as Arrow, in the given columns (by either name) or all."""
        if not self.path.exists():
            raise _no_table(self.full_name(table))
        with connect(self.path, silent, read_only=True) as con:
            existing = read_columns(con, table)
            if not existing:
                raise _no_table(self.full_name(table))
            names = [_chosen(existing, name) for name in columns] if columns else [c.name for c in existing]
            listed = ", ".join(identifier(name) for name in names)
            batch = min(_BATCH_ROWS, max(1, _BATCH_BYTES // max(1, _make_room(con, table, len(existing)))))
            reader: pa.RecordBatchReader = con.sql(f"SELECT {listed} FROM {sql_name(table)}").to_arrow_reader(batch)
            return reader.read_all()

    def duplicates(self, table: Table, primary_key: Sequence[str]) -> DuplicateReport:
        """Repeated and null keys; with the default key, records that stand in several rows."""
        if not self.path.exists():
            return DuplicateReport(rows=0)
        with connect(self.path, silent, read_only=True) as con:
            _make_room(con, table, len(read_columns(con, table)))
            return find_duplicates(con, table, primary_key)

    def schema_changes(self, source: str, endpoint: str) -> SchemaReport:
        """How the table of an endpoint has changed."""
        if not self.path.exists():
            return SchemaReport(None)
        with connect(self.path, silent, read_only=True) as con:
            return schema_changes(con, source, endpoint)

    @contextmanager
    def rejected(self, source: str, endpoint: str) -> Iterator[Iterator[RejectedRecord]]:
        """The records of an endpoint that were rejected, those read first at the head."""
        if not self.path.exists():
            yield iter(())
            return
        with connect(self.path, silent, read_only=True) as con:
            yield rejected_records(con, source, endpoint)

    def full_name(self, table: Table) -> str:
        """`database.schema.table`, as DuckDB calls it."""
        return f"{self.path.stem}.{table.schema}.{table.name}"


def _make_room(con: duckdb.DuckDBPyConnection, table: Table, width: int) -> int:
    """Allow a reader the memory for records as long as the table's longest; returns its bytes."""
    longest = longest_record(con, table)
    at_once = longest * min(_rows(con, table), _VECTOR) if longest and width else 0
    con.execute(f"SET memory_limit = '{memory_limit(width, max(longest, at_once // 4))}'")
    return longest


def _rows(con: duckdb.DuckDBPyConnection, table: Table) -> int:
    row = con.execute(f"SELECT count(*) FROM {sql_name(table)}").fetchone()
    return int(row[0]) if row else 0


def _preview(
    con: duckdb.DuckDBPyConnection, table: Table, columns: Sequence[TableColumn]
) -> tuple[tuple[str | None, ...], ...]:
    """The rows read last, cut to their first characters; none if they cannot be had, for the load is committed."""
    cells = ", ".join(f"left(CAST({identifier(c.name)} AS VARCHAR), {_PREVIEW_CHARACTERS})" for c in columns)
    last = f"SELECT rowid FROM {sql_name(table)} ORDER BY {INGESTED_AT} DESC LIMIT {_PREVIEW_ROWS}"
    try:
        con.execute("SET TimeZone = 'UTC'")
        order = f"ORDER BY {INGESTED_AT} DESC LIMIT {_PREVIEW_ROWS}"  # a field may be called rowid, and not be unique
        rows = con.execute(f"SELECT {cells} FROM {sql_name(table)} WHERE rowid IN ({last}) {order}")
        return tuple(rows.fetchall())
    except Exception:
        return ()


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
