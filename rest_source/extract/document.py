"""From the bytes of a response to a JSON document that has lost nothing.

orjson reads nearly every page. It rounds numbers of more than 17 significant digits, and refuses lone
surrogates and infinities; such pages take the standard library's parser, whose numbers keep every digit.
"""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from rest_source.errors import RestSourceError
from rest_source.http.charset import to_utf8
from rest_source.http.parse_errors import unreadable
from rest_source.http.request import Answer
from rest_source.http.wrapped import unwrapped

_DIGITS_TO_ZERO = bytes.maketrans(b".123456789", b"0" * 10)
_LONG_NUMBER = re.compile(rb"(?:^|[:,\[\s])-?(?:\d{20,}|9[2-9]\d{17}|(?=[\d.]{19})\d+\.\d+|\d{18,}(?=[eE]))", re.DOTALL)
_NUL = b"\\u0000"
NO_CONTENT = 204
MAX_DIGITS = 17
"""Significant digits that a double holds for certain."""

_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class LongNumber:
    """A JSON number that neither 64 bits nor a double can hold, as the server wrote it."""

    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed response. `exact` tells that it may hold LongNumber, NUL or lone surrogates."""

    value: Any
    exact: bool = False


def parse(answer: Answer, where: str, mask: Callable[[str], str]) -> Document:
    """The document of a response; 204 is null. Raises RestSourceError for anything but JSON.

    `where` and `mask` are for the error: the request without secrets, and what keeps them out of a quoted body.
    """
    if answer.status == NO_CONTENT:
        return Document(None)
    body = answer.body.removeprefix(b"\xef\xbb\xbf")
    try:
        document = _document(body, answer)
        if isinstance(document, Document):
            return document
        if (inner := unwrapped(body)) is not None:
            found = _document(inner[1], answer)
            if isinstance(found, Document):
                return found
    except RecursionError:
        raise too_deep().at(where) from None
    raise unreadable(answer, document, where, mask)


def needs_exact(body: bytes) -> bool:
    """Whether a page must be read digit by digit; cheap enough to ask of every page."""
    if b"\\" in body and _NUL in body:
        return True
    # Of 18 digits in a row, four are among every fourth byte of the page: most pages are told by those.
    return (
        b"0" * 4 in body[::4].translate(_DIGITS_TO_ZERO)
        and b"0" * 18 in body.translate(_DIGITS_TO_ZERO)
        and _LONG_NUMBER.search(body) is not None
    )


def _document(body: bytes, answer: Answer) -> Document | ValueError:
    """The document, or why it is none in the words of the standard library's parser."""
    if not needs_exact(body):
        with suppress(orjson.JSONDecodeError):
            return Document(orjson.loads(body))
    try:
        text = to_utf8(body, answer.headers.get("Content-Type", "")).decode()
        # Not strict: a raw control character in a string can only mean itself.
        value = json.loads(text, strict=False, parse_float=_number, parse_int=_integer, parse_constant=_no_constant)
        return Document(value, exact=True)
    except ValueError as error:
        return error


def too_deep() -> RestSourceError:
    """The error for values nested deeper than any table holds them (250 levels in one record)."""
    return RestSourceError(
        "too_deep",
        "The response nests its values more than 250 levels deep.",
        cause="The data is broken or hostile.",
        remedy="Ask the API for fewer fields, or leave the endpoint out.",
    )


def _integer(text: str) -> int | LongNumber:
    if len(text) < 19:
        return int(text)
    value = int(text) if len(text) < 30 else None
    return value if value is not None and value in _INT64 else LongNumber(text)


def _number(text: str) -> float | LongNumber:
    digits = re.sub(r"[eE].*", "", text).replace("-", "").replace(".", "").lstrip("0")
    value = float(text)
    if len(digits) > MAX_DIGITS or value in (float("inf"), float("-inf")):
        return LongNumber(text)
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
