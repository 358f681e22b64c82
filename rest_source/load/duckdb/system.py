"""The system tables of a DuckDB destination, in the schema `_rest_source`."""

from dataclasses import asdict
from datetime import UTC, datetime

import duckdb

from rest_source.load.destination import CommitResult, CommittedLoad, LoadFacts, Table
from rest_source.load.duckdb.table import STAGE
from rest_source.load.stage import Stage

_TABLES = """
CREATE SCHEMA IF NOT EXISTS _rest_source;
CREATE TABLE IF NOT EXISTS _rest_source.loads (
    load_id VARCHAR, source VARCHAR, endpoint VARCHAR, "partition" VARCHAR, table_name VARCHAR, run_id VARCHAR,
    write VARCHAR, started_at TIMESTAMPTZ, committed_at TIMESTAMPTZ,
    rows_read BIGINT, rows_inserted BIGINT, rows_updated BIGINT, rows_unchanged BIGINT, rows_deleted BIGINT,
    rows_rejected BIGINT, pages BIGINT, requests BIGINT, bytes BIGINT, stop_reason VARCHAR, total_reported BIGINT
);
CREATE TABLE IF NOT EXISTS _rest_source.rejected_records (
    load_id VARCHAR, source VARCHAR, endpoint VARCHAR, table_name VARCHAR, rejected_at TIMESTAMPTZ,
    reason VARCHAR, record JSON
);
"""

_COUNTS = ("rows_read", "rows_inserted", "rows_updated", "rows_unchanged", "rows_deleted", "rows_rejected")


def ensure_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create the system tables that are missing."""
    con.execute(_TABLES)


def record_load(con: duckdb.DuckDBPyConnection, table: Table, load: LoadFacts, result: CommitResult) -> None:
    """Add the load to `_rest_source.loads`, in the transaction that wrote its rows."""
    values = {
        **asdict(load),
        **{key: value for key, value in asdict(result).items() if key in _COUNTS},
        "table_name": f"{table.schema}.{table.name}",
        "started_at": _moment(load.started_at),
        "committed_at": datetime.now(UTC),
    }
    names = ", ".join(values)
    marks = ", ".join("?" * len(values))
    con.execute(f"INSERT INTO _rest_source.loads ({names}) VALUES ({marks})", list(values.values()))


def find_load(
    con: duckdb.DuckDBPyConnection, source: str, endpoint: str, load_id: str | None, run_id: str | None
) -> CommittedLoad | None:
    """The newest committed load of an endpoint, of that id or that run if one is given."""
    if not con.execute("SELECT 1 FROM duckdb_tables() WHERE schema_name = '_rest_source'").fetchone():
        return None
    row = con.execute(
        f"SELECT load_id, pages, stop_reason, total_reported, {', '.join(_COUNTS)} FROM _rest_source.loads "
        "WHERE source = ? AND endpoint = ? AND load_id = coalesce(?, load_id) AND run_id = coalesce(?, run_id) "
        "ORDER BY committed_at DESC LIMIT 1",
        [source, endpoint, load_id, run_id],
    ).fetchone()
    if row is None:
        return None
    load_id, pages, stop_reason, total, *counts = row
    return CommittedLoad(
        str(load_id), CommitResult(**dict(zip(_COUNTS, counts, strict=True))), pages, stop_reason, total
    )


def _moment(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


def record_rejected(con: duckdb.DuckDBPyConnection, table: Table, load: LoadFacts, stage: Stage) -> None:
    """Set aside the records that the stage rejected, with their reason."""
    if stage.rejected:
        con.execute(
            "INSERT INTO _rest_source.rejected_records SELECT ?, ?, ?, ?, now(), reason, record "
            f"FROM {STAGE}.main.rejected",
            [load.load_id, load.source, load.endpoint, f"{table.schema}.{table.name}"],
        )
