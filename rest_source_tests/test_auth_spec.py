"""`auth` and `tls` as people write them: what goes together, and what a mistake is told."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rest_source.spec.auth import OAuth2Auth
from rest_source.spec.login import LoginAuth
from rest_source.spec.source import SourceSpec
from rest_source_tests.test_spec import errors, source

TOKEN = {"type": "oauth2", "token_url": "https://auth/token", "client_id": "me"}
STEP = {"request": {"path": "/login"}, "token": "$.t"}
LOGIN = {"type": "login", **STEP}


@pytest.mark.parametrize(
    ("auth", "place", "message"),
    [
        ({**TOKEN, "token_url": "auth/token"}, "token_url", "it starts with http:// or https://"),
        ({**TOKEN, "client_id": None}, "client_id", "`grant: client_credentials` needs `client_id`"),
        ({**TOKEN, "grant": "authorization_code"}, "authorize_url", "needs `authorize_url`"),
        ({**TOKEN, "grant": "refresh_token"}, "refresh_token", "needs `refresh_token`"),
        ({**TOKEN, "grant": "password", "username": "me"}, "password", "needs `password`"),
        ({**TOKEN, "grant": ""}, "grant", "at least 1 character"),
        ({**TOKEN, "grant": "x", "client_id": None, "client_secret": "x"}, "client_secret", "needs `client_id`"),
        ({**TOKEN, "client_auth": "header"}, "client_auth", "Valid: basic, body"),
        ({**TOKEN, "tokenurl": "x"}, "tokenurl", "Did you mean `token_url`?"),
        ({**TOKEN, "send": {"in": "query"}}, "send.name", "`in: query` needs the `name` of it"),
        ({**TOKEN, "send": {"format": "Bearer"}}, "send.format", "lacks `{token}`"),
        ({"type": "oauth2", "client_id": "me"}, "token_url", "the key `token_url` is required"),
        ({"type": "login"}, "request", "either a `request` or a list of `steps`"),
        ({**LOGIN, "steps": [STEP]}, "request", "either a `request` or a list of `steps`"),
        ({"type": "login", "token": "$.t", "steps": [STEP]}, "token", "belongs to one of the `steps`"),
        ({"type": "login", "request": {}}, "request.path", "the key `path` is required"),
        ({**LOGIN, "request": {"path": "/", "method": "get", "form": {}}}, "request.form", "needs `method: POST`"),
        ({**LOGIN, "request": {"path": "/", "form": {}, "body": {}}}, "request.form", "exclude each other"),
        ({**LOGIN, "request": {"path": "/{parent.id}"}}, "request.path", "has no value in a login"),
        ({**LOGIN, "request": {"path": "/", "body": {"a": ["{login.x}"]}}}, "request.body.a.0", "with `name: x`"),
        ({"type": "login", "request": {"path": "/"}, "send": {}}, "send", "`send` needs `token`"),
        ({**LOGIN, "expires_in": "soon"}, "expires_in", "is not a duration"),
        ({**LOGIN, "expires_in": "$["}, "expires_in", "is not JSONPath"),
        ([STEP, {**STEP, "tokn": 1}], "1.tokn", "Did you mean `token`?"),
        ([STEP, {"request": {"path": "/"}, "name": "x"}], "1.name", "`name` needs `token`"),
        ([{"type": "bearer", "token": "x"}], "0.type", "Valid: login"),
        ([{**STEP, "request": {"path": "/{login.b}"}}, {**STEP, "name": "b"}], "0.request.path", "earlier step"),
        ([], "", "either a `request` or a list of `steps`"),
        (["x"], "0", "should be a mapping"),
        ("bearer", "", "should be a mapping"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_where_it_stands(auth: Any, place: str, message: str) -> None:
    found = errors(auth=auth)
    assert (f"auth.{place}".rstrip("."), True) in [(where, message in text) for where, text in found]


@pytest.mark.parametrize(
    ("tls", "place", "message"),
    [
        ({"key": "k.pem"}, "tls.key", "needs `cert`"),
        ({"ca": "c.pem", "verify": False}, "tls.ca", "would not look at `ca`"),
        ({"verify": "no"}, "tls.verify", "should be true or false"),
        ({"certificate": "c.pem"}, "tls.certificate", "Did you mean `cert`?"),
    ],
)
def test_a_mistake_about_certificates(tls: dict[str, Any], place: str, message: str) -> None:
    [(where, text)] = errors(tls=tls)
    assert where == place and message in text


def test_a_login_template_belongs_to_logins() -> None:
    [(place, message)] = errors({"path": "/{login.x}"})
    assert (place, "needs a later step of a login" in message) == ("endpoints.0.path", True)


def test_what_is_not_written() -> None:
    auth = source(auth=TOKEN).auth
    assert isinstance(auth, OAuth2Auth)
    assert (auth.grant, auth.client_auth, auth.send.template) == ("client_credentials", "basic", "Bearer {token}")
    login = source(auth=[STEP, STEP]).auth
    assert isinstance(login, LoginAuth)
    assert [step.request.verb for step in login.chain] == ["GET", "GET"]


@pytest.mark.parametrize(
    "auth",
    [
        TOKEN,
        {**TOKEN, "client_id": {"env": "ID"}, "extra": {"a": {"env": "B"}}, "send": {"in": "cookie", "name": "sid"}},
        {**LOGIN, "expires_in": "30m", "send": {"name": {"env": "NAME"}}},
        {**LOGIN, "expires_in": 30, "token": {"header": "X"}},
        {"type": "login", "steps": [{**STEP, "name": "a", "expires_in": "$.t"}, STEP]},
        [
            STEP,
            {"type": "login", **STEP, "request": {"path": {"env": "P"}, "method": "post", "form": {"a": [1, None]}}},
        ],
    ],
)
def test_the_schema_accepts_what_the_models_accept(auth: Any) -> None:
    data = {"name": "s", "base_url": "http://h", "auth": auth, "endpoints": [{"name": "a", "path": "/"}]}
    data["tls"] = {"ca": {"env": "CA"}, "cert": "c.pem", "key": "k.pem"}
    SourceSpec.model_validate(data)
    assert [error.message for error in Draft202012Validator(SourceSpec.model_json_schema()).iter_errors(data)] == []
