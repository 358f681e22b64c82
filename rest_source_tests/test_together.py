"""Files of one project together: some make up one source, and no two may have the same tables or steps."""

import re
from itertools import count
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from click.testing import CliRunner

from rest_source import RestSource, load_source
from rest_source.cli.main import main
from rest_source.component import _project, unreadable_files_are_broken_sources
from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.orchestrate.definitions import build_definitions
from rest_source.orchestrate.io_manager import IO_MANAGER_KEY, PaginatorIOManager
from rest_source.spec.together import refuse_clashes
from rest_source_tests.loading import Warehouse
from rest_source_tests.shop import attributes, spec, write_file

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")  # what Dagster itself uses
URL = "https://api.shop.example"
_NUMBERS = count()


@pytest.fixture(autouse=True)
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))


@pytest.fixture
def defs(tmp_path: Path) -> Path:
    """The folder of the component files of a project."""
    package = tmp_path / f"project_{next(_NUMBERS)}"  # modules are imported once in a process
    project = f'[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "{package.name}"\n'
    (tmp_path / "pyproject.toml").write_text(project)
    folder = package / "defs"
    folder.mkdir(parents=True)
    for place in (package, folder):
        (place / "__init__.py").touch()
    return folder


def load(defs: Path, monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    monkeypatch.syspath_prepend(str(defs.parents[1]))
    found = dg.load_from_defs_folder(path_within_project=defs)
    dg.Definitions.validate_loadable(found)
    return found


def failure(defs: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is told of a project that is no good where it is validated, our words and not only Dagster's."""
    monkeypatch.setenv("DAGSTER_IS_DEFS_VALIDATION_CLI", "1")
    with pytest.raises(Exception, match=r"\S") as raised:
        load(defs, monkeypatch)
    error: BaseException | None = raised.value
    while error is not None and not isinstance(error, RestSourceError):
        error = error.__cause__ or error.__context__
    assert error is not None, raised.value
    return str(error)


Source = tuple[str, list[str]]


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (("web", ["a"]), ("Web", ["b"]), ["the sources `Web`, and `web` of", "share the schema `web`"]),
        (("crm", ["eu__orders"]), ("crm__eu", ["orders"]), ["`orders` of `crm__eu`", "the step crm__eu__orders"]),
        (("crm", ["eu__orders"]), ("crm__eu", ["orders_checks"]), ["the step crm__eu__orders_checks"]),
        (("crm", ["eu__orders"]), ("crm__eu", ["customers"]), []),
        (("crm", ["eu__a_checks"]), ("crm__eu", ["a"]), ["the step crm__eu__a_checks"]),
        (("shop", ["orders"]), ("shop", ["Orders"]), ["would both be the table shop.orders"]),
        (("shop", ["status"]), ("shop", ["status_checks"]), ["the step shop__status_checks"]),
        (("shop", ["orders", "a"]), ("crm", ["orders", "a"]), []),
    ],
)
def test_files_that_clash_are_a_mistake_that_names_both(
    defs: Path, monkeypatch: pytest.MonkeyPatch, one: Source, other: Source, words: list[str]
) -> None:
    files = [
        write_file(defs / folder, URL, *({"name": endpoint} for endpoint in endpoints), name=name)
        for folder, (name, endpoints) in (("a", one), ("b", other))
    ]
    if not words:
        load(defs, monkeypatch)
        return
    told = failure(defs, monkeypatch)
    assert [word for word in [*words, *map(str, files)] if word not in told] == []


def test_a_clash_names_the_lines_of_both_endpoints(defs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = write_file(defs / "a", URL, {"name": "x"}, {"name": "eu__orders"}, name="crm")
    second = write_file(defs / "b", URL, {"name": "orders"}, name="crm__eu")
    told = failure(defs, monkeypatch)
    line = next(n for n, text in enumerate(first.read_text().splitlines(), 1) if "eu__orders" in text)
    assert f"{second}:" in told and f"{first}:{line}" in told


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"name": "crm", "timezone": "Mars"}, "b/defs.yaml:7: attributes.timezone:"),
        ({"name": "crm", "endpoint": []}, "b/defs.yaml:7: attributes.endpoint: unknown key"),
        ({"name": "Shop"}, "the sources `Shop`, and `shop` of"),
        ({"name": "shop", "timezone": "Europe/Berlin"}, "with another `timezone`"),
    ],
)
def test_a_file_with_mistakes_leaves_the_others_standing(
    defs: Path, monkeypatch: pytest.MonkeyPatch, keys: dict[str, Any], told: str
) -> None:
    write_file(defs / "a", URL, {"name": "orders"})
    write_file(defs / "b", URL, {"name": "customers"}, **keys)
    found = load(defs, monkeypatch)
    assert [spec.key.to_user_string() for spec in found.resolve_all_asset_specs()] == ["shop/orders"]
    write_file(defs / "c", URL, {"name": "customers"}, **keys, limits={"retrys": 0})
    (sensor, other) = load(defs, monkeypatch).sensors or []
    assert isinstance(sensor, dg.SensorDefinition) and sensor.name != other.name
    assert (sensor.default_status, told in str(sensor.description)) == (dg.DefaultSensorStatus.RUNNING, True)
    # Dagster shows one of its own errors first, any other below a stack trace.
    with dg.build_sensor_context() as context, pytest.raises(dg.DagsterInvalidDefinitionError, match=re.escape(told)):
        sensor.evaluate_tick(context)
    (defs / "c" / "defs.yaml").unlink()
    assert told in failure(defs, monkeypatch)


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("Shop", ("", ""), "the sources `Shop`, and `shop` of"),
        ("crm", ("  base_url:", "  name: crm\n  base_url:"), "the key `name` stands twice"),
        ("crm", ("base_url", "base_ulr"), "unknown key `base_ulr`"),
    ],
)
def test_of_several_documents_in_a_file_only_those_with_mistakes_fall_out(
    defs: Path, monkeypatch: pytest.MonkeyPatch, name: str, change: tuple[str, str], told: str
) -> None:
    file = write_file(defs / "a", URL, {"name": "orders"})
    broken = write_file(defs / "b", URL, {"name": "customers"}, name=name).read_text().replace(*change)
    file.write_text(f"{file.read_text()}\n---\n{broken}")
    (defs / "b" / "defs.yaml").unlink()
    found = load(defs, monkeypatch)
    assert [spec.key.to_user_string() for spec in found.resolve_all_asset_specs()] == ["shop/orders"]
    (sensor,) = found.sensors or []
    assert isinstance(sensor, dg.SensorDefinition) and told in str(sensor.description)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("name: crm", "name: [crm"), "not valid YAML"),
        (("attributes:", "atributes:"), "unknown key `atributes`. Did you mean `attributes`?"),
        (("RestSource", "RestSorce"), "unknown type `rest_source.RestSorce`. Did you mean `rest_source.RestSource`?"),
        (("type: rest_source.RestSource", "type: their.Source"), "their"),
        (None, "the key `type: rest_source.RestSource` is required"),
    ],
)
def test_a_file_that_dagster_cannot_read_leaves_the_others_standing(
    defs: Path, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str] | None, told: str
) -> None:
    write_file(defs / "a", URL, {"name": "orders"})
    file = write_file(defs / "b", URL, {"name": "customers"}, name="crm")
    file.write_text(file.read_text().replace(*change) if change else "")
    with unreadable_files_are_broken_sources():
        found = load(defs, monkeypatch)
        assert told in failure(defs, monkeypatch)
    assert [spec.key.to_user_string() for spec in found.resolve_all_asset_specs()] == ["shop/orders"]
    (sensor,) = found.sensors or []
    assert isinstance(sensor, dg.SensorDefinition) and told in str(sensor.description)


def test_names_of_one_file_clash_with_a_line(tmp_path: Path) -> None:
    file = write_file(tmp_path, URL, {"name": "status"}, {"name": "status_checks"})
    with pytest.raises(RestSourceError) as raised:
        load_source(file)
    line = next(n for n, text in enumerate(file.read_text().splitlines(), 1) if "status_checks" in text)
    assert str(raised.value).startswith(
        f"{file}:{line}: attributes.endpoints.1.name: `status_checks` would have the step of the checks of `status`"
    )


def test_several_files_make_up_one_source(defs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared: dict[str, Any] = {"schedule": {"every": "6h", "enabled": True}, "auth": {"type": "bearer", "token": "x"}}
    write_file(defs / "a", URL, {"name": "orders"}, {"name": "items"}, **shared)
    write_file(defs / "b", URL, {"name": "customers"}, **shared)
    write_file(defs / "c", URL, {"name": "orders"}, name="crm")
    found = load(defs, monkeypatch)
    keys = {"/".join(asset.key.path) for asset in found.resolve_all_asset_specs()}
    assert keys == {"shop/orders", "shop/items", "shop/customers", "crm/orders"}
    assert [schedule.name for schedule in found.schedules or []] == ["shop_every_6h_schedule"]
    job = found.resolve_job_def("shop_every_6h")
    assert {key.path[-1] for key in job.asset_layer.selected_asset_keys} == {"orders", "items", "customers"}
    assert [sensor.name for sensor in found.sensors or []] == ["shop_freshness"]


def test_files_of_one_source_load_with_what_they_have_in_common(
    defs: Path, monkeypatch: pytest.MonkeyPatch, duckdb_warehouse: Warehouse
) -> None:
    monkeypatch.setenv("REST_SOURCE_DESTINATION", duckdb_warehouse.url)
    asked: list[str] = []

    def answer(call: Call) -> Reply:
        asked.append(call.path)
        return Reply([{"id": 1}])

    with LoopbackServer(answer) as server:
        for name in ("one", "two"):
            write_file(defs / name, server.url, {"name": name, "path": f"/{name}"})
        result = load(defs, monkeypatch).resolve_implicit_global_asset_job_def().execute_in_process()
    assert result.success
    assert sorted(asked) == ["/one", "/two"]
    assert [len(duckdb_warehouse.table(f"shop.{name}")) for name in ("one", "two")] == [1, 1]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("base_url", "https://other.example"),
        ("auth", {"type": "bearer", "token": "s3cret"}),
        ("limits", {"rate": "1/s"}),
    ],
)
def test_files_of_one_source_that_disagree_are_a_mistake(
    defs: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: Any
) -> None:
    one = write_file(defs / "a", URL, {"name": "orders"})
    document = yaml.safe_load(one.read_text())
    document["attributes"] |= {key: value, "endpoints": [{"name": "items", "path": "/items"}]}
    other = defs / "b" / "defs.yaml"
    other.parent.mkdir()
    other.write_text(yaml.safe_dump(document))
    told = failure(defs, monkeypatch)
    assert f"{other}: the source `shop` is in {one} too, with another `{key}`;" in told
    assert "s3cret" not in told


def test_a_component_by_itself_has_no_others() -> None:
    component = RestSource.from_attributes_dict(attributes=attributes(URL, {}, {"name": "orders"}))
    assert _project(component, None).sources == (component.placed,)
    assert len(list(component.build_defs(None).assets or [])) == 2  # type: ignore[arg-type]


PROCESSED = """
post_processing:
  assets:
    - target: "*"
      attributes:
        partitions_def: {type: daily, start_date: "2024-01-01"}
"""
PARTITIONED = {"partitions_def": {"type": "daily", "start_date": "2024-01-01"}, "params": {"d": "{partition.key}"}}


def test_partitions_that_only_dagster_knows_are_a_mistake_in_the_file(
    defs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_file(defs / "a", URL, {"name": "orders"}, {"name": "items", **PARTITIONED})
    file.write_text(file.read_text() + PROCESSED)
    line = len(file.read_text().splitlines())
    expected = (
        f"{file}:{line}: post_processing.assets.0.attributes.partitions_def: `orders` would be asked for the same in "
        "each partition; write `partitions_def` in the endpoint"
    )
    assert failure(defs, monkeypatch).startswith(expected)
    with pytest.raises(RestSourceError) as raised:
        load_source(file)
    assert str(raised.value).startswith(expected)


def test_partitions_of_the_file_may_be_processed_again(defs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_file(defs / "a", URL, {"name": "items", **PARTITIONED})
    file.write_text(file.read_text() + PROCESSED)
    assert load_source(file).endpoints[0].partitions_def is not None
    load(defs, monkeypatch)
    other = write_file(defs / "b", URL, {"name": "orders"}, name="crm")
    other.write_text(other.read_text() + PROCESSED.replace("partitions_def: {type: daily, start_date: ", "tags: {a: "))
    load(defs, monkeypatch)


def test_partitions_that_code_adds_fail_before_the_first_request(
    duckdb_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily = dg.DailyPartitionsDefinition("2024-01-01")
    with LoopbackServer(lambda call: Reply([{"id": 1}])) as server:
        manager = PaginatorIOManager(destination=duckdb_warehouse.url)
        made = build_definitions(
            spec(server.url), manager, translate=lambda _, asset: asset.replace_attributes(partitions_def=daily)
        )
        job = made.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(partition_key="2024-01-02", raise_on_error=False)
        assert server.calls == []
    assert not result.success
    event = next(event for event in result.all_events if event.is_step_failure)
    data = event.step_failure_data.user_failure_data
    assert data is not None
    error: Any = data.metadata["error"].value
    assert error["id"] == "partitions_elsewhere"
    assert "Write `partitions_def` in the endpoint" in error["remedy"]
    assert IO_MANAGER_KEY in (made.resources or {})


def test_an_asset_may_depend_on_two_whose_names_come_to_one() -> None:
    definitions = build_definitions(spec(URL, {"deps": ["a__b/c", "a/b__c"]}))
    dg.Definitions.validate_loadable(definitions)
    graph = definitions.resolve_asset_graph()
    parents = graph.get(dg.AssetKey(["shop", "items"])).parent_keys
    assert {key.to_user_string() for key in parents} == {"a__b/c", "a/b__c"}


@pytest.mark.parametrize("command", ["check", "run"])
def test_commands_tell_of_other_files_of_the_project(defs: Path, command: str) -> None:
    write_file(defs / "broken", URL, {"name": "x", "pth": 1}, name="broken")
    other = write_file(defs / "a", URL, {"name": "orders"}, name="web")
    file = write_file(defs / "b", URL, {"name": "customers"}, name="Web")
    result = CliRunner().invoke(main, [command, str(file)])
    assert result.exit_code == 1
    assert f"{file}: the sources `Web`, and `web` of {other}, would share the schema `web`" in result.stderr
    alone = write_file(defs.parent / "elsewhere", URL, {"name": "customers"}, name="Web")
    refuse_clashes(alone, load_source(alone))
