"""Trying again what earlier loads of an endpoint rejected, once its file or the table can take it."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from itertools import groupby
from pathlib import Path

from rest_source.errors import RestSourceError
from rest_source.extract.columns import Columns
from rest_source.extract.document import parse
from rest_source.extract.page import Page
from rest_source.extract.records import EncodedRecords, encode
from rest_source.extract.spool import Spool, SpooledLoad
from rest_source.http.request import Answer
from rest_source.load.destination import CommitResult, Destination, LoadFacts, RejectedRecord
from rest_source.load.pipeline import Report, spool_directory
from rest_source.load.resume import new_load_id
from rest_source.load.schema import Shape
from rest_source.load.stager import Stager
from rest_source.load.staging import stage_of
from rest_source.load.state import claim, explained
from rest_source.spec.base import normalise
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.source import SourceSpec

RETRIED = "retried"
"""The stop reason of a load that asked no API."""
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Retry:
    """Loads the rejected records of one endpoint; those that still do not fit are kept, with their new reason.

    A row that was read after such a record is left as it is.
    """

    source: SourceSpec
    endpoint: EndpointSpec
    destination: Destination
    state: Path
    report: Report

    def run(self) -> CommitResult:
        """What became of the records: `rows_rejected` are left of `rows_read`."""
        directory = spool_directory(self.state, self.source, self.endpoint, self.destination)
        with explained(), claim(directory, self.report):
            now = datetime.now(UTC)
            with ExitStack() as spools:
                loads = [
                    self._commit(spooled, partition, now)
                    for partition, spooled in self._spooled(directory, now, spools)
                ]
                return reduce(CommitResult.plus, loads, CommitResult())

    def _spooled(self, directory: Path, now: datetime, spools: ExitStack) -> list[tuple[str, SpooledLoad]]:
        """The records of each partition, all of which are read before one is committed."""
        found = []
        with self.destination.rejected(self.source.name, self.endpoint.name) as records:
            for partition, own in groupby(records, lambda record: record.partition):
                spool, columns = Spool.create(directory, new_load_id(now), {}), Columns()
                spools.enter_context(spool)
                spools.callback(spool.remove)
                for number, encoded in enumerate(self._encoded(own, columns), 1):
                    spool.append(Page(number, encoded, None), columns.take_changed())
                found.append((partition, spool.finish(columns)))
        return found

    def _encoded(self, records: Iterable[RejectedRecord], columns: Columns) -> Iterator[EncodedRecords]:
        numbered = groupby(enumerate(records), lambda item: (item[0] // _BATCH, item[1].ingested_at))
        for (_, ingested_at), batch in numbered:
            body = f"[{','.join(record.record for _, record in batch)}]".encode()
            document = parse(Answer(200, "", {}, body), "", str)
            yield encode(document.value, columns, ingested_at, document.exact, self.endpoint.nested)

    def _commit(self, spooled: SpooledLoad, partition: str, now: datetime) -> CommitResult:
        endpoint = self.endpoint
        stager = Stager(spooled.directory, Shape.of(endpoint))
        try:
            stage = stage_of(spooled, self.source, endpoint, stager)
        except RestSourceError as error:
            if error.id != "primary_key_missing":
                raise
            left = spooled.rows
            return CommitResult(rows_read=left, rows_rejected=left, reject_reasons=(error.message.rstrip("."),))
        finally:
            stager.close()
        facts = LoadFacts(
            load_id=spooled.load_id,
            source=self.source.name,
            endpoint=endpoint.name,
            write="append" if endpoint.write == "append" else "merge",
            schema_change=endpoint.schema_change,
            partition=partition,
            siblings=tuple(normalise(sibling.name) for sibling in self.source.endpoints),
            started_at=int(now.timestamp() * 1000),
            stop_reason=RETRIED,
            retries_rejected=True,
        )
        return self.destination.commit(stage, facts, self.report)
