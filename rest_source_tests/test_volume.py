"""Checks of how many records a load read."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import ValidationError

from rest_source.orchestrate.definitions import build_definitions
from rest_source.orchestrate.io_manager import PaginatorIOManager
from rest_source_tests.loading import Warehouse, source_spec


@pytest.fixture(autouse=True)
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))


def verdict(warehouse: Warehouse, name: str, **checks: Any) -> dg.AssetCheckEvaluation:
    """What a check says, run alone."""
    spec = source_spec("http://127.0.0.1:9", checks={"duplicates": "off", "schema": "off", **checks})
    definitions = build_definitions(spec, PaginatorIOManager(destination=warehouse.url))
    job = definitions.resolve_implicit_global_asset_job_def()
    key = dg.AssetCheckKey(dg.AssetKey(["shop", "orders"]), name)
    with dg.DagsterInstance.ephemeral() as instance:
        selected = job.get_subset(asset_selection=set(), asset_check_selection={key})
        result = selected.execute_in_process(instance=instance, raise_on_error=False)
    (evaluation,) = result.get_asset_check_evaluations()
    return evaluation


def records(count: int) -> list[dict[str, int]]:
    return [{"id": number} for number in range(count)]


@pytest.mark.parametrize(
    ("bounds", "passed"),
    [({"min": 3}, True), ({"min": 4}, False), ({"max": 3}, True), ({"max": 2}, False), ({"min": 1, "max": 5}, True)],
)
def test_rows_hold_a_load_to_its_bounds(warehouse: Warehouse, bounds: dict[str, int], passed: bool) -> None:
    warehouse.load(records(3))
    found = verdict(warehouse, "rows", rows={**bounds, "level": "error"})
    assert (found.passed, found.severity) == (passed, dg.AssetCheckSeverity.ERROR)


def test_rows_say_what_is_wrong(warehouse: Warehouse) -> None:
    warehouse.load(records(3))
    assert verdict(warehouse, "rows", rows={"min": 4}).description == "The last load read 3 records, fewer than 4."


@pytest.mark.parametrize(("last", "passed"), [(10, True), (29, True), (31, False), (4, True), (3, False), (0, False)])
def test_a_spike_is_a_load_unlike_those_before(warehouse: Warehouse, last: int, passed: bool) -> None:
    for count in (9, 10, 11, last):
        warehouse.load(records(count), write="append")
    assert verdict(warehouse, "spike", spike="warn").passed is passed


def test_a_spike_needs_loads_to_compare_with(warehouse: Warehouse) -> None:
    for count in (10, 10, 500):
        warehouse.load(records(count), write="append")
    assert verdict(warehouse, "spike", spike="warn").passed


@pytest.mark.parametrize("rows", [{}, {"min": 5, "max": 4}, {"min": -1}])
def test_bounds_that_bound_nothing_are_refused(rows: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        source_spec("http://h", checks={"rows": rows})
