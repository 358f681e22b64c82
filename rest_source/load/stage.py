"""The stage: a load's records in a DuckDB file of their own, typed and deduplicated, for any destination.

Building it reads the spool once and touches no destination, so that a destination is locked only for the
commit. Its columns are called c0, c1, …: a source may call its fields anything, `rowid` included.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from rest_source.errors import RestSourceError
from rest_source.extract.columns import Column
from rest_source.extract.spool import SpooledLoad
from rest_source.load.engine import DATE, TIMESTAMP, explain, is_instant, literal
from rest_source.load.names import HEVO_ID, column_names
from rest_source.load.schema import EXACT_INTEGER, ColumnType, Nested, type_of
from rest_source.load.stager import Stager
from rest_source.spec.base import unknown


@dataclass(frozen=True, slots=True)
class StagedColumn:
    """A column of the stage: the field's original name, its name in the stage, and its type."""

    original: str
    name: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class Stage:
    """A staged load. Its table `records` holds each key once as it is spelled; `key` names the key's columns.

    `read` counts the records before deduplication, `rejected` those without a key, which stand in the table
    `rejected` as (record, reason). `longest_line` is in bytes.
    """

    path: Path
    columns: tuple[StagedColumn, ...]
    key: tuple[str, ...]
    read: int
    rejected: int
    timezone: str
    longest_line: int


def build_stage(
    load: SpooledLoad, *, primary_key: Sequence[str], unique: bool, nested: Nested, timezone: str, stager: Stager
) -> Stage:
    """The stage of a spooled load, of which the stager has read a part; `unique` keeps each key's newest record."""
    with (
        explain(
            "stage_failed",
            "The records cannot be staged",
            str(stager.path),
            cause="The spool was damaged after it was written, or the records hold what the stage cannot take.",
            remedy="Run once more with --full-refresh, which reads everything anew; if it fails again, report it.",
        ),
        stager.finish(load) as con,
    ):
        con.execute(f"SET TimeZone = {literal(timezone)}")
        columns = tuple(
            StagedColumn(column.name, f"c{index}", _refined(con, f"c{index}", column, nested))
            for index, column in enumerate(load.columns)
        )
        default_key = not load.rows or tuple(primary_key) == (HEVO_ID,)
        key = () if default_key else _key_columns(columns, primary_key)
        rejected = _reject_without_key(con, columns, key) if key else 0
        if unique and load.rows:
            _deduplicate(con, key or (HEVO_ID,))
        con.commit()
    return Stage(stager.path, columns, key or (HEVO_ID,), load.rows, rejected, timezone, load.longest_line)


def _refined(con: duckdb.DuckDBPyConnection, name: str, column: Column, nested: Nested) -> ColumnType:
    """The type of a staged column where it takes a look at its values."""
    type_ = type_of(column.kinds, nested)
    if type_ is ColumnType.DOUBLE and "integer" in column.kinds:
        big = f"TRY_CAST({name} AS BIGINT) NOT BETWEEN -{EXACT_INTEGER} AND {EXACT_INTEGER}"
        integers_among = f"NOT regexp_full_match({name}, '.*[.eE].*') AND {big}"
        return ColumnType.NUMERIC if _exists(con, integers_among) else ColumnType.DOUBLE
    if column.kinds == {"string"}:
        first = con.execute(f"SELECT {name} FROM records WHERE {name} IS NOT NULL LIMIT 1").fetchone()
        for pattern, candidate in ((DATE, ColumnType.DATE), (TIMESTAMP, ColumnType.TIMESTAMPTZ)):
            looks = con.execute(f"SELECT regexp_full_match(?, '{pattern}')", first).fetchone() if first else None
            if looks and looks[0] and not _exists(con, f"{name} IS NOT NULL AND NOT {is_instant(name, pattern)}"):
                return candidate
    return type_


def _exists(con: duckdb.DuckDBPyConnection, condition: str) -> bool:
    return con.execute(f"SELECT 1 FROM records WHERE {condition} LIMIT 1").fetchone() is not None


def _key_columns(columns: Sequence[StagedColumn], primary_key: Sequence[str]) -> tuple[str, ...]:
    """The staged columns of a key whose parts are given by the field's name, or by its column's."""
    by_original = {column.original: column.name for column in columns}
    by_column = {name: by_original[original] for original, name in column_names(by_original, {}).items()}
    missing = [part for part in primary_key if part not in by_original and part not in by_column]
    if missing:
        raise _missing_key(missing[0], unknown("field", missing[0], list(by_original)[:40]))
    return tuple(by_original.get(part) or by_column[part] for part in primary_key)


def _missing_key(key: str, cause: str) -> RestSourceError:
    return RestSourceError(
        "primary_key_missing",
        f"No record has a value for the primary key `{key}`.",
        cause=f"{cause}.",
        remedy="Write a field that every record has as `primary_key`, or leave the key out to use __hevo_id.",
    )


def _reject_without_key(con: duckdb.DuckDBPyConnection, columns: Sequence[StagedColumn], key: Sequence[str]) -> int:
    missing = " OR ".join(f"{name} IS NULL" for name in key)
    if not _exists(con, missing):
        return 0
    by_name = {column.name: column.original for column in columns}
    named = ", ".join(by_name[name] for name in key)
    reason = f"the primary key {named} is null or missing"
    record = "json_object(" + ", ".join(f"{literal(c.original)}, {c.name}" for c in columns) + ")"
    con.execute(
        f"CREATE TABLE rejected AS SELECT {record} AS record, {literal(reason)} AS reason FROM records WHERE {missing}"
    )
    row = con.execute(f"DELETE FROM records WHERE {missing}").fetchone()
    rejected = int(row[0]) if row else 0
    if con.execute("SELECT 1 FROM records LIMIT 1").fetchone() is None:
        raise _missing_key(named, "In every record at least one of these fields is null or missing")
    return rejected


def _deduplicate(con: duckdb.DuckDBPyConnection, key: Sequence[str]) -> None:
    listed = ", ".join(key)
    counts = con.execute(f"SELECT count(*), count(DISTINCT hash({listed})) FROM records").fetchone()
    if counts and counts[0] != counts[1]:
        con.execute(f"CREATE TABLE newest AS SELECT max(rowid) AS id FROM records GROUP BY {listed}")
        con.execute("DELETE FROM records WHERE rowid NOT IN (SELECT id FROM newest)")
