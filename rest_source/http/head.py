"""The head of an answer, read as browsers and curl read it: http.client gives up where they do not."""

import re
from http.client import HTTPException, HTTPMessage, IncompleteRead, RemoteDisconnected
from io import BufferedReader
from typing import NamedTuple

LONGEST = 10_000_000
"""Bytes of a head, interim answers included."""
MOST = 10_000
"""Lines of a head."""
_INTERIM = re.compile(rb"HTTP/\d\.\d\s+1(?!01)\d\d\b")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~\w-]+", re.ASCII)
_FRAMING = frozenset({"connection", "content-length", "keep-alive", "proxy-connection", "transfer-encoding"})


class HeadTooLong(HTTPException):
    """A head that does not end."""


class TwoLengths(HTTPException):
    """A head that says different lengths of one body."""


class Head(NamedTuple):
    """The first line of an answer as it was sent, and the names and values below it."""

    first_line: bytes
    fields: list[tuple[str, str]]

    @property
    def framing(self) -> bytes:
        """The part of it that says where the body ends and what becomes of the connection, as http.client reads it."""
        framing = {name.lower(): value for name, value in self.fields if name.lower() in _FRAMING}
        if self._is_chunked:
            framing["transfer-encoding"] = "chunked"
        elif lengths := self._lengths:
            framing["content-length"] = lengths.pop()
        lines = [f"{name}: {value}\r\n".encode("latin-1") for name, value in framing.items()]
        return b"".join((self.first_line, *lines, b"\r\n"))

    @property
    def message(self) -> HTTPMessage:
        """The names and values as http.client holds them."""
        message = HTTPMessage()
        for name, value in self.fields:
            message[name] = value
        return message

    @property
    def _is_chunked(self) -> bool:
        codings = ",".join(value for name, value in self.fields if name.lower() == "transfer-encoding")
        return codings.rpartition(",")[2].strip().lower() == "chunked"

    @property
    def _lengths(self) -> set[str]:
        """The length, which may be said several times; several lengths are an error (RFC 9112, 6.3)."""
        values = [value for name, value in self.fields if name.lower() == "content-length"]
        lengths = {length.strip() for value in values for length in value.split(",")}
        if len(lengths) > 1:
            raise TwoLengths(", ".join(values))
        return lengths


def read_head(source: BufferedReader) -> Head:
    """The head of the final answer; interim ones (RFC 9110, 15.2) are passed over.

    101 is none of these: it would end HTTP on this connection, and nobody asked for that.
    """
    lines = _Lines(source)
    while True:
        first_line = lines.next()
        if not first_line:
            raise RemoteDisconnected("the server closed the connection without an answer")
        if not first_line.endswith(b"\n") and first_line[:5] == b"HTTP/"[: len(first_line)]:
            raise IncompleteRead(first_line)
        if not first_line.startswith(b"HTTP/"):
            return Head(first_line, [])
        fields = list(iter(lines.next_field, b""))
        if not _INTERIM.match(first_line):
            return Head(first_line, _fields(fields))


class _Lines:
    """The lines of a head, counted."""

    def __init__(self, source: BufferedReader) -> None:
        self._source = source
        self._bytes = LONGEST
        self._count = MOST

    def next(self) -> bytes:
        """The next line with its end; nothing where the connection has ended."""
        line = self._source.readline(self._bytes)
        self._bytes -= len(line)
        self._count -= 1
        if not (self._bytes and self._count):
            raise HeadTooLong
        return line

    def next_field(self) -> bytes:
        """The next line of a head without its end; nothing at the end of the head."""
        line = self.next()
        if not line.endswith(b"\n"):
            raise IncompleteRead(line)
        return line.rstrip(b"\r\n")


def _fields(lines: list[bytes]) -> list[tuple[str, str]]:
    """Names and values. What is no field is left out, but not what follows it.

    A line that begins with a blank goes on with the value before it (RFC 9112, 5.2), blanks before a colon are not
    part of the name (5.1), and CR and NUL in a value are blanks (RFC 9110, 5.5).
    """
    found: list[tuple[str, list[str]]] = []
    goes_on = False
    for line in lines:
        text = line.decode("latin-1").replace("\r", " ").replace("\0", " ")
        if text[0] in " \t":
            if goes_on:
                found[-1][1].append(text.strip(" \t"))
            continue
        name, colon, value = text.partition(":")
        name = name.rstrip(" \t")
        goes_on = bool(colon) and _TOKEN.fullmatch(name) is not None
        if goes_on:
            found.append((name, [value.strip(" \t")]))
    return [(name, " ".join(parts)) for name, parts in found]
