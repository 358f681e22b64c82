"""Every failure says what happened, why probably, and what to do."""

import ssl

import pytest

from rest_source.errors import RestSourceError
from rest_source.http.errors import RETRYABLE, advice, http_error
from rest_source.http.network_errors import network_error
from rest_source.http.request import Answer


def answer(body: bytes, status: int = 200, content_type: str = "application/json") -> Answer:
    return Answer(status, "http://h/a", {"content-type": content_type}, body)


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (400, "`params`"),
        (401, "`auth`"),
        (403, "`auth`"),
        (404, "`path`"),
        (405, "method: POST"),
        (406, "headers: {Accept: application/json}"),
        (408, "`size`"),
        (409, "later"),
        (410, "`path`"),
        (415, "`form`"),
        (422, "`params`"),
        (429, "limits: {rate:"),
        (418, "`params`"),
        (500, "later"),
        (599, "later"),
        (304, "`path`"),
    ],
)
def test_each_status_has_its_own_cause_and_remedy(status: int, remedy: str) -> None:
    error = http_error(answer(b"", status), "GET http://h/a")
    assert (error.id, error.status, error.where) == (f"http_{status}", status, "GET http://h/a")
    assert remedy in error.remedy and error.cause and str(status) in error.message
    assert error.retryable is (status in RETRYABLE)


def test_no_two_listed_statuses_share_their_advice() -> None:
    listed = [400, 401, 403, 404, 405, 406, 408, 409, 410, 415, 418, 422, 429, 500]
    assert len({advice(status) for status in listed}) == len(listed)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"message": "No such user"}', "No such user"),
        (b'{"error": {"code": 7, "message": "Bad key"}}', "Bad key"),
        (b'{"error": "invalid_token", "error_description": "It expired"}', "invalid_token: It expired"),
        (b'{"title": "Invalid", "detail": "limit > 100"}', "Invalid: limit > 100"),
        (b'{"errors": [{"detail": "one"}, "two", {"message": "three"}, "four"]}', "one: two: three"),
        (b'["plain", "plain"]', "plain"),
        (b'{"code": 7}', '{"code": 7}'),
        (b'"text"', '"text"'),
        (b"<html><head><title>502 Bad &amp;\n Gateway</title></head><body>x</body></html>", "502 Bad & Gateway"),
        (b"<html><style>p {}</style><p>Sorry</p></html>", "Sorry"),
        (b"plain\n\n text", "plain text"),
        (b"\xff\xfe broken", "\ufffd\ufffd broken"),
        (b"x" * 400, "x" * 300 + "…"),
        (b"", ""),
    ],
)
def test_the_servers_own_words_are_quoted(body: bytes, said: str) -> None:
    message = http_error(answer(body, 400), "").message
    assert message == ("The API answered 400 Bad Request" + (f': "{said}".' if said else "."))


def test_a_secret_across_the_cut_is_masked_as_a_whole() -> None:
    body = b"x" * 295 + b"secret-token"
    message = http_error(answer(body, 400), "", lambda text: text.replace("secret-token", "***")).message
    assert "secret" not in message


def _with_arguments(*errors: BaseException) -> BaseException:
    outer, *inner = errors
    outer.args = ("outer", _with_arguments(*inner)) if inner else outer.args
    return outer


@pytest.mark.parametrize(
    ("error", "id"),
    [
        (OSError(113, "No route to host"), "connection_failed"),
        (_with_arguments(OSError(), TimeoutError("timed out")), "connect_timeout"),
        (_with_arguments(OSError(), ssl.SSLEOFError("unexpected eof")), "connection_reset"),
        (_with_arguments(OSError(), ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")), "tls_failed"),
    ],
)
def test_exceptions_are_read_through_their_wrapping(error: BaseException, id: str) -> None:
    assert network_error(error).id == id


def test_an_exception_that_was_being_handled_is_not_taken_for_the_cause() -> None:
    error = OSError(113, "No route to host")
    error.__context__ = ConnectionRefusedError()
    assert network_error(error).id == "connection_failed"


def test_an_error_is_told_in_sentences() -> None:
    error = RestSourceError("any", "`pth` is no key", cause="It is misspelt.", remedy="Write `path`.").at("a.yaml:3")
    told = "`pth` is no key. Where: a.yaml:3. Likely cause: It is misspelt. What to do: Write `path`."
    assert str(error) == told
    assert str(RestSourceError("any", "It failed.")) == "It failed."
