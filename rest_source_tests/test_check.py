"""`check` and `preview`: what they tell about an API is what a load of it would find, and they leave nothing behind."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rest_source.catalogue.stops import STOPS
from rest_source.cli.main import main
from rest_source.demo import Call, LoopbackServer, Reply
from rest_source_tests.shop import Handler, write_file

TOKEN = "t0p-secret-token"
BEARER = {"type": "bearer", "token": {"env": "SHOP_TOKEN"}}
CURSOR = {"type": "cursor", "value": "$.next", "param": "after"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))


def call(*args: str | Path) -> Result:
    result = CliRunner().invoke(main, [*map(str, args)])
    assert TOKEN not in result.output
    return result


def check_one(handler: Handler, **keys: Any) -> tuple[dict[str, Any], int]:
    """The report on one endpoint and the number of requests it took; source keys are given as `source`."""
    source = keys.pop("source", {})
    with LoopbackServer(handler) as server:
        result = call("check", write_file(Path(), server.url, keys, **source), "--json")
        report = json.loads(result.stdout)
        assert (result.exit_code == 0) == (report["status"] == "success")
        return report["endpoints"][0], len(server.calls)


def pages(*, of: int, last: int) -> Handler:
    """A series that names its next page by a token."""

    def answer(call: Call) -> Reply:
        number = int(call.arg("after") or 0)
        records = [{"id": number * of + index, "at": "2024-05-06T07:08:09Z"} for index in range(of)]
        return Reply({"data": records, "next": str(number + 1) if number < last else None})

    return answer


def test_check_sends_one_request_and_writes_nothing(tmp_path: Path) -> None:
    found, requests = check_one(pages(of=3, last=5), data_root="$.data", pagination=CURSOR, source={"auth": BEARER})
    assert requests == 1
    assert (found["status"], found["http_status"], found["records"]) == ("ok", 200, 3)
    assert found["content_type"] == "application/json"
    assert found["auth"] == {"type": "bearer", "accepted": True}
    assert found["data_root"] == {"path": "$.data", "found": True}
    assert found["next"]["found"] is True
    assert found["next"]["request"].endswith("/items?after=1")
    assert found["columns"] == [{"name": "id", "type": "BIGINT"}, {"name": "at", "type": "TIMESTAMPTZ"}]
    assert {path.name for path in tmp_path.iterdir()} <= {"defs.yaml", "state"}


def test_check_tells_of_keys_that_do_nothing_and_of_no_field_that_was_dropped() -> None:
    found, _ = check_one(pages(of=3, last=0), data_root="$.data", pagination=CURSOR, exclude=["at", "mail"])
    assert found["warnings"] == ["`exclude` finds no `mail` in the records read here, and drops nothing."]
    assert found["status"] == "ok"


def test_check_tells_of_a_cursor_that_would_not_do(tmp_path: Path) -> None:
    asked = {"data_root": "$.data", "pagination": CURSOR, "params": {"since": "{cursor}"}}
    found, _ = check_one(pages(of=3, last=0), incremental={"cursor": "$.changed"}, **asked)
    assert "No record has a value at $.changed" in found["warnings"][0]
    found, _ = check_one(pages(of=3, last=0), incremental={"cursor": "$.id", "lookback": "1h"}, **asked)
    assert "The next load would fail: The cursor value `2` is no date or time." in found["warnings"][0]


def test_check_tells_people_in_a_table() -> None:
    with LoopbackServer(pages(of=3, last=0)) as server:
        file = write_file(Path(), server.url, {"data_root": "$.data", "pagination": CURSOR}, {"name": "other"})
        result = call("check", file)
    title, items, other = result.stdout.splitlines()
    assert " ".join(title.split()) == "asset status content type auth data root records next page result"
    assert " ".join(items.split()) == "shop.items 200 application/json none $.data 3 none (no cursor) ok"
    assert " ".join(other.split()) == "shop.other 200 application/json none $ 1 none (no pagination) ok"


def test_children_are_tried_before_the_first_load_of_their_parents() -> None:
    sent = {"/posts": [{"id": None}, {"id": 7}], "/posts/7": [{"no": 70}], "/votes/70": [{"up": 1}]}
    comments = {"name": "comments", "path": "/posts/{parent.id}", "parent": {"endpoint": "posts", "include": "id"}}
    votes = {"name": "votes", "path": "/votes/{parent.no}", "parent": {"endpoint": "comments"}}
    with LoopbackServer(lambda call: Reply(sent[call.path])) as server:
        file = write_file(Path(), server.url, {"name": "posts", "path": "/posts"}, comments, votes)
        report = json.loads(call("check", file, "--json").stdout)
    assert [(one["status"], one["records"]) for one in report["endpoints"]] == [("ok", 2), ("ok", 1), ("ok", 1)]
    assert not Path("data").exists()


def test_check_asks_only_for_what_is_selected() -> None:
    with LoopbackServer(pages(of=3, last=0)) as server:
        file = write_file(Path(), server.url, {}, {"name": "other", "path": "/other"})
        report = json.loads(call("check", file, "-s", "other", "--json").stdout)
        assert [request.path for request in server.calls] == ["/other"]
    assert [endpoint["name"] for endpoint in report["endpoints"]] == ["other"]


def test_refused_credentials_are_told_with_cause_and_remedy() -> None:
    found, requests = check_one(lambda call: Reply({"message": "who?"}, 401), source={"auth": BEARER})
    assert (found["status"], found["http_status"], requests) == ("failed", 401, 1)
    assert found["auth"] == {"type": "bearer", "accepted": False}
    assert found["error"]["id"] == "http_401"
    assert found["error"]["cause"]
    assert found["error"]["remedy"]


def test_what_would_be_retried_is_told_at_once() -> None:
    limits = {"limits": {"retries": 5}}
    found, requests = check_one(lambda call: Reply({}, 503, {"Retry-After": "600"}), source=limits)
    assert (found["status"], found["http_status"], requests) == ("failed", 503, 1)
    assert found["error"]["retryable"] is True


def test_a_page_for_people_is_told_from_json() -> None:
    html = Reply("<html><h1>Sign in</h1></html>", headers={"Content-Type": "text/html; charset=utf-8"})
    found, _ = check_one(lambda call: html)
    assert (found["status"], found["http_status"], found["content_type"]) == ("failed", 200, "text/html")
    assert found["data_root"]["found"] is None
    assert "HTML" in found["error"]["message"] + found["error"]["cause"]


def test_a_wrong_data_root_names_the_roots_that_are_there() -> None:
    found, _ = check_one(lambda call: Reply({"result": {"orders": [{"id": 1}]}}), data_root="$.orders")
    assert (found["status"], found["data_root"]) == ("failed", {"path": "$.orders", "found": False})
    assert "$.result.orders (1 objects)" in found["error"]["cause"]
    assert found["error"]["remedy"].startswith("Write `data_root: $.result.orders`")


def test_a_pagination_that_is_missing_is_named() -> None:
    body = {"data": [{"id": 1}], "links": {"next": "https://api.example.com/items?page=2"}}
    found, _ = check_one(lambda call: Reply(body), data_root="$.data")
    assert (found["status"], found["next"]["found"], found["next"]["stop_reason"]) == ("ok", False, "single_request")
    assert "pagination: {type: next_url, path: $.links.next}" in found["warnings"][0]


def test_a_primary_key_that_no_record_has_fails() -> None:
    found, _ = check_one(lambda call: Reply([{"uuid": "a"}]), primary_key="id")
    assert (found["status"], found["error"]["id"]) == ("failed", "primary_key_missing")
    assert "uuid" in str(found["error"])


def test_a_primary_key_that_repeats_is_a_warning() -> None:
    found, _ = check_one(lambda call: Reply([{"day": 1, "n": 1}, {"day": 1, "n": 2}]), primary_key="day")
    assert found["status"] == "ok"
    assert found["warnings"][0].startswith("1 record was merged into others with the same `day` though they differ")


def test_records_that_would_be_rejected_are_a_warning() -> None:
    found, _ = check_one(lambda call: Reply([{"zip": "12345"}, {"zip": "?"}]), columns={"zip": "BIGINT"})
    assert found["warnings"][0].startswith("1 of 2 records would be rejected: ")


def test_an_empty_answer_is_right_but_says_that_little_was_tried() -> None:
    found, _ = check_one(lambda call: Reply({"data": []}), data_root="$.data", primary_key="id")
    assert (found["status"], found["records"]) == ("ok", 0)
    assert "holds no records" in found["warnings"][0]


def test_an_endpoint_that_a_rule_skips_is_no_failure() -> None:
    found, _ = check_one(lambda call: Reply({}, 403), on_error=[{"status": 403, "do": "skip"}])
    assert (found["status"], found["http_status"]) == ("skipped", 403)


def test_a_variable_that_is_missing_is_named_without_a_request() -> None:
    found, requests = check_one(pages(of=1, last=0), source={"auth": {"type": "bearer", "token": {"env": "NOT_SET"}}})
    assert (found["status"], requests, found["auth"]["accepted"]) == ("failed", 0, None)
    assert "NOT_SET" in found["error"]["message"]


def test_a_mistake_in_the_file_is_an_error_on_stderr() -> None:
    Path("defs.yaml").write_text("type: rest_source.RestSource\nattributes: {name: shop, base_urll: x}\n")
    result = call("check", "defs.yaml", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Did you mean `base_url`?" in result.stderr


def preview_json(handler: Handler, *args: str, **keys: Any) -> tuple[dict[str, Any], list[str]]:
    source = keys.pop("source", {})
    with LoopbackServer(handler) as server:
        result = call("preview", write_file(Path(), server.url, keys, **source), "items", *args, "--json")
        return json.loads(result.stdout), [request.target for request in server.calls]


def test_preview_reads_as_many_pages_as_it_shows_and_no_more() -> None:
    shown, sent = preview_json(pages(of=3, last=9), "--limit", "5", data_root="$.data", pagination=CURSOR)
    assert sent == ["/items", "/items?after=1"]
    assert [request["request"]["url"].partition("/items")[2] for request in shown["requests"]] == ["", "?after=1"]
    assert [record["id"] for record in shown["records"]] == [0, 1, 2, 3, 4]
    assert (shown["records_read"], shown["stop_reason"]) == (6, None)
    assert shown["next_request"].endswith("/items?after=2")
    assert "ends when the token is missing" in shown["next"]["explanation"]


def test_preview_tells_why_the_series_ends() -> None:
    shown, sent = preview_json(pages(of=3, last=1), data_root="$.data", pagination=CURSOR)
    assert len(sent) == 2
    assert (shown["next_request"], shown["stop_reason"]) == (None, "no_cursor")
    assert shown["next"]["explanation"] == "The series ends here: the answer holds no cursor for a next page."


def test_preview_shows_the_types_that_a_load_gives() -> None:
    record = {"id": 1, "price": 2.5, "on": "2024-05-06", "is new": True, "tags": ["a"], "none": None, "s": "x"}
    shown, _ = preview_json(lambda call: Reply([record]))
    assert {column["name"]: column["type"] for column in shown["columns"]} == {
        "id": "BIGINT",
        "price": "DOUBLE",
        "on": "DATE",
        "is_new": "BOOLEAN",
        "tags": "JSON",
        "s": "TEXT",
    }
    assert shown["records"] == [{"id": 1, "price": 2.5, "on": "2024-05-06", "is_new": True, "tags": ["a"], "s": "x"}]


def test_preview_keeps_secrets_out_of_the_requests_it_shows() -> None:
    headers = {"X-Trace": "key={env.SHOP_TOKEN}"}
    shown, _ = preview_json(pages(of=1, last=0), params={"token": {"env": "SHOP_TOKEN"}}, headers=headers)
    [request] = shown["requests"]
    assert request["request"]["url"].endswith("/items?token={env.SHOP_TOKEN}")
    assert request["request"]["headers"] == {"X-Trace": "key={env.SHOP_TOKEN}"}


def test_preview_shows_a_posted_body() -> None:
    body = {"filter": {"open": True}}
    pagination = {**CURSOR, "in": "body", "param": "page.after"}
    shown, _ = preview_json(
        pages(of=1, last=1), "--limit", "1", method="POST", body=body, data_root="$.data", pagination=pagination
    )
    assert shown["requests"][0]["request"]["body"] == '{"filter":{"open":true}}'
    assert shown["next_request"].endswith('/items {"filter":{"open":true},"page":{"after":"1"}}')


def test_preview_prints_a_table_for_people() -> None:
    with LoopbackServer(pages(of=2, last=3)) as server:
        file = write_file(Path(), server.url, {"data_root": "$.data", "pagination": CURSOR})
        lines = call("preview", file, "items", "--limit", "2").stdout.splitlines()
    assert lines[0].startswith(f"GET {server.url}/items  ->  200 application/json, ")
    assert [line.split() for line in lines[3:6]] == [
        ["id", "at"],
        ["BIGINT", "TIMESTAMPTZ"],
        ["0", "2024-05-06T07:08:09Z"],
    ]
    assert f"Next request: GET {server.url}/items?after=1" in lines


def test_what_a_record_holds_is_shown_and_neither_styles_nor_steers_the_terminal() -> None:
    record = {"id": 1, "title": "[draft] text [/b]", "note": "\x1b]0;owned\x07 \x9b2J"}
    with LoopbackServer(lambda call: Reply([record])) as server:
        result = call("preview", write_file(Path(), server.url, {"name": "items", "path": "/items"}), "items")
    assert result.exit_code == 0
    assert "[draft] text [/b]" in result.stdout
    assert not {"\x1b", "\x07", "\x9b"} & {*result.output}


def test_what_an_answer_says_does_not_steer_the_terminal() -> None:
    with LoopbackServer(lambda call: Reply({"error": "\x1b[2Jgone"}, status=400)) as server:
        result = call("check", write_file(Path(), server.url, {"name": "items", "path": "/items"}))
    assert "gone" in result.output
    assert "\x1b" not in result.output


def test_preview_of_an_unknown_endpoint_names_the_nearest() -> None:
    result = call("preview", write_file(Path(), "http://127.0.0.1:9", {"name": "orders"}), "order")
    assert result.exit_code == 1
    assert "Did you mean `orders`?" in result.stderr


def test_every_stop_reason_of_the_code_is_explained() -> None:
    import re

    import rest_source

    code = "\n".join(path.read_text() for path in Path(rest_source.__file__).parent.glob("extract/*.py"))
    used = set(re.findall(r'Stop\(\s*"(\w+)"', code))
    assert used
    assert used <= set(STOPS)
