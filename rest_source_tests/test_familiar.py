"""Pages read into structs: the same lines, the same end and the same errors as pages read into dicts."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rest_source.demo.server import Call, Reply
from rest_source.errors import RestSourceError
from rest_source.extract import familiar, reading
from rest_source.extract.columns import Columns
from rest_source.extract.document import parse
from rest_source.extract.familiar import Familiar, FamiliarPage
from rest_source.extract.page import Page
from rest_source.extract.records import EncodedRecords, encode
from rest_source.http.request import Answer
from rest_source_tests.fakes import Api
from rest_source_tests.fakes.paged import Handler
from rest_source_tests.fakes.reading import lines, opened, read
from rest_source_tests.loading import Warehouse, serve, source_spec
from rest_source_tests.strategies import texts, values


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Structs are made for pages of any size, and tried on every one."""
    monkeypatch.setattr(familiar, "MANY", 1)
    monkeypatch.setattr(familiar, "_LONGEST_PAUSE", 0)


class Reader:
    """Reads pages by turns as `PageReader` does, and remembers whether the last one was familiar."""

    def __init__(self, steps: tuple[str, ...] = ("data",)) -> None:
        self.columns = Columns()
        self.steps = steps
        self.familiar = Familiar(self.columns, steps, "at")
        self.page: FamiliarPage | None = None

    def read(self, body: str) -> EncodedRecords:
        raw = body.encode("utf-8", "surrogatepass")
        self.page = self.familiar.read(raw)
        if self.page is not None and (encoded := self.page.encoded(17)) is not None:
            return encoded
        document = parse(Answer(200, "http://h/", {}, raw), "GET http://h/", str)
        records = document.value
        for step in self.steps:
            records = records[step]
        self.familiar.learn(document.value, len(records))
        return encode(records, self.columns, 17, document.exact)

    @property
    def is_familiar(self) -> bool:
        return self.page is not None


def usually(bodies: list[str]) -> tuple[list[EncodedRecords], Any]:
    """What pages are without structs."""
    columns, found = Columns(), []
    for body in bodies:
        document = parse(Answer(200, "http://h/", {}, body.encode("utf-8", "surrogatepass")), "GET http://h/", str)
        found.append(encode(document.value["data"], columns, 17, document.exact))
    return found, columns.tables()


def page(*records: str, **around: Any) -> str:
    fields = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in around.items()]
    return "{" + ", ".join([*fields, f'"data": [{", ".join(records)}]']) + "}"


_NUMBERS = "0 -0 7 -12 1.0 -0.0 2.50 1e3 9.5E+2 1E16 -2.5e300 5e-324 1e-7 1e400 9007199254740993 9223372036854775807"
_LONG = "18446744073709551616 0.12345678901234567890"
_ODD = ["null", "true", '"\\u0000"', '"\\ud800"', '"\\ud83d\\ude00"', '"\\/"', '{"a": 1, "a": {"b": [1E16]}}']
_DEEP = "[" * 120 + "]" * 120
texts_of_json = (
    st.sampled_from([*_NUMBERS.split(), *_LONG.split(), *_ODD, _DEEP])
    | values.map(json.dumps)
    | texts.map(lambda text: json.dumps(text, ensure_ascii=False))
)
fields = st.sampled_from(["id", "name", "ü", "z", "a b", 'q"', "Name", ""])


@st.composite
def similar_pages(draw: st.DrawFn) -> list[str]:
    """Pages whose records have few different fields, and few different values in each of them."""
    choices = draw(st.dictionaries(fields, st.lists(texts_of_json, min_size=1, max_size=3), min_size=1, max_size=4))
    of_field = {name: st.sampled_from(found) for name, found in choices.items()}
    record = st.fixed_dictionaries({}, optional=of_field).map(
        lambda record: f"{{{', '.join(f'{json.dumps(name)}: {value}' for name, value in record.items())}}}"
    )
    around = st.fixed_dictionaries({}, optional={"next": st.integers(0, 3), "meta": st.just({"a": 1.5})})
    found = draw(st.lists(st.tuples(st.lists(record, max_size=4), around), max_size=6))
    return [page(*records, **extra) for records, extra in found]


@given(similar_pages())
def test_pages_are_the_same_in_structs(bodies: list[str]) -> None:
    reader = Reader()
    assert [reader.read(body) for body in bodies] == usually(bodies)[0]
    assert reader.columns.tables() == usually(bodies)[1]


@given(similar_pages())
def test_what_surrounds_the_records_is_the_same(bodies: list[str]) -> None:
    reader = Reader()
    for body in bodies:
        reader.read(body)
        if reader.page is not None:
            document = json.loads(body)
            assert reader.page.document == document | {"data": []}
            assert reader.page.last == (document["data"] or [None])[-1]


FIRST = '{"id": 1, "at": "2024", "price": 1.5, "paid": true, "tags": ["a"], "of": {"b": 1, "a": 2.5}, "note": null}'


@pytest.mark.parametrize(
    "record",
    [
        FIRST,
        '{"of": {"a": 1}, "id": 9199999999999999999}',
        '{"id": null, "price": null, "paid": null, "tags": null, "of": null, "at": null}',
        '{"price": 9999999999999998.0, "at": "\\u00e9\\n\\"", "tags": [], "id": -0}',
        "{}",
    ],
)
def test_what_is_known_is_read_into_structs(record: str) -> None:
    reader = Reader()
    reader.read(page(FIRST, next=2))
    encoded = reader.read(page(record, FIRST, next=3))
    assert reader.is_familiar
    assert encoded == usually([page(record, FIRST)])[0][0]


@pytest.mark.parametrize(
    "body",
    [
        page('{"new": 1}'),
        page('{"note": "no longer null"}'),
        page('{"id": 1.0}'),
        page('{"id": "1"}'),
        page('{"id": true}'),
        page('{"price": 2}'),
        page('{"price": 1e16}'),
        page('{"of": {"a": -1e16}}'),
        page('{"paid": 1}'),
        page('{"paid": "true"}'),
        page('{"at": 2024}'),
        page('{"tags": {"a": 1}}'),
        page('{"of": [1]}'),
        page('{"id": 12345678901234567890}'),
        page('{"price": 0.12345678901234567890}'),
        page('{"at": "\\u0000"}'),
        page('{"at": "\\ud800"}'),
        page("null"),
        page("1"),
        page(FIRST, more=True),
        '{"data": {"id": 1}}',
        '{"data": null}',
        "{}",
        f"[{FIRST}]",
        page(FIRST) + "x",
        page('{"at": "\udcff"}'),
        page('{"tags": ' + "[" * 2000 + "]" * 2000 + "}"),
        "\ufeff" + page(FIRST),
        "",
    ],
)
def test_what_is_new_or_odd_is_not(body: str) -> None:
    reader = Reader()
    reader.read(page(FIRST, next=2))
    assert reader.familiar.read(body.encode("utf-8", "surrogatepass")) is None


def test_a_value_that_nests_too_deep_is_encoded_as_ever() -> None:
    reader, deep = Reader(), '{"tags": ' + "[" * 101 + "]" * 101 + "}"
    reader.read(page(FIRST))
    assert reader.read(page(deep)) == usually([page(FIRST), page(deep)])[0][1]
    assert reader.is_familiar


def test_a_value_that_can_just_be_read_is_encoded_as_ever() -> None:
    reader, deep = Reader(), nested(1, 100_000)
    reader.read(page('{"tags": []}'))
    found = reader.familiar.read(page('{"tags": []}').encode())
    assert found is not None
    setattr(found.records[0], "f0", deep)  # noqa: B010
    assert found.encoded(17) is None


@pytest.mark.parametrize("name", ['q"', "b\\", "\n", "", "ID"])
def test_names_that_are_escaped_or_stored_under_another_key_are_not_familiar(name: str) -> None:
    reader, body = Reader(), page(f'{{"id": 1, {json.dumps(name)}: 1}}')
    reader.read(body)
    reader.read(body)
    assert not reader.is_familiar


def test_the_cursor_is_read_from_structs() -> None:
    reader = Reader()
    reader.read(page(FIRST))
    found = reader.familiar.read(page('{"at": "2025", "id": 2}', '{"id": 3}', '{"at": null}').encode())
    assert found is not None
    assert found.cursors == [{"at": "2025"}, {}, {"at": None}]


@pytest.mark.parametrize(
    ("steps", "body"),
    [((), '[{"id": 1}]'), (("a", "b"), '{"n": 1, "a": {"b": [{"id": 1}], "m": [2]}}')],
)
def test_the_root_may_be_anywhere(steps: tuple[str, ...], body: str) -> None:
    reader = Reader(steps)
    encoded = reader.read(body)
    assert reader.read(body) == encoded
    assert reader.page is not None
    assert reader.page.document == json.loads(body.replace('{"id": 1}', ""))


def test_after_a_refusal_pages_pass_untried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(familiar, "_LONGEST_PAUSE", 4)
    tried: list[int] = []

    def refused(body: bytes) -> bool:
        tried.append(int(body))
        return True

    monkeypatch.setattr(familiar, "needs_exact", refused)
    reader = Reader()
    reader.read(page(FIRST))
    for number in range(20):
        reader.familiar.read(b"%d" % number)
    assert tried == [0, 2, 6, 11, 16]


PLAIN = {"pagination": {"type": "page_number"}}


@pytest.mark.parametrize(
    "keys",
    [
        {"nested": "flatten"},
        {"nested": "split"},
        {"exclude": ["$.secret"]},
        {"key_column": "name", "data_root": "$.data[*]"},
        {"data_root": "$..records"},
        {"pagination": {"type": "cursor", "value": "$.data[-1].id"}},
        {"pagination": {"type": "cursor", "value": "$..id", "from": "last_record"}},
        {"pagination": {"type": "cursor", "value": "$[*]", "from": "last_record"}},
        {"pagination": {"type": "cursor", "value": "$.next", "has_more": "$.data[0].more"}},
        {"pagination": {"type": "next_url", "path": "$.data.next"}},
        {"pagination": {"type": "page_number", "total_pages": "$..pages"}},
        {"pagination": {"type": "offset_limit", "total_records": "$"}},
        {"incremental": {"cursor": "$.data.at", "from": "response"}, "params": {"since": "{cursor}"}},
        {"incremental": {"cursor": "$.at[0]"}, "params": {"since": "{cursor}"}},
    ],
)
def test_an_endpoint_that_looks_into_its_records_or_changes_them_has_no_structs(keys: dict[str, Any]) -> None:
    assert (
        Familiar.of(source_spec("http://h", **{"data_root": "$.data", **PLAIN, **keys}).endpoints[0], Columns()) is None
    )


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"data_root": "$"},
        {"data_root": "$.data[*]"},
        {"pagination": {"type": "cursor", "value": "$.node.id", "from": "last_record"}},
        {"pagination": {"type": "page_number", "total_pages": {"header": "X-Pages"}}},
        {"pagination": {"type": "next_url", "path": "$.links.next"}},
        {"incremental": {"cursor": "$.meta.at"}, "params": {"since": "{cursor}"}},
    ],
)
def test_every_other_endpoint_has(keys: dict[str, Any]) -> None:
    endpoint = source_spec("http://h", **{"data_root": "$.data", **PLAIN, **keys}).endpoints[0]
    assert Familiar.of(endpoint, Columns()) is not None


# Whole series and loads


class Seen(NamedTuple):
    """What reading a series came to."""

    pages: list[Page]
    warnings: list[str]
    cursors: dict[str, Any]
    tables: Any
    error: dict[str, Any] | None


def seen(api: Api, endpoint: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *, structs: bool) -> tuple[Seen, int]:
    """A series as it is read with structs or without, and how many of its pages were read into some."""
    found: list[FamiliarPage] = []
    read_page = Familiar.read

    def noted(self: Familiar, body: bytes) -> FamiliarPage | None:
        page = read_page(self, body)
        found.extend([page] if page else [])
        return page

    with monkeypatch.context() as patched, opened(api.url, endpoint) as stream:
        patched.setattr(reading, "_now", lambda: 17)
        patched.setattr(Familiar, "read", noted if structs else lambda self, body: None)
        pages: list[Page] = []
        error = None
        try:
            pages.extend(stream)
        except RestSourceError as failure:
            error = failure.to_dict()
        return Seen(pages, stream.warnings, stream.cursors, stream.columns.tables(), error), len(found)


def nested(value: Any, levels: int) -> Any:
    for _ in range(levels):
        value = [value]
    return value


def row(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "at": f"2024-01-{number % 28 + 1:02}", "of": {"z": number / 3, "a": [number]}, **more}


def rows(start: int, count: int, make: Callable[[int], Any] = row) -> list[Any]:
    return [make(number) for number in range(start, start + count)]


def numbered(number: int, make: Callable[[int], Any] = row, at_most: int = 99, **around: Any) -> Handler:
    """`?page=1` of three records each, beside what is around them; behind `at_most` that page again."""

    def answer(call: Call) -> Reply:
        start = 3 * min(int(call.arg("page") or 1), at_most) - 3
        return Reply(json.dumps({**around, "data": rows(start, max(0, min(3, number - start)), make)}).encode())

    return answer


def after_the_last(make: Callable[[int], Any]) -> Handler:
    """`?after=2` is followed by three records."""

    def answer(call: Call) -> Reply:
        start = int(call.arg("after") or -1) + 1
        return Reply(json.dumps({"data": rows(start, max(0, min(3, 30 - start)), make)}).encode())

    return answer


def failing(page: str, document: Any, otherwise: Handler) -> Handler:
    return lambda call: Reply(json.dumps(document).encode()) if call.arg("page") == page else otherwise(call)


NUMBERED: dict[str, Any] = {"pagination": {"type": "page_number"}}
SINCE: dict[str, Any] = {"params": {"since": "{cursor}"}}
CHILDREN: dict[str, Any] = {"path": "/of/{parent.shop}", "parent": {"values": {"shop": ["a", "b", "c", "d"]}}}
DESCENDING = {"cursor": "$.at", "order": "desc", "initial": "2024-01-10"}


@pytest.mark.parametrize(
    ("endpoint", "handler"),
    [
        (NUMBERED, numbered(30)),
        (NUMBERED, numbered(30, at_most=5)),
        (NUMBERED, numbered(30, at_most=1)),
        (NUMBERED, numbered(30, lambda n: row(n, list=nested(1, 150 if n == 10 else 1)))),
        (NUMBERED, numbered(30, lambda n: row(n, list=nested(1, 600 if n == 20 else 1)))),
        (NUMBERED, failing("5", {"error": "quota"}, numbered(30, error=None))),
        (NUMBERED, failing("5", {"error": None, "data": [1, None, {"id": 1}]}, numbered(30, error=None))),
        ({"pagination": {"type": "page_number", "total_records": "$.total"}}, numbered(30, total=30)),
        ({"pagination": {"type": "page_number", "total_pages": "$.meta.pages"}}, numbered(30, meta={"pages": 4})),
        (
            {"pagination": {"type": "cursor", "value": "$.id", "from": "last_record", "param": "after"}},
            after_the_last(row),
        ),
        (NUMBERED | SINCE | {"incremental": {"cursor": "$.of.z"}}, numbered(30)),
        (
            NUMBERED | SINCE | {"incremental": DESCENDING},
            numbered(30, lambda n: row(n, at=f"2024-01-{29 - n % 28:02}")),
        ),
        (NUMBERED | SINCE | {"incremental": {"cursor": "$.meta.at", "from": "response"}}, numbered(30, meta={"at": 7})),
        (
            NUMBERED | SINCE | {"incremental": {"cursor": "$.id"}},
            numbered(30, lambda n: row(n, id="x" if n == 17 else n)),
        ),
        (NUMBERED | CHILDREN, numbered(9)),
        (NUMBERED | CHILDREN | {"parent": {**CHILDREN["parent"], "include": ["shop"]}}, numbered(9)),
        (CHILDREN, numbered(3, total=50, count=60)),
    ],
)
def test_a_series_is_the_same(
    api: Api, endpoint: dict[str, Any], handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.serve(handler)
    with_structs, familiar_pages = seen(api, endpoint, monkeypatch, structs=True)
    assert with_structs == seen(api, endpoint, monkeypatch, structs=False)[0]
    assert bool(familiar_pages) is not bool(endpoint.get("parent", {}).get("include"))


def test_a_cursor_whose_path_depends_on_the_order_of_fields_is_the_same(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = {"pagination": {"type": "cursor", "value": "$..id", "from": "last_record", "param": "after"}}
    api.serve(after_the_last(lambda n: {"node": {"id": n}, "author": {"id": 99 - n}}))
    with_structs, _ = seen(api, endpoint, monkeypatch, structs=True)
    assert with_structs == seen(api, endpoint, monkeypatch, structs=False)[0]
    assert sum(page.records.count for page in with_structs.pages) == 30


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The bodies that were read into dicts."""
    bodies: list[bytes] = []

    def counted(answer: Answer, *keys: Any) -> Any:
        bodies.append(answer.body)
        return parse(answer, *keys)

    monkeypatch.setattr(reading, "parse", counted)
    return bodies


def records(start: int, count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"id": n, "name": f"n{n}", "at": f"2024-01-{n:02}", **more} for n in range(start, start + count)]


def test_a_load_reads_into_dicts_only_what_is_new(warehouse: Warehouse, parsed: list[bytes]) -> None:
    pages = [records(1, 3), records(4, 3), records(7, 3, size=1), records(10, 3, size=2), records(13, 3, size=2.5)]
    outcome = warehouse.load(*pages)
    assert (outcome.result.rows_read, outcome.result.row_count) == (15, 15)
    assert warehouse.rows("SELECT id, name, size FROM shop.orders ORDER BY id") == [
        (record["id"], record["name"], record.get("size")) for found in pages for record in found
    ]
    assert [json.loads(body)["records"][0]["id"] for body in parsed] == [1, 7, 13]


def test_the_last_record_and_the_cursor_of_a_load_come_from_structs(parsed: list[bytes]) -> None:
    keys = {
        "data_root": "$.records",
        "pagination": {"type": "cursor", "value": "$.id", "from": "last_record", "param": "page"},
        "incremental": {"cursor": "$.at"},
        "params": {"since": "{cursor}"},
    }
    pages = [[{"id": 2, "at": "2024-01-01"}], [{"id": 3, "at": "2024-01-03"}], [{"id": 4, "at": "2024-01-02"}], []]
    with serve(*pages) as server:
        found = read(server.url, {"path": "/orders", **keys})
    assert (found.ids, found.reason) == ([2, 3, 4], "no_cursor")
    assert found.stream.cursors == {"": "2024-01-03"}
    assert len(parsed) == 1


def test_parts_of_a_large_answer_are_read_into_structs(
    warehouse: Warehouse, parsed: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rest_source.http.body.IN_MEMORY", 1000)
    monkeypatch.setattr(reading, "PART_SIZE", 500)
    rows = [{"id": number, "name": "x" * 40} for number in range(200)]
    outcome = warehouse.load(rows, pagination={"type": "none"}, path="/orders?page=1")
    assert (outcome.result.rows_read, sorted(warehouse.values("id"))) == (200, list(range(200)))
    assert outcome.pages == 1
    assert len(parsed) == 2, "the first part, and what is around the records"


def test_lines_are_in_the_order_of_the_answer() -> None:
    reader = Reader()
    reader.read(page('{"b": 1, "a": 2}'))
    assert lines(reader.read(page('{"b": 3}', '{"a": 4, "b": 5}')).data) == [{"b": 3}, {"a": 4, "b": 5}]
    assert reader.is_familiar


def test_a_root_that_is_not_there_is_read_as_ever() -> None:
    reader = Reader(("a", "b"))
    reader.read('{"n": 1, "a": {"b": [{"id": 1}]}}')
    assert reader.familiar.read(b'{"n": 1}') is None
    assert reader.familiar.read(b'{"n": 1, "a": {}}') is None


def test_a_field_that_was_null_and_is_again_is_familiar() -> None:
    reader = Reader()
    reader.read(page('{"id": 1}'))
    reader.read(page('{"id": 2, "note": null}'))
    reader.read(page('{"id": 3, "note": null}'))
    assert reader.is_familiar


def test_records_that_have_few_of_the_fields_get_no_struct_for_all() -> None:
    reader, wide = Reader(), ", ".join(f'"field_{number}": 1' for number in range(1000))
    reader.read(page(f"{{{wide}}}"))
    reader.read(page(f"{{{wide}}}"))
    assert reader.is_familiar
    reader.read(page(*[f'{{"field_{number}": 1}}' for number in range(1000)]))
    assert not reader.is_familiar


def test_a_small_page_makes_no_structs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(familiar, "MANY", 2)
    reader = Reader()
    for records, is_next_familiar in (([FIRST], False), ([FIRST, FIRST], True)):
        reader.read(page(*records))
        reader.read(page(FIRST))
        assert reader.is_familiar is is_next_familiar


def test_what_surrounds_the_records_may_vary() -> None:
    reader = Reader()
    reader.read(page(FIRST, next=1))
    reader.read(page(FIRST, more=True))
    for around in ({"next": 1}, {"more": False}, {"next": None, "more": True}, {}):
        reader.read(page(FIRST, **around))
        assert reader.is_familiar
