"""From the file's `auth` to what a request carries."""

import base64
from dataclasses import dataclass, replace
from typing import assert_never
from urllib.parse import parse_qsl, urlsplit

from rest_source.errors import RestSourceError
from rest_source.http.headers import valid_value
from rest_source.http.request import Request
from rest_source.spec.auth import ApiKeyAuth, Auth, BasicAuth, BearerAuth, NoAuth
from rest_source.spec.environment import Environment
from rest_source.spec.template import Scope, names, render

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What proves who we are; `secrets` are texts to mask that no environment variable holds as they are."""

    headers: Pairs = ()
    params: Pairs = ()
    cookies: Pairs = ()
    secrets: tuple[str, ...] = ()

    def apply(self, request: Request) -> Request:
        """The request with credentials, which never replace a header or parameter it has already."""
        own = {name.lower() for name, _ in request.headers}
        asked = {name for name, _ in parse_qsl(urlsplit(request.full_url).query, keep_blank_values=True)}
        headers = tuple(pair for pair in self.headers if pair[0].lower() not in own)
        params = tuple(pair for pair in self.params if pair[0] not in asked)
        return replace(
            request, headers=headers + _with_cookies(request.headers, self.cookies), params=request.params + params
        )


def _with_cookies(headers: Pairs, cookies: Pairs) -> Pairs:
    if not cookies:
        return headers
    crumbs = [value for name, value in headers if name.lower() == "cookie"]
    crumbs += [f"{name}={value}" for name, value in cookies]
    return (*(pair for pair in headers if pair[0].lower() != "cookie"), ("Cookie", "; ".join(crumbs)))


def credentials(auth: Auth, environment: Environment) -> Credentials:
    """What every request to the API carries; raises where a variable is missing or cannot be sent."""
    match auth:
        case NoAuth():
            return Credentials()
        case BasicAuth():
            return _basic(auth, environment)
        case BearerAuth():
            token = _header_text(auth.token, "auth.token", environment)
            return Credentials(headers=(("Authorization", f"Bearer {token}"),), secrets=_literal(auth.token))
        case ApiKeyAuth():
            return _api_key(auth, environment)
        case _ as never:
            assert_never(never)


def _basic(auth: BasicAuth, environment: Environment) -> Credentials:
    username = _text(auth.username, "auth.username", environment)
    password = _text(auth.password, "auth.password", environment)
    pair = base64.b64encode(f"{username}:{password}".encode("utf-8", "surrogateescape")).decode()
    return Credentials(headers=(("Authorization", f"Basic {pair}"),), secrets=(pair, *_literal(auth.password)))


def _api_key(auth: ApiKeyAuth, environment: Environment) -> Credentials:
    name = _header_text(auth.name, "auth.name", environment)
    secrets = _literal(auth.value)
    match auth.place:
        case "header":
            value = _header_text(auth.value, "auth.value", environment)
            return Credentials(headers=((name, value),), secrets=secrets)
        case "query":
            return Credentials(params=((name, _text(auth.value, "auth.value", environment)),), secrets=secrets)
        case "cookie":
            value = _header_text(auth.value, "auth.value", environment)
            return Credentials(cookies=((name, value),), secrets=secrets)


def _literal(text: str) -> tuple[str, ...]:
    """A secret written in the file itself; one that comes from a variable is masked by its name."""
    return (text,) if text and not names(text) else ()


def _text(text: str, key: str, environment: Environment) -> str:
    foreign = [name for name in names(text) if not name.startswith("env.")]
    if foreign:
        raise RestSourceError(
            "invalid_auth",
            f"`{{{foreign[0]}}}` has no value in `{key}`.",
            cause="Credentials are the same for all requests of a load.",
            remedy="Use {env: NAME} or {env.NAME} only.",
        )
    return render(text, Scope(instants={}, lookup=environment.template))


def _header_text(text: str, key: str, environment: Environment) -> str:
    variables = ", ".join(f"{{{name}}}" for name in names(text))
    return valid_value(_text(text, key, environment), f"`{key}`" + (f", read from {variables}" if variables else ""))
