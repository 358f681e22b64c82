"""Which failures are tried again, when, and how often."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime

from urllib3.exceptions import MaxRetryError
from urllib3.util.retry import RequestHistory, Retry

from rest_source.errors import STORAGE, RestSourceError
from rest_source.http.errors import retry_later
from rest_source.http.request import Answer
from rest_source.spec.source import Limits

# A POST may have created something before its answer got lost, so it is repeated only where the server
# certainly did not act: nothing was sent (no address, no connection), or it said that it did not take
# the request (408, 429, 503).
_NOTHING_SENT = ("dns_failed", "connection_refused", "connect_timeout")
_NOT_TAKEN = (408, 429, 503)

_RESETS = ("RateLimit-Reset", "X-RateLimit-Reset")
_EPOCH = 1_000_000_000  # as a duration that is 31 years: a larger number is a moment, in seconds
_EPOCH_MS = 100_000_000_000
_NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt, and the seconds the server asked us to wait, if it did."""

    error: RestSourceError
    wait: float | None = None


class Postponed(Exception):
    """A request ahead of its turn failed in a way that may pass, or would have to wait before it is sent.

    `wake_at` is the moment of a clock's `monotonic` before which it must not be repeated in its turn; None where it
    was not sent.
    """

    def __init__(self, wake_at: float | None = None) -> None:
        super().__init__("postponed")
        self.wake_at = wake_at


def policy(limits: Limits) -> Retry:
    """The policy of one request: an immutable value, counted down by `again`."""
    return Retry(
        total=limits.retries,
        backoff_factor=0.25,
        backoff_jitter=0.25,
        backoff_max=min(120.0, limits.max_wait.total_seconds()),
        # urllib3 repeats the first failure at once; with one entry behind it, waiting starts at 0.5 s.
        history=(RequestHistory(None, None, None, None, None),),
    )


def again(current: Retry, method: str, failure: Failure, max_wait: timedelta) -> tuple[Retry, float]:
    """The policy and the seconds to wait before the next attempt; raises the failure if there is none."""
    if not repeatable(method, failure.error):
        raise failure.error
    if failure.wait is not None and failure.wait > max_wait.total_seconds():
        raise retry_later(failure.error, failure.wait, max_wait)
    following = None
    with suppress(MaxRetryError):
        following = current.increment(method)  # without the URL: urllib3 logs it
    if following is None:  # raised out here, so that no MaxRetryError becomes its context
        raise failure.error
    return following, failure.wait or following.get_backoff_time()


def repeatable(method: str, error: RestSourceError) -> bool:
    """Whether the same request may be sent again after this error."""
    if error.id in STORAGE:
        return False  # the API is not to blame, and would send gigabytes again
    if method == "POST":
        return error.id in _NOTHING_SENT or error.status in _NOT_TAKEN
    return error.retryable


def requested_wait(answer: Answer, now: float) -> float | None:
    """The seconds an answer asks us to wait: Retry-After, on a 429 also the reset of its rate limit.

    Read here rather than by urllib3, whose dates are relative to the machine's clock, not to ours.
    """
    if (text := answer.headers.get("Retry-After")) is not None:
        return _retry_after(text.strip(), now)
    if answer.status != 429:
        return None
    resets = (_reset(answer.headers[name], now) for name in _RESETS if name in answer.headers)
    return next((wait for wait in resets if wait is not None), None)


def _retry_after(text: str, now: float) -> float | None:
    if _NUMBER.fullmatch(text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _reset(text: str, now: float) -> float | None:
    """Vendors write the reset as seconds to go, as epoch seconds or as epoch milliseconds."""
    if not _NUMBER.fullmatch(text.strip()):
        return None
    moment = float(text) / 1000 if float(text) > _EPOCH_MS else float(text)
    return max(0.0, moment - now) if moment > _EPOCH else moment
