"""The session of a source: every request to its API goes through here, and nothing secret comes out."""

from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rest_source.errors import RestSourceError
from rest_source.http.auth import credentials
from rest_source.http.clock import SYSTEM_CLOCK, Clock
from rest_source.http.errors import http_error
from rest_source.http.excerpt import shorten
from rest_source.http.fence import explain, fence, strip
from rest_source.http.rate import RateLimit
from rest_source.http.redact import LogMask, Redactor
from rest_source.http.redirect import MAX_REDIRECTS, follow, is_redirect, too_many
from rest_source.http.request import Answer, Request, Tally
from rest_source.http.retry import Failure, again, policy, requested_wait
from rest_source.http.rules import Ruled, first_rule
from rest_source.http.transport import Transport
from rest_source.spec.environment import Environment
from rest_source.spec.rules import ErrorRule
from rest_source.spec.source import SourceSpec

_URL_SHOWN = 500


class ApiSession:
    """Sends requests with the source's credentials, limits and retries; safe from any thread.

    Built when a load runs: it reads the variables its credentials name, and raises if one is missing. With a
    `state` directory, its rate holds for all processes on this machine that load the same source.
    """

    def __init__(
        self,
        source: SourceSpec,
        environment: Environment,
        clock: Clock = SYSTEM_CLOCK,
        *,
        state: Path | None = None,
    ) -> None:
        self._limits = source.limits
        self._clock = clock
        self._redactor = Redactor(environment)
        self._fence = fence(source, environment, clock.now())
        self._credentials = credentials(source.auth, environment)
        self._redactor.register(*self._credentials.secrets)
        self._policy = policy(source.limits)
        self._rate = RateLimit(source.limits.rate, clock, state / "rate" / source.name if state else None)
        self._transport = Transport(source.limits)
        self._log_mask = LogMask(self._redactor)
        self._log_mask.install()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close idle connections."""
        self._transport.close()
        self._log_mask.remove()

    def mask(self, text: str) -> str:
        """The text without secrets; for everything that is shown, logged or stored about a request."""
        return self._redactor.mask(text)

    def send(
        self, request: Request, tally: Tally, expected: Collection[int] = (), rules: Sequence[ErrorRule] = ()
    ) -> Answer:
        """The answer of status 2xx, or of a status in `expected`; any other outcome is a RestSourceError.

        An answer that one of the `on_error` rules describes is a `Ruled` error, after retries where it says so.
        """
        try:
            return self._follow(request, tally, expected, rules)
        except RestSourceError as error:
            error.where = error.where or self._where(request)
            self._redactor.clean(error)
            raise

    def _follow(self, request: Request, tally: Tally, expected: Collection[int], rules: Sequence[ErrorRule]) -> Answer:
        visited: list[str] = []
        while len(visited) <= MAX_REDIRECTS:
            answer = self._persist(request, tally, expected, rules)
            if answer.status in expected or not is_redirect(answer):
                return answer
            request = follow(request, answer)
            visited.append(request.url)
        raise too_many(visited)

    def _persist(self, request: Request, tally: Tally, expected: Collection[int], rules: Sequence[ErrorRule]) -> Answer:
        current = self._policy
        while True:
            outcome = self._attempt(request, tally)
            rule = None
            if isinstance(outcome, Answer):
                rule = None if outcome.status in expected else first_rule(rules, outcome)
                if rule is None and (_is_good(outcome) or outcome.status in expected):
                    return outcome
            failure = self._failure(request, outcome, rule)
            if rule is not None and rule.do != "retry":
                raise failure.error
            # Where a rule says retry, a POST is repeated too.
            method = "GET" if rule else request.method
            current, wait = again(current, method, failure, self._limits.max_wait)
            tally.add(retries=1, wait_seconds=wait)
            self._clock.sleep(wait)

    def _attempt(self, request: Request, tally: Tally) -> Answer | RestSourceError:
        tally.add(requests=1, wait_seconds=self._rate.wait())
        inside = self._fence.admits(request.url)
        # The jar holds sign-ins, and a cookie's domain may be wider than the fence.
        outcome = self._transport.exchange(
            self._dress(request, inside), cookies=inside, url=request.full_url, where=self._where(request)
        )
        if isinstance(outcome, Answer):
            tally.add(bytes=len(outcome.body))
        return outcome

    def _dress(self, request: Request, inside: bool) -> Request:
        """The request as it goes out: with credentials inside the fence, without any secret outside."""
        return self._credentials.apply(request) if inside else strip(request, self._redactor.leaks)

    def _failure(self, request: Request, outcome: Answer | RestSourceError, rule: ErrorRule | None) -> Failure:
        if isinstance(outcome, RestSourceError):
            return Failure(outcome)
        if rule is not None:
            return Failure(Ruled(outcome, rule, self.mask), requested_wait(outcome, self._clock.now()))
        error = http_error(outcome, self._where(request), self.mask)
        if not self._fence.admits(request.url):
            explain(error, request.url)
        return Failure(error, requested_wait(outcome, self._clock.now()))

    def _where(self, request: Request) -> str:
        return f"{request.method} {shorten(request.full_url, _URL_SHOWN, self.mask)}"


def _is_good(answer: Answer) -> bool:
    return 200 <= answer.status < 300 or is_redirect(answer)
