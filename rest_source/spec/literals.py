"""Keys and tokens that are written in the file, told by their form: files end up in repositories."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rest_source.spec.base import Location
from rest_source.spec.combinations import request_texts, texts
from rest_source.spec.template import names, parse

if TYPE_CHECKING:
    from rest_source.spec.endpoint import EndpointSpec
    from rest_source.spec.source import SourceSpec

_KNOWN = re.compile(
    r"\b(?:"
    r"[sr]k_(?:live|test)_\w{10,}"  # Stripe
    r"|gh[oprsu]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{18,}"  # GitHub, GitLab
    r"|xox[abeoprs]-[\w-]{10,}"  # Slack
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[\w-]{35}|ya29\.[\w-]{20,}"  # AWS, Google
    r"|eyJ[\w-]{10,}\.[\w-]{10,}(?:\.[\w-]*)?"  # JSON Web Token
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|key-[0-9a-f]{32}|xkeysib-[\w-]{20,}"  # SendGrid, Mailgun, Brevo
    r"|shp(?:at|ca|pa|ss)_\w{20,}|pat-[a-z]{2,3}\d?-[\w-]{20,}|(?:ntn|secret)_\w{30,}"  # Shopify, HubSpot, Notion
    r"|sk-[\w-]{20,}|hf_\w{20,}|lin_api_\w{20,}|dop_v1_\w{20,}|sq0[a-z]{3}-[\w-]{20,}"
    r")|-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"
)
_TOKEN = re.compile(r"[\w+/=.~-]{16,}")
_WORDS = re.compile(r"[a-z]+|[A-Z]+(?![a-z])|[A-Z][a-z]*")
_OF_SECRETS = frozenset(
    ("key", "apikey", "token", "secret", "password", "passwd", "pwd", "authorization", "auth", "signature", "sig")
) | {"credential", "credentials", "cookie"}
"""Words in the names of keys, parameters and headers that hold secrets."""
_OF_AUTH = ("value", "username")
"""Keys of `auth` that APIs take a key in."""
_OF_PASSWORDS = frozenset(("password", "passwd", "pwd", "secret"))
_SHORTEST = 8
_RANDOM = 3.0
"""Bits for each character from which on a text is no words; those have fewer, or no digits."""


def literals_of_source(source: "SourceSpec") -> dict[Location, list[str]]:
    """What looks like a secret in the keys that all endpoints share, by its place."""
    shared = {key: getattr(source, key) for key in ("base_url", "headers")}
    shared["auth"] = source.auth.model_dump(by_alias=True)
    return _found(texts(shared))


def literals_of_endpoint(endpoint: "EndpointSpec") -> dict[Location, list[str]]:
    """What looks like a secret in the requests of an endpoint, by its place."""
    auth = texts({"auth": endpoint.auth.model_dump(by_alias=True)} if endpoint.auth else {})
    return _found([*request_texts(endpoint), *auth])


def literal_warnings(source: "SourceSpec", endpoint: "EndpointSpec") -> Iterator[str]:
    """A warning for each; they say nothing about what a load reads."""
    yield from map(literal_warning, (*literals_of_source(source), *literals_of_endpoint(endpoint)))


def short_secrets(source: "SourceSpec", values: Mapping[str, str], shortest: int) -> Iterator[str]:
    """A warning for each variable of `auth` whose value is too short to be found in a text."""
    for loc, text in texts({"auth": source.auth.model_dump(by_alias=True)}):
        for name in names(text) if _holds_secrets(loc) and loc[-1] != "username" else ():
            variable = name.removeprefix("env.").partition("|")[0]
            if 0 < len(values.get(variable, "")) < shortest:
                yield (
                    f"{variable} has fewer than {shortest} characters: it is masked only where it is a whole value, "
                    "and is easy to guess."
                )


def literal_warning(place: Location) -> str:
    """The warning for a secret at a place."""
    return (
        f"`{'.'.join(map(str, place))}` holds what looks like a key or token, written in the file for all who can read "
        "it. Put it into a variable, and write {env: NAME} for it."
    )


def _found(located: list[tuple[Location, str]]) -> dict[Location, list[str]]:
    found = {loc: list(_secrets(loc, text)) for loc, text in located}
    return {loc: secrets for loc, secrets in found.items() if secrets}


def _secrets(loc: Location, text: str) -> Iterator[str]:
    name = next((step for step in reversed(loc) if isinstance(step, str)), "")
    words = {word.lower() for word in _WORDS.findall(name)}
    for part in parse(text):
        if not isinstance(part, str):
            continue
        if known := _KNOWN.search(part):
            yield known[0]
        elif words & _OF_PASSWORDS and len(part) >= _SHORTEST and _is_mixed(part):
            yield part
        elif _holds_secrets(loc):
            yield from (token for token in _TOKEN.findall(part) if _is_mixed(token) and _entropy(token) >= _RANDOM)


def _holds_secrets(loc: Location) -> bool:
    """Whether the key at a place is one of those that hold secrets."""
    name = next((step for step in reversed(loc) if isinstance(step, str)), "")
    words = {word.lower() for word in _WORDS.findall(name)}
    return bool(words & _OF_SECRETS) or (loc[0] == "auth" and name in _OF_AUTH)


def _is_mixed(token: str) -> bool:
    return bool(re.search(r"\d", token) and re.search(r"[A-Za-z]", token))


def _entropy(token: str) -> float:
    counts = Counter(token).values()
    return -sum(count / len(token) * math.log2(count / len(token)) for count in counts)
