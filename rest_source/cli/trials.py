"""What `check` and `preview` tell about a trial of an endpoint."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rest_source.catalogue.stops import ending
from rest_source.extract.page import Next, Stop
from rest_source.http.rules import Ruled
from rest_source.load.trial import Trial
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.pagination import PageNumber
from rest_source.spec.source import SourceSpec

_REFUSALS = (401, 403, 407)
_NOT_FOUND = "data_root_not_found"


@dataclass(frozen=True, slots=True)
class TrialReport:
    """A trial of one endpoint, in words and as JSON."""

    source: SourceSpec
    endpoint: EndpointSpec
    trial: Trial

    @property
    def status(self) -> Literal["ok", "skipped", "failed"]:
        """`skipped` where a rule of `on_error` takes the answer for a reason to skip the endpoint."""
        error = self.trial.error
        if error is None:
            return "ok"
        return "skipped" if isinstance(error, Ruled) and error.do == "skip" else "failed"

    @property
    def http_status(self) -> int | None:
        """The status of the last answer."""
        error, exchanges = self.trial.error, self.trial.exchanges
        if error is not None and error.status is not None:
            return error.status
        return exchanges[-1].status if exchanges else None

    @property
    def content_type(self) -> str:
        """The content type of the last answer that was read, without its parameters."""
        exchanges = self.trial.exchanges
        return exchanges[-1].content_type.partition(";")[0] if exchanges else ""

    @property
    def auth(self) -> str:
        """How the endpoint signs in, and whether the API took it, where an answer tells."""
        kind, status = (self.endpoint.auth or self.source.auth).type, self.http_status
        if status in _REFUSALS:
            return f"{kind}: refused"
        taken = kind != "none" and bool(self.trial.exchanges)
        return f"{kind}: accepted" if taken else kind

    @property
    def root_found(self) -> bool | None:
        """Whether the data root is in the answer; None where no answer got that far."""
        error = self.trial.error
        if self.trial.after is not None:
            return True
        return False if error is not None and error.id == _NOT_FOUND else None

    @property
    def next_page(self) -> str:
        """Whether there is a next page, or why the series ends, in a few words."""
        match self.trial.after:
            case Next():
                return "found"
            case Stop(reason=reason):
                return f"none ({ending(reason).brief})"
            case None:
                return "-"

    @property
    def remarks(self) -> list[str]:
        """Error and warnings, a paragraph each."""
        told = [str(self.trial.error)] if self.trial.error else []
        if self.trial.error is None and self.trial.read == 0:
            told.append("The answer holds no records, so types and primary key could not be tried.")
        return [*told, *self.trial.warnings]

    def to_dict(self) -> dict[str, Any]:
        """What both commands report as JSON."""
        trial, root = self.trial, self.root_found
        return {
            "name": self.endpoint.name,
            "status": self.status,
            "http_status": self.http_status,
            "content_type": self.content_type or None,
            "auth": {"type": (self.endpoint.auth or self.source.auth).type, "accepted": self._accepted},
            "data_root": {"path": self.endpoint.data_root, "found": root},
            "records": trial.read,
            "total_reported": trial.total,
            "next": {
                "found": isinstance(trial.after, Next),
                "request": str(trial.next_request) if trial.next_request else None,
                "stop_reason": trial.after.reason if isinstance(trial.after, Stop) else None,
                "explanation": explained(trial, self.endpoint),
            },
            "requests": [asdict(exchange) for exchange in trial.exchanges],
            "columns": [{"name": name, "type": str(type_)} for name, type_ in trial.sample.columns.items()],
            "warnings": self.remarks[1 if trial.error else 0 :],
            "seconds": trial.seconds,
            "error": trial.error.to_dict() if trial.error else None,
        }

    @property
    def _accepted(self) -> bool | None:
        if self.http_status in _REFUSALS:
            return False
        return True if self.trial.exchanges else None


def explained(trial: Trial, endpoint: EndpointSpec) -> str | None:
    """Why the series goes on or ends here, in a sentence."""
    match trial.after:
        case Stop(reason=reason):
            return f"The series ends here: {ending(reason).sentence}."
        case Next():
            return f"The series goes on; `{endpoint.pagination.type}` {ends_when(endpoint)}."
        case None:
            return None


def ends_when(endpoint: EndpointSpec) -> str:
    """When a pagination ends, in the words of the file's schema."""
    told = _end_of(type(endpoint.pagination))
    return _end_of(PageNumber) if told == "ends as `page_number`" else told


def _end_of(model: Any) -> str:
    description = str(model.model_fields["type"].description)
    return "ends " + description.partition("; ends ")[2].partition(". ")[0]


def cells(values: Sequence[Any], width: int = 40) -> list[str]:
    """Values as cells of a table: one line each, cut at a width."""
    return [_cell(value, width) for value in values]


def _cell(value: Any, width: int) -> str:
    import json

    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"


def row(report: TrialReport) -> Mapping[str, str]:
    """The line of `check`'s table."""
    root = {True: "", False: ": not found", None: ": ?"}[report.root_found]
    return {
        "asset": f"{report.source.name}.{report.endpoint.name}",
        "status": str(report.http_status or "-"),
        "content type": report.content_type or "-",
        "auth": report.auth,
        "data root": report.endpoint.data_root + root,
        "records": str(report.trial.read) if report.trial.after is not None else "-",
        "next page": report.next_page,
        "result": {"ok": "ok", "skipped": "skipped", "failed": "FAILED"}[report.status],
    }
