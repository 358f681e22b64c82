"""Credentials that the file and the environment hold as they are sent."""

import base64

from rest_source.errors import RestSourceError
from rest_source.http.auth.credentials import Credentials, literal, placed, resolved, resolved_header
from rest_source.spec.environment import Environment
from rest_source.spec.fixed_auth import ApiKeyAuth, BasicAuth, BearerAuth, NoAuth
from rest_source.spec.template import Named, parse

FixedAuth = NoAuth | BasicAuth | BearerAuth | ApiKeyAuth


def credentials(auth: FixedAuth, environment: Environment, place: str = "auth") -> Credentials:
    """What every request to the API carries; raises where a variable is missing or cannot be sent.

    `place` is where the file holds them.
    """
    match auth:
        case NoAuth():
            return Credentials()
        case BasicAuth():
            return _basic(auth, environment, place)
        case BearerAuth():
            _refuse_empty(auth.token, f"{place}.token", environment)
            token = resolved_header(auth.token, f"{place}.token", environment)
            return Credentials(headers=(("Authorization", f"Bearer {token}"),), secrets=literal(auth.token))
        case ApiKeyAuth():
            return _api_key(auth, environment, place)


def _basic(auth: BasicAuth, environment: Environment, place: str) -> Credentials:
    pair = basic_pair(
        resolved(auth.username, f"{place}.username", environment),
        resolved(auth.password, f"{place}.password", environment),
    )
    return Credentials(headers=(("Authorization", f"Basic {pair}"),), secrets=(pair, *literal(auth.password)))


def basic_pair(username: str, password: str) -> str:
    """User and password as HTTP Basic sends them (RFC 7617), in UTF-8."""
    return base64.b64encode(f"{username}:{password}".encode("utf-8", "surrogateescape")).decode()


def _api_key(auth: ApiKeyAuth, environment: Environment, place: str) -> Credentials:
    _refuse_empty(auth.value, f"{place}.value", environment)
    name = resolved_header(auth.name, f"{place}.name", environment)
    read = resolved if auth.place == "query" else resolved_header
    return placed(auth.place, name, read(auth.value, f"{place}.value", environment), literal(auth.value))


def _refuse_empty(text: str, key: str, environment: Environment) -> None:
    """Raise where a variable of a token or key is empty, whose sign-in would be refused without a reason."""
    variables = [
        part.name
        for part in parse(text)
        if isinstance(part, Named) and part.name.startswith("env.") and not part.default
    ]
    if empty := [name.removeprefix("env.") for name in variables if not environment.template(name)]:
        raise RestSourceError(
            "missing_env",
            f"The environment variable {empty[0]} is set but empty, where `{key}` needs a value.",
            cause="A line such as `TOKEN=` in a .env file, or a secret that the deployment did not fill in.",
            remedy="Give it its value in the process that runs the load.",
        )
