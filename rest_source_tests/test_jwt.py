"""JSON Web Tokens: signed with the key of the file, sent, signed again before they end, or exchanged."""

import base64
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.http.request import Request, Tally
from rest_source.http.session import ApiSession
from rest_source.spec.environment import Environment
from rest_source_tests.test_session import START, FakeClock, source
from rest_source_tests.test_spec import errors

SECRET = "hmac-s3cret/" + "x" * 60
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


def pem(key: Any) -> str:
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return str(key.private_bytes(serialization.Encoding.PEM, form, plain).decode())


def public(key: Any) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return str(key.public_key().public_bytes(serialization.Encoding.PEM, form).decode())


AUTH: dict[str, Any] = {"type": "jwt", "algorithm": "HS256", "key": {"env": "KEY"}, "claims": {"iss": "{env.ISSUER}"}}
VARIABLES = {"KEY": SECRET, "ISSUER": "me@shop"}


def sent(auth: dict[str, Any], variables: dict[str, str] | None = None, waits: tuple[float, ...] = (0,)) -> list[Call]:
    """The requests of a session that waits before each."""
    clock = FakeClock()
    with LoopbackServer(lambda call: Reply({})) as api:
        given = Environment({**VARIABLES, **(variables or {})})
        with ApiSession(source(api.url, auth=auth), given, clock) as session:
            for seconds in waits:
                clock.time += seconds
                session.send(Request("GET", f"{api.url}/x"), Tally())
    return api.calls


def read(call: Call, key: str, algorithm: str) -> tuple[dict[str, Any], dict[str, Any]]:
    token = str(call.headers["Authorization"]).removeprefix("Bearer ")
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    return jwt.get_unverified_header(token), jwt.decode(token, key, [algorithm], options)


@pytest.mark.parametrize(
    ("algorithm", "key", "verifies"),
    [
        ("HS256", SECRET, SECRET),
        ("HS512", SECRET, SECRET),
        ("HS256", "short", "short"),
        ("RS256", pem(RSA), public(RSA)),
        ("PS384", pem(RSA).replace("\n", "\\n"), public(RSA)),
        ("ES256", pem(EC), public(EC)),
        ("ES256", pem(EC).strip().replace("\n", "\\n"), public(EC)),
        ("ES256", base64.b64encode(pem(EC).encode()).decode(), public(EC)),
        ("EdDSA", pem(ED), public(ED)),
    ],
)
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_token_is_signed_with_the_key(algorithm: str, key: str, verifies: str) -> None:
    claims = {"iss": "{env.ISSUER}", "n": 1, "list": ["a", None], "at": "{now-60s:epoch}", "day": "{now:%Y-%m-%d}"}
    auth = {**AUTH, "algorithm": algorithm, "headers": {"kid": "K1"}, "claims": claims}
    [call] = sent(auth, {"KEY": key})
    header, found = read(call, verifies, algorithm)
    assert header == {"alg": algorithm, "typ": "JWT", "kid": "K1"}
    now = int(START)
    times = {"iat": now, "exp": now + 300, "at": now - 60, "day": "2023-11-14"}
    assert found == {"iss": "me@shop", "n": 1, "list": ["a", None], **times}


def test_claims_of_the_file_win_and_null_leaves_one_out() -> None:
    [call] = sent({**AUTH, "claims": {"iat": None, "exp": "{now+1h:epoch}", "jti": None}, "expires_in": "10m"})
    assert read(call, SECRET, "HS256")[1] == {"exp": int(START) + 3600}


def test_a_token_is_signed_again_before_it_ends() -> None:
    calls = sent({**AUTH, "expires_in": "10m"}, waits=(0, 500, 50, 10))
    tokens = [call.headers["Authorization"] for call in calls]
    assert tokens[0] == tokens[1] != tokens[2] == tokens[3]


@pytest.mark.parametrize(
    ("send", "place"),
    [
        ({"name": "X-Jwt", "format": "{token}"}, lambda call: call.headers["X-Jwt"]),
        ({"in": "query", "name": "t"}, lambda call: call.arg("t")),
    ],
)
def test_it_is_sent_where_the_file_says(send: dict[str, str], place: Callable[[Call], str]) -> None:
    [call] = sent({**AUTH, "send": send})
    assert jwt.get_unverified_header(place(call))["alg"] == "HS256"


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_signed_anew(status: int) -> None:
    statuses = iter([status, 200])
    with LoopbackServer(lambda call: Reply({}, next(statuses))) as api:
        auth = {**AUTH, "renew_on": [{"status": 403}]}
        with ApiSession(source(api.url, auth=auth), Environment(VARIABLES), FakeClock()) as session:
            session.send(Request("GET", api.url), Tally())
    assert len(api.calls) == 2


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", "no key s3cret"),
        ("RS256", "nö-key-s3cret"),
        ("RS256", pem(EC)),
        ("ES256", pem(RSA)),
        ("RS256", public(RSA)),
        ("ES256", pem(EC)[:80]),
        ("RS256", ""),
        ("HS256", public(RSA)),
        ("HS256", ""),
    ],
    ids=[
        "text",
        "no ascii",
        "of another kind",
        "of RSA",
        "public",
        "cut off",
        "empty",
        "public as a secret",
        "no secret",
    ],
)
def test_a_key_that_cannot_sign_is_told_and_not_shown(algorithm: str, key: str) -> None:
    with pytest.raises(RestSourceError) as caught:
        sent({**AUTH, "algorithm": algorithm}, {"KEY": key})
    error = caught.value
    assert error.id == "invalid_key"
    assert f"`auth.key`, read from {{env.KEY}}, is no key for {algorithm}" in error.message
    assert not key or key.splitlines()[1 if "BEGIN" in key else 0] not in str(error)


def test_the_key_and_the_token_are_masked() -> None:
    key = pem(EC).replace("\n", "\\n")
    with LoopbackServer(lambda call: Reply({"message": call.headers["Authorization"]}, 403)) as api:
        auth = {**AUTH, "algorithm": "ES256"}
        given = Environment({**VARIABLES, "KEY": key})
        with ApiSession(source(api.url, auth=auth), given, FakeClock()) as session:
            with pytest.raises(RestSourceError) as caught:
                session.send(Request("GET", api.url), Tally())
            assert session.mask(f"a {pem(EC)} b {key}") == "a *** b ***"
    token = str(api.calls[0].headers["Authorization"]).removeprefix("Bearer ")
    assert token not in str(caught.value) and "Bearer ***" in caught.value.message


# Exchanged for another token (RFC 7523)

SERVICE: dict[str, Any] = {
    "algorithm": "RS256",
    "key": {"env": "KEY"},
    "claims": {"iss": "{env.ISSUER}", "scope": "read"},
}


@pytest.mark.parametrize("is_flat", [True, False])
@pytest.mark.parametrize("audience", [None, "https://audience"])
def test_a_token_is_exchanged_for_another(is_flat: bool, audience: str | None) -> None:
    issued: list[dict[str, Any]] = []

    def answer(call: Call) -> Reply:
        if call.path != "/token":
            return Reply({}, 200 if call.headers["Authorization"] == f"Bearer acc3ss-{len(issued)}" else 401)
        [assertion] = call.form["assertion"]
        options: Any = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
        issued.append(jwt.decode(assertion, public(RSA), ["RS256"], options))
        assert call.form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        return Reply({"access_token": f"acc3ss-{len(issued)}", "expires_in": 3600})

    clock = FakeClock()
    with LoopbackServer(answer) as api:
        signing = {**SERVICE, "claims": {**SERVICE["claims"], **({"aud": audience} if audience else {})}}
        auth: dict[str, Any] = {"type": "oauth2", "grant": "jwt_bearer", "token_url": f"{api.url}/token"}
        auth |= signing if is_flat else {"jwt": signing}
        given = Environment({**VARIABLES, "KEY": pem(RSA)})
        with ApiSession(source(api.url, auth=auth), given, clock) as session:
            for seconds in (0, 3000, 600):
                clock.time += seconds
                session.send(Request("GET", f"{api.url}/x"), Tally())
    told = {"iss": "me@shop", "scope": "read", "aud": audience or f"{api.url}/token"}
    now = int(START)
    assert issued == [{**told, "iat": now + since, "exp": now + since + 300} for since in (0, 3600)]


def test_a_refused_assertion_is_not_shown() -> None:
    def answer(call: Call) -> Reply:
        return Reply({"error": "invalid_grant", "error_description": f"bad {call.form['assertion'][0]}"}, 400)

    with LoopbackServer(answer) as api:
        auth = {"type": "oauth2", "grant": "jwt_bearer", "token_url": f"{api.url}/token", "jwt": SERVICE}
        given = Environment({**VARIABLES, "KEY": pem(RSA)})
        with ApiSession(source(api.url, auth=auth), given) as session, pytest.raises(RestSourceError) as caught:
            session.send(Request("GET", f"{api.url}/x"), Tally())
    assert (caught.value.id, "bad ***" in caught.value.message) == ("token_refused", True)


EXCHANGE = {"type": "oauth2", "grant": "jwt_bearer", "token_url": "https://h/token"}


@pytest.mark.parametrize(
    ("auth", "place", "told"),
    [
        ({**AUTH, "algorithm": "HS257"}, "algorithm", "Did you mean `HS256`?"),
        ({**AUTH, "algorithm": "none"}, "algorithm", "Valid: HS256"),
        ({"type": "jwt", "algorithm": "HS256"}, "key", "the key `key` is required"),
        ({**AUTH, "claims": {"sub": "{cursor}"}}, "claims", "`{cursor}` has no value in a token"),
        ({**AUTH, "claims": {"sub": "{{ env.X }}"}}, "claims.sub", "write {env.X}"),
        ({**AUTH, "expires_in": "soon"}, "expires_in", "is not a duration"),
        (EXCHANGE, "jwt", "`grant: jwt_bearer` needs `jwt`"),
        ({**EXCHANGE, "jwt": {"algorithm": "RS256"}}, "jwt.key", "the key `key` is required"),
        ({**EXCHANGE, "grant": "password", "username": "a", "password": "b", "jwt": SERVICE}, "jwt", "needs `grant"),
    ],
)
def test_a_token_that_cannot_be(auth: dict[str, Any], place: str, told: str) -> None:
    [(found, message)] = errors(auth=auth)
    assert (found, told in message) == (f"auth.{place}", True), message
