"""How a staged load becomes rows of a DuckDB table: merge, append and replace, set by set.

There is no index: a primary key of DuckDB costs gigabytes on a large table. A merge compares keys and
`__hevo_id` by hash joins, deletes what changed and inserts what is new.

A key is one row: keys are compared as the table holds them, after the conversion to the column's type, within a
load as well as with the table. A key column that was widened from timestamps or decimals to text goes on
spelling them one way (`respelled`), and a key that stands in several rows is made one when it is read again.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from rest_source.load.destination import CommitResult, LoadFacts, Table
from rest_source.load.duckdb.table import STAGED_RECORDS, Evolution, respelled, sql_name, sql_type
from rest_source.load.engine import as_timestamp, identifier
from rest_source.load.names import HEVO_ID, INGESTED_AT, LOADED_AT, MARKED_DELETED
from rest_source.load.schema import ColumnType
from rest_source.load.stage import Stage


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes one staged load, attached as `__stage`, into one table of the open transaction.

    `before` has the type of columns that are text by now; `loaded_at` is epoch ms.
    """

    con: duckdb.DuckDBPyConnection
    table: Table
    stage: Stage
    evolution: Evolution
    before: Mapping[str, ColumnType]
    loaded_at: int

    def write(self, load: LoadFacts) -> CommitResult:
        """Write by the load's mode; the counts add up to the rows read, less the rejected."""
        before = self._count(f"SELECT count(*) FROM {self._table}")
        staged = STAGED_RECORDS if load.write == "append" else self._newest()
        match load.write:
            case "merge" if before:
                inserted, updated, deleted = *self._merge(staged), 0
            case "replace" if before:
                self.con.execute(f"DELETE FROM {self._table}")
                inserted, updated, deleted = self._insert(staged), 0, before
            case _:
                inserted, updated, deleted = self._insert(staged), 0, 0
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

    def _newest(self) -> str:
        """The staged rows that count: the stage holds a key once as it is spelled, but 1 and 1.0 are one key."""
        if self._default_key:
            return STAGED_RECORDS
        keys = ", ".join(source for _, source in self._key)
        if not self._count(f"SELECT count(*) - count(DISTINCT hash({keys})) FROM {STAGED_RECORDS} s"):
            return STAGED_RECORDS
        self.con.execute(
            f"CREATE OR REPLACE TEMP TABLE newest AS SELECT max(s.rowid) AS id FROM {STAGED_RECORDS} s GROUP BY {keys}"
        )
        return f"(SELECT rowid AS rowid, * FROM {STAGED_RECORDS} WHERE rowid IN (SELECT id FROM newest))"

    def _merge(self, staged: str) -> tuple[int, int]:
        self.con.execute("CREATE OR REPLACE TEMP TABLE changes (id BIGINT, is_new BOOLEAN)")
        match = " AND ".join(f"t.{target} = {source}" for target, source in self._key)
        inserted = self._count(
            f"INSERT INTO changes SELECT s.rowid, true FROM {staged} s ANTI JOIN {self._table} t ON {match}"
        )
        found = self._count(f"SELECT count(*) FROM {staged}") - inserted
        updated = self._delete_changed(staged, match, found) if found else 0
        self._insert(staged, "JOIN changes c ON c.id = s.rowid")
        return inserted, updated

    def _delete_changed(self, staged: str, match: str, found: int) -> int:
        """Delete the rows of keys that changed or stand in several rows; `found` counts the keys in the table."""
        pairs = f"{staged} s JOIN {self._table} t ON {match}"
        differs = f"t.{HEVO_ID} <> s.{HEVO_ID}"
        row = self.con.execute(f"SELECT count(*), count(*) FILTER ({differs}) FROM {pairs}").fetchone()
        if row in (None, (found, 0)):
            return 0
        updated = self._count(
            f"INSERT INTO changes SELECT s.rowid, false FROM {pairs} "
            f"GROUP BY s.rowid HAVING count(*) > 1 OR bool_or({differs})"
        )
        self.con.execute(
            f"DELETE FROM {self._table} t USING {staged} s, changes c WHERE c.id = s.rowid AND NOT c.is_new AND {match}"
        )
        return updated

    def _insert(self, staged: str, joined: str = "") -> int:
        columns = [(column.name, self._staged(name)) for name, column in self.evolution.target.items()]
        columns += [
            (HEVO_ID, f"s.{HEVO_ID}"),
            (INGESTED_AT, f"s.{INGESTED_AT}"),
            (LOADED_AT, str(self.loaded_at)),
            (MARKED_DELETED, "false"),
        ]
        names = ", ".join(identifier(name) for name, _ in columns)
        values = ", ".join(value for _, value in columns)
        return self._count(f"INSERT INTO {self._table} ({names}) SELECT {values} FROM {staged} s {joined}")

    def _staged(self, name: str) -> str:
        """A staged value as the table's column takes it."""
        column = self.evolution.target[name]
        if column.type is ColumnType.TIMESTAMPTZ:
            return as_timestamp(f"s.{name}")
        if name in self.stage.key and column.type is ColumnType.TEXT:
            return respelled(f"s.{name}", self.before.get(column.name))
        return f"CAST(s.{name} AS {sql_type(column.type)})"

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
