"""The files of a spool: what they hold, who may read them, and when they go."""

import json
import stat
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from rest_source.errors import RestSourceError
from rest_source.extract import spool as spool_module
from rest_source.extract.columns import Columns
from rest_source.extract.page import Page, Stop
from rest_source.extract.records import encode
from rest_source.extract.recovery import VERSION
from rest_source.extract.spool import Spool
from rest_source.load.pipeline import run_load
from rest_source.load.state import state_directory
from rest_source.spec.environment import Environment
from rest_source_tests.fakes import reading
from rest_source_tests.loading import PageBody, Warehouse, open_stream, page_reply, serve, source_spec, spooled

PAGES: list[PageBody] = [[{"id": 1, "ID": "a"}, {"id": 2}], [], [{"id": 3.5, "new": [1]}]]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def leftover(warehouse: Warehouse) -> Path:
    """The spool of the one load that failed."""
    (found,) = (path for path in warehouse.state.glob("spool/shop/orders/*/*") if path.is_dir())
    return found


def failing_load(warehouse: Warehouse, **spec: Any) -> RestSourceError:
    with pytest.raises(RestSourceError) as failure:
        warehouse.load([{"id": 1}], b"oops", **spec)
    return failure.value


def test_records_are_lines_with_their_id_and_time(tmp_path: Path) -> None:
    load = spooled(tmp_path, "one", PAGES)
    assert [line.split(b"\t")[0] for line in load.segments[0].read_bytes().splitlines()] == [b"1", b"1", b"3"]
    assert reading.lines(load.segments[0].read_bytes()) == [
        {"id": 1, "__column_2": "a"},
        {"id": 2},
        {"id": 3.5, "new": [1]},
    ]
    assert (load.rows, load.pages, len(load.segments)) == (3, 3, 1)
    assert load.longest_line == max(map(len, load.segments[0].read_bytes().splitlines(keepends=True)))


def test_the_journal_vouches_for_every_byte(tmp_path: Path) -> None:
    load = spooled(tmp_path, "one", PAGES)
    journal, data = lines(load.directory / "journal.ndjson"), load.segments[0].read_bytes()
    start = 0
    for number, line in enumerate(journal, 1):
        assert (line["page"], line["segment"]) == (number, 1)
        assert line["crc"] == crc32(data[start : line["end"]])
        start = line["end"]
    assert start == len(data)
    assert [line["rows"] for line in journal] == [2, 2, 3]
    assert ["next" in line for line in journal] == [True, True, False]
    assert journal[-1]["stop"] == json.loads(json.dumps(asdict(Stop("end"))))
    noted = [[(column["name"], column["key"], column["kinds"]) for column in line["columns"]] for line in journal]
    assert noted == [
        [("id", "id", ["integer"]), ("ID", "__column_2", ["string"])],
        [],
        [("id", "id", ["integer", "number"]), ("new", "new", ["array"])],
    ]


def test_segments_are_cut_at_page_ends_and_all_of_them_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 60)
    pages = [[{"id": page * 10 + n} for n in range(3)] for page in range(5)]
    load = spooled(tmp_path, "one", pages)
    assert [path.name for path in load.segments] == [f"records-{n:06d}.tsv" for n in (1, 2, 3)]
    ends = {line["segment"]: line["end"] for line in lines(load.directory / "journal.ndjson")}
    assert ends == {number: path.stat().st_size for number, path in enumerate(load.segments, 1)}
    warehouse = Warehouse(tmp_path / "end-to-end")
    assert warehouse.load(*pages).result.row_count == 15
    assert sorted(warehouse.values("id")) == [record["id"] for page in pages for record in page]


def test_a_segment_ends_early_where_records_come_slowly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0
    monkeypatch.setattr(spool_module, "SLOW_SEGMENT_BYTES", 60)
    monkeypatch.setattr(spool_module, "monotonic", lambda: clock)
    columns, in_segments = Columns(), []
    with Spool.create(tmp_path, "one", {}) as spool:
        for number, waited in enumerate((0.0, 0.5, 0.6, 0.0, 0.9, 0.2, 5.0), 1):
            clock += waited
            records = encode([{"id": number, "name": "x" * 50}], columns, number, exact=False)
            spool.append(Page(number, records, Stop("end")), columns.take_changed())
            in_segments.append(len(spool.complete) + 1)
    assert in_segments == [1, 1, 2, 2, 2, 3, 4]


def test_the_manifest_has_the_plan_without_secrets_and_the_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cr3t-value")
    warehouse = Warehouse(tmp_path)
    with serve([{"id": 1}], b"oops") as server:
        spec = source_spec(
            server.url,
            source={"auth": {"type": "bearer", "token": {"env": "TOKEN"}}},
            params={"key": {"env": "TOKEN"}, "since": "{now-1d}"},
            headers={"X-Key": "k={env.TOKEN}"},
        )
        with open_stream(spec, Environment()) as stream, pytest.raises(RestSourceError):
            run_load(stream, warehouse.destination, warehouse.state, run_id="run-7", report=print)
    directory = leftover(warehouse)
    manifest = json.loads((directory / "manifest.json").read_text())
    assert manifest["plan"]["params"]["since"] == "{now-1d}"
    assert manifest["plan"]["data_root"] == "$.records"
    assert (manifest["source"], manifest["endpoint"], manifest["run_id"]) == ("shop", "orders", "run-7")
    assert manifest["load_id"] == directory.name
    assert not [path for path in directory.iterdir() if b"s3cr3t" in path.read_bytes()]


def test_the_finished_manifest_has_the_tables(tmp_path: Path) -> None:
    load = spooled(tmp_path, "one", PAGES)
    manifest = json.loads((load.directory / "manifest.json").read_text())
    assert manifest["tables"][""] == [column.to_json() for column in load.tables[()]]
    assert [column.name for column in load.tables[()]] == ["id", "ID", "new"]
    assert (manifest["rows"], manifest["pages"], manifest["version"]) == (3, 3, VERSION)


def test_nobody_else_may_read_what_is_spooled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = Warehouse(tmp_path)
    monkeypatch.setenv("REST_SOURCE_STATE", str(warehouse.state))
    state_directory()
    with pytest.raises(RestSourceError):
        warehouse.load([{"id": 1}], primary_key="gone")  # fails while it is staged
    paths = [warehouse.state, *warehouse.state.rglob("*")]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in paths}
    assert {path.name for path in paths} >= {"manifest.json", "journal.ndjson", "records-000001.tsv", "stage.duckdb"}
    assert {path: mode for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)} == {}


def test_a_spool_is_gone_after_success_and_kept_after_a_failure(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.load([{"id": 1}])
    assert [path.name for path in warehouse.state.glob("spool/shop/orders/*/*")] == ["lock"]
    failing_load(warehouse)
    assert reading.lines((leftover(warehouse) / "records-000001.tsv").read_bytes())[0]["id"] == 1


def test_leftovers_go_with_the_next_load(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    failing_load(warehouse)
    failing_load(warehouse)
    leftover(warehouse)
    warehouse.load([{"id": 1}])
    assert [path.name for path in warehouse.state.glob("spool/shop/orders/*/*")] == ["lock"]


def test_nothing_is_requested_before_the_stream_is_drained(tmp_path: Path) -> None:
    with serve([{"id": 1}]) as server, open_stream(source_spec(server.url)) as stream:
        assert server.calls == []
        assert page_reply([], 1, last=True).status == 200
        assert [page.number for page in stream] == [1]
