"""The physical floor: what any program must do that brings these bytes from this server into this DuckDB file.

One thread and one requests session fetch page after page and append what stands between the brackets of each body,
unparsed, to one JSON array on disk. DuckDB reads that file with given types, on its default threads and memory, into
a new table, and closes its own file. There is no parsing in Python, no hash, no key, no merge, no record of the load,
and nothing that would survive a kill. Of the simple ways it was the fastest: DuckDB needs three times as long to
unnest whole bodies, and as long for one record a line.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import requests

from benchmarks.job import TABLE, Job

_COLUMNS = {
    "id": "BIGINT",
    "status": "VARCHAR",
    "reference": "VARCHAR",
    "customer": "VARCHAR",
    "amount": "DOUBLE",
    "quantity": "BIGINT",
    "paid": "BOOLEAN",
    "created_at": "TIMESTAMPTZ",
    "note": "VARCHAR",
    "shipping": "JSON",
}
_OPENING = len(b'{"data":[')
_NEXT = re.compile(rb'"next":"(\d+)"}$')


def fetch_and_read(job: Job) -> None:
    """Fetch every page, then let DuckDB read them."""
    array = Path("records.json")
    with array.open("wb") as out:
        separator = b"["
        for records in _pages(job):
            out.write(separator + records)
            separator = b","
        out.write(b"]")
    with duckdb.connect(job.destination.removeprefix("duckdb:///")) as con:
        con.execute("CREATE SCHEMA bench")
        con.execute(
            f"CREATE TABLE {TABLE} AS FROM read_json('{array}', format = 'array', columns = {_COLUMNS})",
        )


def _pages(job: Job) -> Iterator[bytes]:
    """The records of each page, between the brackets."""
    number, param = b"1", "cursor" if job.dialect == "cursor" else "page"
    with requests.Session() as session:
        while number:
            body = session.get(f"{job.url}/{job.dialect}", params={param: number}).content
            records = body[_OPENING : body.rindex(b"]", -64)]
            if not records:
                return
            yield records
            if job.dialect == "cursor":
                found = _NEXT.search(body, len(body) - 32)
                number = found[1] if found else b""
            else:
                number = b"%d" % (int(number) + 1)
