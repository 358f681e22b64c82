"""Secrets are masked in whatever shape they come back."""

import base64
import html
import json
import logging
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rest_source.errors import RestSourceError
from rest_source.http.auth.fixed import credentials
from rest_source.http.redact import LogMask, Redactor
from rest_source.http.session import ApiSession
from rest_source.spec.environment import Environment
from rest_source.spec.fixed_auth import ApiKeyAuth, BasicAuth, BearerAuth
from rest_source_tests.test_session import source

SECRET = 'p/s+w "ö\\&<'


def redactor(*registered: str, **variables: str) -> Redactor:
    environment = Environment(variables)
    for name in variables:
        environment[name]
    result = Redactor(environment)
    result.register(*registered)
    return result


@pytest.mark.parametrize(
    "shape",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").replace("%2F", "%2f").replace("%C3%B6", "%c3%b6").lower(),
        quote_plus(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(SECRET)[1:-1])[1:-1],
        json.dumps(html.escape(SECRET))[1:-1],
    ],
)
def test_a_value_is_masked_in_every_encoding(shape: str) -> None:
    assert redactor(KEY=SECRET).mask(f"a {shape} b") == "a {env.KEY} b"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("absent", "absent"),
        ("http://h/ab?k=ab&ab=abc&z=ab#f", "http://h/ab?k={env.KEY}&ab=abc&z={env.KEY}#f"),
        ("X-Key: ab", "X-Key: {env.KEY}"),
        ("X-Key: abc", "X-Key: abc"),
        ('see "http://h?k=ab"', 'see "http://h?k={env.KEY}"'),
    ],
)
def test_a_short_value_is_masked_only_where_it_stands_alone(text: str, masked: str) -> None:
    assert redactor(KEY="ab").mask(text) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("The token is expired or wrong.", "The token is expired or wrong."),
        ('The API answered 401: "expired is no token".', 'The API answered 401: "{env.KEY} is no token".'),
        ("GET http://h/a?k=expired, page 1", "GET http://h/a?k={env.KEY}, page 1"),
        ("A page holds `expired too`; roots: $.expired", "A page holds `{env.KEY} too`; roots: $.{env.KEY}"),
        ("expired", "{env.KEY}"),
        ('{"said": "token expired"}', '{"said": "token {env.KEY}"}'),
    ],
)
def test_a_value_that_is_a_word_is_masked_where_it_came_from_outside(text: str, masked: str) -> None:
    assert redactor(KEY="expired").mask(text) == masked


def test_a_value_in_the_name_of_a_source_leaves_the_name() -> None:
    environment = Environment({"USER": "demo"})
    masking = Redactor(environment, ["demo_crm"])
    assert environment["USER"] == "demo"
    assert masking.mask('demo_crm.deals: "no user demo"') == 'demo_crm.deals: "no user {env.USER}"'


def test_the_longest_value_is_masked_first_and_masks_stay_whole() -> None:
    masking = redactor("abcdefgh", A="abcd", B="abcdef", C="env.")
    assert masking.mask("abcdefghi abcdefi abcdi") == "***i {env.B}i {env.A}i"


def test_variables_read_later_are_masked_too_and_empty_ones_are_not() -> None:
    environment = Environment({"KEY": "late-secret", "EMPTY": ""})
    masking = Redactor(environment)
    assert environment["EMPTY"] == ""
    assert masking.mask("late-secret") == "late-secret"
    assert environment["KEY"]
    assert masking.mask("late-secret") == "{env.KEY}"


def test_a_user_in_a_url_is_masked() -> None:
    assert redactor().mask("GET https://me:pw@h/a@b and mail me@h") == "GET https://***@h/a@b and mail me@h"
    assert redactor().mask("GET https://me:p@ss@h/a?b=c@d") == "GET https://***@h/a?b=c@d"


@pytest.mark.parametrize(
    ("auth", "text", "masked"),
    [
        (BearerAuth(token="abc123"), "Bearer abc123", "Bearer ***"),
        (BearerAuth(token="Token {env.KEY}"), "Bearer Token from-env", "Bearer Token {env.KEY}"),
        (BasicAuth(username="me", password="hush"), "Basic bWU6aHVzaA== hush me", "Basic *** *** me"),
        (BasicAuth(username="me", password="{env.KEY}"), "Basic bWU6ZnJvbS1lbnY=", "Basic ***"),
        (ApiKeyAuth.model_validate({"type": "api_key", "name": "k", "value": "x"}), "k: x, xx", "k: ***, xx"),
    ],
)
def test_secrets_written_in_the_file_are_masked(
    auth: BearerAuth | BasicAuth | ApiKeyAuth, text: str, masked: str
) -> None:
    environment = Environment({"KEY": "from-env"})
    masking = Redactor(environment)
    masking.register(*credentials(auth, environment).secrets)
    assert masking.mask(text) == masked


def test_an_error_is_masked_in_all_its_texts() -> None:
    error = RestSourceError("x", "s3cret!", where="at s3cret", cause="s3cret?", remedy="no s3cret")
    redactor(KEY="s3cret").clean(error)
    assert "s3cret" not in f"{error} {error!r} {error.args}"
    assert error.where == "at {env.KEY}"


@pytest.mark.parametrize(
    ("text", "leaks"), [("Bearer secret", True), ("ab", True), ("cab", False), ("", False), ("other", False)]
)
def test_it_knows_a_value_that_holds_a_secret(text: str, leaks: bool) -> None:
    assert redactor(KEY="secret", SHORT="ab", EMPTY="").leaks(text) is leaks


def test_log_records_of_urllib3_are_masked_while_a_session_is_open(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logger = logging.getLogger("urllib3.connectionpool")
    mask = LogMask(redactor(KEY="secret"))
    mask.install()
    logger.debug('"GET %s"', "/a?k=secret")
    mask.remove()
    assert caplog.messages == ['"GET /a?k={env.KEY}"']
    assert mask not in logger.filters


@given(secret=st.text(min_size=4), before=st.text(), after=st.text())
def test_no_secret_survives_anywhere(secret: str, before: str, after: str) -> None:
    masked = redactor(KEY=secret).mask(before + secret + after)
    assert secret not in masked.replace("{env.KEY}", "").replace("***@", "") or secret in before + after


@pytest.mark.parametrize(("value", "told"), [("abc", ["KEY has fewer than 4 characters"]), ("abcd", []), ("", [])])
def test_a_secret_that_is_too_short_to_be_masked_is_told(value: str, told: list[str]) -> None:
    basic = {"type": "basic", "username": {"env": "ME"}, "password": {"env": "KEY", "default": "none"}}
    with ApiSession(source("http://h", auth=basic), Environment({"ME": "me", "KEY": value})) as session:
        assert [warning.split(":")[0] for warning in session.warnings] == told
