"""What a materialization tells the person who looks at it in Dagster."""

import re
from collections.abc import Sequence
from typing import Any

import dagster as dg

from rest_source.load.destination import Destination, Table, TableColumn
from rest_source.load.outcome import SKIPPED, LoadOutcome

_CELL = 60


def load_metadata(outcome: LoadOutcome, destination: Destination, table: Table) -> dict[str, Any]:
    """Counts, table, columns and a preview, under Dagster's own keys where it has them."""
    facts = {key: value for key, value in outcome.to_dict().items() if value not in (None, (), {})}
    facts = {key: list(value) if isinstance(value, tuple) else value for key, value in facts.items()}
    if outcome.stop_reason == SKIPPED:
        return {key: value for key, value in facts.items() if key not in ("row_count", "load_id")}
    view = outcome.result.view
    return facts | {
        "dagster/row_count": facts.pop("row_count"),
        "dagster/table_name": destination.full_name(table),
        "dagster/storage_kind": destination.kind,
        "dagster/uri": destination.uri,
        "dagster/column_schema": column_schema(view.columns),
        "preview": dg.MetadataValue.md(markdown_table([column.name for column in view.columns], view.preview)),
    }


def column_schema(columns: Sequence[TableColumn]) -> dg.TableSchema:
    """The columns of a table as Dagster shows them; the description is the field's name in the API."""
    return dg.TableSchema([dg.TableColumn(c.name, c.type.lower(), description=c.original) for c in columns])


def markdown_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table in which no value can be read as markup."""
    if not rows:
        return "No rows to show."
    lines = [names, ["---"] * len(names), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    text = text if len(text) <= _CELL else text[: _CELL - 1] + "…"
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ").replace("\r", " ")
    return re.sub(r"([\\`*_{}\[\]()#+!|~-])", r"\\\1", text).replace("://", ":\u200b//")
