"""`python -m rest_source.reference` rewrites what is generated: parts of README.md, and the schema that is shipped.

`--check` says what differs.
"""

from pathlib import Path

import click

from rest_source.reference.readme import difference, rewritten
from rest_source.spec.schema import SCHEMA, schema_text


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 and print the difference if there is one.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=Path("README.md"))
def main(check: bool, file: Path) -> None:
    """Rewrite the generated parts of FILE, by default README.md, from the models and the catalogue."""
    old = file.read_text(encoding="utf-8")
    try:
        new = rewritten(old)
    except ValueError as error:
        raise click.ClickException(f"{file}: {error}") from None
    if not check:
        file.write_text(new, encoding="utf-8")
        SCHEMA.write_text(schema_text(), encoding="utf-8")
    elif old != new:
        click.echo(difference(old, new))
        raise click.ClickException(f"{file} is not what models and catalogue say; run `make reference`.")
    elif SCHEMA.read_text(encoding="utf-8") != schema_text():
        raise click.ClickException(f"{SCHEMA.name} is not what the models say; run `make reference`.")


if __name__ == "__main__":
    main()
