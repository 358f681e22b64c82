"""What a request carries to prove who we are."""

from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from rest_source.errors import RestSourceError
from rest_source.http.headers import valid_value
from rest_source.http.request import Request
from rest_source.spec.environment import Environment
from rest_source.spec.send import TOKEN, Send
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
        headers = tuple(pair for pair in self.headers if pair[0].lower() not in own)
        headers += _with_cookies(request.headers, self.cookies)
        if not self.params:
            return replace(request, headers=headers)
        asked = {name for name, _ in parse_qsl(urlsplit(request.full_url).query, keep_blank_values=True)}
        params = tuple(pair for pair in self.params if pair[0] not in asked)
        return replace(request, headers=headers, params=request.params + params)

    def __add__(self, other: "Credentials") -> "Credentials":
        """Both together."""
        return Credentials(
            self.headers + other.headers,
            self.params + other.params,
            self.cookies + other.cookies,
            self.secrets + other.secrets,
        )


def _with_cookies(headers: Pairs, cookies: Pairs) -> Pairs:
    if not cookies:
        return headers
    crumbs = [value for name, value in headers if name.lower() == "cookie"]
    crumbs += [f"{name}={value}" for name, value in cookies]
    return (*(pair for pair in headers if pair[0].lower() != "cookie"), ("Cookie", "; ".join(crumbs)))


def placed(
    place: Literal["header", "query", "cookie"], name: str, value: str, secrets: tuple[str, ...] = ()
) -> Credentials:
    """A value under its name, where the file says."""
    match place:
        case "header":
            return Credentials(headers=((name, value),), secrets=secrets)
        case "query":
            return Credentials(params=((name, value),), secrets=secrets)
        case "cookie":
            return Credentials(cookies=((name, value),), secrets=secrets)


def sent(send: Send, token: str, environment: Environment) -> Credentials:
    """A token that was handed out, as `send` wants it; raises where no header can hold it."""
    name = resolved_header(send.name or "Authorization", "send.name", environment)
    value = resolved(send.template, "send.format", environment).replace(TOKEN, token)
    if send.place != "query":
        value = valid_value(value, "the token of the sign-in")
    return placed(send.place, name, value, secrets=(token,))


def literal(text: str | None) -> tuple[str, ...]:
    """A secret written in the file itself; one that comes from a variable is masked by its name."""
    return (text,) if text and not names(text) else ()


def resolved(text: str, key: str, environment: Environment) -> str:
    """A text of `auth` with its variables; `key` is what errors call it."""
    foreign = [name for name in names(text) if not name.startswith("env.")]
    if foreign:
        raise RestSourceError(
            "invalid_auth",
            f"`{{{foreign[0]}}}` has no value in `{key}`.",
            cause="Credentials are the same for all requests of a load.",
            remedy="Use {env: NAME} or {env.NAME} only.",
        )
    return render(text, Scope(instants={}, lookup=environment.template))


def resolved_header(text: str, key: str, environment: Environment) -> str:
    """The same for what goes into a header, where not every character can stand."""
    variables = ", ".join(f"{{{name}}}" for name in names(text))
    return valid_value(resolved(text, key, environment), f"`{key}`" + (f", read from {variables}" if variables else ""))
