"""The layout of the package: arrows run one way, and only the outer rooms know Dagster."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import rest_source

ROOT = Path(rest_source.__file__).parent
ALLOWED = {
    "errors": set(),
    "catalogue": set(),
    "collector": set(),
    "spec": {"errors"},
    "http": {"catalogue", "errors", "spec"},
    "extract": {"errors", "collector", "spec", "http"},
    "load": {"errors", "spec", "http", "extract"},
    "orchestrate": {"errors", "catalogue", "spec", "http", "extract", "load"},
    "reference": {"catalogue", "spec"},
    "component": {"errors", "spec", "orchestrate", "suggest"},
    "definitions": {"collector", "component", "orchestrate"},
    "suggest": {"errors", "spec", "extract"},
    "cli": {"errors", "collector", "catalogue", "spec", "http", "extract", "load", "orchestrate", "suggest"},
    "demo": {"cli"},
}
DAGSTER_ROOMS = {"orchestrate", "component", "definitions", "cli"}
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py" and "defs" not in path.parts)


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_arrows(path: Path) -> None:
    here = room(path)
    rooms = {name.split(".")[1] for name in imports(path) if name.startswith("rest_source.")}
    assert rooms - {here} <= ALLOWED[here]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_outer_rooms_import_dagster(path: Path) -> None:
    if room(path) not in DAGSTER_ROOMS:
        assert not [name for name in imports(path) if name.split(".")[0].startswith("dagster")]


def test_connections_of_duckdb_are_opened_in_one_place() -> None:
    assert [path.name for path in MODULES if "duckdb.connect(" in path.read_text()] == ["engine.py"]


def test_no_room_is_too_large() -> None:
    assert {path.name: count for path in MODULES if (count := len(path.read_text().splitlines())) > 350} == {}


def test_exported_names_exist_and_are_all_there_is() -> None:
    assert rest_source.__all__ == sorted(rest_source.__all__)
    assert all(hasattr(rest_source, name) for name in rest_source.__all__)
