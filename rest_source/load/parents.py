"""The rows of a parent as the destination has them: of another endpoint's table, or of a query that the file holds."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

from rest_source.errors import RestSourceError
from rest_source.load.dialect import Session
from rest_source.load.engine import identifier
from rest_source.load.names import LOADED_AT, MARKED_DELETED, METADATA_COLUMNS
from rest_source.load.relation import Table
from rest_source.load.view import chosen_columns, no_column, no_table, of_partitions
from rest_source.spec.sql import bound
from rest_source.spec.template import Scope

Rows = list[dict[str, Any]]


def rows_of_table(
    session: Session,
    table: Table,
    asked: Sequence[str],
    included: Sequence[str],
    where: str | None,
    scope: Scope,
    since: int,
    partitions: Sequence[str] | None = None,
) -> Rows:
    """The distinct values in the rows that were loaded after `since` (epoch ms) and have all that is asked.

    Of all rows, or of those of some `partitions`.
    """
    existing = session.columns(table)
    if not existing:
        raise no_table(f"{table.schema}.{table.name}")
    if all(column.name in METADATA_COLUMNS for column in existing):
        return []
    fields = list(dict.fromkeys((*asked, *included)))
    names = [identifier(column.name) for column in chosen_columns(existing, fields)] if fields else []
    # An empty text would ask for all there is: `/users/` instead of `/users/7`.
    present = "".join(f" AND CAST({name} AS VARCHAR) <> ''" for name in names[: len(asked)])
    order = ", ".join(str(number) for number in range(1, max(1, len(names)) + 1))
    condition, values = bound(where or "true", scope)
    of_these = of_partitions(existing, partitions)
    with _written_in_the_file(session, "where"):
        _, rows = session.query(
            f"SELECT DISTINCT {', '.join(names) or '1'} FROM {session.place(table)} WHERE NOT {MARKED_DELETED} "
            f"AND {LOADED_AT} > {since}{present} AND {of_these} AND ({condition}\n) ORDER BY {order}",
            values,
        )
    return [dict(zip(fields, map(_as_sent, row), strict=False)) for row in rows]


def rows_of_query(session: Session, sql: str, asked: Sequence[str], included: Sequence[str], scope: Scope) -> Rows:
    """The rows of a query that have all that is asked."""
    with _written_in_the_file(session, "query"):
        names, found = session.query(*bound(sql, scope))
    rows = [dict(zip(names, row, strict=True)) for row in found]
    for field in (*asked, *included):
        if rows and field not in names:
            raise no_column(field, "What `parent.query` selects", names)
    present = (row for row in rows if all(row[field] not in (None, "") for field in asked))
    return [{name: _as_sent(value) for name, value in row.items()} for row in present]


def _as_sent(value: Any) -> Any:
    """A value of a column as requests have it: a time as `{now}` writes it, and a date, in ISO 8601."""
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


@contextmanager
def _written_in_the_file(session: Session, key: str) -> Iterator[None]:
    try:
        yield
    except session.dialect.mistakes as error:
        raise RestSourceError(
            "query_failed",
            f"The SQL of `parent.{key}` fails: {str(error).splitlines()[0]}.",
            cause="It is not SQL of this destination, or it reads a table that no load has made there yet.",
            remedy=f"Correct `{key}`; load what it reads first, which `deps` see to."
            if key == "query"
            else f"Correct `{key}`, a condition on columns of the parent's table.",
        ) from error
