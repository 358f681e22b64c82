"""From a URL to a table, against a server that knows nothing of us: Datasette on a SQLite file."""

import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import duckdb
import pytest
import yaml
from click.testing import CliRunner

from rest_source.cli.main import main

TOWNS = 250


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A running Datasette with a table of towns."""
    with sqlite3.connect(tmp_path / "atlas.db") as con:
        con.execute("CREATE TABLE towns (id INTEGER PRIMARY KEY, name TEXT, people INTEGER, updated_at TEXT)")
        rows = [(n, f"Town {n}", n * 7, f"2024-01-{n % 28 + 1:02}T08:00:00Z") for n in range(1, TOWNS + 1)]
        con.executemany("INSERT INTO towns VALUES (?, ?, ?, ?)", rows)
    con.close()
    port = free_port()
    command = [sys.executable, "-m", "datasette", "serve", str(tmp_path / "atlas.db"), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path) as server:
        try:
            wait_for(f"http://127.0.0.1:{port}/-/versions.json", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(900):
        assert server.poll() is None, "Datasette ended"
        try:
            with urlopen(url, timeout=1):
                return
        except (URLError, OSError):
            with suppress(subprocess.TimeoutExpired):
                server.wait(0.1)
    raise AssertionError("Datasette did not start")


def test_a_table_is_suggested_and_loaded_as_it_is(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("REST_SOURCE_DESTINATION", "duckdb:///atlas.duckdb")
    runner = CliRunner()
    target = f"{url}/atlas/towns.json?_shape=objects"
    suggested = runner.invoke(main, ["suggest", target, "--write", "defs.yaml"])
    assert suggested.exit_code == 0, suggested.output
    [endpoint] = yaml.safe_load(Path("defs.yaml").read_text())["attributes"]["endpoints"]
    assert endpoint["pagination"] == {"type": "link_header"}
    assert (endpoint["data_root"], endpoint["primary_key"]) == ("$.rows", "id")
    assert runner.invoke(main, ["check", "defs.yaml"]).exit_code == 0
    ran = runner.invoke(main, ["run", "defs.yaml", "--json"])
    assert ran.exit_code == 0, ran.output
    [report] = json.loads(ran.stdout)["endpoints"]
    assert (report["status"], report["rows_inserted"], report["pages"]) == ("success", TOWNS, 3)
    with duckdb.connect("atlas.duckdb", read_only=True) as con:
        found = con.execute("SELECT count(DISTINCT id), sum(people) FROM api.towns").fetchone()
    assert found == (TOWNS, 7 * TOWNS * (TOWNS + 1) // 2)
