"""Whether a load that another run began can be gone on with, and what becomes of it if not."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from rest_source.extract.recovery import Interrupted, recover
from rest_source.extract.request import frozen_instants
from rest_source.extract.stream import PageStream
from rest_source.load.destination import Destination
from rest_source.spec.pagination import OffsetLimit, PageNumber

REFUSED = (400, 404, 410)
"""Statuses by which an API says that a cursor of an earlier run has expired."""

_ASKED = {"method", "path", "query", "params", "body", "form", "pagination", "incremental", "cap"}
_PLAN = {*_ASKED, "data_root", "key_column", "record_columns", "exclude"}


def fetch_plan(stream: PageStream) -> dict[str, Any]:
    """What is asked for, as the file states it: templates unrendered, so without secrets."""
    plan = stream.endpoint.model_dump(mode="json", by_alias=True, include=_PLAN)
    start = _start(stream) if stream.endpoint.incremental else {}
    # A spool holds records as they are stored; only json and string are spooled alike.
    shape = stream.endpoint.nested if stream.endpoint.nested in ("flatten", "split") else "json"
    parent = stream.endpoint.parent.model_dump(mode="json") if stream.endpoint.parent else None
    start_hash = sha256(json.dumps(start, sort_keys=True).encode()).hexdigest()
    part, only = stream.partition, stream.known.only
    return {
        "base_url": stream.source.base_url,
        "nested": shape,
        "parent": parent,
        "start": start_hash,
        "partition": [str(part.start), str(part.end), *part.dimensions.values()] if part else None,
        "only": sorted(only) if only is not None else None,
        **plan,
    }


def _start(stream: PageStream) -> dict[str, Any]:
    """The cursors that this load starts from; those of other partitions may move while it is interrupted."""
    known = stream.known.cursors
    return {part.scope: known[part.scope] for part in stream.slices if part.scope in known}


def new_load_id(now: datetime) -> str:
    """An id whose order is that of time."""
    return f"{now:%Y%m%dT%H%M%S}-{uuid4().hex[:12]}"


def manifest(stream: PageStream, run_id: str) -> dict[str, Any]:
    """What a spool says of its load before the first page."""
    return {
        "source": stream.source.name,
        "endpoint": stream.endpoint.name,
        "run_id": run_id,
        "now": stream.now.astimezone(UTC).isoformat(),
        "newest_parent": stream.known.newest_parent,
        "plan": fetch_plan(stream),
    }


def find_interrupted(stream: PageStream, directory: Path, destination: Destination, run_id: str) -> Interrupted | None:
    """The newest interrupted load with the same plan; every other is removed.

    A full refresh goes on with nothing but what an earlier attempt of the same run has read.
    """
    found = None
    for path in _spools(directory):
        interrupted = recover(path) if found is None else None
        if interrupted is not None and _fits(stream, interrupted, destination, run_id):
            found = interrupted
        else:
            shutil.rmtree(path, ignore_errors=True)
    return found


def is_dated(stream: PageStream, interrupted: Interrupted) -> bool:
    """Whether the interrupted load asked for another time than this one does, so that both are to be loaded.

    A load that only misses its commit counts as dated once it is older than `resume_within`.
    """
    if interrupted.is_complete and _is_old(stream, interrupted) and not _is_counted(stream):
        return True
    frozen = frozen_instants(stream.source, stream.endpoint, interrupted.now)
    return frozen != frozen_instants(stream.source, stream.endpoint, stream.now)


def is_stale(stream: PageStream, interrupted: Interrupted) -> bool:
    """Whether rows may have moved between numbered pages since, so that none of them can be kept."""
    return _is_counted(stream) and _is_old(stream, interrupted)


def _spools(directory: Path) -> Iterator[Path]:
    """The spools of an endpoint, newest first; their names begin with the time."""
    with suppress(FileNotFoundError):
        yield from sorted((path for path in directory.iterdir() if path.is_dir()), reverse=True)


def _fits(stream: PageStream, interrupted: Interrupted, destination: Destination, run_id: str) -> bool:
    same_run = bool(run_id) and interrupted.manifest["run_id"] == run_id
    if stream.full_refresh and not same_run:
        return False
    if interrupted.manifest["plan"] != fetch_plan(stream):
        return False
    # A process may die between its commit and the removal of its spool.
    source, endpoint = stream.source.name, stream.endpoint.name
    return destination.find_load(source, endpoint, load_id=interrupted.load_id) is None


def _is_counted(stream: PageStream) -> bool:
    return isinstance(stream.endpoint.pagination, PageNumber | OffsetLimit)


def _is_old(stream: PageStream, interrupted: Interrupted) -> bool:
    return time.time() - interrupted.last_at > stream.source.limits.resume_within.total_seconds()
