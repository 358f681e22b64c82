"""One load from end to end: drain a stream of pages into the spool, stage the spool, commit the stage."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

from rest_source.errors import RestSourceError
from rest_source.extract.page import Stop
from rest_source.extract.recovery import Interrupted
from rest_source.extract.spool import Spool, SpooledLoad
from rest_source.extract.stream import PageStream
from rest_source.load.destination import CommitResult, CommittedLoad, Destination, LoadFacts
from rest_source.load.resume import REFUSED, find_interrupted, is_dated, manifest
from rest_source.load.stage import build_stage
from rest_source.load.state import claim, sweep

PROGRESS_SECONDS = 10.0
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """What a load did, from the first request to the commit; `resumed_from_page` where another run began it."""

    load_id: str
    result: CommitResult
    pages: int
    requests: int
    retries: int
    wait_seconds: float
    bytes: int
    stop_reason: str
    total_reported: int | None
    resumed_from_page: int | None
    first_request: str
    seconds: float
    warnings: tuple[str, ...]

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
    reason: str
    resumed_from: int | None
    started: float

    @property
    def has_drifted(self) -> bool:
        """Whether the API announced another number of records than it gave."""
        total = self.stream.total_reported
        return total is not None and self.spooled.rows != total

    def facts(self, run_id: str) -> LoadFacts:
        """What goes into `_rest_source.loads` besides the counts."""
        stream = self.stream
        return LoadFacts(
            load_id=self.spooled.load_id,
            source=stream.source.name,
            endpoint=stream.endpoint.name,
            write=stream.endpoint.write,
            run_id=run_id,
            started_at=int(stream.now.timestamp() * 1000),
            pages=self.spooled.pages,
            requests=stream.tally.requests,
            bytes=stream.tally.bytes,
            stop_reason=self.reason,
            total_reported=stream.total_reported,
        )

    def outcome(self, result: CommitResult) -> LoadOutcome:
        """The report on the load, once it is committed."""
        tally = self.stream.tally
        return LoadOutcome(
            load_id=self.spooled.load_id,
            result=result,
            pages=self.spooled.pages,
            requests=tally.requests,
            retries=tally.retries,
            wait_seconds=round(tally.wait_seconds, 3),
            bytes=tally.bytes,
            stop_reason=self.reason,
            total_reported=self.stream.total_reported,
            resumed_from_page=self.resumed_from,
            first_request=self.stream.first_request,
            seconds=round(monotonic() - self.started, 3),
            warnings=(*self.stream.warnings, *_rejected(result)),
        )


@dataclass(frozen=True, slots=True)
class Loader:
    """Loads one endpoint into one destination; `directory` holds the endpoint's spools."""

    destination: Destination
    directory: Path
    run_id: str
    report: Report

    def run(self, stream: PageStream) -> list[LoadOutcome]:
        """The loads of this run: two if an interrupted one asked for another time than this one does."""
        interrupted = find_interrupted(stream, self.directory, self.destination)
        if interrupted is None:
            return [self._load(self._extract(stream))]
        self.report(f"Going on with page {interrupted.pages + 1} of load {interrupted.load_id}, which was interrupted.")
        outcomes = [self._resume(stream, interrupted)]
        if is_dated(stream, interrupted):
            outcomes.append(self._load(self._extract(stream.afresh())))
        return outcomes

    def _resume(self, stream: PageStream, interrupted: Interrupted) -> LoadOutcome:
        spool, page = Spool.reopen(interrupted), interrupted.pages + 1
        try:
            return self._load(self._extract(stream.resumed(interrupted), spool, resumed_from=page))
        except RestSourceError as error:
            if error.status not in REFUSED or spool.pages >= page:
                raise
            self.report(f"The API refuses to go on ({error.message}); the load starts afresh.")
            spool.remove()
        return self._load(self._extract(stream.afresh()))

    def _extract(self, stream: PageStream, spool: Spool | None = None, resumed_from: int | None = None) -> Extraction:
        """Spool every page of the stream."""
        started = monotonic()
        with spool or self._new_spool(stream) as open_spool:
            reason = self._drain(stream, open_spool)
            spooled = open_spool.finish(stream.columns)
        return Extraction(stream, spooled, reason, resumed_from, started)

    def _new_spool(self, stream: PageStream) -> Spool:
        load_id = f"{stream.now:%Y%m%dT%H%M%S}-{uuid4().hex[:12]}"
        return Spool.create(self.directory, load_id, manifest(stream, self.run_id))

    def _drain(self, stream: PageStream, spool: Spool) -> str:
        """Append page by page; returns why the series stopped."""
        reason, reported = stream.stop_reason, monotonic()
        for page in stream:
            spool.append(page, stream.columns)
            if isinstance(page.after, Stop):
                reason = page.after.reason
            elif monotonic() - reported >= PROGRESS_SECONDS:
                reported = monotonic()
                self.report(_progress(stream, spool))
        return reason

    def _load(self, extraction: Extraction) -> LoadOutcome:
        """Stage and commit what was extracted, after a second look where the API contradicts itself."""
        if extraction.has_drifted:
            extraction = self._once_more(extraction)
        result = self._commit(extraction)
        extraction.spooled.remove()
        return extraction.outcome(result)

    def _once_more(self, extraction: Extraction) -> Extraction:
        """A second pass where the API announced another number of records than it gave: rows may have moved."""
        stream, rows = extraction.stream, extraction.spooled.rows
        self.report(f"Read {rows} records of {stream.total_reported} announced; reading all of them once more.")
        extraction.spooled.remove()
        again = self._extract(stream.afresh())
        if again.has_drifted:
            again.stream.warnings.append(
                f"The API announced {again.stream.total_reported} records, but two full passes gave {rows} and "
                f"{again.spooled.rows}. Records come and go while they are read, or the total counts something else."
            )
        return again

    def _commit(self, extraction: Extraction) -> CommitResult:
        stream, endpoint = extraction.stream, extraction.stream.endpoint
        stage = build_stage(
            extraction.spooled,
            primary_key=endpoint.primary_key,
            unique=endpoint.write != "append",
            nested=endpoint.nested,
            timezone=stream.source.timezone,
        )
        return self.destination.commit(stage, extraction.facts(self.run_id), self.report)


def run_load(
    stream: PageStream,
    destination: Destination,
    state: Path,
    *,
    report: Report,
    run_id: str = "",
) -> LoadOutcome:
    """Load an endpoint. Until the commit nothing of it is visible; a failure leaves the table as it was.

    What an interrupted run has spooled is gone on with. A run whose load is committed already does nothing:
    `run_id` is the same for all attempts of a run.
    """
    spools = state / "spool"
    directory = spools / stream.source.name / stream.endpoint.name
    with claim(directory, report):
        done = destination.find_load(stream.source.name, stream.endpoint.name, run_id=run_id) if run_id else None
        if done is not None:
            report(f"Load {done.load_id} of this run is committed already; nothing to do.")
            return _known(done)
        outcomes = Loader(destination, directory, run_id, report).run(stream)
    sweep(spools)
    return _together(outcomes)


def _progress(stream: PageStream, spool: Spool) -> str:
    total = f" of {stream.total_reported}" if stream.total_reported else ""
    return f"{spool.rows}{total} records in {spool.pages} pages, {stream.tally.requests} requests so far."


def _rejected(result: CommitResult) -> Iterator[str]:
    if result.rows_rejected:
        told = f"{result.rows_rejected} of {result.rows_read} records have no primary key"
        yield f"{told}; they stand in _rest_source.rejected_records, with the reason."


def _known(done: CommittedLoad) -> LoadOutcome:
    """The outcome of a load that an earlier attempt of the run committed."""
    return LoadOutcome(
        load_id=done.load_id,
        result=done.result,
        pages=done.pages,
        requests=0,
        retries=0,
        wait_seconds=0.0,
        bytes=0,
        stop_reason=done.stop_reason,
        total_reported=done.total_reported,
        resumed_from_page=None,
        first_request="",
        seconds=0.0,
        warnings=(),
    )


def _together(outcomes: list[LoadOutcome]) -> LoadOutcome:
    """One outcome for the step: an interrupted load and the current one count together."""
    first, last = outcomes[0], outcomes[-1]
    if first is last:
        return first
    return replace(
        last,
        result=first.result.plus(last.result),
        pages=first.pages + last.pages,
        resumed_from_page=first.resumed_from_page,
        first_request=first.first_request,
        seconds=first.seconds + last.seconds,
        warnings=(*first.warnings, *last.warnings),
    )
