"""Finds what stands in a table twice: repeated keys, and records that changed under the default key."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from rest_source.load.destination import DuplicateReport
from rest_source.load.dialect import Session, count
from rest_source.load.engine import identifier
from rest_source.load.identifying import CERTAIN, DRIFT, SURE, UNNAMED, Records, could_identify, listed, name_rank
from rest_source.load.names import HEVO_ID, LOADED_AT, MARKED_DELETED
from rest_source.load.relation import Table, TableColumn, resolve_column
from rest_source.spec.names import PARTITION

_SAMPLE = 3
_PAIRED = 8
_PROBED = 50_000
_TELLING = 0.7
"""The distinct values a candidate has at least, as a share of the largest load."""


def find_duplicates(session: Session, table: Table, primary_key: Sequence[str]) -> DuplicateReport:
    """The report on a table; with a key of its own, only the key is judged."""
    columns = session.columns(table)
    if not columns:
        return DuplicateReport(rows=0)
    rows = count(session, f"SELECT count(*) FROM {session.place(table)}")
    default_key = tuple(primary_key) in ((), (HEVO_ID,))
    names = [HEVO_ID] if default_key else [resolve_column(columns, part) for part in primary_key]
    present = [name for name in names if name is not None]
    if len(present) < len(names):  # no record ever had a value there
        return DuplicateReport(rows, null_keys=rows)
    # Equal records may stand in several partitions.
    beside = [PARTITION] if default_key and any(column.name == PARTITION for column in columns) else []
    report = _judge_key(session, f"{session.place(table)} WHERE true", present, beside, rows)
    if default_key:
        return _identity(session, table, columns, report)
    return _alike(session, table, columns, present, report) if report.repeated_keys else report


def _judge_key(session: Session, place: str, names: Sequence[str], beside: Sequence[str], rows: int) -> DuplicateReport:
    null = " OR ".join(f"{identifier(name)} IS NULL" for name in names)
    nulls = count(session, f"SELECT count(*) FROM {place} AND ({null})")
    repeated = count(session, f"SELECT count(*) FROM ({_groups(place, names, beside)}) repeated")
    return DuplicateReport(rows, repeated, nulls, sample=_sample(session, place, names, beside) if repeated else ())


def _alike(
    session: Session, table: Table, columns: Sequence[TableColumn], names: Sequence[str], report: DuplicateReport
) -> DuplicateReport:
    """The report with the rows that one load read beside another of their key, which are no versions of one record."""
    place = f"{session.place(table)} WHERE true"
    repeated = f"SELECT {listed(names)} FROM ({_groups(place, names)}) repeated"
    read = f"SELECT count(DISTINCT {HEVO_ID}) AS n FROM {place} AND ({listed(names)}) IN ({repeated})"
    in_load = f"{read} GROUP BY {listed([*names, LOADED_AT])}"
    alike = count(session, f"SELECT sum(n - 1) FROM ({in_load}) in_load")
    if alike <= DRIFT * report.rows:
        return report
    key = [column for name in names for column in columns if column.name == name]
    identity = Records(session, place, table.name, columns, (LOADED_AT,)).identity(key, deep=True)
    return replace(report, alike=alike, identity=tuple(column.original for column in identity))


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A column without nulls, its number of distinct values (about), and how much its name promises."""

    column: TableColumn
    distinct: int
    rank: int


def _identity(
    session: Session, table: Table, columns: Sequence[TableColumn], report: DuplicateReport
) -> DuplicateReport:
    """The report with the columns that identify a record, if records stand in several rows that are not deleted."""
    # Not a subquery of all columns: of a wide table that takes longer to plan than to read, for each candidate.
    place = f"{session.place(table)} WHERE NOT {MARKED_DELETED}"
    marked = count(session, f"SELECT count(*) FROM {session.place(table)} WHERE {MARKED_DELETED}")
    candidates = _candidates(session, place, table.name, columns, report.rows - marked)
    found, entities = _repeated(session, place, candidates, report.rows - marked)
    if not entities:
        return report
    sample = report.sample or _sample(session, place, [column.name for column in found])
    identity = tuple(column.original for column in found)
    sure = len(found) == 1 and name_rank(found[0].name, table.name) < SURE
    return replace(report, identity=identity, entities=entities, sample=sample, is_sure=sure)


_Found = tuple[tuple[TableColumn, ...], int]
"""Identifying columns, and how many records stand in several rows."""


def _repeated(session: Session, place: str, candidates: Sequence[_Candidate], rows: int) -> _Found:
    """Columns named like an identity decide alone; else the most repeated column, then pair of columns."""
    loads = f"SELECT count(*) AS n FROM {place} GROUP BY {LOADED_AT}"
    ((largest, number),) = session.rows(f"SELECT coalesce(max(n), 0), count(*) FROM ({loads}) loads")
    single = [candidate for candidate in candidates if candidate.distinct >= _TELLING * largest]
    named = _named(session, place, single, rows)
    if named is not None:
        return named
    if number < 2:  # nothing is repeated across loads
        return (), 0
    unnamed = [(candidate.column,) for candidate in single if candidate.rank == UNNAMED]
    pairs = [
        (one.column, other.column)
        for one, other in combinations([c for c in candidates if c.distinct > 1][:_PAIRED], 2)
        if one.distinct * other.distinct >= _TELLING * largest
    ]
    found = _most_repeated(session, place, unnamed, rows)
    return found if found[1] else _most_repeated(session, place, pairs, rows)


def _named(session: Session, place: str, single: Sequence[_Candidate], rows: int) -> _Found | None:
    """What the best name says; among equals one that never repeats outweighs the others.

    The events of an append-only table are not one event because they share a customer.
    """
    for rank in range(UNNAMED):
        drift = DRIFT if rank < CERTAIN else 0
        alike = [candidate.column for candidate in single if candidate.rank == rank]
        judged = [(column, _entities(session, place, [column.name], rows, drift)) for column in alike]
        decided: list[_Found] = [((column,), entities) for column, entities in judged if entities is not None]
        if decided:
            return min(decided, key=lambda found: found[1] > 0)
    return None


def _most_repeated(session: Session, place: str, choices: Sequence[tuple[TableColumn, ...]], rows: int) -> _Found:
    """The choice with most repetitions: a value beside the identity changes, so it repeats less."""
    judged = [(choice, _entities(session, place, [column.name for column in choice], rows) or 0) for choice in choices]
    return max(judged, key=lambda found: found[1], default=((), 0))


def _candidates(
    session: Session, place: str, table: str, columns: Sequence[TableColumn], rows: int
) -> list[_Candidate]:
    """Columns without nulls that could tell records apart, the best names first."""
    possible = could_identify(columns)
    if not possible:
        return []
    tests = ", ".join(
        f"count({identifier(column.name)}), {session.dialect.distinct(identifier(column.name))}" for column in possible
    )
    (row,) = session.rows(f"SELECT {tests} FROM {place}")
    whole = [
        _Candidate(column, row[2 * index + 1], name_rank(column.name, table))
        for index, column in enumerate(possible)
        if row[2 * index] == rows
    ]
    return sorted(whole, key=lambda candidate: candidate.rank)


def _entities(session: Session, place: str, names: Sequence[str], rows: int, drift: float = 0) -> int | None:
    """How many records stand in several rows, if the columns tell records apart in every load; else None.

    A large table is probed with some of the values first, which are all of the rows that have them.
    """
    if rows > 4 * _PROBED and _counted(session, place, names, drift, rows // _PROBED) is None:
        return None
    return _counted(session, place, names, drift)


def _counted(session: Session, place: str, names: Sequence[str], drift: float, share: int = 1) -> int | None:
    probed = f"{session.dialect.hashed(listed(names))} % {share} = 0" if share > 1 else "true"
    keys = [f"k{index}" for index, _ in enumerate(names)]
    aliased = ", ".join(f"{identifier(name)} AS {key}" for name, key in zip(names, keys, strict=True))
    in_loads = f"SELECT {aliased}, count(*) AS in_load FROM {place} AND {probed} GROUP BY {listed(names)}, {LOADED_AT}"
    grouped = f"SELECT sum(in_load) AS n, count(*) AS loads FROM ({in_loads}) in_loads GROUP BY {', '.join(keys)}"
    totals = f"SELECT sum(n - loads), sum(n), count(*) FILTER (WHERE n > 1) FROM ({grouped}) grouped"
    ((extra, rows, repeated),) = session.rows(totals)
    if rows is None:
        return 0
    return int(repeated) if extra <= drift * int(rows) else None


def _groups(place: str, names: Sequence[str], beside: Sequence[str] = ()) -> str:
    """Key values that stand in more than one row, each with its number of rows."""
    present = " AND ".join(f"{identifier(name)} IS NOT NULL" for name in names)
    grouped = listed([*names, *beside])
    return f"SELECT {listed(names)}, count(*) FROM {place} AND {present} GROUP BY {grouped} HAVING count(*) > 1"


def _sample(
    session: Session, place: str, names: Sequence[str], beside: Sequence[str] = ()
) -> tuple[tuple[str, int], ...]:
    rows = session.rows(f"{_groups(place, names, beside)} ORDER BY count(*) DESC, {listed(names)} LIMIT {_SAMPLE}")
    return tuple((", ".join(str(value) for value in row[:-1]), int(row[-1])) for row in rows)
