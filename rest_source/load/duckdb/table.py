"""A table in DuckDB: its columns as they stand, and how they grow and widen for a load."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial

import duckdb

from rest_source.errors import RestSourceError
from rest_source.load.destination import Table, TableColumn
from rest_source.load.duckdb.connection import DATABASE
from rest_source.load.engine import as_timestamp, exists, identifier, is_instant, literal
from rest_source.load.evolution import Evolution, SchemaChange, plan
from rest_source.load.fixed import fits, parsed
from rest_source.load.names import (
    HEVO_ID,
    INDEX,
    INGESTED_AT,
    LOADED_AT,
    MARKED_DELETED,
    METADATA_COLUMNS,
    PARTITION,
    REF_ID,
)
from rest_source.load.schema import EXACT_INTEGER, ColumnType
from rest_source.load.stage import StagedColumn, StagedTable

STAGE = "__stage"
_SQL_TYPES = {ColumnType.NUMERIC: "VARCHAR", ColumnType.TEXT: "VARCHAR"}
_METADATA = ((HEVO_ID, "VARCHAR"), (INGESTED_AT, "BIGINT"), (LOADED_AT, "BIGINT"), (MARKED_DELETED, "BOOLEAN"))
_OF_ELEMENTS = {REF_ID: "VARCHAR", INDEX: "BIGINT"}
_NUMBER = r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?"
_DIGITS = r"^-?[0.]*([0-9.]*)"
_FROM_SQL = {
    "VARCHAR": ColumnType.TEXT,
    "TIMESTAMP WITH TIME ZONE": ColumnType.TIMESTAMPTZ,
    **{str(type_): type_ for type_ in ColumnType},
}


def sql_name(table: Table) -> str:
    """Database, schema and table, quoted; without the database a schema `stage` or `main` would be ambiguous."""
    return f"{DATABASE}.{identifier(table.schema)}.{identifier(table.name)}"


def staged_place(staged: StagedTable) -> str:
    """A table of the stage, attached to the connection."""
    return f"{STAGE}.main.{staged.name}"


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


def evolve(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    staged: StagedTable,
    change: SchemaChange,
    key: Collection[str] = (),
    keeps_rows: bool = True,
    is_partitioned: bool = False,
) -> Evolution:
    """Create the table, or add and change its columns, so that it can take the staged ones.

    Where a load does not keep the rows there are, a column may lose its values to a type the file fixes.
    """
    existing = [column for column in read_columns(con, table) if column.name not in METADATA_COLUMNS]
    evolution = plan(
        _shown(table),
        existing,
        staged.columns,
        change,
        key=key,
        stored=_stored,
        doubles_are_exact=partial(_doubles_are_exact, con, table, staged),
    )
    if existing or not _is_empty(con, table):
        if is_partitioned:
            con.execute(f"ALTER TABLE {sql_name(table)} ADD COLUMN IF NOT EXISTS {PARTITION} VARCHAR")
        for column in evolution.added:
            con.execute(f"ALTER TABLE {sql_name(table)} ADD COLUMN {_definition(column.name, sql_type(column.type))}")
    else:
        more = (_OF_ELEMENTS if staged.path else {}) | ({PARTITION: "VARCHAR"} if is_partitioned else {})
        _create(con, table, evolution.added, more)
    for column in evolution.added:
        place = f"{sql_name(table)}.{identifier(column.name)}"
        con.execute(f"COMMENT ON COLUMN {place} IS {literal(column.original)}")
    fixed = {column.original for column in staged.columns if column.is_fixed}
    for before, after in evolution.changed:
        _retype(con, table, before, after, before.original in fixed, keeps_rows)
    return evolution


def described(evolution: Evolution) -> tuple[str, ...]:
    """The changes of types, as `_rest_source.loads` and the metadata tell them."""
    return tuple(
        f"{before.name}: {sql_type(before.type)} to {sql_type(after.type)}" for before, after in evolution.changed
    )


def _is_empty(con: duckdb.DuckDBPyConnection, table: Table) -> bool:
    return not read_columns(con, table) or not con.execute(f"SELECT 1 FROM {sql_name(table)} LIMIT 1").fetchall()


def _create(
    con: duckdb.DuckDBPyConnection, table: Table, columns: Sequence[TableColumn], more: Mapping[str, str]
) -> None:
    # An empty table of an earlier load is made anew: business columns come before the metadata columns.
    definitions = [_definition(column.name, sql_type(column.type)) for column in columns]
    definitions += [_definition(name, type_) for name, type_ in (*_METADATA, *more.items())]
    con.execute(f"CREATE SCHEMA IF NOT EXISTS {DATABASE}.{identifier(table.schema)}")
    con.execute(f"CREATE OR REPLACE TABLE {sql_name(table)} ({', '.join(definitions)})")


def _definition(name: str, type_: str) -> str:
    return f"{identifier(name)} {type_}"


def _shown(table: Table) -> str:
    return f"{table.schema}.{table.name}"


def _stored(type_: ColumnType) -> ColumnType:
    return ColumnType.TEXT if type_ is ColumnType.NUMERIC else type_


def _retype(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    before: TableColumn,
    after: TableColumn,
    is_fixed: bool,
    keeps_rows: bool,
) -> None:
    name = identifier(before.name)
    value = converted(name, before.type, after.type)
    if is_fixed and after.type is not ColumnType.TEXT:
        text = converted(name, before.type, ColumnType.TEXT)
        misfit = f"{name} IS NOT NULL AND NOT {fits(text, after.type)}"
        if not keeps_rows:
            value = "NULL"
        elif exists(con, sql_name(table), misfit):
            raise _misfit(con, table, before, after, f"SELECT {text} FROM {sql_name(table)} WHERE {misfit} LIMIT 1")
        else:
            value = parsed(text, after.type)
    con.execute(f"ALTER TABLE {sql_name(table)} ALTER COLUMN {name} TYPE {sql_type(after.type)} USING {value}")


def _misfit(
    con: duckdb.DuckDBPyConnection, table: Table, before: TableColumn, after: TableColumn, sample: str
) -> RestSourceError:
    value = (con.execute(sample).fetchone() or ("",))[0]
    return RestSourceError(
        "fixed_type_misfit",
        f"The column {before.name} of {_shown(table)} holds values that are not {after.type}, such as `{value:.60}`.",
        cause=f"`columns` fixes the type {after.type}, and the table has rows from before, when it was {before.type}.",
        remedy="Fix another type, correct those rows, or load once with `write: replace`.",
    )


def _doubles_are_exact(
    con: duckdb.DuckDBPyConnection, table: Table, from_: StagedTable, column: TableColumn, staged: StagedColumn
) -> bool:
    if column.type is ColumnType.BIGINT:
        place, name = sql_name(table), identifier(column.name)
    else:
        place, name = staged_place(from_), staged.name
    return not exists(con, place, f"{name} > {EXACT_INTEGER} OR {name} < -{EXACT_INTEGER}")


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
