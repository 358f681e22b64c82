"""`rest-source preview`: the first records of an endpoint, and the requests that brought them."""

import json
from contextlib import closing
from pathlib import Path

import click

from rest_source.cli.check import try_endpoint
from rest_source.cli.console import print_remarks, print_table, say, shown
from rest_source.cli.selection import selected
from rest_source.cli.trials import TrialReport, cells, explained
from rest_source.orchestrate.resource import RestApi
from rest_source.spec.file import load_source


def preview_endpoint(file: Path, name: str, limit: int, as_json: bool) -> bool:
    """Show the first records of an endpoint; whether they could be read."""
    source = load_source(file)
    [endpoint] = selected(source, [name])
    with closing(RestApi(source, say)) as api:
        report = TrialReport(source, endpoint, try_endpoint(api, endpoint, limit))
    click.echo(_to_json(report)) if as_json else _print(report)
    return report.status != "failed"


def _to_json(report: TrialReport) -> str:
    told = report.to_dict()
    shown = {
        "source": report.source.name,
        **told,
        "records_read": report.trial.read,
        "records": list(report.trial.sample.rows),
        "next_request": told["next"]["request"],
        "stop_reason": told["next"]["stop_reason"],
    }
    return json.dumps(shown, indent=2, ensure_ascii=False)


def _print(report: TrialReport) -> None:
    trial, sample = report.trial, report.trial.sample
    for exchange in trial.exchanges:
        answer = f"{exchange.status} {exchange.content_type}, {exchange.bytes} bytes"
        click.echo(shown(f"{exchange.request}  ->  {answer}"))
    if trial.exchanges:
        click.echo(f"Signed in by: {report.auth}\n")
    if sample.columns:
        types = [str(type_) for type_ in sample.columns.values()]
        print_table(list(sample.columns), [types, *(cells(list(row.values())) for row in sample.rows)])
        click.echo(f"\n{len(sample.rows)} of {trial.read} records read, in {len(sample.columns)} columns.")
    if trial.next_request:
        click.echo(f"Next request: {trial.next_request}")
    if told := explained(trial, report.endpoint):
        click.echo(told)
    print_remarks(f"{report.source.name}.{report.endpoint.name}", report.remarks)
