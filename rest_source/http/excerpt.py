"""What an answer says, short enough to quote."""

import html
import re
from collections.abc import Callable, Iterator
from typing import Any

from rest_source.http.request import Answer
from rest_source.http.wrapped import glance

QUOTED = 300
_AROUND = 4000
_READ = 1_000_000  # an error's text stands early in its body
_KEYS = ("message", "error", "title", "detail", "error_description", "errors")
# Linear in the length of whatever a server sends: no pattern looks beyond the next angle bracket.
_TITLE = re.compile(r"<title[^<>]*>([^<]*)", re.IGNORECASE)
_TAG = re.compile(r"<(/?\w{0,10})[^<>]*>")
_UNSEEN = ("script", "style")


def server_message(answer: Answer, mask: Callable[[str], str] = str) -> str:
    """The server's own words: the message of a JSON error, the title of a page, else the body's start."""
    text = _text(answer)
    found = _from_json(answer.body)
    if not found:
        found = _from_html(text) if looks_like_markup(text) else text
    return shorten(found, QUOTED, mask)


def stated_message(answer: Answer, mask: Callable[[str], str] = str) -> str:
    """The message of a JSON error or the title of a page; nothing else of a body, which may be a token."""
    text = _text(answer)
    title = _TITLE.search(text) if looks_like_markup(text) else None
    found = html.unescape(title[1]) if title else _from_json(answer.body) if text.lstrip().startswith("{") else ""
    return shorten(found, QUOTED, mask)


def start_of(answer: Answer, length: int, mask: Callable[[str], str] = str) -> str:
    """The first characters of the body, on one line."""
    return shorten(_text(answer), length, mask)


def near(body: bytes, at: int, length: int, mask: Callable[[str], str]) -> str:
    """The characters on both sides of a byte, on one line; masked together with what stands around them."""
    start = max(0, at - _AROUND)
    before, text = (body[start:end].decode("utf-8", "replace") for end in (at, at + _AROUND))
    masked, place = mask(text), len(mask(before))
    return " ".join(masked[max(0, place - length) : place + length].split())


def shorten(text: str, length: int, mask: Callable[[str], str]) -> str:
    """The text on one line, masked before it is cut: half a secret would not be recognised."""
    text = " ".join(mask(text).split())
    return text if len(text) <= length else text[:length] + "…"


def looks_like_markup(text: str) -> bool:
    """Whether the text is HTML or XML."""
    return text.lstrip("\ufeff \t\r\n").startswith("<")


def _text(answer: Answer) -> str:
    return answer.body[:_READ].decode("utf-8", "replace")


def _from_json(body: bytes) -> str:
    try:
        document = glance(body) if len(body) <= _READ else None
    except ValueError:
        return ""
    return ": ".join(dict.fromkeys(_messages(document))) if isinstance(document, dict | list) else ""


def _messages(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value[:3]:
            yield from _messages(item)
    elif isinstance(value, dict):
        for key in _KEYS:
            yield from _messages(value.get(key))


def _from_html(text: str) -> str:
    title = _TITLE.search(text)
    return html.unescape(title[1] if title else " ".join(_seen(text)))


def _seen(text: str) -> Iterator[str]:
    """What stands between the tags, without scripts and styles."""
    within, end = "", 0
    for tag in _TAG.finditer(text):
        name = tag[1].lower()
        if not within:
            yield text[end : tag.start()]
            within = name if name in _UNSEEN else ""
        elif name == f"/{within}":
            within = ""
        end = tag.end()
    if not within:
        yield text[end:]
