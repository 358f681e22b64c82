"""Fixtures for all tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source_tests.fakes import Api
from rest_source_tests.loading import Warehouse
from rest_source_tests.postgres import clear, postgres_server

settings.register_profile(
    "tests",
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("tests")


@pytest.fixture(scope="session")
def shared_api() -> Iterator[Api]:
    with Api() as api:
        yield api


@pytest.fixture
def api(shared_api: Api) -> Api:
    """A server on loopback that answers 404 until the test gives it a handler."""
    shared_api.serve(lambda call: Reply(status=404))
    return shared_api


@pytest.fixture
def loopback() -> Iterator[Callable[[Callable[[Call], Reply]], LoopbackServer]]:
    """Starts a server of its own for a handler; all of them stop with the test."""
    with ExitStack() as stack:
        yield lambda handler: stack.enter_context(LoopbackServer(handler))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """An empty directory for spool, locks and tokens."""
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def destination(tmp_path: Path) -> str:
    """The URL of a DuckDB file that does not exist yet."""
    return f"duckdb:///{tmp_path}/warehouse.duckdb"


@pytest.fixture(scope="session")
def postgres_database() -> Iterator[str]:
    """The URL of a database on a real server, which all tests of a process share."""
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    """An empty warehouse of either kind."""
    made: Warehouse = request.getfixturevalue(f"{request.param}_warehouse")
    return made


@pytest.fixture
def duckdb_warehouse(tmp_path: Path) -> Warehouse:
    """A DuckDB file that does not exist yet."""
    return Warehouse(tmp_path)


@pytest.fixture
def postgres_warehouse(tmp_path: Path, postgres_database: str) -> Warehouse:
    """A PostgreSQL database without a table."""
    clear(postgres_database)
    return Warehouse(tmp_path, postgres=postgres_database)
