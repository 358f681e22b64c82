"""Values of a parent are asked for as the API wrote them, whatever their columns hold."""

from typing import Any
from urllib.parse import unquote

import pytest

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.load.pipeline import run_load
from rest_source.spec.source import SourceSpec
from rest_source_tests.loading import Warehouse, open_stream

STAMPS = ["2024-01-01T00:00:00.000Z", "2024-01-02T10:30:00.120Z", "2024-01-03T00:00:00+02:00", "2024-01-04 00:00:00Z"]
PLAIN = ["2024-01-01T00:00:00Z", "2024-01-02T10:30:00.123456Z"]


def load(warehouse: Warehouse, records: list[Any], *names: str, **keys: Any) -> list[Call]:
    """Load the parents, the records, and then the children; the requests for these."""
    posts, comments = ({**keys.pop(name, {})} for name in ("posts", "comments"))
    body = keys.pop("body", None)

    def answer(call: Call) -> Reply:
        if call.path == "/posts":
            return Reply(body if body is not None else records)
        return Reply([{"id": 1}])

    with LoopbackServer(answer) as api:
        endpoints = [
            {"name": "posts", "path": "/posts", "primary_key": "id", **posts},
            {"name": "comments", "path": "/c/{parent.id}", "parent": {"endpoint": "posts"}, **comments},
        ]
        given = {"name": "shop", "base_url": api.url, "limits": {"retries": 0, "concurrency": 1}, **keys}
        for name in names or ("posts", "comments"):
            ordered = sorted(endpoints, key=lambda endpoint: endpoint["name"] != name)
            with open_stream(SourceSpec.model_validate({**given, "endpoints": ordered})) as stream:
                run_load(stream, warehouse.destination, warehouse.state, report=warehouse.said.append)
    return [call for call in api.calls if call.path != "/posts"]


def asked(calls: list[Call]) -> list[str]:
    return [unquote(call.path.removeprefix("/c/")) for call in calls]


@pytest.mark.parametrize(
    "ids", [STAMPS[:2], STAMPS, PLAIN, ["2024-01-31", "2024-02-29"], ["007", "1.0", "1e3"], [1, 2]]
)
def test_values_are_sent_as_they_were_received(warehouse: Warehouse, ids: list[Any]) -> None:
    assert sorted(asked(load(warehouse, [{"id": id} for id in ids]))) == sorted(map(str, ids))


def test_the_table_keeps_its_types(warehouse: Warehouse) -> None:
    load(warehouse, [{"id": text} for text in STAMPS[:2]])
    assert warehouse.types("shop", "posts")["id"] == "TIMESTAMP WITH TIME ZONE"
    assert warehouse.rows("SELECT count(*) FROM _rest_source.spellings") == [(2,)]


def test_what_every_column_gives_back_is_kept_nowhere(warehouse: Warehouse) -> None:
    load(warehouse, [{"id": n, "at": STAMPS[0]} for n in range(3)])
    load(warehouse, [{"id": text} for text in PLAIN], posts={"name": "posts"}, name="other")
    assert warehouse.rows("SELECT count(*) FROM _rest_source.spellings") == [(0,)]


def test_a_whole_number_among_decimals_stays_whole(warehouse: Warehouse) -> None:
    records = [{"id": n, "n": n if n < 3 else n + 0.5} for n in (1, 2, 3)]
    body = {"method": "POST", "path": "/c/{parent.n}", "body": {"n": "{parent.n}"}}
    calls = load(warehouse, records, comments=body)
    assert sorted(asked(calls)) == ["1", "2", "3.5"]
    assert sorted(call.json["n"] for call in calls) == [1, 2, 3.5]
    assert {call.body for call in calls} == {b'{"n":1}', b'{"n":2}', b'{"n":3.5}'}


def test_a_decimal_that_is_whole_stays_one(warehouse: Warehouse) -> None:
    calls = load(warehouse, [], body='[{"id": 1, "n": 1.0}, {"id": 2, "n": 2.5}]', comments={"path": "/c/{parent.n}"})
    assert sorted(asked(calls)) == ["1.0", "2.5"]


@pytest.mark.parametrize("type_", ["TIMESTAMPTZ", "DATE", "TEXT", "BIGINT"])
def test_a_type_that_the_file_fixes_does_not_matter(warehouse: Warehouse, type_: str) -> None:
    by_type: dict[str, list[Any]] = {
        "TIMESTAMPTZ": ["2024-01-01T10:00:00.000+0000", "Tue, 02 Jan 2024 10:00:00 GMT"],
        "DATE": ["2024-01-01T00:00:00Z", "2024-01-02"],
        "TEXT": STAMPS,
        "BIGINT": [1, 2],
    }
    ids = by_type[type_]
    calls = load(warehouse, [{"id": id} for id in ids], posts={"columns": {"id": type_}})
    assert sorted(asked(calls)) == sorted(map(str, ids))


def test_a_key_that_became_text_is_sent_as_it_was_received(warehouse: Warehouse) -> None:
    load(warehouse, [{"id": STAMPS[0]}], "posts")
    calls = load(warehouse, [{"id": STAMPS[0]}, {"id": "none"}, {"id": STAMPS[1]}])
    assert sorted(asked(calls)) == [STAMPS[0], STAMPS[1], "none"]


def test_the_newest_spelling_counts(warehouse: Warehouse) -> None:
    load(warehouse, [{"id": STAMPS[0]}])
    assert asked(load(warehouse, [{"id": PLAIN[0]}])) == [PLAIN[0]]
    assert asked(load(warehouse, [{"id": "2024-01-01T00:00:00.00Z"}])) == ["2024-01-01T00:00:00.00Z"]


def test_a_table_of_before_is_asked_as_its_column_has_it_until_its_next_load(warehouse: Warehouse) -> None:
    load(warehouse, [{"id": STAMPS[0]}])
    warehouse.execute("DELETE FROM _rest_source.spellings")
    assert asked(load(warehouse, [], "comments")) == ["2024-01-01T00:00:00Z"]
    assert asked(load(warehouse, [{"id": STAMPS[0]}])) == [STAMPS[0]]


def test_a_destination_of_before_gets_the_table(warehouse: Warehouse) -> None:
    load(warehouse, [{"id": STAMPS[0]}])
    warehouse.execute("DROP TABLE _rest_source.spellings")
    assert asked(load(warehouse, [], "comments")) == ["2024-01-01T00:00:00Z"]
    assert asked(load(warehouse, [{"id": STAMPS[0]}])) == [STAMPS[0]]


def test_values_of_a_batch_too(warehouse: Warehouse) -> None:
    comments = {"path": "/c/{parent.id:join(,)}", "parent": {"endpoint": "posts", "batch": 5}}
    calls = load(warehouse, [{"id": text} for text in STAMPS[:2]], comments=comments)
    assert asked(calls) == [",".join(STAMPS[:2])]


def test_who_asks_is_told_by_the_value_of_the_column(warehouse: Warehouse) -> None:
    """The cursor of a child stays that of its parent, whether or not a spelling is known."""
    keys = {"incremental": {"cursor": "$.id"}, "params": {"since": "{cursor}"}, "path": "/c/{parent.id}"}
    load(warehouse, [{"id": STAMPS[0]}], comments=keys)
    warehouse.execute("DELETE FROM _rest_source.spellings")
    calls = load(warehouse, [], "comments", comments=keys)
    assert [call.arg("since") for call in calls] == ["1"]


def test_a_skipped_child_is_known_by_its_column_too(warehouse: Warehouse) -> None:
    load(warehouse, [{"id": STAMPS[0]}], "posts")
    with LoopbackServer(lambda call: Reply({}, 404)) as api:
        child = {"name": "comments", "path": "/c/{parent.id}", "parent": {"endpoint": "posts"}}
        rules = {"on_error": [{"status": 404, "do": "skip"}]}
        spec = {
            "name": "shop",
            "base_url": api.url,
            "endpoints": [{**child, **rules}, {"name": "posts", "path": "/posts"}],
        }
        with open_stream(SourceSpec.model_validate(spec)) as stream:
            run_load(stream, warehouse.destination, warehouse.state, report=warehouse.said.append)
    assert unquote(api.calls[0].path) == f"/c/{STAMPS[0]}"
    assert warehouse.rows("SELECT parent FROM _rest_source.failed_requests") == [('{"id": "2024-01-01T00:00:00Z"}',)]
