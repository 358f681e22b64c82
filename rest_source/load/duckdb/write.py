"""How a staged load becomes rows of a DuckDB table: merge, append and replace, set by set.

There is no index: a primary key of DuckDB costs gigabytes on a large table. A merge compares keys and
`__hevo_id` by hash joins, deletes what changed and inserts what is new.
"""

import time
from dataclasses import dataclass

import duckdb

from rest_source.load.destination import CommitResult, LoadFacts, Table
from rest_source.load.duckdb.table import STAGED_RECORDS, Evolution, sql_name, sql_type
from rest_source.load.names import HEVO_ID, INGESTED_AT, LOADED_AT, MARKED_DELETED
from rest_source.load.schema import ColumnType
from rest_source.load.stage import Stage, as_timestamp, identifier


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes one staged load, attached as `__stage`, into one table of the open transaction."""

    con: duckdb.DuckDBPyConnection
    table: Table
    stage: Stage
    evolution: Evolution

    def write(self, load: LoadFacts) -> CommitResult:
        """Write by the load's mode; the counts add up to the rows read, less the rejected."""
        before = self._count(f"SELECT count(*) FROM {self._table}")
        match load.write:
            case "merge" if before:
                inserted, updated, deleted = *self._merge(), 0
            case "replace" if before:
                self.con.execute(f"DELETE FROM {self._table}")
                inserted, updated, deleted = self._insert(), 0, before
            case _:
                inserted, updated, deleted = self._insert(), 0, 0
        return CommitResult(
            rows_read=self.stage.read,
            rows_inserted=inserted,
            rows_updated=updated,
            rows_unchanged=self.stage.read - self.stage.rejected - inserted - updated,
            rows_deleted=deleted,
            rows_rejected=self.stage.rejected,
            row_count=self._count(f"SELECT count(*) FROM {self._table}"),
            columns_added=self.evolution.added,
            columns_widened=self.evolution.widened,
        )

    def _merge(self) -> tuple[int, int]:
        self.con.execute("CREATE OR REPLACE TEMP TABLE changes (id BIGINT, is_new BOOLEAN)")
        match = " AND ".join(f"t.{target} = {source}" for target, source in self._key)
        self.con.execute(
            f"INSERT INTO changes SELECT s.rowid, true FROM {STAGED_RECORDS} s ANTI JOIN {self._table} t ON {match}"
        )
        inserted = self._count("SELECT count(*) FROM changes")
        updated = 0 if self._default_key else self._delete_changed(match)
        self._insert("JOIN changes c ON c.id = s.rowid")
        self.con.execute("DROP TABLE changes")
        return inserted, updated

    def _delete_changed(self, match: str) -> int:
        self.con.execute(
            f"INSERT INTO changes SELECT DISTINCT s.rowid, false FROM {STAGED_RECORDS} s JOIN {self._table} t "
            f"ON {match} WHERE t.{HEVO_ID} <> s.{HEVO_ID}"
        )
        updated = self._count("SELECT count(*) FROM changes WHERE NOT is_new")
        if updated:
            self.con.execute(
                f"DELETE FROM {self._table} t USING {STAGED_RECORDS} s, changes c "
                f"WHERE c.id = s.rowid AND NOT c.is_new AND {match}"
            )
        return updated

    def _insert(self, joined: str = "") -> int:
        columns = [(column.name, self._staged(name)) for name, column in self.evolution.target.items()]
        columns += [
            (HEVO_ID, f"s.{HEVO_ID}"),
            (INGESTED_AT, f"s.{INGESTED_AT}"),
            (LOADED_AT, str(int(time.time() * 1000))),
            (MARKED_DELETED, "false"),
        ]
        names = ", ".join(identifier(name) for name, _ in columns)
        values = ", ".join(value for _, value in columns)
        return self._count(f"INSERT INTO {self._table} ({names}) SELECT {values} FROM {STAGED_RECORDS} s {joined}")

    def _staged(self, name: str) -> str:
        type_ = self.evolution.target[name].type
        return as_timestamp(f"s.{name}") if type_ is ColumnType.TIMESTAMPTZ else f"CAST(s.{name} AS {sql_type(type_)})"

    @property
    def _key(self) -> list[tuple[str, str]]:
        if self._default_key:
            return [(HEVO_ID, f"s.{HEVO_ID}")]
        return [(identifier(self.evolution.target[name].name), self._staged(name)) for name in self.stage.key]

    @property
    def _default_key(self) -> bool:
        return self.stage.key == (HEVO_ID,)

    @property
    def _table(self) -> str:
        return sql_name(self.table)

    def _count(self, sql: str) -> int:
        row = self.con.execute(sql).fetchone()
        return int(row[0]) if row else 0
