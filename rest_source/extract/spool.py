"""The spool: one load's records and its journal on disk, safe before anything reaches the destination.

    <state>/spool/<source>/<endpoint>/<load id>/
        manifest.json          what is loaded: source, endpoint, fetch plan, frozen now, tables at the end
        records-000001.tsv     the records, a line each, in segments of 8 MB, or of 1 MB where they come slowly
        journal.ndjson         one line a page, written after its records: byte position, checksum, what follows

A line of the journal vouches for every byte before its position; what stands behind the last one is a torn
tail. Both files are synced to disk once a second and at the end.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time
from typing import Any, BinaryIO, Self
from zlib import crc32

from rest_source.extract.columns import Columns, Tables
from rest_source.extract.page import Page
from rest_source.extract.recovery import VERSION, Interrupted, segment_path

SEGMENT_BYTES = 8_000_000
SLOW_SEGMENT_BYTES = 1_000_000
SLOW_SEGMENT_SECONDS = 1.0
"""After so long a segment ends early, so that it is staged while the API has us wait."""
SYNC_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class SpooledLoad:
    """A complete extraction on disk, ready to be committed.

    `tables` has the columns of each table, as `Columns.tables` does; `longest_line` is in bytes.
    """

    load_id: str
    directory: Path
    segments: tuple[Path, ...]
    tables: Tables
    rows: int
    pages: int
    longest_line: int

    def remove(self) -> None:
        """Forget the load; its records are in the destination, or not wanted any more."""
        shutil.rmtree(self.directory, ignore_errors=True)


class Spool:
    """Appends pages durably; `finish` hands the load over and `remove` forgets it."""

    def __init__(self, directory: Path, manifest: Mapping[str, Any], pages: int = 0, rows: int = 0) -> None:
        self.directory = directory
        self.load_id = str(manifest["load_id"])
        self.pages, self.rows, self.returned = pages, rows, 0
        self.longest_line = self._position = 0
        self._manifest = dict(manifest)
        self._segments: list[Path] = []
        self._records: BinaryIO | None = None
        self._synced = self._begun = monotonic()
        self._journal = _append_to(directory / "journal.ndjson")

    @classmethod
    def create(cls, parent: Path, load_id: str, manifest: Mapping[str, Any]) -> Self:
        """A new spool in a directory of its own, named after the load."""
        directory = parent / load_id
        directory.mkdir(parents=True, mode=0o700)
        spool = cls(directory, {"version": VERSION, "load_id": load_id, **manifest})
        spool._write_manifest()
        return spool

    @classmethod
    def reopen(cls, interrupted: Interrupted) -> Self:
        """The spool of an interrupted load, at the end of what is whole."""
        last, directory = interrupted.last, interrupted.directory
        spool = cls(directory, interrupted.manifest, interrupted.pages, last["rows"])
        spool._segments = [segment_path(directory, number + 1) for number in range(last["segment"])]
        spool._records = _append_to(spool._segments[-1])
        spool._position, spool.longest_line = last["end"], last["longest"]
        spool.returned = last["returned"]
        return spool

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def complete(self) -> Sequence[Path]:
        """The segments to which nothing is added any more."""
        return self._segments[:-1]

    def append(self, page: Page, changed: Sequence[Mapping[str, Any]]) -> None:
        """Write a page's records, then the line of the journal that vouches for them and the columns they changed."""
        file = self._segment()
        file.write(page.records.data)
        file.flush()
        self._position += len(page.records.data)
        self.rows += page.records.count
        self.returned += page.returned
        self.pages = page.number
        self.longest_line = max(self.longest_line, page.records.longest)
        self._journal.write(json.dumps(self._line(page, changed), separators=(",", ":")).encode() + b"\n")
        self._journal.flush()
        if monotonic() - self._synced >= SYNC_SECONDS:
            self._sync()

    def finish(self, columns: Columns) -> SpooledLoad:
        """The complete load; its tables are kept in the manifest."""
        self._sync()
        tables = columns.tables()
        seen = {".".join(path): [column.to_json() for column in found] for path, found in tables.items()}
        self._manifest |= {"tables": seen, "rows": self.rows, "pages": self.pages}
        self._write_manifest()
        self.close()
        return SpooledLoad(
            self.load_id, self.directory, tuple(self._segments), tables, self.rows, self.pages, self.longest_line
        )

    def remove(self) -> None:
        """Forget the load; its records are in the destination, or not wanted any more."""
        self.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def close(self) -> None:
        """Close the files; the spool stays."""
        for file in (self._records, self._journal):
            if file is not None:
                file.close()

    def _segment(self) -> BinaryIO:
        if self._records is None or self._is_full:
            if self._records is not None:
                self._sync()
                self._records.close()
            self._segments.append(segment_path(self.directory, len(self._segments) + 1))
            self._records, self._position, self._begun = _append_to(self._segments[-1]), 0, monotonic()
        return self._records

    @property
    def _is_full(self) -> bool:
        """Whether the segment ends here, at the end of a page."""
        is_slow = monotonic() - self._begun >= SLOW_SEGMENT_SECONDS
        return self._position >= SEGMENT_BYTES or (is_slow and self._position >= SLOW_SEGMENT_BYTES)

    def _line(self, page: Page, changed: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {
            "page": page.number,
            "segment": len(self._segments),
            "end": self._position,
            "crc": crc32(page.records.data),
            "rows": self.rows,
            "returned": self.returned,
            "total": page.total,
            "longest": self.longest_line,
            "at": int(time() * 1000),
            "columns": changed,
            **page.follows,
        }

    def _sync(self) -> None:
        for file in (self._records, self._journal):
            if file is not None:
                os.fsync(file.fileno())
        self._synced = monotonic()

    def _write_manifest(self) -> None:
        path = self.directory / "manifest.json"
        fresh = path.with_suffix(".tmp")
        fresh.unlink(missing_ok=True)
        with _append_to(fresh) as file:
            file.write(json.dumps(self._manifest, indent=2).encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)


def _append_to(path: Path) -> BinaryIO:
    """The file, which nobody else may read: its records are whatever the API sent."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
