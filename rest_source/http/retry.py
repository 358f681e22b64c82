"""Which failures are tried again, when, and how often."""

import math
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from urllib3.exceptions import MaxRetryError
from urllib3.util.retry import RequestHistory, Retry

from rest_source.errors import STORAGE, RestSourceError
from rest_source.http.errors import retry_later
from rest_source.http.waits import ON_ERROR, Wait
from rest_source.spec.source import Limits

# A POST may have created something before its answer got lost, so it is repeated only where the server
# certainly did not act: nothing was sent (no address, no connection), or it said that it did not take
# the request (408, 425, 429, 503, or another status that names a wait).
_NOTHING_SENT = ("dns_failed", "connection_refused", "connect_timeout")
_NOT_TAKEN = (408, 425, 429, 503)


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt, and the wait that the server, or a rule for such answers, asks for.

    `repeat` says that the request may be sent again whatever its method: a rule says so, or the server did not act.
    """

    error: RestSourceError
    wait: Wait | None = None
    repeat: bool = False

    def asked(self) -> RestSourceError:
        """The error, with the wait that nobody waits for any more."""
        error, wait = self.error, self.wait
        if wait is not None and wait.by != ON_ERROR:
            error.message += f" It asks to wait {math.ceil(wait.seconds)} s ({wait.by})."
            error.args = (error.message,)
        return error

    def told(self, seconds: float) -> str:
        """Why there is a pause of so many seconds."""
        status, length = self.error.status, f"{math.ceil(seconds)} s"
        if self.wait is not None and self.wait.by == ON_ERROR:
            return f"A rule of `on_error` asks to wait {length} ({status})"
        if self.wait is not None:
            return f"The API asks to wait {length} ({status}, {self.wait.by})"
        happened = f"The API answered {status}" if status else self.error.message.rstrip(".")
        return f"{happened}, so there is a pause of {length}"


class Postponed(Exception):
    """A request ahead of its turn failed in a way that may pass, or would have to wait before it is sent.

    `wake_at` is the moment of a clock's `monotonic` before which it must not be repeated in its turn, because of the
    `failure`; there is none where it was not sent.
    """

    def __init__(self, wake_at: float = 0.0, failure: Failure | None = None) -> None:
        super().__init__("postponed")
        self.wake_at = wake_at
        self.failure = failure


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
    if not repeatable(method, failure):
        raise failure.error
    if failure.wait is not None and failure.wait.is_longer_than(max_wait):
        raise retry_later(failure.error, failure.wait, max_wait)
    following = None
    with suppress(MaxRetryError):
        following = current.increment(method)  # without the URL: urllib3 logs it
    if following is None:  # raised out here, so that no MaxRetryError becomes its context
        raise failure.asked()
    return following, failure.wait.seconds if failure.wait else following.get_backoff_time()


def repeatable(method: str, failure: Failure) -> bool:
    """Whether the same request may be sent again after this failure."""
    error = failure.error
    if error.id in STORAGE:
        return False  # the API is not to blame, and would send gigabytes again
    if method == "POST" and not failure.repeat:
        return error.id in _NOTHING_SENT or error.status in _NOT_TAKEN
    return error.retryable
