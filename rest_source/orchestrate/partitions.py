"""Partitions of the file as Dagster's, and a partition's key as what an endpoint is asked for."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import dagster as dg

from rest_source.extract.slices import Partition
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.partitions import (
    BackfillPolicy,
    DailyPartitions,
    Dimension,
    HourlyPartitions,
    MonthlyPartitions,
    MultiPartitions,
    Partitions,
    StaticPartitions,
    TimeWindowPartitions,
    WeeklyPartitions,
)
from rest_source.spec.source import SourceSpec

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
"""The tags of a run over several partitions."""
_OFFSETS = {"minute_offset", "hour_offset", "day_offset"}


def partitions_definition(source: SourceSpec, partitions: Partitions) -> dg.PartitionsDefinition[str]:
    """The definition of partitions; times without a zone are in the source's."""
    if isinstance(partitions, MultiPartitions):
        return dg.MultiPartitionsDefinition(
            {name: _dimension(source, dimension) for name, dimension in partitions.dimensions.items()}
        )
    return _dimension(source, partitions)


def _dimension(source: SourceSpec, partitions: Dimension) -> dg.PartitionsDefinition[str]:
    if isinstance(partitions, StaticPartitions):
        return dg.StaticPartitionsDefinition(list(partitions.partition_keys))  # equal to one of a list
    zone = partitions.timezone or source.timezone
    if isinstance(partitions, TimeWindowPartitions):
        return dg.TimeWindowPartitionsDefinition(
            start=partitions.start_date,
            end=partitions.end_date,
            timezone=zone,
            fmt=partitions.fmt,
            cron_schedule=partitions.cron_schedule,
            end_offset=partitions.end_offset,
        )
    kinds: dict[type, Any] = {
        HourlyPartitions: dg.HourlyPartitionsDefinition,
        DailyPartitions: dg.DailyPartitionsDefinition,
        WeeklyPartitions: dg.WeeklyPartitionsDefinition,
        MonthlyPartitions: dg.MonthlyPartitionsDefinition,
    }
    definition: dg.PartitionsDefinition[str] = kinds[type(partitions)](
        start_date=partitions.start_date,
        end_date=partitions.end_date,
        timezone=zone,
        end_offset=partitions.end_offset,
        **partitions.model_dump(include=_OFFSETS),
    )
    return definition


def backfill_policy(policy: BackfillPolicy | None) -> dg.BackfillPolicy:
    """How many runs a backfill takes; one unless the file says otherwise."""
    if policy is None or policy.type == "single_run":
        return dg.BackfillPolicy.single_run()
    return dg.BackfillPolicy.multi_run(policy.max_partitions_per_run)


def asked_partitions(
    endpoint: EndpointSpec, definition: dg.PartitionsDefinition[str], keys: Sequence[str]
) -> list[Partition]:
    """The partitions of these keys; one for all of them where the endpoint is asked once for the whole range."""
    found = [partition_of(definition, key) for key in keys]
    if endpoint.requests == "partition" or len(found) == 1:
        return found
    first, last = found[0], found[-1]
    return [Partition(f"{first.key}...{last.key}", first.start, last.end, {}, tuple(keys))]


def partition_of(definition: dg.PartitionsDefinition[str], key: str) -> Partition:
    """The window and the dimensions of a partition's key."""
    if isinstance(definition, dg.MultiPartitionsDefinition):
        dimensions = dict(definition.get_partition_key_from_str(key).keys_by_dimension)
        windows = [
            _window(dimension.partitions_def, dimensions[dimension.name]) for dimension in definition.partitions_defs
        ]
        start, end = next((window for window in windows if window[0] is not None), (None, None))
        return Partition(str(key), start, end, dimensions)
    return Partition(key, *_window(definition, key))


def _window(definition: dg.PartitionsDefinition[str], key: str) -> tuple[datetime | None, datetime | None]:
    if not isinstance(definition, dg.TimeWindowPartitionsDefinition):
        return None, None
    window = definition.time_window_for_partition_key(key)
    return window.start, window.end


def latest_keys(definition: dg.PartitionsDefinition[str], count: int, now: datetime) -> list[str]:
    """The keys of the last complete partitions of time, oldest first; all keys where there is no time in them.

    Behind them that of the one under way, if it is a partition. Years of hours are not listed for it: that takes
    seconds, with a second dimension minutes.
    """
    if isinstance(definition, dg.TimeWindowPartitionsDefinition):
        with dg.partition_loading_context(effective_dt=now):
            return [*islice(_from_the_last(definition), count + definition.end_offset)][::-1]
    if isinstance(definition, dg.MultiPartitionsDefinition) and definition.has_time_window_dimension:
        timed = definition.time_window_dimension
        latest = latest_keys(timed.partitions_def, count, now)
        return list(definition.get_multipartition_keys_with_dimension_values(timed.name, latest))
    return list(definition.get_partition_keys())


def _from_the_last(definition: dg.TimeWindowPartitionsDefinition) -> Iterator[str]:
    # Not by Dagster's pages of keys in descending order: they begin behind an `end_date`.
    window = definition.get_last_partition_window()
    while window is not None:
        yield definition.get_partition_key_for_timestamp(window.start.timestamp())
        window = definition.get_prev_partition_window(window.start)
