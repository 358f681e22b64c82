"""A source as Dagster definitions: assets, checks, jobs, schedules, sensors and resources."""

import os

import dagster as dg

from rest_source.orchestrate.assets import References, Translate, build_asset
from rest_source.orchestrate.checks import build_checks
from rest_source.orchestrate.freshness import build_freshness_sensors
from rest_source.orchestrate.io_manager import IO_MANAGER_KEY, PAGINATOR_IO_MANAGER, PaginatorIOManager
from rest_source.orchestrate.resource import api_resource, resource_key
from rest_source.orchestrate.schedules import build_schedules
from rest_source.spec.base import unknown
from rest_source.spec.source import SourceSpec


def executor_from_environment() -> dg.ExecutorDefinition:
    """In one process, unless REST_SOURCE_EXECUTOR=multiprocess: starting a process costs a second a step."""
    executors = {"in_process": dg.in_process_executor, "multiprocess": dg.multiprocess_executor}
    name = os.environ.get("REST_SOURCE_EXECUTOR") or "in_process"
    if name not in executors:
        raise dg.DagsterInvalidDefinitionError(f"REST_SOURCE_EXECUTOR: {unknown('executor', name, list(executors))}")
    return executors[name]


def build_definitions(
    source: SourceSpec,
    io_manager: PaginatorIOManager = PAGINATOR_IO_MANAGER,
    translate: Translate | None = None,
    references: References | None = None,
) -> dg.Definitions:
    """Everything Dagster needs to know of a source."""
    return dg.Definitions(
        assets=[build_asset(source, endpoint, io_manager, translate, references) for endpoint in source.endpoints],
        asset_checks=[check for endpoint in source.endpoints for check in build_checks(source, endpoint)],
        sensors=build_freshness_sensors(source, io_manager),
        schedules=build_schedules(source, executor_from_environment()),
        resources={resource_key(source): api_resource(source), IO_MANAGER_KEY: io_manager},
    )
