"""The `duplicates` check of an endpoint: its key is unique, and no record stands in several rows."""

from collections.abc import Sequence
from typing import Literal

import dagster as dg

from rest_source.load.destination import DuplicateReport, Table
from rest_source.orchestrate.assets import asset_key
from rest_source.orchestrate.failures import explained
from rest_source.orchestrate.io_manager import IO_MANAGER_KEY, PaginatorIOManager
from rest_source.spec.source import Checks, EndpointSpec, SourceSpec


def build_checks(source: SourceSpec, endpoint: EndpointSpec) -> list[dg.AssetChecksDefinition]:
    """The asset checks of an endpoint, each with its severity; none that is switched off."""
    levels = endpoint.checks or source.checks or Checks()
    return [] if levels.duplicates == "off" else [_duplicates(source, endpoint, levels.duplicates)]


def _duplicates(
    source: SourceSpec, endpoint: EndpointSpec, level: Literal["error", "warn"]
) -> dg.AssetChecksDefinition:
    """An asset check of its own, so that it also runs alone; blocking where it is an error."""
    severity = dg.AssetCheckSeverity.ERROR if level == "error" else dg.AssetCheckSeverity.WARN

    @dg.asset_check(
        asset=asset_key(source, endpoint),
        name="duplicates",
        description=f"No {_key_name(endpoint.primary_key)} is null or twice, and no record stands in several rows.",
        blocking=level == "error",
        required_resource_keys={IO_MANAGER_KEY},
    )
    def duplicates(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        io_manager: PaginatorIOManager = getattr(context.resources, IO_MANAGER_KEY)
        with explained():
            report = io_manager.open().duplicates(Table.of(source.name, endpoint.name), endpoint.primary_key)
        message = verdict(report, endpoint)
        return dg.AssetCheckResult(
            passed=message is None,
            severity=severity,
            description=message or f"{report.rows} rows, no duplicates.",
            metadata={
                "rows": report.rows,
                "repeated_keys": report.repeated_keys,
                "null_keys": report.null_keys,
                "entities_in_several_rows": report.entities,
                "identity": list(report.identity),
                "sample": dict(report.sample),
            },
        )

    return duplicates


def verdict(report: DuplicateReport, endpoint: EndpointSpec) -> str | None:
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
