"""DuckDB as a destination: one file, short locks, one transaction a load."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from rest_source.load.commit import write_load
from rest_source.load.destination import (
    Announce,
    CommitResult,
    CommittedLoad,
    DuplicateReport,
    LastLoad,
    LoadFacts,
    RejectedRecord,
    SchemaReport,
    Table,
    silent,
)
from rest_source.load.dialect import count
from rest_source.load.duckdb.connection import DATABASE, connect
from rest_source.load.duckdb.session import DuckDBSession
from rest_source.load.duplicates import find_duplicates
from rest_source.load.engine import identifier, literal, memory_limit
from rest_source.load.stage import STAGE, Stage
from rest_source.load.system import (
    cursors,
    ensure_tables,
    failed_requests,
    find_load,
    last_loads,
    longest_record,
    recent_rows,
    rejected_records,
    schema_changes,
)
from rest_source.load.view import chosen_columns, newest, no_table, parent_rows, view

if TYPE_CHECKING:
    import pyarrow as pa

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
            session = DuckDBSession(con)
            fields = {c.original for c in session.columns(table)} | {c.original for c in stage.columns}
            con.execute(f"SET memory_limit = '{memory_limit(len(fields), stage.longest_line)}'")
            con.begin()
            ensure_tables(session)
            result = write_load(session, stage, load)
            if result.rows_inserted > _ROW_GROUP and not result.rows_updated + result.rows_deleted:
                # To merge the few rows that each thread has left over, DuckDB would write most others once more.
                con.execute("SET max_vacuum_tasks = 0")
            con.commit()
            con.execute("SET TimeZone = 'UTC'")
            return result.showing(view(session, table, session.columns(table)))

    def find_load(
        self,
        source: str,
        endpoint: str,
        announce: Announce = silent,
        *,
        load_id: str | None = None,
        run_id: str | None = None,
        partition: str | None = None,
    ) -> CommittedLoad | None:
        """The newest committed load of an endpoint, of that id, that run or that partition if one is given."""
        if not self.path.exists():
            return None
        with connect(self.path, announce, read_only=True) as con:
            session = DuckDBSession(con)
            found = find_load(session, source, endpoint, load_id, run_id, partition)
            columns = session.columns(table := Table.of(source, endpoint))
            if found is None or not columns:
                return found
            _make_room(session, table, len(columns))
            result = replace(found.result, row_count=count(session, f"SELECT count(*) FROM {session.place(table)}"))
            return replace(found, result=result.showing(view(session, table, columns)))

    def read(self, table: Table, columns: Sequence[str] | None) -> "pa.Table":
        """The rows of a table as Arrow, in the given columns (by either name) or all."""
        if not self.path.exists():
            raise no_table(self.full_name(table))
        with connect(self.path, silent, read_only=True) as con:
            session = DuckDBSession(con)
            existing = session.columns(table)
            if not existing:
                raise no_table(self.full_name(table))
            listed = ", ".join(identifier(column.name) for column in chosen_columns(existing, columns))
            batch = min(_BATCH_ROWS, max(1, _BATCH_BYTES // max(1, _make_room(session, table, len(existing)))))
            sql = f"SELECT {listed} FROM {session.place(table)}"
            reader: pa.RecordBatchReader = con.sql(sql).to_arrow_reader(batch)
            return reader.read_all()

    def duplicates(self, table: Table, primary_key: Sequence[str]) -> DuplicateReport:
        """Repeated and null keys; with the default key, records that stand in several rows."""
        if not self.path.exists():
            return DuplicateReport(rows=0)
        with connect(self.path, silent, read_only=True) as con:
            session = DuckDBSession(con)
            _make_room(session, table, len(session.columns(table)))
            return find_duplicates(session, table, primary_key)

    def recent_rows(self, source: str, endpoint: str, limit: int) -> list[int]:
        """How many records the last loads of an endpoint read, the newest first."""
        with self._reading() as session:
            return recent_rows(session, source, endpoint, limit)

    def last_loads(self, source: str, since: datetime) -> list[LastLoad]:
        """The last load of each endpoint before a moment, and of each of its partitions since then."""
        with self._reading() as session:
            return last_loads(session, source, since)

    def schema_changes(self, source: str, endpoint: str) -> SchemaReport:
        """How the table of an endpoint has changed."""
        if not self.path.exists():
            return SchemaReport(None)
        with connect(self.path, silent, read_only=True) as con:
            return schema_changes(DuckDBSession(con), source, endpoint)

    @contextmanager
    def rejected(self, source: str, endpoint: str) -> Iterator[Iterator[RejectedRecord]]:
        """The records of an endpoint that were rejected, those read first at the head."""
        if not self.path.exists():
            yield iter(())
            return
        with connect(self.path, silent, read_only=True) as con:
            yield rejected_records(DuckDBSession(con), source, endpoint)

    def cursors(self, source: str, endpoint: str) -> dict[str, Any]:
        """How far an endpoint has been read, by scope."""
        with self._reading() as session:
            return cursors(session, source, endpoint)

    def failed_requests(self, source: str, endpoint: str) -> list[dict[str, Any]]:
        """The rows of the parent whose requests failed, by their fields."""
        with self._reading() as session:
            return failed_requests(session, source, endpoint)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a query, by column."""
        with self._reading() as session:
            return session.named_rows(sql)

    def newest(self, table: Table) -> int:
        """When the last rows of a table were loaded (epoch ms); 0 where there are none."""
        with self._reading() as session:
            return newest(session, table)

    def parent_rows(self, table: Table, fields: Sequence[str], where: str | None, since: int) -> list[dict[str, Any]]:
        """The distinct values of fields in the rows of a table that were loaded after `since` (epoch ms)."""
        with self._reading() as session:
            return parent_rows(session, table, fields, where, since)

    @contextmanager
    def _reading(self) -> Iterator[DuckDBSession]:
        """A session that reads the file, or an empty database where there is none yet."""
        if not self.path.exists():
            with duckdb.connect() as con:
                con.execute(f"ATTACH ':memory:' AS {DATABASE}")
                yield DuckDBSession(con)
            return
        with connect(self.path, silent, read_only=True) as con:
            yield DuckDBSession(con)

    def full_name(self, table: Table) -> str:
        """`database.schema.table`, as DuckDB calls it."""
        return f"{self.path.stem}.{table.schema}.{table.name}"


def _make_room(session: DuckDBSession, table: Table, width: int) -> int:
    """Allow a reader the memory for records as long as the table's longest; returns its bytes."""
    longest = longest_record(session, table)
    rows = count(session, f"SELECT count(*) FROM {session.place(table)}") if longest and width else 0
    limit = memory_limit(width, max(longest, longest * min(rows, _VECTOR) // 4))
    session.execute(f"SET memory_limit = '{limit}'")
    return longest
