"""The destination behind a URL."""

from pathlib import Path
from urllib.parse import urlsplit

from rest_source.errors import RestSourceError
from rest_source.load.destination import Destination
from rest_source.load.duckdb.destination import DuckDBDestination

DEFAULT_URL = "duckdb:///data/rest_source.duckdb"


def open_destination(url: str) -> Destination:
    """The destination behind a URL: `duckdb:///relative.duckdb` or `duckdb:////absolute.duckdb`."""
    parts = urlsplit(url)
    if parts.scheme == "duckdb" and not parts.netloc and len(parts.path) > 1:
        return DuckDBDestination(Path(parts.path[1:]))
    raise RestSourceError(
        "destination_url",
        f"`{parts.scheme}:` is not a destination this version can load into."
        if parts.scheme != "duckdb"
        else "The DuckDB destination names no file.",
        cause="The destination is given by REST_SOURCE_DESTINATION or --destination.",
        remedy="Write duckdb:///relative.duckdb or duckdb:////absolute/path.duckdb (three or four slashes).",
    )
