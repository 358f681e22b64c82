"""The output of an asset that is no endpoint: a DataFrame or an Arrow table, which becomes a table."""

import sys
from typing import TYPE_CHECKING, Any

import dagster as dg

from rest_source.errors import RestSourceError
from rest_source.load.destination import Destination
from rest_source.load.frames import Frame
from rest_source.load.relation import Table
from rest_source.orchestrate.metadata import table_metadata
from rest_source.spec.names import PARTITION
from rest_source.spec.source import RESERVED_SCHEMAS

if TYPE_CHECKING:
    import pyarrow as pa

_TOLD = 5


def store_computed(context: dg.OutputContext, value: Any, destination: Destination, run_id: str) -> None:
    """Write what an asset returned in place of its table, or of its partitions; raises RestSourceError with reasons."""
    if not context.has_asset_key:
        raise _not_stored("an op", value, "it is no asset, and a table needs the name of one")
    key = tuple(context.asset_key.path)
    table, name = Table.of_key(key), "/".join(key)
    if table.schema in RESERVED_SCHEMAS:
        raise _not_stored(f"The asset {name}", value, f"the schema `{table.schema}` is a system's; give it another key")
    partitions = tuple(map(str, context.asset_partition_keys)) if context.has_asset_partitions else ()
    rows = _arrow(name, value)
    _check(name, rows, partitions)
    stored = destination.store(Frame(rows, key, partitions, run_id), context.log.info)
    counts = {"rows_inserted": stored.result.rows_inserted, "rows_deleted": stored.result.rows_deleted}
    context.add_output_metadata(counts | table_metadata(stored.result, destination, table))
    for partition, count in stored.partition_rows.items() if in_run(context) else ():
        metadata = {"dagster/partition_row_count": count}
        context.step_context.add_asset_metadata(metadata, asset_key=context.asset_key, partition_key=partition)


def in_run(context: dg.OutputContext) -> bool:
    """Whether an output is that of a step, and not one that is made by hand to try the IO manager."""
    try:
        return context.step_context is not None
    except dg.DagsterInvariantViolationError:
        return False


def _arrow(name: str, value: Any) -> "pa.Table":
    import pyarrow as pa

    pandas = sys.modules.get("pandas")
    try:
        if pandas is not None and isinstance(value, pandas.DataFrame):
            # A named index is data, one that only counts rows is not.
            named = any(level is not None for level in value.index.names)
            return pa.Table.from_pandas(value.reset_index() if named else value, preserve_index=False)
        if hasattr(value, "__arrow_c_stream__"):
            return pa.table(value)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, ValueError, TypeError) as error:
        raise _not_stored(f"The asset {name}", value, f"it is no table of columns: {error}") from error
    raise _not_stored(f"The asset {name}", value, "it is neither a DataFrame nor an Arrow table")


def _check(name: str, rows: "pa.Table", partitions: tuple[str, ...]) -> None:
    names = [column.lower() for column in rows.column_names]
    twice = sorted({column for column in names if names.count(column) > 1})
    if not names or twice or "" in names:
        why = f"two columns are called {', '.join(twice)}, whatever the case" if twice else "a column has no name"
        raise _not_stored(f"The asset {name}", rows, why if names else "it has no columns")
    if len(partitions) < 2:
        return
    told = set(rows[PARTITION].to_pylist()) if PARTITION in rows.column_names else {None}
    if strange := sorted(map(str, told.difference(partitions))):
        raise RestSourceError(
            "partitions_untold",
            f"The asset {name} is materialized for {len(partitions)} partitions, and its rows do not say for which of "
            f"them each is: {PARTITION} is {', '.join(strange[:_TOLD])}.",
            remedy=f"Give the rows a column `{PARTITION}` with the key of their partition, or write "
            "`backfill_policy=dg.BackfillPolicy.multi_run()`, so that each partition has a run of its own.",
        )


def _not_stored(what: str, value: Any, why: str) -> RestSourceError:
    return RestSourceError(
        "not_storable",
        f"{what} returned a value of type {type(value).__name__}, which cannot be stored as a table: {why}.",
        remedy="Return a pandas DataFrame, a pyarrow Table, or another object with `__arrow_c_stream__`, as polars has "
        "them; annotate an asset that returns nothing with `-> None`; or give it another IO manager, by "
        "`io_manager_key`.",
    )
