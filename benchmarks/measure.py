"""Running a contestant in a process of its own, and what it took."""

import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from subprocess import PIPE, Popen, TimeoutExpired
from time import perf_counter

import duckdb
import psutil
import psycopg

from benchmarks.job import TABLE, Job

_ROOT = Path(__file__).parents[1]
_SAMPLE_SECONDS = 0.02
_SAMPLES_PER_LOOK = 25  # for new processes, which costs more than a sample
_OURS = ("REST_SOURCE_", "DAGSTER_", "DLT_", "PYTHON")


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: seconds from call to commit, of the imports before it, and of the whole process; peaks of its tree."""

    seconds: float
    import_seconds: float
    wall_seconds: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Several runs of a contestant: medians, and the highest peak."""

    size: int
    samples: tuple[Sample, ...]

    @property
    def seconds(self) -> float:
        return median(sample.seconds for sample in self.samples)

    @property
    def range(self) -> tuple[float, float]:
        seconds = [sample.seconds for sample in self.samples]
        return min(seconds), max(seconds)

    @property
    def import_seconds(self) -> float:
        return median(sample.import_seconds for sample in self.samples)

    @property
    def wall_seconds(self) -> float:
        return median(sample.wall_seconds for sample in self.samples)

    @property
    def rate(self) -> float:
        return self.size / self.seconds

    @property
    def peak_mb(self) -> float:
        return max(sample.peak_mb for sample in self.samples)


def run(contestant: str, job: Job, folder: Path, profile: Path | None = None) -> Sample:
    """One run in an empty folder, after what earlier ones wrote has reached the disk."""
    os.sync()
    command = [
        sys.executable,
        "-m",
        "benchmarks.contestants",
        contestant,
        job.to_json(),
        *([str(profile)] * bool(profile)),
    ]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(_OURS)}
    environment |= {"PYTHONPATH": str(_ROOT), "DAGSTER_DISABLE_TELEMETRY": "yes"}
    started = perf_counter()
    with (folder / "log").open("w+") as log:
        with Popen(command, cwd=folder, env=environment, stdout=PIPE, stderr=log, text=True) as process:
            peak_mb = _watch(process)
            out = process.stdout.read() if process.stdout else ""
        if process.returncode:
            log.seek(0)
            raise RuntimeError(f"{contestant} failed:\n{log.read()[-5000:]}")
    said = json.loads(out.splitlines()[-1])
    return Sample(said["seconds"], said["import_seconds"], perf_counter() - started, peak_mb)


def _watch(process: Popen[str]) -> float:
    """The highest sum of RSS over a process and all below it, in MB of a million bytes.

    What they share would cost the watched process a pause to find out.
    """
    top, peak = psutil.Process(process.pid), 0
    tree = [top]
    for tick in count():
        if tick % _SAMPLES_PER_LOOK == 0:
            tree = _tree(top)
        peak = max(peak, _rss(tree))
        try:
            process.wait(_SAMPLE_SECONDS)
        except TimeoutExpired:
            continue
        return peak / 1e6
    raise AssertionError


def _tree(top: psutil.Process) -> list[psutil.Process]:
    try:
        return [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _rss(tree: Sequence[psutil.Process]) -> int:
    total = 0
    for process in tree:
        with suppress(psutil.Error, ProcessLookupError):
            total += process.memory_info().rss
    return total


def in_table(destination: str) -> tuple[int, int, int]:
    """Rows, distinct ids and the sum of `quantity` in the table a contestant filled."""
    sql = f"SELECT count(*), count(DISTINCT id), sum(quantity)::BIGINT FROM {TABLE}"
    if destination.startswith("duckdb:"):
        with duckdb.connect(destination.removeprefix("duckdb:///"), read_only=True) as con:
            found = con.execute(sql).fetchone()
    else:
        with psycopg.connect(destination) as server:
            found = server.execute(sql.encode()).fetchone()
    assert found
    return found[0], found[1], found[2]
