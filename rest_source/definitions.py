"""What `workspace.yaml` loads: every component below `rest_source/defs`."""

import atexit
import gc
from pathlib import Path

import dagster as dg

from rest_source.collector import paused_collector
from rest_source.orchestrate.definitions import executor_from_environment


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of this project."""
    # Definitions stay for as long as the process. Looking through them for garbage takes a quarter of the time of
    # a large file, so they are made without, and frozen: what follows does not look through them either.
    with paused_collector():
        found = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
        gc.freeze()
        atexit.register(gc.unfreeze)  # or DuckDB lists what is left then as leaks
    return dg.Definitions.merge(found, dg.Definitions(executor=executor_from_environment()))
