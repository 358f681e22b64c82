"""Which answers are a success, whatever their status says."""

from collections.abc import Callable

from rest_source.errors import RestSourceError
from rest_source.http.error_members import failure, hint
from rest_source.http.errors import Mask, advice, http_error
from rest_source.http.excerpt import server_message
from rest_source.http.limit_words import LONGEST, speaks_of_limit
from rest_source.http.redirect import is_redirect
from rest_source.http.request import Answer, Request
from rest_source.http.waits import ACCEPTED, is_used_up
from rest_source.http.wrapped import glance

Holds = Callable[[Answer], bool]
"""Whether the body of an answer holds records."""


def is_success(answer: Answer, holds: Holds | None = None) -> bool:
    """Whether an answer is one to read, or leads on to it.

    Without records a 202 is none, as it says that they are not ready yet (RFC 9110, 15.3.3), nor is an answer that
    speaks of an error and a used-up limit.
    """
    if is_redirect(answer):
        return True
    if not 200 <= answer.status < 300:
        return False
    is_doubtful = answer.status == ACCEPTED or _says_limit(answer)
    return not is_doubtful or holds is None or holds(answer)


def refusal(request: Request, answer: Answer, where: str, mask: Mask, *, is_limit: bool) -> RestSourceError:
    """The error of an answer that is no success."""
    if answer.status == ACCEPTED:
        return _not_ready(request, answer, where, mask)
    if 200 <= answer.status < 300:
        return _used_up(answer, where, mask)
    return http_error(answer, where, mask, is_limit=is_limit)


def _says_limit(answer: Answer) -> bool:
    if answer.file is not None or len(answer.body) > LONGEST:
        return False
    in_words = speaks_of_limit(answer)
    if not in_words and not is_used_up(answer):
        return False
    try:
        document = glance(answer.body)
    except ValueError:
        return in_words
    return failure(document) is not None or (in_words and hint(document) is not None)


def _not_ready(request: Request, answer: Answer, where: str, mask: Mask) -> RestSourceError:
    said, place = server_message(answer, mask), answer.headers.get("Location")
    message = "The API answered 202 Accepted, which holds no records yet" + (f': "{said}".' if said else ".")
    error = RestSourceError(
        "not_ready",
        message + (f" It names another address: {place}." if place else ""),
        where=where,
        cause="The API prepares the records in the background, and takes longer than all attempts.",
        remedy="Run again later. To wait longer, write `on_error: [{status: 202, do: retry, wait: 1m}]` and "
        "`limits: {retries: 30}`. If the answer is a record, write a field of it as `primary_key`.",
        retryable=True,
        status=answer.status,
    )
    if request.method == "POST":
        error.cause = "The API works on the request in the background. Sent again, it might begin once more."
        error.remedy = (
            "If the request may be repeated, write `on_error: [{status: 202, do: retry, wait: 1m}]`. Otherwise load "
            "the address at which the API gives the result."
        )
        error.retryable = False
    return error


def _used_up(answer: Answer, where: str, mask: Mask) -> RestSourceError:
    said, meaning = server_message(answer, mask), advice(429)
    return RestSourceError(
        "rate_limited",
        f"The API answered {answer.status} without records, and says that a rate limit is used up"
        + (f': "{said}".' if said else "."),
        where=where,
        cause=meaning.cause,
        remedy=meaning.remedy,
        retryable=True,
        status=answer.status,
    )
