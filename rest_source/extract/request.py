"""The HTTP request of a page: the endpoint's templates rendered, the page's own values put in."""

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit
from zoneinfo import ZoneInfo

from rest_source.extract.page import BodyPath, PageRequest
from rest_source.extract.slices import Slice
from rest_source.http.compose import Pairs, joined, pairs, without
from rest_source.http.request import Request
from rest_source.spec.combinations import opens_with_cursor, request_texts, texts, used
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.environment import Environment
from rest_source.spec.pagination import Cursor
from rest_source.spec.source import SourceSpec
from rest_source.spec.template import (
    ABSENT,
    POSITIONS,
    Scope,
    instants,
    plain_text,
    render,
    render_json,
    render_query,
    segment,
)


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
        if page.positions:
            return replace(self, part=replace(self.part, positions=page.positions)).build(replace(page, positions={}))
        url, params = (self._absolute(page.url), []) if page.url else self._url(page)
        body, content_type = self._body(page)
        # What the server named is not a template, whatever braces it holds.
        named = {name.lower(): (name, plain_text(value)) for name, value in page.headers.items()}
        headers = list((self._headers | named).values())
        if content_type and not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", content_type))
        return Request(self.endpoint.method, url, tuple(params), tuple(headers), body)

    def _absolute(self, url: str) -> str:
        """A URL that the API named, which may be relative to `base_url`."""
        return (
            url if urlsplit(url).scheme else urljoin(f"{render(self.source.base_url, self._scope).rstrip('/')}/", url)
        )

    def _url(self, page: PageRequest) -> tuple[str, Pairs]:
        """The URL with the query that is written, and the parameters behind it; those of the page win over both."""
        if self._stored_link and not page.query and not page.path:
            return self._stored_link, []
        url, query, params = self._address(page) if page.path else self._first_address
        if page.alone and not page.body:
            return url, pairs(page.query)
        kept = "&".join(without(query, page.query))
        own = [(name, value) for name, value in params if name not in page.query]
        return f"{url}?{kept}" if kept else url, own + pairs(page.query)

    @cached_property
    def _stored_link(self) -> str | None:
        """The URL of the first request where the cursor is one, as that of OData's deltaLink: it is sent as it is."""
        if not opens_with_cursor(self.endpoint):
            return None
        url = render(self.endpoint.path, self._scope, encode=True)
        return url if url.startswith(("http://", "https://")) else None

    @cached_property
    def _first_address(self) -> tuple[str, str, Pairs]:
        return self._address(PageRequest())

    def _address(self, page: PageRequest) -> tuple[str, str, Pairs]:
        """The URL of a page up to its query, the query as it is written, and the parameters that all pages have."""
        url, _, query = joined(render(self.source.base_url, self._scope), self._path(page)).partition("?")
        own = render_json(self.endpoint.params, self._scope)
        query_text = _without_absent(f"?{(self.endpoint.query or '').removeprefix('?')}", self.part.positions)
        written = render_query(query_text.removeprefix("?"), self._scope).replace("#", "%23")
        return url, "&".join([*without(query, own), *without(written, ())]), pairs(own)

    def _path(self, page: PageRequest) -> str:
        """The path with the cursor in its `{param}`, or as a further segment; the first page has none."""
        path, pagination = self.endpoint.path, self.endpoint.pagination
        if pagination.in_template:
            return render(_without_absent(path, self.part.positions), self._scope, encode=True)
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
            if (text := render_json(value, self._scope)) not in (None, ABSENT)
        }

    def _body(self, page: PageRequest) -> tuple[bytes | None, str | None]:
        endpoint = self.endpoint
        alone = page.alone and bool(page.body)
        if endpoint.form is not None:
            own = {} if alone else render_json(endpoint.form, self._scope)
            form = pairs({**own, **{".".join(map(str, path)): value for path, value in page.body}})
            return urlencode(form, errors="surrogatepass").encode(), "application/x-www-form-urlencoded"
        if endpoint.body is None and not page.body:
            return None, None
        body = {} if alone or endpoint.body is None else render_json(deepcopy(endpoint.body), self._scope)
        for path, value in page.body:
            body = _with(body, path, value)
        # In ASCII, as a cursor may hold half a surrogate pair, which has no UTF-8.
        return json.dumps(body, separators=(",", ":")).encode(), "application/json"

    @cached_property
    def _scope(self) -> Scope:
        now = self.now.astimezone(ZoneInfo(self.source.timezone))
        pagination = self.endpoint.pagination
        positions = pagination.positions() if pagination.in_template else ()
        return Scope({"now": now, **self.part.instants}, self._look_up, positions, self._floors())

    def _floors(self) -> dict[str, datetime]:
        """The moments before which no stretch of time ends, as `{window.end-1d}` would in one of less than a day."""
        known = self.part.instants
        starts = [name for name in ("window.start", "partition.start") if name in known]
        parts = [part for _, text in request_texts(self.endpoint) for part in instants(text)] if starts else []
        begun = {name: [part.shifted(known[name]) for part in parts if part.name == name] for name in starts}
        return {name.replace("start", "end"): min(begun[name], default=known[name]) for name in starts}

    def _look_up(self, name: str) -> Any:
        if name in POSITIONS:
            return self.part.positions.get(name)
        return self.part.values[name] if name in self.part.values else self.environment.template(name)


def _with(container: Any, path: BodyPath, value: Any) -> Any:
    """The container with a value at a path; what is not there yet is made, a list where the step is a place in one."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(container, list) and str(step).isdecimal():
        step = int(step)
    if isinstance(step, int):
        items = list(container) if isinstance(container, list) else []
        items += [None] * (step + 1 - len(items))
        items[step] = _with(items[step], rest, value)
        return items
    fields = dict(container) if isinstance(container, dict) else {}
    return fields | {step: _with(fields.get(step), rest, value)}


def _without_absent(path: str, positions: Mapping[str, Any]) -> str:
    """The path without the segments and parameters that are nothing but a position which has no value yet."""
    for name in [name for name, value in positions.items() if value is None]:
        place = re.escape(f"{{{name}}}")
        path = re.sub(rf"/{place}(?=[/?]|$)", "", path)
        path = re.sub(rf"([?&])[^=&?]+={place}(?=&|$)", r"\1", path)
    return path


def frozen_instants(source: SourceSpec, endpoint: EndpointSpec, now: datetime) -> list[str]:
    """Every `{now…}` of an endpoint's requests as it is rendered, in order."""
    values = [
        source.base_url,
        source.headers,
        *(getattr(endpoint, key) for key in ("path", "query", "params", "headers")),
    ]
    values += [endpoint.incremental.initial, endpoint.incremental.until] if endpoint.incremental else []
    local = now.astimezone(ZoneInfo(source.timezone))
    ends_now = endpoint.incremental and endpoint.incremental.until is None and "window.end" in used(endpoint)
    return [local.isoformat()] * bool(ends_now) + [
        part.render(local)
        for _, text in texts([*values, endpoint.body, endpoint.form])
        for part in instants(text)
        if part.name == "now"
    ]
