"""The system tables of a DuckDB destination, in the schema `_rest_source`."""

import time

import duckdb

from rest_source.load.destination import CommitResult, LoadFacts, Table
from rest_source.load.duckdb.table import STAGE
from rest_source.load.stage import Stage

_TABLES = """
CREATE SCHEMA IF NOT EXISTS _rest_source;
CREATE TABLE IF NOT EXISTS _rest_source.loads (
    load_id VARCHAR, source VARCHAR, endpoint VARCHAR, "partition" VARCHAR, table_name VARCHAR, run_id VARCHAR,
    write VARCHAR, started_at TIMESTAMPTZ, committed_at TIMESTAMPTZ,
    rows_read BIGINT, rows_inserted BIGINT, rows_updated BIGINT, rows_unchanged BIGINT, rows_deleted BIGINT,
    rows_rejected BIGINT, pages BIGINT, requests BIGINT, bytes BIGINT, stop_reason VARCHAR
);
CREATE TABLE IF NOT EXISTS _rest_source.rejected_records (
    load_id VARCHAR, source VARCHAR, endpoint VARCHAR, table_name VARCHAR, rejected_at TIMESTAMPTZ,
    reason VARCHAR, record JSON
);
"""


def ensure_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create the system tables that are missing."""
    con.execute(_TABLES)


def record_load(con: duckdb.DuckDBPyConnection, table: Table, load: LoadFacts, result: CommitResult) -> None:
    """Add the load to `_rest_source.loads`, in the transaction that wrote its rows."""
    con.execute(
        "INSERT INTO _rest_source.loads VALUES (?, ?, ?, NULL, ?, ?, ?, to_timestamp(? / 1000), to_timestamp(? / 1000),"
        " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            load.load_id,
            load.source,
            load.endpoint,
            f"{table.schema}.{table.name}",
            load.run_id,
            load.write,
            load.started_at,
            int(time.time() * 1000),
            result.rows_read,
            result.rows_inserted,
            result.rows_updated,
            result.rows_unchanged,
            result.rows_deleted,
            result.rows_rejected,
            load.pages,
            load.requests,
            load.bytes,
            load.stop_reason,
        ],
    )


def record_rejected(con: duckdb.DuckDBPyConnection, table: Table, load: LoadFacts, stage: Stage) -> None:
    """Set aside the records that the stage rejected, with their reason."""
    if stage.rejected:
        con.execute(
            "INSERT INTO _rest_source.rejected_records SELECT ?, ?, ?, ?, now(), reason, record "
            f"FROM {STAGE}.main.rejected",
            [load.load_id, load.source, load.endpoint, f"{table.schema}.{table.name}"],
        )
