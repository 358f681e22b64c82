"""Asset checks of an endpoint: `duplicates` and `schema` judge its table, the others how it is loaded."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import dagster as dg

from rest_source.orchestrate.assets import AFTER, asset_key
from rest_source.orchestrate.failures import explained
from rest_source.orchestrate.freshness import FRESHNESS, freshness_level, judge_freshness
from rest_source.orchestrate.io_manager import IO_MANAGER_KEY, PaginatorIOManager, attempt_id
from rest_source.orchestrate.load_checks import judge_complete, judge_rows
from rest_source.orchestrate.resource import RestApi, resource_key
from rest_source.orchestrate.spike import judge_spike
from rest_source.orchestrate.table_checks import judge_duplicates, judge_schema
from rest_source.orchestrate.unjudged import keep_verdicts_below
from rest_source.orchestrate.verdict import Case, Check, Judge
from rest_source.spec.asset import Checks
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.source import CHECKS, SourceSpec


def build_checks(source: SourceSpec, endpoint: EndpointSpec) -> list[dg.AssetChecksDefinition]:
    """The asset checks of an endpoint, each with its severity; none that is switched off or cannot be judged.

    They share one op, as a step may be a process of its own, and still run alone.
    """
    levels = (endpoint.checks or Checks()).over(source.checks)
    checks = {
        "duplicates": Check(levels.duplicates, judge_duplicates),
        "schema": Check(levels.schema_, judge_schema),
        "spike": Check(levels.spike, judge_spike),
        "complete": Check(levels.complete, judge_complete),
    }
    if levels.rows is not None:
        checks["rows"] = Check(levels.rows.level, partial(judge_rows, levels.rows))
    checks[FRESHNESS] = Check(freshness_level(source, endpoint), judge_freshness)
    checks = {name: check for name, check in checks.items() if check.level != "off"}
    return [_definition(source, endpoint, checks)] if checks else []


_RESULT = dg.Out(None, is_required=False)


def _definition(source: SourceSpec, endpoint: EndpointSpec, checks: Mapping[str, Check]) -> dg.AssetChecksDefinition:
    key = asset_key(source, endpoint)
    node = key.to_python_identifier()
    # What @dg.multi_asset_check comes to, without its many looks at the function.
    definition: dg.AssetChecksDefinition = dg.AssetChecksDefinition.create(
        node_def=dg.OpDefinition(
            _checker(source, endpoint, checks),
            name=f"{node}{CHECKS}",
            ins={node: AFTER},
            outs=dict.fromkeys(checks, _RESULT),
            required_resource_keys={IO_MANAGER_KEY, resource_key(source)},
            pool=source.name,
        ),
        keys_by_input_name={node: key},
        check_specs_by_output_name={
            name: dg.AssetCheckSpec(
                name, asset=key, description=_description(check.judge), blocking=check.level == "error"
            )
            for name, check in checks.items()
        },
        can_subset=True,
    )
    return definition


def _description(judge: Judge) -> str | None:
    return judge.func.__doc__ if isinstance(judge, partial) else judge.__doc__


def _checker(
    source: SourceSpec, endpoint: EndpointSpec, checks: Mapping[str, Check]
) -> Callable[..., Iterator[dg.AssetCheckResult]]:
    def check(context: dg.AssetCheckExecutionContext, _: Mapping[str, Any]) -> Iterator[dg.AssetCheckResult]:
        io_manager: PaginatorIOManager = getattr(context.resources, IO_MANAGER_KEY)
        api: RestApi = getattr(context.resources, resource_key(source))
        selected = {key.name for key in context.selected_asset_check_keys}
        with explained(clean=api.clean, say=context.log.error):
            run_id = attempt_id(context.run, context.instance)
            case = Case(io_manager.open(), source, endpoint, api.mask, run_id)
        blocked: list[str] = []
        for name in [name for name in checks if name in selected]:
            with explained(clean=api.clean, say=context.log.error):
                verdict = checks[name].judge(case)
            error = checks[name].level == "error"
            if error and verdict.wrong is not None:
                blocked.append(f"`{name}`: {verdict.wrong}")
            yield dg.AssetCheckResult(
                passed=verdict.wrong is None,
                check_name=name,
                severity=dg.AssetCheckSeverity.ERROR if error else dg.AssetCheckSeverity.WARN,
                description=verdict.wrong or verdict.right,
                metadata=verdict.metadata,
            )
        if blocked:
            keep_verdicts_below(context.get_step_execution_context(), asset_key(source, endpoint))
            raise _not_passed(source, endpoint, blocked)

    return check


def _not_passed(source: SourceSpec, endpoint: EndpointSpec, blocked: Sequence[str]) -> dg.Failure:
    """The failure of checks that are errors; Dagster's own names the checks only."""
    return dg.Failure(
        f"{source.name}.{endpoint.name} has not passed its check {' '.join(blocked)} "
        "The load is in the table; what depends on it is not loaded in this run.",
        allow_retries=False,
    )
