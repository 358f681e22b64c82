"""What an interrupted load left on disk: how far its journal vouches for its records.

A journal may end in a torn line, and its records may be torn or, after a power cut, missing. Everything up to
the last page whose bytes have their checksum is kept, the rest is cut off.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Self
from zlib import crc32

VERSION = 5
_REQUIRED = {"version", "load_id", "run_id", "now", "plan"}


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A load that another run began. `last` is the journal's last line that the records bear out.

    `columns` and `warnings` are gathered from all lines up to it, and so are the slices that are `done`, the `cursors`
    of their scopes and those that are `unordered`, what lies `ahead` of their requests, and the requests that `failed`.
    `identities` are those of the pages of the slice under way, and `returned_before` counts the records that came
    before it. `shortfall` is the first of a slice that is done, and `shrunk` says that the total of one fell.
    """

    directory: Path
    manifest: dict[str, Any]
    last: dict[str, Any]
    columns: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...]
    done: frozenset[str] = frozenset()
    cursors: Mapping[str, Any] = field(default_factory=dict)
    failed: tuple[dict[str, Any], ...] = ()
    ahead: Mapping[str, Any] = field(default_factory=dict)
    identities: Mapping[str, int] = field(default_factory=dict)
    returned_before: int = 0
    shortfall: str | None = None
    unordered: Mapping[str, Any] = field(default_factory=dict)
    shrunk: bool = False

    @property
    def load_id(self) -> str:
        """The id under which the load is, or will be, recorded in the destination."""
        return str(self.manifest["load_id"])

    @property
    def now(self) -> datetime:
        """The instant that its templates were rendered with."""
        return datetime.fromisoformat(self.manifest["now"])

    @property
    def last_at(self) -> float:
        """When its last page was written, in seconds since the epoch."""
        return float(self.last["at"]) / 1000

    @property
    def pages(self) -> int:
        """How many pages are in."""
        return int(self.last["page"])

    @property
    def is_complete(self) -> bool:
        """Whether every page is in, so that only the commit is missing."""
        return "stop" in self.last


def segment_path(directory: Path, number: int) -> Path:
    """The file of a segment; segments are counted from 1."""
    return directory / f"records-{number:06d}.tsv"


def recover(directory: Path) -> Interrupted | None:
    """The load in a directory, cut back to what is whole; None where nothing of it can be used."""
    try:
        manifest: dict[str, Any] = dict(json.loads((directory / "manifest.json").read_bytes()))
        with (directory / "journal.ndjson").open("rb") as journal, _Reader(directory) as reader:
            for entry in journal:
                if not reader.accepts(entry):
                    break
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not reader.last or not manifest.keys() >= _REQUIRED or manifest["version"] != VERSION:
        return None
    os.truncate(directory / "journal.ndjson", reader.length)
    segment = segment_path(directory, reader.last["segment"])
    os.truncate(segment, reader.last["end"])
    for path in directory.glob("records-*.tsv"):
        if path > segment:
            path.unlink()
    return Interrupted(
        directory,
        manifest,
        reader.last,
        tuple(reader.columns.values()),
        tuple(reader.warnings),
        frozenset(reader.done),
        reader.cursors,
        tuple(reader.failed),
        reader.ahead,
        reader.identities,
        reader.returned_before,
        reader.shortfall,
        reader.unordered,
        reader.shrunk,
    )


@dataclass(slots=True)
class _Reader:
    """Goes through a journal beside its records, as far as both agree."""

    directory: Path
    last: dict[str, Any] = field(default_factory=dict)
    length: int = 0
    columns: dict[str, dict[str, Any]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    cursors: dict[str, Any] = field(default_factory=dict)
    failed: list[dict[str, Any]] = field(default_factory=list)
    ahead: dict[str, Any] = field(default_factory=dict)
    identities: dict[str, int] = field(default_factory=dict)
    returned_before: int = 0
    shortfall: str | None = None
    unordered: dict[str, Any] = field(default_factory=dict)
    shrunk: bool = False
    _read: dict[str, Any] = field(default_factory=dict)
    _pending: int = 0
    _records: BinaryIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._records is not None:
            self._records.close()

    def accepts(self, entry: bytes) -> bool:
        """Whether the line is whole and its records are there, byte for byte."""
        line = _parsed(entry)
        if line is None or not self._bears_out(line):
            return False
        self._read, self._pending = line, self._pending + len(entry)
        self.columns |= {json.dumps([change.get("table"), change.get("name")]): change for change in line["columns"]}
        follows = line.get("next") or line.get("stop") or line.get("slice_end")
        if follows:  # else a secret stood in it, or it is a part of a page, and the load cannot go on from here
            self.last, self.length, self._pending = line, self.length + self._pending, 0
            self.warnings += follows["warnings"]
            self.done |= {line["slice"]} if "slice_end" in line else set()
            self.cursors |= dict([line["cursor"]]) if "cursor" in line else {}
            self.unordered |= dict([line["unordered"]]) if "unordered" in line else {}
            self.failed += [line["failed"]] if "failed" in line else []
            self.ahead = line.get("ahead", self.ahead)
            self.shortfall = self.shortfall or line.get("shortfall")
            self.shrunk |= "shrunk" in line
            if "identity" in line:
                self.identities.setdefault(line["identity"], line.get("of_slice", line["page"]))
            if "slice_end" in line:
                self.identities, self.returned_before = {}, line["returned"]
        return True

    def _bears_out(self, line: dict[str, Any]) -> bool:
        same = self._read.get("segment") == line["segment"]
        start = self._read["end"] if same else 0
        if not same:
            self.__exit__()
            path = segment_path(self.directory, line["segment"])
            if not path.exists():
                return False
            self._records = path.open("rb")
        assert self._records is not None
        records = self._records.read(line["end"] - start)
        return bool(len(records) == line["end"] - start and crc32(records) == line["crc"])


def _parsed(entry: bytes) -> dict[str, Any] | None:
    if not entry.endswith(b"\n"):
        return None
    try:
        line: dict[str, Any] = json.loads(entry)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
