"""The stage is built while records arrive: whatever segments are read when, it holds what the spool holds."""

from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rest_source.extract import spool as spool_module
from rest_source.extract.columns import Columns
from rest_source.extract.page import Page
from rest_source.extract.records import encode
from rest_source.extract.spool import Spool, SpooledLoad
from rest_source.load.schema import Shape
from rest_source.load.stager import Stager
from rest_source.load.staging import build_stage
from rest_source_tests.strategies import Record, records


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 200)


def staged(folder: Path, load_id: str, pages: list[list[Record]], follow: bool) -> list[tuple[Any, ...]]:
    """The rows of a stage, which follows the spool page by page or reads it at its end."""
    columns = Columns()
    with Spool.create(folder, load_id, {}) as spool:
        stager = Stager(spool.directory, Shape())
        for number, page in enumerate(pages, 1):
            encoded = encode(page, columns, number, exact=False)
            spool.append(Page(number, encoded, None), columns.take_changed())
            if follow:
                stager.follow(spool.complete, columns, spool.longest_line)
        load = spool.finish(columns)
    return rows_of(load, stager)


def rows_of(load: SpooledLoad, stager: Stager) -> list[tuple[Any, ...]]:
    stage = build_stage(load, primary_key=(), unique=False, timezone="UTC", stager=stager)
    with duckdb.connect(str(stage.path), read_only=True) as con:
        types = [(column.original, str(column.type)) for column in stage.columns]
        return [*types, *con.execute("SELECT * FROM records ORDER BY rowid").fetchall()]


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(pages=st.lists(st.lists(records, min_size=1, max_size=4), min_size=1, max_size=8))
def test_a_stage_is_the_same_whether_it_followed_or_not(
    pages: list[list[Record]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    assert staged(folder, "followed", pages, follow=True) == staged(folder, "at-once", pages, follow=False)


@pytest.mark.parametrize(
    ("first", "later"),
    [(1, "text"), (1, 2.5), (1.5, "text"), (True, 7), ([1], "text"), ({"a": 1}, 5), ("text", {"a": [1]}), (None, 4)],
)
def test_a_column_that_turns_out_to_need_another_type_keeps_every_value(tmp_path: Path, first: Any, later: Any) -> None:
    pages = [[{"id": n, "v": first, "pad": "x" * 50} for n in range(6)] for _ in range(5)]
    pages.append([{"id": 99, "v": later}])
    followed = staged(tmp_path, "followed", pages, follow=True)
    assert followed == staged(tmp_path, "at-once", pages, follow=False)
    assert len(followed) == 31 + 3


def test_columns_may_appear_in_any_segment(tmp_path: Path) -> None:
    pages = [[{"id": n, f"column {n}": "x" * 100}] for n in range(12)]
    followed = staged(tmp_path, "followed", pages, follow=True)
    assert followed == staged(tmp_path, "at-once", pages, follow=False)
    assert [row[3:].count("x" * 100) for row in followed[13:]] == [1] * 12


def test_what_was_staged_meanwhile_is_not_read_again(tmp_path: Path) -> None:
    columns = Columns()
    with Spool.create(tmp_path, "one", {}) as spool:
        stager = Stager(spool.directory, Shape())
        for number in range(1, 6):
            spool.append(Page(number, encode([{"v": f"{number}" * 300}], columns, 1, exact=False), None), [])
            stager.follow(spool.complete, columns, spool.longest_line)
        for reading in stager._reading:
            reading.result()
        for segment in spool.complete:
            segment.write_text("no longer what was read\n")
        load = spool.finish(columns)
    assert [row[2] for row in rows_of(load, stager)[1:]] == [f"{number}" * 300 for number in range(1, 6)]


def test_a_stage_that_is_given_up_leaves_nothing_open(tmp_path: Path) -> None:
    columns = Columns()
    with Spool.create(tmp_path, "one", {}) as spool:
        stager = Stager(spool.directory, Shape())
        for number in range(1, 6):
            spool.append(Page(number, encode([{"v": "x" * 300}], columns, 1, exact=False), None), [])
            stager.follow(spool.complete, columns, spool.longest_line)
        stager.close()
    stager.close()
    with duckdb.connect(str(stager.path)) as con:  # another connection may write it now
        con.execute("CREATE TABLE t (i INTEGER)")
