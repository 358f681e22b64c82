"""Bodies without their compression: by what the headers say, and then by what the bytes say."""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from http.client import IncompleteRead
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import IO, Protocol

from urllib3.response import BrotliDecoder, DeflateDecoder, GzipDecoder, HTTPResponse, ZstdDecoder

from rest_source.errors import RestSourceError, quoted

ACCEPTED = "gzip, deflate"
"""What requests ask for. Whatever else is read came unasked."""
_PIECE = 256 * 1024
_HELD = 64 * 1024
"""Bytes that are kept until something comes out, as they may turn out not to be compressed."""
_IN_MEMORY = 4_000_000
_SHOWN = 3
_ENCRYPTED = 1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ERRORS = tuple(error for error in HTTPResponse.DECODER_ERROR_CLASSES if error is not OSError)
_TEXT = re.compile(rb"(?:\xef\xbb\xbf)?\s*+[\[{\"<]")


class Decoder(Protocol):
    """A decoder of urllib3's, which gives at most so many bytes at a time."""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """The next bytes."""

    @property
    def has_unconsumed_tail(self) -> bool:
        """Whether there is more to get without more data."""


_DECODERS: dict[str, Callable[[], Decoder]] = {
    "gzip": GzipDecoder,
    "x-gzip": GzipDecoder,
    "deflate": DeflateDecoder,
    "br": BrotliDecoder,
    "zstd": ZstdDecoder,
}
_UNREADABLE = ("compress", "x-compress", "exi", "pack200-gzip", "dcb", "dcz")
# RFC 1952 (with deflate, the only method there is), RFC 8878, RFC 1950, APPNOTE.TXT of ZIP. No text of JSON begins so.
_MAGIC = ((b"\x1f\x8b\x08", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"PK\x03\x04", "zip"))
_LONGEST_MAGIC = 4


def decompressed(chunks: Iterator[bytes], announced: str, is_ok: bool) -> Iterator[bytes]:
    """The chunks of a body without the codings that are `announced`, nor one that nobody announced.

    A body that is plain text though it is announced as compressed is left as it is. So is one that cannot be decoded
    where the answer is not `is_ok`: its status says more.
    """
    for coding in reversed([name.strip().lower() for name in announced.split(",")]):
        if coding in _DECODERS:
            chunks = _decoded(chunks, coding, lenient=not is_ok)
        elif coding in _UNREADABLE and is_ok:
            raise undecodable(coding)
    first = _first(chunks)
    coding = _told_by(first)
    chunks = chain((first,), chunks)
    if coding == "zip":
        return _member(chunks) if is_ok else chunks
    return _decoded(chunks, coding, lenient=not is_ok or coding == "deflate") if coding else chunks


def undecodable(coding: str) -> RestSourceError:
    """The error of a body that is not in its announced coding."""
    return RestSourceError(
        "undecodable_body",
        f"The body is not in the encoding that its Content-Encoding header announces ({coding}).",
        cause="The server or a proxy announces a compression that it does not apply, or applies another.",
        remedy="Set `headers: {Accept-Encoding: identity}`.",
    )


def _several(names: list[str]) -> RestSourceError:
    shown = ", ".join(map(quoted, names[:_SHOWN])) + (", …" if len(names) > _SHOWN else "")
    return RestSourceError(
        "zip_instead_of_json",
        f"The API answered with a ZIP archive of {len(names)} files ({shown}), of which only one is read.",
        cause="The endpoint is an export of several files, or an Office document.",
        remedy="Ask for one file, or for JSON: many APIs take a format parameter, such as `params: {format: json}`.",
    )


def _locked(name: str) -> RestSourceError:
    return RestSourceError(
        "zip_instead_of_json",
        f"The API answered with a ZIP archive whose file {quoted(name)} cannot be opened.",
        cause="It is encrypted, or packed by a method that is not in common use.",
        remedy="Ask for JSON: many APIs take a format parameter, such as `params: {format: json}`.",
    )


def _first(chunks: Iterator[bytes]) -> bytes:
    """The first bytes, enough to tell by; fewer only where there are no more."""
    first = b""
    while len(first) < _LONGEST_MAGIC and (chunk := next(chunks, None)) is not None:
        first += chunk
    return first


def _told_by(first: bytes) -> str:
    """The compression that the first bytes show, or ''."""
    for magic, coding in _MAGIC:
        if first.startswith(magic):
            return coding
    # zlib: method 8, and the first two bytes are a multiple of 31.
    is_zlib = len(first) > 1 and first[0] & 0x8F == 8 and int.from_bytes(first[:2]) % 31 == 0
    return "deflate" if is_zlib else ""


def _decoded(chunks: Iterator[bytes], coding: str, lenient: bool) -> Iterator[bytes]:
    """The chunks without a coding; as they are where they plainly are not in it, or need not be."""
    decoder, held, has_begun, refused = _DECODERS[coding](), b"", False, False
    try:
        for chunk in chunks:
            held = held if has_begun else (held + chunk)[: _HELD + 1]
            for piece in _pieces(decoder, chunk):
                has_begun = True
                yield piece
    except _ERRORS:
        refused = True
    if has_begun and refused:
        raise IncompleteRead(b"")
    if has_begun or not held or _is_empty(held):
        return
    is_other = bool(_TEXT.match(held)) or _told_by(held) not in ("", coding.removeprefix("x-"))
    if len(held) <= _HELD and (lenient or is_other):
        yield held
        yield from chunks
    else:
        raise undecodable(coding) if refused else IncompleteRead(held)


def _is_empty(body: bytes) -> bool:
    """Whether it is gzip or zlib, complete, and holds nothing."""
    try:
        return zlib.decompress(body, zlib.MAX_WBITS + 32) == b""
    except zlib.error:
        return False


def _pieces(decoder: Decoder, chunk: bytes) -> Iterator[bytes]:
    while chunk or decoder.has_unconsumed_tail:
        if piece := decoder.decompress(chunk, max_length=_PIECE):
            yield piece
        chunk = b""


def _member(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The only file of a ZIP archive."""
    with SpooledTemporaryFile(_IN_MEMORY) as file:
        for chunk in chunks:
            file.write(chunk)
        try:
            with zipfile.ZipFile(file) as archive, archive.open(_only(archive)) as member:
                yield from _read(member)
        except RestSourceError:
            raise
        except Exception as error:  # zipfile raises a dozen kinds on what is cut or crooked
            raise IncompleteRead(b"") from error


def _only(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [info for info in archive.infolist() if not info.is_dir()]
    if len(members) != 1:
        raise _several([info.filename for info in members])
    if members[0].flag_bits & _ENCRYPTED or members[0].compress_type not in _METHODS:
        raise _locked(members[0].filename)
    return members[0]


def _read(member: IO[bytes]) -> Iterator[bytes]:
    while piece := member.read(_PIECE):
        yield piece
