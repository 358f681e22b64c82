"""Records that a table cannot take: a key that is missing, or a value that does not fit the type the file fixes.

They leave the stage for its table `rejected` (id, ingested_at, reason, record, and the columns of the key); an element
of an array that does not fit takes its record with it.
"""

from collections.abc import Collection, Iterator, Sequence

import duckdb

from rest_source.errors import LONGEST_QUOTED, RestSourceError
from rest_source.extract.spool import SpooledLoad
from rest_source.load.engine import exists, literal, open_engine
from rest_source.load.fixed import fits
from rest_source.load.names import HEVO_ID, INGESTED_AT, REF_ID
from rest_source.load.schema import Shape
from rest_source.load.stage import Stage, StagedTable
from rest_source.load.stager import RECORDS, spooled_lines
from rest_source.spec.base import flow

REJECTED = "rejected"
_MISFITS = "misfits"
_TOLD = 3


def reject(
    con: duckdb.DuckDBPyConnection,
    load: SpooledLoad,
    shape: Shape,
    tables: Sequence[StagedTable],
    key: Sequence[str],
) -> tuple[int, tuple[str, ...]]:
    """Move what the table cannot take out of the stage; returns the number of records, and a few of the reasons."""
    records, *arrays = tables
    conditions = [*_without_key(con, records, key), *_misfits(con, records, key)]
    if _collect_elements(con, arrays):
        reason = f"(SELECT any_value(reason) FROM {_MISFITS} WHERE id = {HEVO_ID})"
        conditions.append((f"{HEVO_ID} IN (SELECT id FROM {_MISFITS})", reason))
    if not conditions:
        return 0, ()
    cases = " ".join(f"WHEN {condition} THEN {reason}" for condition, reason in conditions)
    kept = ", ".join(("", *key))
    condition = " OR ".join(f"({condition})" for condition, _ in conditions)
    con.execute(
        f"CREATE TEMP TABLE found AS SELECT {HEVO_ID} AS id, {INGESTED_AT} AS ingested_at, CASE {cases} END AS reason"
        f"{kept} FROM {RECORDS} WHERE {condition}"
    )
    row = con.execute(f"DELETE FROM {RECORDS} WHERE {condition}").fetchone()
    lines = spooled_lines(load.segments, load.longest_line, shape)
    con.execute(
        f"CREATE TABLE {REJECTED} AS SELECT f.*, record FROM found f JOIN (SELECT sha256(canonical) AS id, "
        f"any_value(canonical) AS record FROM {lines} WHERE sha256(canonical) IN (SELECT id FROM found) GROUP BY 1) "
        "USING (id)"
    )
    reasons = con.execute(f"SELECT reason FROM found GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {_TOLD}").fetchall()
    return int(row[0]) if row else 0, tuple(reason for (reason,) in reasons)


def rejected_ids(stage: Stage) -> set[str]:
    """The ids of the records that a stage has rejected."""
    with open_engine(str(stage.path), read_only=True) as con:
        return {id for (id,) in con.execute(f"SELECT id FROM {REJECTED}").fetchall()}


def missing_key(key: str, cause: str) -> RestSourceError:
    """The error for a key that no record has."""
    return RestSourceError(
        "primary_key_missing",
        f"No record has a value for the primary key `{key}`.",
        cause=f"{cause}.",
        remedy="Write a field that every record has as `primary_key`, or leave the key out to use __hevo_id.",
    )


def held_in(part: str, objects: Collection[str]) -> tuple[str, str] | None:
    """The path that a part of a key is below one of these fields, with that field; None where it is below none."""
    path = part.removeprefix("$.")
    return next(((path, name) for name in objects if path.startswith(f"{name}.") and path != f"{name}."), None)


def nested_key(held: tuple[str, str], primary_key: Sequence[str]) -> RestSourceError:
    """The error for a key within an object that one column holds."""
    path, name = held
    key = [path if part.removeprefix("$.") == path else part for part in primary_key]
    written = f"primary_key: {flow(key[0] if len(key) == 1 else key)}"
    return RestSourceError(
        "primary_key_missing",
        f"The primary key `{path}` is no column: it is a field of `{name}`.",
        cause=f"`{name}` is an object, which one column holds as a whole.",
        remedy=f"Write `nested: flatten`, which makes columns of the fields of objects, and `{written}`.",
    )


def _without_key(con: duckdb.DuckDBPyConnection, records: StagedTable, key: Sequence[str]) -> Iterator[tuple[str, str]]:
    missing = " OR ".join(f"{name} IS NULL" for name in key)
    if not key or not exists(con, RECORDS, missing):
        return
    by_name = {column.name: column.original for column in records.columns}
    named = ", ".join(by_name[name] for name in key)
    if not exists(con, RECORDS, f"NOT ({missing})"):
        raise missing_key(named, "In every record at least one of these fields is null or missing")
    yield missing, literal(f"the primary key {named} is null or missing")


def _misfits(con: duckdb.DuckDBPyConnection, table: StagedTable, key: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """For each column with a fixed type and a value that does not fit it: the condition, and the reason in SQL."""
    sql = "SELECT column_name FROM duckdb_columns() WHERE table_name = ? AND data_type = 'VARCHAR' AND NOT internal"
    texts = {name for (name,) in con.execute(sql, [table.name]).fetchall()}
    for column in table.columns:
        if column.is_fixed and column.name in texts:
            condition = f"({column.name} IS NOT NULL AND NOT {fits(column.name, column.type, column.name in key)})"
            if exists(con, table.name, condition):
                place = ".".join((*table.path, column.original))
                yield condition, f"{literal(f'{place} is not {column.type}: ')} || {_shown(column.name)}"


def _shown(name: str) -> str:
    """A value in a reason, in SQL, as `quoted` has it in an error."""
    length = f"length({name})"
    return f"CASE WHEN {length} <= {LONGEST_QUOTED} THEN {name} ELSE 'a text of ' || {length} || ' characters' END"


def _collect_elements(con: duckdb.DuckDBPyConnection, arrays: Sequence[StagedTable]) -> bool:
    """Note the ids of what holds elements that do not fit, up to the records; an array comes after what holds it."""
    conditions = {table.name: list(_misfits(con, table)) for table in arrays}
    if not any(conditions.values()):
        return False
    con.execute(f"CREATE TEMP TABLE {_MISFITS} (id VARCHAR, reason VARCHAR)")
    for table in reversed(arrays):
        for condition, reason in conditions[table.name]:
            con.execute(f"INSERT INTO {_MISFITS} SELECT {REF_ID}, {reason} FROM {table.name} WHERE {condition}")
        con.execute(
            f"INSERT INTO {_MISFITS} SELECT e.{REF_ID}, m.reason FROM {table.name} e "
            f"JOIN {_MISFITS} m ON m.id = e.{HEVO_ID}"
        )
    return True
