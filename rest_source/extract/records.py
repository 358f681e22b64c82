"""Records as lines of the spool: canonical JSON, its SHA-256 as `__hevo_id`, and the shape noted."""

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
_ADDED = len('{"__hevo_id":"\n') + 64  # the comma takes the place of the record's own brace
_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS  # a LongNumber is not an object


@dataclass(frozen=True, slots=True)
class EncodedRecords:
    """Records ready to be spooled: NDJSON, their number, their fingerprint, the longest line in bytes."""

    data: bytes
    count: int
    digest: str
    longest: int


def encode(records: Sequence[Record], columns: Columns, ingested_at: int, exact: bool) -> EncodedRecords:
    """One NDJSON line per record, `__hevo_id` and `__hevo__ingested_at` (epoch ms) first."""
    ids, bodies = (_exact if exact else _ordinary)(records, columns)
    stamp = b'","__hevo__ingested_at":%d' % ingested_at
    parts: list[bytes] = []
    for id_, body in zip(ids, bodies, strict=True):
        joint = b"," if body != b"{}" else b""
        parts += (b'{"__hevo_id":"', id_.encode(), stamp, joint, body[1:], b"\n")
    longest = max(map(len, bodies), default=0)
    longest += _ADDED + len(stamp) - (longest == len("{}")) if longest else 0
    return EncodedRecords(b"".join(parts), len(bodies), sha256("".join(ids).encode()).hexdigest(), longest)


def fingerprint(records: Iterable[Record]) -> str:
    """What `EncodedRecords.digest` is for records that are not stored as they are."""
    return sha256("".join(map(hevo_id, records)).encode()).hexdigest()


def canonical_json(record: Record) -> bytes:
    """Canonical JSON: UTF-8, keys sorted by code point, no spaces, shortest numbers, long ones as received."""
    return orjson.dumps(record, default=_raw_number, option=_CANONICAL)


def hevo_id(record: Record) -> str:
    """The SHA-256 of a record's canonical JSON: 64 lower-case hex digits."""
    return sha256(_canonical_exact(record)).hexdigest()


_Lines = tuple[list[str], list[bytes]]
"""The ids of a page's records, and the records as the spool holds them."""


def _ordinary(records: Sequence[Record], columns: Columns) -> _Lines:
    try:
        bodies = [orjson.dumps(record, None, orjson.OPT_SORT_KEYS) for record in records]
    except TypeError:
        raise too_deep() from None
    ids = [sha256(body).hexdigest() for body in bodies]
    shapes = [(tuple(record), tuple(map(type, record.values()))) for record in records]
    renamed = {shape: columns.note(*shape) for shape in dict.fromkeys(shapes)}
    nested = any(dict in types or list in types for _, types in renamed)
    if nested and max([body.count(b"{") + body.count(b"[") for body in bodies]) > MAX_DEPTH:
        return _exact(records, columns)
    if any(renamed.values()):
        return ids, [_spooled(record, renamed[shape]) for record, shape in zip(records, shapes, strict=True)]
    return ids, bodies


def _exact(records: Sequence[Record], columns: Columns) -> _Lines:
    ids = list(map(hevo_id, records))
    shown = [{_readable(name): _spoolable(value) for name, value in record.items()} for record in records]
    return ids, [
        _spooled(
            {name: value for name, (_, value) in record.items()},
            columns.note(tuple(record), tuple(kinds for kinds, _ in record.values())),
        )
        for record in shown
    ]


def _spooled(record: Record, renamed: Mapping[str, str] | None) -> bytes:
    return orjson.dumps({renamed.get(name, name): value for name, value in record.items()} if renamed else record)


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
