"""`rest-source retry`: loads the records that earlier loads rejected."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rest_source.cli.console import print_remarks, print_table
from rest_source.cli.selection import selected
from rest_source.errors import RestSourceError
from rest_source.load.destination import CommitResult
from rest_source.load.retrying import Retry
from rest_source.load.state import state_directory
from rest_source.orchestrate.io_manager import PaginatorIOManager
from rest_source.orchestrate.resource import RestApi
from rest_source.spec.file import load_source


@dataclass(frozen=True, slots=True)
class RetryReport:
    """What became of an endpoint's rejected records."""

    name: str
    result: CommitResult
    error: RestSourceError | None = None

    @property
    def succeeded(self) -> bool:
        """Whether none is left."""
        return self.error is None and not self.result.rows_rejected

    def to_dict(self) -> dict[str, object]:
        """The endpoint in the JSON report."""
        result = self.result
        return {
            "name": self.name,
            "rows_read": result.rows_read,
            "rows_inserted": result.rows_inserted,
            "rows_updated": result.rows_updated,
            "rows_unchanged": result.rows_unchanged,
            "rows_rejected": result.rows_rejected,
            "reject_reasons": list(result.reject_reasons),
            "error": self.error.to_dict() if self.error else None,
        }


def retry_source(file: Path, select: Sequence[str], destination: str | None, as_json: bool) -> bool:
    """Try the rejected records of the selected endpoints again and report; whether none is left."""
    source = load_source(file)
    opened = PaginatorIOManager(destination=destination).open()
    mask = RestApi(source).mask
    reports = []
    for endpoint in selected(source, select):
        retry = Retry(source, endpoint, opened, state_directory(), lambda text: print(text, file=sys.stderr))
        try:
            result = retry.run()
            reasons = tuple(mask(reason) for reason in result.reject_reasons)
            reports.append(RetryReport(endpoint.name, replace(result, reject_reasons=reasons)))
        except RestSourceError as error:
            reports.append(RetryReport(endpoint.name, CommitResult(), error))
    if as_json:
        print(json.dumps({"source": source.name, "endpoints": [report.to_dict() for report in reports]}, indent=2))
    else:
        _print(source.name, reports)
    return all(report.succeeded for report in reports)


def _print(source: str, reports: Sequence[RetryReport]) -> None:
    titles = ("asset", "tried", "new", "updated", "unchanged", "left")
    counts = ("rows_read", "rows_inserted", "rows_updated", "rows_unchanged", "rows_rejected")
    print_table(
        titles,
        [(f"{source}.{report.name}", *(str(getattr(report.result, count)) for count in counts)) for report in reports],
    )
    for report in reports:
        left = [f"still rejected: {'; '.join(report.result.reject_reasons)}"] if report.result.rows_rejected else []
        print_remarks(f"{source}.{report.name}", [str(report.error)] if report.error else left)
