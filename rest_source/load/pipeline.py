"""One load from end to end: drain a stream of pages into the spool, stage the spool, commit the stage."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

from rest_source.extract.page import Stop
from rest_source.extract.spool import Spool, SpooledLoad, remove_leftovers
from rest_source.extract.stream import PageStream
from rest_source.load.destination import CommitResult, Destination, LoadFacts
from rest_source.load.stage import Stage, build_stage
from rest_source.load.state import claim

PROGRESS_SECONDS = 10.0
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """What a load did, from the first request to the commit."""

    load_id: str
    result: CommitResult
    pages: int
    requests: int
    retries: int
    wait_seconds: float
    bytes: int
    stop_reason: str
    total_reported: int | None
    first_request: str
    seconds: float
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The facts by name, as metadata and `--json` report them."""
        facts = asdict(self)
        result: dict[str, Any] = facts.pop("result")
        return result | facts


def run_load(
    stream: PageStream, destination: Destination, state: Path, *, run_id: str = "", report: Report
) -> LoadOutcome:
    """Load an endpoint. Until the commit nothing of it is visible; a failure leaves the table as it was."""
    started = monotonic()
    directory = state / "spool" / stream.source.name / stream.endpoint.name
    with claim(directory, report):
        remove_leftovers(directory)
        load_id = f"{stream.now:%Y%m%dT%H%M%S}-{uuid4().hex[:12]}"
        with Spool(directory, load_id, _manifest(stream, run_id)) as spool:
            reason = _drain(stream, spool, report)
            spooled = spool.finish(stream.columns)
            stage = _stage(stream, spooled)
            result = destination.commit(stage, _facts(stream, spooled, reason, run_id), report)
            spool.remove()
    return LoadOutcome(
        load_id=load_id,
        result=result,
        pages=spooled.pages,
        requests=stream.tally.requests,
        retries=stream.tally.retries,
        wait_seconds=round(stream.tally.wait_seconds, 3),
        bytes=stream.tally.bytes,
        stop_reason=reason,
        total_reported=stream.total_reported,
        first_request=stream.first_request,
        seconds=round(monotonic() - started, 3),
        warnings=(*stream.warnings, *_rejected(result)),
    )


def _rejected(result: CommitResult) -> tuple[str, ...]:
    if not result.rows_rejected:
        return ()
    told = f"{result.rows_rejected} of {result.rows_read} records have no primary key"
    return (f"{told}; they stand in _rest_source.rejected_records, with the reason.",)


def _drain(stream: PageStream, spool: Spool, report: Report) -> str:
    """Spool every page; returns why the series stopped."""
    reason, reported = "", monotonic()
    for page in stream:
        spool.append(page, stream.columns)
        if isinstance(page.after, Stop):
            reason = page.after.reason
        elif monotonic() - reported >= PROGRESS_SECONDS:
            reported = monotonic()
            total = f" of {stream.total_reported}" if stream.total_reported else ""
            report(f"{spool.rows}{total} records in {spool.pages} pages, {stream.tally.requests} requests so far.")
    return reason


def _stage(stream: PageStream, spooled: SpooledLoad) -> Stage:
    endpoint = stream.endpoint
    return build_stage(
        spooled,
        primary_key=endpoint.primary_key,
        unique=endpoint.write != "append",
        nested=endpoint.nested,
        timezone=stream.source.timezone,
    )


def _manifest(stream: PageStream, run_id: str) -> dict[str, Any]:
    """What is loaded, with the fetch plan as the file states it: templates unrendered, so without secrets."""
    endpoint, source = stream.endpoint, stream.source
    keys = {"method", "path", "params", "headers", "body", "form", "data_root", "pagination"}
    plan = endpoint.model_dump(mode="json", by_alias=True, include=keys)
    return {
        "source": source.name,
        "endpoint": endpoint.name,
        "run_id": run_id,
        "now": stream.now.astimezone(UTC).isoformat(),
        "started_at": datetime.now(UTC).isoformat(),
        "plan": {"base_url": source.base_url, **plan},
    }


def _facts(stream: PageStream, spooled: SpooledLoad, reason: str, run_id: str) -> LoadFacts:
    return LoadFacts(
        load_id=spooled.load_id,
        source=stream.source.name,
        endpoint=stream.endpoint.name,
        write=stream.endpoint.write,
        run_id=run_id,
        started_at=int(stream.now.timestamp() * 1000),
        pages=spooled.pages,
        requests=stream.tally.requests,
        bytes=stream.tally.bytes,
        stop_reason=reason,
    )
