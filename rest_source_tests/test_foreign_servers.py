"""From a URL to a table, against servers that know nothing of us, row for row and with no line of YAML touched.

Datasette is installed with the tests. The others are packages of npm; where npm cannot bring them, they are skipped.
"""

import fcntl
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

import duckdb
import pytest
import yaml
from click.testing import CliRunner

from rest_source.cli.main import main

TOWNS = 250
PACKAGES = (
    *("json-server@0.17.4", "json-server-auth@2.1.0", "express@4.21.2", "graphql@16.15.0", "graphql-http@1.23.1"),
    *("simple-odata-server@1.2.2", "simple-odata-server-nedb@1.0.0", "nedb@1.8.0"),
)
ROWS = [{"id": n, "name": f"Town {n}", "people": 7 * n} for n in range(1, TOWNS + 1)]
ODATA = """
const [http, Store, Server, Adapter] = ['http', 'nedb', 'simple-odata-server', 'simple-odata-server-nedb'].map(require)
const [port, rows] = [+process.argv[2], require(process.argv[3]).towns], store = new Store({inMemoryOnly: true})
const types = {id: {type: 'Edm.Int32'}, _id: {type: 'Edm.String', key: true}, name: {type: 'Edm.String'},
               people: {type: 'Edm.Int32'}}
const model = {namespace: 'atlas', entityTypes: {Town: types}, entitySets: {towns: {entityType: 'atlas.Town'}}}
const server = Server(`http://127.0.0.1:${port}`).model(model).adapter(Adapter((_, done) => done(null, store)))
store.insert(rows.map(row => ({_id: `${row.id}`.padStart(4, '0'), ...row})))
http.createServer(server.handle.bind(server)).listen(port, '127.0.0.1')
"""
GRAPHQL = """
const {buildSchema} = require('graphql'), {createHandler} = require('graphql-http/lib/use/http')
const schema = buildSchema('type Town { id: Int!, name: String!, people: Int! } type Query { towns: [Town!]! }')
const rootValue = {towns: require(process.argv[3]).towns}
require('http').createServer(createHandler({schema, rootValue})).listen(+process.argv[2], '127.0.0.1')
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(command: Sequence[str], port: int, folder: Path) -> Iterator[str]:
    """The URL of a server, once it answers."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder) as server:
        try:
            wait_for(f"http://127.0.0.1:{port}/", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(900):
        assert server.poll() is None, "the server ended"
        try:
            with suppress(HTTPError), urlopen(url, timeout=1):
                pass
        except (URLError, OSError):
            with suppress(subprocess.TimeoutExpired):
                server.wait(0.1)
        else:
            return
    raise AssertionError("the server did not start")


@pytest.fixture(scope="module")
def modules() -> Path:
    """The folder of the packages, which npm fills once on a machine."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("npm and node are not installed")
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rest_source_tests" / "servers"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "installed"
        if not done.exists() or done.read_text() != str(PACKAGES):
            command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), *PACKAGES]
            try:
                subprocess.run(command, check=True, capture_output=True, timeout=90)
            except (subprocess.SubprocessError, OSError) as error:
                pytest.skip(f"npm cannot install the servers: {type(error).__name__}")
            done.write_text(str(PACKAGES))
    return folder / "node_modules"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the data of the servers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("REST_SOURCE_DESTINATION", "duckdb:///atlas.duckdb")
    (tmp_path / "data.json").write_text(json.dumps({"towns": ROWS, "users": []}))
    return tmp_path


def loaded(url: str, *args: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The endpoint that is suggested and the report of its load, which has every town in its place."""
    runner = CliRunner()
    suggested = runner.invoke(main, ["suggest", url, *args, "--write", "defs.yaml"])
    assert suggested.exit_code == 0, suggested.output
    checked = runner.invoke(main, ["check", "defs.yaml"])
    assert checked.exit_code == 0, checked.output
    ran = runner.invoke(main, ["run", "defs.yaml", "--json"])
    assert ran.exit_code == 0, ran.output
    [report] = json.loads(ran.stdout)["endpoints"]
    [endpoint] = yaml.safe_load(Path("defs.yaml").read_text())["attributes"]["endpoints"]
    with duckdb.connect("atlas.duckdb", read_only=True) as con:
        found = con.execute(f"SELECT id, name, people FROM api.{endpoint['name']} ORDER BY id").fetchall()
    assert found == [tuple(row.values()) for row in ROWS], Path("defs.yaml").read_text()
    assert report["warnings"] == []
    return endpoint, report


def test_a_table_of_datasette(folder: Path) -> None:
    with sqlite3.connect(folder / "atlas.db") as con:
        con.execute("CREATE TABLE towns (id INTEGER PRIMARY KEY, name TEXT, people INTEGER)")
        con.executemany("INSERT INTO towns VALUES (:id, :name, :people)", ROWS)
    con.close()
    port = free_port()
    command = [sys.executable, "-m", "datasette", "serve", str(folder / "atlas.db"), "--port", str(port)]
    with running(command, port, folder) as url:
        endpoint, report = loaded(f"{url}/atlas/towns.json?_shape=objects")
    assert endpoint["pagination"] == {"type": "link_header"}
    assert (endpoint["data_root"], endpoint["primary_key"], report["pages"]) == ("$.rows", "id", 3)


@pytest.mark.parametrize("query", ["_page=1&_limit=100", "_limit=100", "_page=3&_limit=100"])
def test_a_list_of_json_server(folder: Path, modules: Path, query: str) -> None:
    port = free_port()
    command = ["node", str(modules / ".bin" / "json-server"), "data.json", "--port", str(port), "--host", "127.0.0.1"]
    with running(command, port, folder) as url:
        endpoint, report = loaded(f"{url}/towns?{query}")
    assert (endpoint["primary_key"], report["pages"]) == ("id", 3)


def test_a_list_behind_a_login(folder: Path, modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    (folder / "rules.json").write_text('{"towns": 660}')
    command = ["node", str(modules / ".bin" / "json-server-auth"), "data.json", "--port", str(port)]
    with running([*command, "--host", "127.0.0.1", "-r", "rules.json"], port, folder) as url:
        body = json.dumps({"email": "a@example.com", "password": "correct horse"}).encode()
        request = Request(f"{url}/register", body, {"Content-Type": "application/json"})
        with urlopen(request) as answer:
            monkeypatch.setenv("ATLAS_TOKEN", json.load(answer)["accessToken"])
        _, report = loaded(f"{url}/towns?_page=1&_limit=100", "-H", "Authorization=Bearer {env.ATLAS_TOKEN}")
    assert report["pages"] == 3


def test_an_entity_set_of_odata(folder: Path, modules: Path) -> None:
    port = free_port()
    with running(script(ODATA, port, folder, modules), port, folder) as url:
        endpoint, _ = loaded(f"{url}/towns?$top=100&$orderby=id")
    assert endpoint["pagination"] == {
        "type": "offset_limit", "limit_param": "$top", "limit": 100, "offset_param": "$skip",
    }  # fmt: skip


def test_a_query_of_graphql(folder: Path, modules: Path) -> None:
    port = free_port()
    with running(script(GRAPHQL, port, folder, modules), port, folder) as url:
        endpoint, _ = loaded(f"{url}/graphql?query={quote('{ towns { id name people } }')}")
    assert endpoint["data_root"] == "$.data.towns"


def script(text: str, port: int, folder: Path, modules: Path) -> list[str]:
    """The command of a server that a few lines make of a package."""
    (folder / "node_modules").symlink_to(modules)
    (folder / "server.cjs").write_text(text)
    return ["node", str(folder / "server.cjs"), str(port), str(folder / "data.json")]
