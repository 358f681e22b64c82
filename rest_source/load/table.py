"""A table of a destination: how it is made, grows and widens for a load."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from rest_source.errors import RestSourceError, quoted
from rest_source.load.dialect import Dialect, Session, exists
from rest_source.load.engine import identifier, literal
from rest_source.load.evolution import Evolution, SchemaChange, plan
from rest_source.load.names import (
    HEVO_ID,
    INDEX,
    INGESTED_AT,
    LOADED_AT,
    MARKED_DELETED,
    METADATA_COLUMNS,
    REF_ID,
)
from rest_source.load.relation import Table, TableColumn
from rest_source.load.schema import EXACT_INTEGER, ColumnType
from rest_source.load.stage import StagedColumn, StagedTable, staged_place
from rest_source.spec.names import PARTITION

_METADATA = {
    HEVO_ID: ColumnType.TEXT,
    INGESTED_AT: ColumnType.BIGINT,
    LOADED_AT: ColumnType.BIGINT,
    MARKED_DELETED: ColumnType.BOOLEAN,
}
_OF_ELEMENTS = {REF_ID: ColumnType.TEXT, INDEX: ColumnType.BIGINT}


def evolve(
    session: Session,
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
    existing = [column for column in session.columns(table) if column.name not in METADATA_COLUMNS]
    evolution = plan(
        _shown(table),
        existing,
        staged.columns,
        change,
        key=key,
        stored=session.dialect.stored,
        doubles_are_exact=partial(_doubles_are_exact, session, table, staged),
        longest_name=session.dialect.longest_name,
        reserved=session.dialect.reserved,
    )
    more = (_OF_ELEMENTS if staged.path else {}) | ({PARTITION: ColumnType.TEXT} if is_partitioned else {})
    _refuse_width(session.dialect, table, evolution.width + len(_METADATA) + len(more))
    if existing or not _is_empty(session, table):
        if is_partitioned and PARTITION not in {column.name for column in session.columns(table)}:
            definition = _definition(session.dialect, PARTITION, ColumnType.TEXT)
            session.execute(f"ALTER TABLE {session.place(table)} ADD COLUMN {definition}")
        for column in evolution.added:
            definition = _definition(session.dialect, column.name, column.type)
            session.execute(f"ALTER TABLE {session.place(table)} ADD COLUMN {definition}")
    else:
        _create(session, table, evolution.added, more)
    for column in evolution.added:
        place = f"{session.place(table)}.{identifier(column.name)}"
        session.execute(f"COMMENT ON COLUMN {place} IS {literal(column.original or session.dialect.no_comment)}")
    fixed = {column.original for column in staged.columns if column.is_fixed}
    for before, after in evolution.changed:
        _retype(session, table, before, after, before.original in fixed, keeps_rows)
    return evolution


def described(evolution: Evolution, dialect: Dialect) -> tuple[str, ...]:
    """The changes of types, as `_rest_source.loads` and the metadata tell them."""
    types = dialect.types
    return tuple(f"{before.name}: {types[before.type]} to {types[after.type]}" for before, after in evolution.changed)


def _is_empty(session: Session, table: Table) -> bool:
    return not session.columns(table) or not exists(session, session.place(table), "true")


def _refuse_width(dialect: Dialect, table: Table, width: int) -> None:
    if dialect.most_columns and width > dialect.most_columns:
        raise RestSourceError(
            "too_many_columns",
            f"The table {_shown(table)} would have {width} columns; {dialect.most_columns} are possible.",
            cause="PostgreSQL has a limit of columns, and the metadata columns count too.",
            remedy="Keep nested fields together with `nested: json`, `exclude` some, or load into DuckDB.",
        )


def _create(session: Session, table: Table, columns: Sequence[TableColumn], more: Mapping[str, ColumnType]) -> None:
    # An empty table of an earlier load is made anew: business columns come before the metadata columns.
    types = {**{column.name: column.type for column in columns}, **_METADATA, **more}
    definitions = [_definition(session.dialect, name, type_) for name, type_ in types.items()]
    session.make_schema(table.schema)
    session.execute(f"DROP TABLE IF EXISTS {session.place(table)}")
    session.execute(f"CREATE TABLE {session.place(table)} ({', '.join(definitions)})")


def _definition(dialect: Dialect, name: str, type_: ColumnType) -> str:
    return f"{identifier(name)} {dialect.types[type_]}"


def _shown(table: Table) -> str:
    return f"{table.schema}.{table.name}"


def _retype(
    session: Session,
    table: Table,
    before: TableColumn,
    after: TableColumn,
    is_fixed: bool,
    keeps_rows: bool,
) -> None:
    name, place, dialect = identifier(before.name), session.place(table), session.dialect
    value = dialect.converted(name, before.type, after.type)
    if is_fixed and after.type is not ColumnType.TEXT:
        text = dialect.converted(name, before.type, ColumnType.TEXT)
        misfit = f"{name} IS NOT NULL AND NOT {dialect.fits(text, after.type)}"
        if not keeps_rows:
            value = "NULL"
        elif exists(session, place, misfit):
            raise _misfit(session, table, before, after, f"SELECT {text} FROM {place} WHERE {misfit} LIMIT 1")
        else:
            value = dialect.parsed(text, after.type)
    session.execute(f"ALTER TABLE {place} ALTER COLUMN {name} TYPE {dialect.types[after.type]} USING {value}")


def _misfit(session: Session, table: Table, before: TableColumn, after: TableColumn, sample: str) -> RestSourceError:
    value = (session.rows(sample) or [("",)])[0][0]
    return RestSourceError(
        "fixed_type_misfit",
        f"The column {before.name} of {_shown(table)} holds values that are not {after.type}, such as {quoted(value)}.",
        cause=f"`columns` fixes the type {after.type}, and the table has rows from before, when it was {before.type}.",
        remedy="Fix another type, or correct those rows of the table in SQL.",
    )


def _doubles_are_exact(
    session: Session, table: Table, from_: StagedTable, column: TableColumn, staged: StagedColumn
) -> bool:
    if column.type is ColumnType.BIGINT:
        name = identifier(column.name)
        return not exists(session, session.place(table), _beyond_doubles(name))
    sql = f"SELECT 1 FROM {staged_place(from_)} WHERE {_beyond_doubles(staged.name)} LIMIT 1"
    return not session.engine.execute(sql).fetchall()


def _beyond_doubles(name: str) -> str:
    return f"{name} > {EXACT_INTEGER} OR {name} < -{EXACT_INTEGER}"
