"""A trial of an endpoint: its first pages, read and staged as a load would do it, and then forgotten."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import orjson

from rest_source.errors import RestSourceError
from rest_source.extract.data_root import DataRoot, Record
from rest_source.extract.document import parse
from rest_source.extract.page import Next, Stop
from rest_source.extract.spool import Spool, SpooledLoad
from rest_source.extract.stream import PageStream
from rest_source.http.errors import Mask
from rest_source.http.excerpt import shorten
from rest_source.http.request import Answer, Request
from rest_source.load.destination import CommitResult
from rest_source.load.engine import open_engine
from rest_source.load.idle import idle
from rest_source.load.key_remarks import key_remarks
from rest_source.load.names import column_names
from rest_source.load.schema import ColumnType, Shape
from rest_source.load.stage import Stage, StagedColumn
from rest_source.load.stager import RECORDS, Stager
from rest_source.load.staging import stage_of
from rest_source.spec.endpoint import EndpointSpec

_NATIVE = (ColumnType.BOOLEAN, ColumnType.BIGINT, ColumnType.DOUBLE)
_SHOWN = 2000


@dataclass(frozen=True, slots=True)
class ShownRequest:
    """A request as it may be shown: without secrets, and without what signs it in."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str | None

    def __str__(self) -> str:
        return f"{self.method} {self.url}" + (f" {self.body}" if self.body else "")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what came back; `bytes` is the length of the decoded body."""

    request: ShownRequest
    status: int
    content_type: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows as a table would hold them, in JSON values; `warnings` tell what a load would do to others."""

    columns: Mapping[str, ColumnType]
    rows: tuple[Mapping[str, Any], ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """What a trial saw; with an `error`, what it saw before that. `read` counts the records of the pages read."""

    exchanges: tuple[Exchange, ...]
    after: Next[Any] | Stop | None
    next_request: ShownRequest | None
    read: int
    total: int | None
    sample: Sample
    warnings: tuple[str, ...]
    seconds: float
    error: RestSourceError | None


_NO_SAMPLE = Sample({}, (), ())


def run_trial(stream: PageStream, rows: int, pages: int | None = None) -> Trial:
    """Read pages until there are so many rows, at most so many `pages`; one request after the other, none ahead."""
    exchanges: list[Exchange] = []
    answers: list[Answer] = []

    def watch(request: Request, answer: Answer) -> None:
        exchanges.append(_exchange(stream, request, answer))
        answers.append(answer)

    stream.watch = watch
    after: list[Next[Any] | Stop] = []
    started, sample, error = monotonic(), _NO_SAMPLE, None
    try:
        with TemporaryDirectory(prefix="rest_source_") as folder:
            sample = _sample(stream, _spooled(stream, Path(folder), rows, pages, after), rows)
            idle_keys = tuple(idle(stream.endpoint, _received(stream, answers)))
            sample = _masked(replace(sample, warnings=(*sample.warnings, *idle_keys)), stream)
    except RestSourceError as found:
        error = found
        stream.session.clean(error)
    last = after[-1] if after else None
    return Trial(
        tuple(exchanges),
        last,
        _shown(stream, stream.request(last.request)) if isinstance(last, Next) else None,
        stream.rows,
        stream.total_reported,
        sample,
        (*stream.warnings, *sample.warnings, *map(stream.session.mask, stream.doubts())),
        round(monotonic() - started, 3),
        error,
    )


def failed_trial(error: RestSourceError) -> Trial:
    """A trial that failed before its first request."""
    return Trial((), None, None, 0, None, _NO_SAMPLE, (), 0.0, error)


def _spooled(
    stream: PageStream, folder: Path, rows: int, pages: int | None, after: list[Next[Any] | Stop]
) -> SpooledLoad:
    stream.until = 1
    with Spool.create(folder, "trial", {}) as spool, closing(iter(stream)) as reading:
        for page in reading:
            spool.append(page, stream.columns.take_changed())
            if page.after is not None:
                after.append(page.after)
                if stream.rows < rows and (pages is None or page.number < pages):
                    stream.until = page.number + 1
        return spool.finish(stream.columns)


def _sample(stream: PageStream, load: SpooledLoad, rows: int) -> Sample:
    endpoint = stream.endpoint
    stager = Stager(load.directory, Shape.of(endpoint))
    with closing(stager):
        stage = stage_of(load, stream.source, endpoint, stager)
    names = column_names([column.original for column in stage.columns], {})
    listed = [_value(column) for column in stage.columns]
    with open_engine(str(stage.path), read_only=True) as con:
        found = con.execute(f"SELECT {', '.join(listed)} FROM {RECORDS} LIMIT {rows}").fetchall() if listed else []
    types = {names[column.original]: column.type for column in stage.columns}
    shown = tuple(
        {name: _json(type_, value) for (name, type_), value in zip(types.items(), row, strict=True)} for row in found
    )
    return Sample(types, shown, tuple(_losses(stage, endpoint)))


def first_rows(stream: PageStream, asked: Sequence[str], included: Sequence[str]) -> list[dict[str, Any]]:
    """The records on the first page that have all that is asked, and of each nothing but that and what is included.

    They are what children ask for whose parent has not been loaded yet.
    """
    answers: list[Answer] = []
    stream.watch, stream.until = (lambda _, answer: answers.append(answer)), 1
    with closing(iter(stream)) as pages:
        next(pages, None)
    found = [{name: record.get(name) for name in (*asked, *included)} for record in _received(stream, answers)]
    return [row for row in found if all(row[name] not in (None, "") for name in asked)]


def _received(stream: PageStream, answers: Sequence[Answer]) -> list[Record]:
    """The records as the API sent them; none of an answer that is read in parts, whose file is gone by now."""
    root, mask = DataRoot.of(stream.endpoint), stream.session.mask
    whole = [parse(answer, "", mask).value for answer in answers if answer.file is None]
    found, names = list[Record](), tuple[str, ...]()
    for document in whole:
        named = root.named(document, names)
        names = named.names
        found += root.records(named.document, first_page=False)
    return found


def _masked(sample: Sample, stream: PageStream) -> Sample:
    """What may be shown of a sample: an API may repeat the secrets it was sent."""
    mask = stream.session.mask
    columns = {mask(name): type_ for name, type_ in sample.columns.items()}
    rows = [{mask(name): _without_secrets(value, mask) for name, value in row.items()} for row in sample.rows]
    return Sample(columns, tuple(rows), tuple(map(mask, sample.warnings)))


def _without_secrets(value: Any, mask: Mask) -> Any:
    match value:
        case str():
            return mask(value)
        case list():
            return [_without_secrets(element, mask) for element in value]
        case dict():
            return {mask(name): _without_secrets(element, mask) for name, element in value.items()}
    return value


def _losses(stage: Stage, endpoint: EndpointSpec) -> Iterator[str]:
    """What would become of records that do not all get a row of their own."""
    yield from stage.doubts
    if stage.rejected:
        yield f"{stage.rejected} of {stage.read} records would be rejected: {'; '.join(stage.reasons)}."
    for remark in key_remarks(CommitResult.of(stage), endpoint):
        yield remark.text


def _value(column: StagedColumn) -> str:
    if column.type in _NATIVE:
        return f"TRY_CAST({column.name} AS {column.type})"
    return f"CAST({column.name} AS VARCHAR)"


def _json(type_: ColumnType, value: Any) -> Any:
    if type_ is not ColumnType.JSON or value is None:
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def _exchange(stream: PageStream, request: Request, answer: Answer) -> Exchange:
    content_type = shorten(answer.headers.get("Content-Type", ""), _SHOWN, stream.session.mask)
    return Exchange(_shown(stream, request), answer.status, content_type, answer.size)


def _shown(stream: PageStream, request: Request) -> ShownRequest:
    mask = stream.session.mask
    body = shorten(request.body.decode("utf-8", "replace"), _SHOWN, mask) if request.body else None
    headers = {name: shorten(value, _SHOWN, mask) for name, value in request.headers}
    return ShownRequest(request.method, shorten(request.full_url, _SHOWN, mask), headers, body)
