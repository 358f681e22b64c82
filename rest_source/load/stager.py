"""Reads a load's segments into the table `records` of its stage, in the background, while records still arrive.

Types come from the manifest, never from a look at the data. What was read is read again where a column in it
turns out, further on, to need another type.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import duckdb

from rest_source.extract.columns import Column
from rest_source.extract.spool import SpooledLoad
from rest_source.load.engine import config, identifier, literal, memory_limit, threads
from rest_source.load.schema import ColumnType, Nested, type_of

_DATABASE = "stage"
_ROW_GROUP = 20480  # ten vectors: small enough that a commit reads a stage of any size with all its threads
_OURS = {"__hevo_id": "VARCHAR", "__hevo__ingested_at": "BIGINT"}
_SPOOL = (  # canonical JSON holds no tab
    "columns = {ingested_at: 'BIGINT', id: 'VARCHAR', record: 'VARCHAR'}, auto_detect = false, header = false, "
    "delim = '\t', quote = '', escape = '', nullstr = ''"
)
_BUFFER = 2**22
_ONCE = " USING COMPRESSION uncompressed"  # it is written once and read twice or so


class Stager:
    """Stages one load in the file `stage.duckdb` beside its spool.

    `follow` may be called after each page; `finish` hands over a connection in whose open transaction the table
    stands, and `close` gives up.
    """

    def __init__(self, directory: Path, nested: Nested) -> None:
        self.path = directory / "stage.duckdb"
        self._nested = nested
        self._worker = ThreadPoolExecutor(1, "rest_source stager")
        self._asked = 0
        self._reading: list[Future[duckdb.DuckDBPyConnection]] = []
        self._con: duckdb.DuckDBPyConnection | None = None
        self._types: dict[str, str] = {}
        self._segments: tuple[Path, ...] = ()
        self._cores_left = 1  # to the thread that reads the API

    def follow(self, segments: Sequence[Path], columns: Iterable[Column], longest_line: int) -> None:
        """Read those of the complete segments that have not been; `columns` are all that stand in them."""
        if len(segments) > self._asked:
            types = self._types_of(columns)
            for segment in segments[self._asked :]:
                self._reading.append(self._worker.submit(self._read, (segment,), types, longest_line))
            self._asked = len(segments)

    def finish(self, load: SpooledLoad) -> duckdb.DuckDBPyConnection:
        """The complete table, with one column c0, c1, … for each of the load's in their order."""
        for reading in self._reading:
            reading.result()
        types, done = self._types_of(load.columns), len(self._segments)
        if load.segments[:done] != self._segments or not self._fits(types):
            self._forget()
        rest = load.segments[len(self._segments) :] if load.rows else ()
        self._cores_left = 0
        con = self._read(rest, types, load.longest_line)
        self._worker.shutdown()
        self._con = None
        return con

    def close(self) -> None:
        """Stop reading and leave nothing open; the file goes with the spool."""
        if self._con is not None:
            self._con.interrupt()
        self._worker.shutdown(cancel_futures=True)
        self._forget()

    def _types_of(self, columns: Iterable[Column]) -> dict[str, str]:
        return {column.key: _read_type(column, self._nested) for column in columns}

    def _fits(self, types: Mapping[str, str]) -> bool:
        return all(types[key] == type_ for key, type_ in self._types.items())

    def _read(self, segments: Sequence[Path], types: dict[str, str], longest_line: int) -> duckdb.DuckDBPyConnection:
        con = self._con or self._open(types, longest_line)
        if not self._fits(types):
            return con  # `finish` reads everything again
        for index, (key, type_) in enumerate(types.items()):
            if key not in self._types:
                con.execute(f"ALTER TABLE records ADD COLUMN {_definition(f'c{index}', type_)}")
        self._types = types
        if not segments:
            return con
        con.execute(f"SET threads = {max(1, threads(longest_line) - self._cores_left)}")
        con.execute(f"SET memory_limit = '{memory_limit(len(types), longest_line)}'")
        line = max(longest_line + 1024, 2**20)
        con.execute(
            f"INSERT INTO records SELECT coalesce(id, sha256(record)), ingested_at{_values(types)} "
            f"FROM (SELECT *, {_parsed(types)} AS parsed "
            f"FROM read_csv([{', '.join(literal(str(segment)) for segment in segments)}], {_SPOOL}, "
            f"max_line_size = {line}, buffer_size = {max(line, _BUFFER)}))"
        )
        self._segments += tuple(segments)
        return con

    def _open(self, types: dict[str, str], longest_line: int) -> duckdb.DuckDBPyConnection:
        self.path.unlink(missing_ok=True)
        settings = config(self.path.with_name("duckdb_tmp"), len(types), longest_line)
        # What a crash destroys is read again from the spool.
        self._con = con = duckdb.connect(config=settings | {"fsync_mode": "NONE"})
        con.execute(f"ATTACH {literal(str(self.path))} AS {_DATABASE} (ROW_GROUP_SIZE {_ROW_GROUP})")
        self.path.chmod(0o600)
        con.execute(f"USE {_DATABASE}")
        con.begin()
        columns = _OURS | {f"c{index}": type_ for index, type_ in enumerate(types.values())}
        con.execute(f"CREATE TABLE records ({', '.join(_definition(*column) for column in columns.items())})")
        self._types = types
        return con

    def _forget(self) -> None:
        if self._con is not None:
            self._con.close()
        self._con, self._types, self._segments = None, {}, ()


def _definition(name: str, type_: str) -> str:
    return f"{identifier(name)} {type_}" + (_ONCE if type_ in ("VARCHAR", "JSON") else "")


def _parsed(types: Mapping[str, str]) -> str:
    """The record as a struct of its columns. Every value fits, as the types were taken from the values."""
    return f"from_json(record, {literal(json.dumps(types, ensure_ascii=False))})" if types else "NULL"


def _values(types: Mapping[str, str]) -> str:
    return "".join(f", struct_extract(parsed, {literal(key)})" for key in types)


def _read_type(column: Column, nested: Nested) -> str:
    type_ = type_of(column.kinds, nested)
    if type_ is ColumnType.DOUBLE and "integer" in column.kinds:
        return "VARCHAR"
    if type_ is ColumnType.JSON:
        return "VARCHAR" if "encoded" in column.kinds else "JSON"
    return type_ if type_ in (ColumnType.BOOLEAN, ColumnType.BIGINT, ColumnType.DOUBLE) else "VARCHAR"
