"""What a run reports: one JSON document, or one table."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import dagster as dg

from rest_source.cli.console import print_remarks, print_table
from rest_source.errors import RestSourceError
from rest_source.load.outcome import SKIPPED

_COUNTS = (
    "rows_read",
    "rows_inserted",
    "rows_updated",
    "rows_unchanged",
    "rows_deleted",
    "pages",
    "requests",
    "retries",
    "bytes",
)


@dataclass(frozen=True, slots=True)
class EndpointReport:
    """How one endpoint fared; `facts` is the load's metadata, empty where it failed."""

    name: str
    status: Literal["success", "failed", "skipped"]
    seconds: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    checks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None
    partition: str | None = None

    @classmethod
    def of(
        cls, name: str, result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance, seconds: float
    ) -> "list[EndpointReport]":
        """The reports on an endpoint's own execution: one, or one for each of its partitions."""
        materialized: dict[str | None, dict[str, Any]] = {}
        for entry in instance.all_logs(result.run_id, dg.DagsterEventType.ASSET_MATERIALIZATION):
            if (materialization := entry.asset_materialization) is not None:
                facts = {key: value.value for key, value in materialization.metadata.items()}
                materialized.setdefault(materialization.partition, {}).update(facts)
        checks = {
            check.check_name: {
                "passed": check.passed,
                "severity": check.severity.value,
                "message": check.description or "",
            }
            for check in result.get_asset_check_evaluations()
        }
        loaded = [cls(name, _status(facts), seconds, facts, checks, None, key) for key, facts in materialized.items()]
        if result.success:
            return loaded or [cls(name, "success", seconds, {}, checks)]
        facts, error = _failure(result)
        partitions: Any = facts.pop("failed_partitions", {})
        failed = [cls(name, "failed", seconds, {}, checks, told, key) for key, told in partitions.items()]
        if failed or (loaded and any(map(_is_error, checks.values()))):
            return sorted([*loaded, *failed], key=lambda report: report.partition or "")
        facts = materialized.get(None, facts) if loaded else facts
        return [cls(name, "failed", seconds, facts, checks, error)]

    @classmethod
    def skipped(cls, name: str, parent: str) -> "EndpointReport":
        """The report on an endpoint whose parent failed."""
        return cls(name, "skipped", 0.0, {"warnings": [f"Skipped, as `{parent}`, which it depends on, failed."]})

    @property
    def succeeded(self) -> bool:
        """Whether the load is in the table and no check failed as an error."""
        return self.error is None and not any(map(_is_error, self.checks.values()))

    def to_dict(self) -> dict[str, Any]:
        """The endpoint in the JSON report."""
        return {
            "name": self.name,
            "status": self.status,
            "partition": self.partition,
            **{count: self.facts.get(count, 0) for count in _COUNTS},
            "wait_seconds": self.facts.get("wait_seconds", 0.0),
            "seconds": self.seconds,
            "stop_reason": self.facts.get("stop_reason"),
            "resumed_from_page": self.facts.get("resumed_from_page"),
            "cursor_before": self.facts.get("cursor_before"),
            "cursor_after": self.facts.get("cursor_after"),
            **{count: self.facts.get(count, 0) for count in ("rows_rejected", "rows_merged", "rows_moved")},
            "row_count": self.facts.get("dagster/row_count"),
            "child_tables": self.facts.get("child_tables", {}),
            "columns_added": self.facts.get("columns_added", []),
            "columns_widened": self.facts.get("columns_widened", []),
            "load_id": self.facts.get("load_id"),
            "first_request": self.facts.get("first_request"),
            "warnings": self.facts.get("warnings", []),
            "checks": self.checks,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class RunReport:
    """How a run fared."""

    source: str
    destination: str
    seconds: float
    endpoints: tuple[EndpointReport, ...]

    @property
    def succeeded(self) -> bool:
        """Whether every endpoint did."""
        return all(endpoint.succeeded for endpoint in self.endpoints)


def to_json(report: RunReport) -> str:
    """The report as one JSON document."""
    return json.dumps(
        {
            "source": report.source,
            "destination": report.destination,
            "status": "success" if report.succeeded else "failed",
            "seconds": report.seconds,
            "endpoints": [endpoint.to_dict() for endpoint in report.endpoints],
        },
        indent=2,
        default=str,
    )


def print_summary(*reports: RunReport) -> None:
    """One table for people on stdout, then what went wrong or looks odd, on stderr."""
    titles = ("asset", "rows", "new", "updated", "pages", "requests", "seconds", "checks")
    endpoints = [(report.source, endpoint) for report in reports for endpoint in report.endpoints]
    print_table(titles, [_row(source, endpoint) for source, endpoint in endpoints], left=("asset", "checks"))
    judged: set[tuple[str, str]] = set()
    for source, endpoint in endpoints:
        # The checks of a run stand with each of its partitions.
        checks = {} if (source, endpoint.name) in judged else endpoint.checks
        judged.add((source, endpoint.name))
        print_remarks(_asset(source, endpoint), _remarks(endpoint, checks))


def _asset(source: str, endpoint: EndpointReport) -> str:
    return f"{source}.{endpoint.name}" + (f" {endpoint.partition}" if endpoint.partition else "")


def _row(source: str, endpoint: EndpointReport) -> list[str]:
    keys = ("rows_read", "rows_inserted", "rows_updated", "pages", "requests")
    counts = [str(endpoint.facts.get(key, "-")) for key in keys]
    return [_asset(source, endpoint), *counts, f"{endpoint.seconds:.2f}", _verdict(endpoint)]


def _verdict(endpoint: EndpointReport) -> str:
    if endpoint.status != "success":
        return "FAILED" if endpoint.status == "failed" else endpoint.status
    failed = [f"{name} {check['severity']}" for name, check in endpoint.checks.items() if not check["passed"]]
    return ", ".join(failed) or "passed"


def _remarks(endpoint: EndpointReport, checks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    remarks = [str(warning) for warning in endpoint.facts.get("warnings", [])]
    failed = {name: str(check["message"]) for name, check in checks.items() if not check["passed"]}
    remarks += [f"{name}: {message}" for name, message in failed.items() if message not in remarks]
    return [_paragraph(endpoint.error), *remarks] if endpoint.error else remarks


def _paragraph(error: Mapping[str, Any]) -> str:
    labels = {"message": "", "where": "Where: ", "cause": "Likely cause: ", "remedy": "What to do: "}
    return " ".join(f"{label}{error[key]}" for key, label in labels.items() if error.get(key))


def _unexpected(error: Any) -> dict[str, Any]:
    """An error nobody foresaw: the innermost of its causes, without the stack."""
    while error is not None and error.cause is not None:
        error = error.cause
    text = str(error.message).strip() if error is not None else "The step failed without a message."
    return dict(RestSourceError("unexpected", text).to_dict())


def _status(facts: Mapping[str, Any]) -> Literal["success", "skipped"]:
    return "skipped" if facts.get("stop_reason") == SKIPPED else "success"


def _is_error(check: Mapping[str, Any]) -> bool:
    return not check["passed"] and check["severity"] == "ERROR"


def _failure(result: dg.ExecuteInProcessResult) -> tuple[dict[str, Any], dict[str, Any]]:
    """Facts and error of the first step that failed, as its exception told them."""
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            metadata = failure.user_failure_data.metadata if failure.user_failure_data else {}
            facts: dict[str, Any] = {key: value.value for key, value in metadata.items()}
            error = facts.pop("error", None) or _unexpected(failure.error)
            return facts, dict(error)
    failed = next((event for event in result.all_events if event.is_job_failure), None)
    text = failed.message if failed and failed.message else "The run failed before its first step."
    return {}, dict(RestSourceError("unexpected", text).to_dict())
