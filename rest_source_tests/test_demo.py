"""What `make demo` runs."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import yaml

import rest_source

DEFS = Path(rest_source.__file__).parent / "defs"


def demo(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("REST_SOURCE", "DEMO"))}
    return subprocess.run(
        [sys.executable, "-m", "rest_source.demo.load"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_demo_asset_loads_and_the_second_run_finds_the_duplicates(tmp_path: Path) -> None:
    files = [yaml.safe_load(path.read_text())["attributes"] for path in sorted(DEFS.glob("demo_*/defs.yaml"))]
    names = [f"{source['name']}.{endpoint['name']}" for source in files for endpoint in source["endpoints"]]
    assert {source.get("auth", {}).get("type", "none") for source in files} == {"none", "basic", "bearer", "api_key"}
    types = {e.get("pagination", {}).get("type", "none") for source in files for e in source["endpoints"]}
    assert types == {"none", "page_number", "offset_limit", "cursor", "next_url", "link_header"}

    first = demo(tmp_path)
    assert first.returncode == 0, first.stderr
    assert [line.split()[0] for line in first.stdout.splitlines() if line.startswith("demo_")] == names
    assert "WARN" not in first.stdout

    second = demo(tmp_path)
    assert second.returncode == 0, second.stderr
    warned = [line.split()[0] for line in second.stdout.splitlines() if "WARN" in line]
    assert warned == ["demo_shop.inventory"]
    assert "primary_key: sku" in second.stderr
    with duckdb.connect(str(tmp_path / "data" / "demo.duckdb"), read_only=True) as con:
        counts = con.execute("SELECT count(*), count(DISTINCT sku) FROM demo_shop.inventory").fetchone()
        assert counts is not None
        assert counts[0] == 2 * counts[1]
        cured = con.execute("SELECT count(*) = count(DISTINCT sku) FROM demo_shop.inventory_by_sku").fetchone()
        assert cured == (True,)
