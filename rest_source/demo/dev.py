"""`make dev`: the demo API and the Dagster UI, until Ctrl-C."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from rest_source.demo import ENVIRONMENT, DemoApi, LoopbackServer

PROJECT = Path(__file__).parents[2]
PORT = "3000"


def main() -> int:
    """Serve both; returns the exit code of Dagster, 0 where it was stopped by a signal."""
    home = Path(os.environ.setdefault("DAGSTER_HOME", str(PROJECT / ".dagster_home")))
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        shutil.copy(PROJECT / "deploy" / "dev" / "dagster.yaml", home)
    with LoopbackServer(DemoApi(), record=False) as server:
        environment = {**os.environ, **ENVIRONMENT(server.url)}
        print(f"The demo API is at {server.url}, the Dagster UI will be at http://localhost:{PORT}", flush=True)
        command = [sys.executable, "-m", "dagster", "dev", "--workspace", "workspace.yaml", "--port", PORT]
        return _run(command, environment)


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
    sys.exit(main())
