"""Keys of an endpoint that do nothing: `check` tells of each, and of no other."""

from typing import Any

import pytest

from rest_source.load.idle import idle
from rest_source_tests.loading import source_spec

RECORDS: list[dict[str, Any]] = [{"id": 1, "Email": "a", "c": {"d": 1}, "l": [{"p": 1}]}, {"id": 2, "note": None}]
CURSOR = {"cursor": "$.at"}


def told(records: list[dict[str, Any]] = RECORDS, **keys: Any) -> str:
    return " ".join(idle(source_spec("http://h", **keys).endpoints[0], records))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"exclude": "email"},
            "`exclude` finds no `email` in the records read here, and drops nothing. Did you mean `E",
        ),
        ({"exclude": ["id", "c.x"]}, "`exclude` finds no `c.x` in"),
        ({"columns": {"zip": "TEXT"}}, "`columns` finds no `zip` in the records read here."),
        ({"incremental": CURSOR}, "`incremental` asks for nothing less: every load reads all records"),
        ({"parent": {"values": {"folder": ["a"]}}}, "such as `path: /orders/{parent.folder}`"),
        ({"partitions_def": {"type": "daily", "start_date": "2024-01-01"}}, '`params: {from: "{partition.start}"}`'),
        ({"partitions_def": {"type": "static", "partition_keys": ["a"]}}, '`params: {from: "{partition.key}"}`'),
        ({"parent": {"query": "SELECT 1 AS a"}}, "such as `path: /orders/{parent.id}`"),
    ],
)
def test_a_key_that_does_nothing_is_told(keys: dict[str, Any], said: str) -> None:
    assert said in told(**keys)


@pytest.mark.parametrize(
    "keys",
    [
        {"exclude": ["Email", "$.c.d", "l.p", "note"]},
        {"columns": {"email": "TEXT", "Email": "TEXT", "c_d": "TEXT", "l.p": "DOUBLE", "note": "TEXT"}},
        {"incremental": CURSOR, "params": {"since": "{cursor}"}},
        {"incremental": CURSOR, "params": {"since": "{window.start}"}},
        {"incremental": {**CURSOR, "order": "desc"}},
        {"partitions_def": {"type": "static", "partition_keys": ["a"]}, "path": "/{partition.key}"},
        {"parent": {"values": {"folder": ["a"]}, "include": "folder"}, "path": "/{parent.folder}",
         "columns": {"parent_folder": "TEXT"}},
    ],
)  # fmt: skip
def test_a_key_that_does_something_is_not(keys: dict[str, Any]) -> None:
    assert told(**keys) == ""


def test_an_answer_without_records_says_nothing_about_fields() -> None:
    assert told([], exclude="email", columns={"zip": "TEXT"}) == ""
