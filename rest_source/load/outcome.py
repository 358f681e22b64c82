"""What a load did: the report on it, however it came about."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from time import monotonic
from typing import Any

from rest_source.extract.slices import fields_of_children
from rest_source.extract.spool import SpooledLoad
from rest_source.extract.stream import PageStream
from rest_source.http.rules import Ruled
from rest_source.load.destination import CommitResult, CommittedLoad, LoadFacts
from rest_source.load.key_remarks import key_remarks
from rest_source.load.progress import PARENTS
from rest_source.load.stager import Stager
from rest_source.spec.base import normalise
from rest_source.spec.literals import literal_warnings
from rest_source.spec.pagination import LinkHeader, NextUrl, OffsetLimit, PageNumber

SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """What a load did, from the first request to the commit; `resumed_from_page` where another run began it."""

    load_id: str
    result: CommitResult
    pages: int
    stop_reason: str
    requests: int = 0
    retries: int = 0
    wait_seconds: float = 0.0
    bytes: int = 0
    total_reported: int | None = None
    resumed_from_page: int | None = None
    first_request: str = ""
    partition: str = ""
    cursor_before: Any = None
    cursor_after: Any = None
    failed_requests: int = 0
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The facts by name, as metadata and `--json` report them."""
        facts = asdict(self)
        result: dict[str, Any] = facts.pop("result")
        return result | facts


@dataclass(frozen=True, slots=True)
class Extraction:
    """All pages of a stream on disk, and how they came there."""

    stream: PageStream
    spooled: SpooledLoad
    stager: Stager
    reason: str
    resumed_from: int | None
    started: float

    @property
    def is_replay(self) -> bool:
        """Whether an interrupted run had read all of it, and this one nothing."""
        return self.resumed_from == self.stream.pages + 1

    @property
    def has_drifted(self) -> bool:
        """Whether the API announced another number of records than it gave, of all it was asked for, or ever fewer."""
        total = self.stream.total_reported
        is_other = total is not None and self.stream.returned != total
        return self.reason != "cursor_reached" and (is_other or self.stream.shrunk)

    @property
    def may_miss(self) -> bool:
        """Whether a record that exists may have moved to a page that was read already, as others were deleted."""
        shifts = isinstance(self.stream.endpoint.pagination, PageNumber | OffsetLimit | NextUrl | LinkHeader)
        return shifts and self.stream.pages > len(self.stream.slices)

    @property
    def doubt(self) -> str | None:
        """Why records that were not returned may still be there; None after a pass that gives no reason to doubt."""
        if not self.spooled.rows:
            return "the API returned no records"
        if self.stream.failed:
            return "requests for some parents failed"
        # Certificates, and secrets that are written in the file, say nothing about what is complete.
        beside = {*self.stream.session.warnings, *literal_warnings(self.stream.source, self.stream.endpoint)}
        doubts = set(self.stream.warnings) - beside
        return "the load has warnings" if self.has_drifted or doubts else None

    def discard(self) -> None:
        """Forget what was read."""
        self.stager.close()
        self.spooled.remove()

    def facts(self, run_id: str, suspects: frozenset[str] | None = None) -> LoadFacts:
        """What goes into `_rest_source.loads` besides the counts; a second look marks none but `suspects`."""
        stream = self.stream
        return LoadFacts(
            load_id=self.spooled.load_id,
            source=stream.source.name,
            endpoint=stream.endpoint.name,
            write="merge" if stream.endpoint.write == "replace" and self._replaces_nothing else stream.endpoint.write,
            schema_change=stream.endpoint.schema_change,
            marks_deleted=self._marks and (suspects is not None or not self.may_miss),
            suspects=suspects,
            seeks_suspects=self._marks and suspects is None and self.may_miss,
            partition=self._partition,
            covered=self._covered,
            cursors=self._moved,
            forgotten=tuple(part.scope for part in stream.slices) if stream.full_refresh else (),
            failed=tuple(stream.failed),
            asked_parents=self._asked,
            asked_fields=fields_of_children(stream.source, stream.endpoint),
            siblings=tuple(normalise(endpoint.name) for endpoint in stream.source.endpoints),
            run_id=run_id,
            started_at=int(stream.now.timestamp() * 1000),
            pages=self.spooled.pages,
            requests=stream.tally.requests,
            bytes=stream.tally.bytes,
            stop_reason=self._stop_reason,
            total_reported=stream.total_reported,
            records_returned=stream.returned,
            shortfall=stream.shortfall,
        )

    def outcome(self, result: CommitResult, doubts: Iterable[str] = ()) -> LoadOutcome:
        """The report on the load, once it is committed, with the `doubts` of its stage."""
        tally = self.stream.tally
        return LoadOutcome(
            load_id=self.spooled.load_id,
            result=result,
            pages=self.spooled.pages,
            requests=tally.requests,
            retries=tally.retries,
            wait_seconds=round(tally.wait_seconds, 3),
            bytes=tally.bytes,
            stop_reason=self._stop_reason,
            total_reported=self.stream.total_reported,
            resumed_from_page=self.resumed_from,
            first_request=self.stream.first_request,
            partition=self._partition,
            cursor_before=self._cursor(self.stream.known.cursors),
            cursor_after=self._cursor({**self.stream.known.cursors, **self.stream.reached}),
            failed_requests=len(self.stream.failed),
            seconds=round(monotonic() - self.started, 3),
            warnings=(
                *self.stream.warnings,
                *doubts,
                *_rejected(result),
                *(remark.text for remark in key_remarks(result, self.stream.endpoint)),
                *self._doubtful(),
                *self._unmarked(),
            ),
        )

    @property
    def _marks(self) -> bool:
        return self.stream.endpoint.deletes == "mark" and self.doubt is None and not self._is_retry

    @property
    def _is_retry(self) -> bool:
        """Whether only what earlier loads had skipped was asked for: the rows of all others stay as they are."""
        return self.stream.known.only is not None

    @property
    def _is_skipped(self) -> bool:
        """Whether a rule skipped every row of the parent before it gave a record."""
        failed = {failed.scope for failed in self.stream.failed}
        return bool(failed) and not self.spooled.rows and all(part.scope in failed for part in self.stream.slices)

    @property
    def _replaces_nothing(self) -> bool:
        return self._is_retry or self._is_skipped

    @property
    def _stop_reason(self) -> str:
        return SKIPPED if self._is_skipped else self.reason

    @property
    def _partition(self) -> str:
        return self.stream.partition.key if self.stream.partition else ""

    @property
    def _covered(self) -> tuple[str, ...]:
        """The partitions whose rows the load replaces."""
        endpoint, partition = self.stream.endpoint, self.stream.partition
        adds = endpoint.incremental or endpoint.write == "append" or self._replaces_nothing
        return () if partition is None or adds else (partition.key, *partition.covered)

    @property
    def _moved(self) -> dict[str, Any]:
        """The cursors that have moved."""
        known = self.stream.known
        moved = {scope: value for scope, value in self.stream.reached.items() if value != known.cursors.get(scope)}
        freed = {part.scope for part in self.stream.slices if part.scope in known.stuck} if known.stuck else set()
        moved = {scope: known.cursors[scope] for scope in sorted(freed)} | moved
        return moved | ({PARENTS: known.newest_parent} if known.newest_parent and not self._is_retry else {})

    @property
    def _asked(self) -> tuple[Mapping[str, Any], ...] | None:
        """The parents that were asked for; None for all there are."""
        stream, parent = self.stream, self.stream.endpoint.parent
        some = self._is_retry or stream.partition is not None or (parent is not None and parent.changed)
        return tuple(part.parent for part in stream.slices) if some else None

    def _cursor(self, cursors: Mapping[str, Any]) -> Any:
        """The cursor where the endpoint, or its partition, has one only."""
        return None if self.stream.endpoint.parent else cursors.get(self._partition)

    def _doubtful(self) -> Iterator[str]:
        stream = self.stream
        if stream.failed:
            first = stream.failed[0]
            yield (
                f"{len(stream.failed)} requests for rows of the parent were skipped by a rule of on_error, the first: "
                f"{first.message} ({first.request}). They stand in _rest_source.failed_requests; `rest-source retry` "
                "tries them again."
            )
        yield from stream.doubts()

    def _unmarked(self) -> Iterator[str]:
        if self.doubt and self.stream.endpoint.deletes:
            yield f"No row was marked as deleted, as {self.doubt}: only a complete pass tells what is gone."


def _rejected(result: CommitResult) -> Iterator[str]:
    if result.rows_rejected:
        why = "; ".join(result.reject_reasons)
        told = f"{result.rows_rejected} of {result.rows_read} records were rejected: {why}"
        yield f"{told}. They are kept in _rest_source.rejected_records for 30 days."


def known(done: CommittedLoad) -> LoadOutcome:
    """The outcome of a load that an earlier attempt of the run committed."""
    return LoadOutcome(done.load_id, done.result, done.pages, done.stop_reason, total_reported=done.total_reported)


def skipped(stream: PageStream, error: Ruled) -> LoadOutcome:
    """The outcome of a load that a rule of `on_error` skips: the table is as it was."""
    read = f" The {stream.rows} records of {stream.pages} pages before it were dropped; `do: end` loads them."
    dropped = read if stream.rows else ""
    warning = f"Skipped by a rule of on_error; the table is as it was. {error.message}{dropped}"
    return LoadOutcome(
        load_id="",
        result=CommitResult(),
        pages=stream.pages,
        requests=stream.tally.requests,
        retries=stream.tally.retries,
        wait_seconds=round(stream.tally.wait_seconds, 3),
        bytes=stream.tally.bytes,
        stop_reason=SKIPPED,
        first_request=stream.first_request,
        warnings=(*stream.warnings, warning),
    )


def looked_again(first: LoadOutcome, second: LoadOutcome) -> LoadOutcome:
    """A load with the marks of the second look that followed it."""
    deleted = first.result.rows_deleted + second.result.rows_deleted
    return replace(
        first,
        result=replace(first.result, rows_deleted=deleted).showing(second.result.view),
        requests=second.requests,
        retries=second.retries,
        wait_seconds=second.wait_seconds,
        bytes=second.bytes,
        seconds=round(first.seconds + second.seconds, 3),
        warnings=tuple(dict.fromkeys((*first.warnings, *second.warnings))),
    )


def together(outcomes: list[LoadOutcome]) -> LoadOutcome:
    """One outcome for the step: an interrupted load and the current one count together."""
    first, last = outcomes[0], outcomes[-1]
    if first is last:
        return first
    if SKIPPED in (first.stop_reason, last.stop_reason):
        loaded = first if last.stop_reason == SKIPPED else last
        return replace(loaded, warnings=(*first.warnings, *last.warnings))
    return replace(
        last,
        result=first.result.plus(last.result),
        pages=first.pages + last.pages,
        resumed_from_page=first.resumed_from_page,
        first_request=first.first_request,
        cursor_before=first.cursor_before,
        failed_requests=first.failed_requests + last.failed_requests,
        seconds=first.seconds + last.seconds,
        warnings=(*first.warnings, *last.warnings),
    )
