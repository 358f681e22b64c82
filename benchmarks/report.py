"""What was measured, as Markdown and as JSON."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.cases import Case, Figures, Target

_PACKAGES = ("dlt", "duckdb", "dagster", "requests", "orjson", "msgspec", "pyarrow")


def machine() -> dict[str, str]:
    """Where and with what it was measured."""
    cpus = Path("/proc/cpuinfo")
    models = [line.partition(": ")[2] for line in cpus.read_text().splitlines() if line.startswith("model name")]
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": models[0] if models else platform.processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 1e9:.1f} GB",
        "kernel": f"{platform.system()} {platform.release()}",
        "load average at the end": f"{os.getloadavg()[2]:.1f} over 15 minutes",
        "python": platform.python_version(),
        **{package: _version(package) for package in _PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def as_json(
    cases: Sequence[Case], figures: Figures, facts: dict[str, str], targets: Sequence[Target]
) -> dict[str, Any]:
    """Every sample, with the targets' verdicts."""
    return {
        "machine": facts,
        "cases": [
            {
                **asdict(case),
                "measured": {
                    contestant: {"median_seconds": summary.seconds, "samples": list(map(asdict, summary.samples))}
                    for (name, contestant), summary in figures.items()
                    if name == case.name
                },
            }
            for case in cases
        ],
        "targets": [
            {"case": target.case, "goal": target.goal, "figure": figure, "verdict": verdict}
            for target in targets
            for figure, verdict in [target.verdict(figures)]
        ],
    }


def as_markdown(cases: Sequence[Case], figures: Figures, facts: dict[str, str], targets: Sequence[Target]) -> str:
    """A table for each case, then the targets."""
    parts = ["# Benchmarks", " · ".join(f"{key} {value}" for key, value in facts.items()), _READING]
    for case in cases:
        parts += [f"## {case.name}: {case.title}", _case(case, figures)]
    verdicts = [[target.case, target.goal, *target.verdict(figures)] for target in targets]
    if verdicts:
        parts += ["## Targets", _table(["case", "to reach", "measured", "verdict"], verdicts)]
    return "\n\n".join(parts) + "\n"


_READING = """\
Seconds run from the call to the commit, as the median of the rounds. Imports stand apart, together with a load of one
page that brings in what is imported late; `process` is everything from its start to its exit. Contestants take turns,
each run in a new process, against one server process and the same bytes. Peaks are the highest sum of RSS over the
process tree, sampled every 20 ms, in MB of a million bytes. rest_source merges on `__hevo_id`, dlt (parquet loader) on
`id`. The floor fetches with one requests session and lets DuckDB read the bytes with given types: no key, no hash, no
merge, nothing that survives a kill. After each run the table held every record."""


def _case(case: Case, figures: Figures) -> str:
    measured = {contestant: summary for (name, contestant), summary in figures.items() if name == case.name}
    ours = measured.get(case.contestants[0])
    head = ["contestant", "rounds", "seconds", "min-max", "imports s", "process s", f"{_things(case)}/s", "x ours"]
    rows = [
        [
            contestant,
            str(len(summary.samples)),
            f"{summary.seconds:.2f}",
            "{:.2f}-{:.2f}".format(*summary.range),
            f"{summary.import_seconds:.2f}",
            f"{summary.wall_seconds:.2f}",
            f"{summary.rate:,.0f}",
            f"{summary.seconds / ours.seconds:.2f}" if ours else "",
            f"{summary.peak_mb:.0f}",
        ]
        for contestant, summary in measured.items()
    ]
    return _table([*head, "peak MB"], rows)


def _things(case: Case) -> str:
    return "rows" if case.records else "endpoints"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )
