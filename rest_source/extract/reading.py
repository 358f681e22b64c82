"""From an answer to a page: its records ready for the spool, and what comes after it."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from time import time
from typing import Any, BinaryIO

from rest_source.collector import paused_collector
from rest_source.errors import quoted
from rest_source.extract.columns import Columns
from rest_source.extract.data_root import DataRoot, Record, with_fields
from rest_source.extract.document import Document, parse
from rest_source.extract.familiar import Familiar
from rest_source.extract.increments import Increments, Reached
from rest_source.extract.page import NOTHING, Ahead, Next, Page, Pager, Response, Stop, journalled
from rest_source.extract.parts import PART_SIZE, LargeDocument, NotInParts
from rest_source.extract.records import EncodedRecords, encode, fingerprint
from rest_source.http.body import WhyWhole
from rest_source.http.errors import Mask
from rest_source.http.excerpt import shorten
from rest_source.http.parse_errors import unreadable
from rest_source.http.request import Answer
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.jsonpath import compile_path
from rest_source.spec.pagination import NoPagination

TOLD = 2000
"""Characters of a request or a warning that are told; an API may put megabytes into a cursor."""

Follow = Callable[[int, Next[Any] | Stop], None]
"""Told the number of a page's records and what follows it, before the page is encoded."""


@dataclass(frozen=True, slots=True)
class _Content:
    """What an answer holds, as pagers and the spool take it; the records are encoded when they are asked for."""

    document: Any
    count: int
    last: Record | None
    reached: Reached
    record: Callable[[int], Record]
    encoded: Callable[[], EncodedRecords]
    identity: Callable[[], str]


@dataclass(frozen=True, slots=True)
class PageReader:
    """Reads the answers of one series; `longest` is the most bytes of one that are held in memory.

    `included` are fields of the parent that are put into each record; `familiar` reads pages that bring nothing new.
    """

    endpoint: EndpointSpec
    pager: Pager[Any]
    columns: Columns
    longest: int
    mask: Mask
    included: Mapping[str, Any] = field(default_factory=dict)
    increments: Increments | None = None
    familiar: Familiar | None = None

    def why_whole(self) -> WhyWhole | None:
        """Why no answer can be read in parts, or what tells so by a file; None where there are pages instead.

        It takes a plain data root that is an array, and no rule of `on_error` that looks into an answer.
        """
        endpoint = self.endpoint
        if not isinstance(endpoint.pagination, NoPagination):
            return None
        if compile_path(endpoint.data_root).steps is None:
            return f"`data_root: {endpoint.data_root}` is no plain path to an array"
        if endpoint.key_column is not None:
            return "`key_column` makes records of a map"
        if any(rule.json_path or rule.contains for rule in endpoint.on_error):
            return "a rule of `on_error` looks into it"
        return self._why_not_large

    def _why_not_large(self, file: BinaryIO) -> str | None:
        try:
            self._large(file)
        except NotInParts as error:
            return str(error)
        return None

    def read(self, step: Next[Any], answer: Answer, number: int, follow: Follow) -> Iterator[Page]:
        """The page in an answer to a step of the series, in one piece or in parts."""
        if answer.file is None:
            yield self._whole(step, answer, number, follow)
        else:
            with answer.file as file:
                yield from self._parts(step, answer, file, number)

    @paused_collector()
    def _whole(self, step: Next[Any], answer: Answer, number: int, follow: Follow) -> Page:
        first, data_root = number == 1, DataRoot.of(self.endpoint)
        content = self._familiar(answer, data_root, self.familiar) or self._parsed(answer, data_root, first)
        response = Response(answer.url, answer.headers, content.document, content.count, content.last, content.identity)
        after = self._ended(self.pager.advance(step.state, response), content.reached.latest)
        follow(content.count, after)
        doubts = data_root.doubts(content.document, first_page=first)
        stored = content.encoded() if isinstance(after, Next) or after.keep else NOTHING
        page = self._page(number, stored, after, self.pager.total(step.state, response), doubts)
        return replace(page, cursor=content.reached.latest, ahead=self._ahead(content))

    def _familiar(self, answer: Answer, data_root: DataRoot, familiar: Familiar | None) -> _Content | None:
        page = familiar.read(answer.body) if familiar is not None else None
        if page is None:
            return None
        encoded = cache(lambda: page.encoded(_now()) or self._parsed(answer, data_root, first=False).encoded())
        reached = self._reached(page.cursors, page.document, answer)
        count, identity = len(page.records), lambda: encoded().digest
        return _Content(page.document, count, page.last, reached, page.record, encoded, identity)

    def _parsed(self, answer: Answer, data_root: DataRoot, first: bool) -> _Content:
        document = parse(answer, self._asked(answer), self.mask)
        records = data_root.records(document.value, first_page=first)
        if self.familiar is not None:
            self.familiar.learn(document.value, len(records))
        kept = self._kept(data_root, records)
        encoded = cache(partial(self._encoded, kept, document))
        # A pager judges what the API sent: pages may differ in nothing but an excluded field.
        identity = (lambda: encoded().digest) if kept is records else partial(fingerprint, records)
        reached = self._reached(records, document.value, answer)
        last, record = records[-1] if records else None, records.__getitem__
        return _Content(document.value, len(records), last, reached, record, encoded, identity)

    def _page(
        self,
        number: int,
        records: EncodedRecords,
        after: Next[Any] | Stop,
        total: int | None,
        doubts: list[str],
    ) -> Page:
        told = tuple(shorten(text, TOLD, self.mask) for text in (*after.warnings, *doubts))
        after = replace(after, warnings=told)
        follows = journalled(after)
        shown = json.dumps(follows)
        return Page(number, records, after, total, follows if self.mask(shown) == shown else {})

    def _parts(self, step: Next[Any], answer: Answer, file: BinaryIO, number: int) -> Iterator[Page]:
        large, data_root = self._large(file), DataRoot.of(self.endpoint)
        part_root = replace(data_root, path=compile_path("$[*]" if data_root.path.every else "$"))
        familiar = self.familiar.of_parts() if self.familiar is not None else None
        count, last = 0, None
        try:
            for part in large.parts():
                content, encoded = self._part(replace(answer, body=part), part_root, familiar)
                count, last = count + content.count, content.last or last
                yield Page(number, encoded, None, cursor=content.reached.latest, ahead=self._ahead(content))
        except json.JSONDecodeError as error:
            raise unreadable(answer, error.msg, None, self._asked(answer), self.mask) from None
        around = parse(replace(answer, body=large.skeleton), self._asked(answer), self.mask)
        response = Response(answer.url, answer.headers, around.value, count, last)
        after = self.pager.advance(step.state, response)
        reached = self._reached([], around.value, answer)
        last_page = self._page(number, NOTHING, after, None, [])
        yield replace(last_page, cursor=reached.latest, ahead=self._told(reached, {}))

    @paused_collector()
    def _part(self, answer: Answer, data_root: DataRoot, familiar: Familiar | None) -> tuple[_Content, EncodedRecords]:
        content = self._familiar(answer, data_root, familiar) or self._parsed(answer, data_root, first=False)
        return content, content.encoded()

    def _kept(self, data_root: DataRoot, records: list[Record]) -> list[Record]:
        kept = data_root.without_excluded(records)
        return [with_fields(record, self.included) for record in kept] if self.included else kept

    def _reached(self, records: list[Record], document: Any, answer: Answer) -> Reached:
        return self.increments.of_page(records, document, answer) if self.increments else Reached()

    def _ahead(self, content: _Content) -> Ahead | None:
        place = content.reached.place
        return self._told(content.reached, content.record(place) if place is not None and content.count else {})

    def _told(self, reached: Reached, record: Record) -> Ahead | None:
        """The values of a page that are no cursor; the record of the first by its key, or where it is in the page."""
        if not reached.ahead:
            return None
        names = [name for name in (*self.endpoint.primary_key, "id", "uuid", "key") if name in record]
        key = [f"{name} {quoted(record[name])}" for name in names[: max(1, len(self.endpoint.primary_key))]]
        holder = ", ".join(key) or f"record {1 + (reached.place or 0)} of its page"
        return Ahead(reached.ahead, self.mask(quoted(reached.value)), self.mask(holder))

    def _ended(self, after: Next[Any] | Stop, latest: Any) -> Next[Any] | Stop:
        """What follows, or the end where all further records are older than the cursor."""
        behind = self.increments is not None and isinstance(after, Next) and self.increments.is_behind(latest)
        return Stop("cursor_reached", warnings=after.warnings) if behind else after

    def _encoded(self, records: list[Record], document: Document) -> EncodedRecords:
        with self.columns.lock:  # several series note the columns of one table
            return encode(records, self.columns, _now(), document.exact, self.endpoint.nested)

    def _large(self, file: BinaryIO) -> LargeDocument:
        return LargeDocument.of(file, compile_path(self.endpoint.data_root).steps or (), self.longest, PART_SIZE)

    def _asked(self, answer: Answer) -> str:
        return self.mask(f"{self.endpoint.method} {answer.url}")


def _now() -> int:
    return int(time() * 1000)
