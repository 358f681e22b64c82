"""The console script `rest-source`."""

import sys
from pathlib import Path

import click

from rest_source.errors import RestSourceError

DESTINATION = "duckdb:///file.duckdb or postgresql://user:password@host/db; default: REST_SOURCE_DESTINATION."


class _Explained(click.Group):
    """Shows errors as one paragraph on stderr and exits 1; a traceback only with --debug."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            told = str(error) if isinstance(error, RestSourceError) else _unexpected(error)
            click.echo(f"Error: {told}", err=True)
            sys.exit(1)


def _unexpected(error: Exception) -> str:
    return f"{type(error).__name__}: {error} This is not expected; `rest-source --debug …` shows where it happened."


@click.group(cls=_Explained, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.version_option(package_name="rest_source")
def main(debug: bool) -> None:
    """Load REST APIs into a warehouse, as described by a defs.yaml.

    \b
    Examples:
      rest-source run rest_source/defs/shop/defs.yaml
      rest-source run defs.yaml --select orders --destination duckdb:///shop.duckdb
      rest-source run defs.yaml --jobs 8 --json | jq '.endpoints[].rows_read'
    """


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--select", "-s", multiple=True, metavar="NAME", help="Load only this endpoint; may be repeated.")
@click.option(
    "--destination",
    metavar="URL",
    help=DESTINATION,
)
@click.option("--full-refresh", is_flag=True, help="Forget what an interrupted run has read, and read all again.")
@click.option("--jobs", type=click.IntRange(min=1), default=4, show_default=True, help="Endpoints at a time.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout instead of a table.")
def run(
    file: Path, select: tuple[str, ...], destination: str | None, full_refresh: bool, jobs: int, as_json: bool
) -> None:
    """Materialize the endpoints of FILE in this process, without a daemon.

    Assets, IO manager and checks are those of Dagster's UI. Exits 1 if an endpoint fails or a check fails
    with severity ERROR; a WARN exits 0.

    \b
    Examples:
      rest-source run defs.yaml
      rest-source run defs.yaml -s orders -s customers --jobs 2
      rest-source run defs.yaml --json > result.json
    """
    from dotenv import load_dotenv

    from rest_source.cli.report import print_summary, to_json
    from rest_source.cli.run import run_source

    load_dotenv(Path.cwd() / ".env")  # as Dagster's own commands do
    report = run_source(file, select, destination, jobs=jobs, full_refresh=full_refresh)
    click.echo(to_json(report)) if as_json else print_summary(report)
    sys.exit(0 if report.succeeded else 1)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--select", "-s", multiple=True, metavar="NAME", help="Try only this endpoint; may be repeated.")
@click.option(
    "--destination",
    metavar="URL",
    help=DESTINATION,
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout instead of a table.")
def retry(file: Path, select: tuple[str, ...], destination: str | None, as_json: bool) -> None:
    """Load again what earlier loads of FILE set aside, once the file says how.

    The records of `_rest_source.rejected_records` are read from there, not from the API; a row that was read after
    such a record stays as it is. Exits 1 if any is left.

    \b
    Examples:
      rest-source retry defs.yaml
      rest-source retry defs.yaml -s orders --json
    """
    from dotenv import load_dotenv

    from rest_source.cli.retry import retry_source

    load_dotenv(Path.cwd() / ".env")
    sys.exit(0 if retry_source(file, select, destination, as_json) else 1)
