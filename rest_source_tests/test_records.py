"""Records as the spool holds them: the canonical id, every digit, and one key for each column."""

import hashlib
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rest_source.errors import RestSourceError
from rest_source.extract.columns import MAX_COLUMNS, Columns
from rest_source.extract.document import Document, LongNumber, needs_exact, parse
from rest_source.extract.records import EncodedRecords, encode, hevo_id
from rest_source.http.request import Answer
from rest_source_tests.fakes.reading import ids, lines
from rest_source_tests.strategies import Record, integers, names, records, texts, values


def document(body: bytes | str) -> Document:
    raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    return parse(Answer(200, "http://h/", {}, raw), "GET http://h/", str)


def spooled(found: list[Record], exact: bool = False, columns: Columns | None = None) -> EncodedRecords:
    return encode(found, columns or Columns(), 17, exact)


def received(*bodies: str, columns: Columns | None = None) -> tuple[list[Record], list[str], Columns]:
    """The spooled records and ids of an answer that holds these records, and its columns."""
    columns = columns or Columns()
    parsed = document(f"[{','.join(bodies)}]")
    encoded = encode(parsed.value, columns, 17, parsed.exact)
    return lines(encoded.data), ids(encoded.data), columns


def canonical(record: Any) -> str:
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# The id


@given(st.lists(records, max_size=5))
def test_the_id_is_the_hash_of_the_canonical_record(found: list[Record]) -> None:
    assert ids(spooled(found).data) == [digest(canonical(record)) for record in found]


@given(st.lists(records, max_size=5))
def test_the_exact_path_gives_ordinary_records_the_same_id_and_lines(found: list[Record]) -> None:
    exact, fast = spooled(found, exact=True), spooled(found, exact=False)
    assert (exact.count, exact.digest) == (fast.count, fast.digest)
    assert ids(exact.data) == ids(fast.data)
    assert lines(exact.data) == lines(fast.data)
    assert list(map(hevo_id, found)) == ids(spooled(found).data)


@given(st.lists(records, max_size=3), st.sampled_from(["9" * 25, '"\\u0000"', '"\\ud800"']))
def test_a_neighbour_on_the_page_changes_no_id(found: list[Record], neighbour: str) -> None:
    _, alone, _ = received(*map(json.dumps, found))
    _, together, _ = received(*map(json.dumps, found), f'{{"odd": {neighbour}}}')
    assert together[:-1] == alone


@given(records, st.randoms())
def test_the_order_of_keys_does_not_matter(record: Record, random: Any) -> None:
    shuffled = list(record.items())
    random.shuffle(shuffled)
    assert ids(spooled([dict(shuffled)]).data) == ids(spooled([record]).data)
    assert ids(spooled([dict(shuffled)], exact=True).data) == ids(spooled([record]).data)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('{ "b" : 1 , "a" : "\\u00e9\\/" }', '{"a":"é/","b":1}'),
        ('{"é": 1, "z": 2, "\\ud83d\\ude00": 3, "\\uffee": 4}', '{"z":2,"é":1,"\uffee":4,"😀":3}'),
        ('{"a": 1.0, "b": 100, "c": 0.10, "d": -0.0, "e": 1E2}', '{"a":1.0,"b":100,"c":0.1,"d":-0.0,"e":100.0}'),
        ('{"a": 9223372036854775807, "b": -9223372036854775808}', '{"a":9223372036854775807,"b":-9223372036854775808}'),
        ('{"a": 1E16, "b": -2.50e300, "c": 1e-7}', '{"a":1e+16,"b":-2.5e+300,"c":1e-7}'),
        ('{"a": 12345678901234567890123}', '{"a":12345678901234567890123}'),
        ('{"a": 0.1234567890123456789}', '{"a":0.1234567890123456789}'),
        ('{"a": {"b": [1e400, -18446744073709551616]}}', '{"a":{"b":[1e400,-18446744073709551616]}}'),
        ('{"a": "x\\u0000y\\n\\u001f"}', '{"a":"x\\u0000y\\n\\u001f"}'),
        ("{}", "{}"),
    ],
)
def test_ids_by_hand(body: str, text: str) -> None:
    assert received(body)[1] == [digest(text)]


# What the spool holds


@given(st.lists(records, max_size=5))
def test_lines_give_the_records_back(found: list[Record]) -> None:
    # Columns that differ only in case stand under another key; the columns know which.
    columns = Columns()
    encoded = spooled(found, columns=columns)
    keys_back = {column.key: name for name, column in columns.by_name.items()}
    again = [{keys_back.get(key, key): value for key, value in line.items()} for line in lines(encoded.data)]
    assert [drop_nulls(record) for record in again] == [drop_nulls(record) for record in found]
    assert encoded.count == len(found)
    assert encoded.longest == max((len(line) + 1 for line in encoded.data.split(b"\n")[:-1]), default=0)


def drop_nulls(record: Record) -> Record:
    return {key: value for key, value in record.items() if value is not None}


@given(st.lists(records, max_size=4), st.booleans())
def test_no_two_keys_of_a_line_differ_only_in_case(found: list[Record], exact: bool) -> None:
    columns = Columns()
    shouted = [{key.upper(): value for key, value in record.items()} | record for record in found]
    encoded = spooled(shouted, exact, columns)
    assert len({column.key.lower() for column in columns.by_name.values()}) == len(columns.by_name)
    for line in encoded.data.split(b"\n")[:-1]:
        canonical, stored = line.split(b"\t")[1:]
        pairs = json.loads(stored or canonical, object_pairs_hook=list)
        keys = [key.lower() for key, value in pairs if value is not None]
        assert len(keys) == len(set(keys))


@given(values)
def test_bodies_parse_alike_on_both_paths(value: Any) -> None:
    body = json.dumps(value)
    assert document(f"[{body}]").value == document(f'[{body}, "\\u0000"]').value[:-1] == [value]


@pytest.mark.parametrize(
    "text",
    [
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "1234567890123456789012345678901234567890",
        "0.1234567890123456789",
        "-123456789012345678.5",
        "1.234567890123456789e-5",
        "123456789012345678E3",
        "1e400",
        "-1E+999",
        "9" * 5000,
    ],
)
def test_long_numbers_keep_every_digit(text: str) -> None:
    found, _, columns = received(f'{{"n": {text}, "deep": {{"n": [{text}]}}, "m": 1}}')
    assert found == [{"n": text, "deep": f'{{"n":[{text}]}}', "m": 1}]
    kinds = {name: column.kinds for name, column in columns.by_name.items()}
    assert kinds == {"n": {"long"}, "deep": {"object", "encoded"}, "m": {"integer"}}


@given(st.integers() | st.integers(-(10**40), 10**40) | integers)
def test_integers_of_any_size(value: int) -> None:
    found, found_ids, _ = received(f'{{"n":{value}}}')
    assert found == [{"n": value if -(2**63) <= value < 2**63 else str(value)}]
    assert found_ids == [digest(f'{{"n":{value}}}')]


@given(st.integers(-(10**24), 10**24), st.text("0123456789", min_size=1, max_size=25), st.integers(-99, 99))
def test_decimals_of_any_length(whole: int, fraction: str, exponent: int) -> None:
    text = f"{whole}.{fraction}" + (f"e{exponent}" if exponent else "")
    found, found_ids, _ = received(f'{{"n":{text}}}')
    digits = text.lower().partition("e")[0].replace("-", "").replace(".", "").lstrip("0")
    if len(digits) > 17:
        assert (found, found_ids) == ([{"n": text}], [digest(f'{{"n":{text}}}')])
    else:
        assert found == [{"n": float(text)}]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_comes_back(value: float) -> None:
    assert received(json.dumps({"n": value}))[0] == [{"n": value}]


@given(texts, st.integers(0, 30))
def test_digits_in_text_are_no_numbers(text: str, count: int) -> None:
    body = {"a": text + "9" * count, "b" + "7" * count: [text, "1" * count]}
    assert received(json.dumps(body))[0] == [body]


@pytest.mark.parametrize("body", [b"[1, 2]", b'{"id": 1234567890123456}', b'{"card": 4111111111111111}', b"1.5e300"])
def test_ordinary_pages_take_the_fast_path(body: bytes) -> None:
    assert not needs_exact(body)


@pytest.mark.parametrize("before", range(8))
@pytest.mark.parametrize(
    "number", ["9" * 20, "9300000000000000000", "1.00000000000000001", "1" * 18 + "e3", "1" * 18 + "E3"]
)
def test_long_numbers_are_found_wherever_they_stand(before: int, number: str) -> None:
    body = f'{{"{"x" * before}":{number}}}'.encode()
    assert needs_exact(body)
    assert not needs_exact(body.replace(number[:18].encode(), b"1234567"))


_any = st.sampled_from([None, 1, 1.5, True, "x", [1], {"y": 1}])
_unlike = st.lists(st.dictionaries(st.sampled_from(["a", "A", "b"]), _any), max_size=6)
_alike = st.lists(st.fixed_dictionaries({"a": _any, "A": _any, "b": _any}), max_size=6)


@given(_unlike | _alike)
def test_a_page_is_noted_as_its_records_one_by_one_are(found: list[Record]) -> None:
    at_once, by_one = Columns(), Columns()
    page = spooled(found, columns=at_once)
    each = [spooled([record], columns=by_one) for record in found]
    assert at_once.tables() == by_one.tables()
    assert lines(page.data) == [line for one in each for line in lines(one.data)]


@pytest.mark.parametrize("first", [1, 1500])
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("nested", ["json", "flatten", "split"])
def test_small_records_take_little_memory(first: int, exact: bool, nested: str) -> None:
    wide: Record = {f"f{number}": 1 for number in range(first)}
    page: list[Record] = [wide, *({"f1": 1} for _ in range(20_000))]
    tracemalloc.start()
    try:
        encode(page, Columns(), 17, exact, nested)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


# What no database holds


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ('{"a": "x\\u0000y"}', {"a": "x\\u0000y"}),
        ('{"a": "\\ud800"}', {"a": "\\ud800"}),
        ('{"a": "\\udc00\\ud800 \\ud83d\\ude00"}', {"a": "\\udc00\\ud800 😀"}),
        ('{"a\\u0000": 1, "b\\ud83d": 2}', {"a\\u0000": 1, "b\\ud83d": 2}),
        ('{"a": [{"\\u0000": "\\udfff"}]}', {"a": [{"\\u0000": "\\udfff"}]}),
        ('{"a": "\\\\u0000"}', {"a": "\\u0000"}),
    ],
)
def test_nul_and_lone_surrogates_become_text(body: str, found: Record) -> None:
    first, first_ids, _ = received(body)
    assert first == [found]
    assert received(body)[1] == first_ids
    assert len(first_ids[0]) == 64


# Nesting


def nested(levels: int, opening: str = '{"a":', closing: str = "}") -> str:
    return opening * levels + "1" + closing * levels


@pytest.mark.parametrize("wrap", [nested, lambda n: nested(n, "[", "]")])
@pytest.mark.parametrize("exact", ["1", "9" * 30])
def test_deep_values_are_kept_as_text(wrap: Callable[[int], str], exact: str) -> None:
    shallow, deep = wrap(100), wrap(101)
    found, _, columns = received(f'{{"ok": {shallow}, "deep": {deep}, "n": {exact}}}')
    assert found[0]["ok"] == json.loads(shallow)
    assert found[0]["deep"] == deep
    assert columns.by_name["deep"].kinds >= {"deep", "encoded"}
    assert "deep" not in columns.by_name["ok"].kinds


@pytest.mark.parametrize("levels", [300, 1100, 100_000])
@pytest.mark.parametrize("number", ["1", "9" * 30])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_values_deeper_than_any_table_are_an_error(levels: int, number: str, opening: str) -> None:
    body = f'{{"n": {number}, "a": {nested(levels, opening, "]" if opening == "[" else "}")}}}'
    with pytest.raises(RestSourceError) as caught:
        received(body)
    assert caught.value.id == "too_deep"


# Columns


def test_names_that_differ_only_in_case() -> None:
    columns = Columns()
    first, _, _ = received('{"id": 1, "ID": 2, "Id": null}', columns=columns)
    second, _, _ = received('{"Id": 3, "ID": 4, "__column_2": 5}', '{"ID": 6}', columns=columns)
    keys = {name: column.key for name, column in columns.by_name.items()}
    assert first[0][keys["id"]] == 1
    assert first[0][keys["ID"]] == 2
    assert [second[0][keys[name]] for name in ("Id", "ID", "__column_2")] == [3, 4, 5]
    assert second[1] == {keys["ID"]: 6}
    assert list(columns.by_name) == ["id", "ID", "Id", "__column_2"]


@pytest.mark.parametrize("name", ["__hevo_id", "__hevo__ingested_at", "__HEVO_ID", "", "__null"])
@pytest.mark.parametrize("exact", [False, True])
def test_reserved_names(name: str, exact: bool) -> None:
    columns = Columns()
    record = {name: "mine", "__hevo_id": None, "__hevo__ingested_at": None} | {name: "mine"}
    encoded = spooled([record, {name: None}], exact, columns)
    assert ids(encoded.data)[0] == digest(canonical(record))
    assert lines(encoded.data)[0][columns.by_name[name].key] == "mine"
    assert [line.split(b"\t")[0] for line in encoded.data.splitlines()] == [b"17", b"17"]


def test_columns_appear_with_their_first_value() -> None:
    _, _, columns = received(
        '{"a": null, "b": 1}', '{"c": 0, "a": false}', '{"b": 1.5, "d": []}', '{"b": "x", "d": {}}'
    )
    assert {name: sorted(column.kinds) for name, column in columns.by_name.items()} == {
        "b": ["integer", "number", "string"],
        "c": ["integer"],
        "a": ["boolean"],
        "d": ["array", "object"],
    }
    assert list(columns.by_name) == ["b", "c", "a", "d"]


@pytest.mark.parametrize("exact", [False, True])
def test_as_many_columns_as_a_table_takes(exact: bool) -> None:
    columns = Columns()
    spooled([{f"c{n}": n for n in range(MAX_COLUMNS)} | {"empty": None}], exact, columns)
    assert len(columns.by_name) == 1600
    with pytest.raises(RestSourceError) as caught:
        spooled([{"one more": 1}], exact, columns)
    assert caught.value.id == "too_many_columns"
    assert "`nested: json`" in caught.value.remedy


@given(st.lists(st.dictionaries(names, values, max_size=4), max_size=6), st.integers(0, 6))
def test_columns_survive_the_journal(found: list[Record], place: int) -> None:
    whole, before, after = Columns(), Columns(), Columns()
    spooled(found, columns=whole)
    spooled(found[:place], columns=before)
    after.load(json.loads(json.dumps(before.take_changed())))
    assert after.take_changed() == before.take_changed() == []
    spooled(found[place:], columns=after)
    assert [column.to_json() for column in after.by_name.values()] == [c.to_json() for c in whole.by_name.values()]


# Documents


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"a": NaN}', b'{"a": Infinity}', b"[1,]", b'{"a": 01}', b"\xff\xfe\x00"]
)
def test_what_is_not_json_is_an_error(body: bytes) -> None:
    with pytest.raises(RestSourceError):
        document(body)


@pytest.mark.parametrize("number", ["1", "9" * 30])
def test_the_last_of_equal_keys_wins(number: str) -> None:
    assert received(f'{{"a": 1, "a": 2, "n": {number}}}')[0][0]["a"] == 2


def test_long_numbers_are_known_by_their_text() -> None:
    assert document("[1e400, 9223372036854775808]").value == [LongNumber("1e400"), LongNumber("9223372036854775808")]
