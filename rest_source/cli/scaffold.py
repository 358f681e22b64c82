"""`rest-source init`: the folder and the first defs.yaml of an API."""

from pathlib import Path

import click

from rest_source.errors import RestSourceError
from rest_source.suggest.newfile import schema_line, source_text

DEFS = Path("rest_source/defs")


def init_source(name: str, url: str) -> None:
    """Write `rest_source/defs/NAME/defs.yaml` for an API; a file that is there stays as it is."""
    file = DEFS / name / "defs.yaml"
    if file.exists():
        raise RestSourceError("file_exists", f"{file} exists already.", remedy="Choose another name, or edit the file.")
    text = source_text(name, url, schema_line(file))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    click.echo(f"Wrote {file}. Next:")
    click.echo("  rest-source suggest URL     # data root, pagination and key, by what an endpoint's URL answers")
    click.echo(f"  rest-source check {file}")
    click.echo(f"  rest-source run {file}")
