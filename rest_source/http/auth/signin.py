"""The sign-in of a session: one grant for all its threads, renewed once however many find that it is not good."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from typing import Protocol

from rest_source.errors import RestSourceError
from rest_source.http.auth.credentials import Credentials
from rest_source.http.auth.grant import Flow, Grant
from rest_source.http.auth.refusals import explain_renewed
from rest_source.http.auth.token_file import TokenFile
from rest_source.http.request import Answer
from rest_source.http.rules import holds
from rest_source.spec.rules import AnswerRule

Run = Callable[[Flow], Grant]
"""Sends what a flow yields, and returns its grant."""


class Scheme(Protocol):
    """What knows how to sign in."""

    def renew(self, last: Grant | None) -> Flow:
        """The flow to a new grant, after the last one."""


class AnySignIn(Protocol):
    """What a session asks for credentials; safe from any thread.

    `times` says how often a request was sent again for new credentials already.
    """

    def current(self) -> Grant:
        """The credentials to send, after getting them first where there are none."""
        ...

    def refuses(self, answer: Answer) -> bool:
        """Whether an answer says that the credentials are not good, or not any more."""
        ...

    def renew(self, refused: Grant, answer: Answer, times: int) -> bool:
        """Whether there are others than the refused ones, with which the request is to be sent again."""
        ...

    def explain(self, error: RestSourceError, answer: Answer, grant: Grant, times: int) -> None:
        """Add to the error for a refusal what this sign-in knows of it."""
        ...


class FixedSignIn:
    """Credentials that never change."""

    def __init__(self, credentials: Credentials) -> None:
        self._grant = Grant(credentials, 0.0)

    def current(self) -> Grant:
        """The credentials."""
        return self._grant

    def refuses(self, answer: Answer) -> bool:
        """Whether an answer says that the credentials are not good."""
        return answer.status == 401

    def renew(self, refused: Grant, answer: Answer, times: int) -> bool:
        """Whether there are others now: never."""
        return False

    def explain(self, error: RestSourceError, answer: Answer, grant: Grant, times: int) -> None:
        """Nothing to add to what the status says."""


class SignIn:
    """Hands out the grant of a scheme; safe from any thread, and with a `file` across processes.

    `remember` takes every token before it is used, so that no text can show it.
    """

    def __init__(
        self,
        scheme: Scheme,
        run: Run,
        now: Callable[[], float],
        remember: Callable[..., None],
        file: TokenFile | None = None,
        renew_on: Sequence[AnswerRule] = (),
    ) -> None:
        self.scheme = scheme
        self._run = run
        self._now = now
        self._remember = remember
        self._file = file
        self._renew_on = renew_on
        self._lock = Lock()
        self._grant: Grant | None = None
        self._rounds = 0
        self._failure: RestSourceError | None = None

    def current(self) -> Grant:
        """A grant that can be used, signing in first where there is none."""
        grant = self._grant
        return grant if grant is not None and grant.is_fresh(self._now()) else self._renewed(grant)

    def refuses(self, answer: Answer) -> bool:
        """Whether an answer says that the token is not good any more."""
        return answer.status == 401 or any(holds(rule, answer) for rule in self._renew_on)

    def renew(self, refused: Grant, answer: Answer, times: int) -> bool:
        """Get a grant other than the refused one; whether there is one now. For one request this helps once."""
        if times:
            return False
        self._renewed(refused)
        return True

    def explain(self, error: RestSourceError, answer: Answer, grant: Grant, times: int) -> None:
        """The error for a refusal, with what a fresh token has to do with it."""
        if times:
            explain_renewed(error, grant)

    def accept(self, flow: Flow, *secrets: str) -> None:
        """Take the grant of this flow, of a consent, in place of any other; the `secrets` are parts of it."""
        self._remember(*secrets)
        with self._lock, self._held():
            self._take(self._run(flow))

    def _renewed(self, last: Grant | None) -> Grant:
        waiting_since = self._rounds
        with self._lock:
            grant = self._grant
            if grant is not None and grant is not last:
                return grant
            self._raise_failure(waiting_since)
            try:
                return self._renew(last)
            except RestSourceError as error:
                self._failure = error
                raise
            finally:
                self._rounds += 1

    def _raise_failure(self, waiting_since: int) -> None:
        """Who waited shares what came of it; a refusal holds for good, as trying a password again locks users out."""
        failure = self._failure
        if failure is not None and (self._rounds != waiting_since or not failure.retryable):
            raise failure.copy()

    def _renew(self, last: Grant | None) -> Grant:
        with self._held():
            found = self._file.read() if self._file else None
            if found is not None:
                self._remember(found.access_token, found.refresh_token)
                known = last.access_token if last else ""
                if found.access_token != known and found.is_fresh(self._now()):
                    self._grant = found  # another process was here before us
                    return found
            return self._take(self._run(self.scheme.renew(found or last)))

    def _take(self, grant: Grant) -> Grant:
        self._remember(*grant.credentials.secrets, grant.refresh_token)
        if self._file:
            self._file.write(grant)
        self._grant, self._failure = grant, None
        return grant

    def _held(self) -> AbstractContextManager[None]:
        return self._file.held() if self._file else nullcontext()
