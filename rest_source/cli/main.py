"""The console script `rest-source`."""

import sys
from pathlib import Path

import click

from rest_source.cli.console import ended_by_ctrl_c, shown
from rest_source.errors import RestSourceError

DESTINATION = "duckdb:///file.duckdb or postgresql://user:password@host/db; default: REST_SOURCE_DESTINATION."


class _Explained(click.Group):
    """Shows errors as one paragraph on stderr and exits 1; a traceback only with --debug, wherever that stands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        found = [arg for arg in args if arg == "--debug"]
        return super().parse_args(ctx, found + [arg for arg in args if arg != "--debug"])

    def invoke(self, ctx: click.Context) -> object:
        try:
            with ended_by_ctrl_c():
                return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            told = str(error) if isinstance(error, RestSourceError) else _unexpected(error)
            click.echo(f"Error: {shown(told)}", err=True)
            sys.exit(1)


def _unexpected(error: Exception) -> str:
    return f"{type(error).__name__}: {error} This is not expected; `--debug` shows where it happened."


@click.group(cls=_Explained, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--debug", is_flag=True, help="Show tracebacks; also behind the command.")
@click.version_option(package_name="rest_source")
def main(debug: bool) -> None:
    """Load REST APIs into a warehouse, as described by a defs.yaml.

    \b
    Examples:
      rest-source suggest https://api.example.com/v1/orders
      rest-source check defs.yaml
      rest-source preview defs.yaml orders
      rest-source run rest_source/defs/shop/defs.yaml
      rest-source run defs.yaml --select orders --destination duckdb:///warehouse.duckdb
      rest-source run defs.yaml --jobs 8 --json | jq '.endpoints[].rows_read'
      rest-source authorize defs.yaml
    """
    from dotenv import load_dotenv

    load_dotenv(Path.cwd() / ".env")  # as Dagster's own commands do


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--select", "-s", multiple=True, metavar="NAME", help="Load only this endpoint; may be repeated.")
@click.option("--destination", metavar="URL", help=DESTINATION)
@click.option("--partition", metavar="KEY", help="Of endpoints with partitions: load this one.")
@click.option(
    "--partition-range", metavar="A...B", help="Of endpoints with partitions: load these, both ends included."
)
@click.option("--full-refresh", is_flag=True, help="Forget cursor and interrupted runs, and read all again.")
@click.option("--jobs", type=click.IntRange(min=1), default=4, show_default=True, help="Endpoints at a time.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout instead of a table.")
def run(
    file: Path,
    select: tuple[str, ...],
    destination: str | None,
    partition: str | None,
    partition_range: str | None,
    full_refresh: bool,
    jobs: int,
    as_json: bool,
) -> None:
    """Materialize the endpoints of FILE in this process, without a daemon.

    Assets, IO manager and checks are those of Dagster's UI. Exits 1 if an endpoint fails or a check fails
    with severity ERROR; a WARN exits 0.

    \b
    Examples:
      rest-source run defs.yaml
      rest-source run defs.yaml -s orders -s customers --jobs 2
      rest-source run defs.yaml --json > result.json
      rest-source run defs.yaml -s orders --partition-range 2024-01-01...2024-01-31
    """
    if partition and partition_range:
        raise click.UsageError("Give either --partition or --partition-range.")
    if partition_range and "..." not in partition_range:
        raise click.UsageError("Write the range as A...B, both ends included.")

    from rest_source.cli.report import print_summary, to_json
    from rest_source.cli.run import run_source

    report = run_source(
        file, select, destination, jobs=jobs, full_refresh=full_refresh, partitions=partition or partition_range
    )
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
    such a record stays as it is. What a rule of `on_error` skipped for rows of a parent is asked for again. Exits 1
    if anything is left.

    \b
    Examples:
      rest-source retry defs.yaml
      rest-source retry defs.yaml -s orders --json
    """
    from rest_source.cli.retry import retry_source

    sys.exit(0 if retry_source(file, select, destination, as_json) else 1)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--redirect-uri", metavar="URL", help="The address registered with the API; default: port 8765, or any.")
def authorize(file: Path, redirect_uri: str | None) -> None:
    """Consent to the access of FILE's source, once, for `auth` of type oauth2 with grant authorization_code.

    Prints the address of the consent and waits for the browser to come back to this machine, or for the code to
    be pasted. The token goes into a file that only you can read, under REST_SOURCE_STATE.

    \b
    Examples:
      rest-source authorize defs.yaml
      rest-source authorize defs.yaml --redirect-uri http://localhost:3999/callback
    """
    from rest_source.cli.authorize import authorize as consent

    consent(file, redirect_uri, click.echo, lambda text: click.echo(text, err=True))


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--select", "-s", multiple=True, metavar="NAME", help="Try only this endpoint; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout instead of a table.")
def check(file: Path, select: tuple[str, ...], as_json: bool) -> None:
    """Try each endpoint of FILE with one real request, and write nothing.

    Tells the status, the content type, whether the API took the credentials, whether the data root is there, how
    many records it holds, and whether there is a next page. Nothing is retried. Exits 1 if an endpoint fails.

    \b
    Examples:
      rest-source check defs.yaml
      rest-source check defs.yaml -s orders --json
    """
    from rest_source.cli.check import check_source

    sys.exit(0 if check_source(file, select, as_json) else 1)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("name")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Records to show.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout instead of a table.")
def preview(file: Path, name: str, limit: int, as_json: bool) -> None:
    """Show the first records of the endpoint NAME of FILE, and write nothing.

    They are shown with the columns and types that a load of these pages would give them, below the requests that
    brought them, without secrets. The next request is shown but not sent, with what will end the series.

    \b
    Examples:
      rest-source preview defs.yaml orders
      rest-source preview defs.yaml orders --limit 3 --json
    """
    from rest_source.cli.preview import preview_endpoint

    sys.exit(0 if preview_endpoint(file, name, limit, as_json) else 1)


@main.command()
@click.argument("targets", metavar="URL...|FILE", nargs=-1, required=True)
@click.option(
    "--header", "-H", "headers", multiple=True, metavar="NAME=VALUE", help="Send this header; may be repeated."
)
@click.option("--name", metavar="NAME", help="Name of the endpoint; by default from the URL.")
@click.option(
    "--write", type=click.Path(path_type=Path), metavar="FILE", help="Add them to this file, made if missing."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout instead of YAML.")
def suggest(
    targets: tuple[str, ...], headers: tuple[str, ...], name: str | None, write: Path | None, as_json: bool
) -> None:
    """Suggest an endpoint by what each URL answers, in at most eight requests, or by an answer saved in FILE.

    Prints a file that `check` and `run` take: data root, pagination and primary key, each with how sure it is and
    why, and below them what else was found. Secrets in URL and headers become variables. A saved answer is a JSON
    document, or what `curl -i` prints. With --write, a source that is in the file signs the request in.

    \b
    Examples:
      rest-source suggest https://api.example.com/v1/orders
      rest-source suggest https://api.example.com/v1/orders https://api.example.com/v1/customers
      rest-source suggest https://api.example.com/v1/orders --write rest_source/defs/shop/defs.yaml
      rest-source suggest https://api.example.com/v1/orders -H 'Authorization=Bearer {env.SHOP_TOKEN}' --json
      curl -si https://api.example.com/v1/orders > orders.txt; rest-source suggest orders.txt
    """
    from rest_source.cli.suggest import parsed_header, suggest_endpoints

    suggest_endpoints(targets, [parsed_header(header) for header in headers], name, write, as_json)


@main.command()
@click.argument("name")
@click.option("--url", required=True, help="Where the API is, or one of its endpoints.")
def init(name: str, url: str) -> None:
    """Write rest_source/defs/NAME/defs.yaml for the API at a URL, without asking it.

    \b
    Examples:
      rest-source init shop --url https://api.example.com/v1/orders
    """
    from rest_source.cli.scaffold import init_source

    init_source(name, url)


@main.command()
def schema() -> None:
    """Print the JSON Schema of a defs.yaml, by which editors complete and check it.

    \b
    Examples:
      rest-source schema > defs.schema.json
    """
    from rest_source.spec.schema import schema_text

    click.echo(schema_text(), nl=False)
