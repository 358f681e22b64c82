"""What an API's refusals mean and what to do about them."""

from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import NamedTuple

from rest_source.errors import RestSourceError
from rest_source.http.excerpt import server_message
from rest_source.http.request import Answer
from rest_source.http.waits import Wait

Mask = Callable[[str], str]
_YEAR = 366 * 86400.0

RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 509, *range(520, 531), 598, 599})
"""The statuses after which the same request may succeed.

425 is that of RFC 8470, 507 of RFC 4918; 509 means a used-up bandwidth, 520 to 530 are Cloudflare's
(developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors), 529 is also what
overloaded APIs answer, and 598 and 599 are those of proxies that had no answer in time.
"""


class RetryLater(RestSourceError):
    """The server asks for a longer pause than a load may wait; `seconds` is that pause."""

    def __init__(
        self, message: str, seconds: float, *, where: str, cause: str, remedy: str, status: int | None
    ) -> None:
        super().__init__("retry_later", message, where=where, cause=cause, remedy=remedy, retryable=True, status=status)
        self.seconds = seconds


class Advice(NamedTuple):
    """The likely cause and the remedy of a status."""

    cause: str
    remedy: str


_ADVICE = {
    400: Advice(
        "A parameter or the body has a name, type or format that the API does not accept.",
        "Compare `params`, `headers` and `body` with the documentation of the API.",
    ),
    401: Advice(
        "The token is expired or wrong, its header is missing or misnamed, or it belongs to another address.",
        "Check `auth` (type, name, value), the environment variable it reads, and `base_url`.",
    ),
    403: Advice(
        "The credentials are valid but lack the scope, role or plan for this endpoint, or this machine's address "
        "is blocked.",
        "Give the key or user of `auth` the permission.",
    ),
    404: Advice(
        "`path` or `base_url` is misspelled, misses its version, or names something that does not exist (any more).",
        "Compare `base_url` and `path` with the API's documentation; some APIs also hide what a key may not see.",
    ),
    405: Advice("The endpoint wants another method.", "Set `method: POST` (or `method: GET`) as the API documents it."),
    406: Advice(
        "The API cannot answer in the format it was asked for; only JSON is read here.",
        "Set `headers: {Accept: application/json}`, or the media type the API documents for JSON.",
    ),
    408: Advice(
        "The API did not receive or finish the request in time.",
        "Ask for less per request (a smaller page `size`, a shorter period in `params`), or run again later.",
    ),
    409: Advice(
        "The request conflicts with the state of the resource, such as an export that still runs.",
        "Run again later, or check `params` and `body` against the API's documentation.",
    ),
    410: Advice(
        "The endpoint or this version of it was removed, or a page cursor has expired.",
        "Change `path` or `base_url` to the current version; after an expired cursor, run again.",
    ),
    415: Advice(
        "The API does not read the format of the body; `body` is sent as JSON, `form` urlencoded.",
        "Use `form` instead of `body` (or the reverse), or set `headers: {Content-Type: ...}` as documented.",
    ),
    422: Advice(
        "The request is well-formed, but a value in it is not valid for the API.",
        "Check the values of `params` and `body`: dates, enumerations, and the page size's upper limit.",
    ),
    429: Advice(
        "More requests were sent than the API allows in a period, perhaps by other users of the same key.",
        "Set `limits: {rate: 5/s}` to the documented limit, or run again later.",
    ),
}
_OTHER_CLIENT = Advice(
    "The API refuses the request as it is.",
    "Compare `method`, `path`, `params`, `headers` and `body` with the API's documentation.",
)
_SERVER = Advice(
    "The API, or a proxy in front of it, is failing, overloaded or in maintenance.",
    "Run again later; if it persists, ask for less per request (a smaller page `size`).",
)
_UNEXPECTED = Advice(
    "The address leads to something other than the API's data, such as a sign-in page or a cached answer.",
    "Check `base_url`, `path` and `headers` against the API's documentation.",
)


def advice(status: int) -> Advice:
    """What a status usually means here."""
    by_class = {4: _OTHER_CLIENT, 5: _SERVER}
    return _ADVICE.get(status) or by_class.get(status // 100, _UNEXPECTED)


def http_error(answer: Answer, where: str, mask: Mask = str, *, is_limit: bool = False) -> RestSourceError:
    """The error of a status that is no success, with the server's own words; its id is `http_<status>`.

    With `is_limit` the answer says that it is too early, whatever its status.
    """
    said = server_message(answer, mask)
    meaning = advice(429 if is_limit else answer.status)
    return RestSourceError(
        f"http_{answer.status}",
        f"The API answered {_named(answer.status)}" + (f': "{said}".' if said else "."),
        where=where,
        cause=meaning.cause,
        remedy=meaning.remedy,
        retryable=is_limit or answer.status in RETRYABLE,
        status=answer.status,
    )


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def retry_later(error: RestSourceError, wait: Wait, limit: timedelta) -> RetryLater:
    """The error of an answer that asks for a pause beyond `limits.max_wait`."""
    return RetryLater(
        f"The API asks to wait {wait.seconds:,.0f} s ({wait.by}), longer than limits.max_wait "
        f"({limit.total_seconds():,.0f} s). {error.message}",
        wait.seconds,
        where=error.where,
        cause=error.cause,
        remedy=f"Run again in {_told(wait.seconds)}, or raise `limits: {{max_wait: ...}}`; "
        "`limits: {rate: ...}` keeps below the API's limit.",
        status=error.status,
    )


def _told(seconds: float) -> str:
    return f"{timedelta(seconds=int(seconds) + 1)} h" if seconds < _YEAR else "years, if that is meant"


def too_large(limit: int, what: str = "The answer", times: int = 1) -> RestSourceError:
    """The error of a body, or what of it must be held at once, that exceeds `limits.max_response` when decoded."""
    return RestSourceError(
        "response_too_large",
        f"{what} is larger than {f'{times} times ' if times > 1 else ''}limits.max_response ({limit:,} bytes).",
        cause="The endpoint returns everything at once, or its pages are very large.",
        remedy="Ask for smaller pages (`pagination` with a `size`), or raise `limits: {max_response: 1GB}`.",
    )


def whole_and_too_large(limit: int, why: str) -> RestSourceError:
    """The error of an answer without pages that would be read in parts, were it not for the reason given."""
    error = too_large(limit)
    error.cause = f"It holds everything at once, and cannot be read in parts: {why}."
    error.remedy = (
        "Give the array of the records as `data_root`, a plain path such as `$.data.items`; or use a `pagination` with "
        "a `size`; or raise `limits: {max_response: 1GB}`, if there are ten times as much memory."
    )
    return error
