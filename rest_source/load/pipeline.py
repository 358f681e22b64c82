"""One load from end to end: drain a stream of pages into the spool, stage the spool, commit the stage."""

import shutil
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import monotonic

from rest_source.errors import RestSourceError
from rest_source.extract.behind import WriteBehind
from rest_source.extract.page import Stop
from rest_source.extract.recovery import Interrupted
from rest_source.extract.spool import Spool
from rest_source.extract.stream import PageStream
from rest_source.http.rules import Ruled
from rest_source.load.destination import Destination
from rest_source.load.outcome import Extraction, LoadOutcome, known, looked_again, skipped, together
from rest_source.load.progress import known_of
from rest_source.load.rejects import rejected_ids
from rest_source.load.resume import REFUSED, find_interrupted, is_dated, is_stale, manifest, new_load_id
from rest_source.load.schema import Shape
from rest_source.load.stage import Stage
from rest_source.load.stager import Stager
from rest_source.load.staging import stage_of
from rest_source.load.state import Retention, claim, explained
from rest_source.load.system import known_rejects
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.source import SourceSpec

PROGRESS_SECONDS = 10.0
RESTARTS = 3
SPOOLS = "spool"
_OF_RECORDS = {"all_rejected", "primary_key_missing", "schema_frozen", "too_many_columns"}
"""Errors that say what the records are like, which the API may have mended since."""
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Loader:
    """Loads one endpoint into one destination; `directory` holds the endpoint's spools."""

    destination: Destination
    directory: Path
    run_id: str
    report: Report

    def run(self, stream: PageStream) -> list[LoadOutcome]:
        """The loads of this run: two if an interrupted one asked for another time than this one does."""
        stream.known = known_of(stream, self.destination)
        interrupted = find_interrupted(stream, self.directory, self.destination, self.run_id)
        if interrupted is None:
            return [self._outcome(stream, self._extract)]
        if not is_dated(stream, interrupted):
            return [self._outcome(stream, partial(self._continue, interrupted))]
        # Recorded as the other run's load: were it this run's, a retry would take the current load for done.
        other = str(interrupted.manifest["run_id"])
        theirs = replace(self, run_id=other if other != self.run_id else "")
        finished = theirs._outcome(stream, partial(theirs._continue, interrupted))
        return [finished, self._outcome(stream.afresh(known_of(stream, self.destination)), self._extract)]

    def _outcome(self, stream: PageStream, extract: Callable[[PageStream], Extraction]) -> LoadOutcome:
        """One load from extraction to commit, unless a rule of `on_error` skips it."""
        try:
            return self._load(extract(stream))
        except Ruled as error:
            if error.do != "skip":
                raise
            return skipped(stream, error)

    def _continue(self, interrupted: Interrupted, stream: PageStream) -> Extraction:
        """The interrupted load's remaining pages; all of them where its pages have moved or its cursor is refused."""
        resumed = stream.resumed(interrupted)
        if is_stale(stream, interrupted):
            self.report(f"Load {interrupted.load_id} was interrupted too long ago to go on with; it starts afresh.")
            shutil.rmtree(interrupted.directory, ignore_errors=True)
            return self._extract(resumed.afresh())
        self.report(f"Going on with page {interrupted.pages + 1} of load {interrupted.load_id}, which was interrupted.")
        spool = Spool.reopen(interrupted)
        try:
            return self._spool(resumed, spool, interrupted.pages + 1)
        except Ruled as error:
            if error.do != "restart":
                raise
        except RestSourceError as error:
            if error.status not in REFUSED or resumed.pages > interrupted.pages:
                raise
            self.report(f"The API refuses to go on ({error.message}); the load starts afresh.")
            spool.remove()
        return self._extract(resumed.afresh())

    def _extract(self, stream: PageStream) -> Extraction:
        """Spool every page of the stream, from the start again where a rule of `on_error` says so."""
        for _ in range(RESTARTS):
            try:
                return self._spool(stream, self._new_spool(stream))
            except Ruled as error:
                if error.do != "restart":
                    raise
                self.report(f"The load starts afresh. {error.message}")
                stream = stream.afresh()
        return self._spool(stream, self._new_spool(stream))

    def _spool(self, stream: PageStream, spool: Spool, resumed_from: int | None = None) -> Extraction:
        started, before = monotonic(), stream.pages
        stager = Stager(spool.directory, Shape.of(stream.endpoint))
        with spool, ExitStack() as on_failure:
            on_failure.callback(stager.close)
            try:
                reason = self._drain(stream, spool, stager)
            except Ruled as error:
                # What fails without a page gained would fail from here for ever.
                if error.do in ("skip", "restart") or (error.do == "fail" and stream.pages == before):
                    stager.close()
                    spool.remove()
                raise
            spooled = spool.finish(stream.columns)
            on_failure.pop_all()
            return Extraction(stream, spooled, stager, reason, resumed_from, started)

    def _new_spool(self, stream: PageStream) -> Spool:
        return Spool.create(self.directory, new_load_id(stream.now), manifest(stream, self.run_id))

    def _drain(self, stream: PageStream, spool: Spool, stager: Stager) -> str:
        """Append page by page; returns why the series stopped."""
        reason, reported = stream.stop_reason, monotonic()
        with closing(iter(stream)) as pages, WriteBehind(spool) as behind:
            for page in pages:
                stream.session.go_on()
                behind.append(page, stream.columns)
                stager.follow(spool.complete, stream.columns, spool.longest_line)
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
        try:
            outcome = self._commit(extraction)
        except RestSourceError as error:
            if not extraction.is_replay or error.id not in _OF_RECORDS:
                raise
            # It would fail so in each run to come. Those who have corrected the file do not get here.
            self.report(f"The interrupted load cannot be finished ({error.message}); the load starts afresh.")
            extraction.discard()
            extraction = self._extract(extraction.stream.afresh())
            outcome = self._commit(extraction)
        extraction.spooled.remove()
        suspects = outcome.result.suspects
        return self._second_look(extraction.stream, outcome, suspects) if suspects else outcome

    def _second_look(self, stream: PageStream, first: LoadOutcome, suspects: frozenset[str]) -> LoadOutcome:
        """Read all pages again, and mark those of the rows as deleted that are not returned this time either.

        Where a record is deleted while pages are read, those behind it move up, and the first of a page may be missed.
        """
        self.report(f"{len(suspects)} rows were not returned; reading all pages once more before they are marked.")
        try:
            again = self._extract(stream.afresh())
            outcome = self._commit(again, suspects)
        except RestSourceError as error:
            stream.session.go_on()
            told = f"No row was marked as deleted, as the second look at all pages failed: {error.message}"
            return replace(first, warnings=(*first.warnings, told))
        again.spooled.remove()
        return looked_again(first, outcome)

    def _once_more(self, extraction: Extraction) -> Extraction:
        """A second pass where the API announced another number of records than it gave: rows may have moved."""
        stream, rows = extraction.stream, extraction.stream.returned
        why = "the total fell meanwhile" if stream.shrunk else f"{stream.total_reported} were announced"
        self.report(f"Read {rows} records, but {why}; reading all of them once more.")
        extraction.discard()
        again = self._extract(stream.afresh())
        if again.stream.shrunk:
            again.stream.warnings.append(
                f"The total of records fell while they were read, in two full passes, which gave {rows} and "
                f"{again.stream.returned}. Where records are deleted meanwhile, those behind move to earlier pages; "
                "some may be missing until the next load. Load when less is deleted, or in smaller parts."
            )
        elif again.has_drifted:
            again.stream.warnings.append(
                f"The API announced {again.stream.total_reported} records, but two full passes gave {rows} and "
                f"{again.stream.returned}. Records come and go while they are read, or the total counts something else."
            )
        return again

    def _commit(self, extraction: Extraction, suspects: frozenset[str] | None = None) -> LoadOutcome:
        stream, endpoint = extraction.stream, extraction.stream.endpoint
        try:
            stage = stage_of(extraction.spooled, stream.source, endpoint, extraction.stager)
            if stage.read and stage.rejected == stage.read and not self._are_known(stage, stream):
                raise _all_rejected(stage)
            stream.session.go_on()
            result = self.destination.commit(stage, extraction.facts(self.run_id, suspects), self.report)
            return extraction.outcome(result, stage.doubts)
        except RestSourceError as error:
            error.at(f"{stream.source.name}.{endpoint.name}")
            raise
        finally:
            extraction.stager.close()

    def _are_known(self, stage: Stage, stream: PageStream) -> bool:
        """Whether an earlier load has rejected the same records: an API may give the last of them again each time."""
        if stream.endpoint.write == "replace":
            return False
        with self.destination.reading() as session:
            return rejected_ids(stage) <= known_rejects(session, stream.source.name, stream.endpoint.name)


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
    retention = Retention.from_environment()
    source, endpoint, partition = stream.source, stream.endpoint, stream.partition.key if stream.partition else ""
    directory = spool_directory(state, source, endpoint, destination, partition)
    with explained(), claim(directory, report), ExitStack() as of_retry:
        if stream.known.only is not None:  # not beside the spool of an interrupted load, which is to be gone on with
            directory = directory.with_name(f"{directory.name}-retry")
            of_retry.enter_context(claim(directory, report))
        done = run_id and destination.find_load(source.name, endpoint.name, report, run_id=run_id, partition=partition)
        if done:
            report(f"Load {done.load_id} of this run is committed already; nothing to do.")
            return known(done)
        outcomes = Loader(destination, directory, run_id, report).run(stream)
    with suppress(OSError):  # the load is committed; what lies about can wait
        retention.sweep(state / SPOOLS)
    return together(outcomes)


def spool_directory(
    state: Path, source: SourceSpec, endpoint: EndpointSpec, destination: Destination, partition: str = ""
) -> Path:
    """Where loads of an endpoint's partition into one destination are spooled.

    Those of another partition or destination neither wait for them nor take their pages.
    """
    place = "\n".join(filter(None, (destination.uri, partition)))
    return state / SPOOLS / source.name / endpoint.name / sha256(place.encode()).hexdigest()[:12]


def _all_rejected(stage: Stage) -> RestSourceError:
    return RestSourceError(
        "all_rejected",
        f"None of the {stage.read} records can be loaded; the first reasons: {'; '.join(stage.reasons)}.",
        cause="A type in `columns` is not that of the values, or the API has changed.",
        remedy="Correct `columns` or `primary_key`, and run again; the table and the cursor are as they were.",
    )


def _progress(stream: PageStream, spool: Spool) -> str:
    total = f" of {stream.total_reported}" if stream.total_reported else ""
    return f"{spool.rows}{total} records in {spool.pages} pages, {stream.tally.requests} requests so far."
