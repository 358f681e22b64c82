"""Records of one load that share a key though they differ: only the newest of each key is stored."""

from collections.abc import Sequence
from dataclasses import replace

import duckdb

from rest_source.load.duckdb.session import DuckDBSession
from rest_source.load.identifying import DRIFT, Records, listed
from rest_source.load.names import HEVO_ID
from rest_source.load.relation import TableColumn
from rest_source.load.stage import Merged, StagedColumn

_SAMPLE = 3
_FEW = 2


def merged(
    con: duckdb.DuckDBPyConnection, table: str, key: Sequence[str], columns: Sequence[StagedColumn], name: str
) -> Merged:
    """What becomes of the staged records of the table `name`, before all but the newest of each key are deleted."""
    keys = listed(key)
    counts = con.execute(
        f"SELECT count(DISTINCT hash({HEVO_ID})), count(DISTINCT hash({keys})) FROM {table}"
    ).fetchone()
    records, kept = counts or (0, 0)
    found = Merged(records, records - kept)
    if not found.rows:
        return found
    fields = [TableColumn(column.name, column.type, column.original) for column in columns]
    own = [field for part in key for field in fields if field.name == part]
    deep = is_large(found.rows, records)
    identity = Records(DuckDBSession(con), f"{table} WHERE true", name, fields).identity(own, deep)
    return replace(found, sample=_sample(con, table, keys), identity=tuple(field.original for field in identity))


def is_large(merged: int, records: int) -> bool:
    """Whether more records share their keys with others than change while they are read."""
    return merged > max(_FEW, DRIFT * records)


def _sample(con: duckdb.DuckDBPyConnection, table: str, keys: str) -> tuple[str, ...]:
    """The keys that most records share."""
    repeated = f"SELECT hash({keys}) FROM {table} GROUP BY 1 HAVING count(*) > 1"
    rows = con.execute(
        f"SELECT {keys}, count(DISTINCT hash({HEVO_ID})) FROM {table} WHERE hash({keys}) IN ({repeated}) "
        f"GROUP BY {keys} HAVING count(DISTINCT hash({HEVO_ID})) > 1 "
        f"ORDER BY count(DISTINCT hash({HEVO_ID})) DESC, {keys} LIMIT {_SAMPLE}"
    ).fetchall()
    return tuple(f"{', '.join(map(str, row[:-1]))} ({row[-1]} records)" for row in rows)
