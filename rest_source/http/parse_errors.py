"""Answers with a good status whose body is not the JSON that was expected: what it is, and where it breaks."""

import json
import re
from collections.abc import Callable

from rest_source.errors import RestSourceError
from rest_source.http import faults
from rest_source.http.charset import declared_codec, likely_charset
from rest_source.http.errors import Mask
from rest_source.http.excerpt import looks_like_markup, near, start_of
from rest_source.http.faults import Fault
from rest_source.http.request import Answer

_SHOWN = 80
_NEAR = 40
_HEAD = 4096
_BINARIES = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"7z\xbc\xaf", "7z"),
    (b"PK", "ZIP"),
    (b"%PDF", "PDF"),
    (b"PAR1", "Parquet"),
    (b"ARROW1", "Arrow"),
    (b"Obj\x01", "Avro"),
    (b"SQLite format 3", "SQLite"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
)
_BINARY_TYPES = re.compile(r"msgpack|protobuf|cbor|avro|parquet|arrow|bson|thrift")
_NO_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*+"|(-?(?:Infinity|NaN))', re.DOTALL)
_ENDS = ("true", "false", "null", "NaN", "Infinity", "-Infinity", ".", "e+", "E+", "e-", "E-")
"""What may be cut after any of its characters."""
_HINTS = (
    (re.compile(r"'"), "a single quote, where JSON has double ones"),
    (re.compile(r"[}\]]"), "a bracket too soon, as behind a comma too many"),
    (re.compile(r"//|/\*|#"), "a comment"),
    (re.compile(r"undefined\b"), "`undefined`"),
    (re.compile(r"(None|True|False)\b"), "a word of Python's"),
    (re.compile(r"[A-Za-z_$]"), "a word without quotes"),
)


def unreadable(answer: Answer, error: ValueError, where: str, mask: Mask = str) -> RestSourceError:
    """The error of a body that the standard library's parser refused with `error`.

    Pass the session's `mask`: the body is quoted, and must be masked before it is cut.
    """
    fault = _fault(answer, error)
    content_type = answer.headers.get("Content-Type") or "no content type"
    start = start_of(answer, _SHOWN, mask)
    found = f'; it begins "{start}"' if start else ""
    place = _place(answer, fault.at, mask) if fault.at is not None else ""
    told = f"The API answered {answer.status} with {fault.what}{place}. Content type: {content_type}{found}."
    return fault.error(mask(told), mask(where), answer.status)


def _place(answer: Answer, at: int, mask: Mask) -> str:
    if answer.offset is None:
        return ""
    quoted = near(answer.body, at, _NEAR, mask) if _SHOWN - _NEAR < at < len(answer.body) else ""
    return f" at byte {answer.offset + at:,}" + (f', near "{quoted}"' if quoted else "")


def _fault(answer: Answer, error: ValueError) -> Fault:
    content_type = answer.headers.get("Content-Type", "").lower()
    formats = (recognise(answer.body, content_type) for recognise in _FORMATS)
    if (found := next(filter(None, formats), None)) is not None:
        return found
    if isinstance(error, UnicodeDecodeError):
        return _in_charset(answer.body, error, content_type)
    if not isinstance(error, json.JSONDecodeError):
        return _constant(answer.body.decode())
    if not error.doc:  # of a body that is not all here
        fault = faults.TRUNCATED if "unexpected end" in error.msg else faults.BROKEN
        return fault.says(f" ({error.msg})", error.pos)
    text = answer.body.decode()
    position = error.pos + len(text) - len(error.doc)
    if _is_cut(error.msg, text[position:]):
        return faults.TRUNCATED.says("", len(answer.body.rstrip()))
    other = _in_lines(text, position, error.msg) or _in_text(text, content_type)
    return other or _broken(text, position, error.msg)


def _nothing(body: bytes, content_type: str) -> Fault | None:
    return None if body.strip() else faults.EMPTY


def _markup(body: bytes, content_type: str) -> Fault | None:
    head = body[:_HEAD].decode("utf-8", "replace")
    if not looks_like_markup(head):
        return None
    return faults.XML if "<?xml" in head[:100] or "/xml" in content_type else faults.HTML


def _binary(body: bytes, content_type: str) -> Fault | None:
    named = _BINARY_TYPES.search(content_type)
    kind = named[0] if named else next((kind for magic, kind in _BINARIES if body.startswith(magic)), "")
    if not kind and b"\0" not in body[:_HEAD]:
        return None
    return faults.BINARY.says(f" ({kind})" if kind else "")


def _table(body: bytes, content_type: str) -> Fault | None:
    return faults.CSV if "csv" in content_type or "tab-separated" in content_type else None


_FORMATS: tuple[Callable[[bytes, str], Fault | None], ...] = (_nothing, _markup, _binary, _table)


def _in_charset(body: bytes, error: UnicodeDecodeError, content_type: str) -> Fault:
    if error.reason == "unexpected end of data":
        return faults.TRUNCATED.says("", error.start)
    declared, likely = declared_codec(content_type), likely_charset(body, error.start)
    said = f"though it says {declared}" if declared else "and in no charset that it names"
    told = f"; it looks like {likely}" if likely else ""
    return faults.CHARSET.says(f", {said}{told}: 0x{body[error.start]:02x}", error.start)


def _constant(text: str) -> Fault:
    found = next((match for match in _NO_NUMBER.finditer(text) if match[1]), None)
    return faults.CONSTANT.says(f", {found[1]},", _bytes(text[: found.start(1)])) if found else faults.BROKEN


def _is_cut(reason: str, rest: str) -> bool:
    """Whether the parser stopped because the text ends."""
    left = rest.rstrip()
    if reason.startswith("Invalid"):
        return re.fullmatch(r"\\?u?[0-9a-fA-F]{0,4}", left) is not None
    return reason.startswith("Unterminated") or any(end.startswith(left) for end in _ENDS)


def _in_lines(text: str, position: int, reason: str) -> Fault | None:
    """Whether each line is a value of its own (NDJSON), or each record of a text sequence (RFC 7464)."""
    is_next = reason == "Extra data" and "\n" in text[:position].rpartition(text[:position].rstrip()[-1:])[2]
    return faults.LINES if text.startswith("\x1e") or (is_next and _is_value(text[position:])) else None


def _in_text(text: str, content_type: str) -> Fault | None:
    """Whether it is a table or a stream of events, or does not begin like an object or array."""
    if "json" not in content_type and _is_delimited(text[:_HEAD]):
        return faults.CSV
    if "event-stream" in content_type or re.match(r"(data|event|id|retry): ", text):
        return faults.EVENTS
    return None if re.match(r"\ufeff?\s*+[{\[]", text) else faults.OTHER


def _broken(text: str, position: int, reason: str) -> Fault:
    rest = text[position:]
    if reason == "Extra data":
        how = "a second value that follows the first" if _is_value(rest) else "text that follows it"
    else:
        found = next((hint for pattern, hint in _HINTS if pattern.match(rest)), "")
        how = found or f"what stands there ({reason[:1].lower()}{reason[1:]})"
    return faults.BROKEN.says(f" by {how},", _bytes(text[:position]))


def _is_value(text: str) -> bool:
    """Whether a JSON value stands at the beginning."""
    try:
        json.JSONDecoder(strict=False).raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return False
    return True


def _is_delimited(head: str) -> bool:
    """Whether the first two lines are cut into equally many fields."""
    lines = head.lstrip("\ufeff").splitlines()[:2]
    if len(lines) < 2 or lines[0][:1] in ("{", "["):
        return False
    return any(lines[0].count(mark) == lines[1].count(mark) > 0 for mark in ",;\t|")


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
