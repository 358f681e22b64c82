"""Finds what stands in a table twice: repeated keys, and records that changed under the default key."""

import re
from collections.abc import Iterator, Sequence
from itertools import combinations

import duckdb

from rest_source.load.destination import DuplicateReport, Table, TableColumn, resolve_column
from rest_source.load.duckdb.table import read_columns, sql_name
from rest_source.load.names import HEVO_ID, LOADED_AT, METADATA_COLUMNS
from rest_source.load.schema import ColumnType
from rest_source.load.stage import identifier

_SAMPLE = 3
_PAIRED = 6
_IDENTIFYING = {ColumnType.BIGINT, ColumnType.TEXT, ColumnType.DATE, ColumnType.TIMESTAMPTZ}


def find_duplicates(con: duckdb.DuckDBPyConnection, table: Table, primary_key: Sequence[str]) -> DuplicateReport:
    """The report on a table; with a key of its own, only the key is judged."""
    columns = read_columns(con, table)
    if not columns:
        return DuplicateReport(rows=0)
    key = [resolve_column(columns, part) for part in primary_key] or [HEVO_ID]
    names = [name for name in key if name is not None]
    report = _judge_key(con, table, names) if names else DuplicateReport(rows=0)
    return report if primary_key else _identity(con, table, columns, report)


def _judge_key(con: duckdb.DuckDBPyConnection, table: Table, names: Sequence[str]) -> DuplicateReport:
    null = " OR ".join(f"{identifier(name)} IS NULL" for name in names)
    rows = _one(con, f"SELECT count(*) FROM {sql_name(table)}")
    nulls = _one(con, f"SELECT count(*) FROM {sql_name(table)} WHERE {null}")
    repeated = _one(con, f"SELECT count(*) FROM ({_groups(table, names)})")
    return DuplicateReport(rows, repeated, nulls, sample=_sample(con, table, names) if repeated else ())


def _identity(
    con: duckdb.DuckDBPyConnection, table: Table, columns: Sequence[TableColumn], report: DuplicateReport
) -> DuplicateReport:
    """The report with the columns that identify a record, if records stand in several rows."""
    for candidate in _candidates(con, table, columns):
        found = _identifies(con, table, [column.name for column in candidate])
        if found:
            sample = _sample(con, table, [column.name for column in candidate])
            identity = tuple(column.original for column in candidate)
            return DuplicateReport(report.rows, report.repeated_keys, report.null_keys, identity, found, sample)
    return report


def _candidates(
    con: duckdb.DuckDBPyConnection, table: Table, columns: Sequence[TableColumn]
) -> Iterator[tuple[TableColumn, ...]]:
    """Columns without nulls that could tell records apart inside a load: single ones first, then pairs."""
    possible = [c for c in columns if c.name not in METADATA_COLUMNS and c.type in _IDENTIFYING]
    if not possible:
        return
    tests = ", ".join(
        f"count({identifier(column.name)}), approx_count_distinct({identifier(column.name)})" for column in possible
    )
    largest = _one(con, f"SELECT max(n) FROM (SELECT count(*) n FROM {sql_name(table)} GROUP BY {LOADED_AT})")
    rows = _one(con, f"SELECT count(*) FROM {sql_name(table)}")
    row = con.execute(f"SELECT {tests} FROM {sql_name(table)}").fetchone() or ()
    whole = [(c, row[2 * i + 1]) for i, c in enumerate(possible) if row[2 * i] == rows]
    whole.sort(key=lambda pair: _rank(pair[0].name, table.name))
    yield from ((column,) for column, distinct in whole if distinct >= 0.7 * largest)
    yield from combinations([column for column, distinct in whole if distinct > 1][:_PAIRED], 2)


def _rank(name: str, table: str) -> int:
    """Names that usually identify come first; the order of the table decides among equals."""
    singular = table.removesuffix("s")
    own = f"{re.escape(singular)}_?(id|key|code)"
    patterns = ("id", own, "uuid|guid|key|code|sku|slug", ".*(_id|id|_key|_no|_number)")
    for rank, pattern in enumerate(patterns):
        if re.fullmatch(pattern, name):
            return rank
    return len(patterns)


def _identifies(con: duckdb.DuckDBPyConnection, table: Table, names: Sequence[str]) -> int:
    """How many records stand in several rows, if the columns tell records apart in every load; else 0."""
    grouped = f"SELECT count(*) n, count(DISTINCT {LOADED_AT}) loads FROM {sql_name(table)} GROUP BY {_listed(names)}"
    row = con.execute(f"SELECT max(n - loads), count(*) FILTER (n > 1) FROM ({grouped})").fetchone()
    return int(row[1]) if row and row[0] == 0 else 0


def _groups(table: Table, names: Sequence[str]) -> str:
    """Key values that stand in more than one row, each with its number of rows."""
    present = " AND ".join(f"{identifier(name)} IS NOT NULL" for name in names)
    return (
        f"SELECT {_listed(names)}, count(*) AS __n FROM {sql_name(table)} WHERE {present} "
        f"GROUP BY {_listed(names)} HAVING count(*) > 1"
    )


def _sample(con: duckdb.DuckDBPyConnection, table: Table, names: Sequence[str]) -> tuple[tuple[str, int], ...]:
    rows = con.execute(f"{_groups(table, names)} ORDER BY __n DESC, {_listed(names)} LIMIT {_SAMPLE}").fetchall()
    return tuple((", ".join(str(value) for value in row[:-1]), int(row[-1])) for row in rows)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(identifier(name) for name in names)


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row and row[0] is not None else 0
