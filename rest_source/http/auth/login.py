"""A login as a value: the requests of its steps, each fed by the answers before it."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from rest_source.http.auth.credentials import Credentials, sent
from rest_source.http.auth.fixed import credentials as fixed
from rest_source.http.auth.grant import Flow, Grant, end_of
from rest_source.http.auth.login_answer import document_of, nothing_brought, refused, sets_cookie, token_missing
from rest_source.http.compose import joined, pairs
from rest_source.http.errors import Mask, http_error
from rest_source.http.redact import Redactor
from rest_source.http.request import Answer, Request
from rest_source.spec.environment import Environment
from rest_source.spec.jsonpath import compile_path
from rest_source.spec.login import LoginAuth, LoginRequest, LoginStep
from rest_source.spec.places import HeaderValue
from rest_source.spec.send import Send
from rest_source.spec.template import Scope, plain_text, render, render_json


class Login:
    """The flow of one `auth`, which always begins with its first step: a login has nothing to renew."""

    def __init__(
        self,
        auth: LoginAuth,
        base_url: str,
        environment: Environment,
        now: Callable[[], datetime],
        redactor: Redactor,
    ) -> None:
        self._steps = auth.chain
        self._base_url = base_url
        self._environment = environment
        self._now = now
        self._redactor = redactor
        self._has_cookie = False
        """Whether an answer has set one: a server need not set it again where it is sent to it."""

    def renew(self, last: Grant | None) -> Flow:
        """A new sign-in, whatever the last one was."""
        issued_at, ends = self._now().timestamp(), []
        tokens: dict[str, str] = {}
        credentials = Credentials()
        for step in self._steps:
            answer = yield self._signed(step.request, compose(step.request, self._base_url, self._scope(tokens)))
            token = self._token(step, answer)
            self._has_cookie |= sets_cookie(answer)
            if step.name is not None:
                tokens[f"login.{step.name}"] = token
            credentials += self._sent(step, token)
            ends.append(_end(step, answer, issued_at))
        if not self._has_cookie and all(step.token is None for step in self._steps):
            raise nothing_brought(answer, self._redactor.mask)
        return Grant(credentials, issued_at, min((end for end in ends if end is not None), default=None))

    def _signed(self, written: LoginRequest, request: Request) -> Request:
        if written.auth is None:
            return request
        own = fixed(written.auth, self._environment, "auth.request.auth")
        self._redactor.register(*own.secrets)
        return own.apply(request)

    def _token(self, step: LoginStep, answer: Answer) -> str:
        token = read(step, answer, self._redactor.mask)
        self._redactor.register(token)  # before a later step sends it, and may show it where that fails
        return token

    def _sent(self, step: LoginStep, token: str) -> Credentials:
        if step.token is None or (step.send is None and step is not self._steps[-1]):
            return Credentials()
        return sent(step.send or Send(), token, self._environment)

    def _scope(self, tokens: dict[str, str]) -> Scope:
        def lookup(name: str) -> str:
            return tokens[name] if name in tokens else self._environment.template(name)

        return Scope({"now": self._now()}, lookup)


def compose(request: LoginRequest, base_url: str, scope: Scope) -> Request:
    """The request of a step."""
    headers = [(name, render(plain_text(value), scope)) for name, value in request.headers.items() if value is not None]
    body, kind = None, ""
    if request.form is not None:
        body, kind = urlencode(pairs(render_json(request.form, scope))).encode(), "application/x-www-form-urlencoded"
    elif request.body is not None:
        body, kind = json.dumps(render_json(request.body, scope)).encode(), "application/json"
    if kind and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", kind))
    url = joined(base_url, render(request.path, scope, encode=True))
    return Request(request.verb, url, tuple(pairs(render_json(request.params, scope))), tuple(headers), body)


def read(step: LoginStep, answer: Answer, mask: Mask) -> str:
    """The token of an answer, empty where the step wants none; raises where it is not there.

    A redirect is an answer too: sign-in forms lead elsewhere when they have set their cookie.
    """
    if not 200 <= answer.status < 400 and answer.status not in step.request.ok_statuses:
        raise refused(http_error(answer, "", mask).message)
    if step.token is None:
        return ""
    token = answer.headers.get(step.token.header) if isinstance(step.token, HeaderValue) else _find(step.token, answer)
    if isinstance(token, bool) or not isinstance(token, str | int) or token == "":
        raise token_missing(step.token, answer, mask)
    return str(token)


def _find(path: str, answer: Answer) -> Any:
    return compile_path(path).first(document_of(answer))


def _end(step: LoginStep, answer: Answer, issued_at: float) -> float | None:
    lifetime = step.expires_in
    return end_of(_find(lifetime, answer) if isinstance(lifetime, str) else lifetime, issued_at)
