"""What the demo API reads of a call; what is wrong with it, it says with a 400."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from rest_source.demo.server import Call, Reply


class Refusal(Exception):
    """A request the API does not answer; carries what it says instead."""

    def __init__(self, status: int, error: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.reply = Reply({"error": {"status": status, "message": error}}, status, headers or {})


def number(call: Call, name: str, least: int) -> int:
    """A whole number from the query, `least` unless it is given."""
    text = call.arg(name, str(least)) or ""
    if not text.isdecimal() or int(text) < least:
        raise Refusal(400, f"{name}: a whole number from {least} on, not {text!r}")
    return int(text)


def page_size(call: Call, name: str) -> int:
    """How many records a page shall have: 100 unless it is given, 250 at most."""
    return min(number(call, name, 1) if call.arg(name) else 100, 250)


def day(text: str | None, name: str) -> datetime:
    """A date such as 2026-01-31."""
    try:
        return datetime.strptime(text or "", "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Refusal(400, f"{name}: a date like 2026-01-31, not {text!r}") from None


def json_object(call: Call) -> dict[str, Any]:
    """The body, which is a JSON object."""
    try:
        body = call.json
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "send a JSON object")
    return body


def cursor_to(place: int) -> str:
    """The cursor of a place, which `position` reads."""
    return base64.urlsafe_b64encode(f"after:{place}".encode()).decode()


def position(cursor: str | None) -> int:
    """Where a cursor goes on."""
    if cursor is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(cursor).decode().removeprefix("after:"))
    except ValueError:
        raise Refusal(400, "cursor: not one of ours") from None


def url(call: Call, **query: int) -> str:
    """The full URL of a call's path with another query."""
    return f"http://{call.headers['Host']}{call.path}?{urlencode(query)}"
