"""Specs as Dagster definitions: assets, checks, jobs, schedules, resources."""

import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext, DefinitionsLoadType
from dagster._core.definitions.repository_definition import RepositoryLoadData
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from pydantic import ValidationError

from rest_source import build_definitions, load_source
from rest_source.orchestrate.run_workers import unended_run
from rest_source_tests.shop import spec, write_file

URL = "https://api.shop.example"


def definitions(*endpoints: dict[str, Any], **source: Any) -> dg.Definitions:
    defs = build_definitions(spec(URL, *endpoints, **source))
    dg.Definitions.validate_loadable(defs)
    return defs


def asset_spec(defs: dg.Definitions, name: str = "items") -> dg.AssetSpec:
    return next(spec for spec in defs.resolve_all_asset_specs() if spec.key == dg.AssetKey(["shop", name]))


def test_an_endpoint_is_an_asset_with_its_settings() -> None:
    defs = definitions(
        {
            "description": "All items",
            "tags": {"pii": "yes"},
            "deps": ["upstream/thing"],
            "kinds": ["json"],
            "freshness_policy": {"fail_window": "26h", "warn_window": "24h"},
        },
        {"name": "plain"},
        owners=["team:data"],
        tags={"domain": "sales"},
    )
    items, plain = asset_spec(defs), asset_spec(defs, "plain")
    assert items.description == "All items"
    assert items.group_name == "shop"
    assert list(items.owners) == list(plain.owners) == ["team:data"]
    assert {key: items.tags[key] for key in ("pii", "domain")} == {"pii": "yes", "domain": "sales"}
    assert items.kinds == {"rest", "duckdb", "json"}
    assert [dep.asset_key for dep in items.deps] == [dg.AssetKey(["upstream", "thing"])]
    assert items.freshness_policy is not None
    assert plain.description == "GET /items"
    assert plain.freshness_policy is None


def checks(defs: dg.Definitions) -> set[tuple[str, str]]:
    return {(key.asset_key.path[-1], key.name) for key in defs.resolve_asset_graph().asset_check_keys}


def test_every_endpoint_has_its_checks_unless_switched_off() -> None:
    quiet, loud = {"checks": {"duplicates": "off"}}, {"checks": {"duplicates": "warn", "schema": "off"}}
    assert checks(definitions({}, {"name": "quiet", **quiet})) == {
        *(("items", name) for name in ("duplicates", "schema", "complete")),
        *(("quiet", name) for name in ("schema", "complete")),
    }
    assert checks(definitions({}, {"name": "loud", **loud}, **quiet)) == {
        *(("items", name) for name in ("schema", "complete")),
        *(("loud", name) for name in ("duplicates", "complete")),
    }
    assert checks(definitions({"checks": {"duplicates": False, "schema": "off", "complete": "off"}})) == set()


@pytest.mark.parametrize(
    ("key", "value"), [("owners", ["ada"]), ("tags", {"a b": "c"}), ("kinds", ["a b"]), ("group_name", "a-b")]
)
def test_words_that_dagster_refuses_are_mistakes_in_the_file(key: str, value: object) -> None:
    with pytest.raises(ValidationError, match="that Dagster takes"):
        spec(URL, {key: value})


@pytest.mark.parametrize(("level", "blocking"), [("warn", False), ("error", True)])
def test_the_check_blocks_where_it_is_an_error(level: str, blocking: bool) -> None:
    graph = definitions({"checks": {"duplicates": level}}).resolve_asset_graph()
    specs = {key.name: graph.get_check_spec(key).blocking for key in graph.asset_check_keys}
    assert specs == {"duplicates": blocking, "schema": False, "complete": False}


def test_one_job_and_schedule_for_each_cadence() -> None:
    defs = definitions(
        {},
        {"name": "often", "schedule": {"every": "15m", "enabled": True}},
        {"name": "also_often", "schedule": {"every": "15m", "enabled": True}},
        {"name": "nightly", "schedule": {"cron": "30 2 * * *", "timezone": "Asia/Tokyo"}},
        schedule={"every": "6h"},
        timezone="Europe/Paris",
    )
    schedules = {s.name: s for s in defs.schedules or [] if isinstance(s, dg.ScheduleDefinition)}
    assert {name: (s.cron_schedule, s.execution_timezone, s.default_status.name) for name, s in schedules.items()} == {
        "shop_every_6h_schedule": ("0 */6 * * *", "Europe/Paris", "STOPPED"),
        "shop_every_15m_schedule": ("*/15 * * * *", "Europe/Paris", "RUNNING"),
        "shop_cron_30_2_x_x_x_Asia_Tokyo_schedule": ("30 2 * * *", "Asia/Tokyo", "STOPPED"),
    }
    job = defs.resolve_job_def("shop_every_15m")
    assert {key.path[-1] for key in job.asset_layer.selected_asset_keys} == {"often", "also_often"}
    assert {name for name in job.graph.node_dict if name.endswith("_checks")} == {
        "shop__often_checks",
        "shop__also_often_checks",
    }
    assert job.executor_def.name == "in_process"


def test_same_cadence_in_two_time_zones_makes_two_schedules() -> None:
    defs = definitions(
        {"schedule": {"every": "1h"}},
        {"name": "tokyo", "schedule": {"every": "1h", "timezone": "Asia/Tokyo"}},
    )
    assert [schedule.name for schedule in defs.schedules or []] == [
        "shop_every_1h_schedule",
        "shop_every_1h_Asia_Tokyo_schedule",
    ]


def test_the_executor_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REST_SOURCE_EXECUTOR", "multiprocess")
    job = definitions({}, schedule={"every": "1h"}).resolve_job_def("shop_every_1h")
    assert job.executor_def.name == "multiprocess"


def test_a_tick_is_skipped_while_the_last_run_goes_on(tmp_path: Path) -> None:
    defs = definitions({}, schedule={"every": "1h"})
    schedule = next(iter(defs.schedules or []))
    assert isinstance(schedule, dg.ScheduleDefinition)
    with (
        dg.DagsterInstance.local_temp(str(tmp_path)) as instance,
        dg.build_schedule_context(instance) as context,
    ):
        run = instance.create_run_for_job(
            defs.resolve_job_def("shop_every_1h"), status=dg.DagsterRunStatus.STARTED, run_id=None
        )
        tick = schedule.evaluate_tick(context)
        assert tick.skip_message == f"The last run ({run.run_id}) has not ended."
        instance.report_run_canceled(run)
        assert len(schedule.evaluate_tick(context).run_requests or []) == 1


@pytest.mark.parametrize(("here", "waits"), [("one", True), ("other", False), (None, True)])
def test_a_tick_waits_for_no_run_of_another_code_location(tmp_path: Path, here: str | None, waits: bool) -> None:
    job = definitions({}, schedule={"every": "1h"}).resolve_job_def("shop_every_1h")
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("one"), "__repository__")
    context = DefinitionsLoadContext(
        DefinitionsLoadType.INITIALIZATION, repository_load_data=RepositoryLoadData(code_location_name=here)
    )
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance, DefinitionsLoadContext.scoped(context):
        instance.create_run_for_job(
            job,
            status=dg.DagsterRunStatus.STARTED,
            remote_job_origin=RemoteJobOrigin(repository, job.name),
            job_code_origin=JobPythonOrigin(job.name, RepositoryPythonOrigin("", ModuleCodePointer("m", "f", None))),
        )
        assert (unended_run(instance, job.name) is not None) is waits


def test_sources_merge_into_one_code_location() -> None:
    one = build_definitions(spec(URL, {}))
    other = build_definitions(spec(URL, {}, name="crm", auth={"type": "bearer", "token": {"env": "CRM_TOKEN"}}))
    merged = dg.Definitions.merge(one, other)
    dg.Definitions.validate_loadable(merged)
    assert {spec.key.path[0] for spec in merged.resolve_all_asset_specs()} == {"shop", "crm"}


def calls_to_load(folder: Path, endpoints: int) -> int:
    """How many functions are called until the definitions of a file are there and valid."""
    pages = {"type": "page_number", "total_records": "$.total"}
    each = [
        {"name": f"e{n}", "params": {"n": n}, "primary_key": "id", **({"pagination": pages} if n % 2 else {})}
        for n in range(endpoints)
    ]
    path = write_file(folder, URL, *each, schedule={"every": "6h"})
    calls = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        dg.Definitions.validate_loadable(build_definitions(load_source(path)))
    finally:
        sys.setprofile(before)
    return calls


def test_twice_the_endpoints_are_twice_the_work(tmp_path: Path) -> None:
    calls_to_load(tmp_path, 2)  # what is made once, and kept
    few, more, most = (calls_to_load(tmp_path, endpoints) for endpoints in (20, 40, 80))
    assert most - more == pytest.approx(2 * (more - few), rel=0.02)
    assert (most - more) / 40 < 9000  # with the decorators of Dagster 12,000, without 6,500


def test_a_thousand_endpoints_have_one_job(tmp_path: Path) -> None:
    defs = build_definitions(spec(URL, *({"name": f"e{n}"} for n in range(1000)), schedule={"every": "6h"}))
    assert len(list(defs.assets or [])) == len(list(defs.asset_checks or [])) == 1000
    assert [schedule.name for schedule in defs.schedules or []] == ["shop_every_6h_schedule"]


def test_two_zones_have_two_schedules() -> None:
    zones = ("Etc/GMT+1", "Etc/GMT-1", "Europe/Paris")
    schedules = [{"every": "1h", "timezone": zone} for zone in zones]
    defs = definitions(*({"name": f"e{n}", "path": "/x", "schedule": schedule} for n, schedule in enumerate(schedules)))
    assert len({schedule.name for schedule in defs.get_repository_def().schedule_defs}) == len(schedules)


def test_the_key_of_an_asset_has_to_stay() -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="gives shop/items the key other/items; it has to stay"):
        build_definitions(
            spec(URL), translate=lambda _, asset: asset.replace_attributes(key=dg.AssetKey(["other", "items"]))
        )
