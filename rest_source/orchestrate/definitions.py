"""A source as Dagster definitions: assets, checks, jobs, schedules, sensors and resources."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from rest_source.orchestrate.assets import References, Translate, build_asset
from rest_source.orchestrate.checks import build_checks
from rest_source.orchestrate.freshness import build_freshness_sensors
from rest_source.orchestrate.io_manager import IO_MANAGER_KEY, PAGINATOR_IO_MANAGER, PaginatorIOManager
from rest_source.orchestrate.resource import api_resource, resource_key
from rest_source.orchestrate.schedules import build_schedules
from rest_source.spec.base import unknown
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.source import SourceSpec


def executor_from_environment() -> dg.ExecutorDefinition:
    """In one process, unless REST_SOURCE_EXECUTOR=multiprocess: starting a process costs a second a step."""
    executors = {"in_process": dg.in_process_executor, "multiprocess": dg.multiprocess_executor}
    name = os.environ.get("REST_SOURCE_EXECUTOR") or "in_process"
    if name not in executors:
        raise dg.DagsterInvalidDefinitionError(f"REST_SOURCE_EXECUTOR: {unknown('executor', name, list(executors))}")
    return executors[name]


@dataclass(frozen=True, slots=True)
class Part:
    """What one of several files of a source has of it: its endpoints, and the resource that all of them share.

    Jobs and sensors are for all endpoints of the source, and come with the first file.
    """

    endpoints: Sequence[EndpointSpec]
    resource: dg.ResourceDefinition
    is_first: bool


def build_definitions(
    source: SourceSpec,
    io_manager: PaginatorIOManager = PAGINATOR_IO_MANAGER,
    translate: Translate | None = None,
    references: References | None = None,
    part: Part | None = None,
) -> dg.Definitions:
    """Everything Dagster needs to know of a source, or of a part of it."""
    part = part or Part(source.endpoints, api_resource(source), is_first=True)
    return dg.Definitions(
        assets=[build_asset(source, endpoint, io_manager, translate, references) for endpoint in part.endpoints],
        asset_checks=[check for endpoint in part.endpoints for check in build_checks(source, endpoint)],
        sensors=build_freshness_sensors(source, io_manager) if part.is_first else [],
        schedules=build_schedules(source, executor_from_environment()) if part.is_first else [],
        resources={resource_key(source): part.resource, IO_MANAGER_KEY: io_manager},
    )
