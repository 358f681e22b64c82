"""Parents: an endpoint is asked once for each row of another, for each value, or for each row of a query."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import unquote

import pytest
from pydantic import ValidationError

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.extract.records import hevo_id
from rest_source.extract.slices import Known, parent_text
from rest_source.load.outcome import LoadOutcome
from rest_source.load.pipeline import run_load, spool_directory
from rest_source.load.state import claim
from rest_source.load.system import failed_requests
from rest_source.spec.base import mistakes
from rest_source.spec.source import SourceSpec
from rest_source_tests.fakes.changing import ChangingApi
from rest_source_tests.loading import Warehouse, open_stream, source_spec

CHILDREN: dict[str, Any] = {
    "name": "comments",
    "path": "/parents/{parent.id}/children",
    "pagination": {"type": "page_number"},
    "parent": {"endpoint": "posts", "include": "id"},
    "primary_key": "id",
}
FAILED = "_rest_source.failed_requests"
SKIP: dict[str, Any] = {"on_error": [{"status": 404, "do": "skip"}]}


def with_parent(url: str, **endpoint: Any) -> SourceSpec:
    """A source of posts and their comments, with the comments as its first endpoint."""
    comments = {"data_root": "$.records", **CHILDREN, **endpoint}
    keys = {"name": "shop", "base_url": url, "limits": {"retries": 0, "concurrency": 8}}
    return SourceSpec.model_validate({**keys, "endpoints": [comments, {"name": "posts", "path": "/posts"}]})


def load(warehouse: Warehouse, url: str, *, only: frozenset[str] | None = None, **endpoint: Any) -> LoadOutcome:
    with open_stream(with_parent(url, **endpoint)) as stream:
        stream.known = Known(only=only)
        return run_load(stream, warehouse.destination, warehouse.state, report=warehouse.said.append)


@contextmanager
def posts(warehouse: Warehouse, *ids: Any, children: int = 4) -> Iterator[tuple[ChangingApi, LoopbackServer]]:
    """Posts in the warehouse, and an API with comments on each."""
    warehouse.load([{"id": id, "kind": "even" if id % 2 == 0 else "odd"} for id in ids], name="posts", primary_key="id")
    comments = [{"id": f"{id}-{n}", "parent": str(id), "updated_at": str(n)} for id in ids for n in range(children)]
    api = ChangingApi(comments)
    with api.serve() as server:
        yield api, server


def rows(warehouse: Warehouse, columns: str = "parent_id, id") -> list[tuple[Any, ...]]:
    return sorted(warehouse.rows(f"SELECT {columns} FROM shop.comments"), key=str)


def test_every_parent_is_asked_and_named_in_its_children(warehouse: Warehouse) -> None:
    with posts(warehouse, 1, 2, 3) as (_, server):
        outcome = load(warehouse, server.url)
    assert rows(warehouse) == [(id, f"{id}-{n}") for id in (1, 2, 3) for n in range(4)]
    assert (outcome.pages, outcome.result.rows_read) == (9, 12)
    assert next(iter(warehouse.types("shop", "comments"))) == "parent_id"


def test_the_id_of_a_child_covers_what_its_parent_adds(warehouse: Warehouse) -> None:
    with posts(warehouse, 1, children=1) as (api, server):
        load(warehouse, server.url)
    assert rows(warehouse, "__hevo_id") == [(hevo_id({"parent_id": 1, **api.records[0]}),)]


def test_a_field_called_like_the_parents_moves_aside(warehouse: Warehouse) -> None:
    with posts(warehouse, 7, children=0) as (api, server):
        api.records = [{"id": 1, "parent": "7", "parent_id": "theirs"}]
        load(warehouse, server.url)
    assert rows(warehouse, "parent_id, parent_id_2") == [(7, "theirs")]


def test_where_chooses_among_the_parents(warehouse: Warehouse) -> None:
    with posts(warehouse, 1, 2, 3, 4) as (_, server):
        load(warehouse, server.url, parent={"endpoint": "posts", "include": "id", "where": "kind = 'even'"})
    assert {parent for parent, _ in rows(warehouse)} == {2, 4}


def test_changed_asks_for_parents_loaded_since(warehouse: Warehouse) -> None:
    changed = {"endpoint": "posts", "include": "id", "changed": True}
    with posts(warehouse, 1, 2) as (api, server):
        load(warehouse, server.url, parent=changed)
        api.calls.clear()
        assert load(warehouse, server.url, parent=changed).stop_reason == "up_to_date"
        assert api.calls == []
        time.sleep(0.002)
        warehouse.load([{"id": 2, "kind": "new"}], name="posts", primary_key="id")
        load(warehouse, server.url, parent=changed)
        assert {call.path for call in api.calls} == {"/parents/2/children"}
    assert len(rows(warehouse)) == 8


def test_values_are_asked_for_in_every_combination(warehouse: Warehouse) -> None:
    api = ChangingApi([{"id": 1, "updated_at": "x"}])
    values = {"folder": ["inbox", "sent"], "year": [2023, 2024]}
    with api.serve() as server:
        warehouse.load_from(
            server.url,
            path="/{parent.folder}",
            params={"year": "{parent.year}"},
            pagination={"type": "none"},
            parent={"values": values, "include": ["folder", "year"]},
        )
    assert sorted((call.path, call.arg("year")) for call in api.calls) == [
        ("/inbox", "2023"),
        ("/inbox", "2024"),
        ("/sent", "2023"),
        ("/sent", "2024"),
    ]
    assert len(warehouse.rows("SELECT DISTINCT parent_folder, parent_year FROM shop.orders")) == 4


def test_a_query_has_the_rows(warehouse: Warehouse) -> None:
    query = {"query": "SELECT DISTINCT kind FROM shop.posts", "include": "kind"}
    with posts(warehouse, 1, 2, 3) as (api, server):
        load(warehouse, server.url, path="/of/{parent.kind}", parent=query, pagination={"type": "none"})
    assert sorted(call.path for call in api.calls) == ["/of/even", "/of/odd"]


@pytest.mark.parametrize("batch", [None, 5])
def test_a_row_of_a_query_without_a_value_is_not_asked_for(warehouse: Warehouse, batch: int | None) -> None:
    rows = "VALUES ('a', 1), (NULL, 2), ('b', NULL)"
    query = {"query": f"SELECT * FROM ({rows}) t(x, y)"} | ({"batch": batch} if batch else {"include": ["y"]})
    path = "/of/{parent.x:join(,)}" if batch else "/of/{parent.x}"
    with posts(warehouse, 1) as (api, server):
        load(warehouse, server.url, path=path, parent=query, pagination={"type": "none"})
    assert sorted(unquote(call.path) for call in api.calls) == (["/of/a,b"] if batch else ["/of/a", "/of/b"])


@pytest.mark.parametrize(
    ("parent", "id", "told"),
    [
        ({"query": "SELECT sku AS kind FROM shop.sales"}, "query_failed", "reads a table that no load has made"),
        ({"query": "SELECT kin AS kind FROM shop.posts"}, "query_failed", "Correct `query`"),
        ({"query": "SELEC 1"}, "query_failed", "The SQL of `parent.query` fails"),
        ({"query": "DROP TABLE shop.posts"}, "query_failed", "The SQL of `parent.query` fails"),
        ({"query": "SELECT id, kind AS sort FROM shop.posts"}, "unknown_column", "Choose among: id, sort."),
        ({"endpoint": "posts", "where": "kin = 'odd'"}, "query_failed", "Correct `where`, a condition on columns"),
    ],
)
def test_wrong_sql_is_explained_and_changes_nothing(
    warehouse: Warehouse, parent: dict[str, Any], id: str, told: str
) -> None:
    with posts(warehouse, 1) as (api, server), pytest.raises(RestSourceError) as failure:
        load(warehouse, server.url, path="/of/{parent.kind}", parent=parent, pagination={"type": "none"})
    assert failure.value.id == id
    assert told in f"{failure.value.message} {failure.value.cause} {failure.value.remedy}"
    assert api.calls == []
    assert warehouse.rows("SELECT id FROM shop.posts") == [(1,)]


def test_a_query_before_the_first_load_is_explained(warehouse: Warehouse) -> None:
    with pytest.raises(RestSourceError, match=r"SQL of `parent\.query` fails") as failure:
        load(warehouse, "http://127.0.0.1:9", path="/{parent.id}", parent={"query": "SELECT id FROM shop.posts"})
    assert failure.value.id == "query_failed"


def test_a_batch_asks_for_many_at_once(warehouse: Warehouse) -> None:
    batch = {"endpoint": "posts", "batch": 2}
    with posts(warehouse, 1, 2, 3) as (api, server):
        load(
            warehouse,
            server.url,
            path="/many",
            params={"ids": "{parent.id:join(,)}"},
            parent=batch,
            pagination={"type": "none"},
        )
    assert sorted(str(call.arg("ids")) for call in api.calls) == ["1,2", "3"]


def test_the_type_of_a_parents_field_is_kept_in_a_body(warehouse: Warehouse) -> None:
    with posts(warehouse, 5) as (api, server):
        body = {"post": "{parent.id}", "text": "post {parent.id}"}
        load(warehouse, server.url, path="/find", method="POST", body=body, pagination={"type": "none"})
    assert json.loads(api.calls[0].body) == {"post": 5, "text": "post 5"}


def test_a_child_that_a_rule_skips_is_set_aside_and_the_others_load(warehouse: Warehouse) -> None:
    with posts(warehouse, 1, 2, 3) as (api, server):
        api.answers["/parents/2/children"] = 404
        outcome = load(warehouse, server.url, **SKIP)
        assert {parent for parent, _ in rows(warehouse)} == {1, 3}
        ((parent, status, request),) = warehouse.rows(
            "SELECT parent, status, request FROM _rest_source.failed_requests"
        )
        assert (json.loads(parent), status) == ({"id": 2}, 404)
        assert "/parents/2/children" in request
        assert any("1 requests for rows of the parent were skipped" in warning for warning in outcome.warnings)
        api.answers.clear()
        load(warehouse, server.url, **SKIP)
    assert warehouse.rows(f"SELECT * FROM {FAILED}") == []
    assert len(rows(warehouse)) == 12


def test_only_what_failed_is_asked_for_again(warehouse: Warehouse) -> None:
    with posts(warehouse, 1, 2, 3) as (api, server):
        api.answers |= {"/parents/2/children": 404, "/parents/3/children": 404}
        load(warehouse, server.url, **SKIP)
        del api.answers["/parents/2/children"]
        api.calls.clear()
        failed = _failed(warehouse, "shop", "comments")
        load(warehouse, server.url, only=frozenset(json.dumps(row, sort_keys=True) for row in failed), **SKIP)
        assert {call.path for call in api.calls} == {"/parents/2/children", "/parents/3/children"}
    assert _failed(warehouse, "shop", "comments") == [{"id": 3}]
    assert {parent for parent, _ in rows(warehouse)} == {1, 2}


@pytest.mark.parametrize("keys", [{"write": "replace"}, {"deletes": "mark"}], ids=["replace", "deletes"])
def test_asking_again_for_what_failed_leaves_the_rows_of_the_others(warehouse: Warehouse, keys: dict[str, Any]) -> None:
    with posts(warehouse, 1, 2, 3) as (api, server):
        api.answers["/parents/2/children"] = 404
        load(warehouse, server.url, **keys, **SKIP)
        api.answers.clear()
        failed = _failed(warehouse, "shop", "comments")
        load(warehouse, server.url, only=frozenset(map(parent_text, failed)), **keys, **SKIP)
    assert {parent for parent, _ in rows(warehouse)} == {1, 2, 3}
    assert warehouse.rows("SELECT count(*) FROM shop.comments WHERE __hevo__marked_deleted") == [(0,)]


def test_without_a_rule_a_child_that_fails_stops_the_load_and_names_its_parent(warehouse: Warehouse) -> None:
    with posts(warehouse, 1, 2) as (api, server):
        api.answers["/parents/2/children"] = 404
        with pytest.raises(RestSourceError) as failure:
            load(warehouse, server.url)
        assert failure.value.where.startswith("shop.comments, id 2, page 1")
        api.answers.clear()
        api.calls.clear()
        assert load(warehouse, server.url).result.row_count == 8
    assert not [call for call in api.calls if call.path == "/parents/1/children"]


def test_each_parent_has_a_cursor_of_its_own(warehouse: Warehouse) -> None:
    keys: dict[str, Any] = {"params": {"since": "{cursor}"}, "incremental": {"cursor": "$.updated_at"}}
    with posts(warehouse, 1, 2, children=2) as (api, server):
        load(warehouse, server.url, **keys)
        api.records += [{"id": "1-9", "parent": "1", "updated_at": "5"}]
        load(warehouse, server.url, **keys)
        api.calls.clear()
        load(warehouse, server.url, **keys)
    asked = {call.path: call.arg("since") for call in api.calls if call.arg("page") == "1"}
    assert asked == {"/parents/1/children": "5", "/parents/2/children": "1"}
    assert len(rows(warehouse)) == 5
    assert warehouse.rows("SELECT count(*) FROM _rest_source.cursors") == [(2,)]


def test_the_cursor_of_a_child_that_is_skipped_stays_where_it_was(warehouse: Warehouse) -> None:
    keys: dict[str, Any] = {"params": {"since": "{cursor}"}, "incremental": {"cursor": "$.updated_at"}, **SKIP}
    with posts(warehouse, 1, children=2) as (api, server):
        load(warehouse, server.url, **keys)
        api.records += [{"id": f"1-{n}", "parent": "1", "updated_at": str(n)} for n in range(2, 9)]
        api.descending, api.ends["/parents/1/children"] = True, 2
        outcome = load(warehouse, server.url, **keys)
        assert (outcome.failed_requests, len(rows(warehouse))) == (1, 5)
        api.ends.clear()
        load(warehouse, server.url, **keys)
    assert len(rows(warehouse)) == 9


def test_a_parent_that_changes_while_its_children_are_interrupted_is_asked_for_again(warehouse: Warehouse) -> None:
    changed: dict[str, Any] = {"parent": {"endpoint": "posts", "include": "id", "changed": True}}
    with posts(warehouse, 1, 2, children=1) as (api, server):
        api.answers["/parents/2/children"] = 400
        with pytest.raises(RestSourceError):
            load(warehouse, server.url, **changed)
        api.answers.clear()
        time.sleep(0.002)
        warehouse.load([{"id": 1, "kind": "new"}], name="posts", primary_key="id")
        api.records.append({"id": "1-new", "parent": "1", "updated_at": "9"})
        assert load(warehouse, server.url, **changed).resumed_from_page
        load(warehouse, server.url, **changed)
    assert rows(warehouse, "id") == [("1-0",), ("1-new",), ("2-0",)]


def test_many_parents_are_asked_side_by_side_in_order(warehouse: Warehouse) -> None:
    with posts(warehouse, *range(60), children=4) as (api, server):
        load(warehouse, server.url, write="append", primary_key=None)
    read = [parent for (parent,) in warehouse.rows("SELECT parent_id FROM shop.comments")]
    assert sorted(read) == sorted(id for id in range(60) for _ in range(4))
    assert len(api.calls) == 60 * 3


def test_no_parents_are_no_requests(warehouse: Warehouse) -> None:
    with posts(warehouse) as (api, server):
        assert load(warehouse, server.url).stop_reason == "up_to_date"
        assert api.calls == []


def test_a_parent_that_is_not_loaded_is_explained(warehouse: Warehouse) -> None:
    with pytest.raises(RestSourceError, match=r"no table .*shop\.posts"):
        load(warehouse, "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("parent", "said"),
    [
        ({}, "write one of `endpoint`, `values` and `query`"),
        ({"endpoint": "posts", "query": "SELECT 1"}, "write one of"),
        ({"values": {"a": []}}, "at least one"),
        ({"values": {"a": [1]}, "where": "x"}, "`where` needs `endpoint`"),
        ({"endpoint": "post"}, "Did you mean `posts`"),
        ({"endpoint": "posts", "batch": 5, "include": "id"}, "cannot tell which row"),
        ({"values": {"folder": ["a"]}, "include": "foldr"}, "unknown field `foldr`. Did you mean `folder`"),
    ],
)
def test_mistakes_are_told(parent: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        with_parent("http://h", parent=parent, path="/x")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"write": "replace"}, "the records of changed parents only"),
        ({"partitions_def": {"type": "static", "partition_keys": ["a"]}}, "loaded as a whole, for all parents"),
    ],
)
def test_changed_parents_do_not_stand_for_all(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        with_parent("http://h", parent={"endpoint": "posts", "changed": True}, **keys)


@pytest.mark.parametrize(
    ("keys", "circle", "place"),
    [
        ([{"parent": {"endpoint": "b"}}, {"parent": {"endpoint": "a"}}, {}], "a -> b -> a", "0.parent.endpoint"),
        ([{}, {"parent": {"endpoint": "b"}}, {}], "b -> b", "1.parent.endpoint"),
        ([{"deps": ["s/c"]}, {"parent": {"endpoint": "a"}}, {"deps": ["s/b", "x/y"]}], "a -> c -> b -> a", "0.deps"),
        ([{"parent": {"endpoint": "c"}, "deps": ["s/b"]}, {"deps": ["s/a"]}, {}], "a -> b -> a", "0.deps"),
        ([{"parent": {"query": "SELECT 1 AS id", "deps": ["s/a"]}}, {}, {}], "a -> a", "0.parent.deps"),
    ],
)
def test_a_circle_of_endpoints_is_told(keys: list[dict[str, Any]], circle: str, place: str) -> None:
    endpoints = [
        {"name": name, "path": "/{parent.id}" if "parent" in own else "/", **own}
        for name, own in zip("abc", keys, strict=True)
    ]
    with pytest.raises(ValidationError) as caught:
        SourceSpec.model_validate({"name": "s", "base_url": "http://h", "endpoints": endpoints})
    ((where, told, _),) = mistakes(caught.value)
    assert (".".join(map(str, where[1:])), told) == (place, f"each waits for the next in a circle: {circle}")


def test_what_a_source_depends_on_is_upstream_of_its_other_endpoints() -> None:
    endpoints = [{"name": "a", "path": "/"}, {"name": "b", "path": "/", "deps": ["x/y"]}]
    found = SourceSpec.model_validate({"name": "s", "base_url": "http://h", "deps": ["s/a"], "endpoints": endpoints})
    assert [found.upstream(endpoint) for endpoint in found.endpoints] == [(), ("s/a", "x/y")]


def _failed(warehouse: Warehouse, source: str, endpoint: str) -> list[dict[str, Any]]:
    with warehouse.destination.reading() as session:
        return failed_requests(session, source, endpoint)


SKIPPING: dict[str, Any] = {
    "path": "/parents/{parent.id}/children",
    "parent": {"values": {"id": [1, 2, 3]}},
    "on_error": [{"status": 404, "do": "skip"}],
    "pagination": {"type": "page_number"},
}


def children(*ids: int) -> ChangingApi:
    return ChangingApi([{"id": id, "parent": str(id), "updated_at": "x"} for id in ids])


@pytest.mark.parametrize("skipped", [1, 3])
def test_a_load_of_which_one_child_is_skipped_is_a_load(warehouse: Warehouse, skipped: int) -> None:
    api = children(1, 2, 3)
    with api.serve() as server:
        api.answers[f"/parents/{skipped}/children"] = 404
        outcome = warehouse.load_from(server.url, **SKIPPING)
    assert outcome.stop_reason == ("child_skipped" if skipped == 3 else "empty_page")
    assert (outcome.result.rows_inserted, outcome.failed_requests) == (2, 1)


def test_children_without_a_record_are_not_skipped_ones(warehouse: Warehouse) -> None:
    api = children(1, 2, 3)
    with api.serve() as server:
        warehouse.load_from(server.url, write="replace", **SKIPPING)
        api.records.clear()
        api.answers["/parents/2/children"] = 404
        outcome = warehouse.load_from(server.url, write="replace", **SKIPPING)
    assert (outcome.stop_reason, outcome.result.rows_deleted) == ("empty_page", 3)


def test_a_load_of_which_all_children_are_skipped_leaves_the_table_as_it_was(warehouse: Warehouse) -> None:
    api = children(1, 2, 3)
    with api.serve() as server:
        warehouse.load_from(server.url, write="replace", **SKIPPING)
        api.answers |= {f"/parents/{id}/children": 404 for id in (1, 2, 3)}
        outcome = warehouse.load_from(server.url, write="replace", **SKIPPING)
        assert (outcome.stop_reason, outcome.result.rows_deleted, outcome.failed_requests) == ("skipped", 0, 3)
    assert warehouse.rows("SELECT id FROM shop.orders ORDER BY id") == [(1,), (2,), (3,)]


def test_a_retry_leaves_an_interrupted_load_to_be_gone_on_with(warehouse: Warehouse) -> None:
    api = children(1, 2, 3)
    with api.serve() as server:
        api.answers["/parents/3/children"] = 404
        warehouse.load_from(server.url, write="replace", **SKIPPING)
        api.records = [{**record, "id": record["id"] + 10} for record in api.records]
        api.answers["/parents/2/children"] = 500
        with pytest.raises(RestSourceError):
            warehouse.load_from(server.url, write="replace", **SKIPPING)
        api.answers.clear()
        with open_stream(source_spec(server.url, write="replace", **SKIPPING)) as stream:
            stream.known = Known(only=frozenset([parent_text({"id": 3})]))
            run_load(stream, warehouse.destination, warehouse.state, report=warehouse.said.append)
        assert warehouse.rows("SELECT id FROM shop.orders ORDER BY id") == [(1,), (2,), (13,)]
        outcome = warehouse.load_from(server.url, write="replace", **SKIPPING)
    assert outcome.resumed_from_page == 3
    assert warehouse.rows("SELECT id FROM shop.orders ORDER BY id") == [(11,), (12,), (13,)]


def test_a_retry_waits_for_a_load_of_the_endpoint(warehouse: Warehouse) -> None:
    api = children(1, 2, 3)
    with api.serve() as server, open_stream(source_spec(server.url, **SKIPPING)) as stream:
        directory = spool_directory(warehouse.state, stream.source, stream.endpoint, warehouse.destination)
        stream.known = Known(only=frozenset([parent_text({"id": 3})]))
        retry = partial(run_load, stream, warehouse.destination, warehouse.state, report=warehouse.said.append)
        with ThreadPoolExecutor() as pool:
            with claim(directory, print):
                done = pool.submit(retry)
                while not warehouse.said:
                    time.sleep(0.05)
                assert api.calls == []
            assert done.result().result.rows_inserted == 1
    assert warehouse.said[0].startswith("Waiting for ")


def test_a_time_of_the_parent_is_asked_for_in_iso(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    api = ChangingApi([{"id": 1, "at": "2024-01-01T00:00:00+02:00", "on": "2024-01-05", "updated_at": "x"}])
    with api.serve() as server:
        warehouse.load_from(server.url, name="posts", path="/records", pagination={"type": "none"})
        query = {"query": """SELECT "at", "on", TIMESTAMP '2024-07-01 00:00:00' AS plain FROM shop.posts"""}
        params = {name: f"{{parent.{name}}}" for name in ("at", "on", "plain")}
        load(warehouse, server.url, path="/records", params=params, parent=query, pagination={"type": "none"})
    asked = [api.calls[-1].arg(name) for name in params]
    assert asked == ["2023-12-31T22:00:00Z", "2024-01-05", "2024-07-01T00:00:00Z"]
    monkeypatch.undo()
    time.tzset()


def test_an_empty_text_of_a_parent_asks_for_nothing(warehouse: Warehouse) -> None:
    rows = [{"id": 1, "manager": "u2"}, {"id": 2, "manager": ""}, {"id": 3, "manager": None}]
    warehouse.load(rows, name="posts", primary_key="id")
    with ChangingApi([]).serve() as server:
        load(warehouse, server.url, path="/managers/{parent.manager}", on_error=[{"status": 404, "do": "skip"}])
        assert [call.path for call in server.calls] == ["/managers/u2"]


@pytest.mark.parametrize(
    ("parent", "expected"),
    [
        ({"endpoint": "posts", "include": ["kind"]}, ["a", "b"]),
        ({"query": "SELECT id / 10 AS id, kind, id AS x FROM shop.posts", "include": ["kind"]}, ["a", "b"]),
        ({"query": "SELECT id / 10 AS id, kind FROM shop.posts"}, [None]),
        ({"values": {"id": [1], "kind": [1, "1", True, 1]}, "include": ["kind"]}, ["1", "1", "true"]),
    ],
)
def test_parents_that_ask_alike_are_asked_once_and_each_is_in_the_records(
    warehouse: Warehouse, parent: dict[str, Any], expected: list[Any]
) -> None:
    keys: dict[str, Any] = {"path": "/of/{parent.id}", "write": "append", "primary_key": None}
    posts = [{"id": 10, "kind": "a"}, {"id": 10, "kind": "b"}, {"id": 10, "kind": "b"}]
    warehouse.load(posts, name="posts", write="append")
    with ChangingApi([{"id": n, "updated_at": str(n)} for n in range(4)]).serve() as server:
        outcome = load(warehouse, server.url, **keys, parent=parent)
        assert len(server.calls) == 3
    kind = "parent_kind" if expected != [None] else "NULL"
    rows = warehouse.rows(f"SELECT id, CAST({kind} AS VARCHAR) FROM shop.comments")
    assert sorted(rows, key=str) == sorted(((n, kind) for n in range(4) for kind in expected), key=str)
    assert outcome.warnings == ()


def test_a_batch_names_equal_rows_once(warehouse: Warehouse) -> None:
    query = {"query": "SELECT * FROM (VALUES ('a', 1), ('a', 2), ('b', 3), ('a', 4)) t(x, y)", "batch": 2}
    with ChangingApi([]).serve() as server:
        path = "/of/{parent.x:join(,)}"
        load(warehouse, server.url, path=path, parent=query, pagination={"type": "none"}, data_root_optional=True)
        assert [unquote(call.path) for call in server.calls] == ["/of/a,b"]


@pytest.mark.parametrize("keys", [{}, {"write": "replace"}, {"nested": "split"}, {"columns": {"v": "BIGINT"}}])
def test_equal_records_of_several_parents_are_told_and_the_remedy_keeps_them(
    warehouse: Warehouse, keys: dict[str, Any]
) -> None:
    keys = {"primary_key": None, "pagination": {"type": "none"}, **keys}
    lines = [{"v": "x" if "columns" in keys else 0}, *({"v": n, "l": [n]} for n in (1, 2, 2, 3))]

    def answer(call: Call) -> Reply:
        return Reply({"records": [*lines, {"v": 9, "of": call.path}] if "/4/" not in call.path else []})

    with posts(warehouse, 1, 2, 3, 4, children=0), LoopbackServer(answer) as server:
        outcome = load(warehouse, server.url, **keys, parent={"endpoint": "posts"})
        told = next(warning for warning in outcome.warnings if "another row of the parent" in warning)
        shared = 6 if "columns" in keys else 8
        assert told.startswith(f"{shared} records were equal")
        assert "write `include: id` in `parent`" in told
        assert warehouse.rows("SELECT max(rows_shared) FROM _rest_source.loads") == [(shared,)]
        again = load(warehouse, server.url, **keys, parent={"endpoint": "posts", "include": "id"})
        assert not [warning for warning in again.warnings if "another row" in warning]
        kept = warehouse.rows("SELECT parent_id, count(*) FROM shop.comments WHERE parent_id > 0 GROUP BY 1 ORDER BY 1")
        assert kept == [(id, shared // 2 + 1) for id in (1, 2, 3)]
        for silent in ({"primary_key": "v"}, {"write": "append", "primary_key": None}):
            outcome = load(warehouse, server.url, **{**keys, **silent}, parent={"endpoint": "posts"})
            assert not [warning for warning in outcome.warnings if "another row" in warning]
