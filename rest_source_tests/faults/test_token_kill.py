"""A run is killed after its refresh token has rotated; the next one goes on with the new token."""

import signal
from pathlib import Path
from subprocess import Popen

import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source_tests.fakes.oauth import VARIABLES, OAuth, auth
from rest_source_tests.faults.test_kill import start
from rest_source_tests.shop import write_file
from rest_source_tests.test_cli import rest_source, rows

SECONDS = 180


@pytest.mark.parametrize("page", [1, 8])
def test_a_rotated_refresh_token_survives_a_kill(tmp_path: Path, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    server = OAuth(pages=12, uses=3, first=VARIABLES["REFRESH"])
    victims: list[Popen[bytes]] = []

    def handler(call: Call) -> Reply:
        if call.path == "/api" and call.arg("page") == str(page) and victims and victims[0].poll() is None:
            # Whoever asks with a token has it on disk: it was written before it was used.
            victims[0].send_signal(signal.SIGKILL)
            victims[0].wait(SECONDS)
            raise ConnectionError
        return server(call)

    with LoopbackServer(handler) as loopback:
        server.url = loopback.url
        given = auth(server, "refresh_token", refresh_token={"env": "REFRESH"})
        endpoint = {"path": "/api", "pagination": {"type": "page_number"}, "write": "append"}
        # One at a time: a token opens three requests, which others could use up before the one that renewed it.
        limits = {"retries": 0, "concurrency": 1}
        file = write_file(tmp_path, server.url, endpoint, auth=given, limits=limits)
        with start(tmp_path, file) as victim:
            victims.append(victim)
            victim.wait(SECONDS)
        rotated = len(server.asked)
        rerun = rest_source("run", file, cwd=tmp_path, **VARIABLES)
    assert victim.returncode == -signal.SIGKILL
    assert rotated >= 1
    assert rerun.returncode == 0, rerun.stderr
    used = [asked["refresh_token"] for asked in server.asked]
    assert len(set(used)) == len(used) and used[0] == VARIABLES["REFRESH"]
    assert rows(tmp_path, "SELECT count(*), count(DISTINCT id) FROM shop.items") == [(120, 120)]
