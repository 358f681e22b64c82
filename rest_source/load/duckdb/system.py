"""The system tables of a DuckDB destination, in the schema `_rest_source`."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

import duckdb

from rest_source.extract.slices import parent_text
from rest_source.load.destination import CommitResult, CommittedLoad, LoadFacts, RejectedRecord, SchemaReport, Table
from rest_source.load.duckdb.table import STAGE, staged_place
from rest_source.load.engine import identifier
from rest_source.load.names import HEVO_ID, INGESTED_AT
from rest_source.load.rejects import REJECTED
from rest_source.load.stage import Stage

_COLUMNS = ("columns_added", "columns_widened", "columns_missing")
_TABLES = {
    "loads": {
        **dict.fromkeys(("load_id", "source", "endpoint", "partition", "table_name", "run_id", "write"), "VARCHAR"),
        **dict.fromkeys(("started_at", "committed_at"), "TIMESTAMPTZ"),
        **dict.fromkeys(("rows_read", "rows_inserted", "rows_updated", "rows_unchanged", "rows_deleted"), "BIGINT"),
        **dict.fromkeys(("rows_rejected", "pages", "requests", "bytes"), "BIGINT"),
        "stop_reason": "VARCHAR",
        "total_reported": "BIGINT",
        "longest_record": "BIGINT",
        **dict.fromkeys(_COLUMNS, "VARCHAR[]"),
    },
    "rejected_records": {
        **dict.fromkeys(("load_id", "source", "endpoint", "table_name"), "VARCHAR"),
        "rejected_at": "TIMESTAMPTZ",
        "reason": "VARCHAR",
        "record": "JSON",
        HEVO_ID: "VARCHAR",
        INGESTED_AT: "BIGINT",
    },
    "cursors": {
        **dict.fromkeys(("source", "endpoint", "scope", "cursor", "load_id"), "VARCHAR"),
        "moved_at": "TIMESTAMPTZ",
    },
    "failed_requests": {
        **dict.fromkeys(("source", "endpoint", "parent", "request", "message", "load_id"), "VARCHAR"),
        "status": "BIGINT",
        "failed_at": "TIMESTAMPTZ",
    },
}
"""The columns of each system table; a file of an earlier release gets those it has not."""

_COUNTS = ("rows_read", "rows_inserted", "rows_updated", "rows_unchanged", "rows_deleted", "rows_rejected")


_OF_REJECT = ("load_id", "source", "endpoint", "table_name", "committed_at")


def ensure_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create the system tables and columns that are missing."""
    con.execute("CREATE SCHEMA IF NOT EXISTS _rest_source")
    for table, columns in _TABLES.items():
        definitions = [f"{identifier(name)} {type_}" for name, type_ in columns.items()]
        con.execute(f"CREATE TABLE IF NOT EXISTS _rest_source.{table} ({', '.join(definitions)})")
        for definition in definitions:
            con.execute(f"ALTER TABLE _rest_source.{table} ADD COLUMN IF NOT EXISTS {definition}")


def record_load(
    con: duckdb.DuckDBPyConnection, load: LoadFacts, stage: Stage, result: CommitResult, loaded_at: int
) -> None:
    """Add the load to `_rest_source.loads`, in the transaction that wrote its rows, with what the stage rejected."""
    values = {
        **{key: value for key, value in asdict(load).items() if key in _TABLES["loads"]},
        **{key: value for key, value in asdict(result).items() if key in _COUNTS},
        "table_name": _table_name(Table.of(load.source, load.endpoint)),
        "started_at": _moment(load.started_at),
        "committed_at": _moment(loaded_at),
        "longest_record": stage.longest_line,
        **{name: list(getattr(result, name)) for name in _COLUMNS},
    }
    names = ", ".join(values)
    marks = ", ".join("?" * len(values))
    con.execute(f"INSERT INTO _rest_source.loads ({names}) VALUES ({marks})", list(values.values()))
    _record_rejects(con, stage, load.retries_rejected, [values[name] for name in _OF_REJECT])


def record_progress(con: duckdb.DuckDBPyConnection, load: LoadFacts, loaded_at: int) -> None:
    """Move the cursors, and keep the requests that failed until they succeed."""
    endpoint, at = [load.source, load.endpoint], _moment(loaded_at)
    where = "WHERE source = ? AND endpoint = ?"
    if load.cursors:
        scopes, cursors = list(load.cursors), [json.dumps(cursor) for cursor in load.cursors.values()]
        con.execute(f"DELETE FROM _rest_source.cursors {where} AND scope IN (SELECT unnest(?))", [*endpoint, scopes])
        con.execute(
            "INSERT INTO _rest_source.cursors (source, endpoint, scope, cursor, load_id, moved_at) "
            "SELECT ?, ?, unnest(?), unnest(?), ?, ?",
            [*endpoint, scopes, cursors, load.load_id, at],
        )
    if load.retries_rejected:
        return
    if load.asked_parents is None:
        con.execute(f"DELETE FROM _rest_source.failed_requests {where}", endpoint)
    else:
        asked = [parent_text(parent) for parent in load.asked_parents]
        con.execute(
            f"DELETE FROM _rest_source.failed_requests {where} AND parent IN (SELECT unnest(?))", [*endpoint, asked]
        )
    for failed in load.failed:
        facts = [parent_text(failed.parent), failed.request, failed.status, failed.message, load.load_id, at]
        con.execute(
            "INSERT INTO _rest_source.failed_requests "
            "(source, endpoint, parent, request, status, message, load_id, failed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [*endpoint, *facts],
        )


def _record_rejects(con: duckdb.DuckDBPyConnection, stage: Stage, are_retried: bool, facts: list[object]) -> None:
    """Keep each rejected record once, for 30 days or until it is loaded."""
    table, now = facts[3], facts[4]
    rejects = "_rest_source.rejected_records"
    con.execute(f"DELETE FROM {rejects} WHERE rejected_at < CAST(? AS TIMESTAMPTZ) - INTERVAL 30 DAY", [now])
    if con.execute(f"SELECT 1 FROM {rejects} WHERE table_name = ? LIMIT 1", [table]).fetchone():
        known = f"{HEVO_ID} IN (SELECT {HEVO_ID} FROM {staged_place(stage.tables[0])})"
        again = f"{HEVO_ID} IN (SELECT id FROM {STAGE}.main.{REJECTED})" if stage.rejected else "false"
        con.execute(f"DELETE FROM {rejects} WHERE table_name = ? AND ({are_retried} OR {known} OR {again})", [table])
    if stage.rejected:
        con.execute(
            f"INSERT INTO {rejects} SELECT ?, ?, ?, ?, ?, any_value(reason), any_value(CASE WHEN json_valid(record) "
            f"THEN record ELSE to_json(record) END), id, max(ingested_at) FROM {STAGE}.main.{REJECTED} GROUP BY id",
            facts,
        )


def widenings(con: duckdb.DuckDBPyConnection, table: Table) -> list[str]:
    """What the loads of a table widened, as they said it."""
    sql = "SELECT unnest(columns_widened) FROM _rest_source.loads WHERE table_name = ? ORDER BY committed_at"
    return [widening for (widening,) in con.execute(sql, [_table_name(table)]).fetchall()]


def longest_record(con: duckdb.DuckDBPyConnection, table: Table) -> int:
    """The bytes of the longest record ever loaded into a table; 0 where no load says it."""
    column = "SELECT 1 FROM duckdb_columns() WHERE schema_name = '_rest_source' AND column_name = 'longest_record'"
    if con.execute(column).fetchone() is None:
        return 0
    sql = "SELECT max(longest_record) FROM _rest_source.loads WHERE table_name = ?"
    return (con.execute(sql, [_table_name(table)]).fetchone() or (0,))[0] or 0


def rejected_records(con: duckdb.DuckDBPyConnection, source: str, endpoint: str) -> Iterator[RejectedRecord]:
    """The records of an endpoint that were rejected, those read first at the head."""
    if has_system_tables(con):
        sql = (
            f"SELECT CAST(record AS VARCHAR), {INGESTED_AT} FROM _rest_source.rejected_records "
            f"WHERE source = ? AND endpoint = ? ORDER BY {INGESTED_AT}"
        )
        con.execute(sql, [source, endpoint])
        while row := con.fetchone():
            yield RejectedRecord(*row)


def schema_changes(con: duckdb.DuckDBPyConnection, source: str, endpoint: str) -> SchemaReport:
    """What the loads of an endpoint changed, but for the columns of the first."""
    if not has_system_tables(con):
        return SchemaReport(None)
    rows = con.execute(
        f"SELECT committed_at, {', '.join(_COLUMNS)} FROM _rest_source.loads "
        "WHERE source = ? AND endpoint = ? ORDER BY committed_at",
        [source, endpoint],
    ).fetchall()
    changing = [
        (at, (*(f"new column {name}" for name in added or ()), *(widened or ()))) for at, added, widened, _ in rows
    ]
    changes = [(at, texts) for at, texts in changing if texts][1:]
    return SchemaReport(rows[-1][0], tuple(changes), tuple(rows[-1][3] or ())) if rows else SchemaReport(None)


def has_system_tables(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether anything was ever loaded into the file."""
    return con.execute("SELECT 1 FROM duckdb_tables() WHERE schema_name = '_rest_source'").fetchone() is not None


def find_load(
    con: duckdb.DuckDBPyConnection,
    source: str,
    endpoint: str,
    load_id: str | None,
    run_id: str | None,
    partition: str | None,
) -> CommittedLoad | None:
    """The newest committed load of an endpoint, of that id, run or partition if one is given."""
    if not has_system_tables(con):
        return None
    row = con.execute(
        f"SELECT load_id, pages, stop_reason, total_reported, {', '.join(_COUNTS)} FROM _rest_source.loads "
        "WHERE source = ? AND endpoint = ? AND load_id = coalesce(?, load_id) AND run_id = coalesce(?, run_id) "
        "AND coalesce(partition, '') = coalesce(?, partition, '') "
        "AND stop_reason <> 'retried' "
        "ORDER BY committed_at DESC LIMIT 1",
        [source, endpoint, load_id, run_id, partition],
    ).fetchone()
    if row is None:
        return None
    load_id, pages, stop_reason, total, *counts = row
    return CommittedLoad(
        str(load_id), CommitResult(**dict(zip(_COUNTS, counts, strict=True))), pages, stop_reason, total
    )


def _table_name(table: Table) -> str:
    return f"{table.schema}.{table.name}"


def _moment(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)
