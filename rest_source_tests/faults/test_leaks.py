"""Every byte that a run leavesed for every secret in every encoding, while the API shouts them all."""

import ast
import html
import io
import json
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pytest

from rest_source.catalogue import CATALOGUE
from rest_source.demo.server import Call, Reply
from rest_source_tests.faults.shouting import (
    AUTHS,
    CURSOR,
    DAYS,
    ENCODED,
    KEPT,
    NEXT_URL,
    WRITTEN,
    Case,
    Handler,
    Leaked,
    Shouting,
    encoded,
    known,
    leaks,
    left,
    records,
    serve,
)


def status(code: int, **headers: str) -> Handler:
    return lambda call, loud: Reply({"message": loud, "error_description": loud}, code, headers)


def redirect(place: str) -> Handler:
    return lambda call, loud: Reply("", 302, {"Location": place + quote(loud)[:1500]})


def archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for name in names:
            packed.writestr(name[:900], b"[]")
    return file.getvalue()


def raises(call: Call, loud: str) -> Reply:
    raise ConnectionError


STATUSES = (304, 400, 401, 403, 404, 405, 406, 408, 409, 410, 415, 418, 422, 429, 500, 503)
SINCE = {"key": "{env.IN_PARAM}", "at": "{cursor}"}
CASES: dict[str, Case] = {
    "success": Case(records),
    "warned": Case(lambda call, loud: records(call, loud, next=f"https://h/?x={quote(loud)}", has_more=True)),
    "cursor": Case(
        lambda call, loud: records(call, loud, next=None if call.arg("at") else loud), "", {"pagination": CURSOR}
    ),
    "next_url": Case(
        lambda call, loud: records(
            call, loud, next=None if call.arg("n") else f"?n=1&t={quote(WRITTEN)}&u={quote(loud)}"
        ),
        "",
        {"pagination": NEXT_URL},
    ),
    "drift": Case(
        lambda call, loud: records(call, loud, total=9) if call.arg("page") == "1" else Reply({"items": []}),
        "",
        {"pagination": {"type": "page_number", "total_records": "$.total"}},
    ),
    "skip": Case(status(403), "", {"on_error": [{"status": 403, "do": "skip"}]}),
    "on_error": Case(status(403), "on_error", {"on_error": [{"status": 403, "do": "fail"}]}),
    **{f"http_{code}": Case(status(code), f"http_{code}") for code in STATUSES},
    "http_html": Case(lambda call, loud: Reply(f"<title>{loud}</title>", 500), "http_500"),
    "retry_later": Case(status(429, **{"Retry-After": "99999"}), "retry_later"),
    "html": Case(lambda call, loud: Reply(f"<html><title>{html.escape(loud)}</title>", 200), "html_instead_of_json"),
    "csv": Case(lambda call, loud: Reply(f"a,b\n{loud},1", 200, {"Content-Type": "text/csv"}), "csv_instead_of_json"),
    "xml": Case(lambda call, loud: Reply(f"<?xml version='1.0'?><a>{html.escape(loud)}</a>"), "xml_instead_of_json"),
    "not_json": Case(lambda call, loud: Reply(f"sorry {loud}"), "not_json"),
    "truncated": Case(lambda call, loud: Reply(json.dumps({"items": [loud]})[:-3]), "truncated_json"),
    "cut": Case(lambda call, loud: Reply(loud, truncate=50), "truncated_body"),
    "reset": Case(raises, "connection_reset"),
    "too_many_redirects": Case(redirect("/again?"), "too_many_redirects"),
    "bad_redirect": Case(redirect("http://[::1?"), "invalid_url"),
    "dns": Case(redirect("http://no-such-host.invalid/?"), "dns_failed"),
    "stranger": Case(redirect("{stranger}/?"), "http_401"),
    "link_local": Case(redirect("http://169.254.169.254/?"), "link_local_address"),
    "secret_in_body": Case(
        lambda call, loud: Reply("", 307, {"Location": "{stranger}/"}),
        "secret_in_body",
        {"method": "POST", "body": {"k": "{env.IN_BODY}"}},
    ),
    "data_root": Case(lambda call, loud: Reply({"rows": [{loud: 1}], loud: []}), "data_root_not_found"),
    "primary_key": Case(
        lambda call, loud: Reply({"items": [{"other": 1}], "loud": loud}), "primary_key_missing", {"primary_key": "no"}
    ),
    "loop": Case(lambda call, loud: records(call, loud, next=loud), "pagination_loop", {"pagination": CURSOR}),
    "not_scalar": Case(
        lambda call, loud: records(call, loud, next={loud: loud}), "cursor_not_scalar", {"pagination": CURSOR}
    ),
    "not_text": Case(
        lambda call, loud: records(call, loud, next={loud: loud}), "next_url_not_text", {"pagination": NEXT_URL}
    ),
    "max_pages": Case(
        lambda call, loud: records(call, loud, next=f"{call.arg('at')}{loud}"),
        "max_pages",
        {"pagination": CURSOR},
        {"limits": {"retries": 0, "max_pages": 2}},
    ),
    "not_ready": Case(lambda call, loud: Reply({"status": f"PENDING {loud}", "items": []}, 202), "not_ready"),
    "rate_limited": Case(
        lambda call, loud: Reply({"error": f"{loud}: rate limit exceeded"}, headers={"X-RateLimit-Remaining": "0"}),
        "rate_limited",
    ),
    "empty": Case(lambda call, loud: Reply("", headers={"X-Loud": quote(loud)[:900]}), "empty_body"),
    "undecodable": Case(lambda call, loud: Reply(loud, headers={"Content-Encoding": "gzip"}), "undecodable_body"),
    "header_too_long": Case(
        lambda call, loud: Reply({}, headers={f"X-{n}": quote(loud)[:500] for n in range(10_001)}), "header_too_long"
    ),
    "two_lengths": Case(lambda call, loud: Reply(loud, headers={"Content-Length": "2, 3"}), "two_lengths"),
    "another_request": Case(
        redirect("/again?"), "redirect_changes_request", {"method": "POST", "body": {"k": "{env.IN_BODY}"}}
    ),
    "lines": Case(lambda call, loud: Reply(f"{json.dumps([loud])}\n" * 2), "ndjson_instead_of_json"),
    "no_number": Case(lambda call, loud: Reply(json.dumps([loud, float("nan"), loud])), "invalid_json"),
    "broken": Case(lambda call, loud: Reply(f'["{loud}" {loud} "{loud}"]'), "invalid_json"),
    "binary": Case(lambda call, loud: Reply(f"%PDF {loud}"), "binary_instead_of_json"),
    "not_utf8": Case(lambda call, loud: Reply(f'["{loud}'.encode() + b'\xff"]'), "not_utf8"),
    "archive": Case(lambda call, loud: Reply(archive(quote(loud), "b")), "zip_instead_of_json"),
    "no_place": Case(status(302), "http_302"),
    "refused": Case(redirect("http://127.0.0.1:1/?"), "connection_refused"),
    "bad_next_url": Case(
        lambda call, loud: records(call, loud, next=f"http://[{loud}"), "next_url_invalid", {"pagination": NEXT_URL}
    ),
    "null": Case(lambda call, loud: Reply({"items": None, "errors": [loud]}), "data_root_null"),
    "ignored": Case(
        lambda call, loud: Reply({"items": [{"id": 1}, {"id": 2}], "loud": loud}),
        "parameter_ignored",
        {"pagination": {"type": "page_number", "size": 2, "size_param": "n"}},
    ),
    "rejected": Case(
        lambda call, loud: Reply({"items": [{"id": text} for text in (*loud.split(), loud)]}),
        "all_rejected",
        {"columns": {"id": "BIGINT"}, "write": "replace"},
        is_kept=True,
    ),
    "cursor_mixed": Case(
        lambda call, loud: Reply({"items": [{"at": "2024-01-01"}, {"at": loud}]}),
        "cursor_mixed",
        {"incremental": {"cursor": "$.at"}},
    ),
    "cursor_format": Case(
        lambda call, loud: Reply({"items": [{"at": "01.02.2024"}, {"at": loud}]}),
        "cursor_format",
        {
            "incremental": {"cursor": "$.at", "format": "%d.%m.%Y", "lookback": "1d"},
            "params": SINCE,
        },
        before=lambda call, loud: Reply({"items": [{"at": loud}]}),
        is_kept=True,
    ),
    "cursor_no_time": Case(
        lambda call, loud: Reply({"items": [{"at": loud}]}),
        "cursor_no_time",
        {"incremental": {"cursor": "$.at", "lookback": "1h"}, "params": SINCE},
        before=lambda call, loud: Reply({"items": [{"at": loud}]}),
        is_kept=True,
    ),
    "too_deep": Case(
        lambda call, loud: Reply(f'{{"items": [{{"id": {"[" * 300}{json.dumps(loud)}{"]" * 300}}}]}}'), "too_deep"
    ),
    "too_many_columns": Case(
        lambda call, loud: Reply({"items": [{f"{n} {loud}": 1 for n in range(1700)}]}), "too_many_columns"
    ),
    "too_many_tables": Case(
        lambda call, loud: Reply({"items": [{f"{n} {loud}": [1] for n in range(201)}]}),
        "too_many_tables",
        {"nested": "split"},
    ),
    "frozen": Case(
        lambda call, loud: Reply({"items": [{"id": 1, **dict.fromkeys(loud.split(), 1), loud: 1}]}),
        "schema_frozen",
        {"schema_change": "freeze"},
        is_kept=True,
        before=lambda call, loud: Reply({"items": [{"id": 1}]}),
    ),
    "failed_parent": Case(
        status(500),
        "http_500",
        {"path": "/v/{env.IN_PATH}/{parent.id}", "parent": {"endpoint": "folders"}},
        more=({"name": "folders", "path": "/folders"},),
    ),
    "unknown_column": Case(
        lambda call, loud: Reply([{"name": "plain"}], headers={"X-Loud": quote(loud)[:900]}),
        "unknown_column",
        {"path": "/v/{env.IN_PATH}/{parent.id}", "parent": {"endpoint": "folders"}},
        more=({"name": "folders", "path": "/folders"},),
    ),
    "query_failed": Case(
        lambda call, loud: Reply([{"name": "plain"}], headers={"X-Loud": quote(loud)[:900]}),
        "query_failed",
        {"path": "/v/{env.IN_PATH}/{parent.id}", "parent": {"query": "SELECT id FROM shop.nowhere"}},
    ),
    "skipped_children": Case(
        lambda call, loud: (
            Reply([{"id": 1}, {"id": 2}]) if call.path.endswith("/folders") else Reply({"message": loud}, 403)
        ),
        "",
        {
            "path": "/v/{env.IN_PATH}/{parent.id}",
            "params": {"key": {"env": "IN_PARAM"}, "p": "{parent.id} {env.IN_PATH}"},
            "parent": {"endpoint": "folders"},
            "on_error": [{"status": 403, "do": "skip"}],
        },
        more=({"name": "folders", "path": "/folders"},),
    ),
    "partitions": Case(
        lambda call, loud: Reply({"message": loud}, 403) if call.arg("at") == "b" else records(call, loud),
        "http_403",
        {"params": {"at": "{partition.key}", "key": "{env.IN_PARAM}"}, "partitions_def": DAYS},
        partitions=("a", "c"),
    ),
    "all_partitions": Case(
        status(403),
        "http_403",
        {"params": {"at": "{partition.key}", "key": "{env.IN_PARAM}"}, "partitions_def": DAYS},
        partitions=("a", "c"),
    ),
    "no_partition": Case(status(403), "partition_missing", {"partitions_def": DAYS}),
    "invalid_auth": Case(
        records,
        "invalid_auth",
        source={"auth": {"type": "bearer", "token": "{now} {env.PASSWORD}"}},
    ),
    "cap_reached": Case(
        lambda call, loud: Reply({"items": [{"at": "2024-01-01T00:00:00Z", "id": n} for n in (1, 2)], "loud": loud}),
        "cap_reached",
        {
            "cap": 2,
            "incremental": {"cursor": "$.at", "initial": "2024-01-01T00:00:00Z", "until": "2024-01-01T00:00:01Z"},
            "params": {"from": "{window.start}", "to": "{window.end}", "key": "{env.IN_PARAM}"},
        },
    ),
    "record_columns": Case(
        lambda call, loud: Reply({"items": [[1, loud]], loud: [loud, loud]}),
        "record_columns_not_found",
        {"record_columns": "$.columns"},
    ),
    "first_row": Case(
        lambda call, loud: Reply({"items": [[{loud: loud}, loud]]}),
        "record_columns_not_found",
        {"record_columns": "first_row"},
    ),
    "invalid_variable": Case(
        records,
        "invalid_variable",
        {
            "incremental": {"cursor": "$.at", "initial": "2024-01-01", "step": {"env": "IN_PARAM"}},
            "params": {"from": "{window.start}", "to": "{window.end}"},
        },
    ),
    "unsafe_path_value": Case(
        lambda call, loud: Reply({"items": [{"id": ".."}], "loud": loud}),
        "unsafe_path_value",
        {"path": "/v/{env.IN_PATH}/{parent.id}", "parent": {"endpoint": "folders"}},
        more=({"name": "folders", "path": "/folders", "data_root": "$.items"},),
    ),
    "too_large": Case(
        lambda call, loud: Reply(loud * 5), "response_too_large", {}, {"limits": {"retries": 0, "max_response": "1KB"}}
    ),
}
REFUSED = {"login": "login_refused"}
MISSING = {"login": "login_token_missing"}
SIGN_IN_ERRORS = {"token_missing": MISSING, "token_failed": dict.fromkeys(AUTHS, "http_503")}
"""The id by sign-in, where it is none of REFUSED nor `token_refused`."""
SIGN_INS = {
    "token_refused": Reply({"error": "invalid_grant", "error_description": "{loud}"}, 400),
    "token_refused_oddly": Reply({"error": "{loud}"}, 400),
    "token_missing": Reply({"message": "{loud}", "{loud}": 1}, 200),
    "token_failed": Reply("{loud}", 503),
}


@pytest.mark.parametrize("name", CASES)
def test_no_run_leaves_a_secret_anywhere(tmp_path: Path, name: str, leaked: Leaked) -> None:
    number, case = list(CASES).index(name), CASES[name]
    auth = list(AUTHS)[number % len(AUTHS)]
    found = serve(Shouting(case, auth, number), tmp_path, AUTHS[auth])
    assert (found["success"], found["error"]) == (not case.error, case.error)
    assert leaked(KEPT if case.is_kept else ()) == []


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("name", ["success", "http_401", "next_url"])
def test_no_sign_in_leaves_a_secret_anywhere(tmp_path: Path, name: str, auth: str, leaked: Leaked) -> None:
    found = serve(Shouting(CASES[name], auth, list(AUTHS).index(auth)), tmp_path, AUTHS[auth])
    assert (found["success"], found["error"]) == (not CASES[name].error, CASES[name].error)
    assert leaked() == []


@pytest.mark.parametrize("auth", ["oauth2", "refresh", "login"])
@pytest.mark.parametrize("reply", SIGN_INS)
def test_no_failing_sign_in_leaves_a_secret_anywhere(tmp_path: Path, reply: str, auth: str, leaked: Leaked) -> None:
    number = list(SIGN_INS).index(reply) * 3 + len(auth)
    found = serve(Shouting(CASES["success"], auth, number, SIGN_INS[reply]), tmp_path, AUTHS[auth])
    expected = SIGN_IN_ERRORS.get(reply, REFUSED).get(auth, "token_refused")
    assert (found["success"], found["error"]) == (False, expected)
    assert leaked() == []


@pytest.mark.parametrize("auth", ["basic", "refresh", "login"])
def test_records_keep_what_the_api_sent_and_events_do_not(tmp_path: Path, auth: str, leaked: Leaked) -> None:
    texts = encoded(known(auth))

    def answer(call: Call, loud: str) -> Reply:
        # Each of them twice, so that the duplicates check has something to show.
        return Reply({"items": [{"id": text, "seen": n, "all": loud} for text in texts for n in (1, 2)]})

    found = serve(Shouting(Case(answer), auth, 0), tmp_path, AUTHS[auth])
    assert found["success"]
    with duckdb.connect(str(tmp_path / "data.duckdb")) as con:
        stored = {row[0] for row in con.execute("SELECT id FROM shop.items").fetchall()}
    assert stored == set(texts)
    assert leaked(("data.duckdb",)) == []


def test_what_is_told_of_fields_and_of_rejected_records_is_masked(tmp_path: Path, leaked: Leaked) -> None:
    texts = encoded(known("refresh"))
    changed: list[dict[str, Any]] = [{"id": 1, **dict.fromkeys(texts, 1)}, *({"id": text} for text in texts)]
    answers = [[{"id": 1}], changed]
    case = Case(lambda call, loud: Reply({"items": answers.pop(0)}), "", {"columns": {"id": "BIGINT"}})
    for _ in range(2):
        assert serve(Shouting(case, "refresh", 0), tmp_path, AUTHS["refresh"])["success"]
        assert leaked(("data.duckdb",)) == []
    told = (tmp_path / "events.txt").read_text()
    assert f"{len(texts)} of {len(changed)} records were rejected" in told
    assert "The columns of the table have changed" in told


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for number, text in enumerate(ENCODED):
        (tmp_path / "a" / str(number)).write_text(f"x{text}y", encoding="utf-8")
    assert {text for _, text in leaks(left(tmp_path))} >= set(ENCODED)


OF_COMMANDS = {
    "auth_not_in_file", "consent_missing", "consent_refused", "endpoint_exists", "endpoints_not_a_block",
    "file_exists", "invalid_file", "invalid_name", "invalid_suggestion", "nothing_to_authorize",
    "redirect_unusable", "unreadable_file",
}  # fmt: skip
"""What commands say that make or read a file, consent or suggest: it ends no run, and the search has not seen it."""


OF_OTHER_ASSETS = {
    "column_conflict", "no_partitions", "not_storable", "partition_in_range", "partitions_elsewhere",
    "partitions_untold",
}  # fmt: skip
"""What is said of the objects and partitions of a project's own assets, in which an API has no part."""


def test_the_search_has_seen_every_other_error() -> None:
    folder = Path(__file__).parent
    texts = {
        node.value
        for name in ("test_leaks_storage.py", "test_leaks_commands.py", "test_leaks_network.py")
        for node in ast.walk(ast.parse((folder / name).read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    signed = {*REFUSED.values(), *MISSING.values(), "token_refused"}
    seen = {case.error for case in CASES.values()} | signed | texts
    families = {"http_418": "http_4xx", "http_503": "http_5xx", "http_304": "http_other"}
    ids = {id for entry in CATALOGUE for id in entry.ids}
    assert ids - seen - {families[id] for id in families.keys() & seen} == OF_COMMANDS | OF_OTHER_ASSETS
