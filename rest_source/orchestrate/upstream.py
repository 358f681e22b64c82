"""Which rows of an upstream table an asset gets: those of the partitions that Dagster maps its own to."""

from collections.abc import Mapping, Sequence

import dagster as dg

from rest_source.errors import RestSourceError
from rest_source.load.destination import Destination
from rest_source.load.dialect import Session, exists
from rest_source.load.engine import identifier, literal
from rest_source.load.owners import refuse_strangers
from rest_source.load.past_loads import loaded_partitions
from rest_source.load.relation import Table
from rest_source.spec.names import PARTITION

_TOLD = 5
_DOTS = "..."


def upstream_partitions(context: dg.InputContext, destination: Destination, table: Table) -> list[str] | None:
    """The values of `__partition` in the rows that an input is to have; None for all rows.

    What was loaded for a range of partitions at once is of none of them alone: it is there where all of the range is
    asked for. The log tells of partitions that were never loaded.
    """
    is_of_all = not context.has_asset_partitions or _are_all(context)
    asked = [] if is_of_all else list(map(str, context.asset_partition_keys))
    with destination.reading() as session:
        refuse_strangers(session, table, context.asset_key.path)
        if is_of_all:
            return None
        loaded = loaded_partitions(session, table)
        ranges = {span: keys for span in loaded if (keys := _range(context, span)) & set(asked)}
        _refuse_parts(session, table, asked, ranges)
    covered = {key for keys in ranges.values() for key in keys}
    missing = [key for key in asked if key not in loaded and key not in covered]
    if missing:
        told = ", ".join(missing[:_TOLD]) + (", …" if len(missing) > _TOLD else "")
        context.log.warning(f"{table.schema}.{table.name}: no rows, as these partitions were never loaded: {told}")
    return [*asked, *ranges]


def _are_all(context: dg.InputContext) -> bool:
    """Whether every partition there is is asked for, as by an asset without partitions."""
    definition = context.asset_partitions_def
    if isinstance(definition, dg.TimeWindowPartitionsDefinition):
        try:
            asked = context.asset_partition_key_range
        except dg._check.CheckError:  # several ranges, or none
            return False
        ends = (definition.get_first_partition_key(), definition.get_last_partition_key())
        return (asked.start, asked.end) == ends
    return len(context.asset_partition_keys) == definition.get_num_partitions()


def _range(context: dg.InputContext, span: str) -> set[str]:
    """The partitions of a range that was loaded at once; none if it is a partition itself."""
    definition, (start, dots, end) = context.asset_partitions_def, span.partition(_DOTS)
    if not dots or not isinstance(definition, dg.TimeWindowPartitionsDefinition):
        return set()
    try:
        return set(definition.get_partition_keys_in_range(dg.PartitionKeyRange(start, end)))
    except Exception:  # of an earlier file, in which partitions were others
        return set()


def _refuse_parts(session: Session, table: Table, asked: Sequence[str], ranges: Mapping[str, set[str]]) -> None:
    for span, keys in ranges.items():
        here = f"{identifier(PARTITION)} = {literal(span)}"
        if keys.difference(asked) and exists(session, session.place(table), here):
            raise RestSourceError(
                "partition_in_range",
                f"{table.schema}.{table.name} has rows of {span} that belong to no single partition.",
                cause="They were loaded with `requests: range`, and some partitions of the range are not asked for.",
                remedy=f"Ask for all of {span}, or leave `requests: range` out and load its partitions again.",
            )
