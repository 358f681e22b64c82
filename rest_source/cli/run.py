"""`rest-source run`: each endpoint in an in-process Dagster execution of its own, several at a time."""

import logging
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path
from time import monotonic
from typing import Any

import dagster as dg

from rest_source.cli.console import ended, ended_by_ctrl_c, say
from rest_source.cli.report import EndpointReport, RunReport
from rest_source.cli.selection import selected
from rest_source.collector import keep_all
from rest_source.errors import RestSourceError
from rest_source.orchestrate.assets import asset_key, build_asset
from rest_source.orchestrate.checks import build_checks
from rest_source.orchestrate.io_manager import IO_MANAGER_KEY, PaginatorIOManager
from rest_source.orchestrate.partitions import RANGE_END, RANGE_START, partitions_definition
from rest_source.orchestrate.resource import RestApi, resource_key
from rest_source.spec.base import unknown
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.file import load_source
from rest_source.spec.partitions import Partitions
from rest_source.spec.source import SourceSpec
from rest_source.spec.together import refuse_clashes


def run_source(
    file: Path,
    select: Sequence[str],
    destination: str | None,
    *,
    jobs: int = 4,
    full_refresh: bool = False,
    partitions: str | None = None,
) -> RunReport:
    """Load the selected endpoints of a file; one endpoint's failure leaves its siblings alone.

    `partitions` is a key, or a range `A...B`, for the endpoints that have partitions.
    """
    started = monotonic()
    source = load_source(file)
    refuse_clashes(file, source)
    endpoints = selected(source, select)
    io_manager = PaginatorIOManager(destination=destination, come_back=False)
    io_manager.open()
    _quiet()
    keep_all()
    api = RestApi(source, say)
    with closing(api), ThreadPoolExecutor(max_workers=min(jobs, len(endpoints))) as pool:
        load = partial(_load, api, io_manager, full_refresh, partitions)
        with ended_by_ctrl_c("Interrupted; loads that had not ended left their tables as they were."):
            reports = _in_order(endpoints, _parents(source, endpoints), partial(pool.submit, load))
    return RunReport(source.name, io_manager.shown_url, round(monotonic() - started, 3), tuple(reports))


def _parents(source: SourceSpec, endpoints: Sequence[EndpointSpec]) -> dict[str, set[str]]:
    """Which of the endpoints each endpoint depends on."""
    names = {source.key(endpoint.name): endpoint.name for endpoint in endpoints}
    return {endpoint.name: {names[key] for key in source.upstream(endpoint) if key in names} for endpoint in endpoints}


def _in_order(
    endpoints: Sequence[EndpointSpec],
    parents: dict[str, set[str]],
    start: Callable[[EndpointSpec], Future[list[EndpointReport]]],
) -> list[EndpointReport]:
    """Every endpoint after its parents, the others side by side; a failure skips only its children."""
    by_name = {endpoint.name: endpoint for endpoint in endpoints}
    order = TopologicalSorter(parents)
    order.prepare()
    reports: dict[str, list[EndpointReport]] = {}
    lost: set[str] = set()
    running: dict[Future[list[EndpointReport]], str] = {}
    while order.is_active():
        for name in order.get_ready():
            if failed := parents[name] & lost:
                reports[name] = [EndpointReport.skipped(name, min(failed))]
                lost.add(name)
                order.done(name)
            else:
                running[start(by_name[name])] = name
        for load in ended(running):
            name = running.pop(load)
            reports[name] = load.result()
            if any(report.status == "failed" for report in reports[name]):
                lost.add(name)
            order.done(name)
    return [report for endpoint in endpoints for report in reports[endpoint.name]]


def _load(
    api: RestApi,
    io_manager: PaginatorIOManager,
    full_refresh: bool,
    partitions: str | None,
    endpoint: EndpointSpec,
) -> list[EndpointReport]:
    # One RestApi for all of them: its session keeps the rate limit of the source.
    source = api.source
    definitions = dg.Definitions(
        assets=[build_asset(source, endpoint, io_manager)],
        asset_checks=build_checks(source, endpoint),
        resources={resource_key(source): dg.ResourceDefinition.hardcoded_resource(api), IO_MANAGER_KEY: io_manager},
        loggers={"console": dg.LoggerDefinition(_progress_logger)},
    )
    started = monotonic()
    try:
        asked = _partitioned(source, endpoint, partitions)
    except RestSourceError as error:
        return [EndpointReport(endpoint.name, "failed", 0.0, error=error.to_dict())]
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            raise_on_error=False,
            asset_selection=[asset_key(source, endpoint)],
            **asked,
            run_config={
                "loggers": {"console": {}},
                "ops": {f"{source.name}__{endpoint.name}": {"config": {"full_refresh": full_refresh}}},
            },
        )
        return EndpointReport.of(endpoint.name, result, instance, round(monotonic() - started, 3))


def _partitioned(source: SourceSpec, endpoint: EndpointSpec, partitions: str | None) -> dict[str, Any]:
    """How an endpoint's execution is told its partitions; raises RestSourceError for a key that there is not."""
    if endpoint.partitions_def is None or partitions is None:
        return {}
    definition = partitions_definition(source, endpoint.partitions_def)
    start, dots, end = partitions.partition("...")
    for key in (start, *([end] if dots else [])):
        if not _has(definition, key):
            if _is_under_way(source, endpoint.partitions_def, key):
                raise _under_way(source, endpoint, key)
            known = definition.get_partition_keys()
            near = unknown("partition", key, list(dict.fromkeys([*known[:3], *known[-3:]])))
            raise RestSourceError("unknown_partition", f"{source.name}.{endpoint.name}: {near}.")
    if dots and not definition.get_partition_keys_in_range(dg.PartitionKeyRange(start, end)):
        raise RestSourceError(
            "unknown_partition",
            f"{source.name}.{endpoint.name}: no partition is in the range {partitions}, which ends before it begins.",
            remedy="Write the earlier key first; of keys of two dimensions, the earlier part of each.",
        )
    return {"tags": {RANGE_START: start, RANGE_END: end}} if dots else {"partition_key": start}


def _has(definition: dg.PartitionsDefinition[str], key: str) -> bool:
    """Whether there is the key, without a list of all: quarters of an hour since 2015 take seconds."""
    # The first test takes 00:30 for the hour that it lies in, and the second raises for what is no key at all.
    own = dg.PartitionKeyRange(key, key)
    return definition.has_partition_key(key) and list(definition.get_partition_keys_in_range(own)) == [key]


def _is_under_way(source: SourceSpec, partitions: Partitions, key: str) -> bool:
    if not hasattr(partitions, "end_offset"):
        return False
    return _has(partitions_definition(source, partitions.model_copy(update={"end_offset": 1})), key)


def _under_way(source: SourceSpec, endpoint: EndpointSpec, key: str) -> RestSourceError:
    return RestSourceError(
        "unknown_partition",
        f"{source.name}.{endpoint.name}: the partition `{key}` is under way, and so none yet.",
        cause="A partition of time is there when its time is over.",
        remedy="Load it then; or write `end_offset: 1` in `partitions_def`, which has it loaded as far as it is.",
    )


def _progress_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """What the loads say, on stderr, without Dagster's own events; unless a person may be watching, waits only."""
    logger = logging.Logger("rest-source", level=logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.addFilter(_said_by_a_load)
    logger.addHandler(handler)
    return logger


def _said_by_a_load(record: logging.LogRecord) -> bool:
    meta: Any = getattr(record, "dagster_meta", {})
    if meta.get("dagster_event") is not None or not meta.get("op_name"):
        return False
    if record.levelno >= logging.WARNING:  # said below the table
        return False
    said = str(meta.get("orig_message", record.msg))
    if not sys.stderr.isatty() and not said.startswith("Waiting for "):
        return False
    record.msg = f"{meta['op_name'].replace('__', '.', 1)}: {said}"
    return True


def _quiet() -> None:
    for name in ("dagster", "dagster._core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
