"""Asset checks of an endpoint: `duplicates` judges its table, `complete` its last load."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg

from rest_source.http.errors import Mask
from rest_source.load.destination import Destination, DuplicateReport, Table
from rest_source.orchestrate.assets import AFTER, asset_key
from rest_source.orchestrate.failures import explained
from rest_source.orchestrate.io_manager import IO_MANAGER_KEY, PaginatorIOManager
from rest_source.orchestrate.resource import RestApi, resource_key
from rest_source.spec.asset import Checks, Level
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.pagination import OffsetLimit, PageNumber, Pagination
from rest_source.spec.source import SourceSpec


def build_checks(source: SourceSpec, endpoint: EndpointSpec) -> list[dg.AssetChecksDefinition]:
    """The asset checks of an endpoint, each with its severity; none that is switched off or cannot be judged."""
    levels = (endpoint.checks or Checks()).over(source.checks)
    checks = [_check(source, endpoint, "duplicates", levels.duplicates, _duplicates)]
    if _announces_a_total(endpoint.pagination):
        checks.append(_check(source, endpoint, "complete", levels.complete, _complete))
    return [check for check in checks if check is not None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found: a sentence where something is wrong, and the figures behind it."""

    wrong: str | None
    right: str
    metadata: dict[str, Any]


Judge = Callable[[Destination, SourceSpec, EndpointSpec, Mask], Verdict]
_RESULT = dg.Out(None)


def _check(
    source: SourceSpec, endpoint: EndpointSpec, name: str, level: Level | None, judge: Judge
) -> dg.AssetChecksDefinition | None:
    """An asset check of its own, so that it also runs alone; blocking where it is an error."""
    if level == "off":
        return None

    key = asset_key(source, endpoint)
    spec = dg.AssetCheckSpec(name, asset=key, description=(judge.__doc__ or "").strip(), blocking=level == "error")
    # What @dg.asset_check comes to, without its many looks at the function.
    check: dg.AssetChecksDefinition = dg.AssetChecksDefinition.create(
        node_def=dg.OpDefinition(
            _checker(source, endpoint, level, judge),
            name=spec.get_python_identifier(),
            ins={key.to_python_identifier(): AFTER},
            outs={"result": _RESULT},
            required_resource_keys={IO_MANAGER_KEY, resource_key(source)},
        ),
        keys_by_input_name={key.to_python_identifier(): key},
        check_specs_by_output_name={"result": spec},
        can_subset=False,
    )
    return check


def _checker(
    source: SourceSpec, endpoint: EndpointSpec, level: Level | None, judge: Judge
) -> Callable[..., Iterator[dg.AssetCheckResult]]:
    def check(context: dg.AssetCheckExecutionContext, _: Mapping[str, Any]) -> Iterator[dg.AssetCheckResult]:
        io_manager: PaginatorIOManager = getattr(context.resources, IO_MANAGER_KEY)
        api: RestApi = getattr(context.resources, resource_key(source))
        with explained():
            verdict = judge(io_manager.open(), source, endpoint, api.mask)
        yield dg.AssetCheckResult(
            passed=verdict.wrong is None,
            severity=dg.AssetCheckSeverity.ERROR if level == "error" else dg.AssetCheckSeverity.WARN,
            description=verdict.wrong or verdict.right,
            metadata=verdict.metadata,
        )

    return check


def _announces_a_total(pagination: Pagination) -> bool:
    if isinstance(pagination, PageNumber) and pagination.total_pages is not None:
        return True
    return isinstance(pagination, PageNumber | OffsetLimit) and pagination.total_records is not None


def _complete(destination: Destination, source: SourceSpec, endpoint: EndpointSpec, _: Mask) -> Verdict:
    """The last load holds as many records as the API announced."""
    load = destination.find_load(source.name, endpoint.name)
    if load is None:
        return Verdict(None, "Nothing has been loaded yet.", {})
    rows, total = load.result.rows_read, load.total_reported
    figures = {
        "rows_read": rows,
        "stop_reason": load.stop_reason,
        **({} if total is None else {"total_reported": total}),
    }
    if total is not None and rows != total:
        return Verdict(f"The API announced {total} records, the last load read {rows}.", "", figures)
    if load.stop_reason == "empty_pages":
        return Verdict(
            f"Empty pages ended the last load before the announced end; it read {rows} records.", "", figures
        )
    return Verdict(None, f"{rows} records read, as announced.", figures)


def _duplicates(destination: Destination, source: SourceSpec, endpoint: EndpointSpec, mask: Mask) -> Verdict:
    """No key is null or twice in the table, and no record stands in several rows."""
    report = destination.duplicates(Table.of(source.name, endpoint.name), endpoint.primary_key)
    report = replace(report, sample=tuple((mask(value), rows) for value, rows in report.sample))
    figures = {
        "rows": report.rows,
        "repeated_keys": report.repeated_keys,
        "null_keys": report.null_keys,
        "entities_in_several_rows": report.entities,
        "identity": list(report.identity),
        "sample": dict(report.sample),
    }
    return Verdict(duplicates_found(report, endpoint), f"{report.rows} rows, no duplicates.", figures)


def duplicates_found(report: DuplicateReport, endpoint: EndpointSpec) -> str | None:
    """What is wrong and what to do about it, or None."""
    key = _key_name(endpoint.primary_key)
    sample = ", ".join(f"{value} ({rows} rows)" for value, rows in report.sample)
    if report.null_keys:
        return f"{report.null_keys} rows have no {key}. Load the table once with `write: replace`."
    if report.repeated_keys:
        remedy = "Load the table once with `write: replace`."
        if endpoint.write == "append":
            remedy = (
                "`write: append` keeps every read; where that is wanted write `checks: {duplicates: off}`, "
                "else `write: merge`."
            )
        return f"{report.repeated_keys} values of {key} stand in more than one row: {sample}. {remedy}"
    if report.entities:
        names = ", ".join(report.identity)
        written = names if len(report.identity) == 1 else f"[{names}]"
        return (
            f"{report.entities} records stand in more than one row: {names} = {sample}. The records change between "
            f"reads, and __hevo_id, the default key, changes with them. Write `primary_key: {written}` so that a "
            "changed record updates its row, and load once with `write: replace` to drop the old rows."
        )
    return None


def _key_name(primary_key: Sequence[str]) -> str:
    return ", ".join(primary_key) or "__hevo_id"
