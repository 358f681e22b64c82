"""`rest-source check`: one real request for each endpoint, and nothing written."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from rest_source.cli.console import ended, ended_by_ctrl_c, print_remarks, print_table, say
from rest_source.cli.selection import selected
from rest_source.cli.trials import TrialReport, row
from rest_source.errors import RestSourceError
from rest_source.extract.slices import Known, parent_fields
from rest_source.extract.stream import PageStream
from rest_source.load.progress import known_of
from rest_source.load.trial import Trial, failed_trial, first_rows, run_trial
from rest_source.orchestrate.io_manager import PaginatorIOManager
from rest_source.orchestrate.partitions import latest_keys, partition_of, partitions_definition
from rest_source.orchestrate.resource import RestApi
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.file import load_source
from rest_source.spec.parent import Parent
from rest_source.spec.source import SourceSpec
from rest_source.spec.together import refuse_clashes

_ROWS = 5


def check_source(file: Path, select: Sequence[str], as_json: bool) -> bool:
    """Try the selected endpoints and report; whether a load of each would begin well."""
    source = load_source(file)
    refuse_clashes(file, source)
    endpoints = selected(source, select)
    # One request is one request: what would be retried is reported as what it is now.
    impatient = source.model_copy(update={"limits": source.limits.model_copy(update={"retries": 0})})
    with closing(RestApi(impatient, say)) as api, ThreadPoolExecutor(source.limits.concurrency) as pool:
        trials = [pool.submit(try_endpoint, api, endpoint, _ROWS, pages=1) for endpoint in endpoints]
        with ended_by_ctrl_c():
            running = {*trials}
            while running:
                running -= ended(running)
            found = [trial.result() for trial in trials]
        reports = [TrialReport(source, *pair) for pair in zip(endpoints, found, strict=True)]
    click.echo(_to_json(source, reports)) if as_json else _print(reports)
    return all(report.status != "failed" for report in reports)


def try_endpoint(api: RestApi, endpoint: EndpointSpec, rows: int, pages: int | None = None) -> Trial:
    """A trial of an endpoint; one that cannot begin, as where a variable is missing, is a failed one."""
    try:
        return run_trial(_begun(api, endpoint), rows, pages)
    except RestSourceError as error:
        return failed_trial(error)


def _begun(api: RestApi, endpoint: EndpointSpec) -> PageStream:
    """The stream of an endpoint, of its last partition, and with the rows of its parent as the destination has them."""
    stream = api.stream(endpoint)
    if endpoint.partitions_def is not None:
        definition = partitions_definition(api.source, endpoint.partitions_def)
        keys = latest_keys(definition, 1, datetime.now(UTC)) or definition.get_partition_keys()[:1]
        stream = stream.of(partition_of(definition, keys[-1]))
    if endpoint.parent is not None and endpoint.parent.values is None:
        stream.known = _known(api, stream, endpoint.parent)
    return stream


def _known(api: RestApi, stream: PageStream, parent: Parent) -> Known:
    """What the destination knows; before the first load of the parent, the rows of its own first page."""
    try:
        return known_of(stream, PaginatorIOManager().open())
    except RestSourceError as error:
        theirs = next((other for other in api.source.endpoints if other.name == parent.endpoint), None)
        if error.id != "no_table" or theirs is None or parent.where is not None:  # which is for a table
            raise
    return Known(parents=first_rows(_begun(api, theirs), parent_fields(stream.endpoint), parent.include))


def _to_json(source: SourceSpec, reports: Sequence[TrialReport]) -> str:
    ok = all(report.status != "failed" for report in reports)
    document: dict[str, Any] = {
        "source": source.name,
        "status": "success" if ok else "failed",
        "endpoints": [report.to_dict() for report in reports],
    }
    return json.dumps(document, indent=2)


def _print(reports: Sequence[TrialReport]) -> None:
    rows = [row(report) for report in reports]
    print_table(list(rows[0]), [list(line.values()) for line in rows], left=[*rows[0]])
    for report in reports:
        print_remarks(f"{report.source.name}.{report.endpoint.name}", report.remarks)
