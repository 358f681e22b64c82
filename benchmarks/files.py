"""The component files that rest_source is measured with."""

import shutil
from pathlib import Path
from typing import Any

import yaml

import rest_source.definitions as our_definitions
from benchmarks.job import Job
from rest_source_tests.project import write_project

_PAGINATION: dict[str, dict[str, Any]] = {
    "pages": {"type": "page_number"},
    "first": {"type": "page_number"},
    "totals": {"type": "page_number", "total_pages": "$.total_pages"},
    "cursor": {"type": "cursor", "value": "$.next"},
    "all": {"type": "none"},
}


def load_file(job: Job) -> Path:
    """One endpoint that reads the job's pages; its checks, which run after the commit, are off."""
    attributes = {
        "name": "bench",
        "base_url": job.url,
        "limits": {"concurrency": job.concurrency},
        "checks": {"duplicates": "off", "complete": "off"},
        "endpoints": [
            {
                "name": "orders",
                "path": f"/{job.dialect}",
                "data_root": "$.data",
                "pagination": _PAGINATION[job.dialect],
            }
        ],
    }
    return _write(Path.cwd() / "defs.yaml", attributes)


def definitions_project(folder: Path, job: Job) -> Path:
    """A Dagster project whose one component file has the job's number of endpoints on a schedule."""
    attributes = {
        "name": "many",
        "base_url": "https://api.example/v1",
        "auth": {"type": "bearer", "token": {"env": "TOKEN"}},
        "schedule": {"every": "6h"},
        "endpoint_defaults": {"pagination": {"type": "page_number", "size_param": "per_page", "size": 100}},
        "endpoints": [
            {
                "name": f"endpoint_{number}",
                "path": f"/things/{number}",
                "params": {"status": "any", "updated_since": "{now-24h:%Y-%m-%d}"},
                "data_root": "$.data",
                "primary_key": "id",
            }
            for number in range(job.endpoints)
        ],
    }
    project = write_project(folder)
    shutil.copy(str(our_definitions.__file__), project / "their_project" / "definitions.py")
    component = project / "their_project" / "defs" / "many"
    component.mkdir()
    _write(component / "defs.yaml", attributes)
    return project


def _write(path: Path, attributes: dict[str, Any]) -> Path:
    document = {"type": "rest_source.RestSource", "attributes": attributes}
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path
