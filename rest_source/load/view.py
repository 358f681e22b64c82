"""Looking at a table of a destination: its columns, its newest rows, and what is said when it is not there."""

from collections.abc import Sequence
from typing import Any

from rest_source.errors import RestSourceError
from rest_source.load.destination import TableView
from rest_source.load.dialect import Session, count
from rest_source.load.engine import identifier
from rest_source.load.names import INGESTED_AT, LOADED_AT, MARKED_DELETED, METADATA_COLUMNS
from rest_source.load.relation import Table, TableColumn, resolve_column

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


def parent_rows(
    session: Session, table: Table, fields: Sequence[str], where: str | None, since: int
) -> list[dict[str, Any]]:
    """The distinct values of fields in the rows that were loaded after `since` (epoch ms), as `Destination` says."""
    existing = session.columns(table)
    if not existing:
        raise no_table(f"{table.schema}.{table.name}")
    if all(column.name in METADATA_COLUMNS for column in existing):
        return []
    names = [identifier(column.name) for column in chosen_columns(existing, fields)] if fields else []
    present = "".join(f" AND {name} IS NOT NULL" for name in names)
    order = ", ".join(str(number) for number in range(1, max(1, len(names)) + 1))
    rows = session.rows(
        f"SELECT DISTINCT {', '.join(names) or '1'} FROM {session.place(table)} WHERE NOT {MARKED_DELETED} "
        f"AND {LOADED_AT} > {since}{present} AND ({where or 'true'}) ORDER BY {order}"
    )
    return [dict(zip(fields, row, strict=False)) for row in rows]


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
        raise RestSourceError(
            "unknown_column",
            f"The table has no column `{name}`.",
            remedy=f"Choose among: {', '.join(column.name for column in columns)}.",
        )
    return next(column for column in columns if column.name == found)


def no_table(name: str) -> RestSourceError:
    """The error for a table that no load has made."""
    return RestSourceError(
        "no_table",
        f"There is no table {name} yet.",
        cause="The asset has not been materialized into this destination.",
        remedy="Materialize it first, or check REST_SOURCE_DESTINATION.",
    )
