"""The catalogue of troubles has every id that the code raises, and no other."""

import ast
from collections import Counter

import pytest

from rest_source.catalogue import CATALOGUE, Entry
from rest_source.http.errors import advice
from rest_source_tests.raised import Unclear, package, raised_ids

NAMED = [id for entry in CATALOGUE for id in entry.ids]
BY_STATUS = "http_*"
FAMILIES = {"4xx": range(400, 500), "5xx": range(500, 600), "other": (*range(100, 200), *range(300, 400))}


def ids_by_status() -> set[str]:
    """The id of each status that has an advice of its own, and of each family of those that share one."""
    found: set[str] = set()
    for family, statuses in FAMILIES.items():
        shared = Counter(map(advice, statuses))
        found |= {f"http_{status if shared[advice(status)] == 1 else family}" for status in statuses}
    return found


def test_the_catalogue_has_the_ids_that_the_code_raises() -> None:
    code = raised_ids(package())
    assert {id for id in code if "*" in id} == {BY_STATUS}
    assert {*NAMED} == code - {BY_STATUS} | ids_by_status()


def test_an_id_stands_in_one_entry() -> None:
    assert [id for id, count in Counter(NAMED).items() if count > 1] == []


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.seen)
def test_an_entry_is_complete(entry: Entry) -> None:
    assert all((entry.seen, entry.cause, entry.remedy))


KIND = "class K(NamedTuple):\n what: str\n id: str\n"


@pytest.mark.parametrize(
    ("code", "ids"),
    [
        ("def f(): raise RestSourceError('a', 'text')", {"a"}),
        ("def f(): return errors.RestSourceError('a' if x else 'b' if y else 'c', 'text')", {"a", "b", "c"}),
        ("class Later(RestSourceError):\n def __init__(self): super().__init__('later', 'text')", {"later"}),
        ("class A(RestSourceError): pass\nclass B(A):\n def __init__(self): super().__init__('b')", {"b"}),
        ("class A(RestSourceError): pass\nA('a')", {"a"}),
        ("class Other(Exception):\n def __init__(self): super().__init__('other')", set()),
        (f"{KIND}K('x', 'k')\nK('y', id='l')._replace(id='m')\nRestSourceError(k.id)", {"k", "l", "m"}),
        ("def f(id): raise RestSourceError(id)\ndef g(): f('g')", {"g"}),
        ("RestSourceError(f'a_{b}')", {"a_*"}),
    ],
)  # fmt: skip
def test_ids_are_found(code: str, ids: set[str]) -> None:
    assert raised_ids({"module": ast.parse(code)}) == ids


def test_an_id_that_another_module_passes_on_is_found() -> None:
    maker = ast.parse("def explain(id): raise RestSourceError(id)")
    caller = ast.parse("from maker import explain\nexplain('mine')")
    stranger = ast.parse("def explain(what): ...\nexplain('other')")
    assert raised_ids({"maker": maker, "caller": caller, "stranger": stranger}) == {"mine"}


@pytest.mark.parametrize(
    "code",
    [
        "RestSourceError(table['a'])",
        "RestSourceError(kind.id)",
        "RestSourceError(name)",
        "RestSourceError()",
        "class A(RestSourceError):\n def __init__(self, id): super().__init__(id)",
    ],
)
def test_an_id_that_cannot_be_followed_is_not_passed_over(code: str) -> None:
    with pytest.raises(Unclear):
        raised_ids({"module": ast.parse(code)})
