"""How a table changes for a load: which columns it gains, which get another type, and what the file forbids."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from rest_source.errors import RestSourceError
from rest_source.extract.columns import MAX_COLUMNS, too_many_columns
from rest_source.load.names import column_names
from rest_source.load.relation import TableColumn
from rest_source.load.schema import ColumnType, widened
from rest_source.load.stage import StagedColumn

SchemaChange = Literal["evolve", "freeze", "ignore"]


@dataclass(frozen=True, slots=True)
class Evolution:
    """What a load needs of a table: the column of each staged one, by its name in the stage.

    `changed` has columns as they are and as they are to be, `ignored` the names of fields that get no column,
    `missing` the columns for which the load has no value, `width` the number of columns afterwards, without the
    metadata columns.
    """

    target: dict[str, TableColumn]
    added: tuple[TableColumn, ...]
    changed: tuple[tuple[TableColumn, TableColumn], ...]
    ignored: tuple[str, ...]
    missing: tuple[str, ...]
    width: int


def plan(
    table: str,
    existing: Sequence[TableColumn],
    staged: Sequence[StagedColumn],
    change: SchemaChange,
    *,
    key: Collection[str],
    stored: Callable[[ColumnType], ColumnType],
    doubles_are_exact: Callable[[TableColumn, StagedColumn], bool],
    longest_name: int | None = None,
    reserved: Collection[str] = (),
) -> Evolution:
    """What becomes of a table with these columns.

    `key` names staged columns that no rule can leave out, `stored` gives the type that a destination has for one of
    ours, `doubles_are_exact` tells whether the integers of both sides fit a double, `longest_name` how long a name may
    be, and `reserved` which names no column may have. Raises RestSourceError where `freeze` forbids the
    change, or the table would be too wide.
    """
    known = {column.original: column for column in existing}
    fresh = [column for column in staged if column.original not in known]
    ignored = [c for c in fresh if c.name not in key] if change == "ignore" else []
    kept = (column.original for column in staged if column not in ignored)
    names = column_names(kept, {column.original: column.name for column in existing}, longest_name, reserved)
    added = [TableColumn(names[c.original], stored(c.type), c.original) for c in fresh if c not in ignored]
    changed = []
    for column in staged:
        before = known.get(column.original)
        after = before and _after(before, column, stored, doubles_are_exact)
        if before and after and before.type != after.type:
            changed.append((before, after))
    if change == "freeze" and (added or changed):
        raise frozen(table, _changes(added, changed))
    by_original = known | {after.original: after for _, after in changed} | {c.original: c for c in added}
    target = {column.name: by_original[column.original] for column in staged if column not in ignored}
    if added and len(existing) + len(added) > MAX_COLUMNS:
        raise too_many_columns(f"The table {table} would have", [column.original for column in added])
    return Evolution(
        target,
        tuple(added),
        tuple(changed),
        tuple(column.original for column in ignored),
        tuple(column.name for column in existing if column.original not in {c.original for c in staged}),
        len(existing) + len(added),
    )


def _after(
    column: TableColumn,
    staged: StagedColumn,
    stored: Callable[[ColumnType], ColumnType],
    doubles_are_exact: Callable[[TableColumn, StagedColumn], bool],
) -> TableColumn:
    if staged.is_fixed:
        return TableColumn(column.name, stored(staged.type), column.original)
    mixed = {column.type, staged.type} == {ColumnType.BIGINT, ColumnType.DOUBLE}
    exact = not mixed or doubles_are_exact(column, staged)
    return TableColumn(column.name, stored(widened(column.type, staged.type, exact)), column.original)


def _changes(added: Sequence[TableColumn], changed: Sequence[tuple[TableColumn, TableColumn]]) -> list[str]:
    new = [f"new column `{column.original}` ({column.type})" for column in added]
    return [*new, *(f"`{before.original}` from {before.type} to {after.type}" for before, after in changed)]


def frozen(table: str, changes: Sequence[str]) -> RestSourceError:
    """The error for changes that a table must not undergo."""
    return RestSourceError(
        "schema_frozen",
        f"The records do not fit the table {table}, which is frozen: {', '.join(changes[:20])}.",
        cause="The API has changed what it sends, and `schema_change: freeze` lets no load change the table.",
        remedy="Load once with `schema_change: evolve` if the change is wanted; otherwise `exclude` the new fields, "
        "fix a type with `columns`, or write `schema_change: ignore`.",
    )
