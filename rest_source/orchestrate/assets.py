"""One asset per endpoint: `[source, endpoint]`, which returns a lazy PageStream."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg
from pydantic import Field

from rest_source.extract.stream import PageStream
from rest_source.orchestrate.failures import explained, shown_on
from rest_source.orchestrate.io_manager import IO_MANAGER_KEY, PAGINATOR_IO_MANAGER, PaginatorIOManager
from rest_source.orchestrate.partitions import backfill_policy, partitions_definition
from rest_source.orchestrate.resource import RestApi, resource_key
from rest_source.orchestrate.unjudged import checks_keep_their_verdicts
from rest_source.spec.asset import FreshnessPolicy
from rest_source.spec.base import free_name
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.source import SourceSpec


class LoadConfig(dg.Config):
    """What can be set for one run, in Dagster's launchpad."""

    full_refresh: bool = Field(False, description="Forget what an interrupted run has read, and read all again.")


Translate = Callable[[EndpointSpec, dg.AssetSpec], dg.AssetSpec]
"""Changes the spec of an endpoint's asset; its key must stay, as table and checks go by it."""
References = Mapping[str, dg.CodeReferencesMetadataValue]
"""The lines of a file by the endpoints that stand there, as Dagster's UI opens them in an editor."""
AFTER = dg.In(dg.Nothing)
"""The input of what runs after an asset without reading it."""
_CONFIG = LoadConfig.to_config_schema()
_PAGES = dg.Out(PageStream, io_manager_key=IO_MANAGER_KEY)


def asset_key(source: SourceSpec, endpoint: EndpointSpec) -> dg.AssetKey:
    """The asset of an endpoint."""
    return dg.AssetKey.from_user_string(source.key(endpoint.name))


def build_asset(
    source: SourceSpec,
    endpoint: EndpointSpec,
    io_manager: PaginatorIOManager = PAGINATOR_IO_MANAGER,
    translate: Translate | None = None,
    references: References | None = None,
) -> dg.AssetsDefinition:
    """The asset that loads an endpoint; the endpoint's settings win over the source's, and `translate` over both."""
    spec = _spec(source, endpoint, io_manager, references or {})
    spec = _translated(endpoint, spec, translate) if translate else spec
    inputs = _inputs(spec)
    # What @dg.asset comes to; the decorator looks at its function again and again, a millisecond for each asset.
    return dg.AssetsDefinition(
        node_def=dg.OpDefinition(
            _loader(source, endpoint),
            name=spec.key.to_python_identifier(),
            description=spec.description,
            ins=dict.fromkeys(inputs, AFTER),
            outs={"result": _PAGES},
            config_schema=_CONFIG,
            required_resource_keys={resource_key(source)},
            pool=source.name,
        ),
        specs=[spec],
        backfill_policy=backfill_policy(endpoint.backfill_policy) if spec.partitions_def else None,
        keys_by_input_name=inputs,
        keys_by_output_name={"result": spec.key},
    )


def _translated(endpoint: EndpointSpec, spec: dg.AssetSpec, translate: Translate) -> dg.AssetSpec:
    changed = translate(endpoint, spec)
    if changed.key != spec.key:
        raise dg.DagsterInvalidDefinitionError(
            f"get_asset_spec gives {spec.key.to_user_string()} the key {changed.key.to_user_string()}; it has to stay, "
            "as the table and the checks go by it. To rename the asset, change `name` in the file."
        )
    return changed


def _inputs(spec: dg.AssetSpec) -> dict[str, dg.AssetKey]:
    """What an asset depends on, each under a name of its own: `a__b/c` and `a/b__c` come to one."""
    inputs: dict[str, dg.AssetKey] = {}
    for dep in spec.deps:
        inputs[free_name(dep.asset_key.to_python_identifier(), inputs)] = dep.asset_key
    return inputs


def _spec(
    source: SourceSpec, endpoint: EndpointSpec, io_manager: PaginatorIOManager, references: References
) -> dg.AssetSpec:
    freshness = endpoint.freshness_policy or source.freshness_policy
    partitions = endpoint.partitions_def
    return dg.AssetSpec(
        asset_key(source, endpoint),
        description=endpoint.description or source.description or f"{endpoint.method} {endpoint.path}",
        group_name=endpoint.group_name or source.group_name or source.name,
        owners=endpoint.owners or source.owners,
        metadata={"dagster/code_references": references[endpoint.name]} if endpoint.name in references else None,
        tags={**source.tags, **endpoint.tags},
        kinds=_kinds(source, endpoint, io_manager),
        deps=[dg.AssetKey.from_user_string(key) for key in source.upstream(endpoint)],
        partitions_def=partitions_definition(source, partitions) if partitions else None,
        freshness_policy=_freshness(freshness) if freshness else None,
    )


def _loader(source: SourceSpec, endpoint: EndpointSpec) -> Callable[..., Iterator[dg.Output[PageStream]]]:
    where = f"{source.name}.{endpoint.name}"

    def load_endpoint(context: dg.AssetExecutionContext, _: Mapping[str, Any]) -> Iterator[dg.Output[PageStream]]:
        config = context.op_execution_context.op_config
        unjudged = checks_keep_their_verdicts(context.get_step_execution_context(), context.asset_key)
        shown = shown_on(context.asset_key, context.log_event)
        with unjudged, shown, explained(say=context.log.error, where=where):
            resource: RestApi = getattr(context.resources, resource_key(source))
            stream = resource.stream(endpoint, config["full_refresh"], context.log.info)
        yield dg.Output(stream)

    return load_endpoint


def _kinds(source: SourceSpec, endpoint: EndpointSpec, io_manager: PaginatorIOManager) -> set[str]:
    # Dagster takes at most three kinds an asset; the file's own go first.
    kinds = dict.fromkeys([*(endpoint.kinds or source.kinds), "rest", io_manager.storage_kind])
    return set(list(kinds)[:3])


def _freshness(policy: FreshnessPolicy) -> dg.FreshnessPolicy:
    return dg.FreshnessPolicy.time_window(fail_window=policy.fail_window, warn_window=policy.warn_window)
