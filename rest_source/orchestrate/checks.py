"""Asset checks of an endpoint: `duplicates` and `schema` judge its table, the others how it is loaded."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import Any

import dagster as dg

from rest_source.http.errors import Mask
from rest_source.load.destination import Destination, DuplicateReport
from rest_source.load.relation import Table
from rest_source.load.system import recent_rows, schema_changes
from rest_source.orchestrate.assets import AFTER, asset_key
from rest_source.orchestrate.failures import explained
from rest_source.orchestrate.freshness import FRESHNESS, freshness_level, judge_freshness
from rest_source.orchestrate.io_manager import IO_MANAGER_KEY, PaginatorIOManager
from rest_source.orchestrate.markdown import as_text, code_span
from rest_source.orchestrate.resource import RestApi, resource_key
from rest_source.orchestrate.verdict import NOTHING_LOADED, Check, Judge, Verdict
from rest_source.spec.asset import Checks, RowBounds
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.source import SourceSpec


def build_checks(source: SourceSpec, endpoint: EndpointSpec) -> list[dg.AssetChecksDefinition]:
    """The asset checks of an endpoint, each with its severity; none that is switched off or cannot be judged.

    They share one op, as a step may be a process of its own, and still run alone.
    """
    levels = (endpoint.checks or Checks()).over(source.checks)
    checks = {
        "duplicates": Check(levels.duplicates, _duplicates),
        "schema": Check(levels.schema_, _schema),
        "spike": Check(levels.spike, _spike),
        "complete": Check(levels.complete, _complete),
    }
    if levels.rows is not None:
        checks["rows"] = Check(levels.rows.level, partial(_rows, levels.rows))
    checks[FRESHNESS] = Check(freshness_level(source, endpoint), judge_freshness)
    checks = {name: check for name, check in checks.items() if check.level != "off"}
    return [_definition(source, endpoint, checks)] if checks else []


RECENT = timedelta(days=1)
"""For how long a change of columns is warned of; the last load's is, however old."""
_TOLD = 20
_SPIKE = 3
_COMPARED = 7
_LEAST_COMPARED = 3


_RESULT = dg.Out(None, is_required=False)


def _definition(source: SourceSpec, endpoint: EndpointSpec, checks: Mapping[str, Check]) -> dg.AssetChecksDefinition:
    key = asset_key(source, endpoint)
    node = key.to_python_identifier()
    # What @dg.multi_asset_check comes to, without its many looks at the function.
    definition: dg.AssetChecksDefinition = dg.AssetChecksDefinition.create(
        node_def=dg.OpDefinition(
            _checker(source, endpoint, checks),
            name=f"{node}_checks",
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
        for name in [name for name in checks if name in selected]:
            with explained(clean=api.clean):
                verdict = checks[name].judge(io_manager.open(), source, endpoint, api.mask)
            error = checks[name].level == "error"
            yield dg.AssetCheckResult(
                passed=verdict.wrong is None,
                check_name=name,
                severity=dg.AssetCheckSeverity.ERROR if error else dg.AssetCheckSeverity.WARN,
                description=verdict.wrong or verdict.right,
                metadata=verdict.metadata,
            )

    return check


def _complete(destination: Destination, source: SourceSpec, endpoint: EndpointSpec, _: Mask) -> Verdict:
    """The last load read all that the API announced: its totals, and every next page."""
    load = destination.find_load(source.name, endpoint.name)
    if load is None:
        return NOTHING_LOADED
    rows, total = load.result.rows_read, load.total_reported
    returned = rows if load.records_returned is None else load.records_returned
    figures = {
        "rows_read": rows,
        "stop_reason": load.stop_reason,
        **({} if total is None else {"total_reported": total}),
    }
    if load.stop_reason == "cursor_reached":
        return Verdict(None, f"{rows} records read; `order: desc` asks for no more than is new.", figures)
    if total is not None and returned != total:
        return Verdict(f"The API announced {total} records, the last load read {returned}.", "", figures)
    if load.shortfall:
        return Verdict(load.shortfall, "", figures)
    if load.stop_reason == "empty_pages":
        return Verdict(
            f"Empty pages ended the last load before the announced end; it read {rows} records.", "", figures
        )
    return Verdict(None, f"{returned} records read; the API announced no more.", figures)


def _rows(bounds: RowBounds, destination: Destination, source: SourceSpec, endpoint: EndpointSpec, _: Mask) -> Verdict:
    """The last load read as many records as it should."""
    with destination.reading() as session:
        counts = recent_rows(session, source.name, endpoint.name, 1)
    if not counts:
        return NOTHING_LOADED
    rows, figures = counts[0], {"rows_read": counts[0]}
    if bounds.least is not None and rows < bounds.least:
        return Verdict(f"The last load read {rows} records, fewer than {bounds.least}.", "", figures)
    if bounds.most is not None and rows > bounds.most:
        return Verdict(f"The last load read {rows} records, more than {bounds.most}.", "", figures)
    return Verdict(None, f"{rows} records read.", figures)


def _spike(destination: Destination, source: SourceSpec, endpoint: EndpointSpec, _: Mask) -> Verdict:
    """The last load read about as many records as the seven before it."""
    with destination.reading() as session:
        counts = recent_rows(session, source.name, endpoint.name, _COMPARED + 1)
    if len(counts) <= _LEAST_COMPARED:
        return Verdict(None, f"There are too few loads to compare with ({max(0, len(counts) - 1)}).", {})
    rows, usual = counts[0], median(counts[1:])
    figures = {"rows_read": rows, "usual": usual, "compared": len(counts) - 1}
    told = f"The last load read {rows} records, the {len(counts) - 1} before it {usual:g} (median)"
    if rows > usual * _SPIKE or rows * _SPIKE < usual:
        return Verdict(f"{told}. If that is right, nothing is to be done; else look at the request.", "", figures)
    return Verdict(None, f"{told}.", figures)


def _schema(destination: Destination, source: SourceSpec, endpoint: EndpointSpec, mask: Mask) -> Verdict:
    """The columns of the table are as they were: none was added or got another type in the last load or day."""
    with destination.reading() as session:
        report = schema_changes(session, source.name, endpoint.name)
    if report.last_load is None:
        return NOTHING_LOADED
    since = min(report.last_load, datetime.now(UTC) - RECENT)
    changes = [(at, [mask(text) for text in texts]) for at, texts in report.changes]
    missing = [mask(name) for name in report.missing]
    recent = [(at, texts) for at, texts in changes if at >= since]
    told = "; ".join(f"since {at:%Y-%m-%d %H:%M} UTC: {', '.join(texts)}" for at, texts in recent)
    right = "No column was added or got another type."
    if missing:
        right += f" Without a value in the last load: {', '.join(missing)}."
    figures = {
        "changes": {f"{at:%Y-%m-%dT%H:%M:%SZ}": texts for at, texts in changes[-_TOLD:]},
        "columns_missing": missing,
    }
    wrong = f"The columns of the table have changed, {told}. If a change is not wanted, see `schema_change`."
    return Verdict(wrong if recent else None, right, figures)


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
    sample = ", ".join(f"{as_text(value)} ({rows} rows)" for value, rows in report.sample)
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
        remedy = code_span(f"primary_key: {written}")
        return (
            f"{report.entities} records stand in more than one row: {as_text(names)} = {sample}. The records change "
            f"between reads, and __hevo_id, the default key, changes with them. Write {remedy} so that a changed "
            "record updates its row, and load once with `write: replace` to drop the old rows."
        )
    return None


def _key_name(primary_key: Sequence[str]) -> str:
    return ", ".join(primary_key) or "__hevo_id"
