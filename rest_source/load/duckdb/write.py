"""How a staged load becomes rows of a DuckDB table: merge, append and replace, set by set.

There is no index: a primary key of DuckDB costs gigabytes on a large table. A merge compares keys and
`__hevo_id` by hash joins, deletes what changed and inserts what is new.

A key is one row: keys are compared as the table holds them, after the conversion to the column's type, within a
load as well as with the table. A key column that was widened from timestamps or decimals to text goes on
spelling them one way (`respelled`), and a key that stands in several rows is made one when it is read again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from rest_source.load.destination import CommitResult, LoadFacts, Table
from rest_source.load.duckdb.table import STAGE, described, respelled, sql_name, sql_type, staged_place
from rest_source.load.engine import as_timestamp, identifier
from rest_source.load.evolution import Evolution
from rest_source.load.names import HEVO_ID, INGESTED_AT, LOADED_AT, MARKED_DELETED
from rest_source.load.rejects import REJECTED
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
        staged = self._records if load.write == "append" else self._newest()
        match load.write:
            case "merge" if before:
                staged = self._not_superseded(staged) if load.retries_rejected else staged
                inserted, updated, deleted = *self._merge(staged), 0
            case "replace" if before:
                self.con.execute(f"DELETE FROM {self._table}")
                inserted, updated, deleted = self._insert(staged), 0, before
            case _:
                inserted, updated, deleted = self._insert(staged), 0, 0
        if load.marks_deleted and before:
            deleted += self._mark_missing()
        return CommitResult(
            rows_read=self.stage.read,
            rows_inserted=inserted,
            rows_updated=updated,
            rows_unchanged=self.stage.read - self.stage.rejected - inserted - updated,
            rows_deleted=deleted,
            rows_rejected=self.stage.rejected,
            row_count=self._count(f"SELECT count(*) FROM {self._table}"),
            columns_added=tuple(column.name for column in self.evolution.added),
            columns_widened=described(self.evolution),
            columns_ignored=self.evolution.ignored,
            columns_missing=self.evolution.missing if self.stage.read else (),
            reject_reasons=self.stage.reasons,
        )

    def _newest(self) -> str:
        """The staged rows that count: the stage holds a key once as it is spelled, but 1 and 1.0 are one key."""
        if self._default_key:
            return self._records
        keys = ", ".join(source for _, source in self._key)
        if not self._count(f"SELECT count(*) - count(DISTINCT hash({keys})) FROM {self._records} s"):
            return self._records
        self.con.execute(
            f"CREATE OR REPLACE TEMP TABLE newest AS SELECT max(s.rowid) AS id FROM {self._records} s GROUP BY {keys}"
        )
        return f"(SELECT rowid AS rowid, * FROM {self._records} WHERE rowid IN (SELECT id FROM newest))"

    def _not_superseded(self, staged: str) -> str:
        """The staged rows without those whose key has been read again since."""
        match = " AND ".join(f"t.{target} = {source}" for target, source in self._key)
        newer = f"t.{INGESTED_AT} > s.{INGESTED_AT}"
        return (
            f"(SELECT rowid AS rowid, * FROM {staged} WHERE rowid NOT IN "
            f"(SELECT s.rowid FROM {staged} s JOIN {self._table} t ON {match} WHERE {newer}))"
        )

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
        differs = f"(t.{HEVO_ID} <> s.{HEVO_ID} OR t.{MARKED_DELETED})"
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

    def _mark_missing(self) -> int:
        """Mark the rows whose key is neither among the records nor among the rejected ones."""
        values = ", ".join(f"TRY({source}) AS k{index}" for index, (_, source) in enumerate(self._key))
        returned = f"SELECT {values} FROM {self._records} s"
        if self.stage.rejected:
            ids = values if not self._default_key else "s.id AS k0"
            returned += f" UNION ALL SELECT {ids} FROM {STAGE}.main.{REJECTED} s"
        match = " AND ".join(f"t.{target} = r.k{index}" for index, (target, _) in enumerate(self._key))
        # Not by rowid, which may be a field of the records.
        return self._count(
            f"UPDATE {self._table} t SET {MARKED_DELETED} = true, {LOADED_AT} = {self.loaded_at} "
            f"WHERE NOT {MARKED_DELETED} AND NOT EXISTS (SELECT 1 FROM ({returned}) r WHERE {match})"
        )

    def _insert(self, staged: str, joined: str = "") -> int:
        columns = [(column.name, self._staged(name)) for name, column in self.evolution.target.items()]
        return self._count(insertion(self._table, columns, self.loaded_at, f"{staged} s {joined}"))

    def _staged(self, name: str) -> str:
        """A staged value as the table's column takes it."""
        column = self.evolution.target[name]
        if name in self.stage.key and column.type is ColumnType.TEXT:
            return respelled(f"s.{name}", self.before.get(column.name))
        return as_stored(f"s.{name}", column.type)

    @property
    def _key(self) -> list[tuple[str, str]]:
        if self._default_key:
            return [(HEVO_ID, f"s.{HEVO_ID}")]
        return [(identifier(self.evolution.target[name].name), self._staged(name)) for name in self.stage.key]

    @property
    def _records(self) -> str:
        return staged_place(self.stage.tables[0])

    @property
    def _default_key(self) -> bool:
        return self.stage.key == (HEVO_ID,)

    @property
    def _table(self) -> str:
        return sql_name(self.table)

    def _count(self, sql: str) -> int:
        row = self.con.execute(sql).fetchone()
        return int(row[0]) if row else 0


def as_stored(expression: str, type_: ColumnType) -> str:
    """A staged value as a column of that type takes it."""
    return as_timestamp(expression) if type_ is ColumnType.TIMESTAMPTZ else f"CAST({expression} AS {sql_type(type_)})"


def insertion(table: str, columns: Sequence[tuple[str, str]], loaded_at: int, rows: str) -> str:
    """The statement that inserts staged rows `s`: the given columns with their values, and the metadata columns."""
    columns = [
        *columns,
        (HEVO_ID, f"s.{HEVO_ID}"),
        (INGESTED_AT, f"s.{INGESTED_AT}"),
        (LOADED_AT, str(loaded_at)),
        (MARKED_DELETED, "false"),
    ]
    names = ", ".join(identifier(name) for name, _ in columns)
    return f"INSERT INTO {table} ({names}) SELECT {', '.join(value for _, value in columns)} FROM {rows}"
