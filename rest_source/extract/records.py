"""Records as lines of the spool: canonical JSON, whose SHA-256 is the `__hevo_id`, and the shape noted."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from rest_source.extract.columns import Columns, Kind
from rest_source.extract.data_root import Record
from rest_source.extract.document import LongNumber, too_deep

MAX_DEPTH = 100
"""Nesting that DuckDB's JSON functions read for certain; deeper values are kept as text."""
_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS  # a LongNumber is not an object


@dataclass(frozen=True, slots=True)
class EncodedRecords:
    """Records ready to be spooled: their lines, their number, their fingerprint, the longest line in bytes."""

    data: bytes
    count: int
    digest: str
    longest: int


def encode(records: Sequence[Record], columns: Columns, ingested_at: int, exact: bool) -> EncodedRecords:
    """One line per record: when it was read (epoch ms), its `__hevo_id` and the record as JSON, with tabs between.

    The id is left out where it is the SHA-256 of the JSON as it stands there, as it is for nearly every record.
    """
    if exact:
        return _exact(records, columns, ingested_at)
    try:
        canonical = [orjson.dumps(record, None, orjson.OPT_SORT_KEYS) for record in records]
    except TypeError:
        raise too_deep() from None
    shapes = [(tuple(record), tuple(map(type, record.values()))) for record in records]
    renamed = {shape: columns.note(*shape) for shape in dict.fromkeys(shapes)}
    joined = b"\n".join(canonical)
    if any(dict in types or list in types for _, types in renamed) and _is_deep(canonical, joined):
        return _exact(records, columns, ingested_at)
    if any(renamed.values()):
        spooled = [_spooled(record, renamed[shape]) for record, shape in zip(records, shapes, strict=True)]
        return _with_ids(canonical, spooled, ingested_at)
    stamp = b"%d\t\t" % ingested_at
    data = b"".join((stamp, (b"\n" + stamp).join(canonical), b"\n")) if canonical else b""
    longest = len(stamp) + max(map(len, canonical)) + 1 if canonical else 0
    return EncodedRecords(data, len(canonical), sha256(joined).hexdigest(), longest)


def _with_ids(canonical: Sequence[bytes], spooled: Sequence[bytes], ingested_at: int) -> EncodedRecords:
    ids = [sha256(text).hexdigest().encode() for text in canonical]
    lines = [b"%d\t%b\t%b\n" % (ingested_at, id_, text) for id_, text in zip(ids, spooled, strict=True)]
    return EncodedRecords(b"".join(lines), len(lines), _digest(canonical), max(map(len, lines), default=0))


def _digest(canonical: Iterable[bytes]) -> str:
    return sha256(b"\n".join(canonical)).hexdigest()


def fingerprint(records: Iterable[Record]) -> str:
    """What `EncodedRecords.digest` is for records that are not stored as they are."""
    return _digest(map(_canonical_exact, records))


def canonical_json(record: Record) -> bytes:
    """Canonical JSON: UTF-8, keys sorted by code point, no spaces, shortest numbers, long ones as received."""
    return orjson.dumps(record, default=_raw_number, option=_CANONICAL)


def hevo_id(record: Record) -> str:
    """The SHA-256 of a record's canonical JSON: 64 lower-case hex digits."""
    return sha256(_canonical_exact(record)).hexdigest()


def _is_deep(bodies: Sequence[bytes], joined: bytes) -> bool:
    """Whether a record opens more brackets than `MAX_DEPTH`.

    A level takes 3.5 characters at least, unless an array begins with an array: most records are too short to be deep.
    """
    if b"[[" not in joined:
        bodies = [body for body in bodies if len(body) > MAX_DEPTH * 3.5]
    return max((body.count(b"{") + body.count(b"[") for body in bodies), default=0) > MAX_DEPTH


def _exact(records: Sequence[Record], columns: Columns, ingested_at: int) -> EncodedRecords:
    canonical = list(map(_canonical_exact, records))
    shown = [{_readable(name): _spoolable(value) for name, value in record.items()} for record in records]
    spooled = [
        _spooled(
            {name: value for name, (_, value) in record.items()},
            columns.note(tuple(record), tuple(kinds for kinds, _ in record.values())),
        )
        for record in shown
    ]
    return _with_ids(canonical, spooled, ingested_at)


def _spooled(record: Record, renamed: Mapping[str, str] | None) -> bytes:
    named = {renamed.get(name, name): value for name, value in record.items()} if renamed else record
    return orjson.dumps(named, None, orjson.OPT_SORT_KEYS)


def _canonical_exact(record: Record) -> bytes:
    try:
        return canonical_json(record)
    except TypeError:  # a lone surrogate, which has no UTF-8, or too many levels
        try:
            return canonical_json(_readable_deep(record))
        except (TypeError, RecursionError):
            raise too_deep() from None


def _spoolable(value: Any) -> tuple[frozenset[Kind] | type, Any]:
    """The kinds of a value and the form in which the spool holds it."""
    if isinstance(value, LongNumber):
        return frozenset({"long"}), value.text
    if isinstance(value, str):
        return str, _readable(value)
    if not isinstance(value, dict | list):
        return type(value), value
    value = _readable_deep(value)
    kind: Kind = "object" if isinstance(value, dict) else "array"
    deep = _depth(value) > MAX_DEPTH
    if not deep and not _holds_long(value):
        return frozenset({kind}), value
    kinds: set[Kind] = {kind, "encoded", "deep"} if deep else {kind, "encoded"}
    return frozenset(kinds), canonical_json(value).decode()


def _raw_number(value: Any) -> orjson.Fragment:
    if isinstance(value, LongNumber):
        return orjson.Fragment(value.text.encode())
    raise TypeError(type(value).__name__)


def _readable(text: str) -> str:
    """NUL and lone surrogates, which no database stores, as the text of their JSON escape."""
    if "\x00" in text:
        text = text.replace("\x00", "\\u0000")
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return "".join(f"\\u{ord(char):04x}" if "\ud800" <= char <= "\udfff" else char for char in text)


def _readable_deep(value: Any) -> Any:
    return _mapped(value, _readable)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): _mapped(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    return value


def _holds_long(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_long, value.values()))
    return any(map(_holds_long, value)) if isinstance(value, list) else isinstance(value, LongNumber)


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            item
            for parent in level
            for item in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(item, dict | list)
        ]
    return depth
