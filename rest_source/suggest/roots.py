"""Where the records of an answer are: every place they may be, ranked."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from rest_source.extract.document import LongNumber
from rest_source.spec.jsonpath import step_to
from rest_source.suggest.finding import Confidence, Finding, Seen
from rest_source.suggest.vocabulary import ASIDE, DATA, ERRORS

_DEPTH = 5
_DATA_KEY = re.compile(r"\d{4}-\d\d(-\d\d.*)?|\d+|[A-Z]{2,5}|[0-9a-fA-F-]{24,36}")
"""Keys that are data: dates, numbers, codes, ids."""
_IDS = ("id", "_id", "uuid", "guid", "key", "Id", "ID", "gid", "slug", "code", "number")


@dataclass(frozen=True, slots=True)
class Root:
    """A place of records: its path, whether the keys of a map are data there, and the records themselves."""

    path: str
    keyed: bool
    records: tuple[dict[str, Any], ...]
    kind: str
    weight: float
    trail: tuple[str, ...]


def find_roots(seen: Seen) -> list[Finding[Root]]:
    """The places of records in an answer, best first; at least one."""
    document = seen.document
    leaves = max(1, _leaves(document))
    words = _words(seen.url)
    found = [root for root in _walk(document, "$", ()) if root.records or root.kind == "empty list"]
    if isinstance(document, dict) or not found:
        found += _singles(document)
    scored = sorted(((_score(root, leaves, words), root) for root in found), key=lambda pair: -pair[0])
    best, second = scored[0][0], scored[1][0] if len(scored) > 1 else 0.0
    return [
        Finding(root, _confidence(root, words, score, second if not index else best, index), _reason(root, words))
        for index, (score, root) in enumerate(scored[:5])
        if not index or root.weight > 0.45  # that the answer is an object tells nothing where it holds records
    ]


def _walk(value: Any, path: str, trail: tuple[str, ...]) -> Iterator[Root]:
    if isinstance(value, list):
        yield from _list(value, path, trail)
    elif isinstance(value, dict) and len(trail) < _DEPTH:
        if trail or len(value) > 1:
            yield from _map(value, path, trail)
        for key, item in value.items():
            yield from _walk(item, path + step_to(key), (*trail, key))


def _list(items: list[Any], path: str, trail: tuple[str, ...]) -> Iterator[Root]:
    if not items:
        yield Root(path, False, (), "empty list", 0.5, trail)
        return
    objects = tuple(item for item in items if isinstance(item, dict))
    if len(objects) == len(items):
        yield Root(path, False, objects, f"{len(items)} objects", 1.0 * _alike(objects), trail)
        inner = tuple(item["node"] for item in objects if isinstance(item.get("node"), dict))
        if len(inner) == len(objects):
            yield Root(f"{path}[*].node", False, inner, f"{len(items)} objects, each inside of `node`", 1.3, trail)
    else:
        kind = "lists" if all(isinstance(item, list) for item in items) else "values"
        records = tuple({"value": item} for item in items)
        is_named = not trail or trail[-1] in DATA
        yield Root(path, False, records, f"{len(items)} {kind}", 0.6 if is_named else 0.1, trail)


def _map(value: dict[str, Any], path: str, trail: tuple[str, ...]) -> Iterator[Root]:
    """A map whose keys are data: its values are records, lists of them, or numbers."""
    values = list(value.values())
    data_keys = sum(_DATA_KEY.fullmatch(key) is not None for key in value) >= max(1, len(value) * 0.8)
    if not values:
        return
    if all(isinstance(item, dict) and item for item in values):
        alike = _alike(values) if len(values) > 1 else 0.9
        if data_keys or (len(values) > 2 and alike > 0.9):
            records = tuple({"key": key, **item} for key, item in value.items())
            yield Root(
                f"{path}.*", True, records, f"{len(values)} objects under keys that are data", 1.2 * alike, trail
            )
    elif data_keys and all(isinstance(item, list) and item for item in values):
        rows = tuple(row for item in values for row in item if isinstance(row, dict))
        if rows:
            yield Root(f"{path}.*", True, rows, f"{len(rows)} objects in lists under keys that are data", 1.2, trail)
    elif data_keys and len(values) > 1 and all(isinstance(item, int | float) for item in values):
        records = tuple({"key": key, "value": item} for key, item in value.items())
        yield Root(f"{path}.*", True, records, f"{len(values)} numbers under keys that are data", 0.9, trail)


def _singles(document: Any) -> list[Root]:
    """The answer, or what its only wrapper holds, as one record."""
    if not isinstance(document, dict):
        return [Root("$", False, (), "nothing", 0.1, ())]
    singles = [Root("$", False, (document,), "one object", 1.6 if _is_record(document) else 0.45, ())]
    for key, item in document.items():
        if key in DATA and isinstance(item, dict) and _is_record(item):
            singles.append(Root(f"${step_to(key)}", False, (item,), "one object", 1.6, (key,)))
    return singles


def _is_record(value: dict[str, Any]) -> bool:
    scalars = [key for key, item in value.items() if not isinstance(item, dict | list)]
    return any(key in _IDS for key in scalars) and len(scalars) > 1


def _score(root: Root, leaves: int, words: Sequence[str]) -> float:
    if root.kind == "one object":
        return root.weight * (2.2 if _is_one(words) else 1.0) * 0.9 ** len(root.trail)
    share = sum(map(_leaves, root.records)) / leaves
    return root.weight * (0.5 + share) * _name_factor(root, words) * 0.9 ** len(root.trail)


def _name_factor(root: Root, words: Sequence[str]) -> float:
    if not root.trail:
        return 2.0
    if _is_aside(root):
        return 0.15
    if _is_named(root, words):
        return 2.5
    return 2.0 if root.trail[-1] in DATA else 1.0


def _is_aside(root: Root) -> bool:
    """Whether a place is named like what is beside the records; several objects called `pages` are those of a wiki."""
    several = len(root.records) > 1 and "objects" in root.kind
    return any(step in ASIDE and not (step == "pages" and several) for step in root.trail)


def _is_named(root: Root, words: Sequence[str]) -> bool:
    return bool(root.trail) and root.trail[-1].lower().rstrip("s") in {word.rstrip("s") for word in words[-2:]}


def _is_one(words: Sequence[str]) -> bool:
    """Whether a URL asks for one record by its id."""
    return len(words) > 1 and re.fullmatch(r"\d+|[0-9a-f-]{24,36}", words[-1]) is not None


def _confidence(root: Root, words: Sequence[str], score: float, other: float, index: int) -> Confidence:
    if index:
        return "low"
    clear = score > 1.5 * other
    named = not root.trail or root.trail[-1] in DATA or _is_named(root, words)
    if root.kind == "one object":
        return "medium" if clear and root.weight > 1 else "low"
    if not root.records:
        return "medium" if named and clear else "low"
    if root.weight < 0.5 or "numbers" in root.kind or "values" in root.kind or "lists" in root.kind.split():
        return "medium" if clear and named else "low"
    return "high" if clear and named and root.weight >= 0.6 else "medium"


def _reason(root: Root, words: Sequence[str]) -> str:
    told = [re.sub(r"^1 (object|value|list|number)s\b", r"1 \1", root.kind)]
    if root.kind == "one object" and (failed := next((name for name in ERRORS if root.records[0].get(name)), None)):
        told.append(f"though its `{failed}` may say that the request failed")
    if root.records and "objects" in root.kind:
        told.append("alike" if _alike(root.records) > 0.6 else "of different shapes")
    if _is_named(root, words):
        told.append(f"`{root.trail[-1]}` is what the URL asks for")
    elif root.trail and root.trail[-1] in DATA:
        told.append(f"`{root.trail[-1]}` is a usual name for records")
    if _is_aside(root):
        told.append("a usual name for what stands beside the records")
    return ", ".join(told)


def _alike(records: Sequence[dict[str, Any]]) -> float:
    """The mean share of all fields that a record has."""
    every = {key for record in records for key in record}
    return sum(map(len, records)) / (len(every) * len(records)) if every else 0.0


def _leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_leaves, value.values()))
    if isinstance(value, list):
        return sum(map(_leaves, value))
    return 1 if value is not None or isinstance(value, LongNumber) else 0


def _words(url: str) -> list[str]:
    """The segments of a URL's path, without extensions, in lower case."""
    segments = [unquote(part) for part in urlsplit(url).path.split("/") if part]
    return [re.sub(r"\.\w{2,5}$", "", segment).lower() for segment in segments]
