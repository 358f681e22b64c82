"""No secret in what the commands print or leave, while the API shouts them all, in records as well."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pytest

from rest_source.cli.main import main
from rest_source.demo.server import Call, Reply
from rest_source.extract.spool import Spool
from rest_source_tests.faults.shouting import (
    AUTHS,
    CURSOR,
    DAYS,
    FILE,
    KEPT,
    NEXT_URL,
    Case,
    Leaked,
    Shouting,
    mistaken,
    records,
    speaking,
    write_file,
)

FOLDERS: dict[str, Any] = {"name": "folders", "path": "/folders"}
SKIP = {"on_error": [{"status": 403, "do": "skip"}]}
STORED = (*KEPT, FILE)


@pytest.fixture(autouse=True)
def destination(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REST_SOURCE_DESTINATION", f"duckdb:///{tmp_path}/data.duckdb")


def rest_source(*args: str) -> int:
    """The exit code of a command, in this process."""
    with pytest.raises(SystemExit) as left:
        main(args, standalone_mode=False)
    return int(left.value.code or 0)


def of_secrets(call: Call, loud: str) -> Reply:
    """Records that are full of secrets, whose fields are called by them, and whose types do not fit."""
    texts = list(dict.fromkeys(loud.split(" ")))
    deep = {"list": [{"a": loud}], loud: {"b": texts}}
    rows = [{"id": text, "number": text, "all": loud, "deep": deep, **dict.fromkeys(texts, 1)} for text in (loud, "x")]
    headers = {"Content-Type": f"application/json; secret={texts[0]}".encode("ascii", "replace").decode()}
    return Reply({"items": [*rows, {"id": "fits", "number": 1}], "next": None, "loud": loud}, headers=headers)


def denied(call: Call, loud: str) -> Reply:
    return Reply({"message": loud}, 403, {"Content-Type": f"application/json; x={loud.split(' ', maxsplit=1)[0]}"})


TRIALS = {
    "records": Case(of_secrets, "", {"columns": {"number": "BIGINT"}, "primary_key": "id"}),
    "nested": Case(of_secrets, "", {"nested": "flatten"}),
    "next": Case(
        lambda call, loud: records(call, loud, next=None if call.arg("at") else loud), "", {"pagination": CURSOR}
    ),
    "next_url": Case(
        lambda call, loud: records(call, loud, next=None if call.arg("x") else f"?x={quote(loud)}"),
        "",
        {"pagination": NEXT_URL},
    ),
    "denied": Case(denied, "http_403"),
    "skipped": Case(denied, "", SKIP),
    "key": Case(of_secrets, "primary_key_missing", {"primary_key": "no"}),
    "body": Case(of_secrets, "", {"method": "POST", "body": {"k": "{env.IN_BODY}"}}),
    "root": Case(lambda call, loud: Reply({loud: [{loud: 1}]}), "data_root_not_found"),
}


@pytest.mark.parametrize("json", [[], ["--json"]], ids=["table", "json"])
@pytest.mark.parametrize("command", [["check", FILE], ["preview", FILE, "items"]], ids=["check", "preview"])
@pytest.mark.parametrize("name", TRIALS)
def test_trials(tmp_path: Path, name: str, command: list[str], json: list[str], leaked: Leaked) -> None:
    case, auth = TRIALS[name], list(AUTHS)[list(TRIALS).index(name) % len(AUTHS)]
    api = Shouting(case, auth, list(TRIALS).index(name))
    with speaking(api):
        write_file(tmp_path, api, AUTHS[auth])
        assert rest_source(*command, *json) == (1 if case.error else 0)
    assert leaked(STORED) == []


@pytest.mark.parametrize("json", [[], ["--json"]], ids=["table", "json"])
@pytest.mark.parametrize("name", ["records", "denied", "key", "next"])
def test_runs(tmp_path: Path, name: str, json: list[str], leaked: Leaked) -> None:
    api = Shouting(TRIALS[name], "basic", 2)
    with speaking(api):
        write_file(tmp_path, api, AUTHS["basic"])
        assert rest_source("run", FILE, *json) == (1 if TRIALS[name].error else 0)
    assert leaked(STORED) == []


CHILD = {"path": "/{parent.id}", "parent": {"endpoint": "folders"}}
OF_NAMES: dict[str, tuple[dict[str, Any], list[str], str]] = {
    "unknown_endpoint": ({}, ["--select", "item"], "unknown endpoint `item`"),
    "unknown_partition": ({"partitions_def": DAYS}, ["--partition", "d"], "unknown partition `d`"),
    "no_table": (CHILD, ["--select", "items"], "There is no table shop.folders yet"),
}


@pytest.mark.parametrize("json", [[], ["--json"]], ids=["table", "json"])
@pytest.mark.parametrize("id", OF_NAMES)
def test_names_that_there_are_not(tmp_path: Path, id: str, json: list[str], leaked: Leaked) -> None:
    endpoint, args, told = OF_NAMES[id]
    api = Shouting(Case(of_secrets, "", endpoint, more=(FOLDERS,)), "written", 3)
    with speaking(api):
        write_file(tmp_path, api, AUTHS["written"])
        assert rest_source("run", FILE, *args, *json) == 1
    assert leaked(STORED) == []
    assert told in " ".join((tmp_path / "said.txt").read_text().split())


@pytest.mark.parametrize("json", [[], ["--json"]], ids=["table", "json"])
@pytest.mark.parametrize("auth", AUTHS)
def test_a_mistake_in_this_program(
    tmp_path: Path, auth: str, json: list[str], monkeypatch: pytest.MonkeyPatch, leaked: Leaked
) -> None:
    api = Shouting(TRIALS["records"], auth, 5)
    monkeypatch.setattr(Spool, "append", mistaken(api.loud))
    with speaking(api):
        write_file(tmp_path, api, AUTHS[auth])
        assert rest_source("run", FILE, *json) == 1
    assert leaked(STORED) == []
    assert not json or "unexpected" in (tmp_path / "said.txt").read_text()


@pytest.mark.parametrize("json", [[], ["--json"]], ids=["table", "json"])
@pytest.mark.parametrize("change", [{}, {"primary_key": "no"}, {"schema_change": "freeze", "columns": {}}], ids=str)
def test_records_that_are_rejected_again(
    tmp_path: Path, change: dict[str, Any], json: list[str], leaked: Leaked
) -> None:
    keys: dict[str, Any] = {"columns": {"number": "BIGINT"}, "primary_key": "id"}
    api = Shouting(Case(of_secrets, "", keys), "written", 4)
    with speaking(api):
        write_file(tmp_path, api, AUTHS["written"])
        assert rest_source("run", FILE) == 0
        api.case = Case(of_secrets, "", {**keys, **change})
        write_file(tmp_path, api, AUTHS["written"])
        rest_source("retry", FILE, *json)
    with duckdb.connect(str(tmp_path / "data.duckdb")) as con:
        assert con.execute("SELECT count(*) FROM _rest_source.rejected_records").fetchone() != (0,)
    assert leaked(STORED) == []


@pytest.mark.parametrize("json", [[], ["--json"]], ids=["table", "json"])
@pytest.mark.parametrize("second", [403, 500])
def test_requests_that_a_rule_has_skipped(tmp_path: Path, second: int, json: list[str], leaked: Leaked) -> None:
    status = [403]

    def answer(call: Call, loud: str) -> Reply:
        if call.path.endswith("/folders"):
            return Reply([{"id": 1}, {"id": 2}])
        return Reply({"message": loud}, status[-1])

    endpoint = {
        "path": "/v/{env.IN_PATH}/{parent.id}", "params": {"key": "{env.IN_PARAM}", "p": "{parent.id} {env.IN_BODY}"},
        "parent": {"endpoint": "folders"}, **SKIP,
    }  # fmt: skip
    api = Shouting(Case(answer, "", endpoint, more=(FOLDERS,)), "basic", 6)
    with speaking(api):
        write_file(tmp_path, api, AUTHS["basic"])
        assert rest_source("run", FILE) == 0
        status.append(second)
        assert rest_source("retry", FILE, *json) == 1
    with duckdb.connect(str(tmp_path / "data.duckdb")) as con:
        failed = con.execute("SELECT request, message FROM _rest_source.failed_requests").fetchall()
    assert len(failed) == 2 and all("{env.IN_PARAM}" in request and message for request, message in failed)
    assert leaked((FILE,)) == []
