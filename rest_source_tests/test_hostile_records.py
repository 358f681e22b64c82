"""Records that would like to be commands, markup or paths: they land as data, and nothing else happens."""

import json
import re
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from rest_source.demo.server import LoopbackServer, Reply
from rest_source.load.destination import DuplicateReport
from rest_source.orchestrate.definitions import build_definitions
from rest_source.orchestrate.io_manager import PaginatorIOManager
from rest_source.orchestrate.markdown import as_text, markdown_table
from rest_source.orchestrate.table_checks import duplicates_found
from rest_source_tests.shop import spec

HOSTILE = [
    "'; DROP TABLE shop.items; --",
    "\"; ATTACH '/etc/passwd'; --",
    "$1 ? :name {0} %s %(x)s {{ env }} {env.HOME} ${HOME}",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "&lt;b&gt; &#106;avascript:alert(1)",
    "[click](javascript:alert(1)) ![x](https://evil.example/x.png) <https://evil.example>",
    "www.evil.example WWW.evil.example https://evil.example HTTP://evil.example me@evil.example mailto:me@evil.example",
    "| a | b |\n| --- | --- |\r\n# head\n\n```\ncode",
    "../../../../etc/passwd",
    "..\\..\\windows\\system32",
    "file:///etc/passwd",
    "a\x01b\x1b[31mred\x7f\x08\t\u2028\u202e",
    "nul \x00 inside",
    "\ud800 lone \udfff",
    '=HYPERLINK("https://evil.example")',
    "",
]
STORED = {"nul \x00 inside": "nul \\u0000 inside", "\ud800 lone \udfff": "\\ud800 lone \\udfff"}


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The records loaded as Dagster loads them, with the texts as values and as names of fields."""
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))
    records = [{"id": n, "text": text, f"field {text}": n} for n, text in enumerate(HOSTILE)]
    io_manager = PaginatorIOManager(destination=f"duckdb:///{tmp_path}/data.duckdb")
    with LoopbackServer(lambda call: Reply(json.dumps(records))) as server:
        definitions = build_definitions(spec(server.url, {"primary_key": "id"}), io_manager)
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process()
    with duckdb.connect(str(tmp_path / "data.duckdb")) as con:
        yield result, con


def test_every_text_lands_as_it_is(loaded: Any) -> None:
    _, con = loaded
    texts = [row[0] for row in con.execute("SELECT text FROM shop.items ORDER BY id").fetchall()]
    assert texts == [STORED.get(text, text) for text in HOSTILE]
    tables = con.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
    assert [table for table in tables if table[0] != "_rest_source"] == [("shop", "items")]
    assert con.execute("SELECT database_name FROM duckdb_databases() WHERE NOT internal").fetchall() == [("data",)]


def test_every_name_is_a_plain_column_with_its_origin_as_comment(loaded: Any) -> None:
    _, con = loaded
    columns = con.execute("SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'items'").fetchall()
    assert len(columns) == len(HOSTILE) + 2 + 4
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name, _ in columns)
    assert f"field {HOSTILE[0]}" in {comment for _, comment in columns}


def test_no_preview_is_markup(loaded: Any) -> None:
    result, _ = loaded
    (event,) = result.get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    preview = markdown_table(["text"], [[text] for text in HOSTILE])
    for shown in (preview, metadata["preview"].value):
        assert "<" not in shown
        assert "](" not in shown
        assert not re.search(r"(?i)https?://|www\.|mailto:|\w@\w", shown)
    assert len(re.split(r"\r?\n", preview)) == len(HOSTILE) + 2
    assert isinstance(metadata["preview"], dg.MarkdownMetadataValue)


CODE = re.compile(r"(?<!`)(`+)(?!`)(?:(?!\n\s*\n).)+?(?<!`)\1(?!`)", re.DOTALL)
"""A code span, in which Markdown reads nothing."""


def outside_of_code(description: str) -> str:
    return CODE.sub("", description)


def is_markup(text: str) -> bool:
    return re.search(r"(?i)[<>`*#&\\|]|\]\(|!\[|://|www\.|mailto:|\w@\w", text) is not None


def test_no_description_of_a_column_is_markup(loaded: Any) -> None:
    """Dagster's UI shows the description of a column, the name of a field, as Markdown."""
    result, _ = loaded
    (event,) = result.get_asset_materialization_events()
    columns = event.step_materialization_data.materialization.metadata["dagster/column_schema"].schema.columns
    told = [outside_of_code(column.description or "") for column in columns]
    assert len(told) >= len(HOSTILE)
    assert [text for text in told if is_markup(text)] == []


@pytest.mark.parametrize("text", [*HOSTILE, "`", "``a` [x](y)", "a\n\n![x](//evil)", "\n"])
@pytest.mark.parametrize("key", [(), ("id",)])
def test_no_check_shows_a_value_as_markup(text: str, key: tuple[str, ...]) -> None:
    """Dagster's UI shows the description of a check's result as Markdown too."""
    (endpoint,) = spec("http://h", {"primary_key": list(key)} if key else {}).endpoints
    report = DuplicateReport(2, 1 if key else 0, 0, (text,), 0 if key else 1, ((text, 2), ("plain", 2)))
    told = duplicates_found(report, endpoint)
    assert told is not None
    assert "plain (2 rows)" in told
    assert not is_markup(outside_of_code(told)), told


@pytest.mark.parametrize("text", ["SKU-00001", "Table$namE_05_", "customer.name", "12:30, 50 %", "Zürich (CH)"])
def test_what_is_no_markup_is_shown_as_it_is(text: str) -> None:
    assert as_text(text) == text
