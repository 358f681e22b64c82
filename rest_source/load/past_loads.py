"""What `_rest_source.loads` tells of past loads, also where an earlier release wrote it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import dropwhile
from typing import Any

from rest_source.load.destination import COUNTS, CommitResult, CommittedLoad, SchemaReport
from rest_source.load.dialect import Session
from rest_source.load.relation import Table
from rest_source.load.system import LISTS, SYSTEM, has_system_tables, table_name

_OF_ENDPOINT = f"FROM {SYSTEM}.loads WHERE source = ? AND endpoint = ? AND stop_reason <> 'retried'"
_FACTS = (
    *("load_id", "pages", "stop_reason", "total_reported", "records_returned", "shortfall"),
    *("partition", "committed_at"),
)


@dataclass(frozen=True, slots=True)
class PastLoad:
    """How many records a load read, and of which partition (`""` where none is told)."""

    load_id: str
    partition: str
    rows: int


def find_load(
    session: Session,
    source: str,
    endpoint: str,
    load_id: str | None,
    run_id: str | None,
    partition: str | None,
) -> CommittedLoad | None:
    """The newest committed load of an endpoint, of that id, run or partition if one is given."""
    wanted = (
        "AND load_id = coalesce(?, load_id) AND run_id = coalesce(?, run_id) "
        "AND coalesce(partition, '') = coalesce(?, partition, '') ORDER BY committed_at DESC LIMIT 1"
    )
    found = _loads(session, wanted, [source, endpoint, load_id, run_id, partition])
    return found[0] if found else None


def loads_of_run(session: Session, source: str, endpoint: str, run_id: str) -> list[CommittedLoad]:
    """The last load of each partition in a run; where it loaded nothing of the endpoint, in the last run that did.

    A load that belongs to no run stands by itself.
    """
    of_run = "AND run_id = ? ORDER BY committed_at"
    loads = _loads(session, of_run, [source, endpoint, run_id]) if run_id else []
    if not loads:
        loads = _loads(session, "ORDER BY committed_at DESC LIMIT 1", [source, endpoint])
        if loads and (run_id := _run_of(session, loads[0])):
            loads = _loads(session, of_run, [source, endpoint, run_id])
    last = {load.partition: load for load in loads}
    return [last[partition] for partition in sorted(last)]


def past_loads(session: Session, source: str, endpoint: str) -> list[PastLoad]:
    """How much each load of an endpoint has read, the oldest first."""
    if not has_system_tables(session):
        return []
    sql = f"SELECT load_id, coalesce(partition, ''), rows_read {_OF_ENDPOINT} ORDER BY committed_at"
    return [PastLoad(*row) for row in session.rows(sql, [source, endpoint])]


def loaded_partitions(session: Session, table: Table) -> set[str]:
    """The partitions of a table that were ever loaded, ranges among them."""
    if not has_system_tables(session):
        return set()
    sql = f"SELECT DISTINCT partition FROM {SYSTEM}.loads WHERE table_name = ? AND partition IS NOT NULL"
    return {partition for (partition,) in session.rows(sql, [table_name(table)])}


def schema_changes(session: Session, source: str, endpoint: str) -> SchemaReport:
    """What the loads of an endpoint changed, but for those that made the table."""
    if not has_system_tables(session):
        return SchemaReport()
    rows = session.rows(
        "SELECT coalesce(run_id, ''), committed_at, coalesce(partition, ''), columns_added, columns_widened "
        f"FROM {SYSTEM}.loads WHERE source = ? AND endpoint = ? ORDER BY committed_at",
        [source, endpoint],
    )
    changing = [
        (run, at, partition, (*(f"new column {name}" for name in added or ()), *(widened or ())))
        for run, at, partition, added, widened in rows
    ]
    changes = [(run, at, partition, texts) for run, at, partition, texts in changing if texts]
    first = changes[0][0] if changes else ""
    later = dropwhile(lambda change: first and change[0] == first, changes) if first else changes[1:]
    return SchemaReport(tuple((at, partition, texts) for _, at, partition, texts in later))


def _run_of(session: Session, load: CommittedLoad) -> str:
    rows = session.rows(f"SELECT coalesce(run_id, '') FROM {SYSTEM}.loads WHERE load_id = ?", [load.load_id])
    return str(rows[0][0]) if rows else ""


def _loads(session: Session, wanted: str, parameters: Sequence[Any]) -> list[CommittedLoad]:
    if not has_system_tables(session):
        return []
    there = {column.name for column in session.columns(Table(SYSTEM, "loads"))}
    # A destination of an earlier release lacks columns before the next load into it.
    names = (*_FACTS, *COUNTS, *LISTS)
    listed = ", ".join(name if name in there else f"NULL AS {name}" for name in names)
    rows = session.rows(f"SELECT {listed} {_OF_ENDPOINT} {wanted}", parameters)
    return [_committed(dict(zip(names, row, strict=True))) for row in rows]


def _committed(row: dict[str, Any]) -> CommittedLoad:
    counts: dict[str, Any] = {name: row[name] or 0 for name in COUNTS}
    lists: dict[str, Any] = {name: tuple(row[name] or ()) for name in LISTS}
    return CommittedLoad(
        str(row["load_id"]),
        CommitResult(**counts, **lists),
        row["pages"],
        row["stop_reason"],
        row["total_reported"],
        row["records_returned"],
        row["shortfall"],
        row["partition"] or "",
        row["committed_at"].astimezone(UTC),
    )
