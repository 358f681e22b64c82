"""What a page says about how far an endpoint has been read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rest_source.extract.cursors import CursorValues
from rest_source.extract.data_root import Record
from rest_source.extract.document import LongNumber
from rest_source.spec.incremental import Incremental
from rest_source.spec.jsonpath import MISSING, compile_path


@dataclass(frozen=True, slots=True)
class Increments:
    """Finds the cursor in pages, and the page behind which all is known; `since` is where the load began."""

    spec: Incremental
    values: CursorValues
    since: Any

    def latest(self, records: list[Record], document: Any, headers: Mapping[str, str]) -> Any:
        """The latest cursor value of a page, as JSON holds it; None where it has none."""
        match self.spec.origin:
            case "header":
                return headers.get(self.spec.cursor)
            case "response":
                value = compile_path(self.spec.cursor).first(document)
                return _plain(None if value is MISSING else value)
            case _:
                return _plain(self.values.latest(self._of(records)))

    def later(self, known: Any, value: Any) -> Any:
        """The later of what is known and what a further page says."""
        if value is None:
            return known
        return self.values.latest([value], known) if self.spec.origin == "record" else value

    def is_behind(self, latest: Any) -> bool:
        """Whether a page with this latest value is wholly older than the cursor, and so is all after it."""
        descending = self.spec.order == "desc" and self.since is not None and latest is not None
        return descending and self.values.precedes(latest, self.since)

    def _of(self, records: list[Record]) -> list[Any]:
        path = compile_path(self.spec.cursor)
        if path.steps is not None and len(path.steps) == 1 and not path.every:
            return [record.get(path.steps[0]) for record in records]
        return [None if (value := path.first(record)) is MISSING else value for record in records]


def _plain(value: Any) -> Any:
    """A number of any length as JSON has it."""
    if isinstance(value, LongNumber):
        return int(value.text) if value.text.lstrip("-").isdigit() else value.text
    return value
