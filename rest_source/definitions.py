"""What `workspace.yaml` loads: every component below `rest_source/defs`."""

from pathlib import Path

import dagster as dg

from rest_source.collector import keep_all, paused_collector
from rest_source.component import unreadable_files_are_broken_sources
from rest_source.orchestrate.definitions import executor_from_environment


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of this project."""
    # Looking for garbage takes a quarter of the time of a large file, and finds none.
    with paused_collector():
        with unreadable_files_are_broken_sources():
            found = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
        keep_all()
    return dg.Definitions.merge(found, dg.Definitions(executor=executor_from_environment()))
