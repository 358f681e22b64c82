"""Files as `suggest` prints them, run against servers that answer as each shape of the corpus: no row is lost."""

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from rest_source.cli.main import main
from rest_source.demo.server import LoopbackServer
from rest_source_tests.fakes.shaped import ShapedApi
from rest_source_tests.shapes import SHAPES, Shape

EVERY = 1 if int(os.environ.get("REST_SOURCE_TEST_EXAMPLES", "2")) >= 100 else 12
"""Which of the shapes are tried; the long suite tries all."""


@pytest.mark.parametrize("shape", SHAPES[::EVERY], ids=lambda shape: shape.name)
def test_a_suggested_file_loads_every_record(shape: Shape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REST_SOURCE_DESTINATION", f"duckdb:///{tmp_path}/t.duckdb")
    api = ShapedApi(shape)
    asked = urlsplit(shape.url)
    with LoopbackServer(api) as server:
        found = CliRunner().invoke(main, ["suggest", f"{server.url}{asked.path}?{asked.query}".rstrip("?")])
        assert found.exit_code == 0, found.output
        Path("defs.yaml").write_text(found.stdout)
        run = CliRunner().invoke(main, ["run", "defs.yaml", "--json"])
    (endpoint,) = json.loads(run.stdout)["endpoints"]
    told = f"{found.stdout}\n{endpoint}"
    assert endpoint["status"] == "success", told
    assert not api.is_paged or endpoint["row_count"] == len(api.all), told
