"""A table in DuckDB: its columns as they stand, and how they grow and widen for a load."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb

from rest_source.load.destination import Table, TableColumn
from rest_source.load.duckdb.connection import DATABASE
from rest_source.load.engine import as_timestamp, identifier, is_instant, literal
from rest_source.load.names import (
    HEVO_ID,
    INGESTED_AT,
    LOADED_AT,
    MARKED_DELETED,
    METADATA_COLUMNS,
    column_names,
)
from rest_source.load.schema import EXACT_INTEGER, ColumnType, widened
from rest_source.load.stage import StagedColumn

STAGE = "__stage"
STAGED_RECORDS = f"{STAGE}.main.records"
_SQL_TYPES = {ColumnType.NUMERIC: "VARCHAR", ColumnType.TEXT: "VARCHAR"}
_METADATA = ((HEVO_ID, "VARCHAR"), (INGESTED_AT, "BIGINT"), (LOADED_AT, "BIGINT"), (MARKED_DELETED, "BOOLEAN"))
_NUMBER = r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?"
_DIGITS = r"^-?[0.]*([0-9.]*)"
_FROM_SQL = {
    "VARCHAR": ColumnType.TEXT,
    "TIMESTAMP WITH TIME ZONE": ColumnType.TIMESTAMPTZ,
    **{str(type_): type_ for type_ in ColumnType},
}


@dataclass(frozen=True, slots=True)
class Evolution:
    """What a load needs of a table: the column of each staged field, and what had to change.

    `width` is the table's number of columns afterwards, without the metadata columns.
    """

    target: dict[str, TableColumn]
    added: tuple[str, ...]
    widened: tuple[str, ...]
    width: int


def sql_name(table: Table) -> str:
    """Database, schema and table, quoted; without the database a schema `stage` or `main` would be ambiguous."""
    return f"{DATABASE}.{identifier(table.schema)}.{identifier(table.name)}"


def sql_type(type_: ColumnType) -> str:
    """The DuckDB type of a column type; a number too long for any keeps its digits as text."""
    return _SQL_TYPES.get(type_, str(type_))


def read_columns(con: duckdb.DuckDBPyConnection, table: Table) -> tuple[TableColumn, ...]:
    """The columns of a table in their order; none if it does not exist."""
    rows = con.execute(
        "SELECT column_name, data_type, comment FROM duckdb_columns() "
        "WHERE database_name = ? AND schema_name = ? AND table_name = ? ORDER BY column_index",
        [DATABASE, table.schema, table.name],
    ).fetchall()
    return tuple(
        TableColumn(name, _FROM_SQL.get(type_, ColumnType.TEXT), comment if comment is not None else name)
        for name, type_, comment in rows
    )


def evolve(con: duckdb.DuckDBPyConnection, table: Table, staged: Sequence[StagedColumn]) -> Evolution:
    """Create the table, or add and widen its columns, so that it can take the staged ones."""
    existing = [column for column in read_columns(con, table) if column.name not in METADATA_COLUMNS]
    known = {column.original: column for column in existing}
    names = column_names((column.original for column in staged), {c.original: c.name for c in existing})
    fresh = [column for column in staged if column.original not in known]
    added = [TableColumn(names[column.original], _stored(column.type), column.original) for column in fresh]
    if existing or not _is_empty(con, table):
        for column in added:
            con.execute(f"ALTER TABLE {sql_name(table)} ADD COLUMN {_definition(column.name, sql_type(column.type))}")
    else:
        _create(con, table, added)
    for column in added:
        place = f"{sql_name(table)}.{identifier(column.name)}"
        con.execute(f"COMMENT ON COLUMN {place} IS {literal(column.original)}")
    wide = {c.original: _widen(con, table, known[c.original], c) for c in staged if c.original in known}
    by_original = {column.original: column for column in added} | wide
    return Evolution(
        {column.name: by_original[column.original] for column in staged},
        tuple(column.name for column in added),
        tuple(
            f"{column.name}: {sql_type(known[original].type)} to {sql_type(column.type)}"
            for original, column in wide.items()
            if column.type != known[original].type
        ),
        len(existing) + len(added),
    )


def _is_empty(con: duckdb.DuckDBPyConnection, table: Table) -> bool:
    return not read_columns(con, table) or not con.execute(f"SELECT 1 FROM {sql_name(table)} LIMIT 1").fetchall()


def _create(con: duckdb.DuckDBPyConnection, table: Table, columns: Sequence[TableColumn]) -> None:
    # An empty table of an earlier load is made anew: business columns come before the metadata columns.
    definitions = [_definition(column.name, sql_type(column.type)) for column in columns]
    definitions += [_definition(name, type_) for name, type_ in _METADATA]
    con.execute(f"CREATE SCHEMA IF NOT EXISTS {DATABASE}.{identifier(table.schema)}")
    con.execute(f"CREATE OR REPLACE TABLE {sql_name(table)} ({', '.join(definitions)})")


def _definition(name: str, type_: str) -> str:
    return f"{identifier(name)} {type_}"


def _stored(type_: ColumnType) -> ColumnType:
    return ColumnType.TEXT if type_ is ColumnType.NUMERIC else type_


def _widen(con: duckdb.DuckDBPyConnection, table: Table, column: TableColumn, staged: StagedColumn) -> TableColumn:
    pair = {column.type, staged.type}
    exact = pair != {ColumnType.BIGINT, ColumnType.DOUBLE} or _doubles_are_exact(con, table, column, staged)
    type_ = _stored(widened(column.type, staged.type, exact))
    if type_ != column.type:
        con.execute(
            f"ALTER TABLE {sql_name(table)} ALTER COLUMN {identifier(column.name)} "
            f"TYPE {sql_type(type_)} USING {converted(identifier(column.name), column.type, type_)}"
        )
    return TableColumn(column.name, type_, column.original)


def _doubles_are_exact(con: duckdb.DuckDBPyConnection, table: Table, column: TableColumn, staged: StagedColumn) -> bool:
    if column.type is ColumnType.BIGINT:
        place, name = sql_name(table), identifier(column.name)
    else:
        place, name = STAGED_RECORDS, staged.name
    big = f"SELECT 1 FROM {place} WHERE {name} > {EXACT_INTEGER} OR {name} < -{EXACT_INTEGER} LIMIT 1"
    return con.execute(big).fetchone() is None


def converted(expression: str, from_: ColumnType, to: ColumnType) -> str:
    """An expression of one type as another.

    As text, timestamps are RFC 3339 in UTC, and whole numbers have no fraction, whether they were 1 or 1.0.
    """
    if from_ is ColumnType.TIMESTAMPTZ and to is ColumnType.TEXT:
        stamp = f"strftime(timezone('UTC', {expression}), '%Y-%m-%dT%H:%M:%S.%f')"
        return f"regexp_replace({stamp}, '\\.000000$', '') || 'Z'"
    if from_ is ColumnType.DOUBLE and sql_type(to) == "VARCHAR":
        whole = f"{expression} = trunc({expression}) AND abs({expression}) < {EXACT_INTEGER}"
        integer = f"CAST(TRY_CAST({expression} AS BIGINT) AS VARCHAR)"
        return f"CASE WHEN {whole} THEN {integer} ELSE CAST({expression} AS VARCHAR) END"
    return f"CAST({expression} AS {sql_type(to)})"


def types_before_text(widenings: Iterable[str]) -> dict[str, ColumnType]:
    """The type that columns of text had before, by the record of how they were widened."""
    parts = (widening.replace(": ", " ").split(" ") for widening in widenings)
    return {name: _FROM_SQL[from_] for name, from_, _, to in parts if to == "VARCHAR"}


def respelled(expression: str, before: ColumnType | None) -> str:
    """A staged value as text, spelled as `converted` spelled the equal value of a column that became text.

    What the old type does not hold exactly stays as it is: other text, `007`, and numbers of too many digits.
    """
    text = f"CAST({expression} AS VARCHAR)"
    if before is ColumnType.TIMESTAMPTZ:
        value, fits = as_timestamp(text), is_instant(text)
    elif before is ColumnType.DOUBLE:
        value = f"TRY_CAST({text} AS DOUBLE)"
        digits = f"length(replace(regexp_extract({text}, '{_DIGITS}', 1), '.', ''))"
        exact = f"{digits} <= 17 AND (abs({value}) < {EXACT_INTEGER} OR regexp_matches({text}, '[.eE]'))"
        fits = f"regexp_full_match({text}, '{_NUMBER}') AND {exact}"
    else:
        return text
    return f"CASE WHEN {fits} THEN {converted(value, before, ColumnType.TEXT)} ELSE {text} END"
