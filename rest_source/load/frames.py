"""Rows that an asset computed, as a table: in place of all of it, or of the rows of some partitions.

The table has the columns of the frame under their own names, and `__partition` where the asset has partitions. Its
comment names the asset, which alone may write and read it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rest_source.errors import RestSourceError
from rest_source.load.destination import CommitResult, TableView
from rest_source.load.dialect import Session, count, exists
from rest_source.load.engine import identifier, literal
from rest_source.load.identifying import listed
from rest_source.load.owners import OF_ASSET, refuse_strangers
from rest_source.load.relation import Table
from rest_source.load.resume import new_load_id
from rest_source.load.schema import EXACT_INTEGER, ColumnType
from rest_source.load.system import record_stored
from rest_source.spec.names import PARTITION

if TYPE_CHECKING:
    import pyarrow as pa

_GIVEN = "given_frame"
_PREVIEWED = 5
_CHARACTERS = 61  # one more than are shown
_NULLS = '"NULL"'
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_LONG = ("UBIGINT", "HUGEINT", "UHUGEINT", "DECIMAL")
_NESTED = ("STRUCT", "MAP", "UNION", "JSON", "VARIANT")


@dataclass(frozen=True, slots=True)
class Frame:
    """What an asset gave: its rows, the path of its key, and the partitions that they take the place of.

    Of several partitions, the column `__partition` of the rows says which one each belongs to.
    """

    rows: "pa.Table"
    key: tuple[str, ...]
    partitions: tuple[str, ...] = ()
    run_id: str = ""

    @property
    def row_bytes(self) -> int:
        """The length of a row, on average."""
        return int(self.rows.nbytes // max(1, self.rows.num_rows))


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of a frame: its type in the destination, and its value in DuckDB's SQL; nulls alone fit any type."""

    type: str
    value: str
    is_null: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing a frame did to its table, and how many rows each of its partitions has."""

    result: CommitResult
    partition_rows: Mapping[str, int]


def store_frame(session: Session, frame: Frame) -> Stored:
    """Write a frame, and a record for each of its partitions, in the session's open transaction."""
    table, started_at = Table.of_key(frame.key), datetime.now(UTC)
    refuse_strangers(session, table, frame.key, writes=True)
    session.engine.register(_GIVEN, frame.rows)
    try:
        result = _write(session, table, frame)
    finally:
        session.engine.unregister(_GIVEN)
    counted = (
        dict(session.rows(f"SELECT {PARTITION}, count(*) FROM {session.place(table)} GROUP BY 1"))
        if (frame.partitions)
        else {}
    )
    rows = {key: int(counted.get(key, 0)) for key in frame.partitions}
    for key, number in rows.items() or ((None, result.rows_read),):
        record_stored(session, new_load_id(started_at), table, key, frame.run_id, number, started_at)
    preview = tuple(tuple(map(_shown, row.values())) for row in frame.rows.slice(0, _PREVIEWED).to_pylist())
    return Stored(result.showing(TableView(session.columns(table), preview)), rows)


def _write(session: Session, table: Table, frame: Frame) -> CommitResult:
    """Put the rows of a frame in place of the table, or of the rows of its partitions."""
    place, columns = session.place(table), dict(_columns(session, frame))
    before = {column.name: column.sql for column in session.columns(table)}
    inside = f"{PARTITION} IN ({', '.join(map(literal, frame.partitions))})" if frame.partitions else "true"
    if frame.partitions and PARTITION not in before:
        inside = "false"  # rows from before the asset had partitions belong to none, and stay
    keeps = bool(before and frame.partitions) and exists(session, place, f"NOT coalesce({inside}, false)")
    deleted = count(session, f"SELECT count(*) FROM {place} WHERE {inside}") if before else 0
    added = _shape(session, table, frame, columns, before if keeps else {}, before)
    if deleted:
        session.execute(f"DELETE FROM {place} WHERE {inside}")
    values = ", ".join(column.value for column in columns.values())
    session.insert(f"{place} ({listed(list(columns))})", f"SELECT {values} FROM {_GIVEN}", frame.row_bytes)
    return CommitResult(
        rows_read=frame.rows.num_rows,
        rows_inserted=frame.rows.num_rows,
        rows_deleted=deleted,
        row_count=count(session, f"SELECT count(*) FROM {place}"),
        columns_added=added,
        columns_missing=tuple(name for name in before if keeps and name not in columns),
    )


def _shown(value: Any) -> str | None:
    return None if value is None else str(value)[:_CHARACTERS]


def _columns(session: Session, frame: Frame) -> Iterator[tuple[str, _Column]]:
    for name, type_, *_ in session.engine.execute(f"DESCRIBE SELECT * FROM {_GIVEN}").fetchall():
        if name != PARTITION or not frame.partitions:
            column = _column(session, identifier(name), type_)
            is_null = frame.rows[name].null_count == frame.rows.num_rows
            yield name, replace(column, value="NULL", is_null=True) if is_null else column
    if frame.partitions:
        text = session.dialect.types[ColumnType.TEXT]
        several = len(frame.partitions) > 1
        yield PARTITION, _Column(text, identifier(PARTITION) if several else literal(frame.partitions[0]))


def _column(session: Session, name: str, type_: str) -> _Column:
    """A column of a type of DuckDB; a destination has all of them, or those of ours."""
    types = session.dialect.types
    if type_ in _INTEGERS:
        return _Column(types[ColumnType.BIGINT], f"CAST({name} AS BIGINT)")
    if type_ in ("FLOAT", "DOUBLE"):
        return _Column(types[ColumnType.DOUBLE], f"CAST({name} AS DOUBLE)")
    if type_.startswith("ENUM") or type_ == _NULLS:
        return _Column(types[ColumnType.TEXT], f"CAST({name} AS VARCHAR)")
    return _Column(type_, name) if session.dialect.has_all_types else _in_our_types(types, name, type_)


def _in_our_types(types: Mapping[ColumnType, str], name: str, type_: str) -> _Column:
    if type_ in ("BOOLEAN", "DATE"):
        return _Column(types[ColumnType(type_)], name)
    if type_.startswith(_LONG):
        return _Column(types[ColumnType.NUMERIC], f"CAST({name} AS VARCHAR)")
    if type_.startswith("TIMESTAMP"):  # sent in UTC without a zone
        zoned = type_.startswith("TIMESTAMPTZ") or "WITH TIME ZONE" in type_
        value = f"timezone('UTC', CAST({name} AS TIMESTAMPTZ))" if zoned else f"CAST({name} AS TIMESTAMP)"
        return _Column(types[ColumnType.TIMESTAMPTZ], value)
    if type_.startswith(_NESTED) or type_.endswith("]"):
        return _Column(types[ColumnType.JSON], f"CAST(to_json({name}) AS VARCHAR)")
    return _Column(types[ColumnType.TEXT], f"replace(CAST({name} AS VARCHAR), chr(0), '\\u0000')")


def _shape(
    session: Session,
    table: Table,
    frame: Frame,
    columns: Mapping[str, _Column],
    kept: Mapping[str, str],
    before: Mapping[str, str],
) -> tuple[str, ...]:
    """Make the table fit the columns; returns those it had not. Rows that are `kept` keep all their values."""
    place = session.place(table)
    types = {n: before.get(n, column.type) if column.is_null else column.type for n, column in columns.items()}
    if not kept:
        if _same(types, before):
            return ()
        session.make_schema(table.schema)
        session.execute(f"DROP TABLE IF EXISTS {place}")
        definitions = ", ".join(f"{identifier(name)} {type_}" for name, type_ in types.items())
        session.execute(f"CREATE TABLE {place} ({definitions})")
        session.execute(f"COMMENT ON TABLE {place} IS {literal(OF_ASSET + json.dumps(frame.key))}")
        return tuple(name for name in types if name not in before)
    for name, type_ in types.items():
        if name not in kept:
            session.execute(f"ALTER TABLE {place} ADD COLUMN {identifier(name)} {type_}")
        elif not _alike(type_, kept[name]):
            _widen(session, table, name, kept[name], type_)
    return tuple(name for name in types if name not in kept)


def _same(types: Mapping[str, str], before: Mapping[str, str]) -> bool:
    return list(types) == list(before) and all(_alike(types[name], before[name]) for name in types)


def _alike(one: str, other: str) -> bool:
    zoned = "TIMESTAMP WITH TIME ZONE"
    return one.upper().replace(zoned, "TIMESTAMPTZ") == other.upper().replace(zoned, "TIMESTAMPTZ")


def _widen(session: Session, table: Table, name: str, before: str, after: str) -> None:
    """Let a column hold values of both types: whole numbers become decimals, where none is too large for that."""
    integer, double = session.dialect.types[ColumnType.BIGINT], session.dialect.types[ColumnType.DOUBLE]
    place, column = session.place(table), identifier(name)
    beyond = f"{column} > {EXACT_INTEGER} OR {column} < -{EXACT_INTEGER}"
    if {before.upper(), after.upper()} != {integer, double} or (
        exists(session, place, beyond)
        if after.upper() == double
        else session.engine.execute(f"SELECT 1 FROM {_GIVEN} WHERE {beyond} LIMIT 1").fetchall()
    ):
        raise RestSourceError(
            "column_conflict",
            f"The column `{name}` of {table.schema}.{table.name} is {before}, and now it would be {after}.",
            cause="The rows of other partitions stay, and not every value of theirs and of these fits one type.",
            remedy="Give the column the same type in every partition, as by `astype`; or drop the table and "
            "materialize all partitions again.",
        )
    if after.upper() == double:
        session.execute(f"ALTER TABLE {place} ALTER COLUMN {column} TYPE {double}")
