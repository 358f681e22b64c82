"""What is measured, each in a process of its own: `python -m benchmarks.contestants NAME JOB` prints a JSON line.

A contestant imports what it needs and returns the call to be timed; that ends when its rows are committed. Before it
is timed it loads one page into another file or database, for much is imported by the first load only.
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from cProfile import Profile
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from pstats import Stats
from time import perf_counter
from typing import Any

from benchmarks.job import Job


def rest_source(job: Job) -> Callable[[], None]:
    """This program, by the path that `rest-source run` takes, merged on `__hevo_id`."""
    from benchmarks.files import load_file
    from rest_source.cli.run import run_source

    file = load_file(job)
    # Of an asset's checks the first runs after the commit; without them the call ends with it.
    os.environ["REST_SOURCE_STATE"] = str(Path("state").absolute())

    def run() -> None:
        report = run_source(file, [], job.destination, jobs=1)
        assert [endpoint.status for endpoint in report.endpoints] == ["success"], report.endpoints

    return run


def dlt(job: Job, loader: Any = "parquet", **settings: str) -> Callable[[], None]:
    """dlt's rest_api source with its own paginators, merged on `id`."""
    here = Path.cwd()
    os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_DATA_DIR": str(here), **settings})
    import dlt as library
    from dlt.destinations import duckdb, postgres
    from dlt.sources.rest_api import rest_api_source

    paginators: dict[str, dict[str, Any]] = {
        "pages": {"type": "page_number", "base_page": 1, "page_param": "page", "total_path": None},
        "first": {"type": "page_number", "base_page": 1, "page_param": "page", "total_path": None},
        "totals": {"type": "page_number", "base_page": 1, "page_param": "page", "total_path": "total_pages"},
        "cursor": {"type": "cursor", "cursor_path": "next", "cursor_param": "cursor"},
    }
    resource = {
        "name": "orders",
        "primary_key": "id",
        "write_disposition": "merge",
        "endpoint": {"path": job.dialect, "data_selector": "data"},
    }
    client = {"base_url": job.url, "paginator": paginators[job.dialect]}
    config: Any = {"client": client, "resources": [resource]}

    def run() -> None:
        source = rest_api_source(config)
        is_file = job.destination.startswith("duckdb:")
        target: Any = duckdb(job.destination.removeprefix("duckdb:///")) if is_file else postgres(job.destination)
        pipeline = library.pipeline(
            f"bench_{job.dialect}", pipelines_dir=str(here / "dlt"), destination=target, dataset_name="bench"
        )
        pipeline.run(source, loader_file_format=loader).raise_on_failed_jobs()

    return run


def floor(job: Job) -> Callable[[], None]:
    """The least work that ends with the same rows in the same file; see `benchmarks.floor`."""
    from benchmarks.floor import fetch_and_read

    return partial(fetch_and_read, job)


def definitions(job: Job) -> Callable[[], None]:
    """A project whose one component file holds many endpoints: loaded and validated, as `dagster dev` does first.

    Its `definitions.py` is this project's own.
    """
    import dagster as dg

    import rest_source.component  # noqa: F401
    from benchmarks.files import definitions_project

    sys.path.insert(0, str(definitions_project(Path.cwd(), job)))

    def run() -> None:
        defs = import_module("their_project.definitions").defs()
        dg.Definitions.validate_loadable(defs)
        assert len(defs.resolve_asset_graph().get_all_asset_keys()) == job.endpoints
        assert len(list(defs.schedules or [])) == 1

    return run


# Two processes, and files of a quarter of the 500,000 records, without which one process gets the only file.
# Ten settings could not be told apart on 100,000 records. Of four on 500,000, three rounds each, these had the lowest
# median, 7 % below the default's, where the rounds of one setting differ by as much.
CONTESTANTS: dict[str, Callable[[Job], Callable[[], None]]] = {
    "rest_source": rest_source,
    "dlt": dlt,
    "dlt best workers": partial(dlt, NORMALIZE__WORKERS="2", SOURCES__DATA_WRITER__FILE_MAX_ITEMS="125000"),
    "dlt default loader": partial(dlt, loader=None),
    "dlt csv": partial(dlt, loader="csv"),
    "floor": floor,
    "definitions": definitions,
}


def main(name: str, job: str, profile: str | None = None) -> None:
    started, task = perf_counter(), Job(**json.loads(job))
    if task.url:
        CONTESTANTS[name](replace(task, dialect="first", destination=task.warm_up))()
    run = CONTESTANTS[name](task)
    imported = perf_counter()
    _profiled(run, Path(profile)) if profile else run()
    print(json.dumps({"import_seconds": imported - started, "seconds": perf_counter() - imported}))


def _profiled(run: Callable[[], None], path: Path) -> None:
    """A cProfile of every thread, each a profile of its own; Python 3.12 and newer allow only one."""
    profiles = [Profile()]

    def start(*_: object) -> None:
        profiles.append(Profile())
        profiles[-1].enable()

    threading.setprofile(start)
    profiles[0].runcall(run)
    threading.setprofile(None)
    path.parent.mkdir(parents=True, exist_ok=True)
    Stats(*profiles).dump_stats(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
