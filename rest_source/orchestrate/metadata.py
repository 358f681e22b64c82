"""What a materialization tells the person who looks at it in Dagster."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from rest_source.catalogue.stops import ending
from rest_source.http.errors import Mask
from rest_source.load.destination import CommitResult, Destination
from rest_source.load.outcome import SKIPPED, LoadOutcome
from rest_source.load.relation import Table, TableColumn
from rest_source.load.schema import ColumnType
from rest_source.orchestrate.markdown import as_text, markdown_table

_OURS = ("load_id", "partition", "stop_reason")
"""Texts that nothing the API sent has a part in."""
_TOLD = ("warnings", "failed_requests")
"""What a person should see first."""


def load_metadata(outcome: LoadOutcome, destination: Destination, table: Table, mask: Mask) -> dict[str, Any]:
    """Counts, table, columns and a preview, under Dagster's own keys where it has them.

    What comes from the API passes the `mask`: it may repeat a secret, which belongs into no event.
    """
    facts = {key: value for key, value in outcome.to_dict().items() if value not in (None, (), {})}
    facts = {key: value if key in _OURS else _masked(value, mask) for key, value in facts.items()}
    if outcome.stop_reason == SKIPPED:
        return {key: value for key, value in facts.items() if key not in ("row_count", "load_id")}
    if outcome.partition:
        facts["dagster/partition_row_count"] = facts.pop("partition_rows", 0)
    facts.pop("row_count")
    facts["ended_as"] = ending(outcome.stop_reason).sentence
    told = {key: facts.pop(key) for key in _TOLD if facts.get(key)}
    return told | table_metadata(outcome.result, destination, table, mask) | facts


def table_metadata(result: CommitResult, destination: Destination, table: Table, mask: Mask = str) -> dict[str, Any]:
    """The table as a commit left it: its size, where it is, its columns and a preview."""
    view = result.view
    return {
        "preview": dg.MetadataValue.md(markdown_table([column.name for column in view.columns], view.preview, mask)),
        "dagster/row_count": result.row_count,
        "dagster/table_name": destination.full_name(table),
        "dagster/storage_kind": destination.kind,
        "dagster/uri": destination.uri,
        "dagster/column_schema": column_schema(view.columns, mask),
    }


def _masked(value: Any, mask: Mask) -> Any:
    """A fact with every text in it masked, and lists where it has tuples."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {mask(key): _masked(item, mask) for key, item in value.items()}
    return [_masked(item, mask) for item in value] if isinstance(value, list | tuple) else value


def column_schema(columns: Sequence[TableColumn], mask: Mask = str) -> dg.TableSchema:
    """The columns of a table as Dagster shows them; the description is the field's name in the API."""
    return dg.TableSchema([dg.TableColumn(mask(c.name), _type(c), _description(c, mask)) for c in columns])


def _type(column: TableColumn) -> str:
    """Our word for a type, or the database's for one that is none of ours."""
    is_ours = column.type is not ColumnType.TEXT or column.sql.upper() in ("", "TEXT", "VARCHAR")
    return (column.type if is_ours else column.sql).lower()


def _description(column: TableColumn, mask: Mask) -> str | None:
    return None if column.original is None else as_text(mask(column.original))
