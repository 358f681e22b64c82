"""Building the stage: a load's records in a DuckDB file of their own, for any destination.

It reads the spool once and touches no destination, so that a destination is locked only for the commit.
"""

import re
from collections.abc import Collection, Iterator, Sequence

import duckdb

from rest_source.errors import quoted
from rest_source.extract.columns import Column
from rest_source.extract.nested import ArrayPath
from rest_source.extract.slices import fields_of_children
from rest_source.extract.spool import SpooledLoad
from rest_source.load.engine import DATE, TIMESTAMP, exists, explain, is_instant, literal
from rest_source.load.fixed import fits
from rest_source.load.merged import merged
from rest_source.load.names import HEVO_ID, column_names
from rest_source.load.rejects import held_in, missing_key, nested_key, reject
from rest_source.load.respelled_times import INSTANTS, loses_digits
from rest_source.load.schema import EXACT_INTEGER, ColumnType, Shape, type_of
from rest_source.load.shared import first_row, shared
from rest_source.load.spellings import SPELLED
from rest_source.load.stage import Merged, Stage, StagedColumn, StagedTable
from rest_source.load.stager import RECORDS, Stager, received, staged_name
from rest_source.spec.base import normalise, unknown
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.names import PARTITION
from rest_source.spec.source import SourceSpec

_WITHOUT_ZEROS = re.compile(r"(\.\d*[1-9])0+")


def build_stage(
    load: SpooledLoad,
    *,
    primary_key: Sequence[str],
    unique: bool,
    timezone: str,
    stager: Stager,
    name: str = RECORDS,
    asked: Collection[str] = (),
) -> Stage:
    """The stage of a spooled load of a table `name`, of which the stager has read a part.

    `unique` keeps each key's newest record; the texts of the `asked` fields are kept as they are too.
    """
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
        tables = tuple(
            StagedTable(path, staged_name(number), _columns(con, staged_name(number), path, columns, stager.shape))
            for number, (path, columns) in enumerate(load.tables.items())
        )
        fields = tuple(part for part in primary_key if part != PARTITION)
        default_key = not load.rows or fields == (HEVO_ID,)
        key = () if default_key else _key_columns(tables[0].columns, fields, load.tables[()], stager.shape)
        doubts = tuple(doubt for table in tables for doubt in _cut(con, table, key))
        _keep_spelled(con, load, stager.shape, tables, asked)
        first = first_row(con)
        rejected, reasons = reject(con, load, stager.shape, tables, key)
        united = Merged()
        if unique and load.rows and _has_repeated(con, RECORDS, key or (HEVO_ID,)):
            united = (
                merged(con, RECORDS, key, tables[0].columns, name) if key else Merged(shared=shared(con, load, first))
            )
            _keep_newest(con, RECORDS, key or (HEVO_ID,))
        for table in tables[1:]:
            if _has_repeated(con, table.name, (HEVO_ID,)):
                _keep_newest(con, table.name, (HEVO_ID,))
        con.commit()
    return Stage(
        stager.path,
        tables,
        key or (HEVO_ID,),
        load.rows,
        rejected,
        reasons,
        timezone,
        load.longest_line,
        united,
        keyed_by_partition=PARTITION in primary_key,
        doubts=doubts,
    )


def stage_of(load: SpooledLoad, source: SourceSpec, endpoint: EndpointSpec, stager: Stager) -> Stage:
    """The stage of a load of an endpoint, by its keys."""
    return build_stage(
        load,
        primary_key=endpoint.primary_key,
        unique=endpoint.write != "append",
        timezone=source.timezone,
        stager=stager,
        name=normalise(endpoint.name),
        asked=fields_of_children(source, endpoint),
    )


def _columns(
    con: duckdb.DuckDBPyConnection, table: str, path: ArrayPath, columns: Sequence[Column], shape: Shape
) -> tuple[StagedColumn, ...]:
    staged = []
    for index, column in enumerate(columns):
        name, fixed = f"c{index}", shape.fixed_type(path, column.name)
        if fixed is ColumnType.JSON:
            con.execute(f"UPDATE {table} SET {name} = to_json({name}) WHERE NOT json_valid({name})")
        staged.append(StagedColumn(column.name, name, fixed or _refined(con, table, name, column, shape), bool(fixed)))
    return tuple(staged)


def _refined(con: duckdb.DuckDBPyConnection, table: str, name: str, column: Column, shape: Shape) -> ColumnType:
    """The type of a staged column where it takes a look at its values."""
    type_ = type_of(column.kinds, shape.nested)
    if type_ is ColumnType.DOUBLE and "integer" in column.kinds:
        big = f"TRY_CAST({name} AS BIGINT) NOT BETWEEN -{EXACT_INTEGER} AND {EXACT_INTEGER}"
        integers_among = f"NOT regexp_full_match({name}, '.*[.eE].*') AND {big}"
        return ColumnType.NUMERIC if exists(con, table, integers_among) else ColumnType.DOUBLE
    if column.kinds == {"string"}:
        first = con.execute(f"SELECT {name} FROM {table} WHERE {name} IS NOT NULL LIMIT 1").fetchone()
        for pattern, candidate in ((DATE, ColumnType.DATE), (TIMESTAMP, ColumnType.TIMESTAMPTZ)):
            looks = con.execute(f"SELECT regexp_full_match(?, '{pattern}')", first).fetchone() if first else None
            other = f"{name} IS NOT NULL AND NOT {is_instant(name, pattern)}"
            if looks and looks[0] and not exists(con, table, other):
                return candidate
    return type_


def _cut(con: duckdb.DuckDBPyConnection, table: StagedTable, key: Sequence[str]) -> Iterator[str]:
    """Tells of times of a fixed type that lose digits. Those of a key do not fit: two might become one."""
    for column in table.columns:
        if column.is_fixed and column.type is ColumnType.TIMESTAMPTZ and (table.path or column.name not in key):
            lossy = f"{loses_digits(column.name)} AND {fits(column.name, column.type)}"
            found = con.execute(f"SELECT count(*), min({column.name}) FROM {table.name} WHERE {lossy}").fetchone()
            if found and found[0]:
                yield _lost(".".join((*table.path, column.original)), column.type, *found)


def _keep_spelled(
    con: duckdb.DuckDBPyConnection,
    load: SpooledLoad,
    shape: Shape,
    tables: Sequence[StagedTable],
    asked: Collection[str],
) -> None:
    """Keep the texts that the stager has spelled otherwise, of fields by which children are asked for."""
    for column, staged in zip(load.tables[()], tables[0].columns, strict=True) if asked and load.rows else ():
        if staged.is_fixed and staged.type in INSTANTS and {column.name, normalise(column.name)} & set(asked):
            plain = DATE if staged.type is ColumnType.DATE else TIMESTAMP
            con.execute(f"CREATE TABLE IF NOT EXISTS {SPELLED} (id VARCHAR, name VARCHAR, text VARCHAR)")
            con.execute(
                f"INSERT INTO {SPELLED} SELECT id, '{staged.name}', text FROM {received(load, shape, column.key)} "
                f"WHERE NOT regexp_full_match(text, '{plain}')"
            )


def _lost(place: str, type_: ColumnType, count: int, example: str) -> str:
    values = "A value" if count == 1 else f"{count} values"
    shown = quoted(_WITHOUT_ZEROS.sub(r"\1", example))
    return (
        f"{values} of {place} lost digits beyond the microsecond, which is all that {type_} holds, such as "
        f"{shown}. `columns: {{{place}: TEXT}}` keeps them."
    )


def _key_columns(
    columns: Sequence[StagedColumn], primary_key: Sequence[str], spooled: Sequence[Column], shape: Shape
) -> tuple[str, ...]:
    """The staged columns of a key whose parts are given by the field's name, or by its column's."""
    by_original = {column.original: column.name for column in columns}
    by_column = {name: by_original[original] for original, name in column_names(by_original, {}).items()}
    missing = [part for part in primary_key if part not in by_original and part not in by_column]
    if missing:
        stored_whole = {column.name for column in spooled if "object" in column.kinds}
        if shape.nested in ("json", "string") and (held := held_in(missing[0], stored_whole)):
            raise nested_key(held, primary_key)
        raise missing_key(missing[0], unknown("field", missing[0], list(by_original)[:40]))
    return tuple(by_original.get(part) or by_column[part] for part in primary_key)


def _has_repeated(con: duckdb.DuckDBPyConnection, table: str, key: Sequence[str]) -> bool:
    counts = con.execute(f"SELECT count(*), count(DISTINCT hash({', '.join(key)})) FROM {table}").fetchone()
    return counts is not None and counts[0] != counts[1]


def _keep_newest(con: duckdb.DuckDBPyConnection, table: str, key: Sequence[str]) -> None:
    con.execute(f"CREATE OR REPLACE TABLE newest AS SELECT max(rowid) AS id FROM {table} GROUP BY {', '.join(key)}")
    con.execute(f"DELETE FROM {table} WHERE rowid NOT IN (SELECT id FROM newest)")
