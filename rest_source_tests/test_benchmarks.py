"""The benchmarks run; their figures are nobody's business here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main

ROOT = Path(__file__).parents[1]


def test_a_small_round_measures_loads_and_definitions(tmp_path: Path) -> None:
    cases = ("500k", "cursor", "endpoints_10")
    contestants = ("rest_source", "floor", "definitions")
    chosen = [word for case in cases for word in ("--case", case)]
    chosen += [word for contestant in contestants for word in ("--contestant", contestant)]
    report = tmp_path / "results.json"
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--json", str(report), *chosen],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    measured = {case["name"]: set(case["measured"]) for case in json.loads(report.read_text())["cases"]}
    assert measured == {"500k": {"rest_source", "floor"}, "cursor": {"rest_source"}, "endpoints_10": {"definitions"}}
    assert "## Targets" not in result.stdout


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--quick", "--write"], "RESULTS.md is for whole runs"),
        (["--json", "nowhere/a.json"], "there is no folder nowhere"),
        (["-c", "5m", "-x", "dlt"], "No case that was chosen measures dlt; there are rest_source."),
        (["-c", "500k", "-x", "dlt default loader", "--quick"], "measures dlt default loader; there are rest_source,"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_measured(args: list[str], told: str) -> None:
    result = CliRunner().invoke(main, args)
    assert (result.exit_code, told in " ".join(result.output.split())) == (2, True)
