"""Reads a load's segments into the tables of its stage, in the background, while records still arrive.

Types come from the manifest, never from a look at the data. What was read is read again where a column in it
turns out, further on, to need another type.
"""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import duckdb

from rest_source.extract.columns import Column, Columns, Tables
from rest_source.extract.nested import ArrayPath, path_text
from rest_source.extract.spool import SpooledLoad
from rest_source.load.engine import config, identifier, literal, memory_limit, open_engine, threads
from rest_source.load.fixed import fits
from rest_source.load.names import HEVO_ID, INDEX, INGESTED_AT, REF_ID
from rest_source.load.respelled_times import INSTANTS, in_full
from rest_source.load.schema import ColumnType, Shape, type_of

RECORDS = "records"
_DATABASE = "stage"
_ROW_GROUP = 20480  # ten vectors: small enough that a commit reads a stage of any size with all its threads
_OURS = {HEVO_ID: "VARCHAR", INGESTED_AT: "BIGINT"}
_OF_ELEMENTS = {REF_ID: "VARCHAR", INDEX: "BIGINT"}
_LINE = {"ingested_at": "BIGINT", "canonical": "VARCHAR", "stored": "VARCHAR"}
_SPLIT_LINE = {"path": "VARCHAR", "id": "VARCHAR", "ref_id": "VARCHAR", "index": "BIGINT"}
_SPOOL = "auto_detect = false, header = false, delim = '\t', quote = '', escape = '', nullstr = ''"  # JSON has no tab
_BUFFER = 2**22
_ONCE = " USING COMPRESSION uncompressed"  # it is written once and read twice or so

Types = Mapping[ArrayPath, Mapping[str, str]]
"""What each key of each table's records is read as."""


class Stager:
    """Stages one load in the file `stage.duckdb` beside its spool.

    `follow` may be called after each page; `finish` hands over a connection in whose open transaction the tables
    stand, and `close` gives up.
    """

    def __init__(self, directory: Path, shape: Shape) -> None:
        self.path = directory / "stage.duckdb"
        self.shape = shape
        self._worker = ThreadPoolExecutor(1, "rest_source stager")
        self._asked = 0
        self._reading: list[Future[duckdb.DuckDBPyConnection]] = []
        self._con: duckdb.DuckDBPyConnection | None = None
        self._settings: dict[str, str] = {}
        self._types: Types = {}
        self._segments: tuple[Path, ...] = ()
        self._cores_left = 1  # to the thread that reads the API

    def follow(self, segments: Sequence[Path], columns: Columns, longest_line: int) -> None:
        """Read those of the complete segments that have not been; `columns` has all that stand in them."""
        if len(segments) > self._asked:
            types = self._types_of(columns.tables())
            for segment in segments[self._asked :]:
                self._reading.append(self._worker.submit(self._read, (segment,), types, longest_line))
            self._asked = len(segments)

    def finish(self, load: SpooledLoad) -> duckdb.DuckDBPyConnection:
        """The complete tables, with one column c0, c1, … for each of the load's in their order."""
        for reading in self._reading:
            reading.result()
        types, done = self._types_of(load.tables), len(self._segments)
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

    def _types_of(self, tables: Tables) -> Types:
        return {
            path: {column.key: read_type(column, self.shape, path) for column in columns}
            for path, columns in tables.items()
        }

    def _fits(self, types: Types) -> bool:
        return all(types[path][key] == type_ for path, read in self._types.items() for key, type_ in read.items())

    def _read(self, segments: Sequence[Path], types: Types, longest_line: int) -> duckdb.DuckDBPyConnection:
        width = sum(map(len, types.values()))
        con = self._con or self._open(width, longest_line)
        if not self._fits(types):
            return con  # `finish` reads everything again
        for number, (path, read) in enumerate(types.items()):
            self._make(con, number, path, read)
        self._types = types
        if segments:
            self._set(con, "threads", str(max(1, threads(longest_line) - self._cores_left)))
            self._set(con, "memory_limit", literal(memory_limit(width, longest_line)))
            lines = spooled_lines(segments, longest_line, self.shape)
            for number, (path, read) in enumerate(types.items()):
                con.execute(_elements(lines, number, path, read) if path else self._records(lines, read))
            self._segments += tuple(segments)
        return con

    def _set(self, con: duckdb.DuckDBPyConnection, setting: str, value: str) -> None:
        if self._settings.get(setting) != value:  # even one that changes nothing waits for the interpreter
            con.execute(f"SET {setting} = {value}")
            self._settings[setting] = value

    def _make(self, con: duckdb.DuckDBPyConnection, number: int, path: ArrayPath, read: Mapping[str, str]) -> None:
        """The table, with the columns that it has not."""
        if path not in self._types:
            ours = _OURS | (_OF_ELEMENTS if path else {})
            con.execute(f"CREATE TABLE {staged_name(number)} ({', '.join(map(_definition, ours, ours.values()))})")
        known = self._types.get(path, {})
        for index, (key, type_) in enumerate(read.items()):
            if key not in known:
                definition = _definition(f"c{index}", _in_json(type_))
                con.execute(f"ALTER TABLE {staged_name(number)} ADD COLUMN {definition}")

    def _records(self, lines: str, read: Mapping[str, str]) -> str:
        of_records = "WHERE path IS NULL" if self.shape.nested == "split" else ""
        return (
            f"INSERT INTO {RECORDS} SELECT sha256(canonical), ingested_at{_values(read)} "
            f"FROM (SELECT *, {_parsed('coalesce(stored, canonical)', read)} AS parsed FROM {lines} {of_records})"
        )

    def _open(self, width: int, longest_line: int) -> duckdb.DuckDBPyConnection:
        self.path.unlink(missing_ok=True)
        settings = config(self.path.with_name("duckdb_tmp"), width, longest_line)
        # What a crash destroys is read again from the spool.
        self._con = con = open_engine(config=settings | {"fsync_mode": "NONE"})
        con.execute(f"ATTACH {literal(str(self.path))} AS {_DATABASE} (ROW_GROUP_SIZE {_ROW_GROUP})")
        self.path.chmod(0o600)
        con.execute(f"USE {_DATABASE}")
        con.begin()
        return con

    def _forget(self) -> None:
        if self._con is not None:
            self._con.close()
        self._con, self._settings, self._types, self._segments = None, {}, {}, ()


def staged_name(number: int) -> str:
    """The table of the records, or of the elements of an array, by its number among all of a load."""
    return f"children_{number}" if number else RECORDS


def spooled_lines(segments: Sequence[Path], longest_line: int, shape: Shape) -> str:
    """The lines of segments as a table function, with the fields that `encode` gave them."""
    fields = _LINE | (_SPLIT_LINE if shape.nested == "split" else {})
    columns = ", ".join(f"{name}: '{type_}'" for name, type_ in fields.items())
    line = max(longest_line + 1024, 2**20)
    return (
        f"read_csv([{', '.join(literal(str(segment)) for segment in segments)}], columns = {{{columns}}}, {_SPOOL}, "
        f"max_line_size = {line}, buffer_size = {max(line, _BUFFER)})"
    )


def received(load: SpooledLoad, shape: Shape, key: str) -> str:
    """The texts that the records have under a key, as they were received, with their ids: a table in SQL."""
    lines = spooled_lines(load.segments, load.longest_line, shape)
    of_records = "WHERE path IS NULL" if shape.nested == "split" else ""
    value = f"struct_extract({_parsed('coalesce(stored, canonical)', {key: 'VARCHAR'})}, {literal(key)})"
    return f"(SELECT sha256(canonical) AS id, {value} AS text FROM {lines} {of_records})"


def read_type(column: Column, shape: Shape, path: ArrayPath) -> str:
    """What a column is read as: its own type where every value has it for certain, else text.

    Times of a fixed type are read as text too, which is spelled as RFC 3339 does.
    """
    fixed = shape.fixed_type(path, column.name)
    if fixed in INSTANTS:
        return str(fixed)
    type_ = fixed or type_of(column.kinds, shape.nested)
    if type_ is ColumnType.DOUBLE and "integer" in column.kinds:
        return "VARCHAR"
    if fixed is ColumnType.JSON:
        return "VARCHAR" if column.kinds & {"encoded", "deep", "long"} else "JSON"
    if fixed and fixed is not type_of(column.kinds, shape.nested):
        return "VARCHAR"
    if type_ is ColumnType.JSON:
        return "VARCHAR" if "encoded" in column.kinds else "JSON"
    return type_ if type_ in (ColumnType.BOOLEAN, ColumnType.BIGINT, ColumnType.DOUBLE) else "VARCHAR"


def _elements(lines: str, number: int, path: ArrayPath, read: Mapping[str, str]) -> str:
    return (
        f"INSERT INTO {staged_name(number)} SELECT id, ingested_at, ref_id, index{_values(read)} "
        f"FROM (SELECT *, {_parsed('stored', read)} AS parsed FROM {lines} WHERE path = {literal(path_text(path))})"
    )


def _definition(name: str, type_: str) -> str:
    return f"{identifier(name)} {type_}" + (_ONCE if type_ in ("VARCHAR", "JSON") else "")


def _parsed(record: str, types: Mapping[str, str]) -> str:
    """The record as a struct of its columns. Every value fits, as the types were taken from the values."""
    in_json = {key: _in_json(type_) for key, type_ in types.items()}
    return f"from_json({record}, {literal(json.dumps(in_json, ensure_ascii=False))})" if types else "NULL"


def _values(types: Mapping[str, str]) -> str:
    return "".join(f", {_value(f'struct_extract(parsed, {literal(key)})', type_)}" for key, type_ in types.items())


def _value(value: str, type_: str) -> str:
    """A value as it is staged: a date or time that fits its type in full, and what does not fit as it was received."""
    if type_ not in INSTANTS:
        return value
    full = in_full(value, ColumnType(type_))
    return f"CASE WHEN {full} = {value} OR {fits(full, ColumnType(type_))} THEN {full} ELSE {value} END"


def _in_json(type_: str) -> str:
    return "VARCHAR" if type_ in INSTANTS else type_
