"""What a sign-in yields, and how long it lasts."""

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import timedelta

from rest_source.http.auth.credentials import Credentials
from rest_source.http.request import Answer, Request

_MARGIN = 60.0
"""Seconds before its end from which a token is not used any more: a request takes its time, and clocks differ."""
_MARGIN_SHARE = 0.1
"""The same as a part of its life, for tokens that live for minutes only."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Credentials with their life, in seconds since the epoch; `expires_at` is None where nothing is known of it.

    `access_token` and `refresh_token` are those of OAuth 2.0, empty elsewhere.
    """

    credentials: Credentials = field(repr=False)
    issued_at: float
    expires_at: float | None = None
    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)

    def is_fresh(self, now: float) -> bool:
        """Whether it can be used; not where it comes from the future, as the clock was wrong then or is now."""
        if self.expires_at is None:
            return True
        margin = min(_MARGIN, _MARGIN_SHARE * (self.expires_at - self.issued_at))
        return self.issued_at - _MARGIN <= now < self.expires_at - margin


Flow = Generator[Request, Answer, Grant]
"""A sign-in: yields requests, is sent their answers, returns the grant. It does no I/O itself."""


def end_of(lifetime: object, issued_at: float) -> float | None:
    """When a token ends that lives for so many seconds; None where the number says nothing."""
    if isinstance(lifetime, timedelta):
        return issued_at + lifetime.total_seconds()
    try:
        seconds = float(str(lifetime))
    except ValueError:
        return None
    return issued_at + seconds if 0 < seconds < float("inf") else None
