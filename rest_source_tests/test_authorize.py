"""`rest-source authorize` in a process of its own, with a browser that is an HTTP client."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from rest_source.cli.consent import read_code
from rest_source.errors import RestSourceError
from rest_source_tests.fakes.oauth import CLIENT_SECRET, VARIABLES, OAuth, auth, oauth
from rest_source_tests.shop import write_file
from rest_source_tests.test_cli import rest_source, rows

SECONDS = 90


@contextmanager
def authorizing(folder: Path, file: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """The command, waiting; it is ended with the block if it has not."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from rest_source.cli.main import main; main()", "authorize", str(file), *options],
        cwd=folder,
        env={**os.environ, **VARIABLES, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def address(process: "subprocess.Popen[str]") -> str:
    """The address that the command prints."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("http"):
            return line.strip()
    raise AssertionError(process.stderr.read() if process.stderr else "")


def redirect_uri(url: str) -> str:
    return parse_qs(urlsplit(url).query)["redirect_uri"][0]


def consenting(server: OAuth, **keys: Any) -> dict[str, Any]:
    return auth(server, "authorization_code", authorize_url=f"{server.url}/authorize", scope="read", **keys)


def source_file(folder: Path, server: OAuth, **keys: Any) -> Path:
    endpoint = {"path": "/api", "pagination": {"type": "page_number"}, "primary_key": "id"}
    return write_file(folder, server.url, endpoint, auth=consenting(server, **keys))


@pytest.mark.parametrize("client_auth", ["client_secret_basic", "none"])
def test_the_browser_comes_back_and_loads_sign_in_by_themselves(tmp_path: Path, client_auth: str) -> None:
    with oauth(client_auth=client_auth, uses=3) as server:
        file = source_file(tmp_path, server)
        refused = rest_source("run", file, cwd=tmp_path, **VARIABLES)
        with authorizing(tmp_path, file) as process:
            url = address(process)
            assert redirect_uri(url).startswith("http://127.0.0.1:")
            page = requests.get(url, timeout=SECONDS)
            out, errors = process.communicate(timeout=SECONDS)
        loaded = [rest_source("run", file, cwd=tmp_path, **VARIABLES) for _ in range(2)]
    assert refused.returncode == 1 and "rest-source authorize" in refused.stderr
    assert (process.returncode, errors) == (0, "")
    assert "Consent received" in page.text
    assert "Authorized" in out
    assert [run.returncode for run in loaded] == [0, 0], loaded[0].stderr
    assert rows(tmp_path, "SELECT count(*) FROM shop.items") == [(30,)]
    assert server.asked[0]["grant_type"] == "authorization_code"
    assert {asked["grant_type"] for asked in server.asked[1:]} == {"refresh_token"}
    [stored] = (tmp_path / ".rest_source" / "tokens").glob("*.json")
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    everything_said = url + out + errors + "".join(run.stdout + run.stderr for run in (refused, *loaded))
    assert not [secret for secret in (*server.issued, CLIENT_SECRET) if secret in everything_said]


@pytest.mark.parametrize("whole", [True, False])
def test_the_code_can_be_pasted(tmp_path: Path, whole: bool) -> None:
    with oauth() as server:
        file = source_file(tmp_path, server)
        with authorizing(tmp_path, file, "--redirect-uri", f"{server.url}/callback") as taken:
            _, errors = taken.communicate(timeout=SECONDS)
        with authorizing(tmp_path, file) as process:
            back = requests.get(address(process), timeout=SECONDS, allow_redirects=False).headers["Location"]
            code = parse_qs(urlsplit(back).query)["code"][0]
            process.communicate(f"{back if whole else code}\n", timeout=SECONDS)
    assert taken.returncode == 1 and f"{server.url}/callback" in errors
    assert process.returncode == 0
    assert len(server.tokens) == 1


def test_an_address_elsewhere_can_only_be_pasted(tmp_path: Path) -> None:
    with oauth() as server, authorizing(tmp_path, source_file(tmp_path, server), "--redirect-uri", "https://h/x") as p:
        assert redirect_uri(address(p)) == "https://h/x"
        _, errors = p.communicate("", timeout=SECONDS)
    assert p.returncode == 1
    assert "no terminal" in errors


def test_the_answer_to_another_question_is_ignored(tmp_path: Path) -> None:
    with oauth() as server, authorizing(tmp_path, source_file(tmp_path, server)) as process:
        url = address(process)
        back = redirect_uri(url)
        requests.get(f"{back}?code=forged&state=forged", timeout=SECONDS)
        assert requests.get(back.replace("callback", "favicon.ico"), timeout=SECONDS).status_code == 404
        requests.get(url, timeout=SECONDS)
        _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert "another consent" in errors
    assert [asked["code"] for asked in server.asked] != ["forged"]


def test_a_declined_consent_is_an_error(tmp_path: Path) -> None:
    with oauth(deny=True) as server, authorizing(tmp_path, source_file(tmp_path, server)) as process:
        requests.get(address(process), timeout=SECONDS)
        _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "access_denied" in errors and "Traceback" not in errors


def test_only_a_source_that_needs_consent_has_one(tmp_path: Path) -> None:
    with oauth() as server:
        file = write_file(tmp_path, server.url, auth=auth(server, "client_credentials"))
        result = rest_source("authorize", file, cwd=tmp_path, **VARIABLES)
    assert result.returncode == 1
    assert "nobody has to consent" in result.stderr


def test_extra_fields_go_along_unless_they_may_be_secret(tmp_path: Path) -> None:
    with oauth() as server:
        extra = {"access_type": "offline", "hidden": "{env.PASSWORD}"}
        with authorizing(tmp_path, source_file(tmp_path, server, extra=extra)) as process:
            url = address(process)
            requests.get(url, timeout=SECONDS)
            process.communicate(timeout=SECONDS)
    fields = parse_qs(urlsplit(url).query)
    assert fields["access_type"] == ["offline"] and "hidden" not in fields
    assert fields["code_challenge_method"] == ["S256"] and fields["scope"] == ["read"]
    assert server.asked[0]["hidden"] == VARIABLES["PASSWORD"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("abc-code", "abc-code"),
        ("http://h/callback?code=abc&state=st", "abc"),
        ("code=abc&state=st", "abc"),
        ("http://h/callback?code=abc&state=other", ""),
        ("http://h/callback?code=abc", ""),
        ("/callback?code=a%2Fb&state=st&state=st", "a/b"),
        ("", ""),
    ],
)
def test_what_comes_back(text: str, code: str) -> None:
    said: list[str] = []
    assert read_code(text, "st", said.append) == code
    assert bool(said) is (not code and bool(text))


def test_an_error_counts_only_with_the_right_state() -> None:
    assert read_code("/callback?error=access_denied&state=other", "st", lambda _: None) == ""
    with pytest.raises(RestSourceError, match="access_denied: no"):
        read_code("/callback?error=access_denied&error_description=no&state=st", "st", print)


def test_an_endpoint_may_need_a_consent_of_its_own(tmp_path: Path) -> None:
    with oauth() as server:
        own = consenting(server)
        file = write_file(tmp_path, server.url, {"name": "items", "path": "/api", "auth": own}, auth={"type": "none"})
        with authorizing(tmp_path, file) as process:
            requests.get(address(process), timeout=SECONDS)
            _, errors = process.communicate(timeout=SECONDS)
        loaded = rest_source("run", file, cwd=tmp_path, **VARIABLES)
    assert (process.returncode, errors) == (0, "")
    assert loaded.returncode == 0, loaded.stderr
    assert rows(tmp_path, "SELECT count(*) FROM shop.items") == [(10,)]
