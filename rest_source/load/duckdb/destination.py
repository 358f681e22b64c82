"""DuckDB as a destination: one file, short locks, one transaction a load."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rest_source.load.commit import write_load
from rest_source.load.destination import (
    Announce,
    CommitResult,
    CommittedLoad,
    DuplicateReport,
    LoadFacts,
    RejectedRecord,
    silent,
)
from rest_source.load.dialect import count
from rest_source.load.duckdb.connection import DATABASE, connect
from rest_source.load.duckdb.session import DuckDBSession
from rest_source.load.duplicates import find_duplicates
from rest_source.load.engine import identifier, literal, memory_limit, open_engine
from rest_source.load.frames import Frame, Stored, store_frame
from rest_source.load.past_loads import find_load
from rest_source.load.relation import Table
from rest_source.load.stage import STAGE, Stage
from rest_source.load.system import (
    ensure_tables,
    longest_record,
    rejected_records,
)
from rest_source.load.view import chosen_columns, no_table, of_partitions, view

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

    def read(self, table: Table, columns: Sequence[str] | None, partitions: Sequence[str] | None = None) -> "pa.Table":
        """The rows of a table as Arrow, in the given columns (by either name) or all, of some partitions or all."""
        if not self.path.exists():
            raise no_table(self.full_name(table))
        with connect(self.path, silent, read_only=True) as con:
            session = DuckDBSession(con)
            existing = session.columns(table)
            if not existing:
                raise no_table(self.full_name(table))
            listed = ", ".join(identifier(column.name) for column in chosen_columns(existing, columns))
            batch = min(_BATCH_ROWS, max(1, _BATCH_BYTES // max(1, _make_room(session, table, len(existing)))))
            sql = f"SELECT {listed} FROM {session.place(table)} WHERE {of_partitions(existing, partitions)}"
            reader: pa.RecordBatchReader = con.sql(sql).to_arrow_reader(batch)
            return reader.read_all()

    def store(self, frame: Frame, announce: Announce) -> Stored:
        """Write the rows that an asset computed, and their record, in one transaction."""
        with connect(self.path, announce) as con:
            session = DuckDBSession(con)
            con.execute(f"SET memory_limit = '{memory_limit(frame.rows.num_columns, frame.row_bytes)}'")
            con.begin()
            ensure_tables(session)
            stored = store_frame(session, frame)
            con.commit()
            return stored

    def duplicates(self, table: Table, primary_key: Sequence[str]) -> DuplicateReport:
        """Repeated and null keys; with the default key, records that stand in several rows."""
        if not self.path.exists():
            return DuplicateReport(rows=0)
        with connect(self.path, silent, read_only=True) as con:
            session = DuckDBSession(con)
            _make_room(session, table, len(session.columns(table)))
            return find_duplicates(session, table, primary_key)

    @contextmanager
    def rejected(self, source: str, endpoint: str) -> Iterator[Iterator[RejectedRecord]]:
        """The records of an endpoint that were rejected, partition by partition, those read first at the head."""
        with self.reading() as session:
            yield rejected_records(session, source, endpoint)

    @contextmanager
    def reading(self) -> Iterator[DuckDBSession]:
        """A session that reads the file, or an empty database where there is none yet."""
        if not self.path.exists():
            with open_engine() as con:
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
