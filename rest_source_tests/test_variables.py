"""Variables in keys other than texts: durations, lists of values, schedules."""

from datetime import timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rest_source.demo.server import LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.load.pipeline import run_load
from rest_source.spec.environment import Environment
from rest_source.spec.source import SourceSpec
from rest_source_tests.fakes.changing import ChangingApi
from rest_source_tests.loading import Warehouse, open_stream, source_spec
from rest_source_tests.test_spec import errors, source

WINDOWS: dict[str, Any] = {
    "path": "/records",
    "params": {"from": "{window.start}", "to": "{window.end}"},
    "pagination": {"type": "page_number"},
    "incremental": {
        "cursor": "$.updated_at",
        "initial": "2024-01-01T00:00:00Z",
        "until": "2024-01-05T00:00:00Z",
        "step": {"env": "STEP"},
        "lookback": "{env.LOOKBACK|1d}",
    },
}
FOLDERS: dict[str, Any] = {
    "path": "/mail/{parent.folder}/{parent.kind}",
    "pagination": {"type": "none"},
    "parent": {"values": {"folder": {"env": "FOLDERS"}, "kind": ["a", {"env": "KIND", "default": "b"}]}},
}


def load(warehouse: Warehouse, url: str, variables: dict[str, str], endpoint: dict[str, Any]) -> None:
    with open_stream(source_spec(url, **endpoint), Environment(variables)) as stream:
        run_load(stream, warehouse.destination, warehouse.state, report=warehouse.said.append)


def test_step_and_lookback_are_read_when_the_load_begins(duckdb_warehouse: Warehouse) -> None:
    api = ChangingApi([{"id": 1, "updated_at": "2024-01-04T00:00:00Z"}])
    with api.serve() as server:
        load(duckdb_warehouse, server.url, {"STEP": "2d"}, WINDOWS)
        load(duckdb_warehouse, server.url, {"STEP": "1d", "LOOKBACK": "2h"}, WINDOWS)
    days = ["2024-01-01T00:00:00Z", "2024-01-03T00:00:00Z", "2024-01-03T22:00:00Z", "2024-01-04T22:00:00Z"]
    assert sorted({str(start) for start in api.asked("from")}) == days


def test_a_list_of_values_has_commas(duckdb_warehouse: Warehouse) -> None:
    with LoopbackServer(lambda call: Reply({"records": []})) as api:
        load(duckdb_warehouse, api.url, {"FOLDERS": "inbox, sent,", "KIND": "c,d"}, FOLDERS)
    paths = ["/mail/inbox/a", "/mail/inbox/c%2Cd", "/mail/sent/a", "/mail/sent/c%2Cd"]
    assert sorted(call.target for call in api.calls) == paths


@pytest.mark.parametrize(
    ("endpoint", "variables", "id", "told"),
    [
        (WINDOWS, {"STEP": "soon"}, "invalid_variable", "What STEP holds cannot be `incremental.step`"),
        (WINDOWS, {}, "missing_env", "STEP is not set"),
        (FOLDERS, {"FOLDERS": " ,"}, "invalid_variable", "What FOLDERS holds cannot be `parent.values.folder`"),
        (FOLDERS, {}, "missing_env", "FOLDERS is not set"),
    ],
)
def test_what_a_variable_holds_must_fit(
    duckdb_warehouse: Warehouse, endpoint: dict[str, Any], variables: dict[str, str], id: str, told: str
) -> None:
    with pytest.raises(RestSourceError) as caught:
        load(duckdb_warehouse, "http://127.0.0.1:9", variables, endpoint)
    assert (caught.value.id, told in caught.value.message) == (id, True)


def test_a_schedule_is_read_with_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERY", "4h")
    monkeypatch.setenv("CRON", "* 6 * * 1-5")
    monkeypatch.setenv("ON", "true")
    keys = {"enabled": {"env": "ON"}, "timezone": "{env.ZONE|Europe/Paris}", "refresh_last": {"env": "N", "default": 3}}
    every, cron = (
        source({"schedule": {**keys, name: {"env": name.upper()}}}).endpoints[0].schedule for name in ("every", "cron")
    )
    assert every is not None and cron is not None
    assert (every.every, every.enabled, every.timezone) == (timedelta(hours=4), True, "Europe/Paris")
    assert (cron.cron, cron.refresh_last) == ("* 6 * * 1-5", 3)


@pytest.mark.parametrize(
    ("schedule", "place", "told"),
    [
        ({"every": {"env": "ABSENT"}}, "every", "ABSENT is not set, and schedules are made when the file is read"),
        ({"every": "{env.ABSENT|7m}"}, "every", ""),
        ({"every": "6h", "enabled": "{env.ABSENT|perhaps}"}, "enabled", "should be true or false"),
        ({"cron": "{now}"}, "cron", "`{now}` has no value here"),
    ],
)
def test_a_schedule_that_a_variable_cannot_give(schedule: dict[str, Any], place: str, told: str) -> None:
    [(found, message)] = errors({"schedule": schedule})
    assert (found, told in message) == (f"endpoints.0.schedule.{place}", True), message


@pytest.mark.parametrize(
    ("endpoint", "place"),
    [
        ({**WINDOWS, "incremental": {**WINDOWS["incremental"], "step": "{now}"}}, "incremental.step"),
        ({**WINDOWS, "incremental": {**WINDOWS["incremental"], "lookback": "{cursr}"}}, "incremental.lookback"),
        ({"path": "/{parent.a}", "parent": {"values": {"a": "{now}"}}}, "parent.values.a"),
        ({"path": "/{parent.a}", "parent": {"values": {"a": ["{partition.key}"]}}}, "parent.values.a"),
        ({"path": "/{parent.a}", "parent": {"values": {"a": "x"}}}, "parent.values.a"),
    ],
)
def test_other_templates_have_no_value_there(endpoint: dict[str, Any], place: str) -> None:
    [(found, _)] = errors(endpoint)
    assert found == f"endpoints.0.{place}"


def test_the_schema_knows_the_variables() -> None:
    schedule = {"every": {"env": "EVERY", "default": "6h"}, "enabled": {"env": "ON", "default": False}}
    endpoints = [{"name": "a", **WINDOWS, "schedule": schedule}, {"name": "b", **FOLDERS}]
    data = {"name": "s", "base_url": "http://h", "endpoints": endpoints}
    SourceSpec.model_validate(data)
    assert [error.message for error in Draft202012Validator(SourceSpec.model_json_schema()).iter_errors(data)] == []
