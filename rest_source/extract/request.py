"""The HTTP request of a page: the endpoint's templates rendered, the page's own values put in."""

import json
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from rest_source.extract.page import PageRequest
from rest_source.extract.slices import Slice
from rest_source.http.compose import Pairs, joined, pairs
from rest_source.http.request import Request
from rest_source.spec.combinations import texts, used
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.environment import Environment
from rest_source.spec.pagination import Cursor
from rest_source.spec.source import SourceSpec
from rest_source.spec.template import Instant, Scope, parse, plain_text, render, render_json, segment


@dataclass(frozen=True)
class RequestBuilder:
    """Builds the requests of one slice of a load; `now` is frozen for all slices.

    What is the same for all pages is rendered once.
    """

    source: SourceSpec
    endpoint: EndpointSpec
    environment: Environment
    now: datetime
    part: Slice = field(default_factory=Slice)

    def build(self, page: PageRequest) -> Request:
        """The request for a page. A next URL is sent as it is: no parameters of ours are added again."""
        url, params = (page.url, []) if page.url else self._url(page)
        body, content_type = self._body(page)
        # What the server named is not a template, whatever braces it holds.
        named = {name.lower(): (name, plain_text(value)) for name, value in page.headers.items()}
        headers = list((self._headers | named).values())
        if content_type and not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", content_type))
        return Request(self.endpoint.method, url, tuple(params), tuple(headers), body)

    def _url(self, page: PageRequest) -> tuple[str, Pairs]:
        url, params = self._address(page) if page.path else self._first_address
        return url, [(name, value) for name, value in params if name not in page.query] + pairs(page.query)

    @cached_property
    def _first_address(self) -> tuple[str, Pairs]:
        return self._address(PageRequest())

    def _address(self, page: PageRequest) -> tuple[str, Pairs]:
        """The URL of a page without its parameters, and those that all pages have."""
        parts = urlsplit(joined(render(self.source.base_url, self._scope), self._path(page)))
        own = render_json(self.endpoint.params, self._scope)
        params = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in own]
        return urlunsplit(parts._replace(query="", fragment="")), params + pairs(own)

    def _path(self, page: PageRequest) -> str:
        """The path with the cursor in its `{param}`, or as a further segment; the first page has none."""
        path, pagination = self.endpoint.path, self.endpoint.pagination
        if not isinstance(pagination, Cursor) or pagination.place != "path":
            return render(path, self._scope, encode=True)
        segments = [segment(plain_text(value)) for value in page.path.values()]
        placeholder = f"{{{pagination.param}}}"
        if placeholder in path:
            parts = path.split(placeholder if segments else f"/{placeholder}")
            return "".join(segments).join(render(part, self._scope, encode=True) for part in parts)
        head, mark, query = render(path, self._scope, encode=True).partition("?")
        return "/".join([head.rstrip("/") if segments else head, *segments]) + mark + query

    @cached_property
    def _headers(self) -> dict[str, tuple[str, str]]:
        merged: dict[str, tuple[str, Any]] = {}
        for headers in (self.source.headers, self.endpoint.headers):
            merged |= {name.lower(): (name, value) for name, value in headers.items()}
        return {
            key: (name, plain_text(text))
            for key, (name, value) in merged.items()
            if (text := render_json(value, self._scope)) is not None
        }

    def _body(self, page: PageRequest) -> tuple[bytes | None, str | None]:
        endpoint = self.endpoint
        if endpoint.form is not None:
            form = pairs({**render_json(endpoint.form, self._scope), **page.body})
            return urlencode(form, errors="surrogatepass").encode(), "application/x-www-form-urlencoded"
        if endpoint.body is None and not page.body:
            return None, None
        body = render_json(deepcopy(endpoint.body), self._scope) if endpoint.body is not None else {}
        for path, value in page.body.items():
            _put(body, path.split("."), value)
        # In ASCII, as a cursor may hold half a surrogate pair, which has no UTF-8.
        return json.dumps(body, separators=(",", ":")).encode(), "application/json"

    @cached_property
    def _scope(self) -> Scope:
        now = self.now.astimezone(ZoneInfo(self.source.timezone))
        return Scope({"now": now, **self.part.instants}, self._look_up)

    def _look_up(self, name: str) -> Any:
        return self.part.values[name] if name in self.part.values else self.environment.template(name)


def _put(body: dict[str, Any], path: list[str], value: Any) -> None:
    for step in path[:-1]:
        inner = body.get(step)
        body[step] = inner if isinstance(inner, dict) else {}
        body = body[step]
    body[path[-1]] = value


def frozen_instants(source: SourceSpec, endpoint: EndpointSpec, now: datetime) -> list[str]:
    """Every `{now…}` of an endpoint's requests as it is rendered, in order."""
    values = [source.base_url, source.headers, *(getattr(endpoint, key) for key in ("path", "params", "headers"))]
    values += [endpoint.incremental.initial, endpoint.incremental.until] if endpoint.incremental else []
    local = now.astimezone(ZoneInfo(source.timezone))
    ends_now = endpoint.incremental and endpoint.incremental.until is None and "window.end" in used(endpoint)
    return [local.isoformat()] * bool(ends_now) + [
        part.render(local)
        for _, text in texts([*values, endpoint.body, endpoint.form])
        for part in parse(text)
        if isinstance(part, Instant) and part.name == "now"
    ]
