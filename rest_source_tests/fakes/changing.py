"""An API whose records change: it answers with those updated since a cursor, within a window, or of a parent."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rest_source.demo.server import Call, LoopbackServer, Reply

Record = dict[str, Any]


@dataclass(slots=True)
class ChangingApi:
    """Serves `records` at /records, filtered by the parameters `since`, `from` and `to` on `updated_at`, in pages.

    It counts all records of a query but gives no more than `cap` of them. Bounds may be in another zone than the
    records, if all of these are `in_utc`.

    /parents/ID/children has the records of a parent, by `parent`; statuses in `answers` are given instead, and 404 from
    the page on that stands in `ends`. It refuses all requests once it has answered `patience` more.
    """

    records: list[Record] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    page_size: int = 3
    cap: int | None = None
    in_utc: bool = False
    field_name: str = "updated_at"
    descending: bool = False
    patience: int | None = None
    calls: list[Call] = field(default_factory=list)

    def serve(self) -> LoopbackServer:
        return LoopbackServer(self.answer)

    def asked(self, name: str) -> list[str | None]:
        """A parameter of the first page of every series, in order."""
        return [call.arg(name) for call in self.calls if not call.arg("page") or call.arg("page") == "1"]

    def answer(self, call: Call) -> Reply:
        self.calls.append(call)
        if self.patience is not None:
            self.patience -= 1
            if self.patience < 0:
                return Reply({"message": "no more"}, 400)
        if status := self.answers.get(call.path):
            return Reply({"message": "not here"}, status)
        found = [record for record in self.records if self._matches(record, call)]
        found = sorted(found, key=lambda record: str(record.get(self.field_name)), reverse=self.descending)
        given = found[: self.cap]
        page = int(call.arg("page") or 1)
        if page >= self.ends.get(call.path, page + 1):
            return Reply({"message": "not here"}, 404)
        start = (page - 1) * self.page_size
        return Reply({"records": given[start : start + self.page_size], "count": len(found)})

    def _matches(self, record: Record, call: Call) -> bool:
        value = record.get(self.field_name)
        parts = call.path.strip("/").split("/")
        if parts[0] == "parents" and str(record.get("parent")) != parts[1]:
            return False
        since, start, end = call.arg("since"), call.arg("from"), call.arg("to")
        kind: Any = _utc if self.in_utc else type(value)
        return not (
            (since is not None and value < kind(since))
            or (start is not None and value < kind(start))
            or (end is not None and value >= kind(end))
        )


def _utc(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).isoformat().replace("+00:00", "Z")
