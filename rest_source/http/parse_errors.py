"""Answers with a good status whose body is not the JSON that was expected."""

from typing import NamedTuple

from rest_source.errors import RestSourceError
from rest_source.http.errors import Mask
from rest_source.http.excerpt import looks_like_markup, start_of
from rest_source.http.request import Answer

_SHOWN = 80
_ASK_FOR_JSON = "Add `headers: {Accept: application/json}`, or use the JSON variant of `path` (often ending in .json)"


class Kind(NamedTuple):
    """One way of not being JSON."""

    id: str
    what: str
    cause: str
    remedy: str
    retryable: bool = False


_EMPTY = Kind(
    "empty_body",
    "an empty body where JSON was expected",
    "The endpoint has nothing to say to this request, or a proxy dropped the body.",
    "Check `method`, `path` and `params`; an API without data answers `[]`, `{}` or status 204.",
)
_TRUNCATED = Kind(
    "truncated_json",
    "JSON that ends in the middle",
    "The connection or the server broke off before the answer was complete.",
    "Run again; if it persists, ask for smaller pages (`pagination` with a `size`).",
    retryable=True,
)
_HTML = Kind(
    "html_instead_of_json",
    "HTML instead of JSON",
    "The address is a web page (a sign-in, error or documentation page) rather than the API.",
    f"Check `base_url`, `path` and `auth`. {_ASK_FOR_JSON}.",
)
_XML = Kind(
    "xml_instead_of_json",
    "XML instead of JSON",
    "The endpoint answers in XML unless asked otherwise; this loads JSON only.",
    f"{_ASK_FOR_JSON}.",
)
_CSV = Kind(
    "csv_instead_of_json",
    "delimited text (CSV) instead of JSON",
    "The endpoint is an export or report; this loads JSON only.",
    f"{_ASK_FOR_JSON}; many APIs also take a format parameter: `params: {{format: json}}`.",
)
_OTHER = Kind(
    "not_json",
    "something that is not JSON",
    "The endpoint answers in another format, or wraps its JSON in other text; this loads JSON only.",
    f"{_ASK_FOR_JSON}.",
)


def unreadable(answer: Answer, detail: str, position: int | None, where: str, mask: Mask = str) -> RestSourceError:
    """The error of a body that does not parse; `detail` and `position` are the parser's `msg` and `pos`.

    Pass the session's `mask`: the body is quoted, and must be masked before it is cut.
    """
    kind = _kind(answer, detail, position)
    content_type = answer.headers.get("Content-Type") or "no content type"
    start = start_of(answer, _SHOWN, mask)
    found = f'; it begins "{start}"' if start else ""
    reason = f" ({detail})" if kind is _OTHER and detail else ""
    return RestSourceError(
        kind.id,
        mask(f"The API answered {answer.status} with {kind.what}{reason}. Content type: {content_type}{found}."),
        where=mask(where),
        cause=kind.cause,
        remedy=kind.remedy,
        retryable=kind.retryable,
        status=answer.status,
    )


def _kind(answer: Answer, detail: str, position: int | None) -> Kind:
    content_type = answer.headers.get("Content-Type", "").lower()
    head = answer.body[:4096].decode("utf-8", "replace")
    if not answer.body.strip():
        return _EMPTY
    if looks_like_markup(head):
        return _XML if "<?xml" in head[:100] or "/xml" in content_type else _HTML
    if "csv" in content_type or "tab-separated" in content_type:
        return _CSV
    if "json" not in content_type and _is_delimited(head):
        return _CSV
    return _TRUNCATED if _is_cut(answer.body, detail, position) else _OTHER


def _is_delimited(head: str) -> bool:
    """Whether the first two lines are cut into equally many fields."""
    lines = head.lstrip("\ufeff").splitlines()[:2]
    if len(lines) < 2 or lines[0][:1] in ("{", "["):
        return False
    return any(lines[0].count(mark) == lines[1].count(mark) > 0 for mark in ",;\t|")


def _is_cut(body: bytes, detail: str, position: int | None) -> bool:
    """Whether the parser stopped at the end of the data; its positions count characters, not bytes."""
    if detail.startswith("unexpected end"):
        return True
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return position is not None and position >= len(text.rstrip())
