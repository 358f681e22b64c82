"""No secret in what is left where the API cannot be reached, is not who it should be, or does not answer in time."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import sleep
from typing import Any
from urllib.parse import quote

import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source_tests.fakes.raw import HEAD, Talk, raw_server, say, trickle
from rest_source_tests.fakes.tls import papers, serving_tls
from rest_source_tests.faults.shouting import AUTHS, Case, Leaked, Shouting, records, run, serve

IMPATIENT = {"limits": {"retries": 0, "timeout": "300ms"}}


def loud(number: int, auth: str = "basic", **keys: Any) -> Shouting:
    """An API with these keys of a source, which shouts records."""
    return Shouting(Case(records, source=keys), auth, number)


def error_of(folder: Path, api: Shouting, auth: str = "basic") -> str:
    found = run(folder, api, AUTHS[auth])
    assert not found["success"]
    return str(found["error"])


@pytest.mark.parametrize(
    ("how", "is_trusted", "id"),
    [
        ({}, False, "tls_unknown_ca"),
        ({"days": -1}, True, "tls_expired"),
        ({"address": "127.0.0.2"}, True, "tls_wrong_host"),
    ],
)
@pytest.mark.parametrize("auth", AUTHS)
def test_a_certificate_that_does_not_hold(
    tmp_path: Path, how: dict[str, Any], is_trusted: bool, id: str, auth: str, leaked: Leaked
) -> None:
    shown = papers(tmp_path, "shown", **how)
    api = loud(1, auth, tls={"ca": str(shown.cert)} if is_trusted else {})
    with serving_tls(api, shown) as server:
        api.url = server.url
        assert error_of(tmp_path, api, auth) == id
    assert leaked() == []


def test_a_redirect_from_https_to_http(tmp_path: Path, leaked: Leaked) -> None:
    def down(call: Call, loud: str) -> Reply:
        return Reply("", 302, {"Location": f"http://127.0.0.1/?{quote(loud)[:1500]}"})

    shown = papers(tmp_path, "shown")
    api = Shouting(Case(down, source={"tls": {"ca": str(shown.cert)}}), "basic", 2)
    with serving_tls(api, shown) as server:
        api.url = server.url
        assert error_of(tmp_path, api) == "insecure_redirect"
    assert leaked() == []


def test_https_to_a_port_without_tls(tmp_path: Path, leaked: Leaked) -> None:
    api = loud(3)
    with LoopbackServer(api) as server:
        api.url = server.url.replace("http:", "https:")
        assert error_of(tmp_path, api) == "tls_failed"
    assert leaked() == []


def test_a_certificate_of_ours_that_is_missing(tmp_path: Path, leaked: Leaked) -> None:
    shown, wanted = papers(tmp_path, "shown"), papers(tmp_path, "wanted")
    api, seen = loud(4, tls={"ca": str(shown.cert)}), set()
    with serving_tls(api, shown, wanted) as server:
        api.url = server.url
        # The server may hang up before its reason is read; it seldom does so again and again.
        for _ in range(20):
            seen.add(error_of(tmp_path, api))
            if "tls_certificate_wanted" in seen:
                break
    assert "tls_certificate_wanted" in seen and seen <= {"tls_certificate_wanted", "connection_reset"}
    assert leaked() == []


@pytest.mark.parametrize("name", ["IN_PATH", "IN_PARAM", "PASSWORD"])
def test_a_certificate_file_whose_name_is_secret(tmp_path: Path, name: str, leaked: Leaked) -> None:
    api = loud(5, tls={"ca": {"env": name}})
    with LoopbackServer(api) as server:
        api.url = server.url
        assert error_of(tmp_path, api) == "tls_file"
    assert leaked() == []


RAW: dict[str, Callable[[bytes], Talk]] = {
    "not_http": lambda loud: say(b"220 " + loud + b"\r\n"),
    "slow_response": lambda loud: trickle(HEAD + b"X-Loud: " + loud[:900] + b"\r\n", b"X"),
    "truncated_body": lambda loud: say(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + loud[:900] + b"\r\n"),
    "connection_reset": lambda loud: say(loud[:5], reset=True),
    "read_timeout": lambda loud: lambda connection: sleep(1),
}


@pytest.mark.parametrize("auth", ["basic", "query", "cookie"])
@pytest.mark.parametrize("id", RAW)
def test_a_server_of_bytes(tmp_path: Path, id: str, auth: str, leaked: Leaked) -> None:
    api = loud(6 + list(RAW).index(id), auth, **IMPATIENT)
    with raw_server(RAW[id](api.loud.encode())) as url:
        api.url = url
        assert error_of(tmp_path, api, auth) == id
    assert leaked() == []


@contextmanager
def deaf() -> Iterator[str]:
    """A port whose queue of connections is full, so that the system drops whoever asks."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as waiting:
        for _ in range(4):
            peer = waiting.enter_context(socket.socket())
            peer.setblocking(False)
            peer.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("auth", ["query", "oauth2", "login"])
def test_a_port_that_drops_whoever_asks(tmp_path: Path, auth: str, leaked: Leaked) -> None:
    api = loud(7, auth, **IMPATIENT)
    with deaf() as url:
        api.url = url
        assert error_of(tmp_path, api, auth) == "connect_timeout"
    assert leaked() == []


@pytest.mark.parametrize("auth", ["query", "refresh", "login"])
def test_an_address_to_which_no_way_leads(tmp_path: Path, auth: str, leaked: Leaked) -> None:
    api = loud(8, auth)
    api.url = "http://255.255.255.255"  # of everybody, to which the system opens no connection
    assert error_of(tmp_path, api, auth) == "connection_failed"
    assert leaked() == []


@pytest.mark.parametrize("auth", ["oauth2", "refresh"])
def test_a_fresh_token_that_a_rule_takes_for_ended(tmp_path: Path, auth: str, leaked: Leaked) -> None:
    case = Case(lambda call, loud: Reply({"error": loud, "message": loud}))
    found = serve(Shouting(case, auth, 5), tmp_path, {**AUTHS[auth], "renew_on": [{"json": "$.error"}]})
    assert (found["success"], found["error"]) == (False, "token_still_refused")
    assert leaked() == []


@pytest.mark.parametrize("key", ["CLIENT", "PASSWORD"])
def test_a_key_that_signs_nothing(tmp_path: Path, key: str, leaked: Leaked) -> None:
    auth = {**AUTHS["jwt"], "algorithm": "RS256", "key": {"env": key}}
    found = serve(Shouting(Case(records), "jwt", 6), tmp_path, auth)
    assert (found["success"], found["error"]) == (False, "invalid_key")
    assert leaked() == []


@pytest.mark.parametrize("auth", ["digest", "jwt", "signed_login"])
def test_an_endpoint_with_its_own_auth(tmp_path: Path, auth: str, leaked: Leaked) -> None:
    case = Case(lambda call, loud: Reply({"message": loud}, 403), endpoint={"auth": AUTHS[auth]})
    found = serve(Shouting(case, auth, 7), tmp_path, {"type": "none"})
    assert (found["success"], found["error"]) == (False, "http_403")
    assert leaked() == []
