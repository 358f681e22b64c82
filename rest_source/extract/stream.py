"""The pages of one load of an endpoint, fetched as they are asked for."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zlib import crc32

from rest_source.extract.capped import CappedWindows
from rest_source.extract.columns import Columns
from rest_source.extract.cursor_doubts import cursor_doubts
from rest_source.extract.cursors import Unordered
from rest_source.extract.doubted import Uncut
from rest_source.extract.familiar import Familiar
from rest_source.extract.fan import FanOut
from rest_source.extract.history import History
from rest_source.extract.increments import Increments, increments_of
from rest_source.extract.page import NOTHING, Ahead, FailedRequest, Next, Page, PageRequest, Stop, journalled
from rest_source.extract.pagers import pager_for
from rest_source.extract.reading import PageReader
from rest_source.extract.recovery import Interrupted
from rest_source.extract.request import RequestBuilder
from rest_source.extract.series import Series
from rest_source.extract.slices import Known, Partition, Slice, Slicer
from rest_source.extract.told import Told
from rest_source.http.request import Answer, Request, Tally
from rest_source.http.rules import Ruled
from rest_source.http.session import ApiSession
from rest_source.spec.doubts import doubts
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.environment import Environment
from rest_source.spec.pagination import OffsetLimit, PageNumber
from rest_source.spec.source import SourceSpec
from rest_source.spec.template import Scope
from rest_source.spec.variables import with_variables

_SKEW = timedelta(days=1)
"""How far the clock of an API may be ahead; a later time than that is none of a change."""


@dataclass(slots=True)
class PageStream:
    """A lazy stream of an endpoint's pages: nothing is requested before it is iterated.

    Iterating yields `Page`s in order and ends with one whose `after` is a `Stop`. Where the load is several series,
    they follow one another, whichever was answered first. `tally` counts requests, retries, waits and bytes; `warnings`
    gathers what a person should know though the load goes on; `cursors` has how far each scope was read, and
    `unordered` two values of each of which it is not certain which is the later. With
    `full_refresh` nothing of earlier loads is gone on with. With `until`, which may be raised between two pages,
    nothing is requested beyond that page of the first series; `watch` is shown each answer with its request.
    `returned` counts the records by which paging goes, and `shortfall` says what was announced beyond what was read.
    A load `shrunk` if a total fell while pages were read.
    """

    source: SourceSpec
    endpoint: EndpointSpec
    session: ApiSession
    environment: Environment
    full_refresh: bool = False
    partition: Partition | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    known: Known = field(default_factory=Known)
    columns: Columns = field(default_factory=Columns)
    tally: Tally = field(default_factory=Tally)
    until: int | None = None
    watch: Callable[[Request, Answer], None] | None = None
    warnings: list[str] = field(default_factory=list)
    cursors: dict[str, Any] = field(default_factory=dict)
    unordered: dict[str, tuple[str, str]] = field(default_factory=dict)
    failed: list[FailedRequest] = field(default_factory=list)
    ahead: Ahead | None = None
    total_reported: int | None = None
    first_request: str = ""
    pages: int = 0
    rows: int = 0
    returned: int = 0
    shortfall: str | None = None
    shrunk: bool = False
    _resumed: Interrupted | None = None
    _successor: "PageStream | None" = None
    _familiar: Familiar | None = field(init=False)
    _told: Told = field(init=False)
    _uncut: Uncut = field(default_factory=Uncut, init=False)
    _is_many: bool = False

    def __post_init__(self) -> None:
        self.endpoint = with_variables(self.endpoint, self.environment)
        self.session = self.session.by(self.endpoint.auth)
        self._familiar = Familiar.of(self.endpoint, self.columns)
        self._told = Told(self.warnings)
        self._told.add((*self.session.warnings, *doubts(self.source, self.endpoint)))

    def facts(self) -> dict[str, Any]:
        """How far the stream has come: for the report on a load that failed."""
        if self._successor is not None:
            return self._successor.facts()
        tally = self.tally
        return {
            "requests": tally.requests,
            "retries": tally.retries,
            "wait_seconds": round(tally.wait_seconds, 3),
            "bytes": tally.bytes,
            "pages": self.pages,
            "rows_read": self.rows,
            "first_request": self.first_request,
            "warnings": self.warnings,
        }

    def afresh(self, known: Known | None = None) -> "PageStream":
        """The same stream from its first page; requests go on being counted in the same tally."""
        self._successor = PageStream(
            self.source,
            self.endpoint,
            self.session,
            self.environment,
            self.full_refresh,
            self.partition,
            self.now,
            known or self.known,
            tally=self.tally,
        )
        return self._successor

    def of(self, partition: Partition) -> "PageStream":
        """The stream of one partition."""
        return PageStream(
            self.source, self.endpoint, self.session, self.environment, self.full_refresh, partition, self.now
        )

    def resumed(self, interrupted: Interrupted) -> "PageStream":
        """The stream that goes on where another run stopped, with that run's `now`."""
        # A parent loaded since then may be asked for no more: it comes again with the next load.
        known = replace(self.known, newest_parent=interrupted.manifest["newest_parent"])
        stream = replace(self.afresh(known), now=interrupted.now)
        self._successor = stream
        stream.columns.load(interrupted.columns)
        stream.warnings += interrupted.warnings
        stream.cursors |= interrupted.cursors
        stream.unordered |= interrupted.unordered
        stream.failed += [FailedRequest(**failed) for failed in interrupted.failed]
        stream.ahead = Ahead(**interrupted.ahead) if interrupted.ahead else None
        stream.total_reported = interrupted.last["total"]
        stream.pages, stream.rows = interrupted.pages, interrupted.last["rows"]
        stream.returned, stream.shortfall = interrupted.last["returned"], interrupted.shortfall
        stream.shrunk = interrupted.shrunk
        stream._resumed = interrupted
        return stream

    @property
    def stop_reason(self) -> str:
        """Why the load stopped, where that is known before it is iterated."""
        return str(self._resumed.last["stop"]["reason"]) if self._resumed and self._resumed.is_complete else ""

    def request(self, page: PageRequest) -> Request:
        """The request of a page of the first series, before credentials."""
        part = next(iter(self.slices), Slice())
        return RequestBuilder(self.source, self.endpoint, self.environment, self.now, part).build(page)

    @property
    def reached(self) -> dict[str, Any]:
        """How far each scope was read without a gap: a failed series stays where it was, and so does one without order.

        A load that was gone on with may have missed what changed before its position in the meantime. The next load
        asks for all that changed since this one began.
        """
        stay = {failed.scope for failed in self.failed} | self.unordered.keys()
        cursors = {scope: value for scope, value in self.cursors.items() if scope not in stay}
        if self._resumed is None or self._resumed.is_complete:
            return cursors
        return {scope: self._not_since_begun(scope, value) for scope, value in cursors.items()}

    def _not_since_begun(self, scope: str, value: Any) -> Any:
        values = self._slicer.values
        changed_at = values.instant(value) if values.written(value) else None
        if changed_at is None or not self.now < changed_at < datetime.now(UTC) + _SKEW:
            return value
        return self._later(self.known.cursors.get(scope), values.earlier(value, changed_at - self.now))

    def doubts(self) -> Iterator[str]:
        """Why the next load may not go on well from the cursors that this one has reached."""
        return cursor_doubts(self._slicer, self.cursors, self.ahead, self.unordered, bool(self.rows))

    @property
    def scope(self) -> Scope:
        """What templates mean for all of the load, whatever series it consists of."""
        return self._slicer.scope

    @property
    def slices(self) -> list[Slice]:
        """The series that the load consists of."""
        return self._slicer.slices()

    @property
    def increments(self) -> Increments | None:
        """How its pages tell how far it has been read; None where it reads all each time."""
        return increments_of(self.endpoint, self._slicer.values)

    @property
    def _slicer(self) -> Slicer:
        return Slicer(self.source, self.endpoint, self.environment, self.now, self.partition, self.known)

    def __iter__(self) -> Generator[Page, None, None]:
        if self._resumed is not None and self._resumed.is_complete:
            return
        slicer = self._slicer
        slices = slicer.slices()
        self._is_many = len(slices) > 1
        left = [part for part in slices if self._resumed is None or part.key not in self._resumed.done]
        left = left[:1] if self.until else left
        if not left:
            stop = Stop("up_to_date")
            yield self._counted(Page(self.pages + 1, NOTHING, stop, None, journalled(stop)), Slice())
        elif self.until or (len(slices) == 1 and self.endpoint.cap is None):
            for page in self._series(slicer, left[0], self.source.limits.concurrency):
                yield self._counted(page, left[0])
        else:
            yield from self._many(slicer, left, self.source.limits.concurrency if len(slices) == 1 else 0)

    def _many(self, slicer: Slicer, slices: list[Slice], width: int) -> Iterator[Page]:
        """The pages of several slices, numbered through; each but the last ends without an end of the load."""
        fan = FanOut(slices, lambda part: self._parts(slicer, part, width), self.source.limits.concurrency)
        number, before = self.pages + 1, 0 if self._resumed is None else None
        with closing(iter(fan)) as pages:
            for whole, (part, page) in pages:
                total = None if before is None or page.total is None else before + page.total
                placed = replace(_placed(page, part), number=number, total=total)
                if isinstance(page.after, Stop):
                    before = total
                    if whole is not slices[-1] or not part.closes:
                        self._told.add(page.after.warnings)
                        placed = _inner_end(placed)
                yield self._counted(placed, part)
                number += page.after is not None

    def _parts(self, slicer: Slicer, part: Slice, width: int) -> Iterator[tuple[Slice, Page]]:
        """The pages of a slice, each with the part of it that it belongs to: itself, unless the API has a cap."""
        cap = self.endpoint.cap
        if cap is None:
            return ((part, page) for page in self._series(slicer, part, width))
        done = self._resumed.done if self._resumed else frozenset()
        where = f"{self.source.name}.{self.endpoint.name}"
        read = partial(self._series, slicer, width=width)
        return CappedWindows(self.endpoint, where, cap, read, done, self.session.state).pages(part)

    def _series(self, slicer: Slicer, part: Slice, width: int) -> Generator[Page, None, None]:
        """The pages of one slice; a child that a rule skips ends with what it has given and the request that failed."""
        series = self._opened(slicer, part, width)
        try:
            yield from series
        except Ruled as error:
            if error.do != "skip" or self.endpoint.parent is None:
                raise
            failed = FailedRequest(part.scope, part.parent, error.where, error.status, error.message)
            stop = Stop("child_skipped")
            yield Page(series.pages + 1, NOTHING, stop, series.total, journalled(stop), failed=failed)
        finally:
            self.first_request = self.first_request or series.first_request

    def _opened(self, slicer: Slicer, part: Slice, width: int) -> Series:
        pager = pager_for(self.endpoint.pagination)
        increments = increments_of(self.endpoint, slicer.values, part.since, slicer.until)
        mask, longest = self.session.mask, self.source.limits.max_response
        familiar = self._familiar if not part.included else None
        builder = RequestBuilder(self.source, self.endpoint, self.environment, self.now, part)
        step, pages, resumed, history = pager.first(), 0, self._resumed, History()
        goes_on = resumed is not None and "next" in resumed.last and resumed.last.get("slice", part.key) == part.key
        if resumed is not None and goes_on:
            follows = resumed.last["next"]
            step = Next(pager.restore(follows["state"]), PageRequest.restore(follows["request"]))
            pages = int(resumed.last.get("of_slice", resumed.pages))
            history = History.resumed(resumed, pages)
        reader = PageReader(
            self.endpoint,
            pager,
            self.columns,
            longest,
            mask,
            part.included,
            increments,
            familiar,
            history,
            self._is_many,
            self._uncut,
        )
        counted = isinstance(self.endpoint.pagination, PageNumber | OffsetLimit)
        return Series(
            self.source,
            reader,
            builder,
            self.session,
            self.tally,
            step,
            width,
            lambda: min(self.until or self.source.limits.max_pages, self.source.limits.max_pages),
            self.watch,
            pages,
            goes_on and not counted,
        )

    def _counted(self, page: Page, part: Slice) -> Page:
        """The page taken into account, and with what a later run has to know of its slice in the journal."""
        self.pages = page.number
        self.rows += page.records.count
        self.returned += page.returned
        self.shortfall = self.shortfall or page.shortfall
        self.shrunk |= page.shrunk
        self.total_reported = page.total
        self._told.add(page.after.warnings if page.after else ())
        self._move(part.scope, page)
        self.failed += [page.failed] if page.failed else []
        self.ahead = self.ahead.plus(page.ahead) if self.ahead else page.ahead
        follows = dict(page.follows)
        if follows and part.scope in self.cursors:
            follows["cursor"] = [part.scope, self.cursors[part.scope]]
        if follows and part.scope in self.unordered:
            follows["unordered"] = [part.scope, self.unordered[part.scope]]
        if follows and self.ahead:
            follows["ahead"] = asdict(self.ahead)
        if follows and page.failed:
            follows["failed"] = asdict(page.failed)
        return replace(page, follows=follows)

    def _move(self, scope: str, page: Page) -> None:
        """Note how far a page has come in a scope. Its cursor stays once two of its values have no certain order."""
        if page.unordered is not None:
            self.unordered.setdefault(scope, page.unordered)
        if page.cursor is not None and scope not in self.unordered:
            known = self.cursors.get(scope, self.known.cursors.get(scope))
            try:
                self.cursors[scope] = self._later(known, page.cursor)
            except Unordered as found:
                self.unordered[scope] = found.pair

    def _later(self, known: Any, value: Any) -> Any:
        assert self.endpoint.incremental is not None
        return Increments(self.endpoint.incremental, self._slicer.values).later(known, value)


def _placed(page: Page, part: Slice) -> Page:
    """A page of a slice, with its place in it in the journal."""
    place = {"slice": part.key, "of_slice": page.number, "scope": crc32(part.scope.encode("utf-8", "surrogatepass"))}
    return replace(page, follows={**page.follows, **place} if page.follows else {})


def _inner_end(page: Page) -> Page:
    """The last page of a slice that other slices follow."""
    follows = {"slice_end" if key == "stop" else key: value for key, value in page.follows.items()}
    return replace(page, after=None, follows=follows)
