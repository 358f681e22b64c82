"""`rest-source retry`: loads the records that earlier loads rejected, and asks again for what a rule skipped."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg

from rest_source.cli.console import print_remarks, print_table, say
from rest_source.cli.selection import selected
from rest_source.errors import RestSourceError
from rest_source.extract.slices import Known, Row, parent_text
from rest_source.extract.stream import PageStream
from rest_source.load.destination import CommitResult, Destination
from rest_source.load.pipeline import run_load
from rest_source.load.retrying import Retry
from rest_source.load.state import state_directory
from rest_source.load.system import failed_requests
from rest_source.orchestrate.io_manager import PaginatorIOManager
from rest_source.orchestrate.partitions import asked_partitions, partitions_definition
from rest_source.orchestrate.resource import RestApi
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.file import load_source


@dataclass(frozen=True, slots=True)
class RetryReport:
    """What became of an endpoint's rejected records."""

    name: str
    result: CommitResult
    requests: int = 0
    requests_left: int = 0
    error: RestSourceError | None = None

    @property
    def succeeded(self) -> bool:
        """Whether none is left."""
        return self.error is None and not self.result.rows_rejected and not self.requests_left

    @property
    def counts(self) -> tuple[int, ...]:
        """The counts of the table that is printed, from left to right."""
        result = self.result
        records = (result.rows_read, result.rows_inserted, result.rows_updated, result.rows_unchanged)
        return (*records, result.rows_rejected, self.requests, self.requests_left)

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
            "failed_requests": self.requests,
            "failed_requests_left": self.requests_left,
            "reject_reasons": list(result.reject_reasons),
            "error": self.error.to_dict() if self.error else None,
        }


def retry_source(file: Path, select: Sequence[str], destination: str | None, as_json: bool) -> bool:
    """Try what the selected endpoints have set aside again and report; whether nothing is left."""
    source = load_source(file)
    opened = PaginatorIOManager(destination=destination).open()
    with closing(RestApi(source, say)) as api:
        reports = [_retry(api, endpoint, opened) for endpoint in selected(source, select)]
    if as_json:
        print(json.dumps({"source": source.name, "endpoints": [report.to_dict() for report in reports]}, indent=2))
    else:
        _print(source.name, reports)
    return all(report.succeeded for report in reports)


def _retry(api: RestApi, endpoint: EndpointSpec, destination: Destination) -> RetryReport:
    report, source = RetryReport(endpoint.name, CommitResult()), api.source
    try:
        records = Retry(source, endpoint, destination, state_directory(), say).run()
        records = replace(records, reject_reasons=tuple(map(api.mask, records.reject_reasons)))
        report = replace(report, result=records)
        failed = _failed(destination, source.name, endpoint) if endpoint.parent else []
        if failed:
            for stream in _streams(api, endpoint, failed):
                stream.known = Known(only=frozenset(map(parent_text, failed)))
                records = records.plus(run_load(stream, destination, state_directory(), report=say).result)
            left = len(_failed(destination, source.name, endpoint))
            report = replace(report, result=records, requests=len(failed), requests_left=left)
    except RestSourceError as error:
        api.clean(error)  # it may quote a record
        return replace(report, error=error)
    return report


def _failed(destination: Destination, source: str, endpoint: EndpointSpec) -> Sequence[Row]:
    with destination.reading() as session:
        return failed_requests(session, source, endpoint.name)


def _streams(api: RestApi, endpoint: EndpointSpec, failed: Sequence[Row]) -> Iterator[PageStream]:
    """The streams of what failed: one for each partition where there are some."""
    stream = api.stream(endpoint)
    if endpoint.partitions_def is None:
        yield stream
        return
    definition = partitions_definition(api.source, endpoint.partitions_def)
    for key in sorted({str(row["partition"]) for row in failed if "partition" in row}):
        start, _, end = key.partition("...")
        keys = definition.get_partition_keys_in_range(dg.PartitionKeyRange(start, end or start))
        yield from map(stream.of, asked_partitions(endpoint, definition, keys))


def _print(source: str, reports: Sequence[RetryReport]) -> None:
    titles = ("asset", "records", "new", "updated", "unchanged", "rejected", "requests", "failed")
    rows = [(f"{source}.{report.name}", *map(str, report.counts)) for report in reports]
    print_table(titles, rows)
    for report in reports:
        left = [f"still rejected: {'; '.join(report.result.reject_reasons)}"] if report.result.rows_rejected else []
        print_remarks(f"{source}.{report.name}", [str(report.error)] if report.error else left)
