"""Large documents in parts: the records and the skeleton are those of the whole document, or there is an error."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rest_source.errors import RestSourceError
from rest_source.extract.parts import LargeDocument, NotInParts
from rest_source.extract.separators import Separators
from rest_source_tests.strategies import values

awkward = values | st.text('"\\[]{},: \nü', max_size=8) | st.lists(st.text('"\\[]{},', max_size=3), max_size=3)
keys = st.sampled_from(["data", "items", "dat", "data ", "ä b", 'a"', "a\\", "[", "]", "{", "", "\\u0061"])
part_sizes = st.integers(1, 64)


class Case(NamedTuple):
    """A document, the way to the records in it, and the same document without them."""

    body: bytes
    steps: tuple[str, ...]
    records: list[Any]
    skeleton: Any


@st.composite
def cases(draw: st.DrawFn) -> Case:
    steps = draw(st.lists(keys, max_size=3))
    records = draw(st.lists(awkward, max_size=8))
    whole: Any = records
    skeleton: Any = []
    for step in reversed(steps):
        others = draw(st.dictionaries(keys, awkward, max_size=6))
        others.pop(step, None)
        cut = draw(st.integers(0, len(others)))
        before, after = dict(list(others.items())[:cut]), dict(list(others.items())[cut:])
        whole, skeleton = before | {step: whole} | after, before | {step: skeleton} | after
    indent = draw(st.sampled_from([None, 0, 2, "\t"]))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\r\n", " :\t")]))
    text = json.dumps(whole, indent=indent, separators=separators, ensure_ascii=draw(st.booleans()))
    body = draw(st.sampled_from([b"", b"\xef\xbb\xbf", b" \n"])) + text.encode()
    return Case(body, tuple(steps), records, skeleton)


def opened(body: bytes, *steps: str, part_size: int = 8, longest: int = 10**6) -> LargeDocument:
    with tempfile.TemporaryFile() as file:
        file.write(body)
        return LargeDocument.of(file, steps, longest, part_size)


def read(body: bytes, *steps: str, part_size: int = 8, longest: int = 10**6) -> tuple[list[Any], Any]:
    """The records and the skeleton, parsed."""
    return parsed(opened(body, *steps, part_size=part_size, longest=longest))


def parsed(large: LargeDocument) -> tuple[list[Any], Any]:
    records = [record for part in large.parts() for record in json.loads(part)]
    return records, json.loads(large.skeleton)


def outcome(body: bytes, *steps: str, part_size: int = 8) -> tuple[list[Any], Any] | str | None:
    """What was read, or the error, or None where it cannot be read in parts."""
    try:
        return parsed(opened(body, *steps, part_size=part_size))
    except NotInParts:
        return None
    except ValueError as error:
        return str(error)


def at(document: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        document = document.get(step) if isinstance(document, dict) else None
    return document


# Whole documents


@given(cases(), part_sizes)
def test_the_parts_and_the_skeleton_are_the_document(case: Case, part_size: int) -> None:
    assert read(case.body, *case.steps, part_size=part_size) == (case.records, case.skeleton)


@given(cases(), part_sizes)
def test_every_part_holds_records_as_they_were_sent(case: Case, part_size: int) -> None:
    large = opened(case.body, *case.steps, part_size=part_size)
    sent = [part[1:-1] for part in large.parts()]
    assert not sent or large.text[: large.start] + b",".join(sent) + large.text[large.end :] == case.body


@given(cases(), st.integers(1, 9))
def test_separators_do_not_depend_on_the_blocks(case: Case, size: int) -> None:
    array = json.dumps(case.records).encode()[1:]
    separators = Separators()
    blocks = [(start, separators.find(array[start : start + size])) for start in range(0, len(array), size)]
    whole = Separators().find(array)
    assert whole.end == len(array) - 1
    assert next(start + found.end for start, found in blocks if found.end is not None) == whole.end
    commas = [start + found.comma for start, found in blocks if found.comma is not None]
    assert (commas[-1] if commas else None) == whole.comma
    assert max(found.longest for _, found in blocks) == whole.longest


@pytest.mark.parametrize(
    ("body", "steps", "records"),
    [
        ('{"d\\u0061ta": [1]}', ("data",), [1]),
        ('{"data ": [1], "\\"data": [2], "dat": [3], "data": [4], "data\\\\": [5]}', ("data",), [4]),
        ('{"x": {"data": [1]}, "y": [{"data": [2]}], "data": [3]}', ("data",), [3]),
        ('{"z": "\\"data\\": [1]", "data": [2]}', ("data",), [2]),
        ('{"x": -1.5e3, "y": null, "z": "", "data" : [2]}', ("data",), [2]),
        ('["}", "]", "\\"]", "\\\\", ",", {"a": ["],["]}]', (), ["}", "]", '"]', "\\", ",", {"a": ["],["]}]),
        ("[[1, [2]], [], [[]], null]", (), [[1, [2]], [], [[]], None]),
        ("[" * 200 + "]" * 200, (), [json.loads("[" * 199 + "]" * 199)]),
        (" [ \n ] ", (), []),
        ("[null]", (), [None]),
    ],
)
def test_the_array_at_the_steps_is_found_and_no_other(body: str, steps: tuple[str, ...], records: list[Any]) -> None:
    for part_size in range(1, 40):
        assert read(body.encode(), *steps, part_size=part_size)[0] == records


@pytest.mark.parametrize(
    "long", ["x" * 500, "\\" * 501, '"' * 500, "},{" * 200], ids=["text", "escapes", "quotes", "marks"]
)
@pytest.mark.parametrize("part_size", [1, 3, 64, 500])
def test_a_record_larger_than_a_part_is_a_part(long: str, part_size: int) -> None:
    records = [{"a": 1}, {"a": [long, {"b": [long]}]}, {"a": 2}]
    assert read(json.dumps(records).encode(), part_size=part_size)[0] == records


def test_parts_are_of_the_size_asked_for() -> None:
    body = json.dumps([{"id": number} for number in range(1000)]).encode()
    large = opened(body, part_size=1000)
    sizes = [len(part) for part in large.parts()]
    assert all(900 < size < 2100 for size in sizes[:-1]) and len(sizes) > 5


def test_numbers_and_surrogates_are_left_as_they_are() -> None:
    large = opened(b'[1.10000000000000000000000001, "\\ud800", 1E400]')
    assert b"".join(large.parts()) == b'[1.10000000000000000000000001][ "\\ud800"][ 1E400]'


# Documents that cannot be read in parts


@pytest.mark.parametrize(
    ("body", "steps"),
    [
        (b"", ()),
        (b" ", ()),
        (b"{}", ()),
        (b"null", ()),
        (b"<html>", ()),
        (b'{"data": {"a": []}}', ("data",)),
        (b'{"data": null}', ("data",)),
        (b'{"data": "[]"}', ("data",)),
        (b'{"dat": []}', ("data",)),
        (b"{}", ("data",)),
        (b"[]", ("data",)),
        (b'{"data": []}', ("data", "items")),
        (b'{"data": 1, "data": [1]}', ("data",)),
        ("[1]".encode("utf-16"), ()),
        ("[1]".encode("utf-16-le"), ()),
        ("[1]".encode("utf-32-be"), ()),
    ],
)
def test_without_an_array_in_utf8_there_are_no_parts(body: bytes, steps: tuple[str, ...]) -> None:
    with pytest.raises(NotInParts):
        opened(body, *steps)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"data": {"rows": [1]}, "n": 1}', "up to there, `$.data` has no `items`, but `rows`"),
        (b'{"rows": [1, 2', "up to there, `$` has no `data`, but `rows`"),
        (b"{}", "up to there, `$` has no `data`"),
        (b'{"data": []}', "`$.data` is no object"),
        (b'{"data": {"items": {"1": 2}}}', "`$.data.items` is no array"),
        (b"<html>", "`$` is no object"),
        (b"", "it is empty"),
    ],
)
def test_why_a_document_cannot_be_read_in_parts(body: bytes, why: str) -> None:
    with pytest.raises(NotInParts) as failure:
        opened(body, "data", "items")
    assert str(failure.value) == why


def test_there_is_no_skeleton_before_the_last_part() -> None:
    large = opened(b"[1, 2, 3]", part_size=1)
    next(large.parts())
    with pytest.raises(ValueError, match="not been read"):
        assert large.skeleton


# Broken documents


@settings(max_examples=15)
@given(cases(), part_sizes)
def test_a_truncated_document_is_never_read(case: Case, part_size: int) -> None:
    whole = case.body.rstrip()
    for size in range(len(whole)):
        assert not isinstance(outcome(whole[:size], *case.steps, part_size=part_size), tuple)


@given(cases(), part_sizes, st.data())
def test_a_changed_document_is_read_as_a_parser_reads_it_or_not_at_all(
    case: Case, part_size: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(case.body)))
    removed = data.draw(st.integers(0, 3))
    added = data.draw(
        st.binary(max_size=2) | st.sampled_from([b"[", b"]", b"{", b"}", b",", b'"', b"\\", b'"data":[1],'])
    )
    body = case.body[:start] + added + case.body[start + removed :]
    found = outcome(body, *case.steps, part_size=part_size)
    try:
        expected = json.loads(body)
    except ValueError:
        assert not isinstance(found, tuple)
        return
    if isinstance(found, tuple):
        assert found[0] == at(expected, case.steps)
    else:
        assert found is None or "comes twice" in found


@pytest.mark.parametrize(
    "body",
    [
        '{"a": [1 2]}',
        '{"a": [{}{}]}',
        '{"a": [1,,2]}',
        '{"a": [1,]}',
        '{"a": [,1]}',
        '{"a": [,]}',
        '{"a": [ , ]}',
        '{"a": [1}}',
        '{"a": [{]}]}',
        '{"a": [1]]}',
        '{"a": [1],}',
        '{"a": [1]',
        '{"a": [1]}}',
        '{"a": [1]} 2',
        '{"a": [1]}\v',
        '{"a": [1] "b": 2}',
        '{"a": [1], "b"}',
        '{"a": [1], "b": }',
        '{"a": [1], "b": [}',
        '{"a": [1], "\\x": 1}',
        '{, "a": [1]}',
        '{"b": 1 "a": [1]}',
        '{"b": [1}, "a": [1]}',
        '{"a": ["]}',
    ],
)
def test_what_is_not_json_is_an_error(body: str) -> None:
    for part_size in range(1, 20):
        assert isinstance(outcome(body.encode(), "a", part_size=part_size), str), part_size


@pytest.mark.parametrize(
    "body",
    [
        '{"a": {"b": [1, 2]}, "a": {"b": [3]}}',
        '{"a": {"b": [1, 2]}, "\\u0061": 5}',
        '{"a": {"b": [1, 2], "b": []}}',
    ],
)
def test_a_second_value_at_the_data_root_is_an_error(body: str) -> None:
    assert "comes twice" in str(outcome(body.encode(), "a", "b"))


@pytest.mark.parametrize("body", ['{"a": [1, {"b": 2}', '{"a": ["x', '{"a": [1], "b": "x', '{"a": [1], "b": {"c": 1'])
def test_a_document_that_was_cut_off_says_so_and_where(body: str) -> None:
    with pytest.raises(json.JSONDecodeError, match="unexpected end of data") as failure:
        read(body.encode(), "a")
    assert failure.value.msg.startswith("unexpected end")
    assert 0 < failure.value.pos <= len(body)


# Limits


def test_records_may_be_as_large_as_the_limit_and_no_larger() -> None:
    body = json.dumps([1, "x" * 98, 2], separators=(",", ":")).encode()
    for part_size in (1, 7, 1000):
        assert len(read(body, part_size=part_size, longest=100)[0]) == 3
        with pytest.raises(RestSourceError) as failure:
            read(body, part_size=part_size, longest=99)
        assert failure.value.id == "response_too_large"


@pytest.mark.parametrize("body", ['{"a": [1], "x": "%s"}', '{"a": [1]}%s'])
def test_what_is_not_records_may_not_be_larger_than_the_limit(body: str) -> None:
    text = (body % (" " * 100)).encode()
    assert read(text, "a", longest=len(text))[0] == [1]
    with pytest.raises(RestSourceError, match="larger than limits"):
        read(text, "a", longest=100)


def test_nor_may_what_comes_before_the_records() -> None:
    text = b'{"x": [[1], "%b"], "a": [1]}' % (b" " * 100)
    assert read(text, "a", longest=len(text))[0] == [1]
    with pytest.raises(NotInParts, match="no `a`, but `x`"):
        read(text, "a", longest=100)


def test_memory_does_not_grow_with_the_document(tmp_path: Path) -> None:
    record = json.dumps({"id": 1, "name": 'a "b"', "tags": ["x", "y"], "text": "ü" * 100}, ensure_ascii=False).encode()
    path = tmp_path / "large.json"
    path.write_bytes(b'{"data": [' + b",".join([record] * 100_000) + b"]}")
    command = [sys.executable, "-c", READING, str(path), str(PART)]
    peak, mapped = map(int, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert path.stat().st_size > 25 * PART
    assert peak < 4 * PART
    assert mapped < 8 * PART  # the system may map 2 MB at once


PART = 1_000_000
READING = """
import sys, tracemalloc
from pathlib import Path
from rest_source.extract.parts import LargeDocument
from rest_source_tests.test_parts import mapped_bytes
path, part_size = Path(sys.argv[1]), int(sys.argv[2])
with path.open("rb") as file:
    large = LargeDocument.of(file, ("data",), 10**8, part_size)
tracemalloc.start()
mapped = [mapped_bytes(path) for _ in large.parts()]
print(tracemalloc.get_traced_memory()[1], max(mapped))
"""
"""A process of its own, as `tracemalloc` counts what all threads of one allocate."""


def mapped_bytes(path: Path) -> int:
    """The bytes of the file that are in the memory of this process, where that can be told."""
    smaps = Path("/proc/self/smaps")
    lines = smaps.read_text().partition(str(path))[2].splitlines() if smaps.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Rss:")), 0)
