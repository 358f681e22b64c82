"""A large JSON document on disk, read in parts of whole records.

Its array of records is cut at the array's own commas; the rest is the skeleton. Nothing is parsed here, and nothing
needs to be: a JSON array in the place of a JSON array is JSON. So a document of which every part and the skeleton
parse is JSON and holds these records and no others; whoever reads it must parse them all.
"""

import json
import mmap
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Self

from rest_source.errors import RestSourceError
from rest_source.http.errors import too_large
from rest_source.spec.jsonpath import step_to

PART_SIZE = 2_000_000
_BLOCK = 65_536  # fits a processor's cache: larger ones take a third longer
_BOM = b"\xef\xbb\xbf"
_GAP = rb"[ \t\r\n]*+"
_STRING = rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"'
_KEY = re.compile(_GAP + _STRING + _GAP + b":", re.DOTALL)
_SCALAR = re.compile(_GAP + rb'(?:%b|[^ \t\r\n"{}\[\],]++)' % _STRING, re.DOTALL)
_UP_TO_BRACKET = re.compile(rb'(?:[^"{}\[\]]++|%b)*+([{}\[\]])' % _STRING, re.DOTALL)
_AROUND = "What the answer holds beside its records"
_ANY_GAP = re.compile(_GAP)
_KEYS_TOLD = 5


class NotInParts(ValueError):
    """A document that cannot be read in parts; says why."""


@dataclass(slots=True)
class LargeDocument:
    """A document whose data root is an array: go through `parts` once, then read `skeleton`.

    `reached` is the byte behind the last part.

    No record, and no head and tail together, may be larger than `longest` bytes. Anything else that is wrong
    raises json.JSONDecodeError, whose position counts bytes.
    """

    text: mmap.mmap
    steps: tuple[str, ...]
    start: int
    longest: int
    part_size: int
    end: int | None = None
    reached: int = 0

    @classmethod
    def of(cls, file: BinaryIO, steps: tuple[str, ...], longest: int, part_size: int = PART_SIZE) -> Self:
        """The document in a file on disk, whose end may not be there yet; raises NotInParts.

        It can be read in parts if it is UTF-8 and has an array at the end of the steps, each a key of an object.
        """
        file.flush()
        if file.seek(0, os.SEEK_END) == 0:
            raise NotInParts("it is empty")
        text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if not json.detect_encoding(text[:4]).startswith("utf-8"):
            raise NotInParts("it is not UTF-8")
        walk, place = _Walk(text, len(_BOM) if text[:3] == _BOM else 0, longest), "$"
        for step in steps:
            if not walk.take(b"{"):
                raise NotInParts(f"`{place}` is no object")
            if not walk.leads_to(step):
                told = ", ".join(f"`{key}`" for key in walk.passed)
                raise NotInParts(f"up to there, `{place}` has no `{step}`" + (f", but {told}" if told else ""))
            place += step_to(step)
        if not walk.take(b"["):
            raise NotInParts(f"`{place}` is no array")
        return cls(text, steps, walk.at, longest, part_size)

    def parts(self) -> Iterator[bytes]:
        """JSON arrays of about `part_size` bytes, or of one larger record; each record is in one, as it was sent."""
        start, cut = self.start, None
        for comma, reached in self._commas():
            cut = cut if comma is None else comma
            if cut is not None and reached - start >= self.part_size:
                yield self._part(start, cut)
                start, cut = cut + 1, None
                self._release(start)
        assert self.end is not None
        self._check_tail(self.end)
        if start > self.start or not self._is_blank(start, self.end):
            yield self._part(start, self.end)
            self._release(self.end)

    @property
    def skeleton(self) -> bytes:
        """The document with an empty array in the place of the records; there is one only after the last part."""
        if self.end is None:
            raise ValueError("the parts of the document have not been read")
        return self.text[: self.start] + self.text[self.end :]

    def _commas(self) -> Iterator[tuple[int | None, int]]:
        """Block by block: the last comma between two records if there is one, and where the block ends."""
        from rest_source.extract.separators import Separators  # numpy takes 0.1 s

        separators, at = Separators(), self.start
        while block := self.text[at : at + min(_BLOCK, self.part_size)]:
            comma, end, longest = separators.find(block)
            if longest > self.longest:
                raise too_large(self.longest, "A record of the answer")
            yield None if comma is None else at + comma, at + len(block)
            if end is not None:
                self.end = at + end
                return
            at += len(block)
        raise _broken("unexpected end of data", at)

    def _part(self, start: int, end: int) -> bytes:
        self.reached = end + 1
        if self._is_blank(start, end):
            raise _broken("expecting a value", end)
        with memoryview(self.text) as text, text[start:end] as records:
            return b"".join((b"[", records, b"]"))

    def _is_blank(self, start: int, end: int) -> bool:
        gap = _ANY_GAP.match(self.text, start, end)
        return gap is not None and gap.end() == end

    def _check_tail(self, end: int) -> None:
        """Refuses what the skeleton would not show: another bracket, and a key that takes the array's place."""
        if self.text[end : end + 1] != b"]":
            raise _broken("expecting `,` or `]`", end)
        tail = len(self.text) - end
        if self.start + tail > self.longest:
            raise too_large(self.longest, _AROUND)
        walk = _Walk(self.text, end + 1, len(self.text))
        for step in reversed(self.steps):
            if walk.seek(step):
                raise _broken(f"the key `{step}` of the data root comes twice in one object", walk.at)
        if not self._is_blank(walk.at, len(self.text)):
            raise _broken("unexpected content after the document", walk.at)

    def _release(self, upto: int) -> None:
        """Lets go of memory; the file still has it."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self.text.madvise(mmap.MADV_DONTNEED, 0, upto - upto % mmap.PAGESIZE)


@dataclass(slots=True)
class _Walk:
    """A position in a document, moved over keys and values. It takes JSON for granted: the skeleton is parsed later."""

    text: mmap.mmap
    at: int
    limit: int
    passed: list[str] = field(default_factory=list)

    def leads_to(self, key: str) -> bool:
        """Whether an object that is there up to some place has such a key before it; then moves on to its value."""
        self.passed = []
        try:
            return self.seek(key)
        except (json.JSONDecodeError, RestSourceError):
            return False

    def take(self, mark: bytes) -> bool:
        """Whether the mark is next; if so, it lies behind."""
        gap = _ANY_GAP.match(self.text, self.at)
        self.at = gap.end() if gap else self.at
        found = self.text[self.at : self.at + 1] == mark
        self.at += found
        return found

    def seek(self, key: str) -> bool:
        """Moves on, in an object, to the value of the next such key; behind the object if there is none."""
        while not self.take(b"}"):
            self.take(b",")
            if (found := self._key()) == key:
                return True
            if len(self.passed) < _KEYS_TOLD:
                self.passed.append(found)
            self._skip_value()
        return False

    def _key(self) -> str:
        raw = self._match(_KEY)[1]
        try:
            return str(json.loads(b'"%b"' % raw)) if b"\\" in raw else raw.decode(errors="replace")
        except ValueError:
            raise _broken("expecting a key", self.at) from None

    def _skip_value(self) -> None:
        if not self.take(b"{") and not self.take(b"["):
            self._match(_SCALAR)
            return
        depth = 1
        while depth:
            depth += 1 if self._match(_UP_TO_BRACKET)[2] in b"{[" else -1

    def _match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        match = pattern.match(self.text, self.at)
        if match is None:
            is_cut = _UP_TO_BRACKET.match(self.text, self.at) is None
            raise _broken("unexpected end of data" if is_cut else "expecting a key or a value", self.at)
        self.at = match.end()
        if self.at > self.limit:
            raise too_large(self.limit, _AROUND)
        return match


def _broken(what: str, at: int) -> json.JSONDecodeError:
    return json.JSONDecodeError(what, "", at)
