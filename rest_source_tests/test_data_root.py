"""The data root: which parts of an answer are the records."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonpath_ng.ext.parser import parse as jsonpath_ng

from rest_source.demo.server import Call, LoopbackServer, Reply
from rest_source.errors import RestSourceError
from rest_source.extract.data_root import DataRoot, find_roots, with_fields
from rest_source.spec.jsonpath import compile_path, step_to
from rest_source_tests.fakes import Api, scripted
from rest_source_tests.fakes.paged import Handler
from rest_source_tests.fakes.reading import ids, read
from rest_source_tests.loading import Warehouse
from rest_source_tests.strategies import documents, names

SHOP = {
    "data": {"items": [{"id": 1, "kind": "a"}, {"id": 2, "kind": "b"}, {"id": 3, "kind": "a"}]},
    "order items": [{"id": 4}],
    "@odata.value": [{"id": 5}],
    "größe": [{"id": 6}],
    "a.b": {"c": [{"id": 7}]},
    "pages": [{"items": [{"id": 8}]}, {"items": []}, {"items": [{"id": 9}]}, {"items": None}, {}],
    "map": {"2024-01-01": {"id": 10}, "New York": {"id": 11}, "none": None},
    "it's": [{"id": 12}],
}


def records(document: Any, path: str = "$", first_page: bool = True, **keys: Any) -> list[dict[str, Any]]:
    keys = {"optional": False, "key_column": None, **keys}
    return DataRoot(compile_path(path), exclude=(), **keys).records(document, first_page)


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("$.data.items", [1, 2, 3]),
        ("$.data.items[*]", [1, 2, 3]),
        ("$['data']['items']", [1, 2, 3]),
        ('$["data"].items[*]', [1, 2, 3]),
        ("data.items", [1, 2, 3]),
        ("$.data.items[0]", [1]),
        ("$.data.items[-1]", [3]),
        ("$.data.items[1:]", [2, 3]),
        ("$.data.items[0:2]", [1, 2]),
        ("$.data.items[?(@.kind == 'a')]", [1, 3]),
        ("$.data.items[?(@.id > 1)]", [2, 3]),
        ("$['order items']", [4]),
        ("$['@odata.value']", [5]),
        ("$.größe", [6]),
        ("$['a.b'].c[*]", [7]),
        ('$["it\'s"]', [12]),
        ("$.pages[*].items", [8, 9]),
        ("$.pages[*].items[*]", [8, 9]),
        ("$.pages[0:1].items[*]", [8]),
        ("$.map.*", [10, 11]),
        ("$.map[*]", [10, 11]),
        ("$.data..items[*]", [1, 2, 3]),
        ("$..c[*]", [7]),
        ("$..items", [1, 2, 3, 8, 9]),
    ],
)
def test_paths(path: str, ids: list[int]) -> None:
    assert [record["id"] for record in records(SHOP, path)] == ids


@pytest.mark.parametrize(
    ("document", "path", "found"),
    [
        ({"id": 1}, "$", [{"id": 1}]),
        ([{"id": 1}, {"id": 2}], "$", [{"id": 1}, {"id": 2}]),
        ([{"id": 1}], "$[*]", [{"id": 1}]),
        ({"a": {"id": 1}}, "$.a", [{"id": 1}]),
        (7, "$", [{"value": 7}]),
        ("x", "$", [{"value": "x"}]),
        ({"a": [1, "b", True, 0.5]}, "$.a", [{"value": 1}, {"value": "b"}, {"value": True}, {"value": 0.5}]),
        ({"a": [[1, 2], [3]]}, "$.a", [{"value": [1, 2]}, {"value": [3]}]),
        ({"a": [None, {"id": 1}, None]}, "$.a", [{"id": 1}]),
        ({"a": [None, {"id": 1}, None]}, "$.a[*]", [{"id": 1}]),
        (None, "$", []),
        (None, "$.a.b", []),
        ({"a": None}, "$.a", []),
        ([], "$", []),
        ({}, "$", [{}]),
        ({"a": False}, "$.a", [{"value": False}]),
        ({"a": ""}, "$.a", [{"value": ""}]),
    ],
)
def test_what_becomes_a_record(document: Any, path: str, found: list[Any]) -> None:
    assert records(document, path) == found


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"a": []}, "$.a"),
        ({"a": []}, "$.a[*]"),
        ({"a": None}, "$.a[*]"),
        ({"a": {}}, "$.a[*]"),
        ({"a": {}}, "$.a.*"),
        ({"a": None}, "$.a.*"),
        ({"a": []}, "$.a[0:5]"),
        ({"a": [1]}, "$.a[3:]"),
        ({"a": []}, "$.a[?(@.b == 1)]"),
        ({"a": [{"b": 2}, {"b": None}, {}, None, 5]}, "$.a[?(@.b == 1)]"),
        ({"a": None}, "$.a[?(@.b == 1)]"),
        ({"x": {"a": []}}, "$..a[*]"),
        ({"x": [{"a": []}]}, "$.x[0].a[*]"),
        ({"a": []}, "$.a[*].b[*]"),
        ({"a": []}, "$.a[*].b"),
        ({"a": []}, "$.a[*].b.c"),
        ({"a": [{"b": []}]}, "$.a[*].b[*]"),
        ([], "$[*]"),
    ],
)
def test_an_empty_collection_is_found_and_empty(document: Any, path: str) -> None:
    assert records(document, path) == []


MISSING = [
    ({"data": []}, "$.date"),
    ({"data": []}, "$.data.items"),
    ({"data": []}, "$.items[*]"),
    ({"data": []}, "$.items.*"),
    ({"data": []}, "$.items[0:2]"),
    ({"data": []}, "$.items[?(@.a == 1)]"),
    ({"data": []}, "$..items"),
    ({"data": []}, "$..items[*]"),
    ({"data": []}, "$.data[0]"),
    ({"data": "maintenance"}, "$.data[*]"),
    ({"data": 5}, "$.data[?(@.a == 1)]"),
    ({"data": [{"a": 1}]}, "$.data[*].items"),
    ([], "$.data"),
    ("text", "$.data"),
    ({}, "$.data"),
]


@pytest.mark.parametrize(("document", "path"), MISSING)
def test_a_root_that_is_not_there_is_an_error_on_page_1_only(document: Any, path: str) -> None:
    with pytest.raises(RestSourceError) as caught:
        records(document, path)
    assert caught.value.id == "data_root_not_found"
    assert path in caught.value.message
    assert records(document, path, first_page=False) == []
    assert records(document, path, optional=True) == []


@pytest.mark.parametrize(
    ("document", "listed", "remedy"),
    [
        (
            {"result": {"hits": [{}, {}]}, "errors": []},
            "$.result.hits (2 objects); $.errors (0 objects)",
            "$.result.hits",
        ),
        ({"order items": [1]}, "$['order items'] (1 values)", "$['order items']"),
        ([{"id": 1}], "$ (1 objects)", "$"),
        ({"id": 1}, "$ (one object)", "$"),
        ("down", "none, the answer is text", "$"),
        (True, "none, the answer is a boolean", "$"),
    ],
)
def test_the_error_lists_the_roots_found(document: Any, listed: str, remedy: str) -> None:
    with pytest.raises(RestSourceError) as caught:
        records(document, "$.dta.x")
    assert f"Roots found: {listed}." in caught.value.cause
    assert f"`data_root: {remedy}`" in caught.value.remedy
    assert "`data_root_optional: true`" in caught.value.remedy


@given(documents)
def test_every_root_found_is_a_path_that_works(document: Any) -> None:
    for path, _ in find_roots(document, limit=50):
        found = compile_path(path).find(document)
        assert len(found) == 1
        assert isinstance(found[0], list | dict)


@given(st.text(min_size=0, max_size=6), documents)
def test_a_step_to_any_key_is_a_path_to_it(name: str, value: Any) -> None:
    assert compile_path(f"$.outer{step_to(name)}").find({"outer": {name: value, "other": 1}}) == [value]


@given(st.lists(st.sampled_from(["a", "b", "c d", "é", "1"]), max_size=4), st.booleans(), st.data())
def test_the_short_cut_finds_what_jsonpath_ng_finds(steps: list[str], every: bool, data: st.DataObject) -> None:
    keys = st.sampled_from(["a", "b", "c d", "é", "1"])
    document = data.draw(
        st.recursive(
            st.none() | st.integers() | st.text(max_size=3),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
            max_leaves=20,
        )
    )
    text = "$" + "".join(f"['{step}']" for step in steps) + ("[*]" if every else "")
    path = compile_path(text)
    assert path.steps is not None
    assert path.find(document) == [match.value for match in jsonpath_ng(text).find(document)]


@pytest.mark.parametrize(
    ("document", "path", "found"),
    [
        (
            {"data": {"CA": {"n": 1}, "New York": {"n": 2}}},
            "$.data.*",
            [{"state": "CA", "n": 1}, {"state": "New York", "n": 2}],
        ),
        (
            {"2024-01-01": 5, "17": None, "x.y": [1, {"n": 2}]},
            "$.*",
            [
                {"state": "2024-01-01", "value": 5},
                {"state": "x.y", "value": 1},
                {"state": "x.y", "n": 2},
            ],
        ),
        ({"data": {"it's": {}, "": {}, "*": {}}}, "$.data[*]", [{"state": "it's"}, {"state": ""}, {"state": "*"}]),
        ({"data": [{"n": 1}, {"n": 2}]}, "$.data[*]", [{"state": "0", "n": 1}, {"state": "1", "n": 2}]),
        ({"data": {}}, "$.data.*", []),
    ],
)
def test_a_keyed_map(document: Any, path: str, found: list[Any]) -> None:
    assert records(document, path, key_column="state") == found


@given(st.dictionaries(st.text(max_size=6), st.fixed_dictionaries({"n": st.integers()}), max_size=5))
def test_keys_arrive_letter_by_letter(document: dict[str, Any]) -> None:
    found = records({"data": document}, "$.data.*", key_column="the key")
    assert found == [{"the key": key, **record} for key, record in document.items()]


PHONES = [{"n": 1, "x": 2}, 7, None]


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        ("email", {"id": 1, "a.b": 3, "user": {"mail": "m", "phones": PHONES}, "a": {"b": 4, "c": 5}}),
        (["email", "$.user"], {"id": 1, "a.b": 3, "a": {"b": 4, "c": 5}}),
        (["email", "user.phones.x", "a"], {"id": 1, "a.b": 3, "user": {"mail": "m", "phones": [{"n": 1}, 7, None]}}),
        (["email", "user.mail.x", "id.x", "a.b"], {"id": 1, "user": {"mail": "m", "phones": PHONES}, "a": {"c": 5}}),
    ],
)
def test_excluded_fields(api: Api, exclude: Any, left: dict[str, Any]) -> None:
    user = {"mail": "m", "phones": PHONES}
    api.serve(scripted({"data": [{"id": 1, "email": "e", "a.b": 3, "user": user, "a": {"b": 4, "c": 5}}]}))
    assert read(api.url, {"exclude": exclude}).records == [left]


@given(st.lists(st.dictionaries(names, documents, max_size=3), max_size=4), st.lists(names, max_size=3))
def test_excluding_leaves_the_document_alone(items: list[dict[str, Any]], exclude: list[str]) -> None:
    root = DataRoot(compile_path("$"), False, None, tuple(tuple(name.split(".")) for name in exclude))
    before = deepcopy(items)
    for record in root.without_excluded(root.records(items, first_page=True)):
        assert not set(record) & set(exclude)
    assert items == before


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (b'{"data": [{"id": 12345678901234567890123}]}', ["12345678901234567890123"]),
        (b'\xef\xbb\xbf{"data": [{"id": 1}]}', [1]),
        ('{"data": [{"id": "\u00fc"}]}'.encode("utf-16"), ["\u00fc"]),
        (b" null ", []),
    ],
)
def test_documents_in_odd_dress(api: Api, answer: bytes, found: list[Any]) -> None:
    api.serve(scripted(answer))
    assert read(api.url, {}).ids == found


def test_excluded_fields_are_found_in_fields_whose_names_hold_dots() -> None:
    root = DataRoot(compile_path("$"), False, None, (("a", "b", "c", "d"),))
    found: list[dict[str, Any]] = [
        {"a.b": {"c": {"d": 1, "e": 2}}, "a": {"b.c": {"d": 1}}},
        {"a.b.c": [{"d": 1}], "a": {"b": {"c.d": 1}}},
    ]
    left = [{"a.b": {"c": {"e": 2}}, "a": {"b.c": {}}}, {"a.b.c": [{}], "a": {"b": {}}}]
    assert root.without_excluded(found) == left


def test_ids_are_of_the_record_without_excluded_fields(api: Api) -> None:
    api.serve(scripted({"data": [{"id": 1, "email": "a"}, {"id": 1, "email": "b"}]}))
    assert len(set(ids(read(api.url, {"exclude": "email"}).pages[0].records.data))) == 1


@pytest.mark.parametrize("text", ["", "$.", "$[", "$.a[?(@.x]", "$.a..", "$.a b"])
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not JSONPath.* Write a path such as \$\.data\.items"):
        compile_path(text)


@pytest.mark.parametrize("record", [{"state": "x", "state_2": "y"}, {"state_2": "y", "state": "x"}])
def test_a_key_column_displaces_no_other_field(record: dict[str, Any]) -> None:
    assert with_fields(record, {"state": "key"}) == {"state": "key", "state_3": "x", "state_2": "y"}


# What an answer says beside the root


@pytest.mark.parametrize("failed", [{"errors": [{"message": "busy"}]}, {"error": "busy"}, {"error": {"code": 1}}])
@pytest.mark.parametrize("data", [{"items": None}, None])
def test_null_beside_an_error_is_an_error(api: Api, failed: dict[str, Any], data: Any) -> None:
    api.serve(scripted({"data": data, **failed}))
    with pytest.raises(RestSourceError) as caught:
        read(api.url, {"data_root": "$.data.items"})
    assert caught.value.id == "data_root_null"
    assert f"beside `{next(iter(failed))}`" in caught.value.message


@pytest.mark.parametrize(
    "failed",
    [
        *({}, {"errors": []}, {"error": None}, {"error": False}, {"error": "0"}, {"error": "None"}),
        *({"error": {"code": "ok", "message": "", "log_id": "7"}}, {"error": {"code": 0, "message": ""}}),
    ],
)
def test_null_alone_is_no_records(api: Api, failed: dict[str, Any]) -> None:
    api.serve(scripted({"data": {"items": None}, **failed}))
    assert read(api.url, {"data_root": "$.data.items"}).records == []


PAGINATIONS = [
    {"type": "cursor", "value": "$.next"},
    {"type": "next_url", "path": "$.next"},
    {"type": "page_number", "has_more": "$.more"},
]


@pytest.mark.parametrize("pagination", PAGINATIONS)
def test_null_after_an_answer_that_said_there_is_more_is_an_error(api: Api, pagination: dict[str, Any]) -> None:
    first = {"data": [{"id": 1}], "next": "/2", "more": True}
    api.serve(scripted(first, {"data": None, "next": None, "more": False}))
    with pytest.raises(RestSourceError) as caught:
        read(api.url, {"pagination": pagination}, limits={"concurrency": 1})
    assert caught.value.id == "data_root_null"
    api.serve(scripted(first, {"data": None, "next": None, "more": False}))
    assert read(api.url, {"pagination": pagination, "data_root_optional": True}, limits={"concurrency": 1}).ids == [1]


def test_an_answer_that_is_null_after_one_that_named_the_next_page_is_an_error(api: Api) -> None:
    api.serve(scripted(Reply([{"id": 1}], headers={"X-Next-Page": "2"}), Reply(b"null")))
    with pytest.raises(RestSourceError) as caught:
        read(api.url, {"data_root": "$", "pagination": {"type": "page_number"}}, limits={"concurrency": 1})
    assert caught.value.id == "data_root_null"


@pytest.mark.parametrize("root", ["$", "$[*]", "$[0:50]"])
def test_an_object_with_errors_in_the_place_of_a_list_is_an_error(api: Api, root: str) -> None:
    api.serve(scripted([{"id": 1}], {"errors": ["busy"]}))
    with pytest.raises(RestSourceError) as caught:
        read(api.url, {"data_root": root, "pagination": {"type": "page_number"}}, limits={"concurrency": 1})
    assert caught.value.id == "data_root_null"


@pytest.mark.parametrize("root", ["$[*]", "$[0:50]"])
def test_an_object_with_errors_where_the_root_selects_from_a_list_is_an_error(api: Api, root: str) -> None:
    api.serve(scripted({"errors": ["busy"]}))
    with pytest.raises(RestSourceError) as caught:
        read(api.url, {"data_root": root})
    assert caught.value.id == "data_root_null"


def test_an_object_without_errors_in_the_place_of_a_list_is_an_empty_page(api: Api) -> None:
    api.serve(scripted([{"id": 1}], {"message": "no more"}))
    assert read(
        api.url, {"data_root": "$", "pagination": {"type": "page_number"}}, limits={"concurrency": 1}
    ).records == [{"id": 1}]


@pytest.mark.parametrize(
    ("document", "root", "meant"),
    [
        ({"status": "ok", "result": {"orders": [{"id": 1}]}}, "$", "$.result.orders"),
        ({"count": 2, "items": [{"id": 1}, None]}, "$", "$.items"),
        ({"data": {"total": 1, "rows": [{"id": 1}], "names": ["a"]}}, "$.data", "$.data.rows"),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_a_root_that_is_a_wrapper_is_told(
    api: Api, document: dict[str, Any], root: str, meant: str, late: bool
) -> None:
    first: list[Any] = [{"data": {}}] if late else []
    api.serve(scripted(*first, document, {"data": {"end": True}}, {"data": {"end": True}}))
    result = read(api.url, {"data_root": root, "pagination": {"type": "page_number"}}, limits={"concurrency": 1})
    assert f"Did you mean `data_root: {meant}`?" in result.warnings[0]


@pytest.mark.parametrize(
    ("document", "keys"),
    [
        ({"id": 1, "lines": [{"sku": 1}]}, {}),
        ({"number": 1, "lines": [{"sku": 1}]}, {"primary_key": "number"}),
        ({"a": [{"b": 1}], "c": [{"d": 1}]}, {}),
        ({"tags": ["a"]}, {}),
        ({"lines": []}, {}),
    ],
)
def test_a_record_that_is_meant_is_not(api: Api, document: dict[str, Any], keys: dict[str, Any]) -> None:
    api.serve(scripted(document))
    assert read(api.url, {"data_root": "$", **keys}).warnings == []


def test_an_optional_root_that_is_missing_beside_a_list_is_told(api: Api) -> None:
    api.serve(scripted({"items": [{"id": 1}]}))
    (warning,) = read(api.url, {"data_root": "$.itms", "data_root_optional": True}).warnings
    assert "Did you mean `data_root: $.items`?" in warning


@pytest.mark.parametrize(
    ("root", "count", "last"),
    [
        ("$.items", 4, {"id": 4, "kind": "b"}),
        ("$.items[*]", 4, {"id": 4, "kind": "b"}),
        ("$.items[?(@.kind == 'a')]", 4, {"id": 4, "kind": "b"}),
        ("$.items[0:1]", 4, {"id": 4, "kind": "b"}),
        ("$.items[?(@.kind == 'a')].own", 4, {"value": 1}),
        ("$.items[*].own", 4, {"value": 1}),
        ("$.map.*", 2, {"id": 6}),
        ("$.one", 1, {"id": 7}),
        ("$.groups[*].items[*]", 3, {"id": 10}),
        ("$.none", 0, None),
    ],
)
def test_paging_counts_what_the_api_returned(root: str, count: int, last: Any) -> None:
    document = {
        "items": [{"id": 1, "kind": "a", "own": 1}, None, {"id": 3, "kind": "b"}, {"id": 4, "kind": "b"}],
        "map": {"a": {"id": 5}, "b": {"id": 6}},
        "one": {"id": 7},
        "groups": [{"items": [{"id": 8}, {"id": 9}]}, {"items": []}, {"items": [{"id": 10}]}],
        "none": [],
    }
    root_of = DataRoot(compile_path(root), optional=False, key_column=None, exclude=())
    selected = root_of.select(document, first_page=True)
    assert (len(selected.returned), selected.last) == (count, last)


PAGED: dict[str, Any] = {"data_root": "$.data.items", "pagination": {"type": "page_number"}, "primary_key": "id"}
BROKEN = [
    {"errors": [{"message": "timeout"}], "data": {"items": []}},
    {"exception": "TimeoutException", "data": {"items": []}},
    {"status": "error", "message": "Internal"},
    {"status": "error", "data": {"items": []}},
    {"success": False, "message": "db"},
    {"code": 40100, "msg": "the account is locked", "data": {}},
    {"result": "fail", "reason": "x"},
    {"resourceType": "OperationOutcome", "issue": []},
    {"errors": [{"message": "timeout on shard 2"}], "data": {"items": [{"id": 11}]}},
]


def page_or(broken: dict[str, Any]) -> Handler:
    def answer(call: Call) -> Reply:
        number = int(call.arg("page") or 1)
        whole = {"ok": True, "code": 0, "data": {"items": [{"id": 10 * number + n} for n in range(10)]}}
        return Reply(broken if number == 2 else whole if number <= 3 else {"data": {"items": []}})

    return answer


@pytest.mark.parametrize("broken", BROKEN)
def test_an_error_in_the_midst_of_a_series_is_told(warehouse: Warehouse, broken: dict[str, Any]) -> None:
    with LoopbackServer(page_or(broken)) as server:
        try:
            told = warehouse.load_from(server.url, **PAGED).warnings
        except RestSourceError as error:
            told = (str(error),)
    assert told and "on_error: [{json: $." in told[0]


@pytest.mark.parametrize("broken", BROKEN)
def test_such_an_error_marks_nothing_as_deleted_and_empties_no_table(
    warehouse: Warehouse, broken: dict[str, Any]
) -> None:
    full = page_or({"data": {"items": [{"id": 5}]}})
    for keys in ({"deletes": "mark"}, {"write": "replace", "pagination": {"type": "none"}, "name": "all"}):
        with LoopbackServer(full) as server:
            before = warehouse.load_from(server.url, **{**PAGED, **keys}).result.row_count
        answer = (lambda call: Reply(broken)) if "write" in keys else page_or(broken)
        with LoopbackServer(answer) as server:
            try:
                outcome = warehouse.load_from(server.url, **{**PAGED, **keys})
            except RestSourceError:
                continue
        assert outcome.warnings
        assert "write" in keys or outcome.result.rows_deleted == 0, before


@pytest.mark.parametrize(
    "last",
    [
        *({"code": 0, "data": {"items": []}}, {"code": 200}, {"message": "no more"}, {"ok": True}),
        *({"code": 1, "msg": "success", "data": {"items": []}}, {"code": "10000", "message": "OK."}),
    ],
)
def test_the_words_of_an_ordinary_end_are_no_error(warehouse: Warehouse, last: dict[str, Any]) -> None:
    with LoopbackServer(page_or(last)) as server:
        assert warehouse.load_from(server.url, **PAGED).warnings == ()
