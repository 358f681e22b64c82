"""The settings in `deploy/` fit each other and the program."""

from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parents[1] / "deploy"
SETTINGS = sorted([*DEPLOY.rglob("*.yaml"), *DEPLOY.rglob("*.yml")])


def read(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text())


@pytest.mark.parametrize("path", SETTINGS, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_every_file_is_yaml(path: Path) -> None:
    assert isinstance(yaml.safe_load(path.read_text()), dict)


def test_compose_sets_what_dagster_asks_for() -> None:
    asked = {
        value["env"]
        for value in read("postgres/dagster.yaml")["storage"]["postgres"]["postgres_db"].values()
        if isinstance(value, dict)
    }
    services = read("docker/docker-compose.yml")["services"]
    for name in ("code", "webserver", "daemon"):
        assert asked < {*services[name]["environment"]}, name
    (location,) = read("docker/workspace.yaml")["load_from"]
    assert location["grpc_server"]["host"] in services


def test_runs_on_kubernetes_keep_their_state_where_the_image_looks_for_it() -> None:
    image = (DEPLOY / "docker" / "Dockerfile").read_text()
    (deployment,) = read("kubernetes/values.yaml")["dagster-user-deployments"]["deployments"]
    (mount,) = deployment["volumeMounts"]
    assert f"REST_SOURCE_STATE={mount['mountPath']}" in image
    (volume,) = deployment["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == read("kubernetes/state.yaml")["metadata"]["name"]
    assert f"--uid {deployment['podSecurityContext']['runAsUser']}" in image


def test_both_clusters_have_the_limits_of_one_machine_by_source() -> None:
    local, remote = read("postgres/dagster.yaml")["concurrency"], read("kubernetes/values.yaml")["concurrency"]
    assert local["pools"]["default_limit"] == remote["pools"]["defaultLimit"]
    assert local["runs"]["tag_concurrency_limits"] == remote["runs"]["tagConcurrencyLimits"]
