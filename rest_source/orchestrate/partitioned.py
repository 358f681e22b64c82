"""The output of a partitioned asset: each partition of a run is a load of its own, several at a time."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from functools import partial
from typing import Any

import dagster as dg

from rest_source.errors import RestSourceError
from rest_source.extract.slices import Partition
from rest_source.extract.stream import PageStream
from rest_source.extract.workers import Workers
from rest_source.http.errors import RetryLater
from rest_source.load.outcome import LoadOutcome
from rest_source.orchestrate.partitions import asked_partitions

_SHOWN = 10
_GRACE = 3.0
"""Seconds that the loads under way have to end, where the run is terminated."""
Load = Callable[[PageStream], LoadOutcome]
Describe = Callable[[LoadOutcome], dict[str, Any]]


def load_partitions(
    context: dg.OutputContext, stream: PageStream, load: Load, describe: Describe, facts: dict[str, Any]
) -> None:
    """Load the partitions of the run, each in its own commit, and tell of each on its own materialization.

    One that fails leaves the others: their materializations are recorded before the error is raised, and `facts` gets
    what each of the failed ones says.
    """
    if not context.has_asset_partitions:
        raise _no_partition(stream)
    partitions = asked_partitions(stream.endpoint, context.asset_partitions_def, context.asset_partition_keys)
    loaded, failed = _load_all(stream, partitions, load)
    told = {key: describe(outcome) for partition, outcome in loaded for key in partition.covered or (partition.key,)}
    if failed:
        for key, metadata in told.items():
            materialization = dg.AssetMaterialization(context.asset_key, partition=key, metadata=metadata)
            dg.DagsterEvent.asset_materialization(context.step_context, materialization)  # which records it
        for error in failed.values():
            stream.session.clean(error)
        explained = {key: error for key, error in failed.items() if isinstance(error, RestSourceError)}
        facts["failed_partitions"] = {key: error.to_dict() for key, error in explained.items()}
        raise _failure(failed, len(partitions))
    for key, metadata in told.items():
        context.step_context.add_asset_metadata(metadata, asset_key=context.asset_key, partition_key=key)


_Loaded = list[tuple[Partition, LoadOutcome]]
_Failed = dict[str, Exception]


def _load_all(stream: PageStream, partitions: list[Partition], load: Load) -> tuple[_Loaded, _Failed]:
    loaded: _Loaded = []
    failed: _Failed = {}
    workers = Workers("rest_source partition", stream.source.limits.concurrency)
    loads: list[tuple[Partition, Future[LoadOutcome]]] = []
    try:
        for one in partitions:
            loads.append((one, workers.run(partial(load, stream.of(one)))))
        for one, future in loads:
            try:
                loaded.append((one, future.result()))
            except Exception as error:  # one that nobody foresaw leaves the others too
                failed[one.key] = error
    except BaseException:
        stream.session.stop()
        wait([future for _, future in loads if not future.cancel()], _GRACE)
        raise
    finally:
        workers.close()
    return loaded, failed


def _failure(failed: Mapping[str, Exception], count: int) -> Exception:
    """The first failure, which now tells how many there are; one that nobody foresaw comes first, and as it is."""
    first = min(failed.values(), key=lambda error: isinstance(error, RestSourceError))
    if not isinstance(first, RestSourceError) or count == 1 or isinstance(first, RetryLater):
        return first
    keys = ", ".join(list(failed)[:_SHOWN]) + (", …" if len(failed) > _SHOWN else "")
    told = f"{len(failed)} of {count} partitions failed ({keys}), the others are loaded. The first: {first.message}"
    first.message, first.retryable = told, any(getattr(error, "retryable", False) for error in failed.values())
    return first


def _no_partition(stream: PageStream) -> RestSourceError:
    name = f"{stream.source.name}.{stream.endpoint.name}"
    return RestSourceError(
        "partition_missing",
        f"{name} is partitioned, and the run names no partition.",
        cause="It was started without a partition, for instance by a job of assets that are not partitioned.",
        remedy="Choose partitions in the UI, or run with --partition KEY or --partition-range A...B.",
    )
