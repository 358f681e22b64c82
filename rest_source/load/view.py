"""Looking at a table of a destination: its columns, its newest rows, and what is said when it is not there."""

from collections.abc import Sequence

from rest_source.errors import RestSourceError
from rest_source.load.destination import TableView
from rest_source.load.dialect import Session, count
from rest_source.load.engine import identifier, literal
from rest_source.load.names import INGESTED_AT, LOADED_AT
from rest_source.load.relation import Table, TableColumn, resolve_column
from rest_source.spec.names import PARTITION

_PREVIEW_ROWS = 5
_PREVIEW_CHARACTERS = 61  # one more than are shown, so that a value that was cut can be told


def view(session: Session, table: Table, columns: Sequence[TableColumn]) -> TableView:
    """The columns, and the rows read last, cut to their first characters.

    There are no rows if they cannot be had, for the load is committed.
    """
    cells = ", ".join(f"left(CAST({identifier(c.name)} AS VARCHAR), {_PREVIEW_CHARACTERS})" for c in columns)
    place, row_id = session.place(table), session.dialect.row_id
    last = f"SELECT {row_id} FROM {place} ORDER BY {INGESTED_AT} DESC LIMIT {_PREVIEW_ROWS}"
    try:
        order = f"ORDER BY {INGESTED_AT} DESC LIMIT {_PREVIEW_ROWS}"  # a field may be called rowid, and not be unique
        rows = session.rows(f"SELECT {cells} FROM {place} WHERE {row_id} IN ({last}) {order}")
    except Exception:
        rows = []
    return TableView(tuple(columns), tuple(rows))


def newest(session: Session, table: Table) -> int:
    """When the last rows of a table were loaded (epoch ms); 0 where there are none."""
    there = session.columns(table)
    return count(session, f"SELECT max({LOADED_AT}) FROM {session.place(table)}") if there else 0


def chosen_columns(columns: Sequence[TableColumn], names: Sequence[str] | None) -> list[TableColumn]:
    """The columns of these names, by either name, or all."""
    return [_chosen(columns, name) for name in names] if names else list(columns)


def _chosen(columns: Sequence[TableColumn], name: str) -> TableColumn:
    found = resolve_column(columns, name)
    if found is None:
        raise no_column(name, "The table", [column.name for column in columns])
    return next(column for column in columns if column.name == found)


def of_partitions(columns: Sequence[TableColumn], partitions: Sequence[str] | None) -> str:
    """The condition in SQL for the rows of some partitions, or for all."""
    if partitions is None:
        return "true"
    if PARTITION not in {column.name for column in columns}:
        raise RestSourceError(
            "no_partitions",
            "The table does not say which partition its rows belong to.",
            cause="It was loaded before the asset had partitions.",
            remedy="Load the partitions of the asset; the rows that are there stay without one.",
        )
    listed = ", ".join(map(literal, partitions))
    return f"{identifier(PARTITION)} IN ({listed})" if listed else "false"


def no_column(name: str, place: str, columns: Sequence[str]) -> RestSourceError:
    """The error for a column that is not among those of a place."""
    return RestSourceError(
        "unknown_column", f"{place} has no column `{name}`.", remedy=f"Choose among: {', '.join(columns)}."
    )


def no_table(name: str) -> RestSourceError:
    """The error for a table that no load has made."""
    return RestSourceError(
        "no_table",
        f"There is no table {name} yet.",
        cause="The asset has not been materialized into this destination.",
        remedy="Materialize it first, or check REST_SOURCE_DESTINATION.",
    )
