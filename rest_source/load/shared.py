"""Equal records that several rows of the parent gave: with the default key all of them are one row."""

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import duckdb

from rest_source.extract.spool import SpooledLoad
from rest_source.load.names import HEVO_ID
from rest_source.load.stager import RECORDS


def first_row(con: duckdb.DuckDBPyConnection) -> int:
    """The row of the stage that holds the first record of the spool, before any is rejected."""
    ((first,),) = con.execute(f"SELECT coalesce(min(rowid), 0) FROM {RECORDS}").fetchall()
    return int(first)


def shared(con: duckdb.DuckDBPyConnection, load: SpooledLoad, first: int) -> int:
    """How many of the staged records are equal to one that another row of the parent gave.

    The stage has the records in the order of the spool, whose journal says which rows of the parent they belong to.
    """
    ends = list(_ends(load.directory / "journal.ndjson"))
    if len(ends) < 2:
        return 0
    repeated = f"SELECT {HEVO_ID} FROM {RECORDS} GROUP BY 1 HAVING count(*) > 1"
    ((found,),) = con.execute(
        "WITH parents AS (SELECT unnest(?) AS parent, unnest(?) AS rows_before), "
        f"given AS (SELECT {HEVO_ID} AS id, rowid - {first} AS place FROM {RECORDS} WHERE {HEVO_ID} IN ({repeated})) "
        "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(DISTINCT parent) AS n "
        "FROM given g ASOF JOIN parents p ON g.place < p.rows_before GROUP BY id)",
        [[parent for parent, _ in ends], [rows for _, rows in ends]],
    ).fetchall()
    return int(found)


def _ends(journal: Path) -> Iterator[tuple[int, int]]:
    """Each row of the parent in turn, and how many records have been read when it ends."""
    with journal.open("rb") as lines:
        # A page whose line does not say it, as a secret stood in it, belongs to what the next one does.
        placed = ((line["scope"], line["rows"]) for line in map(json.loads, lines) if "scope" in line)
        for scope, pages in groupby(placed, lambda page: page[0]):
            yield int(scope), max(rows for _, rows in pages)
