"""The system tables of a destination, in the schema `_rest_source`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rest_source.extract.slices import parent_text
from rest_source.load.destination import (
    COUNTS,
    CommitResult,
    LastLoad,
    LoadFacts,
    RejectedRecord,
)
from rest_source.load.dialect import Session, StagedRows, count
from rest_source.load.engine import identifier
from rest_source.load.names import HEVO_ID, INGESTED_AT
from rest_source.load.relation import Table
from rest_source.load.stage import Stage

SYSTEM = "_rest_source"
LISTS = ("columns_added", "columns_widened", "columns_missing", "identity")
_TABLES = {
    "loads": {
        **dict.fromkeys(("load_id", "source", "endpoint", "partition", "table_name", "run_id", "write"), "VARCHAR"),
        **dict.fromkeys(("started_at", "committed_at"), "TIMESTAMPTZ"),
        **dict.fromkeys(("rows_read", "rows_inserted", "rows_updated", "rows_unchanged", "rows_deleted"), "BIGINT"),
        **dict.fromkeys(("rows_rejected", "pages", "requests", "bytes"), "BIGINT"),
        "stop_reason": "VARCHAR",
        "total_reported": "BIGINT",
        "records_returned": "BIGINT",
        "shortfall": "VARCHAR",
        "longest_record": "BIGINT",
        **dict.fromkeys(LISTS, "VARCHAR[]"),
        **dict.fromkeys(("rows_merged", "rows_moved", "rows_united", "rows_shared"), "BIGINT"),
    },
    "rejected_records": {
        **dict.fromkeys(("load_id", "source", "endpoint", "partition", "table_name"), "VARCHAR"),
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
    "spellings": dict.fromkeys(("table_name", "column_name", "value", "text"), "VARCHAR"),
    "failed_requests": {
        **dict.fromkeys(("source", "endpoint", "parent", "request", "message", "load_id"), "VARCHAR"),
        "status": "BIGINT",
        "failed_at": "TIMESTAMPTZ",
    },
}
"""The columns of each system table, in types of every destination; one of an earlier release gets those it has not."""

_OF_REJECT = ("load_id", "source", "endpoint", "partition", "table_name", "committed_at")


def ensure_tables(session: Session) -> None:
    """Create the system tables and columns that are missing."""
    session.make_schema(SYSTEM)
    for name, missing in _missing(session):
        definitions = [f"{identifier(column)} {type_}" for column, type_ in missing.items()]
        if missing == _TABLES[name]:
            session.execute(f"CREATE TABLE {SYSTEM}.{name} ({', '.join(definitions)})")
        else:
            for definition in definitions:
                session.execute(f"ALTER TABLE {SYSTEM}.{name} ADD COLUMN {definition}")


def lacks_tables(session: Session) -> bool:
    """Whether system tables or columns are missing."""
    return any(_missing(session))


def _missing(session: Session) -> Iterator[tuple[str, dict[str, str]]]:
    """The system tables that are not as they should be, with the columns they have not."""
    for name, columns in _TABLES.items():
        known = {column.name for column in session.columns(Table(SYSTEM, name))}
        missing = {column: type_ for column, type_ in columns.items() if column not in known}
        if missing:
            yield name, missing


def record_load(
    session: Session, load: LoadFacts, stage: Stage, staged: StagedRows, result: CommitResult, loaded_at: int
) -> None:
    """Add the load to `_rest_source.loads`, in the transaction that wrote its rows, with what the stage rejected."""
    values = {
        **{key: value for key, value in asdict(load).items() if key in _TABLES["loads"]},
        **{key: value for key, value in asdict(result).items() if key in COUNTS},
        "table_name": table_name(Table.of(load.source, load.endpoint)),
        "partition": load.partition or None,
        "started_at": _moment(load.started_at),
        "committed_at": _moment(loaded_at),
        "longest_record": stage.longest_line,
        **{name: list(getattr(result, name)) for name in LISTS},
    }
    _record(session, values)
    facts = [values[name] for name in _OF_REJECT]
    _record_rejects(session, staged, bool(stage.rejected), load.retries_rejected, facts)


def record_stored(
    session: Session, load_id: str, table: Table, partition: str | None, run_id: str, rows: int, started_at: datetime
) -> None:
    """Add to `_rest_source.loads` what an asset of its own has stored, in the transaction that wrote it."""
    values = {
        "load_id": load_id,
        **{"source": table.schema, "endpoint": table.name, "table_name": table_name(table)},
        **{"partition": partition, "run_id": run_id, "write": "replace", "stop_reason": "stored"},
        **{"rows_read": rows, "rows_inserted": rows, "started_at": started_at, "committed_at": datetime.now(UTC)},
    }
    _record(session, values)


def _record(session: Session, values: Mapping[str, Any]) -> None:
    marks = ", ".join("?" * len(values))
    session.execute(f"INSERT INTO {SYSTEM}.loads ({', '.join(values)}) VALUES ({marks})", list(values.values()))


def record_progress(session: Session, load: LoadFacts, loaded_at: int) -> None:
    """Move or forget the cursors, and keep the requests that failed until they succeed."""
    endpoint, at = [load.source, load.endpoint], _moment(loaded_at)
    where = "WHERE source = ? AND endpoint = ?"
    if load.cursors or load.forgotten:
        scopes, cursors = list(load.cursors), [json.dumps(cursor) for cursor in load.cursors.values()]
        session.execute(
            f"DELETE FROM {SYSTEM}.cursors {where} AND scope IN (SELECT unnest(CAST(? AS VARCHAR[])))",
            [*endpoint, [*scopes, *load.forgotten]],
        )
        session.execute(
            f"INSERT INTO {SYSTEM}.cursors (source, endpoint, scope, cursor, load_id, moved_at) "
            "SELECT ?, ?, unnest(CAST(? AS VARCHAR[])), unnest(CAST(? AS VARCHAR[])), ?, CAST(? AS TIMESTAMPTZ)",
            [*endpoint, scopes, cursors, load.load_id, at],
        )
    if load.retries_rejected:
        return
    if load.asked_parents is None:
        session.execute(f"DELETE FROM {SYSTEM}.failed_requests {where}", endpoint)
    else:
        asked = [parent_text(parent) for parent in load.asked_parents]
        gone = f"{where} AND parent IN (SELECT unnest(CAST(? AS VARCHAR[])))"
        session.execute(f"DELETE FROM {SYSTEM}.failed_requests {gone}", [*endpoint, asked])
    for failed in load.failed:
        facts = [parent_text(failed.parent), failed.request, failed.status, failed.message, load.load_id, at]
        session.execute(
            f"INSERT INTO {SYSTEM}.failed_requests "
            "(source, endpoint, parent, request, status, message, load_id, failed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [*endpoint, *facts],
        )


def cursors(session: Session, source: str, endpoint: str) -> dict[str, tuple[Any, datetime]]:
    """How far an endpoint has been read, by scope, and when the load began that came so far."""
    if not session.columns(Table(SYSTEM, "cursors")):
        return {}
    sql = (
        "SELECT scope, cursor, coalesce((SELECT min(l.started_at) "
        f"FROM {SYSTEM}.loads l WHERE l.load_id = c.load_id), moved_at) "
        f"FROM {SYSTEM}.cursors c WHERE source = ? AND endpoint = ?"
    )
    return {scope: (json.loads(cursor), at) for scope, cursor, at in session.rows(sql, [source, endpoint])}


def failed_requests(session: Session, source: str, endpoint: str) -> list[dict[str, Any]]:
    """The rows of the parent whose requests failed, by their fields."""
    if not session.columns(Table(SYSTEM, "failed_requests")):
        return []
    sql = f"SELECT parent FROM {SYSTEM}.failed_requests WHERE source = ? AND endpoint = ? ORDER BY parent"
    return [json.loads(parent) for (parent,) in session.rows(sql, [source, endpoint])]


def _record_rejects(
    session: Session, staged: StagedRows, has_rejects: bool, are_retried: bool, facts: list[Any]
) -> None:
    """Keep each rejected record once, for 30 days or until it is loaded."""
    partition, table, now = facts[-3:]
    rejects, row_id = "_rest_source.rejected_records", session.dialect.row_id
    old = "rejected_at < CAST(? AS TIMESTAMPTZ) - INTERVAL '30 days'"
    expired = f"SELECT {row_id} FROM {rejects} WHERE {old} {session.dialect.unless_locked}"
    session.execute(f"DELETE FROM {rejects} WHERE {row_id} IN ({expired})", [now])
    if session.rows(f"SELECT 1 FROM {rejects} WHERE table_name = ? LIMIT 1", [table]):
        known = f"{HEVO_ID} IN (SELECT s_.{HEVO_ID} FROM {staged.place} s_)"
        again = f"{HEVO_ID} IN (SELECT s_.id FROM {staged.rejects} s_)" if has_rejects else "false"
        # A record that an earlier release rejected says no partition.
        here = "coalesce(partition, '') = ?" if are_retried else "coalesce(partition, '') IN ('', ?)"
        gone = f"table_name = ? AND {here} AND ({are_retried} OR {known} OR {again})"
        session.execute(f"DELETE FROM {rejects} WHERE {gone}", [table, partition or ""])
    if has_rejects:
        names = ", ".join(_TABLES["rejected_records"])
        session.execute(
            f"INSERT INTO {rejects} ({names}) SELECT ?, ?, ?, ?, ?, CAST(? AS TIMESTAMPTZ), min(s_.reason), "
            f"CAST(min({session.dialect.json_text('s_.record')}) AS JSON), s_.id, max(s_.ingested_at) "
            f"FROM {staged.rejects} s_ GROUP BY s_.id",
            facts,
        )


def widenings(session: Session, table: Table) -> list[str]:
    """What the loads of a table widened, as they said it."""
    sql = "SELECT unnest(columns_widened) FROM _rest_source.loads WHERE table_name = ? ORDER BY committed_at"
    return [widening for (widening,) in session.rows(sql, [table_name(table)])]


def longest_record(session: Session, table: Table) -> int:
    """The bytes of the longest record ever loaded into a table; 0 where no load says it."""
    if "longest_record" not in {column.name for column in session.columns(Table(SYSTEM, "loads"))}:
        return 0
    sql = "SELECT max(longest_record) FROM _rest_source.loads WHERE table_name = ?"
    return count(session, sql, [table_name(table)])


def rejected_records(session: Session, source: str, endpoint: str) -> Iterator[RejectedRecord]:
    """The records of an endpoint that were rejected, partition by partition, those read first at the head."""
    if has_system_tables(session):
        there = {column.name for column in session.columns(Table(SYSTEM, "rejected_records"))}
        partition = "coalesce(partition, '')" if "partition" in there else "''"  # an earlier release had none
        sql = (
            f"SELECT CAST(record AS VARCHAR), {INGESTED_AT}, {partition} FROM _rest_source.rejected_records "
            f"WHERE source = ? AND endpoint = ? ORDER BY 3, {INGESTED_AT}"
        )
        for row in session.stream(sql, [source, endpoint]):
            yield RejectedRecord(*row)


def known_rejects(session: Session, source: str, endpoint: str) -> set[str]:
    """The ids of an endpoint's rejected records."""
    if not has_system_tables(session):
        return set()
    sql = f"SELECT {HEVO_ID} FROM {SYSTEM}.rejected_records WHERE source = ? AND endpoint = ?"
    return {id for (id,) in session.rows(sql, [source, endpoint])}


def has_system_tables(session: Session) -> bool:
    """Whether anything was ever loaded into the destination."""
    return bool(session.tables(SYSTEM))


def last_loads(session: Session, source: str, since: datetime) -> list[LastLoad]:
    """The last load of each endpoint before a moment, and of each of its partitions since then."""
    if not has_system_tables(session):
        return []
    recent = "committed_at >= CAST(? AS TIMESTAMPTZ)"
    rows = session.rows(
        f"SELECT endpoint, CASE WHEN {recent} THEN coalesce(partition, '') ELSE '' END, {recent}, max(committed_at) "
        f"FROM {SYSTEM}.loads WHERE source = ? AND stop_reason <> 'retried' GROUP BY 1, 2, 3",
        [since, since, source],
    )
    return [LastLoad(endpoint, partition, at.astimezone(UTC)) for endpoint, partition, _, at in rows]


def table_name(table: Table) -> str:
    """A table as the ledger calls it."""
    return f"{table.schema}.{table.name}"


def _moment(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)
