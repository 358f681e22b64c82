"""The destination behind a URL."""

from pathlib import Path
from urllib.parse import urlsplit

from rest_source.errors import RestSourceError
from rest_source.load.destination import Destination
from rest_source.load.duckdb.destination import DuckDBDestination

DEFAULT_URL = "duckdb:///data/rest_source.duckdb"


POSTGRES = ("postgresql", "postgres")
_CAUSE = "The destination is given by REST_SOURCE_DESTINATION or --destination."
_REMEDY = (
    "Write duckdb:///relative.duckdb or duckdb:////absolute/path.duckdb (three or four slashes), or "
    "postgresql://user:password@host/database."
)


def open_destination(url: str) -> Destination:
    """The destination behind a URL: `duckdb:///relative.duckdb`, `duckdb:////absolute.duckdb` or `postgresql://…`."""
    try:
        parts = urlsplit(url)
    except ValueError:
        # Its words may hold the password.
        raise RestSourceError(
            "destination_url", "The destination is not a URL that can be read.", cause=_CAUSE, remedy=_REMEDY
        ) from None
    if parts.scheme == "duckdb" and not parts.netloc and len(parts.path) > 1:
        return DuckDBDestination(Path(parts.path[1:]))
    if parts.scheme in POSTGRES:
        from rest_source.load.postgres.destination import PostgresDestination

        return PostgresDestination.of(url)
    raise RestSourceError(
        "destination_url",
        f"`{parts.scheme}:` is not a destination that can be loaded into."
        if parts.scheme != "duckdb"
        else "The DuckDB destination names no file.",
        cause=_CAUSE,
        remedy=_REMEDY,
    )
