"""The ways in which a body is not the JSON that was expected, each with its cause and what to write."""

from dataclasses import dataclass, replace

from rest_source.errors import RestSourceError

_FORMAT = "many APIs take a format parameter (`params: {format: json}`) or have a JSON variant of `path` (.json)"
_ASK_FOR_JSON = f"Ask for JSON by `headers: {{Accept: application/json}}`; {_FORMAT}"
_OPERATOR = "tell the operator of the API, as this can only be mended where the answer is made"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way of not being JSON, and the byte of the body at which it shows, where that tells something."""

    id: str
    what: str
    cause: str
    remedy: str
    retryable: bool = False
    at: int | None = None

    def says(self, what: str, at: int | None = None) -> "Fault":
        """The same with more to say, at a byte."""
        return replace(self, what=self.what + what, at=at)

    def error(self, message: str, where: str, status: int) -> RestSourceError:
        """It as an error."""
        return RestSourceError(
            self.id,
            message,
            where=where,
            cause=self.cause,
            remedy=self.remedy,
            retryable=self.retryable,
            status=status,
        )


EMPTY = Fault(
    "empty_body",
    "an empty body where JSON was expected",
    "The endpoint has nothing to say to this request, or a proxy dropped the body.",
    "Check `method`, `path` and `params`; an API without data answers `[]`, `{}` or status 204.",
)
TRUNCATED = Fault(
    "truncated_json",
    "JSON that ends in the middle",
    "The connection or the server broke off before the answer was complete.",
    "Run again; if it persists, ask for smaller pages (`pagination` with a `size`).",
    retryable=True,
)
HTML = Fault(
    "html_instead_of_json",
    "HTML instead of JSON",
    "The address is a web page (a sign-in, error or documentation page) rather than the API.",
    f"Check `base_url`, `path` and `auth`. {_ASK_FOR_JSON}.",
)
XML = Fault(
    "xml_instead_of_json",
    "XML instead of JSON",
    "The endpoint answers in XML unless asked otherwise; this loads JSON only.",
    f"{_ASK_FOR_JSON}.",
)
CSV = Fault(
    "csv_instead_of_json",
    "delimited text (CSV) instead of JSON",
    "The endpoint is an export or report; this loads JSON only.",
    f"{_ASK_FOR_JSON}.",
)
LINES = Fault(
    "ndjson_instead_of_json",
    "one JSON value per line (NDJSON)",
    "The endpoint is an export or a stream; this loads one JSON document per answer.",
    f"Use an endpoint that answers in pages. {_ASK_FOR_JSON}.",
)
BINARY = Fault(
    "binary_instead_of_json",
    "binary data instead of JSON",
    "The endpoint is a download, or packs its answers in a format of its own.",
    f"{_ASK_FOR_JSON}.",
)
CHARSET = Fault(
    "not_utf8",
    "JSON that is not in UTF-8",
    "The server sends another charset than it declares, or declares none: JSON is UTF-8 then (RFC 8259, 8.1).",
    f"Ask for UTF-8 by `headers: {{Accept-Charset: utf-8}}`. If the API does not heed that, {_OPERATOR}.",
)
CONSTANT = Fault(
    "invalid_json",
    "JSON with a value that JSON does not have",
    "The server writes numbers that are none as JavaScript or Python do; which value is meant is for the API to say.",
    "Leave the field out by the API's parameters, such as `params: {fields: ...}`, or ask its operator to send `null`.",
)
BROKEN = Fault(
    "invalid_json",
    "JSON that is broken",
    "The server writes JSON by hand, or the body was damaged on its way.",
    f"Run again; if it breaks at the same place, leave the field out by the API's parameters, or {_OPERATOR}.",
)
EVENTS = Fault(
    "not_json",
    "a stream of events instead of JSON",
    "The endpoint tells of changes as they happen (text/event-stream); this loads JSON only.",
    "Use the endpoint that lists the same records.",
)
OTHER = Fault(
    "not_json",
    "something that is not JSON",
    "The endpoint answers in another format, or wraps its JSON in other text; this loads JSON only.",
    f"{_ASK_FOR_JSON}.",
)
