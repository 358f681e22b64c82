"""The session of a source: every request to its API goes through here, and nothing secret comes out."""

import math
import weakref
from collections.abc import Collection, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from threading import BoundedSemaphore, Event, Lock
from types import TracebackType
from typing import Self

from urllib3.util.retry import Retry

from rest_source.errors import RestSourceError
from rest_source.http.auth.grant import Grant
from rest_source.http.auth.refusals import still_refused
from rest_source.http.auth.schemes import sign_in
from rest_source.http.auth.token_client import TokenClient
from rest_source.http.body import WhyWhole
from rest_source.http.clock import SYSTEM_CLOCK, Clock
from rest_source.http.excerpt import shorten
from rest_source.http.fence import explain, fence, strip
from rest_source.http.pauses import SOMEWHERE, Pauses, Place, Report
from rest_source.http.rate import RateLimit
from rest_source.http.redact import SHORT, LogMask, Redactor
from rest_source.http.redirect import MAX_REDIRECTS, follow, is_redirect, too_many
from rest_source.http.request import Answer, Request, Tally
from rest_source.http.retry import Failure, Postponed, again, policy, repeatable
from rest_source.http.rules import Ruled, first_rule
from rest_source.http.success import Holds, is_success, refusal
from rest_source.http.tls import UNVERIFIED, certificates
from rest_source.http.transport import Transport
from rest_source.http.waits import is_limit, named_wait, ruled_wait
from rest_source.spec.auth import Auth
from rest_source.spec.environment import Environment
from rest_source.spec.literals import literals_of_endpoint, literals_of_source, short_secrets
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
    `warnings` is what a person should know before anything is sent, and `report` is told of the longer pauses.
    """

    def __init__(
        self,
        source: SourceSpec,
        environment: Environment,
        clock: Clock = SYSTEM_CLOCK,
        *,
        state: Path | None = None,
        report: Report = lambda told: None,
    ) -> None:
        self.state = state
        self._source = source
        self._environment = environment
        self._limits = source.limits
        self._clock = clock
        self._others: list[tuple[Auth, ApiSession]] = []
        self._opening = Lock()
        self.redactor = Redactor(environment, source.names)
        self._policy = policy(source.limits)
        self._pauses = Pauses(clock, lambda told: report(self.mask(told)))
        self._rate = RateLimit(source.limits.rate, clock, state / "rate" / source.name if state else None)
        with self.redactor.cleaned():
            self._fence = fence(source, environment, clock.now())
            self._use(source.auth)
        short = short_secrets(source, environment.given, SHORT)
        self.warnings = (*(() if source.tls.verify else (UNVERIFIED,)), *short)
        literals = (literals_of_source(source), *map(literals_of_endpoint, source.endpoints))
        self.redactor.register(*(secret for found in literals for secrets in found.values() for secret in secrets))
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
        for _, other in self._others:
            other.close()

    def stop(self) -> None:
        """End all loads that use the session: each of their threads raises `Stopped` in its next request or pause."""
        self._pauses.stopped.set()

    def go_on(self) -> None:
        """Raise `Stopped` where the loads are to end."""
        self._pauses.go_on()

    def by(self, auth: Auth | None) -> "ApiSession":
        """The session that signs in by this `auth`, with connections and cookies of its own; all else is shared."""
        if auth is None or auth == self._auth:
            return self
        with self._opening:
            found = next((session for known, session in self._others if known == auth), None)
            if found is None:
                found = copy(self)
                found._others = []
                with self.redactor.cleaned():
                    found._use(auth)
                self._others.append((auth, found))
            return found

    def _use(self, auth: Auth) -> None:
        source, environment = self._source, self._environment
        self._auth = auth
        certified = certificates(source.tls, environment)
        self._transport = Transport(source.limits, self.state, certified, self._clock)
        tokens = TokenClient(self._transport, source.limits, self._clock, self._pauses, self.redactor)
        self.sign_in = sign_in(source, auth, environment, self._clock, tokens.run, self.redactor, self.state)

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
        place: Place = SOMEWHERE,
        holds: Holds | None = None,
    ) -> Answer:
        """The answer that is a success, or of a status in `expected`; any other outcome is a RestSourceError.

        An answer that one of the `on_error` rules describes is a `Ruled` error, after retries where it says so.
        A large answer goes to a file, unless `why_whole` tells why it cannot be read in parts.
        A request ahead of its turn gets an event that says when it is `dropped`: it is `Postponed` where it fails in
        a way that may pass, and it is sent in its turn with that, which counts as the first of its retries.
        `place` says in reports of pauses what is waiting, and `holds` whether an answer has records.
        """
        try:
            errand = _Errand(tally, expected, rules, self._policy, why_whole, dropped, place, holds)
            if postponed is not None and postponed.failure is not None:
                errand = replace(errand, retries=self._policy.increment(request.method))
                self._pause(errand, max(0.0, postponed.wake_at - self._clock.monotonic()), postponed.failure)
            return self._follow(request, errand)
        except RestSourceError as error:
            error.where = error.where or self._where(request)
            self.redactor.clean(error)
            raise

    def _follow(self, request: Request, errand: "_Errand") -> Answer:
        visited: list[str] = []
        first = request
        while len(visited) <= MAX_REDIRECTS:
            answer = self._persist(request, errand)
            if answer.status in errand.expected or not is_redirect(answer):
                return answer
            request = follow(request, answer, first)
            visited.append(request.url)
        raise too_many(visited)

    def _persist(self, request: Request, errand: "_Errand") -> Answer:
        retries, renewals = errand.retries, 0
        while True:
            outcome, grant = self._attempt(request, errand)
            if grant is not None and isinstance(outcome, Answer) and self.sign_in.refuses(outcome):
                if self.sign_in.renew(grant, outcome, renewals):
                    renewals += 1
                    errand.tally.add(retries=1)
                    continue
                if outcome.status < 400:
                    raise still_refused(outcome, self.mask)
            rule = None
            if isinstance(outcome, Answer):
                rule = None if outcome.status in errand.expected else first_rule(errand.rules, outcome)
                if rule is None and (outcome.status in errand.expected or is_success(outcome, errand.holds)):
                    return outcome
            failure = self._failure(request, outcome, rule)
            if grant is not None and rule is None and isinstance(outcome, Answer) and self.sign_in.refuses(outcome):
                self.sign_in.explain(failure.error, outcome, grant, renewals)
            if rule is not None and rule.do != "retry":
                raise failure.error
            if errand.dropped is not None and retries.total and repeatable(request.method, failure):
                raise Postponed(self._clock.monotonic() + self._bearable(failure), failure)
            retries, wait = again(retries, request.method, failure, self._limits.max_wait)
            self._pause(errand, wait, failure)
            renewals = 0  # meanwhile another token may have ended

    def _bearable(self, failure: Failure) -> float:
        """The seconds before a postponed request may be sent in its turn; it fails there where that is too long."""
        if failure.wait is None:
            return _PAUSE
        return 0.0 if failure.wait.is_longer_than(self._limits.max_wait) else failure.wait.seconds

    def _pause(self, errand: "_Errand", seconds: float, failure: Failure) -> None:
        errand.tally.add(retries=1, wait_seconds=seconds)
        self._pauses.sleep(seconds, failure.told(seconds), errand.place)

    def _attempt(self, request: Request, errand: "_Errand") -> tuple[Answer | RestSourceError, Grant | None]:
        """One exchange: with credentials inside the fence, without any secret outside; and the credentials."""
        self.go_on()
        inside = self._fence.admits(request.url)
        if inside:
            self.sign_in.current()  # which may take requests: better before it holds a slot
        with self._slots:
            if errand.is_dropped:
                raise Postponed
            ends = errand.dropped or self._pauses.stopped
            wait = self._rate.wait(ends, math.inf if errand.dropped is None else _PATIENCE)
            self.go_on()
            if wait is None or errand.is_dropped:
                raise Postponed
            errand.tally.add(requests=1, wait_seconds=wait)
            # Asked for again, as a token may have ended while this waited. No deadlock: a sign-in takes no slot.
            grant = self.sign_in.current() if inside else None
            outcome = self._transport.exchange(
                grant.credentials.apply(request) if grant else strip(request, self.redactor.leaks),
                errand.why_whole,
                inside=inside,
                url=request.full_url,
            )
        if isinstance(outcome, Answer):
            errand.tally.add(bytes=outcome.size)
            return outcome, grant
        return outcome.at(self._where(request)), grant

    def _failure(self, request: Request, outcome: Answer | RestSourceError, rule: ErrorRule | None) -> Failure:
        if isinstance(outcome, RestSourceError):
            return Failure(outcome)
        now = self._clock.now()
        wait = named_wait(outcome, now, self._limits.max_wait)
        if rule is not None:  # where it says retry, a POST is repeated too
            ruled = ruled_wait(outcome, rule.wait, now) if rule.wait is not None else None
            return Failure(Ruled(outcome, rule, self.mask), ruled or wait, repeat=True)
        early = is_limit(outcome, wait)
        error = refusal(request, outcome, self._where(request), self.mask, is_limit=early)
        if not self._fence.admits(request.url):
            explain(error, request.url)
        elif outcome.status == 401 and self._auth.type == "none" and "authorization" not in _names(request):
            error.cause = "The API wants credentials, and the source has no `auth`."
            error.remedy = (
                "Write `auth`, such as `{type: bearer, token: {env: API_TOKEN}}`; or check what `headers` send."
            )
        return Failure(error, wait, repeat=early)

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
    place: Place
    holds: Holds | None

    @property
    def is_dropped(self) -> bool:
        """Whether nobody wants the answer any more, so that it need not be sent."""
        return self.dropped is not None and self.dropped.is_set()


def _names(request: Request) -> set[str]:
    return {name.lower() for name, _ in request.headers}
