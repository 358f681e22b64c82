"""From an answer to a page: its records ready for the spool, and what comes after it."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from time import time
from typing import Any, BinaryIO

from rest_source.collector import paused_collector
from rest_source.errors import quoted
from rest_source.extract import accepted, multi_status
from rest_source.extract.announced import Sign, announced, as_count
from rest_source.extract.columns import Columns
from rest_source.extract.data_root import DataRoot, Record, Selection, as_records, with_fields
from rest_source.extract.document import NO_CONTENT, Document, parse
from rest_source.extract.doubted import Uncut
from rest_source.extract.familiar import Familiar
from rest_source.extract.history import History
from rest_source.extract.identity import Identity, by_content, by_key, by_lines
from rest_source.extract.increments import Increments, Reached
from rest_source.extract.multi_status import MULTI_STATUS
from rest_source.extract.page import NOTHING, Ahead, Next, Page, Pager, Response, Stop, found_at, journalled
from rest_source.extract.page_remarks import SECRET_LINK, partial_answer, repeated, wrapped
from rest_source.extract.parts import PART_SIZE, LargeDocument, NotInParts
from rest_source.extract.records import EncodedRecords, canonical_exact, encode
from rest_source.extract.shortfall import shortfall
from rest_source.http.body import WhyWhole
from rest_source.http.errors import Mask
from rest_source.http.excerpt import shorten
from rest_source.http.parse_errors import unreadable
from rest_source.http.request import Answer
from rest_source.http.waits import ACCEPTED
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.jsonpath import compile_path
from rest_source.spec.pagination import NoPagination
from rest_source.spec.places import HeaderValue
from rest_source.spec.rows import FIRST_ROW

TOLD = 2000
"""Characters of a request or a warning that are told; an API may put megabytes into a cursor."""

_TOLD_OF_PARTS = 3
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
    identity: Identity
    root_meant: str | None = None
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PageReader:
    """Reads the answers of one series; `longest` is the most bytes of one that are held in memory.

    Each of `included` holds fields of a parent; a record is stored once with each of them. `familiar` reads pages that
    bring nothing new. `history` has the pages before, and `is_part` says that the load has other series, with which it
    shares `uncut`.
    """

    endpoint: EndpointSpec
    pager: Pager[Any]
    columns: Columns
    longest: int
    mask: Mask
    included: Sequence[Mapping[str, Any]] = ()
    increments: Increments | None = None
    familiar: Familiar | None = None
    history: History = field(default_factory=History)
    is_part: bool = False
    uncut: Uncut = field(default_factory=Uncut)

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
        if isinstance(endpoint.record_columns, str) and endpoint.record_columns != FIRST_ROW:
            return "the names of its rows, `record_columns`, stand beside them"
        if any(rule.json_path or rule.contains for rule in endpoint.on_error):
            return "a rule of `on_error` looks into it"
        return self._why_not_large

    def _why_not_large(self, file: BinaryIO) -> str | None:
        try:
            self._large(file)
        except NotInParts as error:
            return str(error)
        return None

    def holds(self, answer: Answer) -> bool:
        """Whether an answer has records where its status does not tell."""
        return accepted.holds_records(self.endpoint, answer, self.history.has_accepted)

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
        familiar = self.familiar if answer.status != MULTI_STATUS else None  # of which each part is looked at
        content = self._familiar(answer, data_root, familiar) or self._parsed(answer, data_root, first)
        before, response = self.history.last, self._response(answer, content, data_root)
        after = self._ended(self.pager.advance(step.state, response), content.reached.latest)
        follow(content.count, after)
        is_beyond = isinstance(after, Stop) and not after.keep
        doubts = self._doubts(data_root, content, number, is_beyond)
        if is_beyond:
            self.history.last = before
        doubts += accepted.doubts(answer.status, content.document, content.count)
        doubts += multi_status.doubts(answer.status, content.document)
        stored = content.encoded() if after.keep else NOTHING
        new = self.pager.new(step.state, response) if after.keep else 0
        self.history.has_accepted |= answer.status == ACCEPTED and content.count > 0
        if after.keep:
            self.history.add(number, content.identity, new, self.pager.keeps_digests, self.pager.keeps_marks)
        told = [*content.doubts, *doubts, *([SECRET_LINK] if content.reached.is_secret else [])]
        page = self._page(number, stored, after, self.pager.total(step.state, response), told, doubts)
        digest = content.identity.digest if after.keep and self.pager.keeps_digests else None
        follows = {**page.follows, "identity": digest} if page.follows and digest is not None else page.follows
        return self._moved(replace(page, follows=follows, returned=new), content)

    def _doubts(self, data_root: DataRoot, content: _Content, number: int, is_beyond: bool) -> list[str]:
        """Why the page may not be what it is taken for; one that `is_beyond` the last is taken for nothing."""
        history = self.history
        had = history.had_records
        told = [] if is_beyond else data_root.doubts(content.document, number == 1, history.is_list, had)
        history.had_records |= content.count > 1
        if content.root_meant is not None and not history.is_wrapped:
            history.is_wrapped = True
            told = [*told, wrapped(self.endpoint, content.root_meant)]
        if history.last.partial is not None:
            told = [*told, partial_answer(history.last.partial)]
        if content.count and self.pager.tells_twins and (twin := history.twin(content.identity)) is not None:
            told = [*told, repeated(number, twin)]
        return told

    def _response(self, answer: Answer, content: _Content, data_root: DataRoot) -> Response:
        """An answer as the pager sees it; what it announces goes into the history."""
        is_record = content.count == 1 and data_root.path.steps == () and isinstance(content.document, dict)
        self._hear(answer, content.document, data_root.path.way, is_record)
        history, identity, count = self.history, content.identity, content.count
        self.uncut.saw(count)
        return Response(
            answer.url,
            answer.headers,
            content.document,
            count,
            content.last,
            lambda: history.twin(identity),
            lambda: count if history.twin(identity) is not None else history.known(identity),
            self.uncut.most,
        )

    def _hear(self, answer: Answer, document: Any, lead: Sequence[str | int], is_record: bool = False) -> None:
        """Note what an answer announces, in words that are known and at the place that the file names."""
        said = announced(answer.status, answer.headers, document, lead, is_record)
        where = self.endpoint.pagination.total_pages
        count = as_count(found_at(where, answer.headers, document)) if where is not None else None
        if count is not None:
            named = where.header if isinstance(where, HeaderValue) else str(where)
            said = replace(said, signs=(*said.signs, Sign("pages", named, count, isinstance(where, HeaderValue))))
        self.history.hear(said)

    def _familiar(self, answer: Answer, data_root: DataRoot, familiar: Familiar | None) -> _Content | None:
        page = familiar.read(answer.body) if familiar is not None else None
        if page is None:
            return None
        encoded = cache(lambda: page.encoded(_now()) or self._parsed(answer, data_root, first=False).encoded())
        reached = self._reached(page.cursors, page.document, answer)
        identity = by_key(lambda: [page.column(name) for name in self._key], by_content(encoded))
        return _Content(page.document, len(page.records), page.last, reached, page.record, encoded, identity)

    def _parsed(self, answer: Answer, data_root: DataRoot, first: bool) -> _Content:
        document = parse(answer, self._asked(answer), self.mask)
        named = data_root.named(document.value, self.history.names)
        document, self.history.names = replace(document, value=named.document), named.names
        earlier = self.history.last.more if self.history.pages and answer.status != NO_CONTENT else None
        selected = data_root.select(document.value, first, earlier, self.history.is_list)
        self.history.is_list |= isinstance(document.value, list)
        if self.familiar is not None:
            self.familiar.learn(document.value, len(selected.records))
        encoded = cache(partial(self._encoded, self._kept(data_root, selected.records), document))
        return _Content(
            document.value,
            len(selected.returned),
            selected.last,
            self._reached(selected.records, document.value, answer),
            selected.records.__getitem__,
            encoded,
            self._identity(data_root, selected, encoded),
            data_root.nested_root(selected.records, self._key) if self.endpoint.nested != "split" else None,
            named.doubts,
        )

    def _identity(self, data_root: DataRoot, selected: Selection, encoded: Callable[[], EncodedRecords]) -> Identity:
        """What tells the page from others: by what the API returned, though a filter may select nothing of it."""
        if selected.is_all and len(self.included) <= 1:
            return by_key(lambda: self._columns(selected.records), by_content(encoded))
        returned = cache(lambda: data_root.without_excluded(as_records(selected.returned)))
        by_all = by_lines(cache(lambda: list(map(canonical_exact, returned()))))
        return by_key(lambda: self._columns(returned()), by_all)

    def _columns(self, records: list[Record]) -> list[list[Any]]:
        """The fields of the key, each of all records."""
        return [[record.get(name) for record in records] for name in self._key]

    @property
    def _key(self) -> tuple[str, ...]:
        """The fields of a record that identify it: not those that are the same for a whole series."""
        fields = self.included[0] if self.included else {}
        return tuple(name for name in self.endpoint.primary_key if name not in ("__partition", *fields))

    def ended(self, number: int, stop: Stop, total: int | None) -> Page:
        """The end of the series without a page of its own."""
        return self._page(number, NOTHING, stop, total, [])

    def _page(
        self,
        number: int,
        records: EncodedRecords,
        after: Next[Any] | Stop,
        total: int | None,
        doubts: list[str],
        grave: Sequence[str] = (),
    ) -> Page:
        self.history.count(total)
        if isinstance(after, Stop) and after.reason == "short_page" and self.history.pages == 1:
            self.uncut.bears_out(self.history.returned)
        shrunk = isinstance(after, Stop) and self.history.has_shrunk
        short = self._shortfall(after, total) if isinstance(after, Stop) else None
        short = short or next(iter(grave), None)
        short = shorten(short, TOLD, self.mask) if short else None
        told = [shorten(text, TOLD, self.mask) for text in (*after.warnings, *doubts)]
        after = replace(after, warnings=tuple(dict.fromkeys((*told, short) if short else told)))
        follows = journalled(after)
        follows |= {"shortfall": short} if short else {}
        follows |= {"most": self.history.most} if self.history.most else {}
        follows |= {"shrunk": True} if shrunk else {}
        follows |= {"is_list": True} if self.history.is_list else {}
        follows |= {"names": self.history.names} if self.history.names else {}
        shown = json.dumps(follows)
        follows = follows if self.mask(shown) == shown else {}
        return Page(number, records, after, total, follows, shortfall=short, shrunk=shrunk)

    def _shortfall(self, stop: Stop, total: int | None) -> str | None:
        return shortfall(self.history, stop, self.endpoint.pagination, total, self.is_part)

    def _parts(self, step: Next[Any], answer: Answer, file: BinaryIO, number: int) -> Iterator[Page]:
        large, data_root = self._large(file), DataRoot.of(self.endpoint)
        part_root = replace(data_root, path=compile_path("$[*]" if data_root.path.every else "$"))
        part_root = replace(part_root, rows=replace(data_root.rows, steps=()) if data_root.rows else None)
        familiar = self.familiar.of_parts() if self.familiar is not None else None
        count, last, doubts = 0, None, dict[str, None]()
        try:
            for part in large.parts():
                content, encoded = self._part(
                    replace(answer, body=part, offset=large.reached - len(part)), part_root, familiar
                )
                count, last = count + content.count, content.last or last
                doubts |= dict.fromkeys(content.doubts)
                yield self._moved(Page(number, encoded, None), content)
        except json.JSONDecodeError as error:
            raise unreadable(answer, error, self._asked(answer), self.mask) from None
        around = parse(replace(answer, body=large.skeleton, offset=None), self._asked(answer), self.mask)
        self._hear(answer, around.value, data_root.path.way)
        self.history.pages, self.history.returned = number, count
        response = Response(answer.url, answer.headers, around.value, count, last)
        after = self.pager.advance(step.state, response)
        total = self.pager.total(step.state, response)
        reached = self._reached([], around.value, answer)
        grave = [partial_answer(sign)] if (sign := self.history.last.partial) is not None else []
        told = [*[*doubts][:_TOLD_OF_PARTS], *([SECRET_LINK] if reached.is_secret else []), *grave]
        last_page = self._page(number, NOTHING, after, total, told, grave)
        yield replace(last_page, returned=count, cursor=reached.latest, ahead=self._told(reached, {}))

    @paused_collector()
    def _part(self, answer: Answer, data_root: DataRoot, familiar: Familiar | None) -> tuple[_Content, EncodedRecords]:
        content = self._familiar(answer, data_root, familiar) or self._parsed(answer, data_root, first=False)
        return content, content.encoded()

    def _kept(self, data_root: DataRoot, records: list[Record]) -> list[Record]:
        kept = data_root.without_excluded(records)
        return [with_fields(record, fields) for fields in self.included for record in kept] if self.included else kept

    def _reached(self, records: list[Record], document: Any, answer: Answer) -> Reached:
        reached = self.increments.of_page(records, document, answer) if self.increments else Reached()
        link = reached.latest if isinstance(reached.latest, str) and "://" in reached.latest else ""
        # What our own URL says without credentials, such as an account, is none.
        pieces = [piece for piece in re.split(r"[/?&=#]", link) if piece not in answer.url]
        return Reached(is_secret=True) if any(self.mask(piece) != piece for piece in pieces) else reached

    def _moved(self, page: Page, content: _Content) -> Page:
        """A page with how far it has come."""
        reached, place = content.reached, content.reached.place
        ahead = self._told(reached, content.record(place) if place is not None else {})
        return replace(page, cursor=reached.latest, unordered=reached.unordered, ahead=ahead)

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
        return Stop("cursor_reached", after.keep, after.warnings) if behind else after

    def _encoded(self, records: list[Record], document: Document) -> EncodedRecords:
        with self.columns.lock:  # several series note the columns of one table
            return encode(records, self.columns, _now(), document.exact, self.endpoint.nested)

    def _large(self, file: BinaryIO) -> LargeDocument:
        return LargeDocument.of(file, compile_path(self.endpoint.data_root).steps or (), self.longest, PART_SIZE)

    def _asked(self, answer: Answer) -> str:
        return self.mask(f"{self.endpoint.method} {answer.url}")


def _now() -> int:
    return int(time() * 1000)
