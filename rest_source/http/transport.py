"""One exchange over the wire: no retries, no redirects, no decisions about credentials."""

from typing import Any

import requests

from rest_source.errors import RestSourceError
from rest_source.http import headers
from rest_source.http.errors import too_large
from rest_source.http.network_errors import CAUGHT, network_error
from rest_source.http.pace import PacedAdapter
from rest_source.http.request import Answer, Request
from rest_source.spec.source import Limits

_CHUNK = 256 * 1024
_POOL = 16


class _Session(requests.Session):
    """Leaves redirects to us: unasked, requests still prepares the next one and reads a whole body for it."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


class Transport:
    """A pool of connections with a cookie jar; safe from any thread."""

    def __init__(self, limits: Limits) -> None:
        self._max_bytes = limits.max_response
        self._timeout = limits.timeout.total_seconds() or None
        self._session = _Session()
        adapter = PacedAdapter(
            self._max_bytes, pool_connections=_POOL, pool_maxsize=max(_POOL, limits.concurrency), max_retries=0
        )
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._routes: dict[str, dict[str, Any]] = {}

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()

    def exchange(self, request: Request, *, cookies: bool, url: str, where: str) -> Answer | RestSourceError:
        """The answer, or why there is none; `url` is what the answer and `where` what the error calls it.

        Failures are returned, so that none carries requests' exceptions, whose texts hold full URLs.
        """
        try:
            with self._send(self._prepare(request, cookies)) as response:
                body = self._read(response)
            if body is None:
                return too_large(self._max_bytes, where)
            return Answer(response.status_code, url, response.headers, body)
        except RestSourceError as error:
            return error.at(where)
        except CAUGHT as error:
            return network_error(error, where)

    def _prepare(self, request: Request, cookies: bool) -> requests.PreparedRequest:
        # Prepared without the session, which would consult ~/.netrc for credentials and copy the jar unlocked.
        sent = headers.merged(headers.defaults(), request.headers)
        own = sent.pop("Cookie", "")
        jar = self._session.cookies if cookies else None
        prepared = requests.PreparedRequest()
        prepared.prepare(method=request.method, url=request.full_url, headers=sent, data=request.body, cookies=jar)
        if own:  # beside the jar's cookies, which requests would drop for such a header
            prepared.headers["Cookie"] = "; ".join(filter(None, (own, str(prepared.headers.get("Cookie", "")))))
        return prepared

    def _send(self, prepared: requests.PreparedRequest) -> requests.Response:
        route = self._route(str(prepared.url))
        return self._session.send(prepared, stream=True, allow_redirects=False, timeout=self._timeout, **route)

    def _route(self, url: str) -> dict[str, Any]:
        """Proxies and CA bundle from the environment, looked up once per origin."""
        place = "/".join(url.split("/", 3)[:3])
        if place not in self._routes:
            settings = self._session.merge_environment_settings(url, {}, True, None, None)
            self._routes[place] = {key: settings[key] for key in ("proxies", "verify", "cert")}
        return self._routes[place]

    def _read(self, response: requests.Response) -> bytes | None:
        """The decoded body, or None as soon as it exceeds the limit, however small it was on the wire."""
        chunks, size = [], 0
        for chunk in response.iter_content(_CHUNK):
            chunks.append(chunk)
            size += len(chunk)
            if size > self._max_bytes:
                return None
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)
