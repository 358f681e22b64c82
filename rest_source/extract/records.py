"""Records as lines of the spool: canonical JSON, whose SHA-256 is the `__hevo_id`, and the shape noted."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from itertools import chain, repeat
from typing import Any

import orjson

from rest_source.extract.columns import Columns, Kind
from rest_source.extract.data_root import Record
from rest_source.extract.document import LongNumber, too_deep
from rest_source.extract.nested import ArrayPath, ChildRow, flatten, path_text, split

MAX_DEPTH = 100
"""Nesting that DuckDB's JSON functions read for certain; deeper values are kept as text."""
_LOOSE = 2000
"""Records whose JSON is held as orjson returns it, which takes 4 kB however short it is."""
_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS  # a LongNumber is not an object


@dataclass(frozen=True, slots=True)
class EncodedRecords:
    """Records ready to be spooled: their lines, their number, their fingerprint, the longest line in bytes."""

    data: bytes
    count: int
    digest: str
    longest: int


def encode(
    records: Sequence[Record], columns: Columns, ingested_at: int, exact: bool, nested: str = "json"
) -> EncodedRecords:
    """One line per record: when it was read (epoch ms), its canonical JSON, and its JSON as the table takes it.

    The last is left out where it is the canonical JSON, as it is for nearly every record. With `nested: split` a
    line has four fields more, and each element of an array has a line: the array's path as JSON, the element's
    `__hevo_id` and `__hevo_ref_id`, and its index.
    """
    canonical = list(map(canonical_exact, records)) if exact else _canonical(records)
    joined = b"\n".join(canonical)
    exact = exact or _is_deep(canonical, joined)
    stamp = b"%d\t" % ingested_at
    if nested == "split":
        lines = _split_lines(records, canonical, columns, stamp, exact)
    elif nested == "flatten":
        lines = _lines(stamp, canonical, _own_json(list(map(flatten, records)), columns, exact))
    elif stored := _stored(records, columns, exact):
        lines = _lines(stamp, canonical, stored)
    else:
        return _as_received(stamp, canonical, joined)
    return EncodedRecords(b"".join(lines), len(records), sha256(joined).hexdigest(), max(map(len, lines), default=0))


def encode_canonical(canonical: Sequence[bytes], ingested_at: int) -> EncodedRecords | None:
    """The same of records whose canonical JSON the table takes and whose shapes are known; None where one is deep."""
    joined = b"\n".join(canonical)
    return None if _is_deep(canonical, joined) else _as_received(b"%d\t" % ingested_at, canonical, joined)


def canonical_lines(data: bytes) -> list[bytes]:
    """The canonical JSON of each record of such lines; elements of arrays have none of their own."""
    return [text for line in data.split(b"\n")[:-1] if (text := line.split(b"\t", 2)[1])]


def _as_received(stamp: bytes, canonical: Sequence[bytes], joined: bytes) -> EncodedRecords:
    """The lines of records that the table takes as they are, which nearly all are: two joins, and nothing per line."""
    data = b"".join((stamp, (b"\t\n" + stamp).join(canonical), b"\t\n")) if canonical else b""
    longest = len(stamp) + max(map(len, canonical)) + 2 if canonical else 0
    return EncodedRecords(data, len(canonical), sha256(joined).hexdigest(), longest)


def _canonical(records: Sequence[Record]) -> list[bytes]:
    try:
        return _dumped(records, orjson.OPT_SORT_KEYS)
    except TypeError:
        raise too_deep() from None


def _dumped(records: Sequence[Record], option: int = 0) -> list[bytes]:
    """The JSON of each record; of many, as copies that are no longer than they have to be."""
    if len(records) <= _LOOSE:
        return list(map(orjson.dumps, records, repeat(None), repeat(option)))
    lines = BytesIO()
    lines.writelines(map(orjson.dumps, records, repeat(None), repeat(option | orjson.OPT_APPEND_NEWLINE)))
    return lines.getvalue().split(b"\n")[:-1]


def _lines(stamp: bytes, canonical: Iterable[bytes], stored: Iterable[bytes], rest: bytes = b"\n") -> list[bytes]:
    return [b"%b%b\t%b%b" % (stamp, text, own, rest) for text, own in zip(canonical, stored, strict=True)]


def _split_lines(
    records: Sequence[Record], canonical: Sequence[bytes], columns: Columns, stamp: bytes, exact: bool
) -> list[bytes]:
    rows: list[Record] = []
    children: dict[ArrayPath, list[ChildRow]] = {}
    for record, text in zip(records, canonical, strict=True):
        row, elements = split(record, sha256(text).hexdigest())
        rows.append(row)
        for element in elements:
            children.setdefault(element.path, []).append(element)
    lines = _lines(stamp, canonical, _own_json(rows, columns, exact), b"\t\t\t\t\n")
    for path, elements in children.items():
        readable = tuple(map(_readable, path))
        stored = _own_json([element.record for element in elements], columns.child(readable), exact)
        array = path_text(readable).encode()
        lines += [
            b"%b\t%b\t%b\t%b\t%b\t%d\n" % (stamp, own, array, row.id.encode(), row.ref.encode(), row.index)
            for row, own in zip(elements, stored, strict=True)
        ]
    return lines


def _own_json(rows: Sequence[Record], columns: Columns, exact: bool) -> list[bytes]:
    return _stored(rows, columns, exact) or _dumped(rows)


def _stored(rows: Sequence[Record], columns: Columns, exact: bool) -> list[bytes] | None:
    """The JSON of rows as the table takes it, and their shapes noted; None where it is the JSON of the rows."""
    if exact:
        return _stored_exact(rows, columns)
    renamed = [columns.note(*shape) for shape in _shapes(rows)]
    if not any(renamed):
        return None
    return [_renamed(row, columns.note(*_shape(row))) for row in rows]


def _shapes(rows: Sequence[Record]) -> Iterable[tuple[tuple[str, ...], tuple[type, ...]]]:
    """The different shapes of rows; most pages have the same fields in all of them, which is quickly seen."""
    names = tuple(rows[0]) if rows else ()
    fields = len(names) * len(rows)
    if not fields or sum(map(len, rows)) != fields or list(chain.from_iterable(rows)) != list(names) * len(rows):
        return dict.fromkeys(map(_shape, rows))
    types = map(type, chain.from_iterable(map(dict.values, rows)))
    return zip(repeat(names), dict.fromkeys(zip(*[types] * len(names), strict=True)), strict=False)


def _shape(row: Record) -> tuple[tuple[str, ...], tuple[type, ...]]:
    return tuple(row), tuple(map(type, row.values()))


def _stored_exact(rows: Sequence[Record], columns: Columns) -> list[bytes]:
    shown = [{_readable(name): _spoolable(value) for name, value in row.items()} for row in rows]
    return [
        _renamed(
            {name: value for name, (_, value) in row.items()},
            columns.note(tuple(row), tuple(kinds for kinds, _ in row.values())),
        )
        for row in shown
    ]


def _renamed(row: Record, keys: Mapping[str, str] | None) -> bytes:
    return _compact(orjson.dumps({keys.get(name, name): value for name, value in row.items()} if keys else row))


def _compact(text: bytes) -> bytes:
    """A copy of what orjson returned, which holds on to more memory than it fills."""
    return b"%b" % text


def canonical_json(record: Record) -> bytes:
    """Canonical JSON: UTF-8, keys sorted by code point, no spaces, shortest numbers, long ones as received."""
    return _compact(orjson.dumps(record, default=_raw_number, option=_CANONICAL))


def hevo_id(record: Record) -> str:
    """The SHA-256 of a record's canonical JSON: 64 lower-case hex digits."""
    return sha256(canonical_exact(record)).hexdigest()


def _is_deep(bodies: Sequence[bytes], joined: bytes) -> bool:
    """Whether a record opens more brackets than `MAX_DEPTH`.

    A level takes 3.5 characters at least, unless an array begins with an array: most records are too short to be deep.
    """
    if b"[" not in joined or b"[[" not in joined:  # one byte is looked for much faster than two
        longest = max(map(len, bodies), default=0)
        bodies = [body for body in bodies if len(body) > MAX_DEPTH * 3.5] if longest > MAX_DEPTH * 3.5 else []
    return max((body.count(b"{") + body.count(b"[") for body in bodies), default=0) > MAX_DEPTH


def canonical_exact(record: Record) -> bytes:
    """Canonical JSON of a record that may hold what JSON of its own has no form for: lone surrogates, many levels."""
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
