"""What a token endpoint answers: a token, or why there is none."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from rest_source.errors import RestSourceError
from rest_source.http.errors import Advice, Mask, http_error
from rest_source.http.excerpt import QUOTED, looks_like_markup, shorten
from rest_source.http.request import Answer

_ADVICE = {
    "invalid_client": Advice(
        "The client's id or secret is wrong, or the API wants them in another place.",
        "Check `client_id` and `client_secret` of `auth`, or try `client_auth: body` (or `basic`).",
    ),
    "invalid_grant": Advice(
        "A refresh token or code has expired, was revoked or was used before; or user and password are wrong.",
        "Put a new one where `auth` reads it from; with `grant: authorization_code`, run `rest-source authorize FILE`.",
    ),
    "unauthorized_client": Advice(
        "The application that was registered with the API may not use this `grant`.",
        "Allow it where the application is registered, or choose another `grant`.",
    ),
    "unsupported_grant_type": Advice(
        "The API does not know this `grant`.", "Write the `grant_type` that its documentation names."
    ),
    "invalid_scope": Advice(
        "A scope is misspelled, or the application may not have it.", "Compare `scope` with the API's documentation."
    ),
}
_OTHER = Advice(
    "The token endpoint does not accept the request as it is.",
    "Compare `auth` (`token_url`, `grant`, `client_auth`, `extra`) with the API's documentation.",
)


_SIGNED = ("mac", "dpop", "pop", "hmac")
_UNSUPPORTED = Advice(
    "Its key signs every request, which is not sent along.",
    "Register the application for bearer tokens; or write `send`, if the API takes the token as it is.",
)


class Refused(RestSourceError):
    """A token endpoint refuses; `code` is the word of RFC 6749, 5.2, or empty."""

    def __init__(self, code: str, message: str, meaning: Advice) -> None:
        super().__init__("token_refused", message, cause=meaning.cause, remedy=meaning.remedy)
        self.code = code


def read_token(answer: Answer, mask: Mask) -> dict[str, Any]:
    """The fields of a successful answer, `access_token` among them as text; raises Refused for every other."""
    fields = _fields(answer)
    code = fields.get("error")
    if code or answer.status >= 400:
        raise _refused(answer, code if isinstance(code, str) else "", fields.get("error_description"), mask)
    token = fields.get("access_token")
    if isinstance(token, bool) or not isinstance(token, str | int) or token == "":
        raise Refused("", f"The answer of the token endpoint has no `access_token`; {_shape(answer, fields)}.", _OTHER)
    return {**fields, "access_token": str(token)}


def kind_of(fields: Mapping[str, Any], is_sent_as_written: bool) -> str:
    """What the server calls the token where it is no bearer token; raises Refused where each request is to be signed.

    A client must not use a token of a type that it does not know (RFC 6749, 7.1), but servers write `BearerToken`,
    `jwt` or `user` for what is sent as one, so an unknown word is only told if the API refuses.
    """
    kind = fields.get("token_type")
    if not isinstance(kind, str) or is_sent_as_written or kind.lower().startswith("bearer"):
        return ""
    if kind.lower() in _SIGNED:
        raise Refused("", f"The token endpoint gives a token of the type `{kind}`, not a bearer token.", _UNSUPPORTED)
    return kind


def _refused(answer: Answer, code: str, description: object, mask: Mask) -> Refused:
    if not code:
        return Refused("", f"The token endpoint refuses. {http_error(answer, '', mask).message}", _OTHER)
    said = f"{code}: {description}" if isinstance(description, str) and description else code
    return Refused(code, f'The token endpoint refuses: "{shorten(said, QUOTED, mask)}".', _ADVICE.get(code, _OTHER))


def _fields(answer: Answer) -> dict[str, Any]:
    try:
        document = json.loads(answer.body)  # which keeps every digit of a number
        return document if isinstance(document, dict) else {}
    except (ValueError, RecursionError):
        # Older endpoints answer urlencoded, whatever was asked for.
        return dict(parse_qsl(answer.body[:65536].decode("utf-8", "replace")))


def _shape(answer: Answer, fields: dict[str, Any]) -> str:
    """What the answer is instead, without any of its values."""
    if looks_like_markup(answer.body[:1000].decode("utf-8", "replace")):
        return f"it is a web page, with status {answer.status}"
    if not fields:
        return "it is no JSON object"
    listed = f"it has the keys {', '.join(sorted(fields)[:20])}"
    held = [key for key, value in fields.items() if isinstance(value, dict) and "access_token" in value]
    return f"{listed}; a `login` can read it with `token: $.{held[0]}.access_token`" if held else listed
