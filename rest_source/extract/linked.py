"""Pagers that follow: a cursor, a next URL or a Link header in each response names the next page."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any
from urllib.parse import urljoin

from rest_source.errors import RestSourceError
from rest_source.extract.announced import announced_pagination
from rest_source.extract.document import LongNumber
from rest_source.extract.links import link_with_rel
from rest_source.extract.page import Next, PageRequest, Response, Stop
from rest_source.spec.jsonpath import MISSING, compile_path
from rest_source.spec.pagination import Cursor, LinkHeader, NextUrl, NoPagination


@dataclass(frozen=True, slots=True)
class Trail:
    """Remembers enough of the way to notice a circle: the last two marks, and an anchor moved by Brent's rule.

    The last two catch A-A and A-B-A at once; the anchor catches a circle of any length within about three
    rounds, in constant space.
    """

    recent: tuple[str, ...] = ()
    anchor: str = ""
    walked: int = 0
    leash: int = 1

    def crosses(self, mark: str) -> bool:
        return mark in self.recent or (self.walked > 0 and mark == self.anchor)

    def then(self, mark: str) -> "Trail":
        recent = (*self.recent, mark)[-2:]
        if self.walked in (0, self.leash):
            return Trail(recent, mark, 1, max(1, self.leash * 2) if self.walked else 1)
        return Trail(recent, self.anchor, self.walked + 1, self.leash)


@dataclass(frozen=True, slots=True)
class LinkedState:
    """Where a followed series stands."""

    trail: Trail = field(default_factory=Trail)


class _Follower:
    """What the pagers that follow links share; none of them knows a total."""

    spec: Cursor | NextUrl | LinkHeader | NoPagination

    def first(self) -> Next[LinkedState]:
        return Next(LinkedState(), PageRequest())

    def ahead(self, state: LinkedState) -> Next[LinkedState] | None:
        return None

    def knows_end(self, state: LinkedState) -> bool:
        return False

    def past_end(self, state: LinkedState, status: int) -> Stop | None:
        return None

    def total(self, state: LinkedState, response: Response) -> int | None:
        return None

    def restore(self, state: Mapping[str, Any]) -> LinkedState:
        trail = state["trail"]
        return LinkedState(Trail(**{**trail, "recent": tuple(trail["recent"])}))


@dataclass(frozen=True, slots=True)
class SinglePager(_Follower):
    """`none`: one request; warns where the answer announces more."""

    spec: NoPagination

    def advance(self, state: LinkedState, response: Response) -> Next[LinkedState] | Stop:
        found = announced_pagination(response)
        if found is None:
            return Stop("single_request")
        sign, yaml = found
        warning = f"The answer announces more pages ({sign}), but the endpoint has no pagination. Write {yaml}"
        return Stop("single_request", warnings=(warning,))


@dataclass(frozen=True, slots=True)
class CursorPager(_Follower):
    """`cursor`: a token from the response or its last record goes into the next request."""

    spec: Cursor

    def advance(self, state: LinkedState, response: Response) -> Next[LinkedState] | Stop:
        cursor = self._cursor(response)
        more = _truth(compile_path(self.spec.has_more).first(response.document)) if self.spec.has_more else None
        if more is False:
            return Stop("has_more_false")
        if cursor is None:
            doubts = (_no_cursor(self.spec),) if more else _missed(state, response, f"no cursor at {self.spec.value}")
            return Stop("no_cursor", warnings=doubts)
        if response.count == 0 and self.spec.stop_on_empty_page:
            return Stop("empty_page")
        mark = json.dumps(cursor, sort_keys=True)
        return Next(_step(state, mark, f"cursor {mark}", self.spec.repeated_pages), self._request(cursor))

    def _cursor(self, response: Response) -> Any:
        spec = self.spec
        if spec.source == "last_record" and isinstance(spec.value, str):
            value = compile_path(spec.value).first(response.last_record)
        else:
            value = response.find(spec.value)
        return None if value is MISSING or value is False or value in ("", [], {}) else _plain(value)

    def _request(self, cursor: Any) -> PageRequest:
        place, values = self.spec.place, {self.spec.param: cursor}
        if place != "body" and isinstance(cursor, dict | list):
            raise RestSourceError(
                "cursor_not_scalar",
                f"The cursor at {self.spec.value} is an object or a list, which cannot be sent in the {place}.",
                remedy="Let `value` point at the text or number in it, or send it with `in: body`.",
            )
        match place:
            case "query":
                return PageRequest(query=values)
            case "body":
                return PageRequest(body=values)
            case "header":
                return PageRequest(headers=values)
            case "path":
                return PageRequest(path=values)


@dataclass(frozen=True, slots=True)
class NextUrlPager(_Follower):
    """`next_url`: the response holds the URL of the next page."""

    spec: NextUrl

    def advance(self, state: LinkedState, response: Response) -> Next[LinkedState] | Stop:
        url = response.find(self.spec.path)
        if url is MISSING or url is None or url is False or (isinstance(url, str) and not url.strip()):
            return Stop("no_next_url", warnings=_missed(state, response, f"no URL at {self.spec.path}"))
        if not isinstance(url, str):
            raise RestSourceError(
                "next_url_not_text",
                f"The next page's URL at {self.spec.path} is {type(url).__name__}, not text.",
                remedy="Let `path` point at the URL itself, such as $.links.next.href.",
            )
        return _follow(state, response, url, self.spec.repeated_pages)


@dataclass(frozen=True, slots=True)
class LinkHeaderPager(_Follower):
    """`link_header`: the Link header (RFC 8288) names the next page."""

    spec: LinkHeader

    def advance(self, state: LinkedState, response: Response) -> Next[LinkedState] | Stop:
        url = link_with_rel(response.headers.get("Link", ""), self.spec.rel)
        if not url:
            return Stop("no_link", warnings=_missed(state, response, f"no Link of rel={self.spec.rel}"))
        return _follow(state, response, url, self.spec.repeated_pages)


def _follow(state: LinkedState, response: Response, url: str, repeated: str) -> Next[LinkedState]:
    try:
        target = urljoin(response.url, url.strip())
    except ValueError as error:
        raise RestSourceError(
            "next_url_invalid",
            f"The next page's URL is not a URL ({error}): {url}",
            remedy="Check where the pagination looks for the next page.",
        ) from None
    if not state.trail.recent:
        state = LinkedState(state.trail.then(_mark(response.url)))
    return Next(_step(state, target, f"next URL {target}", repeated), PageRequest(url=target))


def _step(state: LinkedState, place: str, name: str, repeated: str) -> LinkedState:
    mark = _mark(place)
    if repeated == "error" and state.trail.crosses(mark):
        raise RestSourceError(
            "pagination_loop",
            f"The API goes in a circle: the {name} was followed before.",
            cause="The server hands out a page it already gave; following it would never end.",
            remedy="Check where the pagination looks for the next page. If the API keeps one token while its pages "
            "move on (a scroll), add `repeated_pages: allow` to the pagination.",
        )
    return replace(state, trail=state.trail.then(mark))


def _plain(value: Any) -> Any:
    """A cursor as JSON writes it; a number too long for Python's own stays digit for digit."""
    if isinstance(value, LongNumber):
        return int(value.text) if re.fullmatch(r"-?\d{1,1000}", value.text) else value.text
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _mark(place: str) -> str:
    """A fingerprint: a cursor may be long and a URL may hold a key, and the state is kept on disk."""
    return sha256(place.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _truth(value: Any) -> bool | None:
    if value is MISSING or value is None:
        return None
    if isinstance(value, str):
        return value.strip().lower() not in ("", "false", "0", "no", "n")
    return bool(value)


def _missed(state: LinkedState, response: Response, looked: str) -> tuple[str, ...]:
    """A warning where a series ends at its first page, though the answer announces more in another place."""
    found = None if state.trail.recent else announced_pagination(response)
    if found is None:
        return ()
    sign, yaml = found
    return (f"The answer announces more pages ({sign}), but holds {looked}, so the series ended. Write {yaml}",)


def _no_cursor(spec: Cursor) -> str:
    return (
        f"{spec.has_more} says that there is more, but {spec.value} holds no cursor; the series ended there. "
        "Check the `value` of the pagination."
    )
