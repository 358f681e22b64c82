"""Where our credentials may go, and what a request loses that goes elsewhere.

APIs hand out URLs (a next page, a redirect) that lead to other hosts. Those are followed, without secrets.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from socket import inet_aton
from typing import NamedTuple
from urllib.parse import unquote_plus

from urllib3.exceptions import LocationValueError
from urllib3.util import Url, parse_url

from rest_source.errors import RestSourceError
from rest_source.http.request import Request
from rest_source.spec.auth import Auth, OAuth2Auth
from rest_source.spec.environment import Environment
from rest_source.spec.login import LoginAuth
from rest_source.spec.source import SourceSpec
from rest_source.spec.template import Named, Part, Scope, names, parse, render, value_of

_PORTS = {"http": 80, "https": 443}
_NAT64 = IPv6Network("64:ff9b::/96")
"""IPv4 addresses as networks of IPv6 alone reach them (RFC 6052)."""
_AUTHORITY = re.compile(r"(https?://[^/?#]*)[/?#]")
_PERSONAL = frozenset({"authorization", "cookie", "proxy-authorization"})


class Origin(NamedTuple):
    """Scheme, host and port: two URLs of one origin are served by one party (RFC 6454)."""

    scheme: str
    host: str
    port: int


def origin(url: str) -> Origin | None:
    """The origin of a URL, or None if it has none.

    urllib3 reads it, because urllib3 connects: with another parser, a crooked URL could show one host here
    and lead to another.
    """
    try:
        parts = parse_url(url)
    except LocationValueError:
        return None
    if parts.scheme not in _PORTS or not parts.host:
        return None
    return Origin(parts.scheme, parts.host, parts.port or _PORTS[parts.scheme])


@dataclass(frozen=True, slots=True)
class Fence:
    """The origins and hosts that get credentials; `hosts` get them at any port, over one of `schemes`."""

    origins: frozenset[Origin]
    hosts: frozenset[str] = frozenset()
    schemes: frozenset[str] = frozenset({"https"})

    def admits(self, url: str) -> bool:
        """Whether credentials may be sent to this URL."""
        target = origin(url)
        if target is None:
            return False
        return target in self.origins or (target.host in self.hosts and target.scheme in self.schemes)


def fence(source: SourceSpec, environment: Environment, now: float) -> Fence:
    """The fence of a source: its base URL, its allowed hosts, and hosts that its endpoints and `auth` spell out."""
    scope = Scope(instants={"now": datetime.fromtimestamp(now, UTC)}, lookup=environment.template)
    base = origin(render(source.base_url, scope))
    if base is None:
        raise RestSourceError(
            "invalid_url",
            f"`base_url: {source.base_url}` is not a URL.",
            cause="It, or the variable it is read from, names no host, or a scheme other than http and https.",
            remedy="Write it as https://host/path.",
        )
    schemes = frozenset({base.scheme, "https"})
    allowed = [_allowed(render(host, scope)) for host in source.allowed_hosts]
    exact = {Origin(scheme, url.host, url.port) for url in allowed for scheme in schemes if url.host and url.port}
    anywhere = frozenset(url.host for url in allowed if url.host and not url.port)
    paths = [endpoint.path for endpoint in source.endpoints]
    auths = (source.auth, *(endpoint.auth for endpoint in source.endpoints if endpoint.auth))
    written = _written([*paths, *(address for auth in auths for address in _addresses(auth))], scope)
    return Fence(frozenset({base, *exact, *written}), anywhere, schemes)


def _allowed(host: str) -> Url:
    try:
        return parse_url(host)
    except LocationValueError:
        raise RestSourceError(
            "invalid_url",
            f"`{host}` in `allowed_hosts` is not a host.",
            remedy="Write a host name, such as files.example.com, or host:port.",
        ) from None


def _addresses(auth: Auth) -> list[str]:
    """Where a sign-in goes."""
    match auth:
        case OAuth2Auth():
            return [auth.token_url]
        case LoginAuth():
            return [step.request.path for step in auth.chain]
        case _:
            return []


def _written(paths: Iterable[str], scope: Scope) -> Iterator[Origin]:
    """The origins of full URLs in the file, and the same hosts over https.

    A host that comes from a parent's records is the API's word, not the file's, and is not trusted.
    """
    for path in paths:
        try:
            found = origin(_authority(path, scope))
        except RestSourceError:  # a variable that this load may not need; its own endpoint reports it
            continue
        if found:
            default = found.port == _PORTS[found.scheme]
            yield from (found, Origin("https", found.host, _PORTS["https"] if default else found.port))


def _authority(path: str, scope: Scope) -> str:
    """Scheme, host and port of a path that is a URL, empty unless the file and its variables say all of them."""
    known = ""
    for part in parse(path):
        if not isinstance(part, str) and not _is_variable(part):
            break
        known += part if isinstance(part, str) else value_of(part, scope)
    else:
        known += "/"
    match = _AUTHORITY.match(known)
    return match[1] if match else ""


def _is_variable(part: Part) -> bool:
    return isinstance(part, Named) and all(name.startswith("env.") for name in (part.name, *names(part.default or "")))


def strip(request: Request, leaks: Callable[[str], bool]) -> Request:
    """The request as strangers may see it: without headers and parameters that hold a secret."""
    if is_link_local(_host(request.url)):
        raise link_local(_host(request.url))
    if request.body is not None and leaks(request.body.decode(errors="replace")):
        raise RestSourceError(
            "secret_in_body",
            "The body holds a secret and would go to a host that may not have it.",
            cause="The request left base_url's origin, by a redirect or a next page's URL.",
            remedy=f"If the host is trustworthy, add it: `allowed_hosts: [{_host(request.url)}]`.",
        )
    headers = tuple((name, value) for name, value in request.headers if not _personal(name) and not leaks(value))
    url, mark, query = request.full_url.partition("?")
    kept = [pair for pair in query.split("&") if not _leaks(pair, leaks)]
    return replace(request, url=url + mark + "&".join(kept), params=(), headers=headers)


def _leaks(pair: str, leaks: Callable[[str], bool]) -> bool:
    """Whether name or value of a parameter holds a secret, as it stands there or decoded."""
    name, _, value = pair.partition("=")
    return any(leaks(text) for part in (name, value) for text in (part, unquote_plus(part)))


def link_local(host: str) -> RestSourceError:
    """The refusal of a host that an API led to, by its address or by a name for that."""
    return RestSourceError(
        "link_local_address",
        f"The API leads to {host}, an address of this machine's own network, which was not asked.",
        cause="Cloud machines serve their own credentials there, where no API leads with good intent.",
        remedy="Look at the answer of the API; if the address is right, write it as `base_url`.",
    )


def is_link_local(host: str) -> bool:
    """Whether the host is spelled as a link-local address, in any of the ways resolvers accept."""
    with suppress(OSError, UnicodeError):
        return IPv4Address(inet_aton(host)).is_link_local
    try:
        address = IPv6Address(host.strip("[]"))
    except ValueError:
        return False
    inner = IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address.ipv4_mapped
    return (inner or address).is_link_local


def _personal(name: str) -> bool:
    return name.lower() in _PERSONAL


def _host(url: str) -> str:
    target = origin(url)
    return target.host if target else "host"


def explain(error: RestSourceError, url: str) -> RestSourceError:
    """A refusal, with what the fence has to do with it."""
    if error.status in (401, 403):
        error.cause = "The URL is not of base_url's origin, so it was asked without credentials."
        error.remedy = f"If the host is trustworthy, add it: `allowed_hosts: [{_host(url)}]`."
    return error
