"""The pages of one endpoint, fetched as they are asked for."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import time
from typing import Any

from rest_source.errors import RestSourceError
from rest_source.extract.columns import Columns
from rest_source.extract.data_root import DataRoot
from rest_source.extract.document import parse
from rest_source.extract.page import Next, Pager, Response, Stop
from rest_source.extract.pagers import pager_for
from rest_source.extract.records import EncodedRecords, encode, fingerprint
from rest_source.extract.request import RequestBuilder
from rest_source.http.request import Tally
from rest_source.http.session import ApiSession
from rest_source.spec.environment import Environment
from rest_source.spec.source import EndpointSpec, SourceSpec

_NOTHING = EncodedRecords(b"", 0, "", 0)


@dataclass(frozen=True, slots=True)
class Page:
    """One page, ready for the spool, and what comes after it."""

    number: int
    records: EncodedRecords
    after: Next[Any] | Stop


@dataclass(slots=True)
class PageStream:
    """A lazy stream of an endpoint's pages: nothing is requested before it is iterated.

    Iterating yields `Page`s in order and ends with one whose `after` is a `Stop`. `tally` counts requests,
    retries, waits and bytes; `warnings` gathers what a person should know though the load goes on.
    """

    source: SourceSpec
    endpoint: EndpointSpec
    session: ApiSession
    environment: Environment
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    columns: Columns = field(default_factory=Columns)
    tally: Tally = field(default_factory=Tally)
    warnings: list[str] = field(default_factory=list)
    total_reported: int | None = None
    first_request: str = ""

    def facts(self) -> dict[str, Any]:
        """How far the stream has come: for the report on a load that failed."""
        tally = self.tally
        return {
            "requests": tally.requests,
            "retries": tally.retries,
            "wait_seconds": round(tally.wait_seconds, 3),
            "bytes": tally.bytes,
            "first_request": self.first_request,
            "warnings": self.warnings,
        }

    def __iter__(self) -> Iterator[Page]:
        pager = pager_for(self.endpoint.pagination)
        after: Next[Any] | Stop = pager.first()
        number = 0
        while isinstance(after, Next):
            number += 1
            page = self._fetch(pager, after, number)
            after = page.after
            self.warnings += map(self.session.mask, after.warnings)
            yield page
            if isinstance(after, Next) and number >= self.source.limits.max_pages:
                raise _too_many_pages(number).at(self._place(number))

    def _fetch(self, pager: Pager[Any], step: Next[Any], number: int) -> Page:
        try:
            return self._page(pager, step, number)
        except RestSourceError as error:
            end = pager.past_end(step.state, error.status) if error.status else None
            if end is None:
                self._explain(error, number)
                raise
            return Page(number, _NOTHING, end)

    def _page(self, pager: Pager[Any], step: Next[Any], number: int) -> Page:
        request = RequestBuilder(self.source, self.endpoint, self.environment, self.now).build(step.request)
        self.first_request = self.first_request or self.session.mask(f"{request.method} {request.full_url}")
        end_statuses = self.endpoint.pagination.end_statuses
        answer = self.session.send(request, self.tally, expected=end_statuses)
        if answer.status in end_statuses:
            return Page(number, _NOTHING, Stop("end_status"))
        document = parse(answer, self.session.mask(f"{request.method} {answer.url}"), self.session.mask)
        data_root = DataRoot.of(self.endpoint)
        records = data_root.records(document.value, first_page=number == 1)
        kept = data_root.without_excluded(records)
        encoded = encode(kept, self.columns, int(time() * 1000), document.exact)
        # A pager judges what the API sent: pages may differ in nothing but an excluded field.
        digest = encoded.digest if kept is records else fingerprint(records)
        last_record: Any = records[-1] if records else None
        response = Response(answer.url, answer.headers, document.value, encoded.count, last_record, digest)
        after = pager.advance(step.state, response)
        self.total_reported = pager.total(step.state, response)
        return Page(number, encoded if isinstance(after, Next) or after.keep else _NOTHING, after)

    def _explain(self, error: RestSourceError, number: int) -> None:
        """The error with its page; a pager quotes URLs and cursors, in which APIs like to repeat a key."""
        mask = self.session.mask
        error.message, error.cause, error.remedy = map(mask, (error.message, error.cause, error.remedy))
        error.args = (error.message,)
        error.at(self._place(number))

    def _place(self, number: int) -> str:
        return f"{self.source.name}.{self.endpoint.name}, page {number}"


def _too_many_pages(number: int) -> RestSourceError:
    return RestSourceError(
        "max_pages",
        f"The series has not ended after {number} pages.",
        cause="The pagination never finds its end, or there really are more pages than `max_pages` allows.",
        remedy="Look at the last requests; if the data is real, raise `limits: {max_pages: …}` of the source.",
    )
