"""`make dev` and `make dev-postgres`: the demo API and the Dagster UI, until Ctrl-C."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from rest_source.demo import ENVIRONMENT, DemoApi, LoopbackServer
from rest_source.demo.postgres import embedded_postgres

PROJECT = Path(__file__).parents[2]
PORT = os.environ.get("PORT", "3000")


def main() -> int:
    """Serve both; returns the exit code of Dagster, 0 where it was stopped by a signal."""
    return _serve("dev", ".dagster_home")


def main_postgres() -> int:
    """The same on a PostgreSQL server that it starts, for Dagster's storage and the tables, set as in production.

    The server keeps its data in `data/postgres`. It cannot run as root, nor would the user it runs as then get to
    that folder, so root's data go with the server.
    """
    home = None if os.geteuid() == 0 else PROJECT / "data" / "postgres"
    with embedded_postgres(home) as server:
        storage = urlsplit(server.database("dagster"))
        settings = {
            "DAGSTER_PG_HOST": storage.hostname,
            "DAGSTER_PG_PORT": storage.port,
            "DAGSTER_PG_USERNAME": storage.username,
            "DAGSTER_PG_PASSWORD": storage.password,
            "DAGSTER_PG_DB": storage.path.lstrip("/"),
        }
        os.environ.update({name: str(value) for name, value in settings.items()})
        os.environ.setdefault("REST_SOURCE_DESTINATION", server.database("warehouse"))
        print(f"The tables are in {os.environ['REST_SOURCE_DESTINATION']}", flush=True)
        return _serve("postgres", ".dagster_home_postgres")


def _serve(settings: str, folder: str) -> int:
    if not _is_free(int(PORT)):
        print(f"Port {PORT} is taken, perhaps by another `make dev`. Stop that, or run `make dev PORT=3001`.")
        return 1
    home = Path(os.environ.setdefault("DAGSTER_HOME", str(PROJECT / folder)))
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        shutil.copy(PROJECT / "deploy" / settings / "dagster.yaml", home)
    with LoopbackServer(DemoApi(), record=False) as server:
        environment = {**os.environ, **ENVIRONMENT(server.url)}
        print(f"The demo API is at {server.url}, the Dagster UI will be at http://localhost:{PORT}", flush=True)
        command = [sys.executable, "-m", "dagster", "dev", "--workspace", "workspace.yaml", "--port", PORT]
        return _run(command, environment)


def _is_free(port: int) -> bool:
    with socket.socket() as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            ours.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _run(command: list[str], environment: dict[str, str]) -> int:
    # A shell in the background hands SIGINT down ignored, and Dagster's processes would never stop.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    stopped = False

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        dagster.send_signal(signal.SIGINT)

    with subprocess.Popen(command, cwd=PROJECT, env=environment, start_new_session=True) as dagster:
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)
        code = dagster.wait()
    return 0 if stopped else code


if __name__ == "__main__":
    sys.exit(main_postgres() if sys.argv[1:] == ["--postgres"] else main())
