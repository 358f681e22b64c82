"""Pages are written behind the reading: in order, all of them, and none after a failure."""

import json
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from rest_source.extract import behind as behind_module
from rest_source.extract.behind import HELD_PAGES, WriteBehind
from rest_source.extract.columns import Columns
from rest_source.extract.page import Next, Page, PageRequest, journalled
from rest_source.extract.records import encode
from rest_source.extract.recovery import recover
from rest_source.extract.spool import Spool
from rest_source_tests.fakes.desk import PATIENCE

MANIFEST = {"run_id": "", "now": "2026-01-01T00:00:00+00:00", "plan": {}}


def page(number: int, columns: Columns, size: int = 1) -> Page:
    after: Next[Any] = Next({}, PageRequest(query={"page": number + 1}))
    return Page(number, encode([{"id": number, "v": "x" * size}], columns, 1, False), after, follows=journalled(after))


class SlowSpool(Spool):
    """A spool whose disk stands still until it is told to go on."""

    go_on: Event
    written: list[int]

    def append(self, page: Page, changed: Any) -> None:
        assert self.go_on.wait(PATIENCE)
        super().append(page, changed)
        self.written.append(page.number)


def slow(folder: Path) -> SlowSpool:
    spool = SlowSpool.create(folder, "one", MANIFEST)
    spool.go_on, spool.written = Event(), []
    return spool


def pages_in(folder: Path) -> list[int]:
    return [json.loads(line)["page"] for line in (folder / "one" / "journal.ndjson").read_bytes().splitlines()]


def test_whoever_reads_waits_only_when_too_much_is_held(tmp_path: Path) -> None:
    columns = Columns()
    with slow(tmp_path) as spool, WriteBehind(spool) as behind:
        for number in range(1, HELD_PAGES + 1):
            behind.append(page(number, columns), columns)
        assert spool.written == []
        spool.go_on.set()
        for number in range(HELD_PAGES + 1, 30):
            behind.append(page(number, columns), columns)
    assert pages_in(tmp_path) == spool.written == list(range(1, 30))


def test_large_pages_are_not_held_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind_module, "HELD_BYTES", 1000)
    columns = Columns()
    with slow(tmp_path) as spool, WriteBehind(spool) as behind:
        behind.append(page(1, columns, size=600), columns)
        spool.go_on.set()
        behind.append(page(2, columns, size=600), columns)
        assert spool.written[0] == 1


def test_what_was_read_before_a_failure_is_written(tmp_path: Path) -> None:
    columns = Columns()
    with pytest.raises(ZeroDivisionError), slow(tmp_path) as spool, WriteBehind(spool) as behind:  # noqa: PT012
        for number in range(1, 6):
            behind.append(page(number, columns), columns)
        spool.go_on.set()
        raise ZeroDivisionError
    found = recover(tmp_path / "one")
    assert found is not None
    assert (found.pages, found.last["rows"]) == (5, 5)


def test_nothing_is_written_after_a_page_that_could_not_be(tmp_path: Path) -> None:
    columns = Columns()
    with slow(tmp_path) as spool:
        spool.go_on.set()
        with pytest.raises(ValueError, match="closed file"), WriteBehind(spool) as behind:  # noqa: PT012
            behind.append(page(1, columns), columns)
            while not spool.written:
                pass
            spool.close()
            for number in range(2, 6):
                behind.append(page(number, columns), columns)
    assert pages_in(tmp_path) == [1]
