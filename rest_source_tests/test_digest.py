"""HTTP Digest: the challenge is fetched once, and every request is signed with a number of its own."""

from typing import Any

import pytest

from rest_source.demo.server import LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.http.auth.digest import Challenge, challenges, response
from rest_source.http.request import Request, Tally
from rest_source_tests.fakes.digest import PASSWORD, USER, DigestServer
from rest_source_tests.fakes.reading import Read, read
from rest_source_tests.test_session import open_session

AUTH = {"type": "digest", "username": USER, "password": {"env": "PASSWORD"}}
PAGED = {"pagination": {"type": "page_number"}}
IDS = [page * 10 + n for page in range(1, 5) for n in range(2)]


def load(server: DigestServer, endpoint: dict[str, Any] | None = None, concurrency: int = 1, **auth: Any) -> Read:
    with LoopbackServer(server) as api:
        return read(
            api.url,
            {**PAGED, **(endpoint or {})},
            {"PASSWORD": PASSWORD},
            auth={**AUTH, **auth},
            limits={"concurrency": concurrency},
        )


def test_the_examples_of_the_standard() -> None:
    """RFC 7616, 3.9.1 and 3.9.2; RFC 2617, 3.5 has the first with other numbers."""
    user, password, cnonce = "Mufasa", "Circle of Life", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    nonce, opaque = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
    expected = {
        "MD5": "8ca523f5e9506fed4657c9700eebdbec",
        "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    }
    for algorithm, digest in expected.items():
        asked = Challenge("http-auth@example.org", nonce, opaque, algorithm, "auth", False, False)
        told = response(asked, user, password, "GET", "/dir/index.html", b"", 1, cnonce)
        assert f'response="{digest}"' in told and "nc=00000001" in told and f"algorithm={algorithm}" in told


@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256"])
@pytest.mark.parametrize("qop", ["auth", "auth-int", ""])
@pytest.mark.parametrize("hides_user", [True, False])
def test_requests_are_signed_as_the_server_asks(algorithm: str, qop: str, hides_user: bool) -> None:
    server = DigestServer(algorithm, qop, hides_user=hides_user)
    if algorithm.endswith("-sess") and not qop:
        pytest.skip("a session needs a number")
    found = load(server)
    assert found.ids == IDS
    assert server.let_in == [False, *[True] * 5], "the first request fetches the challenge for all"
    assert found.stream.tally.retries == 1


def test_a_body_is_sent_again_and_signed() -> None:
    server = DigestServer(qop="auth-int")
    found = load(server, {"method": "POST", "path": "/records?q=a%20b", "body": {"x": "ü"}, "params": {"r": "c d"}})
    assert found.ids == IDS
    assert {(record["method"], record["body"]) for record in found.records} == {("POST", '{"x":"\\u00fc"}')}


def test_a_stale_nonce_is_replaced_and_its_request_sent_again() -> None:
    server = DigestServer(uses=2)
    found = load(server)
    assert found.ids == IDS
    assert server.let_in == [False, True, True, False, True, True, False, True]


def test_a_server_that_does_not_say_stale_is_served_too() -> None:
    assert load(DigestServer(uses=2, says_stale=False)).ids == IDS


def test_pages_in_parallel_have_numbers_of_their_own() -> None:
    server = DigestServer(pages=30)
    found = load(server, concurrency=8)
    assert found.ids == [page * 10 + n for page in range(1, 31) for n in range(2)]
    numbers = [number for numbers in server.nonces.values() for number in sorted(numbers)]
    assert len(numbers) == server.let_in.count(True)


def test_a_nonce_that_ends_in_mid_run_is_no_matter_in_parallel() -> None:
    server = DigestServer(pages=30, uses=10)
    assert load(server, concurrency=4).ids == [page * 10 + n for page in range(1, 31) for n in range(2)]


def test_a_wrong_password_fails_after_one_signature_and_is_not_shown() -> None:
    server = DigestServer()
    with pytest.raises(RestSourceError) as caught:
        load(server, password="wr0ng-secret-1")
    assert (caught.value.id, server.let_in) == ("http_401", [False, False])
    assert "User or password is wrong" in caught.value.cause
    assert "wr0ng" not in str(caught.value)


@pytest.mark.parametrize("challenge", ['Basic realm="x"', "Negotiate", 'Digest nonce="x", algorithm=SHA3-256', ""])
def test_a_server_that_asks_for_something_else_is_told(challenge: str) -> None:
    headers = {"WWW-Authenticate": challenge} if challenge else {}
    with LoopbackServer(lambda call: Reply({}, 401, headers)) as api, pytest.raises(RestSourceError) as caught:
        read(api.url, {}, {"PASSWORD": PASSWORD}, auth=AUTH)
    assert (caught.value.id, len(api.calls)) == ("http_401", 1)
    assert f"asks for {challenge.partition(' ')[0] or 'nothing'}" in caught.value.cause


def test_the_strongest_of_several_challenges_is_taken() -> None:
    header = (
        'Basic realm="a, Digest b=c", Digest realm="r", nonce="1", qop="auth, auth-int", '
        'Digest realm="r", nonce="2", algorithm=SHA-256, qop="auth-int", Bearer error="x"'
    )
    found = list(challenges(header))
    assert [(one.nonce, one.algorithm, one.qop) for one in found] == [
        ("1", "MD5", "auth"),
        ("2", "SHA-256", "auth-int"),
    ]
    server = DigestServer("SHA-256", first='Basic realm="x", Digest realm="x", nonce="y", algorithm=MD5, qop="auth", ')
    assert load(server).ids == IDS


def test_another_host_gets_no_signature() -> None:
    challenge = {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'}
    with (
        LoopbackServer(DigestServer()) as api,
        LoopbackServer(lambda call: Reply({}, 401, challenge)) as other,
        open_session(api.url, None, {"PASSWORD": PASSWORD}, auth=AUTH) as session,
    ):
        session.send(Request("GET", f"{api.url}/records"), Tally())
        with pytest.raises(RestSourceError):
            session.send(Request("GET", other.url), Tally())
    assert [call.headers["Authorization"] for call in other.calls] == [None]
