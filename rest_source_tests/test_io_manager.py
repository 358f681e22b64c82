"""The paginator IO manager: streams in, tables out, failures explained."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from rest_source import PaginatorIOManager, build_definitions
from rest_source.demo import Call, LoopbackServer, Reply
from rest_source.extract.stream import PageStream
from rest_source.http.session import ApiSession
from rest_source.load.duckdb.connection import connect
from rest_source.orchestrate.markdown import markdown_table
from rest_source.spec.environment import Environment
from rest_source_tests.shop import serve, spec


@pytest.fixture
def io_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PaginatorIOManager:
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))
    return PaginatorIOManager(destination=f"duckdb:///{tmp_path}/shop.duckdb")


def materialize(
    io_manager: PaginatorIOManager,
    url: str,
    *endpoints: dict[str, Any],
    downstream: list[dg.AssetsDefinition] | None = None,
    instance: dg.DagsterInstance | None = None,
    **source: Any,
) -> dg.ExecuteInProcessResult:
    defs = build_definitions(spec(url, *endpoints, **source), io_manager)
    defs = dg.Definitions.merge(defs, dg.Definitions(assets=downstream or []))
    return defs.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance, raise_on_error=False)


def failure(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    event = next(event for event in result.all_events if event.is_step_failure)
    user_failure = event.step_failure_data.user_failure_data
    assert user_failure is not None
    return dict(user_failure.metadata["error"].value)  # type: ignore[arg-type]


@pytest.fixture
def three() -> Iterator[str]:
    with LoopbackServer(
        serve({"id": 1, "name": "a"}, {"id": 2, "name": None}, {"id": None, "name": "<b>|[x](y)"})
    ) as s:
        yield s.url


def test_a_materialization_tells_what_happened(io_manager: PaginatorIOManager, three: str) -> None:
    result = materialize(io_manager, three)
    assert result.success
    (event,) = result.get_asset_materialization_events()
    metadata = {key: value.value for key, value in event.step_materialization_data.materialization.metadata.items()}
    assert {key: metadata[key] for key in ("rows_read", "rows_inserted", "pages", "requests", "stop_reason")} == {
        "rows_read": 3,
        "rows_inserted": 3,
        "pages": 1,
        "requests": 1,
        "stop_reason": "single_request",
    }
    assert metadata["ended_as"] == "the endpoint has no pagination, so there is one request"
    assert metadata["dagster/row_count"] == 3
    assert metadata["dagster/table_name"] == "shop.shop.items"
    assert metadata["dagster/storage_kind"] == "duckdb"
    assert metadata["first_request"] == f"GET {three}/items"
    schema = metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    assert [(column.name, column.type, column.description) for column in schema.columns][:2] == [
        ("id", "bigint", "id"),
        ("name", "text", "name"),
    ]
    assert "<b>" not in str(metadata["preview"])


def test_nothing_is_opened_once_the_rows_are_in(
    io_manager: PaginatorIOManager, three: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[bool] = []

    def once(path: Path, announce: Any, read_only: bool = False) -> Any:
        assert False not in opened, "opened again after the commit"
        opened.append(read_only)
        return connect(path, announce, read_only)

    monkeypatch.setattr("rest_source.load.duckdb.destination.connect", once)
    assert materialize(io_manager, three, {"checks": {"duplicates": "off", "schema": "off", "complete": "off"}}).success
    assert opened[-1] is False


def test_the_table_is_named_by_the_spec_whatever_the_asset_is_called(
    io_manager: PaginatorIOManager, three: str
) -> None:
    source = spec(three)
    with ApiSession(source, Environment({})) as session:

        @dg.asset(key=["some", "other", "key"], io_manager_key="paginator_io_manager")
        def renamed() -> PageStream:
            return PageStream(source, source.endpoints[0], session, Environment({}))

        result = dg.materialize([renamed], resources={"paginator_io_manager": io_manager})
    (event,) = result.get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    assert metadata["dagster/table_name"].value == "shop.shop.items"


@pytest.mark.parametrize("host", ["db.example", "db.example:5432", "me@db.example", "me:x@db.example"])
@pytest.mark.parametrize("query", ["user=me@shop&password=secret", "password=secret&user=me@shop", "password=secret"])
def test_no_password_in_a_parameter_is_shown(host: str, query: str) -> None:
    assert "secret" not in PaginatorIOManager(destination=f"postgresql://{host}/shop?{query}").shown_url


@pytest.mark.parametrize("password", ["secret", "se@cret", "se/cret", "se/c@r#e?t@x", ":secret"])
def test_no_part_of_a_password_is_shown(password: str) -> None:
    url = f"postgresql://me:{password}@db.example:5432/shop?password=secret"
    assert PaginatorIOManager(destination=url).shown_url == "postgresql://me:***@db.example:5432/shop"


@pytest.mark.parametrize("url", ["duckdb:///a:b@c.duckdb", "duckdb:////tmp/x.duckdb", "postgresql://me@db/shop"])
def test_a_url_without_a_password_is_shown_as_it_is(url: str) -> None:
    assert PaginatorIOManager(destination=url).shown_url == url


def test_downstream_assets_get_a_dataframe_or_an_arrow_table(io_manager: PaginatorIOManager, three: str) -> None:
    seen: dict[str, Any] = {}
    key = dg.AssetKey(["shop", "items"])

    @dg.asset(ins={"items": dg.AssetIn(key=key, input_manager_key="paginator_io_manager")})
    def as_frame(items: pd.DataFrame) -> None:
        seen["frame"] = items

    @dg.asset(
        ins={"items": dg.AssetIn(key=key, metadata={"columns": ["name"]}, input_manager_key="paginator_io_manager")}
    )
    def as_arrow(items: pa.Table) -> None:
        seen["arrow"] = items

    assert materialize(io_manager, three, downstream=[as_frame, as_arrow]).success
    assert seen["frame"]["id"].dtype == pd.Int64Dtype()
    assert seen["frame"]["name"].tolist()[0] == "a"
    assert seen["arrow"].column_names == ["name"]
    assert seen["arrow"].num_rows == 3


def test_an_unknown_column_is_explained(io_manager: PaginatorIOManager, three: str) -> None:
    key = dg.AssetKey(["shop", "items"])
    wanted = dg.AssetIn(key=key, metadata={"columns": ["nmae"]}, input_manager_key="paginator_io_manager")

    @dg.asset(ins={"items": wanted})
    def as_frame(items: pd.DataFrame) -> None: ...

    result = materialize(io_manager, three, downstream=[as_frame])
    assert "no column `nmae`" in str(
        [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    )


@pytest.mark.parametrize(
    ("reply", "id", "word"),
    [
        (Reply("id,name\n1,a\n", headers={"Content-Type": "text/csv"}), "csv_instead_of_json", "CSV"),
        (Reply("<html><title>Sign in</title>", headers={"Content-Type": "text/html"}), "html_instead_of_json", "HTML"),
        (Reply(b'{"a": [1, 2', headers={"Content-Type": "application/json"}), "truncated_json", "middle"),
        (Reply([{"id": 1}], truncate=5), "truncated_body", ""),
        (Reply({"error": "no"}, status=401), "http_401", "auth"),
        (Reply({"other": []}), "data_root_not_found", "$.other"),
    ],
)
def test_a_failing_load_explains_itself_and_leaves_the_table_alone(
    io_manager: PaginatorIOManager, reply: Reply, id: str, word: str
) -> None:
    replies = [Reply({"items": [{"id": 1}]}), reply]

    def handler(call: Call) -> Reply:
        return replies.pop(0)

    with LoopbackServer(handler) as server:
        endpoint = {"data_root": "$.items"}
        assert materialize(io_manager, server.url, endpoint).success
        table = io_manager.open()
        before = table.read(_table(), None)
        result = materialize(io_manager, server.url, endpoint)
    assert not result.success
    error = failure(result)
    assert error["id"] == id
    assert word.lower() in str(error).lower()
    assert error["where"].startswith("shop.items, page 1")
    assert error["cause"]
    assert error["remedy"]
    assert table.read(_table(), None) == before


def test_one_endpoint_that_fails_leaves_its_siblings_alone(io_manager: PaginatorIOManager) -> None:
    def handler(call: Call) -> Reply:
        return Reply([{"id": 1}]) if call.path == "/good" else Reply({"error": "boom"}, status=500)

    with LoopbackServer(handler) as server:
        result = materialize(io_manager, server.url, {"name": "good", "path": "/good"}, {"name": "bad", "path": "/bad"})
    assert {event.asset_key.path[-1] for event in result.get_asset_materialization_events() if event.asset_key} == {
        "good"
    }


def test_warnings_of_a_load_are_metadata(io_manager: PaginatorIOManager) -> None:
    with LoopbackServer(lambda call: Reply({"items": [{"id": 1}], "next": "/items?page=2"})) as server:
        result = materialize(io_manager, server.url, {"data_root": "$.items"})
    (event,) = result.get_asset_materialization_events()
    shown = event.step_materialization_data.materialization.metadata
    assert list(shown)[:2] == ["warnings", "preview"]
    assert "{type: next_url, path: $.next}" in str(shown["warnings"].value)


def test_a_failure_is_shown_on_the_page_of_its_asset(io_manager: PaginatorIOManager) -> None:
    def last(instance: dg.DagsterInstance) -> tuple[list[str], str, str]:
        (event,) = instance.fetch_observations(dg.AssetKey(["shop", "items"]), limit=1).records
        assert event.asset_observation is not None
        shown = event.asset_observation.metadata
        return list(shown), str(shown["what"].value), str(shown["where"].value)

    words = ["what", "where", "likely cause", "what to do"]
    unset = {"type": "bearer", "token": {"env": "NOBODY"}}
    with dg.DagsterInstance.ephemeral() as instance:
        with LoopbackServer(lambda call: Reply({"error": "Invalid API key"}, status=401)) as server:
            materialize(io_manager, server.url, {}, instance=instance)
        told = f"shop.items, page 1, GET {server.url}/items"
        assert last(instance) == (words, 'The API answered 401 Unauthorized: "Invalid API key".', told)
        materialize(io_manager, "http://127.0.0.1:9", {}, instance=instance, auth=unset)
        assert last(instance) == (words, "The environment variable NOBODY is not set.", "shop.items")


def test_no_value_of_a_preview_is_read_as_markup() -> None:
    table = markdown_table(["a|b"], [["<img src=x onerror=alert(1)>"], ["[click](https://evil.example)"], ["a|b\n# c"]])
    assert "<img" not in table
    assert "https://" not in table
    assert "](" not in table
    assert len(table.splitlines()) == 5


def _table() -> Any:
    from rest_source.load.relation import Table

    return Table.of("shop", "items")


def test_a_long_wait_is_handed_back_to_dagster(io_manager: PaginatorIOManager) -> None:
    replies = [Reply({"error": "slow down"}, status=429, headers={"Retry-After": "1"}), Reply([{"id": 1}])]
    with LoopbackServer(lambda call: replies.pop(0)) as server:
        result = materialize(io_manager, server.url, limits={"max_wait": "500ms"})
    assert result.success
    kinds = [event.event_type_value for event in result.all_events]
    assert "STEP_UP_FOR_RETRY" in kinds
    assert "STEP_RESTARTED" in kinds
