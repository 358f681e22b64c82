"""No secret in what is left where destination, state or process fail, in a load that is gone on with, nor by checks."""

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from urllib.parse import quote, urlsplit

import duckdb
import pytest
from filelock import FileLock

from rest_source.demo.server import Call, Reply
from rest_source.extract.spool import Spool
from rest_source.http.auth import token_file
from rest_source.load import state
from rest_source.load.duckdb import connection
from rest_source_tests import postgres
from rest_source_tests.faults.shouting import (
    AUTHS,
    CURSOR,
    FILE,
    KEPT,
    VARIABLES,
    WRITTEN,
    Case,
    Leaked,
    Shouting,
    encoded,
    known,
    mistaken,
    records,
    run,
    serve,
    speaking,
    write_file,
)

LOUD = Case(records)
PASSWORD = VARIABLES["PASSWORD"]
KILLED_AT = 3
LIMIT = 180.0


def has_a_page(folder: Path) -> bool:
    """Whether a journal vouches for a page: it is made before its first line is written."""
    return any(path.stat().st_size for path in folder.glob("state/spool/*/*/*/*/journal.ndjson"))


def fail(folder: Path, case: Case = LOUD, destination: str = "", auth: str = "basic") -> str:
    """The id of the error of a run."""
    found = serve(Shouting(case, auth, 3), folder, AUTHS[auth], destination)
    assert not found["success"]
    return str(found["error"])


def test_a_directory_in_place_of_the_file(tmp_path: Path, leaked: Leaked) -> None:
    (tmp_path / "data.duckdb").mkdir()
    assert fail(tmp_path) == "destination_unavailable"
    assert leaked(("data.duckdb",)) == []


def test_a_file_that_another_process_has_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaked: Leaked) -> None:
    monkeypatch.setattr(connection, "WAIT_SECONDS", 0.2)
    holder = "import duckdb, sys; c = duckdb.connect('data.duckdb'); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holder], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == b"open\n"
        assert fail(tmp_path) == "destination_locked"
        other.communicate()
    assert leaked() == []


def test_a_table_that_another_program_made(tmp_path: Path, leaked: Leaked) -> None:
    with duckdb.connect(str(tmp_path / "data.duckdb")) as con:
        con.execute("CREATE SCHEMA shop; CREATE VIEW shop.items AS SELECT 1 AS id")
    assert fail(tmp_path) == "destination_failed"
    assert leaked() == []


def test_a_fixed_type_that_stored_rows_do_not_fit(tmp_path: Path, leaked: Leaked) -> None:
    def answer(call: Call, loud: str) -> Reply:
        return Reply({"items": [{"id": loud}]})

    api = Shouting(Case(answer), "basic", 5)
    assert serve(api, tmp_path, AUTHS["basic"])["success"]
    again = Case(lambda call, loud: Reply({"items": [{"id": 1}]}), "", {"columns": {"id": "BIGINT"}})
    assert fail(tmp_path, again) == "fixed_type_misfit"
    assert leaked(KEPT) == []


def test_a_full_disk(tmp_path: Path, leaked: Leaked) -> None:
    # The spool, not the log of events, is what fills it.
    case = Case(lambda call, loud: Reply({"items": [{"id": "x" * 2_000_000}], "loud": loud}))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        assert fail(tmp_path, case) == "disk_full"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert leaked() == []


def test_a_file_in_place_of_the_state_directory(tmp_path: Path, leaked: Leaked) -> None:
    (tmp_path / "state").write_text("")
    assert fail(tmp_path) == "state_unusable"
    assert leaked() == []


def test_another_load_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaked: Leaked) -> None:
    monkeypatch.setattr(state, "WAIT_SECONDS", 0.1)
    assert serve(Shouting(LOUD, "basic", 3), tmp_path, AUTHS["basic"])["success"]
    (lock,) = tmp_path.glob("state/spool/*/*/*/lock")
    with FileLock(lock):
        assert fail(tmp_path) == "load_in_progress"
    assert leaked() == []


def test_another_process_that_renews_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaked: Leaked) -> None:
    monkeypatch.setattr(token_file, "WAIT_SECONDS", 0.1)
    api = Shouting(LOUD, "refresh", 3)
    with speaking(api):
        assert run(tmp_path, api, AUTHS["refresh"])["success"]
        (lock,) = tmp_path.glob("state/tokens/*.lock")
        lock.with_suffix("").unlink()
        with FileLock(lock):
            assert run(tmp_path, api, AUTHS["refresh"])["error"] == "token_locked"
    assert leaked() == []


def test_a_spool_that_is_damaged_before_it_is_loaded(tmp_path: Path, leaked: Leaked) -> None:
    def answer(call: Call, loud: str) -> Reply:
        if call.arg("at"):
            deadline = time.monotonic() + LIMIT
            while not has_a_page(tmp_path) and time.monotonic() < deadline:
                time.sleep(0.01)
            (segment,) = tmp_path.glob("state/spool/*/*/*/*/records-*.tsv")
            with segment.open("r+b") as file:
                file.write(f'{{"torn {loud}'.encode()[: segment.stat().st_size])
        return records(call, loud, next=None if call.arg("at") else "2")

    assert fail(tmp_path, Case(answer, "", {"pagination": CURSOR})) == "stage_failed"
    assert leaked(KEPT) == []


def test_a_mistake_in_this_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaked: Leaked) -> None:
    for number, auth in enumerate(AUTHS):
        api = Shouting(LOUD, auth, number)
        monkeypatch.setattr(Spool, "append", mistaken(api.loud))
        found = serve(api, tmp_path, AUTHS[auth])
        assert not found["success"] and "LookupError" in (tmp_path / "events.txt").read_text()
        assert leaked() == []


def test_a_table_of_the_elements_of_another_endpoint(tmp_path: Path, leaked: Leaked) -> None:
    def answer(call: Call, loud: str) -> Reply:
        return Reply({"items": [{"id": 1, "list": [{"a": loud, loud: 1}], loud: [1]}]})

    assert serve(Shouting(Case(answer, "", {"nested": "split"}), "basic", 4), tmp_path, AUTHS["basic"])["success"]
    assert fail(tmp_path, Case(LOUD.answer, "", {"name": "items_list"})) == "table_taken"
    assert leaked(("data.duckdb",)) == []


def test_a_retention_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaked: Leaked) -> None:
    monkeypatch.setenv("REST_SOURCE_SPOOL_MAX_AGE", "soon")
    assert fail(tmp_path) == "invalid_retention"
    assert leaked() == []


def test_a_variable_that_is_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaked: Leaked) -> None:
    monkeypatch.delenv("IN_BODY")
    assert fail(tmp_path) == "missing_env"
    assert leaked() == []


def test_a_variable_with_a_line_break(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaked: Leaked) -> None:
    monkeypatch.setenv("IN_HEADER", f"{VARIABLES['IN_HEADER']}\n")
    assert fail(tmp_path) == "invalid_header"
    assert leaked() == []


def test_a_consent_that_is_missing(tmp_path: Path, leaked: Leaked) -> None:
    auth = {**AUTHS["refresh"], "grant": "authorization_code", "authorize_url": "{url}/authorize"}
    del auth["refresh_token"]
    found = serve(Shouting(LOUD, "refresh", 3), tmp_path, auth)
    assert (found["success"], found["error"]) == (False, "authorization_needed")
    assert leaked() == []


def test_a_proxy_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaked: Leaked) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://us:{quote(PASSWORD, safe='')}@127.0.0.1:1")
    monkeypatch.setenv("http_proxy", f"http://us:{quote(PASSWORD, safe='')}@127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert fail(tmp_path) == "proxy_failed"
    assert leaked() == []


def test_a_database_that_cannot_be_reached(tmp_path: Path, leaked: Leaked) -> None:
    url = f"postgresql://me:{quote(PASSWORD, safe='')}@127.0.0.1:1/shop"
    assert fail(tmp_path, destination=url, auth="written") == "destination_unavailable"
    assert leaked() == []


def test_a_password_that_is_not_encoded_in_the_url(tmp_path: Path, leaked: Leaked) -> None:
    assert fail(tmp_path, destination=f"postgresql://me:{PASSWORD}@127.0.0.1:1/shop") == "destination_url"
    assert leaked() == []


@contextmanager
def refusing_database() -> Iterator[tuple[int, list[bytes]]]:
    """A port where PostgreSQL's protocol asks for a password and refuses it, and the passwords it got."""
    got: list[bytes] = []

    def serve_all() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                while int.from_bytes(peer.recv(1024)[4:8]) in (80877103, 80877104):
                    peer.sendall(b"N")  # neither TLS nor GSS
                peer.sendall(b"R" + (8).to_bytes(4) + (3).to_bytes(4))
                got.append(peer.recv(1024))
                said = b'SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "me"\0\0'
                peer.sendall(b"E" + (len(said) + 4).to_bytes(4) + said)

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = Thread(target=serve_all, daemon=True)
        thread.start()
        yield listener.getsockname()[1], got
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_database_that_refuses_the_password(tmp_path: Path, leaked: Leaked) -> None:
    with refusing_database() as (port, got):
        url = f"postgresql://me:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/shop"
        assert fail(tmp_path, destination=url, auth="written") == "destination_unavailable"
    assert got and all(PASSWORD.encode() in message for message in got)
    assert leaked() == []


def test_a_table_of_another_program_in_a_database(tmp_path: Path, postgres_database: str, leaked: Leaked) -> None:
    postgres.clear(postgres_database)
    postgres.execute(postgres_database, "CREATE SCHEMA shop; CREATE VIEW shop.items AS SELECT 1 AS id")
    parts = urlsplit(postgres_database)
    # The server of the tests asks for no password, so any will do.
    place = parts.netloc.rpartition("@")[2]
    url = parts._replace(netloc=f"{parts.username}:{quote(PASSWORD, safe='')}@{place}").geturl()
    if "REST_SOURCE_TEST_POSTGRES" in os.environ:
        url = postgres_database
    assert fail(tmp_path, destination=url, auth="written") == "destination_failed"
    assert leaked() == []


def start(folder: Path) -> "subprocess.Popen[bytes]":
    with (folder / "out.txt").open("ab") as out, (folder / "err.txt").open("ab") as err:
        return subprocess.Popen(
            [sys.executable, "-c", "from rest_source.cli.main import main; main()", "run", FILE, "--json"],
            cwd=folder,
            env={**os.environ, "REST_SOURCE_DESTINATION": "duckdb:///data.duckdb"},
            stdout=out,
            stderr=err,
        )


@pytest.mark.parametrize("next_page", ["plain", "secret"])
def test_a_run_that_is_killed_and_gone_on_with(tmp_path: Path, next_page: str, leaked: Leaked) -> None:
    killed: list[Call] = []
    victims: list[subprocess.Popen[bytes]] = []

    def answer(call: Call, loud: str) -> Reply:
        page = int((call.arg("at") or "1").partition(" ")[0])
        if page == KILLED_AT and not killed:
            deadline = time.monotonic() + LIMIT
            while not has_a_page(tmp_path) and time.monotonic() < deadline:
                time.sleep(0.01)
            killed.append(call)
            victims[0].send_signal(signal.SIGKILL)
        token = f"{page + 1} {WRITTEN}" if next_page == "secret" else str(page + 1)
        return records(call, loud, next=token if page < 5 else None)

    api = Shouting(Case(answer, "", {"pagination": CURSOR}), "written", 1)
    with speaking(api):
        write_file(tmp_path, api, AUTHS["written"])
        victims.append(start(tmp_path))
        assert victims[0].wait(LIMIT) == -signal.SIGKILL
        assert list((tmp_path / "state" / "spool").glob("*/*/*/*/")) != []
        assert leaked((FILE,)) == []
        second = start(tmp_path)
        assert second.wait(LIMIT) == 0, (tmp_path / "err.txt").read_text()
    if next_page == "plain":
        assert '"resumed_from_page": null' not in (tmp_path / "out.txt").read_text()
    assert leaked((FILE,)) == []


@pytest.mark.parametrize("auth", ["basic", "written"])
@pytest.mark.parametrize("check", ["duplicates", "schema"])
def test_a_check_that_runs_alone(tmp_path: Path, check: str, auth: str, leaked: Leaked) -> None:
    texts = encoded(known(auth))

    def answer(call: Call, loud: str) -> Reply:
        fields = dict.fromkeys(texts, 1) if loads else {}
        return Reply({"items": [{"id": text, "seen": n, **fields} for text in texts for n in (1, 2)]})

    loads: list[int] = []
    api = Shouting(Case(answer), auth, 0)
    with speaking(api):
        for _ in range(2):
            assert run(tmp_path, api, AUTHS[auth])["success"]
            loads.append(1)
        found = run(tmp_path, api, AUTHS[auth], only=check)
    told = (tmp_path / "events.txt").read_text()
    assert found["success"] and "ASSET_CHECK_EVALUATION" in told and "ASSET_MATERIALIZATION" not in told
    assert leaked(("data.duckdb",)) == []


def test_a_check_that_fails(tmp_path: Path, leaked: Leaked) -> None:
    api = Shouting(LOUD, "basic", 0)
    with duckdb.connect(str(tmp_path / "data.duckdb")) as con:
        named = ", ".join(f'''1 AS "{text.replace('"', '""')}"''' for text in encoded(known("basic"))[:30])
        con.execute(f"CREATE SCHEMA shop; CREATE VIEW shop.items AS SELECT {named}")
    with speaking(api):
        found = run(tmp_path, api, AUTHS["basic"], only="duplicates")
    assert (found["success"], found["error"]) == (False, "destination_failed")
    assert leaked(("data.duckdb",)) == []
