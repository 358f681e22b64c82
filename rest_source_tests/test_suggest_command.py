"""`suggest` as a command: what it asks, what it writes, and what it keeps to itself."""

import gzip
import json
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from rest_source.cli.asking import REQUESTS
from rest_source.cli.main import main
from rest_source.demo import Call, LoopbackServer, Reply
from rest_source.spec.file import load_source
from rest_source.suggest.draft import draft, endpoint_name, split_path
from rest_source.suggest.finding import Seen
from rest_source.suggest.suggestion import Suggestion
from rest_source.suggest.text import endpoint_lines, file_text, insert_endpoint
from rest_source_tests.fakes.paged import Handler
from rest_source_tests.shapes import SHAPES, Shape

TOKEN = "t0p-secret-token"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("REST_SOURCE_DESTINATION", "duckdb:///data.duckdb")


def call(*args: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [*map(str, args)])
    assert result.exit_code == code, result.output
    assert TOKEN not in result.output
    return result


def orders(*, size: int = 10, pages: int = 3, by: str = "page") -> Handler:
    """Numbered pages that announce nothing, under a parameter of any name."""

    def answer(call: Call) -> Reply:
        number = int(call.arg(by) or 1)
        ids = range((number - 1) * size, number * size) if 0 < number <= pages else ()
        return Reply({"orders": [{"id": n, "updated_at": "2024-03-04T05:06:07Z"} for n in ids]})

    return answer


def suggested(handler: Handler, path: str = "/v1/orders", *args: str) -> tuple[dict[str, Any], list[str]]:
    with LoopbackServer(handler) as server:
        report: dict[str, Any] = json.loads(call("suggest", server.url + path, *args, "--json").stdout)
        return report, [request.target for request in server.calls]


def test_what_is_printed_is_a_file_that_check_accepts_and_run_loads() -> None:
    def answer(call: Call) -> Reply:
        page = int(call.arg("page") or 1)
        meta = {"page": page, "total_pages": 3}
        return Reply({"data": [{"id": page * 10 + n, "name": "x"} for n in range(4)], "meta": meta})

    with LoopbackServer(answer) as server:
        Path("defs.yaml").write_text(call("suggest", f"{server.url}/v1/orders").stdout)
        assert len(server.calls) <= 3
        call("check", "defs.yaml")
        report = json.loads(call("run", "defs.yaml", "--json").stdout)
    assert [(found["name"], found["rows_read"], found["pages"]) for found in report["endpoints"]] == [("orders", 12, 3)]


def test_a_guess_is_tried_and_then_certain() -> None:
    def answer(call: Call) -> Reply:
        start = int(call.arg("cursor") or 0)
        return Reply({"data": [{"id": start + n} for n in range(4)], "next_cursor": str(start + 4)})

    report, sent = suggested(answer)
    assert sent == ["/v1/orders", "/v1/orders?cursor=4"]
    assert report["pagination"]["confidence"] == "high"
    assert "a second page was asked for and held 4 other records" in report["pagination"]["reason"]


def test_another_parameter_is_tried_where_the_first_is_ignored() -> None:
    def answer(call: Call) -> Reply:
        start = int(call.arg("next_cursor") or 0)
        return Reply({"data": [{"id": start + n} for n in range(4)], "next_cursor": str(start + 4)})

    report, sent = suggested(answer)
    assert sent == ["/v1/orders", "/v1/orders?cursor=4", "/v1/orders?next_cursor=4"]
    assert report["endpoint"]["pagination"]["param"] == "next_cursor"
    assert report["pagination"]["confidence"] == "medium"


def test_what_proves_wrong_is_written_as_a_comment_only() -> None:
    report, sent = suggested(lambda call: Reply({"data": [{"id": n} for n in range(4)], "next_cursor": "x"}))
    assert len(sent) <= REQUESTS
    assert report["pagination"]["confidence"] == "low"
    assert "seems to ignore it" in report["pagination"]["reason"]
    assert "pagination" not in report["endpoint"]
    assert "# pagination: {type: cursor" in report["yaml"]


def test_a_full_page_that_announces_nothing_is_asked_for_its_second() -> None:
    report, sent = suggested(orders())
    assert sent == ["/v1/orders", "/v1/orders?page=1", "/v1/orders?page=2"]
    assert report["endpoint"]["pagination"] == {"type": "page_number"}
    assert report["pagination"]["confidence"] == "medium"


def test_a_list_that_is_no_page_takes_one_request() -> None:
    report, sent = suggested(lambda call: Reply([{"id": n} for n in range(7)]))
    assert sent == ["/v1/orders"]
    assert report["pagination"]["value"] == {"type": "none"}


def test_what_the_url_sends_is_kept_or_becomes_the_pagination() -> None:
    report, _ = suggested(orders(size=5), "/v1/orders?status=paid&page=1&per_page=5")
    assert report["endpoint"]["params"] == {"status": "paid"}
    assert report["endpoint"]["pagination"] == {
        "type": "page_number", "param": "page", "size_param": "per_page", "size": 5,
    }  # fmt: skip
    assert report["page_size"]["value"] == {"param": "per_page", "size": 5}


def test_the_cursor_of_changes_is_told_but_no_key_yet() -> None:
    report, _ = suggested(orders())
    assert report["incremental_cursor"]["value"] == "$.updated_at"
    assert "# incremental: {cursor: $.updated_at}" in report["yaml"]


@pytest.mark.parametrize(
    ("url", "header", "auth"),
    [
        ("/v1/orders", f"Authorization=Bearer {TOKEN}", {"type": "bearer", "token": {"env": "API_TOKEN"}}),
        ("/v1/orders", f"X-Key: {TOKEN}", {"type": "api_key", "name": "X-Key", "value": {"env": "API_X_KEY"}}),
        (
            f"/v1/orders?key={TOKEN}", "",
            {"type": "api_key", "name": "key", "value": {"env": "API_KEY"}, "in": "query"},
        ),
    ],
)  # fmt: skip
def test_secrets_are_sent_and_never_written(url: str, header: str, auth: dict[str, Any]) -> None:
    def answer(call: Call) -> Reply:
        told = f"{call.target} {call.headers}"
        return Reply([{"id": 1}]) if TOKEN in told else Reply({}, 401)

    args = ["--header", header] if header else []
    with LoopbackServer(answer) as server:
        result = call("suggest", server.url + url, *args, "--write", "defs.yaml")
    written = Path("defs.yaml").read_text()
    assert TOKEN not in written
    assert yaml.safe_load(written)["attributes"]["auth"] == auth
    assert f"Set {auth['token' if 'token' in auth else 'value']['env']} in the environment" in result.stderr


def test_a_header_may_name_a_variable_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)

    def answer(call: Call) -> Reply:
        return Reply([{"id": 1}]) if call.headers["Authorization"] == f"Bearer {TOKEN}" else Reply({}, 401)

    report, _ = suggested(answer, "/v1/orders", "-H", "Authorization=Bearer {env.SHOP_TOKEN}")
    assert yaml.safe_load(report["yaml"])["attributes"]["auth"] == {"type": "bearer", "token": "{env.SHOP_TOKEN}"}


def test_a_secret_in_the_answer_of_an_error_is_masked() -> None:
    with LoopbackServer(lambda call: Reply({"error": f"bad key {TOKEN}"}, 401)) as server:
        result = call("suggest", f"{server.url}/v1/orders?token={TOKEN}", code=1)
    assert "401" in result.stderr


def test_a_saved_answer_is_enough() -> None:
    Path("orders.json").write_text(json.dumps({"orders": [{"id": 1}, {"id": 2}, {"id": 3}]}))
    result = call("suggest", "orders.json")
    assert "Correct `base_url` and `path`" in result.stderr
    source = yaml.safe_load(result.stdout)
    assert source["attributes"]["endpoints"] == [
        {"name": "orders", "path": "/orders", "data_root": "$.orders", "primary_key": "id"}
    ]


def test_a_saved_answer_may_have_its_headers() -> None:
    redirect = "HTTP/2 301\r\nlocation: /x\r\n\r\n"
    head = "HTTP/2 200\r\nlink: <https://api.example.com/orders?page=2>; rel=next\r\n\r\n"
    Path("orders.txt").write_bytes((redirect + head).encode() + b'[{"id": 1},\r\n{"id": 2}]')
    report = json.loads(call("suggest", "orders.txt", "--json").stdout)
    assert report["pagination"]["value"] == {"type": "link_header"}
    assert report["requests"] == []


def test_a_saved_answer_may_be_packed() -> None:
    packed = gzip.compress(b'[{"id": 1}, {"id": 2}]')
    Path("orders.json.gz").write_bytes(packed)
    Path("orders.txt").write_bytes(b"HTTP/2 200\r\ncontent-encoding: gzip\r\n\r\n" + packed)
    for file in ("orders.json.gz", "orders.txt"):
        assert yaml.safe_load(call("suggest", file).stdout)["attributes"]["endpoints"][0]["primary_key"] == "id"
    Path("cut.json.gz").write_bytes(packed[:12])
    assert "before the answer was complete" in call("suggest", "cut.json.gz", code=1).stderr


def test_a_saved_answer_that_is_no_json_is_named_for_what_it_is() -> None:
    Path("lines.json").write_text('{"id": 1}\n{"id": 2}\n')
    Path("nan.json").write_text('[{"id": 1, "v": NaN}]')
    assert "one JSON value per line" in call("suggest", "lines.json", code=1).stderr
    assert "NaN, at byte 16" in call("suggest", "nan.json", code=1).stderr


@pytest.mark.parametrize(
    ("target", "said"),
    [("nowhere.json", "cannot be read"), ("page.html", "HTML"), ("ftp://x", "Give a URL that begins with http")],
)
def test_what_cannot_be_read_is_explained(target: str, said: str) -> None:
    Path("page.html").write_text("<html><body>Sign in</body></html>")
    assert said in call("suggest", target, code=1).stderr


BEFORE = """# The shop.
type: rest_source.RestSource
attributes:
  name: shop   # its schema
  base_url: {url}/v1
  auth: {{type: bearer, token: {{env: SHOP_TOKEN}}}}
  endpoints:
    # First of all.
    - name: customers
      path: /customers  # people

    # Nothing beside.
  schedule: {{every: 6h}}   # often enough
"""


def test_an_endpoint_is_added_to_a_file_and_nothing_else_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)

    def answer(call: Call) -> Reply:
        return Reply([{"id": 1}, {"id": 2}, {"id": 3}]) if TOKEN in str(call.headers) else Reply({}, 401)

    with LoopbackServer(answer) as server:
        before = BEFORE.format(url=server.url)
        Path("defs.yaml").write_text(before)
        call("suggest", f"{server.url}/v1/orders", "--write", "defs.yaml")
        after = Path("defs.yaml").read_text()
        source = load_source(Path("defs.yaml"))
        twice = call("suggest", f"{server.url}/v1/orders", "--write", "defs.yaml", code=1)
    assert [(endpoint.name, endpoint.path) for endpoint in source.endpoints] == [
        ("customers", "/customers"), ("orders", "/orders"),
    ]  # fmt: skip
    assert set(before.splitlines()) <= set(after.splitlines())
    kept = [line for line in after.splitlines() if line in before.splitlines()]
    assert [line for line in kept if line] == [line for line in before.splitlines() if line]
    assert "has an endpoint `orders` already" in twice.stderr
    assert Path("defs.yaml").read_text() == after


@pytest.mark.parametrize(
    "text",
    [
        "attributes:\n  endpoints:\n  - name: a\n    body: |\n      # not a comment\n",
        "attributes:\n  endpoints:\n  - name: a\n    path: /a\n# the end\n",
        "attributes:\n  endpoints:\n      - {name: a}\n  timezone: UTC\n",
        "x: &x /a\nattributes:\n  endpoints:\n  - name: a\n    path: *x",
    ],
)
def test_wherever_the_list_ends_the_endpoint_goes_behind_it(text: str) -> None:
    after = insert_endpoint(text, ["- name: b", "  path: /b"])
    assert after is not None
    old, new = yaml.safe_load(text), yaml.safe_load(after)
    added = {"name": "b", "path": "/b"}
    assert new["attributes"]["endpoints"] == [*old["attributes"]["endpoints"], added]
    assert {**new["attributes"], "endpoints": 0} == {**old["attributes"], "endpoints": 0}


def test_a_list_on_one_line_is_left_alone() -> None:
    assert insert_endpoint("attributes:\n  endpoints: [{name: a}]\n", ["- name: b"]) is None


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_every_suggestion_is_a_file_that_loads(shape: Shape, tmp_path: Path) -> None:
    new = draft(shape.url)
    suggestion = Suggestion.of(Seen(shape.url, shape.headers, shape.body))
    (tmp_path / "defs.yaml").write_text(file_text(new, endpoint_lines(suggestion, new)))
    [endpoint] = load_source(tmp_path / "defs.yaml").endpoints
    assert endpoint.data_root == suggestion.root.path


@pytest.mark.parametrize(
    ("path", "base", "rest"),
    [
        ("/repos/a/b/issues", "", "/repos/a/b/issues"),
        ("/v1/charges", "/v1", "/charges"),
        ("/wp-json/wp/v2/posts", "/wp-json/wp/v2", "/posts"),
        ("/v1", "/v1", "/"),
        ("/", "", "/"),
        ("", "", "/"),
        ("/api/v2/users/7/orders.json", "/api/v2", "/users/7/orders.json"),
    ],
)
def test_a_url_is_cut_where_its_version_ends(path: str, base: str, rest: str) -> None:
    assert split_path(path) == (base, rest)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/orders", "orders"),
        ("/orders.json", "orders"),
        ("/orders/17", "orders"),
        ("/Line-Items/", "line_items"),
        ("/", ""),
    ],
)
def test_an_endpoint_is_named_after_its_path(path: str, name: str) -> None:
    assert endpoint_name(path) == name


def test_the_name_can_be_chosen() -> None:
    report, _ = suggested(orders(), "/v1/orders", "--name", "sales")
    assert report["endpoint"]["name"] == "sales"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["http://[::1/x"], "`http://[::1/x` is not a URL"),
        (["http:///x"], "`http:///x` is not a URL"),
        (["http://localhost:1/x", "--name", "my endpoint"], "`my endpoint` is not a valid name"),
        (["http://localhost:1/{now-1}"], "`{now-1}` is not a template"),
    ],
)
def test_what_no_file_can_hold_is_explained(args: list[str], said: str) -> None:
    output = call("suggest", *args, code=1).output
    assert said in output
    assert "not expected" not in output


def test_a_path_of_other_letters_gives_a_name_that_is_allowed() -> None:
    report, _ = suggested(orders(), "/v1/%C3%A9t%C3%A9s")
    assert report["endpoint"]["name"] == "t_s"


def test_each_secret_has_a_variable_of_its_own() -> None:
    headers = [("X-Key", "one"), ("A-Token", "two"), ("X_Key", "three"), ("Clé-Token", "four")]
    new = draft("https://api.example.com/orders?a_token=five", headers)
    assert new.variables == {
        "EXAMPLE_X_KEY": "one",
        "EXAMPLE_A_TOKEN": "two",
        "EXAMPLE_X_KEY_2": "three",
        "EXAMPLE_CL_TOKEN": "four",
        "EXAMPLE_A_TOKEN_2": "five",
    }
    assert new.source["headers"]["X_Key"] == {"env": "EXAMPLE_X_KEY_2"}
    assert new.params["a_token"] == {"env": "EXAMPLE_A_TOKEN_2"}


def test_a_header_that_only_looks_like_a_number_is_no_total() -> None:
    suggestion = Suggestion.of(Seen("https://api.example.com/x?page=²", {"X-Total-Count": "²"}, [{"id": 1}]))
    assert suggestion.pagination.value["type"] != "offset_limit"


def test_a_field_name_cannot_keep_the_search_busy() -> None:
    name = "updated" + "datetime" * 40 + "!"
    started = perf_counter()
    Suggestion.of(Seen("https://api.example.com/x", {}, [{name: "2024-01-01"}]))
    assert perf_counter() - started < 10  # it took minutes, and twice as long for each word more


def test_within_a_file_headers_become_those_of_the_endpoint(tmp_path: Path) -> None:
    file = tmp_path / "defs.yaml"
    with LoopbackServer(orders()) as server:
        call("suggest", f"{server.url}/v1/first", "--write", file)
        call("suggest", f"{server.url}/v1/orders", "--write", file, "-H", "X-Version=2")
        assert server.calls[-1].headers["X-Version"] == "2"
    assert load_source(file).endpoints[1].headers == {"X-Version": "2"}


def test_within_a_file_what_every_endpoint_sends_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "defs.yaml"

    def answer(call: Call) -> Reply:
        known = call.arg("tenant") == "7" and call.headers["X-Version"] == "2"
        return orders()(call) if known else Reply({"error": "no tenant"}, 400)

    with LoopbackServer(answer) as server:
        file.write_text(
            "type: rest_source.RestSource\n"
            "attributes:\n"
            "  name: shop\n"
            f"  base_url: {server.url}\n"
            "  endpoint_defaults:\n"
            "    params: {tenant: 7, since: '{cursor}'}\n"
            "    headers: {X-Version: '2'}\n"
            "    incremental: {cursor: $.updated_at, initial: '2024-01-01'}\n"
            "  endpoints:\n"
            "    - {name: first, path: /first}\n",
        )
        call("suggest", f"{server.url}/orders?status=open", "--write", file)
        assert [request.target for request in server.calls] == [
            "/orders?tenant=7&status=open",
            *(f"/orders?tenant=7&status=open&page={number}" for number in (1, 2)),
        ]  # fmt: skip
    added = load_source(file).endpoints[1]
    assert added.params == {"tenant": 7, "since": "{cursor}", "status": "open"}
    assert file.read_text().count("tenant") == 1


def test_several_urls_are_the_endpoints_of_one_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_X_KEY", TOKEN)

    def answer(call: Call) -> Reply:
        return orders()(call) if call.headers.get("X-Key") == TOKEN else Reply({"error": "no key"}, 401)

    with LoopbackServer(answer) as server:
        paths = ("/v1/orders", "/v1/users/7/orders?status=paid", "/customers.json")
        args = [*(f"{server.url}{path}" for path in paths), "-H", f"X-Key={TOKEN}"]
        report = json.loads(call("suggest", *args, "--write", "defs.yaml", "--json").stdout)
        assert [found["endpoint"]["path"] for found in report["endpoints"]] == [
            "/v1/orders", "/v1/users/7/orders", "/customers.json",
        ]  # fmt: skip
        source = load_source(Path("defs.yaml"))
        assert source.base_url == server.url
        assert [each.name for each in source.endpoints] == ["orders", "users_orders", "customers"]
        call("suggest", args[0].replace("orders", "first"), args[0].replace("orders", "last"), "--write", "defs.yaml",
             *args[3:])  # fmt: skip
        assert [each.path for each in load_source(Path("defs.yaml")).endpoints][3:] == ["/v1/first", "/v1/last"]
        asked = len(server.calls)
        for wrong in (["https://api.example.com/x"], [f"{server.url}/x", "--name", "a"]):
            assert "Usage" in call("suggest", args[0], *wrong, code=2).stderr
        assert len(server.calls) == asked


def test_a_file_of_windows_keeps_its_line_ends(tmp_path: Path) -> None:
    file = tmp_path / "defs.yaml"
    with LoopbackServer(orders()) as server:
        call("suggest", f"{server.url}/v1/first", "--write", file)
        before = file.read_bytes().replace(b"\n", b"\r\n")
        file.write_bytes(before)
        call("suggest", f"{server.url}/v1/orders", "--write", file)
    after = file.read_bytes()
    assert after.startswith(before.rstrip())
    assert after.count(b"\n") == after.count(b"\r\n") > before.count(b"\r\n")


def test_within_a_file_that_does_not_sign_in_a_secret_is_not_left_out_in_silence(tmp_path: Path) -> None:
    file = tmp_path / "defs.yaml"
    with LoopbackServer(orders()) as server:
        call("suggest", f"{server.url}/v1/first", "--write", file)
        asked = len(server.calls)
        output = call("suggest", f"{server.url}/v1/orders?api_key={TOKEN}", "--write", file, code=1).output
        assert len(server.calls) == asked
    assert "Write `auth: {type: api_key, name: api_key, value: {env: API_API_KEY}, in: query}`" in output


@pytest.mark.parametrize(
    "paged",
    [
        lambda call, start: {"total": 10, "offset": start, "limit": 10},
        lambda call, start: {"count": 10, "page": start // 10 + 1},
    ],
)
def test_a_total_that_counts_one_page_is_not_believed(paged: Any) -> None:
    def answer(call: Call) -> Reply:
        start = int(call.arg("offset") or 10 * (int(call.arg("page") or 1) - 1))
        records = [{"id": start + n} for n in range(10)] if start < 30 else []
        return Reply({"items": records, **paged(call, start)})

    with LoopbackServer(answer) as server:
        Path("defs.yaml").write_text(call("suggest", f"{server.url}/orders").stdout)
        assert len(server.calls) <= 4
        report = json.loads(call("run", "defs.yaml", "--json").stdout)
    assert (
        "what looks like a total counts the records of a page: a second page was asked for"
        in Path("defs.yaml").read_text()
    )
    assert report["endpoints"][0]["rows_read"] == 30


def test_a_total_of_one_page_stands_where_no_page_follows() -> None:
    def answer(call: Call) -> Reply:
        first = (call.arg("page") or "1") == "1"
        return Reply({"items": [{"id": n} for n in range(10)] if first else [], "count": 10, "page": 1})

    report, sent = suggested(answer)
    assert report["pagination"]["value"]["total_records"] == "$.count"
    assert sent == ["/v1/orders", "/v1/orders?page=1", "/v1/orders?page=2"]


def test_an_answer_that_speaks_of_an_error_is_told() -> None:
    report, _ = suggested(lambda call: Reply({"ok": False, "error": "invalid_auth"}))
    assert report["data_roots"][0]["reason"] == "one object, though its `error` may say that the request failed"
    assert report["data_roots"][0]["confidence"] == "low"


def test_ids_beyond_64_bits_or_with_a_blank_in_their_name_are_keys() -> None:
    long = b'[{"id": 123456789012345678901234567890}, {"id": 123456789012345678901234567891}, {"id": 1}]'
    report, _ = suggested(lambda call: Reply(long, headers={"Content-Type": "application/json"}))
    assert report["primary_key"]["value"] == ["id"]
    report, _ = suggested(lambda call: Reply([{"Row ID": n, "v": 1} for n in range(5)]))
    assert (report["primary_key"]["value"], report["primary_key"]["confidence"]) == (["Row ID"], "high")


def test_a_signature_in_the_url_is_kept_out_of_the_file() -> None:
    report, sent = suggested(lambda call: Reply([{"id": 1}]), f"/v1/orders?sig={TOKEN}&design=red")
    assert len(sent) == 1
    assert f"sig={TOKEN}" in sent[0]
    assert report["endpoint"]["params"] == {"design": "red"}


def json_server(call: Call) -> Reply:
    """Pages only for those who ask for one, as json-server has them."""
    size, number = int(call.arg("_limit") or 430), call.arg("_page")
    start = (max(int(number or 1), 1) - 1) * size
    last = f'<{call.path}?_page={int(number or 1) + 1}&_limit={size}>; rel="next"'
    links = {"Link": last} if number and start + size < 430 else {}
    records = [{"id": n} for n in range(start, min(start + size, 430))]
    return Reply(records, headers={"X-Total-Count": "430", **links})


def from_zero(call: Call) -> Reply:
    start = 10 * int(call.arg("page") or 0)
    return Reply([{"id": n} for n in range(start, min(start + 10, 430))])


def aging(call: Call) -> Reply:
    """One list, whatever is asked for, with a field that changes each time."""
    return Reply([{"name": f"node {n}", "age": next(AGES)} for n in range(430)])


def of_two_stores(call: Call) -> Reply:
    return Reply([{"PartitionKey": n // 43, "RowKey": n % 43} for n in range(430)])


def mails(call: Call) -> Reply:
    """Names and mails that are no keys: later pages have some of them again."""
    start = 10 * (int(call.arg("page") or 1) - 1)
    users = [
        {"email": f"{n % 100}@example.com", "title": f"{n % 50}", "seen": n / 2}
        for n in range(start, min(start + 10, 430))
    ]
    return Reply({"users": users, "page": start // 10 + 1, "total_pages": 43})


def in_headers(call: Call) -> Reply:
    row = int(call.arg("NextRowKey") or 0)
    more = {"x-ms-continuation-NextRowKey": f"{row + 43}"} if row + 43 < 430 else {}
    return Reply({"value": [{"RowKey": n} for n in range(row, row + 43)]}, headers=more)


def of_a_wiki(call: Call) -> Reply:
    start = int(call.arg("apcontinue") or 0)
    more = {"continue": {"apcontinue": str(start + 43), "continue": "-||"}} if start + 43 < 430 else {}
    return Reply({**more, "query": {"pages": [{"pageid": n, "title": "x"} for n in range(start, start + 43)]}})


def from_zero_in_one_page(call: Call) -> Reply:
    return Reply({"rows": [{"id": n} for n in range(0 if int(call.arg("page") or 0) else 430)], "total_pages": 1})


def ranked(call: Call) -> Reply:
    """Pages on each of which the only field that is not a text begins anew."""
    start = 10 * (int(call.arg("page") or 1) - 1)
    return Reply([{"rank": n - start, "text": f"about {n}"} for n in range(start, min(start + 10, 430))])


def rows(start: int, size: int) -> list[dict[str, Any]]:
    """Records as a database gives them, which has none before the first."""
    return [{"id": n, "title": f"title {n % 99}"} for n in range(max(start, 0), min(start + size, 430))]


def index_of_the_last(call: Call) -> Reply:
    page = int(call.arg("page") or 0)
    return Reply({"data": rows(50 * page, 50), "page": page, "lastPage": 8})


def postgrest(call: Call) -> Reply:
    """A server to which every parameter that it does not know is a filter."""
    if {*call.query} - {"limit", "offset"}:
        return Reply({"message": "failed to parse filter"}, 400)
    start, size = int(call.arg("offset") or 0), min(int(call.arg("limit") or 100), 100)
    return Reply(rows(start, size), headers={"Content-Range": f"{start}-{start + size - 1}/*"})


def of_customers(call: Call) -> Reply:
    """Pages on which each of ten customers has one order."""
    start = 10 * int(call.arg("page") or 0)
    return Reply([{"customer_id": n % 10, "amount": n * 3.5} for n in range(start, min(start + 10, 430))])


def of_many_customers(call: Call) -> Reply:
    start = 10 * (int(call.arg("page") or 1) - 1)
    orders = [{"customer_id": n * 7 % 97, "amount": n * 3.5} for n in range(start, min(start + 10, 430))]
    return Reply({"data": orders, "page": start // 10 + 1, "total_pages": 43})


def from_one(call: Call) -> Reply:
    page = max(int(call.arg("page") or 1), 1)
    return Reply(rows(50 * page - 50, 50))


def by_offset(call: Call) -> Reply:
    start = int(call.arg("offset") or 0)
    return Reply({"items": rows(start, 50), "offset": start, "limit": 50, "total": 430})


def by_cursor(call: Call) -> Reply:
    start = int(call.arg("cursor") or 0)
    return Reply({"data": rows(start, 43), "next_cursor": str(start + 43) if start + 43 < 430 else None})


def by_link(call: Call) -> Reply:
    page = int(call.arg("page") or 0)
    return Reply({"data": rows(43 * page, 43), "next": f"{call.path}?page={page + 1}" if page < 9 else None})


def pinned(call: Call) -> Reply:
    page = max(int(call.arg("page") or 1), 1)
    rest = rows(9 * page - 8, 9)
    return Reply([{"id": 0, "title": "pinned"}, *rest] if rest else [])


def pinned_by_offset(call: Call) -> Reply:
    start = int(call.arg("offset") or 0)
    items = [{"id": 0, "title": "pinned"}, *(row for row in rows(start, 10) if row["id"])]
    return Reply({"items": items if start < 430 else [], "offset": start, "limit": 10})


def totalled_from_zero(call: Call) -> Reply:
    return Reply({"items": rows(10 * int(call.arg("page") or 0), 10), "total": 430})


def totalled_in_a_header(call: Call) -> Reply:
    start = int(call.arg("_start") or 0)
    return Reply(rows(start, int(call.arg("_limit") or 10)), headers={"X-Total-Count": "430"})


def bounded(call: Call) -> Reply:
    """A total that is only a lower bound."""
    start = int(call.arg("from") or 0)
    total = {"value": 100, "relation": "gte"}
    return Reply({"hits": {"total": total, "hits": rows(start, int(call.arg("size") or 10))}})


def scim(call: Call) -> Reply:
    """Records are counted from 1."""
    start = max(1, int(call.arg("startIndex") or 1))
    return Reply({"Resources": rows(start - 1, 50), "startIndex": start, "totalResults": 430})


def by_links_of_offsets(call: Call) -> Reply:
    start = int(call.arg("offset") or 0)
    following = f"{call.path}?limit=50&offset={start + 50}" if start + 50 < 430 else None
    return Reply({"count": 430, "next": following, "previous": None, "results": rows(start, 50)})


def by_odata(call: Call) -> Reply:
    """Next links that are relative to the context."""
    if call.path != "/v4/Authors(3)/books":
        return Reply({"error": "no such resource"}, 404)
    start = int(call.arg("$skiptoken") or 0)
    more = {"@odata.nextLink": f"Authors(3)/books?$skiptoken={start + 43}"} if start + 43 < 430 else {}
    return Reply({"@odata.context": "/v4/$metadata#Books", "value": rows(start, 43), **more})


AGES = count()


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        (json_server, "/posts?_page=1&_limit=50"),
        (json_server, "/posts?_page=2&_limit=50"),
        (totalled_in_a_header, "/posts?_limit=50"),
        (bounded, "/_search?size=50"),
        (scim, "/Users"),
        (by_links_of_offsets, "/orders?limit=50&offset=400"),
        (index_of_the_last, "/orders"),
        (postgrest, "/orders"),
        (postgrest, "/orders?limit=25"),
        (of_customers, "/orders"),
        (of_many_customers, "/orders"),
        (from_one, "/orders?page=3"),
        (from_zero, "/orders?page=1"),
        (from_zero, "/orders?page=2"),
        (by_offset, "/orders?offset=50&limit=50"),
        (by_cursor, "/orders?cursor=86"),
        (by_link, "/orders?page=1"),
        (by_link, "/orders?page=9"),
        (pinned, "/posts"),
        (pinned_by_offset, "/posts"),
        (totalled_from_zero, "/orders"),
        (by_odata, "/v4/Authors(3)/books"),
        (from_zero, "/orders"),
        (aging, "/nodes"),
        (of_two_stores, "/entities"),
        (mails, "/users"),
        (in_headers, "/entities"),
        (from_zero_in_one_page, "/rows"),
        (ranked, "/found"),
        (of_a_wiki, "/w/api.php?action=query&list=allpages"),
        (lambda call: Reply({"data": [f"tag {n}" for n in range(430)]}), "/tags"),
    ],
)
def test_no_file_that_is_suggested_loses_a_record(answer: Handler, path: str) -> None:
    with LoopbackServer(answer) as server:
        Path("defs.yaml").write_text(call("suggest", f"{server.url}{path}").stdout)
        (report,) = json.loads(call("run", "defs.yaml", "--json").stdout)["endpoints"]
    assert (report["status"], report["row_count"]) == ("success", 430), Path("defs.yaml").read_text()


def test_a_file_that_begins_at_a_later_page_says_so() -> None:
    report, _ = suggested(lambda call: Reply([{"id": n} for n in range(7)]), "/orders?page=2")
    assert report["endpoint"]["params"] == {"page": 2}
    assert "# The URL begins at a later page (`page`): what is before it is not loaded.\n" in report["yaml"]


def test_what_the_url_sends_stays_where_no_pagination_is_written() -> None:
    report, _ = suggested(lambda call: Reply([{"id": n} for n in range(7)]), "/query?start=1700000000&$limit=7")
    assert report["endpoint"]["params"] == {"start": 1700000000, "$limit": 7}
