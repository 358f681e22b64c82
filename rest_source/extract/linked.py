"""Pagers that follow: a cursor, a next URL or a Link header in each response names the next page."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from rest_source.errors import RestSourceError
from rest_source.extract.announced import leads_on
from rest_source.extract.document import LongNumber
from rest_source.extract.ends import declared_end, is_short, placed, says_more
from rest_source.extract.linked_remarks import ignored, no_cursor, no_text, not_scalar, stuck
from rest_source.extract.links import link_with_rel
from rest_source.extract.page import Next, PageRequest, Response, Stop
from rest_source.extract.trail import Trail
from rest_source.spec.jsonpath import MISSING, compile_path
from rest_source.spec.pagination import Cursor, LinkHeader, NextUrl, NoPagination, Paged
from rest_source.spec.places import ParamName

_SAME_FOR_CERTAIN = 10
"""Pages in a row with the records of page 1, each for a cursor of its own; some APIs repeat one or two by mistake."""


@dataclass(frozen=True, slots=True)
class LinkedState:
    """Where a followed series stands: its way, its pages so far, and the records of the largest.

    `same` counts the pages from the second on, as long as each holds the records of page 1.
    """

    trail: Trail = field(default_factory=Trail)
    index: int = 0
    largest: int = 0
    same: int = 0


class _Follower:
    """What the pagers that follow links share. They do not end at a total, which the check `complete` compares."""

    spec: Cursor | NextUrl | LinkHeader | NoPagination
    keeps_marks = False

    @property
    def keeps_digests(self) -> bool:
        return isinstance(self.spec, Paged) and self.spec.repeated_pages == "error"

    @property
    def tells_twins(self) -> bool:
        return self.keeps_digests

    def first(self) -> Next[LinkedState]:
        return Next(LinkedState(), PageRequest())

    def ahead(self, state: LinkedState) -> Next[LinkedState] | None:
        return None

    def knows_end(self, state: LinkedState) -> bool:
        return False

    def past_end(self, state: LinkedState, error: RestSourceError) -> Stop | None:
        return None

    def total(self, state: LinkedState, response: Response) -> int | None:
        return response.total(self.spec.total_records) if self.spec.total_records is not None else None

    def new(self, state: LinkedState, response: Response) -> int:
        return response.count

    def restore(self, state: Mapping[str, Any]) -> LinkedState:
        trail = state["trail"]
        return LinkedState(**{**state, "trail": Trail(**{**trail, "recent": tuple(trail["recent"])})})


@dataclass(frozen=True, slots=True)
class SinglePager(_Follower):
    """`none`: one request."""

    spec: NoPagination

    def advance(self, state: LinkedState, response: Response) -> Next[LinkedState] | Stop:
        return Stop("single_request")


@dataclass(frozen=True, slots=True)
class CursorPager(_Follower):
    """`cursor`: a token from the response or its last record goes into the next request."""

    spec: Cursor

    def first(self) -> Next[LinkedState]:
        return Next(
            LinkedState(), placed("template", self._sent({})) if self.spec.place == "template" else PageRequest()
        )

    def advance(self, state: LinkedState, response: Response) -> Next[LinkedState] | Stop:
        if end := declared_end(self.spec, response):
            return end
        tokens = self._tokens(response)
        if not tokens:
            return Stop("no_cursor", warnings=self._doubts(response))
        if ends_short(self.spec, state, response):
            return Stop("short_page")
        state = self._compared(state, response)
        place = self.spec.place
        if place not in ("body", "template") and any(isinstance(token, dict | list) for token in tokens.values()):
            raise not_scalar(self.spec)
        mark = json.dumps(next(iter(tokens.values())) if len(tokens) == 1 else list(tokens.items()), sort_keys=True)
        if self._stands_still(state, mark):
            if response.count < state.largest:
                return Stop("no_cursor")
            raise stuck(self.spec, mark, response.count)
        request = placed(place, self._sent(tokens), self.spec.alone)
        return Next(_step(state, response, mark, f"cursor {mark}", self.spec), request)

    def _compared(self, state: LinkedState, response: Response) -> LinkedState:
        """The state with one more page like page 1, if it is one; raises where all have been so for long."""
        if not state.index or state.same < state.index - 1 or self.spec.repeated_pages == "allow":
            return state
        if not response.count or response.twin() != 1:
            return state
        if state.same + 1 >= _SAME_FOR_CERTAIN:
            raise ignored(self.spec, state.index + 1)
        return replace(state, same=state.same + 1)

    def _stands_still(self, state: LinkedState, mark: str) -> bool:
        """Whether the last record is that of the page before, as on the last page of an API that includes it."""
        from_record = self.spec.source == "last_record" and self.spec.repeated_pages == "error"
        return from_record and state.trail.recent[-1:] == (_mark(mark),)

    def _doubts(self, response: Response) -> tuple[str, ...]:
        """Why the missing cursor may not be the end; a page of records always has a last one."""
        if says_more(self.spec, response):
            return (no_cursor(self.spec),)
        if self.spec.source != "last_record" or not response.count:
            return ()
        return (
            f"The last record of a page has no value at {self.spec.value}, so the series ended there. Check `value` of "
            "the pagination; with a `has_more` or `done` that tells the last page, nothing is asked beyond it.",
        )

    def _tokens(self, response: Response) -> dict[ParamName, Any]:
        found = {}
        for name, where in self.spec.tokens().items():
            if self.spec.source == "last_record":
                value = compile_path(where).first(response.last_record) if isinstance(where, str) else MISSING
                is_there = value is not False and value not in (None, "", [], {})
            else:
                value = response.find(where)
                is_there = leads_on(value)
            if is_there and value is not MISSING:
                found[name] = _plain(value)
        return found

    def _sent(self, tokens: Mapping[ParamName, Any]) -> list[tuple[ParamName, str, Any]]:
        if self.spec.place == "template":
            return [(self.spec.param, "next", tokens.get(self.spec.param))]
        return [(name, "next", token) for name, token in tokens.items()]


@dataclass(frozen=True, slots=True)
class NextUrlPager(_Follower):
    """`next_url`: the response holds the URL of the next page."""

    spec: NextUrl

    def advance(self, state: LinkedState, response: Response) -> Next[LinkedState] | Stop:
        if end := declared_end(self.spec, response):
            return end
        url = response.find(self.spec.path)
        if url is MISSING or url == 0 or not leads_on(url):
            return Stop("no_next_url")
        if not isinstance(url, str):
            raise no_text(self.spec, url)
        return _follow(self.spec, state, response, url, self._base(response))

    def _base(self, response: Response) -> str | None:
        """What a relative URL is relative to; None for `base_url`."""
        if self.spec.base == "request":
            return response.url
        if self.spec.base == "root":
            return None
        base = response.find(self.spec.base)
        return urljoin(response.url, base) if isinstance(base, str) else response.url


@dataclass(frozen=True, slots=True)
class LinkHeaderPager(_Follower):
    """`link_header`: the Link header (RFC 8288) names the next page."""

    spec: LinkHeader

    def advance(self, state: LinkedState, response: Response) -> Next[LinkedState] | Stop:
        if end := declared_end(self.spec, response):
            return end
        link = link_with_rel(response.headers.get("Link", ""), self.spec.rel)
        if link is None:
            return Stop("no_link")
        if any(link.params.get(name.lower()) == value for name, value in self.spec.stop_when.items()):
            return Stop("link_ends")
        return _follow(self.spec, state, response, link.target, response.url)


def ends_short(spec: Paged, state: LinkedState, response: Response) -> bool:
    """Whether the page is shorter than one before it, and the file takes that for the end."""
    return spec.stop_on_short_page and is_short(response.count, state.largest)


def _follow(
    spec: NextUrl | LinkHeader, state: LinkedState, response: Response, url: str, base: str | None
) -> Next[LinkedState] | Stop:
    try:
        target = urljoin(base, url.strip()) if base is not None else url.strip()
        if spec.keep_origin and urlsplit(target).netloc:
            asked = urlsplit(response.url)
            target = urlunsplit(urlsplit(target)._replace(scheme=asked.scheme, netloc=asked.netloc))
    except ValueError as error:
        raise RestSourceError(
            "next_url_invalid",
            f"The next page's URL is not a URL ({error}): {url}",
            remedy="Check where the pagination looks for the next page.",
        ) from None
    if ends_short(spec, state, response):
        return Stop("short_page")
    if spec.same_url == "end" and target == response.url:
        return Stop("same_url")
    if not state.trail.recent:
        state = replace(state, trail=state.trail.then(_mark(response.url)))
    following = _step(state, response, target, f"next URL {target}", spec)
    return Next(following, PageRequest(url=target))


def _step(state: LinkedState, response: Response, place: str, name: str, spec: Paged) -> LinkedState:
    mark = _mark(place)
    if spec.repeated_pages == "error" and state.trail.crosses(mark):
        own = " If its last page names its own URL, add `same_url: end`." if not isinstance(spec, Cursor) else ""
        raise RestSourceError(
            "pagination_loop",
            f"The API goes in a circle: the {name} was followed before.",
            cause="The server hands out a page it already gave; following it would never end.",
            remedy="Check where the pagination looks for the next page. If the API keeps one token while its pages "
            "move on (a scroll), add `repeated_pages: allow` and `stop_on_empty_page: true` to the pagination. If a "
            f"flag says that a page is the last, name it by `done`.{own}",
        )
    largest = max(state.largest, response.count)
    return replace(state, trail=state.trail.then(mark), index=state.index + 1, largest=largest)


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
