"""What the answers to a login hold, and what is said where it is not what the file expects."""

import json
import re
from collections.abc import Iterator
from typing import Any

from rest_source.errors import RestSourceError
from rest_source.http.errors import Mask
from rest_source.http.excerpt import stated_message
from rest_source.http.request import Answer
from rest_source.spec.jsonpath import step_to
from rest_source.spec.places import HeaderValue

_LISTED = 20
_BETWEEN_COOKIES = re.compile(r",\s*(?=[^;,=\s]+=)")
_ENDED = re.compile(r";\s*max-age=(?:0|-\d+)\b|;\s*expires=[^;]*\b(?:1970|1900)\b", re.IGNORECASE)
_LIKE_A_TOKEN = re.compile(r"token|jwt|session|sid|access|auth|ticket|key", re.IGNORECASE)


def document_of(answer: Answer) -> Any:
    """The JSON of an answer, every number with all its digits; None where it is none."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def sets_cookie(answer: Answer) -> bool:
    """Whether an answer sets a cookie, rather than ending one."""
    for cookie in _BETWEEN_COOKIES.split(answer.headers.get("Set-Cookie", "")):
        pair, _, attributes = cookie.partition(";")
        if pair.partition("=")[2].strip(' "') and not _ENDED.search(f";{attributes}"):
            return True
    return False


def refused(message: str) -> RestSourceError:
    """The error for a login that the API does not accept."""
    return RestSourceError(
        "login_refused",
        f"The login fails. {message}",
        cause="User, password or key is wrong or locked, or the request is not what the API documents.",
        remedy="Check `request` of `auth` (`path`, `method`, `headers`, `body`) and the variables it reads. A status "
        "that is a success all the same goes into `ok_statuses`.",
    )


def nothing_brought(answer: Answer, mask: Mask) -> RestSourceError:
    """The error for a login without `token` that sets no cookie either: many APIs report a refusal with status 200."""
    said = stated_message(answer, mask)
    error = refused(f"It was answered with {answer.status}, but sets no cookie" + (f': "{said}".' if said else "."))
    error.remedy += " Where the answer holds a token instead, write `token`."
    return error


def token_missing(where: str | HeaderValue, answer: Answer, mask: Mask) -> RestSourceError:
    """The error for a token that is not where the file says; it names what there is, and what the API says."""
    place = f"the header `{where.header}`" if isinstance(where, HeaderValue) else f"`{where}`"
    said = stated_message(answer, mask)
    return RestSourceError(
        "login_token_missing",
        f"The login was answered with {answer.status}, but {place} holds no token; {_there(answer)}."
        + (f' The API says "{said}".' if said else ""),
        cause="The token is elsewhere in the answer, or the API reports a refusal as a success.",
        remedy=f"Point `token` of `auth` at the token: {_instead(answer)}.",
    )


def _there(answer: Answer) -> str:
    """What there is, by name only: the values may be secret."""
    document = document_of(answer)
    if isinstance(document, dict):
        return f"the body has the keys {', '.join(sorted(document)[:_LISTED])}"
    return "it is a list" if isinstance(document, list) else "the body is no JSON"


def _instead(answer: Answer) -> str:
    places = [path for path in _texts(document_of(answer), "$") if _LIKE_A_TOKEN.search(path)]
    places += [f"{{header: {name}}}" for name in answer.headers if _LIKE_A_TOKEN.search(name)]
    if places:
        return f"it may be {' or '.join(places[:3])}"
    return "a JSONPath such as $.data.token, or {header: NAME}"


def _texts(value: Any, path: str) -> Iterator[str]:
    """The places of the texts and numbers in a document."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, path + step_to(key))
    elif isinstance(value, list):
        for index, item in enumerate(value[:3]):
            yield from _texts(item, f"{path}[{index}]")
    elif isinstance(value, str | int) and not isinstance(value, bool) and value:
        yield path
