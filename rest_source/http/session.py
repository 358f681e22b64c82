"""The session of a source: every request to its API goes through here, and nothing secret comes out."""

import math
import weakref
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore, Event
from types import TracebackType
from typing import Self

from urllib3.util.retry import Retry

from rest_source.errors import RestSourceError
from rest_source.http.auth.grant import Grant
from rest_source.http.auth.schemes import sign_in
from rest_source.http.auth.token_client import TokenClient
from rest_source.http.body import WhyWhole
from rest_source.http.clock import SYSTEM_CLOCK, Clock
from rest_source.http.errors import http_error
from rest_source.http.excerpt import shorten
from rest_source.http.fence import explain, fence, strip
from rest_source.http.rate import RateLimit
from rest_source.http.redact import LogMask, Redactor
from rest_source.http.redirect import MAX_REDIRECTS, follow, is_redirect, too_many
from rest_source.http.request import Answer, Request, Tally
from rest_source.http.retry import Failure, Postponed, again, policy, repeatable, requested_wait
from rest_source.http.rules import Ruled, first_rule
from rest_source.http.tls import UNVERIFIED, certificates
from rest_source.http.transport import Transport
from rest_source.spec.environment import Environment
from rest_source.spec.rules import ErrorRule
from rest_source.spec.source import SourceSpec

_URL_SHOWN = 500
_PAUSE = 0.5
"""Seconds after which it may be repeated, unless the API says when."""
_PATIENCE = 1.0
"""Seconds that a request ahead of its turn waits for the rate: what it books is lost when it is dropped."""


class ApiSession:
    """Sends requests with the source's credentials, limits and retries; safe from any thread.

    Built when a load runs: it reads the variables its credentials name, and raises if one is missing. With a
    `state` directory, its rate and its tokens are those of all processes that load the same source with it, and what is
    too large for memory is kept there.
    `warnings` is what a person should know before anything is sent.
    """

    def __init__(
        self,
        source: SourceSpec,
        environment: Environment,
        clock: Clock = SYSTEM_CLOCK,
        *,
        state: Path | None = None,
    ) -> None:
        self.state = state
        self._limits = source.limits
        self._signs_in = source.auth.type != "none"
        self._clock = clock
        self.redactor = Redactor(environment)
        self._policy = policy(source.limits)
        self._rate = RateLimit(source.limits.rate, clock, state / "rate" / source.name if state else None)
        with self.redactor.cleaned():
            self._fence = fence(source, environment, clock.now())
            self._transport = Transport(source.limits, state, certificates(source.tls, environment))
            tokens = TokenClient(self._transport, source.limits, clock, self.redactor)
            self.sign_in = sign_in(source, environment, clock, tokens.run, self.redactor, state)
        self.warnings = () if source.tls.verify else (UNVERIFIED,)
        self._slots = BoundedSemaphore(source.limits.concurrency)
        log_mask = LogMask(self.redactor)
        log_mask.install()
        # Not when it is closed: a request that was dropped may still be under way then, and be logged.
        weakref.finalize(self, log_mask.remove).atexit = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close idle connections."""
        self._transport.close()

    def mask(self, text: str) -> str:
        """The text without secrets; for everything that is shown, logged or stored about a request."""
        return self.redactor.mask(text)

    def clean(self, error: BaseException) -> None:
        """Mask every text of an error and of those behind it."""
        self.redactor.clean(error)

    def send(
        self,
        request: Request,
        tally: Tally,
        expected: Collection[int] = (),
        rules: Sequence[ErrorRule] = (),
        *,
        why_whole: WhyWhole | None = None,
        dropped: Event | None = None,
        postponed: Postponed | None = None,
    ) -> Answer:
        """The answer of status 2xx, or of a status in `expected`; any other outcome is a RestSourceError.

        An answer that one of the `on_error` rules describes is a `Ruled` error, after retries where it says so.
        A large answer goes to a file, unless `why_whole` tells why it cannot be read in parts.
        A request ahead of its turn gets an event that says when it is `dropped`: it is `Postponed` where it fails in
        a way that may pass, and it is sent in its turn with that, which counts as the first of its retries.
        """
        try:
            retries = self._policy
            if postponed is not None and postponed.wake_at is not None:
                retries = retries.increment(request.method)
                self._pause(tally, max(0.0, postponed.wake_at - self._clock.monotonic()))
            return self._follow(request, _Errand(tally, expected, rules, retries, why_whole, dropped))
        except RestSourceError as error:
            error.where = error.where or self._where(request)
            self.redactor.clean(error)
            raise

    def _follow(self, request: Request, errand: "_Errand") -> Answer:
        visited: list[str] = []
        while len(visited) <= MAX_REDIRECTS:
            answer = self._persist(request, errand)
            if answer.status in errand.expected or not is_redirect(answer):
                return answer
            request = follow(request, answer)
            visited.append(request.url)
        raise too_many(visited)

    def _persist(self, request: Request, errand: "_Errand") -> Answer:
        retries, renewed = errand.retries, False
        inside = self._fence.admits(request.url)
        while True:
            # Not while it holds a slot: getting a token may take a request, and all threads may wait for it.
            grant = self.sign_in.current() if inside else None
            outcome = self._attempt(request, errand, grant)
            if not renewed and grant is not None and _is_unauthorized(outcome) and self.sign_in.renew(grant):
                renewed = True
                errand.tally.add(retries=1)
                continue
            rule = None
            if isinstance(outcome, Answer):
                rule = None if outcome.status in errand.expected else first_rule(errand.rules, outcome)
                if rule is None and (_is_good(outcome) or outcome.status in errand.expected):
                    return outcome
            failure = self._failure(request, outcome, rule, renewed)
            if rule is not None and rule.do != "retry":
                raise failure.error
            # Where a rule says retry, a POST is repeated too.
            method = "GET" if rule else request.method
            if errand.dropped is not None and retries.total and repeatable(method, failure.error):
                wait = min(_PAUSE if failure.wait is None else failure.wait, self._limits.max_wait.total_seconds())
                raise Postponed(self._clock.monotonic() + wait)
            retries, wait = again(retries, method, failure, self._limits.max_wait)
            self._pause(errand.tally, wait)

    def _pause(self, tally: Tally, seconds: float) -> None:
        tally.add(retries=1, wait_seconds=seconds)
        self._clock.sleep(seconds)

    def _attempt(self, request: Request, errand: "_Errand", grant: Grant | None) -> Answer | RestSourceError:
        """One exchange: with credentials inside the fence, without any secret outside."""
        with self._slots:
            if errand.is_dropped:
                raise Postponed
            wait = self._rate.wait(errand.dropped, math.inf if errand.dropped is None else _PATIENCE)
            if wait is None or errand.is_dropped:
                raise Postponed
            errand.tally.add(requests=1, wait_seconds=wait)
            outcome = self._transport.exchange(
                grant.credentials.apply(request) if grant else strip(request, self.redactor.leaks),
                errand.why_whole,
                inside=grant is not None,
                url=request.full_url,
            )
        if isinstance(outcome, Answer):
            errand.tally.add(bytes=outcome.size)
            return outcome
        return outcome.at(self._where(request))

    def _failure(
        self, request: Request, outcome: Answer | RestSourceError, rule: ErrorRule | None, renewed: bool
    ) -> Failure:
        if isinstance(outcome, RestSourceError):
            return Failure(outcome)
        if rule is not None:
            return Failure(Ruled(outcome, rule, self.mask), requested_wait(outcome, self._clock.now()))
        error = http_error(outcome, self._where(request), self.mask)
        if not self._fence.admits(request.url):
            explain(error, request.url)
        elif outcome.status == 401 and not self._signs_in and "authorization" not in _names(request):
            error.cause = "The API wants credentials, and the source has no `auth`."
            error.remedy = (
                "Write `auth`, such as `{type: bearer, token: {env: API_TOKEN}}`; or check what `headers` send."
            )
        elif renewed and outcome.status == 401:
            error.cause = "The token is fresh and refused all the same: it lacks a right, or is not sent as it should."
            error.remedy = "Check `scope` and `send` of `auth`, and the rights of the user or application it is for."
        return Failure(error, requested_wait(outcome, self._clock.now()))

    def _where(self, request: Request) -> str:
        return f"{request.method} {shorten(request.full_url, _URL_SHOWN, self.mask)}"


@dataclass(frozen=True, slots=True)
class _Errand:
    """What one call of `send` asks for, whatever redirects and retries it takes."""

    tally: Tally
    expected: Collection[int]
    rules: Sequence[ErrorRule]
    retries: Retry
    why_whole: WhyWhole | None
    dropped: Event | None

    @property
    def is_dropped(self) -> bool:
        """Whether nobody wants the answer any more, so that it need not be sent."""
        return self.dropped is not None and self.dropped.is_set()


def _names(request: Request) -> set[str]:
    return {name.lower() for name, _ in request.headers}


def _is_unauthorized(outcome: Answer | RestSourceError) -> bool:
    return isinstance(outcome, Answer) and outcome.status == 401


def _is_good(answer: Answer) -> bool:
    return 200 <= answer.status < 300 or is_redirect(answer)
