"""Templates in the SQL that chooses parents: their values are parameters, never SQL."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rest_source.extract.slices import Partition
from rest_source.load.pipeline import run_load
from rest_source.spec.environment import Environment
from rest_source.spec.sql import bound
from rest_source.spec.template import Scope
from rest_source_tests.fakes.changing import ChangingApi
from rest_source_tests.loading import Warehouse, open_stream
from rest_source_tests.test_parents import posts, with_parent
from rest_source_tests.test_spec import errors

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)
PARTITIONS = {"type": "static", "partition_keys": ["odd", "even"]}
VARIABLES = {"LEAST": "1", "SLY": "x' OR 'a' = 'a"}


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        ("kind = {partition.key}", [1, 3]),
        ("kind = '{partition.key}'", [1, 3]),
        ("kind LIKE '%{partition.key}%' AND kind <> '?'", [1, 3]),
        ("kind IN ('{partition.key}', '''x''')", [1, 3]),
        ("id > {env.LEAST} AND kind = {partition.key}", [3]),
        ("id = '{env.LEAST}' AND kind <> 'a%' -- not {partition.key}", [1]),
        ("kind = {env.SLY}", []),
        ("kind = '{env.SLY}'", []),
        ("kind = {env.ABSENT|odd} /* {env.ABSENT} */", [1, 3]),
        ("DATE '{now-1d:%Y-%m-%d}' = DATE '2026-03-28' AND id = 2", [2]),
        ("CAST('2026-03-29T12:00:00Z' AS TIMESTAMPTZ) >= {now} AND id = 2", [2]),
    ],
)
@pytest.mark.parametrize("key", ["where", "query"])
def test_a_template_in_sql_is_a_value(warehouse: Warehouse, key: str, condition: str, ids: list[int]) -> None:
    parent = {"endpoint": "posts", "where": condition}
    if key == "query":
        parent = {"query": f"SELECT id FROM shop.posts WHERE {condition}"}
    with posts(warehouse, 1, 2, 3, children=1) as (api, server):
        spec = with_parent(server.url, parent=parent, partitions_def=PARTITIONS)
        with open_stream(spec, Environment(VARIABLES)) as stream:
            part = stream.of(Partition("odd"))
            part.now = NOW
            run_load(part, warehouse.destination, warehouse.state, report=warehouse.said.append)
    assert sorted({int(call.path.split("/")[2]) for call in api.calls}) == ids


def test_a_partition_of_time_chooses_its_parents(warehouse: Warehouse) -> None:
    days = {"type": "daily", "start_date": "2026-01-01"}
    warehouse.load([{"id": n, "made": f"2026-01-0{n}T12:00:00Z"} for n in (1, 2, 3)], name="posts", primary_key="id")
    where = "made >= {partition.start} AND made < '{partition.end}'"
    api = ChangingApi()
    with api.serve() as server:
        spec = with_parent(server.url, parent={"endpoint": "posts", "where": where}, partitions_def=days)
        with open_stream(spec) as stream:
            day = Partition("2026-01-02", datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC))
            run_load(stream.of(day), warehouse.destination, warehouse.state, report=warehouse.said.append)
    assert {call.path for call in api.calls} == {"/parents/2/children"}


@pytest.mark.parametrize(
    ("sql", "written", "values"),
    [
        ("a = {parent.x}", "a = $1", ["v"]),
        ("a = '{parent.x}' AND b = '{parent.x}y'", "a = $1 AND b = $2", ["v", "vy"]),
        ("a = 'it''s {parent.x}'", "a = $1", ["it's v"]),
        ("""a = 'it''s' AND b = '{"x": 1}'""", """a = 'it''s' AND b = '{"x": 1}'""", []),
        ("a > timestamptz '{parent.x}'", "a > CAST($1 AS timestamptz)", ["v"]),
        (""""a" = {parent.x} -- it's {parent.x}""", """"a" = $1 -- it's {parent.x}""", ["v"]),
        ("$$ it's $$ = {parent.x}", "$$ it's $$ = $1", ["v"]),
        (r"E'\'' = {parent.x}", r"E'\'' = $1", ["v"]),
    ],
)
def test_where_a_value_stands_in_sql(sql: str, written: str, values: list[str]) -> None:
    assert bound(sql, Scope({}, lambda name: "v")) == (written, values)


@pytest.mark.parametrize(
    ("parent", "told"),
    [
        ({"endpoint": "posts", "where": "at > {cursor}"}, "where parents are chosen"),
        ({"endpoint": "posts", "where": "at > '{window.start}'"}, "where parents are chosen"),
        ({"endpoint": "posts", "where": "id = {parent.id}"}, "where parents are chosen"),
        ({"endpoint": "posts", "where": "kind = {partition.key}"}, "needs a partitioned asset"),
        ({"endpoint": "posts", "where": "kind = '{partion.key}'"}, "Did you mean {partition.key}?"),
        ({"endpoint": "posts", "where": "kind = '{{ partition.key }}'"}, "write {partition.key}"),
        ({"endpoint": "posts", "where": '"{env.COLUMN}" = 1'}, "cannot hold a template"),
        ({"endpoint": "posts", "where": {"env": "WHERE"}}, "should be text"),
        ({"query": "SELECT {now-1day}"}, "Did you mean {now-1d}?"),
        ({"query": "SELECT $$ {env.A}$$"}, "cannot hold a template"),
    ],
)
def test_a_template_that_has_no_value_in_sql_is_a_mistake(parent: dict[str, Any], told: str) -> None:
    incremental = {"incremental": {"cursor": "$.at", "initial": "2026-01-01"}}
    found = errors({"name": "posts"}, {"path": "/{parent.id}?since={cursor}", "parent": parent, **incremental})
    key = "where" if "where" in parent else "query"
    assert [(place, told in message) for place, message in found] == [(f"endpoints.1.parent.{key}", True)], found
