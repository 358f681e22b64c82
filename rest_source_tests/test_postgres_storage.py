"""Dagster's storage in PostgreSQL, by the settings that `deploy/postgres` ships."""

from pathlib import Path

import dagster as dg
import pytest

from rest_source import PaginatorIOManager, build_definitions
from rest_source.demo import LoopbackServer
from rest_source_tests.postgres import postgres_server
from rest_source_tests.shop import serve, spec

SETTINGS = Path(__file__).parents[1] / "deploy" / "postgres" / "dagster.yaml"


def test_runs_events_and_checks_are_kept_in_postgres(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dagster.yaml").write_text(SETTINGS.read_text())
    io_manager = PaginatorIOManager(destination=f"duckdb:///{tmp_path}/data.duckdb")
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))
    with postgres_server() as server, LoopbackServer(serve({"id": 1})) as api:
        for name in ("host", "port", "password"):
            monkeypatch.setenv(f"DAGSTER_PG_{name.upper()}", str(getattr(server, name)))
        monkeypatch.setenv("DAGSTER_PG_USERNAME", server.user)
        monkeypatch.setenv("DAGSTER_PG_DB", server.database)
        defs = build_definitions(spec(api.url), io_manager)
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            assert type(instance.event_log_storage).__name__ == "PostgresEventLogStorage"
            result = defs.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            event = instance.get_latest_materialization_event(dg.AssetKey(["shop", "items"]))
            assert event is not None
            assert event.run_id == result.run_id
            assert event.asset_materialization is not None
            assert event.asset_materialization.metadata["dagster/row_count"].value == 1
