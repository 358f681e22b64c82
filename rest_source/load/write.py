"""How a staged load becomes rows of a table: merge, append and replace, set by set.

There is no index: a primary key of DuckDB costs gigabytes on a large table, and one of Postgres slows every write. A
merge compares keys and `__hevo_id` by hash joins, deletes what changed and inserts what is new.

A key is one row: keys are compared as the table holds them, after the conversion to the column's type, within a
load as well as with the table. A key column that was widened from timestamps or decimals to text goes on
spelling them one way (`values.respelled`), and a key that stands in several rows is made one when it is read again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rest_source.load.destination import CommitResult, LoadFacts
from rest_source.load.dialect import Session, StagedRows, count
from rest_source.load.engine import identifier, literal
from rest_source.load.evolution import Evolution
from rest_source.load.names import HEVO_ID, INGESTED_AT, LOADED_AT, MARKED_DELETED
from rest_source.load.relation import Table
from rest_source.load.stage import Stage
from rest_source.load.table import described
from rest_source.spec.names import PARTITION

_ALL = "true"


@dataclass(frozen=True, slots=True)
class _GivenWay:
    """Rows of the table that gave way to staged ones of their key: `updated` counts keys.

    Of the rows, `moved` stood in another partition, and `united` were not the only one of their key.
    """

    updated: int = 0
    moved: int = 0
    united: int = 0


_NONE = _GivenWay()


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes one staged load into one table of the open transaction; `loaded_at` is epoch ms.

    In a partitioned table a row whose key is read in another partition moves there; with the default key, or one that
    the partition is a part of, each partition has a row of its own.
    """

    session: Session
    table: Table
    stage: Stage
    evolution: Evolution
    staged: StagedRows
    loaded_at: int
    partition: str = ""

    def write(self, load: LoadFacts) -> CommitResult:
        """Write by the load's mode; the counts add up to the rows read, less the rejected."""
        before = self._rows()
        chosen, respelled = (_ALL, 0) if load.write == "append" else self._newest()
        merges = load.write == "merge" or (load.write == "replace" and self.partition)
        match "merge" if merges else load.write:
            case "merge" if before:
                chosen = self._not_superseded(chosen) if load.retries_rejected else chosen
                inserted, given_way = self._merge(chosen)
                deleted = self._empty(load.covered)
            case "replace" if before:
                self.session.execute(f"DELETE FROM {self._table}")
                inserted, given_way, deleted = self._insert(chosen), _NONE, before
            case _:
                inserted, given_way, deleted = self._insert(chosen), _NONE, 0
        if load.marks_deleted and before:
            deleted += self._mark(load.suspects)
        known = CommitResult.of(self.stage)
        result = replace(
            known,
            rows_inserted=inserted,
            rows_updated=given_way.updated,
            rows_unchanged=self.stage.read - self.stage.rejected - inserted - given_way.updated,
            rows_deleted=deleted,
            rows_merged=known.rows_merged + respelled,
            rows_moved=given_way.moved,
            rows_united=given_way.united,
            row_count=self._rows(),
            partition_rows=self._rows(f"{PARTITION} = {literal(self.partition)}") if self.partition else None,
            columns_added=tuple(column.name for column in self.evolution.added),
            columns_widened=described(self.evolution, self.session.dialect),
            columns_ignored=self.evolution.ignored,
            columns_missing=self.evolution.missing if self.stage.read else (),
        )
        return result.suspecting(self._suspects()) if load.seeks_suspects and before else result

    def _mark(self, suspects: frozenset[str] | None) -> int:
        """Mark the rows that were not returned; of the suspects only, if there are some to choose from."""
        marks = f"{MARKED_DELETED} = true, {LOADED_AT} = {self.loaded_at}"
        of_these = f" AND t_.{HEVO_ID} IN (SELECT unnest(CAST(? AS VARCHAR[])))" if suspects is not None else ""
        missing = self._missing(f"NOT t_.{MARKED_DELETED}{of_these}")
        chosen = [sorted(suspects)] if suspects is not None else []
        return self.session.execute(f"UPDATE {self._table} t_ SET {marks} {missing}", chosen)

    def _suspects(self) -> frozenset[str]:
        rows = self.session.rows(
            f"SELECT t_.{HEVO_ID} FROM {self._table} t_ {self._missing(f'NOT t_.{MARKED_DELETED}')}"
        )
        return frozenset(id for (id,) in rows)

    def _newest(self) -> tuple[str, int]:
        """Which staged rows count, and how many do not: the stage has a key once as it is spelled, but 1.0 is 1."""
        if self._default_key:
            return _ALL, 0
        keys = ", ".join(source for _, source in self._fields)
        hashed = self.session.dialect.hashed(keys)
        older = count(self.session, f"SELECT count(*) - count(DISTINCT {hashed}) FROM {self._staged}")
        if not older:
            return _ALL, 0
        self.session.execute(
            f"CREATE TEMP TABLE newest AS SELECT max(s_.rowid) AS id FROM {self._staged} GROUP BY {keys}"
        )
        return "s_.rowid IN (SELECT id FROM newest)", older

    def _not_superseded(self, chosen: str) -> str:
        """Which of the staged rows are left without those whose key has been read again since."""
        newer = f"t_.{INGESTED_AT} > s_.{INGESTED_AT}"
        read_again = f"EXISTS (SELECT 1 FROM {self._table} t_ WHERE {self._match} AND {newer})"
        return f"{chosen} AND NOT {read_again}"

    def _merge(self, chosen: str) -> tuple[int, "_GivenWay"]:
        self.session.execute("CREATE TEMP TABLE changes (id BIGINT, is_new BOOLEAN)")
        known = f"EXISTS (SELECT 1 FROM {self._table} t_ WHERE {self._match})"
        inserted = self.session.execute(
            f"INSERT INTO changes SELECT s_.rowid, true FROM {self._staged} WHERE {chosen} AND NOT {known}"
        )
        found = count(self.session, f"SELECT count(*) FROM {self._staged} WHERE {chosen}") - inserted
        given_way = self._delete_changed(chosen, found) if found else _NONE
        self._insert("true", "JOIN changes c_ ON c_.id = s_.rowid")
        return inserted, given_way

    def _delete_changed(self, chosen: str, found: int) -> "_GivenWay":
        """Delete the rows of keys that changed or stand in several rows; `found` counts the keys in the table."""
        pairs = f"{self._staged} JOIN {self._table} t_ ON {self._match} WHERE {chosen}"
        elsewhere = f" OR t_.{PARTITION} IS DISTINCT FROM {literal(self.partition)}" if self.partition else ""
        differs = f"(t_.{HEVO_ID} <> s_.{HEVO_ID} OR t_.{MARKED_DELETED}{elsewhere})"
        moves = f"t_.{PARTITION} <> {literal(self.partition)}" if self.partition else "false"
        counts = f"count(*), count(*) FILTER (WHERE {differs}), count(*) FILTER (WHERE {moves})"
        ((pairs_found, changed, moved),) = self.session.rows(f"SELECT {counts} FROM {pairs}")
        if (pairs_found, changed) == (found, 0):
            return _NONE
        updated = self.session.execute(
            f"INSERT INTO changes SELECT s_.rowid, false FROM {pairs} "
            f"GROUP BY s_.rowid HAVING count(*) > 1 OR bool_or({differs})"
        )
        these = f"c_.id = s_.rowid AND NOT c_.is_new AND {self._match}"
        self.session.execute(f"DELETE FROM {self._table} t_ USING {self._staged}, changes c_ WHERE {these}")
        return _GivenWay(updated, moved, pairs_found - found)

    def _empty(self, partitions: Sequence[str]) -> int:
        """Delete the rows of partitions whose key was not returned."""
        if not partitions:
            return 0
        inside = f"t_.{PARTITION} IN ({', '.join(map(literal, partitions))})"
        return self.session.execute(f"DELETE FROM {self._table} t_ {self._missing(inside)}")

    def _missing(self, condition: str) -> str:
        """The rows that meet a condition and whose key is neither among the records nor among the rejected ones."""
        names = [f"k{index}" for index, _ in enumerate(self._key)]
        keys = [source for _, source in self._key]
        returned = f"SELECT {_aliased(keys, names)} FROM {self._staged}"
        if self.stage.rejected:
            ids = ["s_.id", *keys[1:]] if self._default_key else list(map(self.session.dialect.attempt, keys))
            returned += f" UNION ALL SELECT {_aliased(ids, names)} FROM {self.staged.rejects} s_"
        match = " AND ".join(f"t_.{target} = r.{name}" for (target, _), name in zip(self._key, names, strict=True))
        # Not by the row's id, whose name may be a field of the records.
        return f"WHERE {condition} AND NOT EXISTS (SELECT 1 FROM ({returned}) r WHERE {match})"

    def _insert(self, chosen: str, joined: str = "") -> int:
        columns = [(column.name, self.staged.values[name]) for name, column in self.evolution.target.items()]
        columns += [(PARTITION, literal(self.partition))] if self.partition else []
        rows = f"{self._staged} {joined} WHERE {chosen}"
        return self.session.execute(insertion(self._table, columns, self.loaded_at, rows))

    @property
    def _key(self) -> list[tuple[str, str]]:
        here = [(PARTITION, literal(self.partition))] if self.partition else []
        return [*self._fields, *(here if self._default_key or self.stage.keyed_by_partition else [])]

    @property
    def _fields(self) -> list[tuple[str, str]]:
        """The columns of the key that records have a value for, each with that."""
        if self._default_key:
            return [(HEVO_ID, f"s_.{HEVO_ID}")]
        return [(identifier(self.evolution.target[name].name), self.staged.values[name]) for name in self.stage.key]

    @property
    def _match(self) -> str:
        return " AND ".join(f"t_.{target} = {source}" for target, source in self._key)

    @property
    def _staged(self) -> str:
        return f"{self.staged.place} s_"

    @property
    def _default_key(self) -> bool:
        return self.stage.key == (HEVO_ID,)

    @property
    def _table(self) -> str:
        return self.session.place(self.table)

    def _rows(self, condition: str = "true") -> int:
        return count(self.session, f"SELECT count(*) FROM {self._table} WHERE {condition}")


def _aliased(expressions: Sequence[str], names: Sequence[str]) -> str:
    return ", ".join(f"{expression} AS {name}" for expression, name in zip(expressions, names, strict=True))


def insertion(table: str, columns: Sequence[tuple[str, str]], loaded_at: int, rows: str) -> str:
    """The statement that inserts staged rows `s_`: the given columns with their values, and the metadata columns."""
    columns = [
        *columns,
        (HEVO_ID, f"s_.{HEVO_ID}"),
        (INGESTED_AT, f"s_.{INGESTED_AT}"),
        (LOADED_AT, str(loaded_at)),
        (MARKED_DELETED, "false"),
    ]
    names = ", ".join(identifier(name) for name, _ in columns)
    return f"INSERT INTO {table} ({names}) SELECT {', '.join(value for _, value in columns)} FROM {rows}"
