"""Sends the requests of sign-ins: with the limits of the source, without the rules of its endpoints."""

from rest_source.errors import RestSourceError
from rest_source.http.auth.grant import Flow, Grant
from rest_source.http.clock import Clock
from rest_source.http.errors import RETRYABLE, http_error
from rest_source.http.excerpt import shorten
from rest_source.http.pauses import Pauses, Place
from rest_source.http.redact import Redactor
from rest_source.http.request import Answer, Request
from rest_source.http.retry import Failure, again, policy
from rest_source.http.transport import Transport
from rest_source.http.waits import named_wait
from rest_source.spec.source import Limits

_URL_SHOWN = 500


class TokenClient:
    """Runs a flow to its grant, repeating what may pass.

    It takes no slot of the session's concurrency: who renews a token may hold none, but others may hold all of them.
    Redirects are not followed, as the credentials stand in the request itself (RFC 9700, 4.12).
    """

    def __init__(self, transport: Transport, limits: Limits, clock: Clock, pauses: Pauses, redactor: Redactor) -> None:
        self._transport = transport
        self._limits = limits
        self._clock = clock
        self._pauses = pauses
        self._redactor = redactor

    def run(self, flow: Flow) -> Grant:
        """The grant that the flow ends with; every failure is a RestSourceError without a status.

        The status of an API's answer may mean the end of its pages, that of a token endpoint never does.
        """
        place = "sign-in"
        try:
            request = next(flow)
            while True:
                place = self._place(request)
                request = flow.send(self._answer(request, place))
        except StopIteration as stop:
            grant: Grant = stop.value
            return grant
        except RestSourceError as error:
            error.status = None
            error.where = error.where or place
            self._redactor.clean(error)
            raise

    def _answer(self, request: Request, place: str) -> Answer:
        retries = policy(self._limits)
        while True:
            outcome = self._transport.exchange(request, inside=True, url=request.full_url)
            if isinstance(outcome, Answer) and outcome.status not in RETRYABLE:
                return outcome
            # Lost answers are asked for again, of a POST too: a refresh token they used up is lost either way.
            failure = self._failure(outcome, place)
            retries, wait = again(retries, "GET", failure, self._limits.max_wait)
            self._pauses.sleep(wait, failure.told(wait), Place(place, "the same request"))

    def _failure(self, outcome: Answer | RestSourceError, place: str) -> Failure:
        if isinstance(outcome, RestSourceError):
            return Failure(outcome.at(place))
        error = http_error(outcome, place, self._redactor.mask)
        return Failure(error, named_wait(outcome, self._clock.now(), self._limits.max_wait))

    def _place(self, request: Request) -> str:
        return f"sign-in, {request.method} {shorten(request.full_url, _URL_SHOWN, self._redactor.mask)}"
