"""What merge, append and replace do to a table, what they count, and that a commit is all or nothing."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rest_source.errors import RestSourceError
from rest_source.load import view
from rest_source.load.destination import CommitResult
from rest_source.load.duckdb import connection
from rest_source_tests.fakes.desk import PATIENCE
from rest_source_tests.loading import ORDERS, Warehouse, commit, spooled, stage

COUNTS = ("rows_read", "rows_inserted", "rows_updated", "rows_unchanged", "rows_deleted", "rows_rejected", "row_count")
Write = Literal["merge", "append", "replace"]


def counts(result: CommitResult) -> tuple[int, ...]:
    return tuple(getattr(result, name) for name in COUNTS)


def row(id: Any, v: Any = 0) -> dict[str, Any]:
    return {"id": id, "v": v}


FIRST = [row(1), row(2), row(3)]


@pytest.mark.parametrize(
    ("write", "key", "second", "expected"),
    [
        ("merge", ["id"], FIRST, ((3, 0, 0, 3, 0, 0, 3), [(1, 0), (2, 0), (3, 0)])),
        ("merge", ["id"], [row(2, 9), row(4), row(1)], ((3, 1, 1, 1, 0, 0, 4), [(1, 0), (2, 9), (3, 0), (4, 0)])),
        ("merge", ["id"], [row(2, 8), row(5), row(2, 9)], ((3, 1, 1, 1, 0, 0, 4), [(1, 0), (2, 9), (3, 0), (5, 0)])),
        ("merge", ["id"], [row(2, 8), row(2)], ((2, 0, 0, 2, 0, 0, 3), [(1, 0), (2, 0), (3, 0)])),
        ("merge", ["id"], [row(1, 7), row(None), {"v": 1}], ((3, 0, 1, 0, 0, 2, 3), [(1, 7), (2, 0), (3, 0)])),
        ("merge", ["id"], [], ((0, 0, 0, 0, 0, 0, 3), [(1, 0), (2, 0), (3, 0)])),
        ("merge", [], [row(2, 9), row(1)], ((2, 1, 0, 1, 0, 0, 4), [(1, 0), (2, 0), (2, 9), (3, 0)])),
        ("merge", ["id", "v"], [row(2, 9), row(1)], ((2, 1, 0, 1, 0, 0, 4), [(1, 0), (2, 0), (2, 9), (3, 0)])),
        ("append", [], [row(1), row(1)], ((2, 2, 0, 0, 0, 0, 5), [(1, 0), (1, 0), (1, 0), (2, 0), (3, 0)])),
        ("append", ["id"], [row(1), row(None)], ((2, 1, 0, 0, 0, 1, 4), [(1, 0), (1, 0), (2, 0), (3, 0)])),
        ("replace", ["id"], [row(7), row(8), row(7, 1)], ((3, 2, 0, 1, 3, 0, 2), [(7, 1), (8, 0)])),
        ("replace", [], [row(7), row(7)], ((2, 1, 0, 1, 3, 0, 1), [(7, 0)])),
        ("replace", ["id"], [], ((0, 0, 0, 0, 3, 0, 0), [])),
    ],
)
def test_a_second_load(
    warehouse: Warehouse, write: Write, key: list[str], second: list[Any], expected: tuple[tuple[int, ...], list[Any]]
) -> None:
    first = warehouse.load(FIRST, write=write, primary_key=key)
    assert counts(first.result) == (3, 3, 0, 0, 0, 0, 3)
    result = warehouse.load(second, write=write, primary_key=key).result
    assert (counts(result), warehouse.rows("SELECT id, v FROM shop.orders ORDER BY 1, 2")) == expected
    new = result.rows_inserted + result.rows_updated + result.rows_unchanged + result.rows_rejected
    assert result.rows_read == new


def test_the_newest_of_a_first_load_wins_over_its_pages(warehouse: Warehouse) -> None:
    outcome = warehouse.load([row(1, 1), row(1, 2)], [row(2, 1), row(1, 3)], primary_key="id")
    assert counts(outcome.result) == (4, 2, 0, 2, 0, 0, 2)
    assert warehouse.rows("SELECT id, v FROM shop.orders ORDER BY id") == [(1, 3), (2, 1)]


@pytest.mark.parametrize("key", [[], ["id"], ["id", "nested"], ["nested"], ["at"]])
def test_materializing_twice_changes_no_row(warehouse: Warehouse, key: list[str]) -> None:
    page = [
        {"id": n, "nested": {"b": [n, "x"], "a": {}}, "at": f"2024-01-0{n}t00:00:00z", "d": n / 3} for n in range(1, 6)
    ]
    warehouse.load(page, primary_key=key)
    before = warehouse.table()
    assert counts(warehouse.load(page, primary_key=key).result) == (5, 0, 0, 5, 0, 0, 5)
    assert warehouse.table() == before


def test_only_rows_that_changed_are_touched(warehouse: Warehouse) -> None:
    warehouse.load([row(1), row(2)], primary_key="id")
    before = warehouse.table()
    warehouse.load([row(1), row(2, 5)], primary_key="id")
    after = warehouse.table()
    assert before[0] == after[0]
    assert after[1][:2] == (2, 5) and after[1][4] > before[1][4]


KEYS = st.sampled_from([None, 0, 1, 2, 3])
LOADS = st.lists(st.lists(st.tuples(KEYS, KEYS, st.integers(0, 2)), min_size=1, max_size=6), min_size=1, max_size=3)


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(loads=LOADS)
def test_merge_by_a_composite_key_keeps_the_newest_of_each_key(tmp_path_factory: Any, loads: list[Any]) -> None:
    warehouse = Warehouse(tmp_path_factory.mktemp("merge"))
    expected: dict[tuple[int, int], int] = {}
    for number, load in enumerate(loads):
        records = [{"a": a, "b": b, "v": v, "always": [a, b]} for a, b, v in load]
        good = {(a, b): v for a, b, v in load if a is not None and b is not None}
        if not good:
            continue
        result = commit(warehouse, number, [records], primary_key=("a", "b"))
        assert result.rows_inserted == len(good.keys() - expected.keys())
        assert result.rows_updated == sum(expected[key] != v for key, v in good.items() if key in expected)
        assert result.rows_rejected == sum(a is None or b is None for a, b, _ in load)
        expected |= good
        assert result.row_count == len(expected)
    if expected:
        assert warehouse.rows("SELECT a, b, v FROM shop.orders ORDER BY a, b") == [
            (*k, expected[k]) for k in sorted(expected)
        ]


@pytest.mark.parametrize("write", ["merge", "append", "replace"])
def test_records_without_a_key_are_set_aside_with_the_reason(warehouse: Warehouse, write: Write) -> None:
    page = [
        {"Order ID": 1, "part": "a"},
        {"Order ID": None, "part": "b", "o": {"x": [1]}},
        {"part": "c"},
        {"Order ID": 2},
    ]
    outcome = warehouse.load(page, write=write, primary_key=["order_id", "part"])
    assert (outcome.result.rows_rejected, outcome.result.row_count) == (3, 1)
    columns = "load_id, source, endpoint, table_name, reason, record, __hevo_id, __hevo__ingested_at"
    rejected = warehouse.rows(f"SELECT {columns} FROM _rest_source.rejected_records")
    assert {entry[:5] for entry in rejected} == {
        (outcome.load_id, "shop", "orders", "shop.orders", "the primary key Order ID, part is null or missing")
    }
    stored = sorted((json.loads(entry[5]) for entry in rejected), key=str)
    assert stored == [{"Order ID": 2}, {"Order ID": None, "o": {"x": [1]}, "part": "b"}, {"part": "c"}]


@pytest.mark.parametrize(("nested", "key"), [("json", "a.id"), ("string", ["$.a.id", "v"])])
def test_a_key_within_an_object_names_the_lines_that_make_it_a_column(
    warehouse: Warehouse, nested: str, key: Any
) -> None:
    pages = [{"a": {"id": 1}, "v": 1}, {"a": {"id": 2}, "v": 1}]
    with pytest.raises(RestSourceError, match=r"`a.id` is no column: it is a field of `a`") as failure:
        warehouse.load(pages, primary_key=key, nested=nested)
    assert failure.value.id == "primary_key_missing"
    written = re.findall("`([^`]+: [^`]+)`", failure.value.remedy)
    assert warehouse.load(pages, **yaml.safe_load("\n".join(written))).result.row_count == 2


@pytest.mark.parametrize(
    ("key", "page", "message"),
    [
        ("idd", [row(1)], "Did you mean `id`"),
        ("gone", [row(1)], "`gone`"),
        ("id", [row(None), row(None)], "`id`"),
        (["a", "b"], [{"a": 1}, {"b": 1}], "at least one of these fields is null"),
    ],
)
def test_a_key_that_no_record_has_is_an_error_and_nothing_is_written(
    warehouse: Warehouse, key: Any, page: list[Any], message: str
) -> None:
    warehouse.load([row(5)], primary_key="id")
    before = warehouse.table(), warehouse.table("_rest_source.loads")
    with pytest.raises(RestSourceError, match="No record has a value for the primary key") as failure:
        warehouse.load(page, primary_key=key)
    assert failure.value.id == "primary_key_missing"
    assert message in str(failure.value)
    assert (warehouse.table(), warehouse.table("_rest_source.loads")) == before
    assert warehouse.rows("SELECT count(*) FROM _rest_source.rejected_records") == [(0,)]


@pytest.mark.parametrize("key", ["Order-ID", "order_id"])
def test_the_key_goes_by_the_field_or_by_its_column(warehouse: Warehouse, key: str) -> None:
    warehouse.load([{"Order-ID": 1, "v": 1}], primary_key=key)
    warehouse.load([{"Order-ID": 1, "v": 2}], primary_key=key)
    assert warehouse.rows("SELECT order_id, v FROM shop.orders") == [(1, 2)]


def test_the_default_key_may_be_written_out(warehouse: Warehouse) -> None:
    for _ in range(2):
        warehouse.load([row(1), row(2)], primary_key="__hevo_id")
    assert len(warehouse.table()) == 2


@pytest.mark.parametrize(
    ("first", "second", "ids"),
    [
        ([1, 2], ["2", "x"], ["1", "2", "x"]),
        (["1", "2"], [2, 3], ["1", "2", "3"]),
        ([1, 2], [2, 2**64], ["1", "18446744073709551616", "2"]),
        ([True], ["true", "x"], ["true", "x"]),
        (["2024-01-01"], ["2024-01-01", "x"], ["2024-01-01", "x"]),
        ([{"a": 1}], [{"a": 1}, "x"], ["x", '{"a":1}']),
    ],
)
def test_a_key_column_that_becomes_text_still_finds_its_rows(
    warehouse: Warehouse, first: list[Any], second: list[Any], ids: list[str]
) -> None:
    commit(warehouse, 1, [[row(key, 1) for key in first]], primary_key=("id",))
    commit(warehouse, 2, [[row(key, 2) for key in second]], primary_key=("id",))
    rows = warehouse.rows("SELECT id, v FROM shop.orders ORDER BY id")
    assert sorted(id for id, _ in rows) == ids
    assert dict(rows) == dict.fromkeys(ids, 1) | {text(key): 2 for key in second}


def text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def test_rows_left_by_the_default_key_are_healed_by_a_key(warehouse: Warehouse) -> None:
    for v in range(3):
        warehouse.load([row(1, v), row(2)])
    assert len(warehouse.table()) == 4
    result = warehouse.load([row(1, 2), row(2)], primary_key="id").result
    assert counts(result) == (2, 0, 1, 1, 0, 0, 2)
    assert warehouse.rows("SELECT id, v FROM shop.orders ORDER BY id") == [(1, 2), (2, 0)]


def test_a_load_is_recorded_with_all_its_facts(warehouse: Warehouse) -> None:
    before = datetime.now(UTC)
    warehouse.load([row(1), row(2)], primary_key="id")
    outcome = warehouse.load([row(1, 5), row(None)], [row(2), row(3)], primary_key="id")
    loads = warehouse.rows("SELECT * FROM _rest_source.loads ORDER BY committed_at")
    assert len(loads) == 2
    started, committed = loads[1][7:9]
    assert before <= started <= committed <= datetime.now(UTC)
    assert loads[1][:7] == (outcome.load_id, "shop", "orders", None, "shop.orders", "", "merge")
    assert loads[1][9:18] == (4, 1, 1, 1, 0, 1, 2, 2, outcome.bytes)
    assert outcome.bytes > 0 and loads[1][18] == outcome.stop_reason


FOREIGN = {
    "the table has other columns": "CREATE TABLE shop.orders (id BIGINT)",
    "the table is a view": "CREATE VIEW shop.orders AS SELECT 1 AS id",
    "the log has other columns": "CREATE SCHEMA _rest_source; CREATE TABLE _rest_source.loads (load_id DATE)",
    "the log is a view": "CREATE SCHEMA _rest_source; CREATE VIEW _rest_source.loads AS SELECT 1 AS a",
}


@pytest.mark.parametrize("made", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_commit_that_fails_leaves_nothing(warehouse: Warehouse, made: str) -> None:
    objects = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'shop' ORDER BY 1, 2"
    warehouse.execute(f"CREATE SCHEMA shop; {made}")
    before = warehouse.rows(objects)
    with pytest.raises(RestSourceError) as failure:
        warehouse.load([row(1)])
    assert failure.value.id == "destination_failed"
    assert "another program" in failure.value.cause
    assert warehouse.rows(objects) == before


@pytest.mark.parametrize("write", ["merge", "append", "replace"])
def test_a_commit_that_fails_at_its_last_step_leaves_the_table_as_it_was(warehouse: Warehouse, write: Write) -> None:
    warehouse.load([row(1)], write=write, primary_key="id")
    warehouse.execute("ALTER TABLE _rest_source.loads ALTER COLUMN pages SET DATA TYPE DATE USING NULL")
    before = warehouse.table(), warehouse.types(), warehouse.table("_rest_source.loads")
    with pytest.raises(RestSourceError, match="date" if warehouse.postgres else "DATE"):
        warehouse.load([{"id": 1, "v": "wider", "new": 1}, row(2)], write=write, primary_key="id")
    assert (warehouse.table(), warehouse.types(), warehouse.table("_rest_source.loads")) == before


INSTANTS = [f"2024-01-01T00:00:00{spelling}" for spelling in ("Z", ".000Z", "+00:00")]


@pytest.mark.parametrize("keys", [INSTANTS, [1, 1.0, 2.5]])
@pytest.mark.parametrize("write", ["merge", "replace"])
def test_a_key_spelled_in_several_ways_is_one_row(warehouse: Warehouse, write: Write, keys: list[Any]) -> None:
    for number in range(2):
        result = commit(warehouse, number, [[row(key, v) for v, key in enumerate(keys)]], write, primary_key=("id",))
    found = dict(warehouse.rows("SELECT id, v FROM shop.orders"))
    assert len(found) == len(warehouse.table()) == len({str(value) for value in found})
    assert sorted(found.values()) == ([2] if keys is INSTANTS else [1, 2])
    assert (result.rows_updated, result.rows_read) == (0, 3)


@pytest.mark.parametrize(
    ("first", "later", "ids"),
    [
        (INSTANTS[:1], [INSTANTS[1], "x"], [INSTANTS[0], "x"]),
        (INSTANTS[:1], [*INSTANTS, "x"], [INSTANTS[0], "x"]),
        (["2024-01-01T00:00:00.250Z"], ["2024-01-01 01:00:00.25+01:00", "x"], ["2024-01-01T00:00:00.250000Z", "x"]),
        ([1, 2.5], [1, 2.5, "x"], ["1", "2.5", "x"]),
        ([1.0, 2.5], [1.0, 2.5, 1, "x"], ["1", "2.5", "x"]),
        ([1e22, 0.00001], [1e22, 0.00001, "x"], ["1e+22", "1e-05", "x"]),
        ([1.0, 2.5], ["007", 2**53 + 1, 2**53 + 2, "1.x"], ["007", "1", "1.x", "2.5", str(2**53 + 1), str(2**53 + 2)]),
    ],
)
def test_a_key_column_that_became_text_keeps_one_spelling(
    warehouse: Warehouse, first: list[Any], later: list[Any], ids: list[str]
) -> None:
    """In the load that widens the column, and in every later one, whatever the type of that."""
    for number, keys in enumerate([first, later, later, first]):
        commit(warehouse, number, [[row(key, number) for key in keys]], primary_key=("id",))
        if number:
            assert [id for (id,) in warehouse.rows("SELECT id FROM shop.orders ORDER BY id")] == ids
    assert warehouse.rows("SELECT count(*) FROM shop.orders WHERE v = 3") == [(len(first),)]


def test_a_text_key_that_never_was_a_number_or_a_time_stays_as_sent(warehouse: Warehouse) -> None:
    ids = ["1", "1.0", "1.00", *sorted(INSTANTS)]
    for number in range(2):
        commit(warehouse, number, [[row(key) for key in [*ids, "x"]]], primary_key=("id",))
    commit(warehouse, 3, [[row(key) for key in INSTANTS]], primary_key=("id",))
    assert sorted(id for (id,) in warehouse.rows("SELECT id FROM shop.orders")) == sorted([*ids, "x"])


@pytest.mark.parametrize("key", [(), ("id",)])
def test_a_merge_heals_what_an_append_doubled(warehouse: Warehouse, key: tuple[str, ...]) -> None:
    for number in range(3):
        commit(warehouse, number, [[row(1), row(2)]], "append", primary_key=key)
    result = commit(warehouse, 3, [[row(1), row(3)]], primary_key=key)
    assert counts(result) == (2, 1, 1, 0, 0, 0, 5)
    assert warehouse.rows("SELECT id, count(*) FROM shop.orders GROUP BY id ORDER BY id") == [(1, 1), (2, 3), (3, 1)]
    assert counts(commit(warehouse, 4, [[row(2), row(3)]], primary_key=key)) == (2, 0, 1, 1, 0, 0, 3)


def test_a_commit_takes_the_time_once(warehouse: Warehouse) -> None:
    epoch_ms = "CAST(round(1000 * extract(epoch FROM {})) AS BIGINT)"
    outcome = warehouse.load([row(1), row(None), row(2)], primary_key="id")
    loaded = warehouse.rows("SELECT DISTINCT __hevo__loaded_at FROM shop.orders")
    assert loaded == warehouse.rows(f"SELECT {epoch_ms.format('committed_at')} FROM _rest_source.loads")
    assert loaded == warehouse.rows(f"SELECT {epoch_ms.format('rejected_at')} FROM _rest_source.rejected_records")
    assert outcome.result.rows_rejected == 1


def test_a_commit_shows_the_table_it_leaves(warehouse: Warehouse) -> None:
    warehouse.load([{"Id": n, "text": "x" * 1000} for n in range(9)], primary_key="Id")
    outcome = warehouse.load([{"Id": 8, "text": "short", "at": "2024-01-01T00:00:00Z"}], primary_key="Id")
    view = outcome.result.view
    assert [column.original for column in view.columns if not column.name.startswith("__")] == ["Id", "text", "at"]
    assert view.preview[0][:2] == ("8", "short") and view.preview[0][-1] == "2024-01-01 00:00:00+00"
    assert len(view.preview) == 5 and {len(line[1] or "") for line in view.preview} == {5, 61}
    assert "view" not in outcome.to_dict()
    assert outcome.result.plus(outcome.result).view == view


def test_a_preview_is_short_though_a_field_is_called_rowid(warehouse: Warehouse) -> None:
    view = warehouse.load([{"id": n, "rowid": 7} for n in range(9)], primary_key="id").result.view
    assert len(view.preview) == 5


def test_a_preview_that_fails_leaves_the_commit_a_success(warehouse: Warehouse, monkeypatch: Any) -> None:
    monkeypatch.setattr(view, "_PREVIEW_CHARACTERS", "'no number'")
    result = commit(warehouse, 1, [[row(1)]], "append")
    assert (result.rows_inserted, result.view.preview) == (1, ())
    assert [column.name for column in result.view.columns][:2] == ["id", "v"]


def test_a_load_that_is_known_already_shows_the_table(warehouse: Warehouse) -> None:
    committed = warehouse.load([row(1), row(2)]).result
    known = warehouse.destination.find_load("shop", "orders")
    assert known is not None
    assert (known.result.row_count, known.result.view) == (2, committed.view)


def test_a_file_of_an_earlier_release_gets_the_columns_it_has_not(warehouse: Warehouse) -> None:
    warehouse.load([row(1)], primary_key="id")
    for column in ("longest_record", "columns_widened", "total_reported"):
        warehouse.execute(f"ALTER TABLE _rest_source.loads DROP COLUMN {column}")
    assert warehouse.destination.read(ORDERS, None).num_rows == 1
    assert warehouse.load([row(1), row(2)], primary_key="id").result.row_count == 2
    assert warehouse.rows("SELECT longest_record > 0 FROM _rest_source.loads ORDER BY committed_at") == [
        (None,),
        (True,),
    ]


def test_records_of_any_length_can_be_read_again(warehouse: Warehouse) -> None:
    for load in range(2):
        records = [row(load * 2 + n, f"{n}" * 24_000_000) for n in range(2)]
        commit(warehouse, load, [records], primary_key=("id",))
    assert warehouse.destination.read(ORDERS, ["v"]).num_rows == 4
    assert warehouse.destination.duplicates(ORDERS, ()).rows == 4
    assert warehouse.destination.duplicates(ORDERS, ("id",)).repeated_keys == 0


def test_threads_wait_for_each_other_with_a_word_and_an_end(duckdb_warehouse: Warehouse, monkeypatch: Any) -> None:
    warehouse = duckdb_warehouse
    monkeypatch.setattr(connection, "_ANNOUNCE_AFTER", 0.05)
    monkeypatch.setattr(connection, "WAIT_SECONDS", 0.2)
    with connection.connect(warehouse.path, print), ThreadPoolExecutor(1) as threads:
        failure = threads.submit(commit, warehouse, 1, [[row(1)]]).exception(timeout=PATIENCE)
    assert isinstance(failure, RestSourceError)
    assert (failure.id, failure.retryable) == ("destination_locked", True)
    assert warehouse.said == ["Waiting for another load of this process, which has warehouse.duckdb open."]


def test_a_stage_that_fails_blames_no_other_program(warehouse: Warehouse) -> None:
    load = spooled(warehouse.folder / "spool", "load-1", [[row(1)]])
    load.segments[0].write_text('{"torn')
    with pytest.raises(RestSourceError) as failure:
        stage(load)
    assert failure.value.id == "stage_failed"
    assert "another program" not in str(failure.value)
    assert "--full-refresh" in failure.value.remedy


FULL_DISK = """
import resource, sys
from pathlib import Path
from rest_source.errors import RestSourceError
from rest_source.load.destination import LoadFacts
from rest_source_tests.loading import Warehouse, spooled, stage

warehouse = Warehouse(Path(sys.argv[1]))
records = [{"id": n, "v": f"{n * 7919 ** 5:x}" * 8} for n in range(30_000)]
staged = stage(spooled(warehouse.folder / "spool", "load-2", [records]))
limit = warehouse.path.stat().st_size + 300_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    warehouse.destination.commit(staged, LoadFacts("load-2", "shop", "orders", "append"), print)
except RestSourceError as error:
    print(error.id, error.retryable)
"""


def test_a_full_disk_leaves_the_table_as_it_was(duckdb_warehouse: Warehouse) -> None:
    warehouse = duckdb_warehouse
    commit(warehouse, 1, [[row(n, f"{n * 104729**5:x}" * 8) for n in range(30_000)]], "append")
    before = warehouse.rows("SELECT count(*), bit_xor(hash(o)) FROM shop.orders o")
    answer = run_python(FULL_DISK, str(warehouse.folder))
    assert answer == "destination_failed True"
    assert warehouse.rows("SELECT count(*), bit_xor(hash(o)) FROM shop.orders o") == before
    assert warehouse.rows("SELECT count(*) FROM _rest_source.loads") == [(1,)]


def run_python(program: str, *arguments: str) -> str:
    command: Sequence[str] = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "keys", [{"primary_key": "id"}, {}, {"primary_key": "id", "deletes": "mark"}, {"nested": "split"}]
)
def test_fields_may_be_called_as_anything_in_our_sql(warehouse: Warehouse, keys: dict[str, Any]) -> None:
    names = [*"abcdefghijklmnopqrstuvwxyz", "s_", "t_", "changes", "newest", "rowid", "destination", "stage", "records"]
    fixed = {"columns": dict.fromkeys(names, "JSON")} if "nested" in keys else {}
    page = [{"id": n, **{name: {"c0": [n], "id": 7, "rowid": 8} for name in names}} for n in range(3)]
    for _ in range(2):
        outcome = warehouse.load(page, **keys, **fixed)
    assert (outcome.result.rows_unchanged, outcome.result.row_count) == (3, 3)
    changed = warehouse.load([{**page[0], "x": [1]}, *page[1:]], **keys, **fixed).result
    assert (changed.row_count, changed.rows_unchanged) == (3 if "primary_key" in keys else 4, 2)
    fewer = warehouse.load(page[1:], **keys, **fixed).result
    assert fewer.rows_deleted == ("deletes" in keys)
