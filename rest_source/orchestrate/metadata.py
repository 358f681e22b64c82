"""What a materialization tells the person who looks at it in Dagster."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from rest_source.http.errors import Mask
from rest_source.load.destination import Destination
from rest_source.load.outcome import SKIPPED, LoadOutcome
from rest_source.load.relation import Table, TableColumn

_CELL = 60
_OURS = ("load_id", "partition", "stop_reason")
"""Texts that nothing the API sent has a part in."""
_LINK = re.compile(r":(?=//)|\bwww(?=\.)|\b(?:mailto|xmpp)(?=:)|(?<=[-.\w+])@", re.IGNORECASE)
"""Where GitHub-flavoured Markdown makes a link of plain text; a character without width behind it ends that."""


def load_metadata(outcome: LoadOutcome, destination: Destination, table: Table, mask: Mask) -> dict[str, Any]:
    """Counts, table, columns and a preview, under Dagster's own keys where it has them.

    What comes from the API passes the `mask`: it may repeat a secret, which belongs into no event.
    """
    facts = {key: value for key, value in outcome.to_dict().items() if value not in (None, (), {})}
    facts = {key: value if key in _OURS else _masked(value, mask) for key, value in facts.items()}
    if outcome.stop_reason == SKIPPED:
        return {key: value for key, value in facts.items() if key not in ("row_count", "load_id")}
    view = outcome.result.view
    if outcome.partition:
        facts["dagster/partition_row_count"] = facts.pop("partition_rows", 0)
    return facts | {
        "dagster/row_count": facts.pop("row_count"),
        "dagster/table_name": destination.full_name(table),
        "dagster/storage_kind": destination.kind,
        "dagster/uri": destination.uri,
        "dagster/column_schema": column_schema(view.columns, mask),
        "preview": dg.MetadataValue.md(markdown_table([column.name for column in view.columns], view.preview, mask)),
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
    return dg.TableSchema(
        [dg.TableColumn(mask(c.name), c.type.lower(), description=c.original and mask(c.original)) for c in columns]
    )


def markdown_table(names: Sequence[str], rows: Sequence[Sequence[Any]], mask: Mask = str) -> str:
    """A Markdown table in which no value can be read as markup."""
    if not rows:
        return "No rows to show."
    lines = [[mask(name) for name in names], ["---"] * len(names), *([_cell(v, mask) for v in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any, mask: Mask) -> str:
    text = "" if value is None else mask(str(value))  # before it is cut: half a secret would not be recognised
    text = text if len(text) <= _CELL else text[: _CELL - 1] + "…"
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ").replace("\r", " ")
    text = re.sub(r"([\\`*_{}\[\]()#+!|~-])", r"\\\1", text)
    return _LINK.sub("\\g<0>\u200b", text)
