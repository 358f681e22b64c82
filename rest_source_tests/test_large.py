"""One answer larger than memory: loaded in parts, as any other, or refused with a reason."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.extract import reading
from rest_source.http import body
from rest_source.load.duckdb.destination import DuckDBDestination
from rest_source_tests.loading import Warehouse

JSON_TYPE = {"Content-Type": "application/json"}
LIMITS = {"retries": 0, "max_response": "40KB"}
Handler = Callable[[Call], Reply]


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """Answers of 20 kB are large, and a part is 8 kB."""
    monkeypatch.setattr(body, "IN_MEMORY", 20_000)
    monkeypatch.setattr(reading, "PART_SIZE", 8_000)
    return Warehouse(tmp_path)


def records(count: int) -> list[dict[str, Any]]:
    return [{"id": n, "name": f"record {n}", "tags": [n, {"deep": '"]},{'}]} for n in range(count)]


def load(warehouse: Warehouse, handler: Handler | bytes, **spec: Any) -> Any:
    answer: Handler = (lambda call: Reply(handler, headers=JSON_TYPE)) if isinstance(handler, bytes) else handler
    keys = {"data_root": "$.result.items", "pagination": {"type": "none"}, "source": {"limits": LIMITS}}
    with LoopbackServer(answer) as server:
        return warehouse.load_from(server.url, **keys | spec)


def document(count: int, **around: Any) -> bytes:
    return json.dumps({"status": "ok", "result": {"items": records(count)}, **around}).encode()


def ids(warehouse: Warehouse) -> list[int]:
    return [row[0] for row in warehouse.rows("SELECT id FROM shop.orders ORDER BY id")]


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_of_many_times_the_limit_is_loaded(warehouse: Warehouse, packed: bool) -> None:
    text = document(10_000)
    sent = Reply(gzip.compress(text), headers={**JSON_TYPE, "Content-Encoding": "gzip"}) if packed else text
    outcome = load(warehouse, (lambda call: sent) if isinstance(sent, Reply) else sent)
    assert (outcome.result.rows_inserted, outcome.pages, outcome.requests) == (10_000, 1, 1)
    assert outcome.bytes == len(text) > 10 * 40_000
    assert ids(warehouse) == list(range(10_000))
    assert json.loads(warehouse.values("tags")[77]) == records(78)[77]["tags"]
    assert list(warehouse.state.rglob("*.tsv")) == []


def test_the_same_records_as_in_small_answers(warehouse: Warehouse) -> None:
    load(warehouse, document(900), name="large")
    load(warehouse, json.dumps(records(900)).encode(), data_root="$", name="plain")
    Warehouse(warehouse.folder).load(records(900), name="small")
    hashes = [warehouse.rows(f"SELECT __hevo_id FROM shop.{name} ORDER BY 1") for name in ("large", "plain", "small")]
    assert hashes[0] == hashes[1] == hashes[2]


@pytest.mark.parametrize("odd", ['{"id": 12345678901234567890123}', '{"id": "\\u0000"}', '{"id": "\\ud800"}', "null"])
def test_an_odd_record_among_many(warehouse: Warehouse, odd: str) -> None:
    items = [json.dumps(record) for record in records(1500)]
    load(warehouse, f'{{"result": {{"items": [{",".join([*items, odd, *items])}]}}}}'.encode(), write="append")
    assert len(warehouse.table()) == 3000 + (odd != "null")
    if odd != "null":
        assert warehouse.rows("SELECT count(*) FROM shop.orders WHERE name IS NULL") == [(1,)]


@pytest.mark.parametrize(
    ("text", "spec", "told"),
    [
        (json.dumps({"result": {"items": {"one": "x" * 50_000}}}), {}, "`$.result.items` is no array"),
        (json.dumps({"result": {"items": ["x" * 50_000]}}), {}, "A record of the answer is larger"),
        (document(2000).decode(), {"data_root": "$.result.items[?(@.id > 5)]"}, "no plain path to an array"),
        (document(2000).decode(), {"data_root": "$..items"}, "`data_root: $..items` is no plain path"),
        (document(2000).decode(), {"pagination": {"type": "page_number"}}, "its pages are very large"),
        (document(2000).decode(), {"on_error": [{"contains": "x", "do": "skip"}]}, "a rule of `on_error` looks"),
        (document(2000).decode(), {"data_root": "$.result.*", "key_column": "key"}, "no plain path to an array"),
        (document(2000).decode(), {"data_root": "$.result.items[*]", "key_column": "key"}, "`key_column` makes"),
        (json.dumps({"result": {"other": "x" * 50_000}}), {}, "`$.result` has no `items`, but `other`"),
        ("{" + " " * 100_000, {}, "`$` has no `result`"),
        ("<html>" + "x" * 100_000, {}, "`$` is no object"),
    ],
)
def test_what_cannot_be_read_in_parts_is_refused_and_told_why(
    warehouse: Warehouse, text: str, spec: dict[str, Any], told: str
) -> None:
    with pytest.raises(RestSourceError) as failure:
        load(warehouse, text.encode(), **spec)
    assert failure.value.id == "response_too_large"
    assert told in f"{failure.value.message} {failure.value.cause}"
    assert not warehouse.path.exists()


def test_an_answer_in_another_charset_is_told_so(warehouse: Warehouse) -> None:
    headers = {"Content-Type": "application/json; charset=latin-1"}
    with pytest.raises(RestSourceError) as failure:
        load(warehouse, lambda call: Reply(document(2000), headers=headers))
    assert (failure.value.id, "other than UTF-8" in failure.value.cause) == ("response_too_large", True)


def test_an_answer_without_end_is_told_the_limit_that_it_met(warehouse: Warehouse) -> None:
    with pytest.raises(RestSourceError, match="larger than 40 times limits"):
        load(warehouse, document(40_000))


@pytest.mark.parametrize("root", ["$.result.items", "$.result"])
def test_up_to_the_limit_any_answer_is_read(warehouse: Warehouse, root: str) -> None:
    outcome = load(warehouse, document(400), data_root=root, write="append")
    assert outcome.result.rows_inserted == (400 if root.endswith("items") else 1)


@pytest.mark.parametrize(
    ("spoil", "id"),
    [
        (lambda text: text[:-30], "truncated_json"),
        (lambda text: text[: len(text) // 2], "truncated_json"),
        (lambda text: text.replace(b'"record 900"', b"record 900"), "invalid_json"),
        (lambda text: text.replace(b'{"id": 900,', b'{"id": 900,,'), "invalid_json"),
        (lambda text: text + b"]", "invalid_json"),
    ],
)
def test_a_broken_answer_is_an_error_and_nothing_is_written(
    warehouse: Warehouse, spoil: Callable[[bytes], bytes], id: str
) -> None:
    with pytest.raises(RestSourceError) as failure:
        load(warehouse, spoil(document(2000)))
    assert failure.value.id == id
    assert failure.value.where.startswith("shop.orders, page 1, GET http")
    assert not warehouse.path.exists()
    assert load(warehouse, document(2000)).result.row_count == 2000


def test_an_answer_that_breaks_off_is_asked_for_again(warehouse: Warehouse) -> None:
    asked: list[str] = []

    def answer(call: Call) -> Reply:
        asked.append(call.path)
        return Reply(document(3000), headers=JSON_TYPE, truncate=100_000 if len(asked) == 1 else None)

    outcome = load(warehouse, answer, source={"limits": {**LIMITS, "retries": 1}}, write="append")
    assert (len(asked), outcome.retries, outcome.result.rows_inserted) == (2, 1, 3000)


def test_more_pages_that_a_large_answer_announces_are_told(warehouse: Warehouse) -> None:
    outcome = load(warehouse, document(2000, next="/orders?page=2"))
    assert "The answer announces more pages ($.next is set)" in outcome.warnings[0]


def test_a_large_load_that_only_misses_its_commit_is_committed_by_the_next(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    keys: dict[str, Any] = {"data_root": "$.result.items", "pagination": {"type": "none"}, "source": {"limits": LIMITS}}
    with LoopbackServer(lambda call: Reply(document(2000), headers=JSON_TYPE)) as server:
        with monkeypatch.context() as failing:
            failing.setattr(DuckDBDestination, "commit", interrupt)
            with pytest.raises(KeyboardInterrupt):
                warehouse.load_from(server.url, **keys)
        outcome = warehouse.load_from(server.url, **keys)
        assert len(server.calls) == 1
    assert (outcome.result.row_count, outcome.resumed_from_page) == (2000, 2)


LOADING = """
import sys
from pathlib import Path
from rest_source_tests.loading import Warehouse
from rest_source_tests.memory import peak_of_process
warehouse = Warehouse(Path(sys.argv[1]))
outcome = warehouse.load_from(sys.argv[2], data_root="$", pagination={"type": "none"})
print(outcome.result.row_count, peak_of_process())
"""


def test_memory_does_not_grow_with_the_answer(tmp_path: Path) -> None:
    def peak(megabytes: int) -> int:
        record = {"name": "x" * 150, "nested": {"a": [1, 2, 3], "b": None}}
        rows = megabytes * 1_000_000 // len(json.dumps(record))
        text = ",".join(json.dumps({"id": n, **record}) for n in range(rows)).join("[]").encode()
        with LoopbackServer(lambda call: Reply(text, headers=JSON_TYPE)) as server:
            command = [sys.executable, "-c", LOADING, str(tmp_path / str(megabytes)), server.url]
            told = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ).stdout.split()
        assert int(told[0]) == rows
        return int(told[1])

    # Between the two DuckDB reaches its limit, and the system maps more of the file: 50 to 75 MB. Whoever held the
    # answer, even as bytes only, would need 100 MB more than that.
    assert peak(150) - peak(50) < 120_000_000
