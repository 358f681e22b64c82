"""`tls`: who the API must be, who we are, and what is said where nobody checks."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.http.network_errors import network_error
from rest_source.http.request import Answer, Request, Tally
from rest_source.http.session import ApiSession
from rest_source.spec.environment import Environment
from rest_source_tests.fakes.tls import Papers, papers, serving_tls
from rest_source_tests.shop import write_file
from rest_source_tests.test_cli import rest_source, run_json
from rest_source_tests.test_session import FakeClock, source


def ok(call: Call) -> Reply:
    return Reply([{"id": 1}])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers(tmp_path_factory.mktemp("tls"), "server")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers(tmp_path_factory.mktemp("tls"), "client")


def ask(
    api: LoopbackServer, tls: dict[str, Any], url: str = "", variables: dict[str, str] | None = None, **keys: Any
) -> Answer:
    keys = {"limits": {"retries": 0}, "tls": tls, **keys}
    with ApiSession(source(api.url, **keys), Environment(variables or {}), FakeClock()) as session:
        return session.send(Request("GET", url or api.url), Tally())


def test_an_unknown_authority_is_refused_until_it_is_named(server: Papers, client: Papers) -> None:
    with serving_tls(ok, server) as api:
        for tls in ({}, {"ca": str(client.cert)}):
            with pytest.raises(RestSourceError) as caught:
                ask(api, tls)
            assert caught.value.id == "tls_unknown_ca"
            assert "tls: {ca:" in caught.value.remedy
        assert ask(api, {"ca": str(server.cert)}).status == 200
        assert ask(api, {"ca": {"env": "CA"}}, variables={"CA": str(server.cert)}).status == 200


def test_the_file_wins_over_the_environment(server: Papers, client: Papers, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving_tls(ok, server) as api:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.cert))
        assert ask(api, {}).status == 200
        with pytest.raises(RestSourceError, match="certificate"):
            ask(api, {"ca": str(client.cert)})
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(client.cert))
        assert ask(api, {"ca": str(server.cert)}).status == 200


@pytest.mark.parametrize("one_file", [True, False])
def test_our_certificate_is_shown(server: Papers, client: Papers, one_file: bool) -> None:
    shown = {"cert": str(client.both)} if one_file else {"cert": str(client.cert), "key": str(client.key)}
    with serving_tls(ok, server, client) as api:
        with pytest.raises(RestSourceError) as caught:
            ask(api, {"ca": str(server.cert)})
        assert ask(api, {"ca": str(server.cert), **shown}).status == 200
    # In TLS 1.3 the server says why only after the handshake, and may have hung up before we read it.
    assert caught.value.id in ("tls_certificate_wanted", "connection_reset")


@pytest.mark.parametrize(
    ("how", "path", "id"),
    [
        ({"days": -1}, "/", "tls_expired"),
        ({"address": "127.0.0.2"}, "/", "tls_wrong_host"),
        ({}, "/down", "insecure_redirect"),
    ],
)
def test_an_insecure_connection_is_refused_at_once(tmp_path: Path, how: dict[str, Any], path: str, id: str) -> None:
    def answer(call: Call) -> Reply:
        return Reply({}, 302, {"Location": "http://127.0.0.1/plain"}) if call.path == "/down" else ok(call)

    shown = papers(tmp_path, "shown", **how)
    with serving_tls(answer, shown) as api, pytest.raises(RestSourceError) as caught:
        ask(api, {"ca": str(shown.cert)}, api.url + path)
    assert (caught.value.id, caught.value.retryable) == (id, False)


def test_https_to_a_port_without_tls_is_explained() -> None:
    with LoopbackServer(ok) as api, pytest.raises(RestSourceError) as caught:
        ask(api, {}, api.url.replace("http:", "https:"))
    assert (caught.value.id, caught.value.retryable) == ("tls_failed", False)


def test_a_server_that_wants_a_certificate_is_told_from_one_that_fails() -> None:
    error = ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required")
    explained = network_error(error)
    assert (explained.id, "tls: {cert:" in explained.remedy) == ("tls_certificate_wanted", True)


def test_our_certificate_is_not_shown_to_strangers(
    server: Papers, client: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The stranger asks for a certificate, and would take ours.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.cert))
    with serving_tls(ok, server, client) as stranger, serving_tls(ok, server) as api:
        shown = {"ca": str(server.cert), "cert": str(client.both)}
        with pytest.raises(RestSourceError):
            ask(api, shown, stranger.url)
        assert ask(api, shown, stranger.url, allowed_hosts=["127.0.0.1"]).status == 200


def test_unverified_holds_for_our_api_only_and_every_run_says_so(tmp_path: Path, server: Papers) -> None:
    with serving_tls(ok, server) as stranger, serving_tls(ok, server) as api:
        assert ask(api, {"verify": False}).status == 200
        with pytest.raises(RestSourceError, match="certificate"):
            ask(api, {"verify": False}, stranger.url)
        file = write_file(tmp_path, api.url, {}, {"name": "more"}, tls={"verify": False})
        reports = [run_json(file, cwd=tmp_path)["endpoints"] for _ in range(2)]
        text = rest_source("run", file, cwd=tmp_path)
    for endpoint in (*reports[0], *reports[1]):
        assert ["verify: false" in warning for warning in endpoint["warnings"]] == [True]
    assert "verify: false" in text.stderr and "InsecureRequest" not in text.stderr


def test_a_login_uses_the_certificates_too(server: Papers, client: Papers) -> None:
    auth = {"type": "login", "request": {"path": "/login"}, "token": "$[0].id"}
    with serving_tls(ok, server, client) as api:
        ask(api, {"ca": str(server.cert), "cert": str(client.both)}, auth=auth)
    assert [call.path for call in api.calls] == ["/login", "/"]


@pytest.mark.parametrize("key", ["ca", "cert", "encrypted", "mismatch"])
def test_a_file_that_cannot_be_used_is_named_before_anything_is_sent(
    tmp_path: Path, server: Papers, client: Papers, key: str
) -> None:
    tls = {
        "ca": {"ca": str(tmp_path / "absent.pem")},
        "cert": {"cert": str(server.key)},
        "encrypted": {"cert": str(client.cert), "key": str(client.encrypted)},
        "mismatch": {"cert": str(client.cert), "key": str(server.key)},
    }[key]
    with LoopbackServer(ok) as api, pytest.raises(RestSourceError) as caught:
        ask(api, tls)
    assert caught.value.id == "tls_file"
    assert caught.value.where == next(iter(tls.values()))
    assert api.calls == []
