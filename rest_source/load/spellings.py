"""How the API writes values that a column holds otherwise: children of an endpoint ask for them as they were received.

A timestamp loses the form it had (`…00.000Z` is `…00Z` in a column), a whole number among decimals becomes one. Only
such values are kept, of columns that the requests of children name, by the value that the column gives back.
"""

from collections.abc import Collection, Iterator, Mapping

from rest_source.load.dialect import Session, count
from rest_source.load.engine import literal
from rest_source.load.evolution import Evolution
from rest_source.load.names import HEVO_ID
from rest_source.load.relation import Table, TableColumn, resolve_column
from rest_source.load.schema import ColumnType
from rest_source.load.stage import STAGE, Stage
from rest_source.load.system import SYSTEM, table_name
from rest_source.load.values import as_stored, converted, respelled

SPELLED = "spelled"
"""The table of the stage with texts that were written anew in it: (id, name, text), by `__hevo_id` and column."""
_BATCH = 10_000
_Pair = tuple[str, str | None]
"""A value as it is read from the column, and the text that the API wrote where that is another."""


def record_spellings(
    session: Session,
    table: Table,
    stage: Stage,
    evolution: Evolution,
    before: Mapping[str, ColumnType],
    asked: Collection[str],
) -> None:
    """Keep the texts of this load's values in the columns that children ask for, in the open transaction."""
    columns = {column.name: staged for staged, column in evolution.target.items()}
    known = list(evolution.target.values())
    for name in dict.fromkeys(resolve_column(known, field) for field in asked):
        if name is None:
            continue
        column = next(column for column in known if column.name == name)
        selected = _selected(session, columns[name], column, before.get(name))
        if selected:
            _replace(session, [table_name(table), name], _pairs(session, stage, selected))


def spellings(session: Session, table: Table, column: str) -> dict[str, str]:
    """The texts that are known of a column, by the values that it gives back."""
    if not session.columns(Table(SYSTEM, "spellings")):
        return {}
    sql = f"SELECT value, text FROM {SYSTEM}.spellings WHERE table_name = ? AND column_name = ?"
    return dict(session.rows(sql, [table_name(table), column]))


def _selected(session: Session, staged: str, column: TableColumn, before: ColumnType | None) -> str:
    """The query for the pairs of a column; empty where its type gives every text back as it was."""
    raw = f"CAST(s_.{staged} AS VARCHAR)"
    match column.type:
        case ColumnType.TIMESTAMPTZ:
            value = converted(as_stored(raw, column.type), column.type, ColumnType.TEXT)
            differs = f"{raw} <> {value}"
        case ColumnType.DOUBLE:
            value, differs = f"CAST(CAST({raw} AS DOUBLE) AS VARCHAR)", f"regexp_full_match({raw}, '-?[0-9]+')"
        case ColumnType.TEXT if before is not None:
            value = respelled(f"s_.{staged}", before)
            differs = f"{raw} <> {value}"
        case ColumnType.DATE:
            value, differs = raw, "false"
        case _:
            return ""
    records = f"{STAGE}.main.records"
    if not _is_spelled(session):
        return f"SELECT DISTINCT {value}, CASE WHEN {differs} THEN {raw} END FROM {records} s_ WHERE {raw} IS NOT NULL"
    written = f"LEFT JOIN {STAGE}.main.{SPELLED} w_ ON w_.id = s_.{HEVO_ID} AND w_.name = '{staged}'"
    text = f"coalesce(w_.text, CASE WHEN {differs} THEN {raw} END)"
    return f"SELECT DISTINCT {value}, {text} FROM {records} s_ {written} WHERE {raw} IS NOT NULL"


def _is_spelled(session: Session) -> bool:
    sql = "SELECT 1 FROM duckdb_tables() WHERE database_name = ? AND table_name = ?"
    return bool(session.engine.execute(sql, [STAGE, SPELLED]).fetchall())


def _pairs(session: Session, stage: Stage, sql: str) -> Iterator[list[_Pair]]:
    """The pairs in batches, read beside the open transaction, which they are written in."""
    # DuckDB's own transaction is on the engine itself, whose results end with its next statement.
    with session.engine.cursor() as reader:
        reader.execute(f"SET TimeZone = {literal(stage.timezone)}")
        reader.execute(sql)
        while batch := reader.fetchmany(_BATCH):
            yield batch


def _replace(session: Session, place: list[str], pairs: Iterator[list[_Pair]]) -> None:
    """Put the pairs in the place of what was known of their values."""
    where = "table_name = ? AND column_name = ?"
    was_known = count(session, f"SELECT count(*) FROM {SYSTEM}.spellings WHERE {where}", place) > 0
    for batch in pairs:
        if was_known:
            gone = f"DELETE FROM {SYSTEM}.spellings WHERE {where} AND value IN (SELECT unnest(CAST(? AS VARCHAR[])))"
            session.execute(gone, [*place, [value for value, _ in batch]])
        if new := [(value, text) for value, text in batch if text is not None]:
            session.execute(
                f"INSERT INTO {SYSTEM}.spellings (table_name, column_name, value, text) "
                "SELECT ?, ?, unnest(CAST(? AS VARCHAR[])), unnest(CAST(? AS VARCHAR[]))",
                [*place, [value for value, _ in new], [text for _, text in new]],
            )
