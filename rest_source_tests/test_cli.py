"""`rest-source` as a person or a script calls it: in a process of its own, judged by output and exit code."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from rest_source.demo import Call, LoopbackServer, Reply
from rest_source_tests.fakes.desk import PATIENCE
from rest_source_tests.fakes.raw import raw_server, stay_silent
from rest_source_tests.shop import serve, write_file

REPORTED = {
    "name",
    "status",
    "partition",
    "rows_read",
    "rows_inserted",
    "rows_updated",
    "rows_unchanged",
    "rows_deleted",
    "pages",
    "requests",
    "retries",
    "wait_seconds",
    "bytes",
    "stop_reason",
    "resumed_from_page",
    "cursor_before",
    "cursor_after",
    "checks",
    "error",
}


def rest_source(*args: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from rest_source.cli.main import main; main()", *map(str, args)],
        cwd=cwd,
        env={**os.environ, "REST_SOURCE_DESTINATION": "duckdb:///data.duckdb", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def run_json(*args: str | Path, cwd: Path, code: int = 0, **environment: str) -> dict[str, Any]:
    result = rest_source("run", *args, "--json", cwd=cwd, **environment)
    assert result.returncode == code, result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(folder / "data.duckdb"), read_only=True) as con:
        return con.execute(sql).fetchall()


def test_run_loads_and_reports(tmp_path: Path) -> None:
    with LoopbackServer(serve({"id": 1}, {"id": 2})) as server:
        report = run_json(write_file(tmp_path, server.url, {}, {"name": "more"}), cwd=tmp_path)
    assert (report["source"], report["status"]) == ("shop", "success")
    assert report["destination"] == "duckdb:///data.duckdb"
    assert [endpoint["name"] for endpoint in report["endpoints"]] == ["items", "more"]
    items = report["endpoints"][0]
    assert set(items) >= REPORTED
    assert (items["status"], items["rows_read"], items["rows_inserted"], items["pages"]) == ("success", 2, 2, 1)
    assert items["checks"]["duplicates"] == {"passed": True, "severity": "WARN", "message": "2 rows, no duplicates."}
    assert rows(tmp_path, "SELECT id FROM shop.items ORDER BY id") == [(1,), (2,)]


def test_run_again_changes_nothing_and_a_change_is_found(tmp_path: Path) -> None:
    stock = [5]

    def handler(call: Call) -> Reply:
        return Reply([{"id": 1, "stock": stock[0]}, {"id": 2, "stock": 9}])

    with LoopbackServer(handler) as server:
        file = write_file(tmp_path, server.url, {}, {"name": "keyed", "primary_key": "id"})
        run_json(file, cwd=tmp_path)
        table = rows(tmp_path, "FROM shop.items")
        again = run_json(file, cwd=tmp_path)["endpoints"]
        assert [endpoint["rows_unchanged"] for endpoint in again] == [2, 2]
        assert rows(tmp_path, "FROM shop.items") == table
        stock[0] = 6
        items, keyed = run_json(file, cwd=tmp_path)["endpoints"]
    assert (items["rows_inserted"], items["rows_updated"]) == (1, 0)
    assert items["checks"]["duplicates"]["passed"] is False
    assert "primary_key: id" in items["checks"]["duplicates"]["message"]
    assert (keyed["rows_inserted"], keyed["rows_updated"]) == (0, 1)
    assert keyed["checks"]["duplicates"]["passed"] is True
    assert rows(tmp_path, "SELECT count(*) FROM shop.items UNION ALL SELECT count(*) FROM shop.keyed") == [(3,), (2,)]


def test_a_failed_endpoint_exits_1_and_leaves_its_siblings(tmp_path: Path) -> None:
    def handler(call: Call) -> Reply:
        return Reply([{"id": 1}]) if call.path == "/items" else Reply({"message": "no such thing"}, status=404)

    with LoopbackServer(handler) as server:
        file = write_file(tmp_path, server.url, {}, {"name": "gone", "path": "/gone"})
        report = run_json(file, cwd=tmp_path, code=1)
        text = rest_source("run", file, cwd=tmp_path)
    items, gone = report["endpoints"]
    assert (report["status"], items["status"], gone["status"]) == ("failed", "success", "failed")
    assert gone["error"]["id"] == "http_404"
    assert set(gone["error"]) == {"id", "message", "where", "cause", "remedy", "retryable"}
    assert "no such thing" in gone["error"]["message"]
    assert gone["error"]["where"].startswith("shop.gone, page 1, GET http")
    assert text.returncode == 1
    assert "shop.gone" in text.stdout
    assert "no such thing" in text.stderr
    assert "Traceback" not in text.stdout + text.stderr


@pytest.mark.parametrize(("level", "code"), [("warn", 0), ("error", 1)])
def test_a_failed_check_exits_1_only_as_an_error(tmp_path: Path, level: str, code: int) -> None:
    reads = iter(range(10))
    with LoopbackServer(lambda call: Reply([{"id": 1, "read": next(reads)}])) as server:
        file = write_file(tmp_path, server.url, {"checks": {"duplicates": level}})
        run_json(file, cwd=tmp_path)
        report = run_json(file, cwd=tmp_path, code=code)
    check = report["endpoints"][0]["checks"]["duplicates"]
    assert (check["passed"], check["severity"]) == (False, level.upper())
    assert report["endpoints"][0]["status"] == "success"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("path: /items", "pth: /items"), "defs.yaml:9: attributes.endpoints.0.pth: unknown key `pth`. Did you mean"),
        (("retries: 0", "retries: none"), "defs.yaml:6: attributes.limits.retries: should be a whole number"),
    ],
)
def test_a_mistake_in_the_file_names_its_line(tmp_path: Path, change: tuple[str, str], expected: str) -> None:
    file = write_file(tmp_path, "http://127.0.0.1:1")
    file.write_text(file.read_text().replace(*change))
    result = rest_source("run", file, cwd=tmp_path)
    assert result.returncode == 1
    assert expected in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "data.duckdb").exists()


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["--select", "itms"], "Did you mean `items`?"),
        (["--destination", "mysql://host/db"], "duckdb:///relative.duckdb"),
        (["--destination", "duckdb://"], "duckdb:///relative.duckdb"),
    ],
)
def test_a_wrong_option_is_explained(tmp_path: Path, args: list[str], word: str) -> None:
    result = rest_source("run", write_file(tmp_path, "http://127.0.0.1:1"), *args, cwd=tmp_path)
    assert result.returncode == 1
    assert word in result.stderr
    assert "Traceback" not in result.stderr


def test_a_file_that_is_not_there_is_explained(tmp_path: Path) -> None:
    result = rest_source("run", "nowhere.yaml", cwd=tmp_path)
    assert result.returncode == 1
    assert "nowhere.yaml" in result.stderr


@pytest.mark.parametrize("args", [("--debug", "run", "nowhere.yaml"), ("run", "nowhere.yaml", "--debug")])
def test_a_traceback_is_shown_on_demand(args: tuple[str, ...], tmp_path: Path) -> None:
    assert "Traceback" in rest_source(*args, cwd=tmp_path).stderr


def test_secrets_never_show(tmp_path: Path) -> None:
    def handler(call: Call) -> Reply:
        return Reply({"message": f"wrong token {call.headers['Authorization']}"}, status=401)

    with LoopbackServer(handler) as server:
        file = write_file(tmp_path, server.url, auth={"type": "bearer", "token": {"env": "SHOP_TOKEN"}})
        missing = rest_source("run", file, cwd=tmp_path)
        wrong = rest_source("run", file, "--json", cwd=tmp_path, SHOP_TOKEN="s3cret-t0ken")
    assert "SHOP_TOKEN" in missing.stderr
    assert "{env.SHOP_TOKEN}" in wrong.stdout
    assert "s3cret-t0ken" not in wrong.stdout + wrong.stderr
    left = [path for path in tmp_path.rglob("*") if path.is_file() and b"s3cret-t0ken" in path.read_bytes()]
    assert left == []


def test_jobs_load_side_by_side(tmp_path: Path) -> None:
    together = threading.Barrier(4, timeout=PATIENCE)

    def handler(call: Call) -> Reply:
        together.wait()  # answers only when four endpoints ask at the same time
        return Reply([{"id": 1}])

    endpoints = [{"name": f"e{number}"} for number in range(4)]
    with LoopbackServer(handler) as server:
        report = run_json(write_file(tmp_path, server.url, *endpoints), "--jobs", "4", cwd=tmp_path)
    assert report["status"] == "success"


def test_interrupting_a_run_leaves_nothing_half_written(tmp_path: Path) -> None:
    asked, ended = threading.Event(), threading.Event()
    program = "import signal; signal.signal(2, signal.default_int_handler)"  # the tests may run with it ignored

    def handler(call: Call) -> Reply:
        if call.arg("page") == "3":
            asked.set()
            ended.wait(2 * PATIENCE)
        return Reply([{"id": call.arg("page")}])

    with LoopbackServer(handler) as server:
        file = write_file(tmp_path, server.url, {"pagination": {"type": "page_number"}})
        with subprocess.Popen(
            [sys.executable, "-c", f"{program}; from rest_source.cli.main import main; main()", "run", str(file)],
            cwd=tmp_path,
            env={**os.environ, "REST_SOURCE_DESTINATION": "duckdb:///data.duckdb"},
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert asked.wait(PATIENCE)
                process.send_signal(2)
                _, errors = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
                ended.set()
    assert process.returncode != 0
    assert "Traceback" not in errors
    assert not (tmp_path / "data.duckdb").exists()


def test_who_waits_for_the_file_says_for_whom_where_nobody_watches_too(tmp_path: Path) -> None:
    with LoopbackServer(serve({"id": 1})) as server:
        file = write_file(tmp_path, server.url)
        holder = duckdb.connect(str(tmp_path / "data.duckdb"))
        with subprocess.Popen(
            [sys.executable, "-c", "from rest_source.cli.main import main; main()", "run", str(file)],
            cwd=tmp_path,
            env={**os.environ, "REST_SOURCE_DESTINATION": "duckdb:///data.duckdb"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            kill = threading.Timer(PATIENCE, process.kill)
            kill.start()
            assert process.stderr
            said = process.stderr.readline()
            holder.close()
            process.communicate(timeout=PATIENCE)
            kill.cancel()
    assert process.returncode == 0
    assert said.startswith(f"shop.items: Waiting for process {os.getpid()}")
    assert "data.duckdb" in said


def test_variables_may_stand_in_a_dotenv_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SHOP_TOKEN=from-dotenv\n")
    with LoopbackServer(serve({"id": 1})) as server:
        file = write_file(tmp_path, server.url, auth={"type": "bearer", "token": {"env": "SHOP_TOKEN"}})
        assert run_json(file, cwd=tmp_path)["status"] == "success"
        assert server.calls[0].headers["Authorization"] == "Bearer from-dotenv"


def test_the_rate_holds_for_all_endpoints_of_a_source(tmp_path: Path) -> None:
    asked: list[float] = []

    def handler(call: Call) -> Reply:
        asked.append(time.monotonic())
        return Reply([{"id": 1}])

    with LoopbackServer(handler) as server:
        endpoints = [{"name": f"e{number}"} for number in range(4)]
        run_json(write_file(tmp_path, server.url, *endpoints, limits={"rate": "2/s"}), "--jobs", "4", cwd=tmp_path)
    assert asked[-1] - asked[0] >= 1  # of 1.5: the first may arrive late


def test_records_without_their_key_are_counted_and_told(tmp_path: Path) -> None:
    with LoopbackServer(serve({"id": 1}, {"id": None, "name": "b"})) as server:
        (items,) = run_json(write_file(tmp_path, server.url, {"primary_key": "id"}), cwd=tmp_path)["endpoints"]
    assert (items["rows_read"], items["rows_inserted"], items["rows_rejected"]) == (2, 1, 1)
    assert "_rest_source.rejected_records" in items["warnings"][0]


def test_a_failed_load_reports_how_far_it_came(tmp_path: Path) -> None:
    with LoopbackServer(lambda call: Reply({"error": "no"}, status=500)) as server:
        file = write_file(tmp_path, server.url, limits={"retries": 1})
        (items,) = run_json(file, cwd=tmp_path, code=1)["endpoints"]
    assert (items["requests"], items["retries"]) == (2, 1)
    assert items["first_request"].startswith("GET http")


def test_a_failure_skips_only_its_children(tmp_path: Path) -> None:
    def handler(call: Call) -> Reply:
        return Reply([{"id": 1}]) if call.path == "/items" else Reply({"error": "no"}, status=404)

    endpoints: list[dict[str, Any]] = [
        {"name": "grandchild", "deps": ["shop/child"]},
        {"name": "child", "deps": ["shop/parent"]},
        {"name": "parent", "path": "/gone"},
        {"name": "sibling"},
    ]
    with LoopbackServer(handler) as server:
        file = write_file(tmp_path, server.url, *endpoints)
        report = run_json(file, cwd=tmp_path, code=1)
        table = rest_source("run", file, cwd=tmp_path).stdout.splitlines()[1:]
    assert [line.split()[-1] for line in table] == ["skipped", "skipped", "FAILED", "passed"]
    assert {endpoint["name"]: endpoint["status"] for endpoint in report["endpoints"]} == {
        "grandchild": "skipped",
        "child": "skipped",
        "parent": "failed",
        "sibling": "success",
    }


DAILY = {"type": "daily", "start_date": "2024-01-01"}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("--partition", "2024-01-99"), "unknown partition `2024-01-99`"),
        (("--partition", "2024-01-05-00:30"), "unknown partition `2024-01-05-00:30`"),
        (("--partition-range", "2024-01-05...2024-01-03"), "ends before it begins"),
    ],
)
def test_partitions_that_an_endpoint_has_not_fail_it_alone(asked: tuple[str, str], told: str, tmp_path: Path) -> None:
    kind = {"type": "hourly", "start_date": "2024-01-01-00:00"} if ":" in asked[1] else DAILY
    daily = {"name": "daily", "partitions_def": kind}
    with LoopbackServer(serve({"id": 1})) as server:
        report = run_json(write_file(tmp_path, server.url, daily, {"name": "all"}), *asked, cwd=tmp_path, code=1)
    failed, loaded = report["endpoints"]
    assert (failed["status"], failed["error"]["id"], loaded["status"]) == ("failed", "unknown_partition", "success")
    assert told in failed["error"]["message"]


def test_children_wait_for_their_parents(tmp_path: Path) -> None:
    with LoopbackServer(serve({"id": 1})) as server:
        endpoints: list[dict[str, Any]] = [
            {"name": "child", "path": "/child", "deps": ["shop/parent"]},
            {"name": "parent", "path": "/parent"},
        ]
        run_json(write_file(tmp_path, server.url, *endpoints), cwd=tmp_path)
        assert [call.path for call in server.calls] == ["/parent", "/child"]


def test_a_state_directory_that_cannot_be_used_is_explained(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with LoopbackServer(serve({"id": 1})) as server:
        file = write_file(tmp_path, server.url)
        (items,) = run_json(file, cwd=tmp_path, code=1, REST_SOURCE_STATE=str(tmp_path / "taken" / "state"))[
            "endpoints"
        ]
    assert items["error"]["id"] == "state_unusable"
    assert "REST_SOURCE_STATE" in items["error"]["remedy"]
    assert "Traceback" not in items["error"]["message"]


def test_an_interrupted_run_is_gone_on_with(tmp_path: Path) -> None:
    broken = [True]

    def handler(call: Call) -> Reply:
        page = int(call.arg("page") or 1)
        if page == 3 and broken[0]:
            return Reply({"error": "no"}, status=500)
        return Reply([{"id": page}] if page < 5 else [])

    with LoopbackServer(handler) as server:
        file = write_file(tmp_path, server.url, {"pagination": {"type": "page_number"}})
        (failed,) = run_json(file, cwd=tmp_path, code=1)["endpoints"]
        assert (failed["pages"], failed["rows_read"]) == (2, 2)
        broken[0] = False
        (items,) = run_json(file, cwd=tmp_path)["endpoints"]
        assert (items["resumed_from_page"], items["rows_read"], items["pages"]) == (3, 4, 5)
        (again,) = run_json(file, "--full-refresh", cwd=tmp_path)["endpoints"]
    assert (again["resumed_from_page"], again["rows_unchanged"]) == (None, 4)


def test_a_skipped_endpoint_is_no_failure_and_keeps_its_table(tmp_path: Path) -> None:
    refused = [False]

    def handler(call: Call) -> Reply:
        return (
            Reply({"error": "not enabled"}, status=403) if refused[0] and call.path == "/items" else Reply([{"id": 1}])
        )

    rule = {"on_error": [{"status": 403, "do": "skip"}]}
    with LoopbackServer(handler) as server:
        file = write_file(tmp_path, server.url, rule, {"name": "child", "path": "/child", "deps": ["shop/items"]})
        run_json(file, cwd=tmp_path)
        refused[0] = True
        items, child = run_json(file, cwd=tmp_path)["endpoints"]
    assert (items["status"], items["row_count"], items["error"]) == ("skipped", None, None)
    assert "not enabled" in items["warnings"][0]
    assert child["status"] == "success"
    assert rows(tmp_path, "SELECT id FROM shop.items") == [(1,)]


@pytest.mark.parametrize("command", [["run"], ["check"], ["preview", "items"], ["suggest"]], ids=lambda args: args[0])
def test_ctrl_c_ends_a_command_whose_request_is_not_answered(tmp_path: Path, command: list[str]) -> None:
    asked, temporary = threading.Event(), tmp_path / "tmp"
    temporary.mkdir()

    def silent(connection: socket.socket) -> None:
        asked.set()
        stay_silent(connection)

    with raw_server(silent) as url:
        target = url if command == ["suggest"] else str(write_file(tmp_path, url, {}, {"name": "more"}))
        with subprocess.Popen(
            [sys.executable, "-c", _INTERRUPTIBLE, command[0], target, *command[1:]],
            cwd=tmp_path,
            env={**os.environ, "TMPDIR": str(temporary)},
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert asked.wait(PATIENCE)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said.startswith("Interrupted")) == (130, True)
    assert list(temporary.iterdir()) == []


# Whoever starts the tests in the background may have had SIGINT ignored.
_INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from rest_source.cli.main import main
main()
"""


def test_a_pipe_that_is_closed_is_no_mistake_of_ours(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(
        [sys.executable, "-c", "from rest_source.cli.main import main; main()", "schema"],
        cwd=tmp_path,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (process.returncode, process.stderr) == (1, "")
