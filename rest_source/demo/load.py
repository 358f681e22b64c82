"""`make demo`: the demo API in this process, every demo source loaded into a DuckDB file, one table printed."""

import os
import sys
from pathlib import Path

from rest_source.cli.report import print_summary
from rest_source.cli.run import run_source
from rest_source.demo import ENVIRONMENT, DemoApi, LoopbackServer

DESTINATION = "duckdb:///data/demo.duckdb"
SOURCES = Path(__file__).parents[1] / "defs"


def main() -> int:
    """Load every demo asset; returns the exit code."""
    destination = os.environ.get("REST_SOURCE_DESTINATION", DESTINATION)
    with LoopbackServer(DemoApi(), record=False) as server:
        os.environ.update(ENVIRONMENT(server.url))
        files = sorted(SOURCES.glob("demo_*/defs.yaml"))
        reports = [run_source(file, select=(), destination=destination, jobs=4) for file in files]
    print_summary(*reports)
    print(f"\nThe tables are in {destination}. Run it again: the inventory has changed, and a check says so.")
    return 0 if all(report.succeeded for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
