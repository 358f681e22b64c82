"""Tables under drift: a series of loads that change a table's shape step by step, and loads of any shape at all."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rest_source import PaginatorIOManager, build_definitions
from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.load.dialect import Dialect
from rest_source.load.duckdb.session import DUCKDB
from rest_source.load.postgres.dialect import POSTGRES
from rest_source.spec.base import shortened
from rest_source_tests.loading import METADATA, PageBody, Warehouse, commit, page_reply, source_spec
from rest_source_tests.strategies import Record, cut
from rest_source_tests.test_widening import SCALARS, same

MODES = ("json", "flatten", "split")
WIDEST = 1600
Rows = list[Record]


@pytest.fixture(autouse=True)
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REST_SOURCE_STATE", str(tmp_path / "state"))


# The series


@dataclass(frozen=True)
class Step:
    """One load of one record, and what becomes of the table.

    `added` has the new columns with their types, and `widened` the columns that get another type, with that type and
    what becomes of the values there are, by `id`. `row` is the record as it is stored, without nulls. `children` has
    the new columns of child tables, and `elements` the rows there.
    """

    what: str
    record: Record | None
    row: Record = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)
    widened: Mapping[str, tuple[str, str, Mapping[int, Any]]] = field(default_factory=dict)
    children: tuple[str, ...] = ()
    elements: Mapping[str, Rows] = field(default_factory=dict)


LONG = "x" * 199
FIRST: Record = {
    "Id": 0,
    "gone": "x",
    "count": 1,
    "price": 0.5,
    "day": "2024-01-02",
    "place": 7,
    "owner": {"name": "ada"},
}
WORDS: Record = {"select": 1, "order": "o", "table": True, "rowid": 9, "user": 0.5, "__hevo_id": "mine"}


def steps(nested: str, longest_name: int | None) -> Iterator[Step]:
    """The series for a way to store nested values; all but two of its loads change the table."""
    split, json = nested == "split", nested == "json"
    owner = {"owner": '{"name":"ada"}'} if json else {"owner_name": "ada"}
    of_owner = {"owner": "JSON"} if json else {"owner_name": "VARCHAR"}
    values = {"count": 1, "price": 0.5, "day": date(2024, 1, 2), "place": 7, **owner}
    types = {"count": "BIGINT", "price": "DOUBLE", "day": "DATE", "place": "BIGINT", **of_owner}
    yield Step("first", FIRST, {"id": 0, "gone": "x", **values}, {"id": "BIGINT", "gone": "VARCHAR", **types})
    yield Step("new column", {"Id": 1, "extra": True}, {"id": 1, "extra": True}, {"extra": "BOOLEAN"})
    yield Step("vanished column", {**FIRST, "Id": 2, "gone": None}, {"id": 2, **values})
    decimal = {"count": ("BIGINT", "DOUBLE", {0: 1.0, 2: 1.0})}
    yield Step("int to decimal", {"Id": 3, "count": 1.5}, {"id": 3, "count": 1.5}, widened=decimal)
    text = {"price": ("DOUBLE", "VARCHAR", {0: "0.5", 2: "0.5"})}
    yield Step("decimal to text", {"Id": 4, "price": "n/a"}, {"id": 4, "price": "n/a"}, widened=text)
    text = {"day": ("DATE", "VARCHAR", {0: "2024-01-02", 2: "2024-01-02"})}
    yield Step("date to text", {"Id": 5, "day": "soon"}, {"id": 5, "day": "soon"}, widened=text)
    rome = {"Id": 6, "place": {"city": "Rome"}}
    if json:
        text = {"place": ("BIGINT", "VARCHAR", {0: "7", 2: "7"})}
        yield Step("scalar to object", rome, {"id": 6, "place": '{"city":"Rome"}'}, widened=text)
    else:
        yield Step("scalar to object", rome, {"id": 6, "place_city": "Rome"}, {"place_city": "VARCHAR"})
    owners, listed = {"Id": 7, "owner": [{"name": "bob"}, 2]}, '[{"name":"bob"},2]'
    if split:
        columns = ("orders_owner.name", "orders_owner.value")
        elements: Rows = [{"name": "bob"}, {"value": 2}]
        yield Step("object to array", owners, {"id": 7}, children=columns, elements={"orders_owner": elements})
    else:
        yield Step("object to array", owners, {"id": 7, "owner": listed}, {} if json else {"owner": "JSON"})
    names = {shortened(f"{LONG}a", longest_name): 1, shortened(f"{LONG}b", longest_name): 2, "column": 3}
    record = {"Id": 8, f"{LONG}a": 1, f"{LONG}b": 2, "ü" * 100: 3}
    yield Step("names of 200 bytes", record, {"id": 8, **names}, dict.fromkeys(names, "BIGINT"))
    words = {f"{name}_2" if name == "__hevo_id" else name: value for name, value in WORDS.items()}
    added = dict(zip(words, ("BIGINT", "VARCHAR", "BOOLEAN", "BIGINT", "DOUBLE", "VARCHAR"), strict=True))
    yield Step("reserved words", {"Id": 9, **WORDS}, {"id": 9, **words}, added)
    row, added = {"id": 10, "id_2": "A", "count_2": 2}, {"id_2": "VARCHAR", "count_2": "BIGINT"}
    yield Step("names that differ in case", {"Id": 10, "ID": "A", "COUNT": 2}, row, added)
    yield Step("an empty load", None)


@pytest.mark.parametrize("nested", MODES)
def test_a_table_follows_an_api_that_drifts(warehouse: Warehouse, nested: str) -> None:
    """Types, values, what is reported, and the check `schema`, after each load in turn; at last the widest table."""
    state = State(nested)
    for step in steps(nested, limits(warehouse).longest_name):
        follow(warehouse, state, step)
    if nested == "json":  # the width is a matter of seconds, and the same for all
        widen_to_the_limit(warehouse, state)


def widen_to_the_limit(warehouse: Warehouse, state: "State") -> None:
    # PostgreSQL counts the metadata columns too, and a row of 1,600 numbers fits none of its pages.
    most = limits(warehouse).most_columns
    widest = WIDEST if most is None else most - len(METADATA)
    wide = {f"f{number}": True for number in range(widest - len(state.types))}
    follow(warehouse, state, Step("1,600", {"Id": 11, **wide}, {"id": 11, **wide}, dict.fromkeys(wide, "BOOLEAN")))
    before = dump(warehouse)
    for record in ({"Id": 12, "one_more": 1}, {f"g{number}": 1 for number in range(WIDEST + 1)}):
        with pytest.raises(RestSourceError, match=r"more than 1600|would have 1601 columns; 1600") as failure:
            load(warehouse, record, state.nested)
        assert (failure.value.id, "`nested: json`" in failure.value.remedy) == ("too_many_columns", True)
    assert dump(warehouse) == before


@pytest.mark.parametrize("nested", ["json", "split"])
def test_a_frozen_table_stays_as_it_is_whatever_the_step(warehouse: Warehouse, nested: str) -> None:
    first, *later = steps(nested, limits(warehouse).longest_name)
    load(warehouse, first.record, nested, schema_change="freeze")
    columns, before, content = warehouse.types(), dump(warehouse), file_content(warehouse)
    lets_through = []
    for step in later:
        try:
            load(warehouse, step.record, nested, schema_change="freeze")
        except RestSourceError as error:
            assert error.id == "schema_frozen", step.what  # noqa: PT017
            assert (dump(warehouse), file_content(warehouse) == content) == (before, True), step.what
        else:
            lets_through.append(step.what)
            before, content = dump(warehouse), file_content(warehouse)
        assert warehouse.types() == columns, step.what
    # An array fits a column of JSON, where nested values have one.
    assert lets_through == ["vanished column", *(["object to array"] if nested == "json" else []), "an empty load"]


def limits(warehouse: Warehouse) -> Dialect:
    return POSTGRES if warehouse.postgres else DUCKDB


def file_content(warehouse: Warehouse) -> bytes:
    """What not even an update of equal values may change; a server may write whenever it likes."""
    return b"" if warehouse.postgres else warehouse.path.read_bytes()


@dataclass
class State:
    """What the table is to be by now."""

    nested: str
    types: dict[str, str] = field(default_factory=dict)
    rows: Rows = field(default_factory=list)
    elements: dict[str, Rows] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)


def follow(warehouse: Warehouse, state: State, step: Step) -> None:
    """Load a step, and compare everything with what is stated."""
    result = load(warehouse, step.record, state.nested).result
    changes = (f"{name}: {before} to {type_}" for name, (before, type_, _) in step.widened.items())
    widened = warehouse.columns_widened(*changes)
    first = not state.types
    state.types |= {**step.added, **{name: type_ for name, (_, type_, _) in step.widened.items()}}
    for name, (_, _, values) in step.widened.items():
        for row in state.rows:
            if row["id"] in values:
                row[name] = values[row["id"]]
    state.rows += [step.row] if step.row else []
    state.elements |= {name: list(rows) for name, rows in step.elements.items()}
    added = (*step.added, *step.children)
    state.changes += [] if first else [*(f"new column {name}" for name in added), *widened]
    missing = tuple(name for name in state.types if name not in step.row) if step.row else ()
    found = (result.columns_added, result.columns_widened, result.columns_missing, warehouse.business_types())
    assert found == (added, widened, missing, state.types), step.what
    assert stored(warehouse, "orders", list(state.types), "id") == state.rows, step.what
    assert result.child_tables == {name: len(rows) for name, rows in state.elements.items()}, step.what
    for name, rows in state.elements.items():
        assert stored(warehouse, name, list(warehouse.business_types(table=name)), "__hevo_index") == rows
    assert told(warehouse, state.nested) == (not state.changes, state.changes), step.what


def load(warehouse: Warehouse, record: Record | None, nested: str, **keys: Any) -> Any:
    return warehouse.load([] if record is None else [record], nested=nested, primary_key="Id", **keys)


def stored(warehouse: Warehouse, table: str, columns: Sequence[str], order: str) -> Rows:
    """The rows of a table without nulls and metadata."""
    names = [name for name in columns if name not in ("__hevo_ref_id", "__hevo_index")]
    listed = ", ".join(f'"{name}"' for name in names)
    rows = warehouse.rows(f"SELECT {listed} FROM shop.{table} ORDER BY {order}")
    return [{name: value for name, value in zip(names, row, strict=True) if value is not None} for row in rows]


def told(warehouse: Warehouse, nested: str) -> tuple[bool, list[str]]:
    """Whether the check `schema` passes, run alone, and the changes that it names."""
    spec = source_spec("http://localhost", nested=nested, primary_key="Id")
    definitions = build_definitions(spec, PaginatorIOManager(destination=warehouse.url))
    checks = dg.AssetSelection.checks_for_assets(dg.AssetKey(["shop", "orders"]))
    quiet = dg.Definitions(jobs=[dg.define_asset_job("checks", checks)], loggers={"console": dg.json_console_logger})
    job = dg.Definitions.merge(definitions, quiet).resolve_job_def("checks")
    result = job.execute_in_process(run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}})
    (found,) = (check for check in result.get_asset_check_evaluations() if check.check_name == "schema")
    changes = re.findall(r"since [-0-9]+ [0-9:]+ UTC: (.*?)(?=; since|\. If)", found.description or "")
    return found.passed, [change for listed in changes for change in listed.split(", ")]


_FOUND, _PLACES = "schema_name, table_name", "table_schema, table_name"
_OURS = "WHERE table_schema IN ('shop', '_rest_source') ORDER BY 1, 2"


def dump(warehouse: Warehouse) -> dict[str, Any]:
    """All tables of the file, those of the system too, with all their columns and rows."""
    if warehouse.postgres:
        columns = warehouse.rows(f"SELECT {_PLACES}, column_name, data_type FROM information_schema.columns {_OURS}, 3")
        tables = warehouse.rows(f"SELECT {_PLACES} FROM information_schema.tables {_OURS}")
    else:
        columns = warehouse.rows(f"SELECT {_FOUND}, column_name, data_type, comment FROM duckdb_columns()")
        tables = warehouse.rows(f"SELECT {_FOUND}, comment FROM duckdb_tables()")
    names = [f"{schema}.{name}" for schema, name, *_ in tables]
    rows = {name: sorted(warehouse.rows(f"SELECT * FROM {name}"), key=str) for name in names}
    return {"columns": columns, "tables": tables, "rows": rows}


# Loads of any shape

# Without dots, in which a flattened name may be read in two ways.
NAMES = st.sampled_from(
    ["a", "A", "a ", "a_2", "", "value", "rowid", "RowId", "__hevo_id", "__hevo_ref_id", "select", "path", "c0"]
) | st.sampled_from(['q"', "q'", "\\", "[0]", "é", "\U0001f600", "\t", "__hevo_index"])
ANY = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.lists(st.dictionaries(NAMES, ANY, max_size=4), min_size=1, max_size=4)


@settings(max_examples=6)
@given(loads=st.lists(RECORDS, min_size=1, max_size=3), size=st.integers(1, 3))
@example(loads=[[{"a": [{"rowid": 1}, {"rowid": 1}]}], [{"a": [{"rowid": 1, "a": [1]}]}]], size=1)
@pytest.mark.parametrize("nested", ["flatten", "split"])
def test_any_records_come_back_from_any_loads(
    tmp_path_factory: pytest.TempPathFactory, nested: str, loads: list[Rows], size: int
) -> None:
    warehouse = Warehouse(tmp_path_factory.mktemp("any"))
    sent: dict[int, Record] = {}
    for number, records in enumerate(loads):
        pages = cut([{**record, "n": 10 * number + place} for place, record in enumerate(records)], size)
        commit(warehouse, number, pages, nested=nested, primary_key=["n"])
        sent |= {record["n"]: record for page in pages for record in page}
    tables = read(warehouse)
    rows = {row["n"]: row for row in tables["orders"].rows}
    assert rows.keys() == sent.keys()
    for key, record in sent.items():
        compare(tables, "orders", record, rows[key], nested)


@dataclass
class Found:
    """A table: its columns with type and original name, its rows, and its child tables by the field of their array."""

    types: dict[str, str]
    originals: dict[str, str]
    rows: Rows
    children: dict[str, str]


def read(warehouse: Warehouse) -> dict[str, Found]:
    """Every table of the source."""
    tables: dict[str, Found] = {}
    sql = "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE schema_name = 'shop'"
    for table, name, type_, original in warehouse.rows(f"{sql} ORDER BY table_name, column_index"):
        found = tables.setdefault(table, Found({}, {}, [], {}))
        found.types[name] = type_
        found.originals |= {} if original is None else {name: original}
    for table, found in tables.items():
        rows = warehouse.rows(f"SELECT * FROM shop.{table}")
        found.rows = [dict(zip(found.types, row, strict=True)) for row in rows]
        found.children = {path: name for name, path in warehouse.children(table)}
    return tables


def compare(tables: dict[str, Found], table: str, record: Record, row: Record, nested: str) -> None:
    """Whether a row, with the rows of child tables that belong to it, holds its record and nothing else."""
    found = tables[table]
    leaves = {".".join(path): value for path, value in flat(record, ()) if value is not None}
    arrays = {path: leaves.pop(path) for path in list(leaves) if nested == "split" and isinstance(leaves[path], list)}
    assert leaves.keys() <= set(found.originals.values())
    for name, original in found.originals.items():
        assert same(leaves.get(original), row[name], found.types[name]), (table, original, record, row)
    assert {path for path, elements in arrays.items() if elements} <= found.children.keys()
    for path, child in found.children.items():
        elements = arrays.get(path, [])
        held = [item for item in tables[child].rows if item["__hevo_ref_id"] == row["__hevo_id"]]
        held.sort(key=lambda item: int(item["__hevo_index"]))
        assert [item["__hevo_index"] for item in held] == list(range(len(elements)))
        for element, item in zip(elements, held, strict=True):
            compare(tables, child, element if isinstance(element, dict) else {"value": element}, item, nested)


def flat(record: Record, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from flat(value, (*path, name))
        else:
            yield (*path, name), value


@settings(max_examples=5)
@given(first=RECORDS, later=RECORDS)
@example(first=[{"a": [None]}], later=[{"a": [1]}])
@pytest.mark.parametrize("nested", ["split"])
def test_a_load_that_freeze_stops_leaves_no_trace_and_any_other_no_new_column(
    tmp_path_factory: pytest.TempPathFactory, nested: str, first: Rows, later: Rows
) -> None:
    warehouse = Warehouse(tmp_path_factory.mktemp("frozen"))
    keys: dict[str, Any] = {"nested": nested, "write": "append"}
    warehouse.load([{"n": 1, **record} for record in first], **keys)
    before = dump(warehouse)
    sent = [{"n": 1, **record} for record in later]
    try:
        result = warehouse.load(sent, **keys, schema_change="freeze").result
    except RestSourceError as error:
        assert error.id == "schema_frozen"  # noqa: PT017
        assert dump(warehouse) == before
    else:
        assert result.rows_inserted == len(later)
        assert dump(warehouse)["columns"] == before["columns"]
    assert warehouse.load(sent, **keys, schema_change="ignore").result.rows_inserted == len(later)
    assert names_of(dump(warehouse)) == names_of(before)


def names_of(found: dict[str, Any]) -> list[tuple[str, ...]]:
    return [column[:3] for column in found["columns"]]


# Rows that disappear

IDS = st.frozensets(st.integers(1, 6), max_size=4)
PASSES = st.lists(st.tuples(IDS, IDS, st.sampled_from(["whole", "whole", "interrupted", "doubtful"])), max_size=6)


@settings(max_examples=6)
@given(passes=PASSES)
@example(passes=[({1, 2}, {3}, "whole"), ({1}, {3}, "interrupted"), (set(), {2}, "whole"), (set(), set(), "whole")])
@example(passes=[({1, 2}, {3}, "whole"), ({1}, {3}, "doubtful"), ({1}, {3}, "whole"), ({2}, {3}, "whole")])
def test_what_is_marked_is_what_the_last_whole_pass_did_not_return(
    tmp_path_factory: pytest.TempPathFactory, passes: Sequence[tuple[set[int], set[int], str]]
) -> None:
    """Each pass has two pages; one that is interrupted after the first is gone on with by the next."""
    warehouse = Warehouse(tmp_path_factory.mktemp("marks"))
    present: set[int] = set()
    marked: set[int] = set()
    spooled: set[int] | None = None
    with Passes() as api:
        for one, two, kind in passes:
            read = one if spooled is None else spooled
            if not api.load(warehouse, one, two, kind):
                spooled = read
            else:
                returned = read | two if kind == "whole" else read
                present |= returned
                is_sure = kind == "whole" and returned and read != two  # equal pages are doubtful
                marked = present - returned if is_sure else marked - returned
                spooled = None
            if present:
                assert marks(warehouse, "orders", "id") == {id: id in marked for id in present}
                assert marks(warehouse, "orders_t", "value") == {id: id in marked for id in present}


class Passes:
    """An API of two pages that are others in each pass."""

    def __init__(self) -> None:
        self.pages: list[PageBody] = []
        self.server = LoopbackServer(self.answer)

    def __enter__(self) -> "Passes":
        self.server.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.server.__exit__(*error)

    def answer(self, call: Call) -> Reply:
        number = int(call.arg("page") or 1)
        return page_reply(self.pages[number - 1], number, number == 2)

    def load(self, warehouse: Warehouse, one: set[int], two: set[int], kind: str) -> bool:
        """Whether the pass went through."""
        failures = {"interrupted": Reply({}, 500), "doubtful": Reply({"error": "over quota"})}
        self.pages = [records(one), failures.get(kind, records(two))]
        try:
            warehouse.load_from(self.server.url, nested="split", primary_key="id", deletes="mark")
        except RestSourceError as error:
            assert (error.id, kind) == ("http_500", "interrupted")  # noqa: PT017
            return False
        return True


def records(ids: set[int]) -> Rows:
    return [{"id": id, "rowid": 7, "t": [id]} for id in sorted(ids)]


def marks(warehouse: Warehouse, table: str, column: str) -> dict[int, bool]:
    return dict(warehouse.rows(f"SELECT {column}, __hevo__marked_deleted FROM shop.{table}"))
