"""Rows on their way between DuckDB, Arrow and PostgreSQL, as the CSV that COPY takes and gives."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import duckdb

from rest_source.load.engine import identifier
from rest_source.load.postgres.connection import Connection
from rest_source.load.relation import TableColumn
from rest_source.load.schema import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_BYTES = 2**24
_BATCH_ROWS = 2**15
_BLOCK = 2**22
_CSV = "(FORMAT csv)"


def send(con: Connection, engine: duckdb.DuckDBPyConnection, sql: str, table: str, longest: int) -> None:
    """Copy the rows of a query of DuckDB into a table of the same columns; `longest` is a record's length in bytes."""
    import pyarrow as pa
    from pyarrow import csv

    batch_rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES // max(1, longest)))
    reader: pa.RecordBatchReader = engine.sql(sql).to_arrow_reader(batch_rows)
    options = csv.WriteOptions(include_header=False)
    with con.cursor().copy(f"COPY {table} FROM STDIN {_CSV}".encode()) as copy:
        for batch in reader:
            sink = pa.BufferOutputStream()
            csv.write_csv(batch, sink, options)
            copy.write(memoryview(sink.getvalue()))


def receive(con: Connection, rows: str, columns: Sequence[TableColumn], longest: int) -> "pa.Table":
    """Rows of a table as Arrow; numbers too long for any type of Arrow, and JSON, come as text."""
    import pyarrow as pa
    from pyarrow import csv

    types = {column.name: _arrow_types()[column.type] for column in columns}
    listed = ", ".join(identifier(name) for name in types)
    with con.cursor().copy(f"COPY (SELECT {listed} FROM {rows}) TO STDOUT {_CSV}".encode()) as copy:
        file = io.BufferedReader(_Chunks(iter(copy)), _BLOCK)
        if not file.peek(1):  # what the reader takes for a mistake
            return pa.schema(types).empty_table()
        return csv.read_csv(
            file,
            read_options=csv.ReadOptions(column_names=list(types), block_size=max(_BLOCK, 2 * longest)),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=types,
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )


def _arrow_types() -> Mapping[ColumnType, "pa.DataType"]:
    import pyarrow as pa

    return {type_: pa.string() for type_ in ColumnType} | {
        ColumnType.BOOLEAN: pa.bool_(),
        ColumnType.BIGINT: pa.int64(),
        ColumnType.DOUBLE: pa.float64(),
        ColumnType.DATE: pa.date32(),
        ColumnType.TIMESTAMPTZ: pa.timestamp("us", tz="UTC"),
    }


class _Chunks(io.RawIOBase):
    """Chunks of bytes as a file."""

    def __init__(self, chunks: Iterator[bytes | bytearray | memoryview]) -> None:
        self._chunks = chunks
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._left = memoryview(chunk)
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size
