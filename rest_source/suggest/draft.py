"""A URL with headers as the beginning of a source: its parts where the file has them, and no secret among them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit, urlunsplit

from rest_source.errors import RestSourceError
from rest_source.spec.base import free_name
from rest_source.suggest.vocabulary import is_secret

_BASE = re.compile(r"v\d[\w.-]*|api|rest|wp-json|wp|odata|services|data|public|json|\d+(\.\d+)+", re.IGNORECASE)
_NOT_NAMES = re.compile(r"\d+|[0-9a-fA-F-]{24,36}|index|v\d+")
_OUTER = ("api", "www", "data", "rest", "app")


@dataclass(frozen=True, slots=True)
class Draft:
    """A source with one endpoint, as far as a URL and headers tell.

    `source` has the keys of a source without its endpoints, `variables` the secrets that it refers to by name.
    """

    source: Mapping[str, Any]
    name: str
    path: str
    params: Mapping[str, Any]
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, Any] = field(default_factory=dict)

    def endpoint(self, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The endpoint that asks for exactly the URL, or with other parameters."""
        params = self.params if params is None else params
        return {
            "name": self.name,
            "path": self.path,
            **({"params": dict(params)} if params else {}),
            **({"headers": dict(self.headers)} if self.headers else {}),
        }


class _Secrets:
    """Gives each secret the name of a variable, and keeps both."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.variables: dict[str, str] = {}

    def named(self, name: str, value: str) -> Any:
        """A reference to the value; one that refers to a variable already stays as it is."""
        if "{env." in value:
            return value
        plain = re.sub(r"\W+", "_", f"{self._prefix}_{name}", flags=re.ASCII).upper().strip("_")
        variable = free_name(plain if plain[:1].isalpha() else f"API_{plain}", self.variables)
        self.variables[variable] = value
        return {"env": variable}


def draft(
    url: str, headers: Sequence[tuple[str, str]] = (), name: str | None = None, source_name: str | None = None
) -> Draft:
    """The draft for a URL. What looks like a secret in it or in the headers becomes a variable."""
    parts = split_url(url)
    source_name = source_name or source_name_of(parts.hostname or "")
    base, path = split_path(parts.path)
    secrets = _Secrets(source_name)
    host = parts.netloc.rpartition("@")[2]
    source: dict[str, Any] = {"name": source_name, "base_url": urlunsplit((parts.scheme, host, base, "", ""))}
    auth, kept = _auth(parts.username, parts.password, headers, secrets)
    params = dict(_params(parts.query, secrets))
    if not auth and (key := next((key for key, value in params.items() if isinstance(value, dict)), None)):
        auth = {"type": "api_key", "name": key, "value": params.pop(key), "in": "query"}
    source |= {"auth": auth} if auth else {}
    source |= {"headers": kept} if kept else {}
    return Draft(source, name or endpoint_name(path) or "items", path, params, secrets.variables)


def split_url(url: str) -> SplitResult:
    """The parts of a URL; raises RestSourceError where it is none."""
    with suppress(ValueError):  # such as a bracket that is not closed
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname:
            return parts
    raise RestSourceError(
        "invalid_url", f"`{url}` is not a URL.", remedy="Write one such as https://api.example.com/v1."
    )


def split_path(path: str) -> tuple[str, str]:
    """What belongs to `base_url`, such as /api/v2, and the rest, which is an endpoint's path."""
    segments = path.split("/")[1:]
    leading = 0
    for index, segment in enumerate(segments[:-1]):
        if _BASE.fullmatch(unquote(segment)):
            leading = index + 1
    if len(segments) == 1 and re.fullmatch(r"v\d[\w.]*|api", segments[0]):
        leading = 1
    base = "".join(f"/{segment}" for segment in segments[:leading])
    return base, path[len(base) :] or "/"


def source_name_of(host: str) -> str:
    """A name for a source by its host: `github` for api.github.com, `api` where there is only an address."""
    labels = [label for label in host.lower().split(".") if label not in _OUTER]
    plain = re.fullmatch(r"[\d.]*|\[?[0-9a-f:]*\]?|localhost", host) is not None
    return "api" if plain or not labels else re.sub(r"\W", "_", labels[0], flags=re.ASCII)


def endpoint_name(path: str) -> str:
    """A name for an endpoint by its path: the last segment that is no id."""
    segments = [re.sub(r"\.\w{2,5}$", "", unquote(part)) for part in path.split("/")]
    words = [segment for segment in segments if segment and not _NOT_NAMES.fullmatch(segment)]
    return re.sub(r"\W+", "_", words[-1], flags=re.ASCII).strip("_").lower() if words else ""


def _auth(
    user: str | None, password: str | None, headers: Sequence[tuple[str, str]], secrets: _Secrets
) -> tuple[dict[str, Any], dict[str, Any]]:
    """How the request signs in, and its headers that are not a part of that."""
    auth: dict[str, Any] = {}
    if user:
        auth = {"type": "basic", "username": secrets.named("user", unquote(user))}
        auth |= {"password": secrets.named("password", unquote(password))} if password else {}
    kept: dict[str, Any] = {}
    for name, value in headers:
        kind, _, token = value.partition(" ")
        if name.lower() == "authorization" and kind.lower() == "bearer" and not auth:
            auth = {"type": "bearer", "token": secrets.named("token", token.strip())}
        elif is_secret(name) and name.lower() not in ("authorization", "cookie") and not auth:
            auth = {"type": "api_key", "name": name, "value": secrets.named(name, value)}
        else:
            kept[name] = secrets.named(name, value) if is_secret(name) else value
    return auth, kept


def _params(query: str, secrets: _Secrets) -> Iterator[tuple[str, Any]]:
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        values.setdefault(name, []).append(value)
    for name, items in values.items():
        if is_secret(name) and items[0]:
            yield name, secrets.named(name, items[0])
        else:
            yield name, _plain(items[0]) if len(items) == 1 else list(map(_plain, items))


def _plain(value: str) -> int | str:
    return int(value) if re.fullmatch(r"0|[1-9]\d{0,17}", value) else value
