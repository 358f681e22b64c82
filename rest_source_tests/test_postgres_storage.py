"""Dagster's storage in PostgreSQL, by the settings that `deploy/postgres` ships."""

from pathlib import Path
from urllib.parse import urlsplit

import dagster as dg
import pytest

from rest_source import PaginatorIOManager, build_definitions
from rest_source.demo import LoopbackServer
from rest_source_tests.shop import serve, spec

SETTINGS = Path(__file__).parents[1] / "deploy" / "postgres" / "dagster.yaml"


def test_runs_events_and_checks_are_kept_in_postgres(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_database: str
) -> None:
    (tmp_path / "dagster.yaml").write_text(SETTINGS.read_text())
    io_manager = PaginatorIOManager(destination=f"duckdb:///{tmp_path}/data.duckdb")
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))
    parts = urlsplit(postgres_database)
    for name, value in {
        "HOST": parts.hostname,
        "PORT": parts.port or 5432,
        "USERNAME": parts.username,
        "PASSWORD": parts.password,
        "DB": parts.path.lstrip("/"),
    }.items():
        monkeypatch.setenv(f"DAGSTER_PG_{name}", str(value))
    with LoopbackServer(serve({"id": 1})) as api:
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
