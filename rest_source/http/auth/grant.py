"""What a sign-in yields, and how long it lasts."""

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from rest_source.http.auth.credentials import Credentials
from rest_source.http.request import Answer, Request

_MARGIN = 60.0
"""Seconds before its end from which a token is not used any more: a request takes its time, and clocks differ."""
_MOMENT = 1_000_000_000
_MOMENT_MS = 100_000_000_000
_MARGIN_SHARE = 0.1
"""The same as a part of its life, for tokens that live for minutes only."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Credentials with their life, in seconds since the epoch; `expires_at` is None where nothing is known of it.

    `access_token` and `refresh_token` are those of OAuth 2.0, empty elsewhere; `kind` is what its server calls a token
    that is no bearer token.
    """

    credentials: Credentials = field(repr=False)
    issued_at: float
    expires_at: float | None = None
    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    kind: str = ""

    def is_fresh(self, now: float) -> bool:
        """Whether it can be used; not where it comes from the future, as the clock was wrong then or is now."""
        if self.expires_at is None:
            return True
        margin = min(_MARGIN, _MARGIN_SHARE * (self.expires_at - self.issued_at))
        return self.issued_at - _MARGIN <= now < self.expires_at - margin


Flow = Generator[Request, Answer, Grant]
"""A sign-in: yields requests, is sent their answers, returns the grant. It does no I/O itself."""


def end_of(lifetime: object, issued_at: float) -> float | None:
    """When a token ends that lives for so many seconds, or until then; None where it says nothing.

    A number of more than thirty years is a moment, in seconds or milliseconds since the epoch; a text may be a date.
    """
    if isinstance(lifetime, timedelta):
        return issued_at + lifetime.total_seconds()
    seconds = _number(lifetime)
    if seconds is None:
        end = _moment(str(lifetime))
    elif seconds < _MOMENT:
        end = issued_at + seconds
    else:
        end = seconds / 1000 if seconds > _MOMENT_MS else seconds
    return end if end is not None and issued_at < end < float("inf") else None


def _number(value: object) -> float | None:
    try:
        return None if isinstance(value, bool) else float(str(value))
    except ValueError:
        return None


def _moment(text: str) -> float | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
        except ValueError:
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return None
