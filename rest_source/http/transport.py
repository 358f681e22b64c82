"""One exchange over the wire: no retries, no redirects, no decisions about credentials."""

import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import IncompleteRead
from pathlib import Path
from typing import Any, BinaryIO

import requests
import urllib3
from requests.cookies import RequestsCookieJar
from requests.utils import select_proxy
from urllib3.exceptions import InsecureRequestWarning, ProtocolError

from rest_source.errors import RestSourceError
from rest_source.http import headers
from rest_source.http.body import TIMES_ON_DISK, WhyWhole, read_body
from rest_source.http.charset import declared_codec, to_utf8
from rest_source.http.clock import SYSTEM_CLOCK, Clock
from rest_source.http.compression import decompressed
from rest_source.http.connections import PacedAdapter, StaleConnection
from rest_source.http.fence import Origin, is_link_local, link_local, origin
from rest_source.http.network_errors import CAUGHT, chain, network_error
from rest_source.http.request import Answer, Request
from rest_source.http.target import TargetedHeaders, target
from rest_source.http.tls import USUAL, Certificates
from rest_source.spec.source import Limits

_CHUNK = 256 * 1024
_POOL = 16


class _Session(requests.Session):
    """Leaves redirects to us: unasked, requests still prepares the next one and reads a whole body for it."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


class Transport:
    """Pools of connections with one cookie jar; safe from any thread. Large answers go to `folder`."""

    def __init__(
        self,
        limits: Limits,
        folder: Path | None = None,
        certificates: Certificates = USUAL,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._clock = clock
        self._concurrency = limits.concurrency
        self._max_bytes = limits.max_response
        self._timeout = limits.timeout.total_seconds() or None
        self._folder = folder
        self._cookies = RequestsCookieJar()
        self._session, self._large = self._new_session(), self._new_session(TIMES_ON_DISK)
        self._certificates = certificates
        self._routes: dict[tuple[str, bool], dict[str, Any]] = {}
        if certificates.verify is False:
            urllib3.disable_warnings(InsecureRequestWarning)  # each request's, as each load has one of ours

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()
        self._large.close()

    def exchange(
        self, request: Request, why_whole: WhyWhole | None = None, *, inside: bool, url: str
    ) -> Answer | RestSourceError:
        """The answer, or why there is none; `url` is what the answer calls itself, and the error says no place.

        Cookies and certificates go only to hosts `inside` the fence: the jar holds sign-ins, and a cookie's domain
        may be wider than the fence.
        Failures are returned, so that none carries requests' exceptions, whose texts hold full URLs.
        """
        try:
            prepared = self._prepare(request, inside)
            session = self._large if callable(why_whole) else self._session
            try:
                return self._answer(session, prepared, why_whole, inside, url)
            except CAUGHT as error:
                if not any(isinstance(cause, StaleConnection) for cause in chain(error)):
                    raise
            with closing(self._new_session(TIMES_ON_DISK if callable(why_whole) else 1)) as fresh:
                return self._answer(fresh, prepared, why_whole, inside, url)
        except RestSourceError as error:
            return error
        except CAUGHT as error:
            return network_error(error)

    def _answer(
        self,
        session: requests.Session,
        prepared: requests.PreparedRequest,
        why_whole: WhyWhole | None,
        inside: bool,
        url: str,
    ) -> Answer:
        with self._send(session, prepared, inside) as response:
            why_whole = why_whole if response.ok else None
            if callable(why_whole) and not _may_be_utf8(response):
                why_whole = "it is in a charset other than UTF-8"
            body = read_body(_arriving(response), self._max_bytes, why_whole, self._folder)
        if isinstance(body, bytes):
            body = to_utf8(body, response.headers.get("Content-Type", ""))
            return Answer(response.status_code, url, response.headers, body)
        return Answer(response.status_code, url, response.headers, _beginning(body), body)

    def _prepare(self, request: Request, cookies: bool) -> requests.PreparedRequest:
        # Prepared without the session, which would consult ~/.netrc for credentials and copy the jar unlocked.
        sent = headers.merged(headers.defaults(), request.headers)
        own = sent.pop("Cookie", "")
        jar = self._cookies if cookies else None
        prepared = requests.PreparedRequest()
        prepared.prepare(method=request.method, url=request.full_url, headers=sent, data=request.body, cookies=jar)
        if own:  # beside the jar's cookies, which requests would drop for such a header
            prepared.headers["Cookie"] = "; ".join(filter(None, (own, str(prepared.headers.get("Cookie", "")))))
        prepared.headers = TargetedHeaders(prepared.headers, target(request.full_url))
        return prepared

    def _send(self, session: requests.Session, prepared: requests.PreparedRequest, inside: bool) -> requests.Response:
        route = self._route(str(prepared.url), inside)
        if not inside and not select_proxy(str(prepared.url), route["proxies"]):  # a proxy looks names up itself
            _refuse_link_local(origin(str(prepared.url)))
        return session.send(prepared, stream=True, allow_redirects=False, timeout=self._timeout, **route)

    def _route(self, url: str, inside: bool) -> dict[str, Any]:
        """Proxies and CA bundle from the environment, unless the file has its own; looked up once per origin."""
        place = "/".join(url.split("/", 3)[:3]), inside
        if place not in self._routes:
            ours = self._certificates if inside else USUAL
            settings = self._session.merge_environment_settings(url, {}, True, ours.verify, ours.cert)
            self._routes[place] = {key: settings[key] for key in ("proxies", "verify", "cert")}
        return self._routes[place]

    def _new_session(self, times: int = 1) -> requests.Session:
        """Connections of their own, for answers of so many times the limit; the cookies are everybody's."""
        session, most = _Session(), max(_POOL, self._concurrency)
        adapter = PacedAdapter(self._max_bytes * times, self._clock, pool_connections=_POOL, pool_maxsize=most)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        session.cookies = self._cookies
        return session


def _refuse_link_local(target: Origin | None) -> None:
    """Raise where the name of a host that an API led to is one of a link-local address."""
    if target is None:  # no address that can be asked; sending it says so
        return
    for *_, (address, *_) in socket.getaddrinfo(target.host.strip("[]"), target.port, type=socket.SOCK_STREAM):
        if is_link_local(str(address)):
            raise link_local(target.host)


def _arriving(response: requests.Response) -> Iterator[bytes]:
    """The body as it comes, without its compression."""
    coding = response.headers.get("Content-Encoding", "")
    return decompressed(_raw(response), coding, response.ok)


def _raw(response: requests.Response) -> Iterator[bytes]:
    """The body as it is on the wire, without its framing."""
    try:
        yield from response.raw.stream(_CHUNK, decode_content=False)
    except (ProtocolError, ValueError) as error:  # a negative length of a chunk is a ValueError
        raise IncompleteRead(b"") from error


def _may_be_utf8(response: requests.Response) -> bool:
    return declared_codec(response.headers.get("Content-Type", "")) in (None, "utf-8", "ascii")


def _beginning(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(_CHUNK)
