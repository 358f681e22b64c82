"""PostgreSQL as a destination: one transaction a load, and a turn for each table."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import duckdb
import psycopg
from psycopg.conninfo import conninfo_to_dict

from rest_source.errors import RestSourceError
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
from rest_source.load.duplicates import find_duplicates
from rest_source.load.engine import config, literal, open_engine
from rest_source.load.frames import Frame, Stored, store_frame
from rest_source.load.past_loads import find_load
from rest_source.load.postgres.connection import connect, take_turn
from rest_source.load.postgres.dialect import POSTGRES
from rest_source.load.postgres.session import PostgresSession
from rest_source.load.postgres.transfer import receive
from rest_source.load.relation import Table
from rest_source.load.stage import STAGE, Stage
from rest_source.load.system import (
    SYSTEM,
    ensure_tables,
    lacks_tables,
    longest_record,
    rejected_records,
)
from rest_source.load.view import chosen_columns, no_table, of_partitions, view
from rest_source.spec.base import shortened

if TYPE_CHECKING:
    import pyarrow as pa

_WORK_MEMORY = "64MB"


@dataclass(frozen=True, slots=True)
class PostgresDestination:
    """Tables in a PostgreSQL database, `<schema>.<table>` for `<source>.<endpoint>`; `url` may hold a password."""

    url: str
    uri: str
    database: str
    kind: str = "postgresql"

    @classmethod
    def of(cls, url: str) -> "PostgresDestination":
        """The destination of a URL as libpq reads it."""
        if _is_torn(url):
            raise _unreadable()
        try:
            parts = conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            raise _unreadable() from None  # its words may hold the password
        database = str(parts.get("dbname") or parts.get("user") or "postgres")
        place = f"{parts.get('host') or 'localhost'}:{parts.get('port') or 5432}"
        return cls(url, f"postgresql://{place}/{database}", database)

    def __repr__(self) -> str:
        return f"PostgresDestination({self.uri})"

    def commit(self, stage: Stage, load: LoadFacts, announce: Announce) -> CommitResult:
        """Write a staged load and its record in one transaction: all of it, or nothing.

        Loads of one table take turns; those of others go on beside it.
        """
        table = Table.of(load.source, load.endpoint)
        with connect(self.url, self.uri) as con, _reading(stage) as engine:
            session = PostgresSession(con, engine)
            _prepare(session, table.schema, announce)
            with con.transaction():
                take_turn(con, f"{table.schema}.{table.name}", announce)
                con.execute(f"SET LOCAL work_mem = '{_WORK_MEMORY}'".encode())
                con.execute(f"SET LOCAL TimeZone = {literal(stage.timezone)}".encode())
                result = write_load(session, stage, load)
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
        with self.reading() as session:
            found = find_load(session, source, endpoint, load_id, run_id, partition)
            columns = session.columns(table := Table.of(source, endpoint))
            if found is None or not columns:
                return found
            result = replace(found.result, row_count=count(session, f"SELECT count(*) FROM {session.place(table)}"))
            return replace(found, result=result.showing(view(session, table, columns)))

    def read(self, table: Table, columns: Sequence[str] | None, partitions: Sequence[str] | None = None) -> "pa.Table":
        """The rows of a table as Arrow, in the given columns (by either name) or all, of some partitions or all."""
        with self.reading() as session:
            existing = session.columns(table)
            if not existing:
                raise no_table(self.full_name(table))
            longest = longest_record(session, table)
            rows = f"{session.place(table)} WHERE {of_partitions(existing, partitions)}"
            return receive(session.con, rows, chosen_columns(existing, columns), longest)

    def store(self, frame: Frame, announce: Announce) -> Stored:
        """Write the rows that an asset computed, and their record, in one transaction."""
        table = Table.of_key(frame.key)
        with connect(self.url, self.uri) as con, open_engine() as engine:
            engine.execute("SET TimeZone = 'UTC'")
            session = PostgresSession(con, engine)
            _prepare(session, table.schema, announce)
            with con.transaction():
                take_turn(con, f"{table.schema}.{table.name}", announce)
                return store_frame(session, frame)

    def duplicates(self, table: Table, primary_key: Sequence[str]) -> DuplicateReport:
        """Repeated and null keys; with the default key, records that stand in several rows."""
        with self.reading() as session:
            return find_duplicates(session, table, primary_key)

    @contextmanager
    def rejected(self, source: str, endpoint: str) -> Iterator[Iterator[RejectedRecord]]:
        """The records of an endpoint that were rejected, partition by partition, those read first at the head."""
        with self.reading() as session:
            yield rejected_records(session, source, endpoint)

    def full_name(self, table: Table) -> str:
        """`database.schema.table`, as PostgreSQL calls it."""
        names = (shortened(name, POSTGRES.longest_name) for name in (table.schema, table.name))
        return ".".join((self.database, *names))

    @contextmanager
    def reading(self) -> Iterator[PostgresSession]:
        """A session outside any transaction, with no stage."""
        with connect(self.url, self.uri) as con, open_engine() as engine:
            con.execute(f"SET work_mem = '{_WORK_MEMORY}'".encode())
            yield PostgresSession(con, engine)


@contextmanager
def _reading(stage: Stage) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with the stage attached."""
    width = sum(len(table.columns) for table in stage.tables)
    settings = config(stage.path.with_name("duckdb_tmp"), width, stage.longest_line)
    with open_engine(config=settings) as engine:
        engine.execute(f"SET TimeZone = {literal(stage.timezone)}")
        engine.execute(f"ATTACH {literal(str(stage.path))} AS {STAGE} (READ_ONLY)")
        yield engine


def _prepare(session: PostgresSession, schema: str, announce: Announce) -> None:
    """Make what all loads share, in a transaction of its own: made in that of a load, it would keep others waiting."""
    if not session.has_schema(schema) or lacks_tables(session):
        with session.con.transaction():
            take_turn(session.con, SYSTEM, announce)
            session.make_schema(schema)
            ensure_tables(session)


def _is_torn(url: str) -> bool:
    """Whether a password that holds an unescaped @ or / would be taken for host, port and database, and be shown."""
    server, _, database = url.partition("://")[2].partition("?")[0].partition("/")
    return server.count("@") > 1 or "@" in database


def _unreadable() -> RestSourceError:
    return RestSourceError(
        "destination_url",
        "The PostgreSQL destination is not a URL that can be read.",
        cause="The destination is given by REST_SOURCE_DESTINATION or --destination.",
        remedy="Write postgresql://user:password@host:5432/database; in user and password, write @ as %40, / as %2F, "
        ": as %3A, # as %23, ? as %3F and % as %25.",
    )
