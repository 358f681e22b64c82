"""The `complete` check: as many records as the API announced."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import dagster as dg
import pytest

from rest_source import PaginatorIOManager, build_definitions
from rest_source.demo import Call, LoopbackServer, Reply
from rest_source_tests.shop import spec


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))


PAGED = {"data_root": "$.items", "pagination": {"type": "page_number", "total_records": "$.total"}}


def check(
    folder: Path, total: Any, around: Mapping[str, Any] = MappingProxyType({}), **endpoint: Any
) -> dg.AssetCheckEvaluation | None:
    io_manager = PaginatorIOManager(destination=f"duckdb:///{folder}/data.duckdb")
    pages = {"1": [{"id": 1}, {"id": 2}]}
    handler = lambda call: Reply({"items": pages.get(call.arg("page") or "", []), "total": total, **around})  # noqa: E731
    with LoopbackServer(handler) as server:
        defs = build_definitions(spec(server.url, {**PAGED, **endpoint}), io_manager)
        result = defs.resolve_implicit_global_asset_job_def().execute_in_process(raise_on_error=False)
    return next((check for check in result.get_asset_check_evaluations() if check.check_name == "complete"), None)


def test_it_passes_where_both_numbers_agree(tmp_path: Path) -> None:
    evaluation = check(tmp_path, 2)
    assert evaluation is not None
    assert evaluation.passed


def test_it_names_both_numbers_where_they_differ(tmp_path: Path) -> None:
    evaluation = check(tmp_path, 7)
    assert evaluation is not None
    assert not evaluation.passed
    assert evaluation.severity is dg.AssetCheckSeverity.WARN
    assert evaluation.description == "The API announced 7 records, the last load read 2."


def test_it_names_what_a_page_says_against_it(tmp_path: Path) -> None:
    evaluation = check(tmp_path, 2, {"timed_out": True})
    assert evaluation is not None
    assert not evaluation.passed
    assert str(evaluation.description).startswith("An answer says that it does not hold all that was asked for")


def test_an_unknown_total_is_no_verdict(tmp_path: Path) -> None:
    evaluation = check(tmp_path, None)
    assert evaluation is not None
    assert evaluation.passed


def test_a_load_that_ends_at_the_cursor_is_not_held_against_the_total(tmp_path: Path) -> None:
    records = [{"id": day, "at": f"2024-01-{day:02}"} for day in range(20, 0, -1)]

    def answer(call: Call) -> Reply:
        page = int(call.arg("page") or 1)
        return Reply({"items": records[(page - 1) * 5 : page * 5], "total": len(records)})

    newest_first = {"primary_key": "id", "incremental": {"cursor": "$.at", "order": "desc"}}
    io_manager = PaginatorIOManager(destination=f"duckdb:///{tmp_path}/data.duckdb")
    with LoopbackServer(answer) as server:
        one = {"limits": {"concurrency": 1}}
        defs = build_definitions(spec(server.url, {**PAGED, **newest_first}, **one), io_manager)
        job = defs.resolve_implicit_global_asset_job_def()
        job.execute_in_process()
        first = len(server.calls)
        again = job.execute_in_process()
        assert len(server.calls) - first < first  # not twice, to see whether records are missing
    checks = {check.check_name: check for check in again.get_asset_check_evaluations()}
    assert checks["complete"].passed, checks["complete"].description


@pytest.mark.parametrize(
    "pagination", [{"type": "page_number"}, {"type": "none"}, {"type": "link_header"}, {"type": "offset_limit"}]
)
def test_what_the_answer_announces_is_judged_though_the_file_names_no_total(
    tmp_path: Path, pagination: dict[str, Any]
) -> None:
    evaluation = check(tmp_path, 7, pagination=pagination)
    assert evaluation is not None
    assert not evaluation.passed
    assert evaluation.severity is dg.AssetCheckSeverity.WARN
    assert evaluation.description is not None
    assert evaluation.description.startswith("The answer announces more records ($.total is 7), but the series ended")


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    assert check(tmp_path, 7, checks={"complete": "off"}) is None
