"""What the records suggest: a primary key, a field by which changes can be asked for, and arrays to split."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import combinations, pairwise
from typing import Any
from urllib.parse import unquote, urlsplit

from rest_source.extract.document import LongNumber
from rest_source.spec.jsonpath import step_to
from rest_source.suggest.finding import Finding, Seen
from rest_source.suggest.roots import Root

_IDS = ("id", "_id", "uuid", "guid", "gid", "oid", "key", "pk", "sid", "uid", "hash", "sha")
_ENOUGH = 5
"""Records that a field has to tell apart where only its name says that it is an id, perhaps of something else."""
_OF_SOMETHING = 3
"""The rank of a name that says it is the id of something, perhaps of something else than the record."""
_NAMES = ("slug", "code", "number", "sku", "isbn", "ean", "name", "title", "email", "url", "href", "date", "time", "dt")
# No word here is two others joined (date, time, but not datetime): a hostile name could keep the search busy for hours.
_CHANGED = re.compile(
    r"(last_?)?(updated|modified|changed|edited|activity)(_?(at|on|date|time|timestamp|utc|ts))*"
    r"|(date|time)_?(updated|modified|changed)|updated?_?(at|on|time|date)|system_?modstamp|(last_?)?(modification|update)_?(date|time)",
    re.IGNORECASE,
)
_CREATED = re.compile(
    r"(created|inserted|published|posted|occurred|received)(_?(at|on|date|time|timestamp|utc|ts))*"
    r"|(date|time)_?created|creation_?(date|time)|timestamp|event_?time",
    re.IGNORECASE,
)
_EPOCHS = (range(10**8, 10**10), range(10**11, 10**13))


def primary_key(root: Root, seen: Seen, *, goes_on: bool = False) -> Finding[tuple[str, ...]] | None:
    """The field, or two, that identify a record here, if any seem to; less sure where more pages follow."""
    records = root.records
    if not records:
        return None
    unique = [name for name in _common(records) if _identifies(records, (name,))]
    owner = _resource(root, seen)
    ranked = sorted(((_rank(name, owner), name) for name in unique), key=lambda pair: pair[0])
    if split := _split_key(records):
        return split
    if ranked and ranked[0][0] < 9:
        rank, name = ranked[0]
        if rank == _OF_SOMETHING and goes_on and not _is_ordered([record[name] for record in records]):
            return Finding((name,), "low", "later pages may hold another record of what its name says it is the id of")
        return _single(rank, name, len(records))
    return _pair(records) if len(records) > 1 else None


def _single(rank: int, name: str, count: int) -> Finding[tuple[str, ...]]:
    told = f"in each of {count} records, never twice or null" if count > 1 else "in the only record"
    if count < 2:
        return Finding((name,), "medium" if rank < 3 else "low", told)
    if rank < 3:
        return Finding((name,), "high" if count > 2 else "medium", f"{told}, and named like an id")
    if rank == _OF_SOMETHING:
        return Finding((name,), "medium" if count >= _ENOUGH else "low", f"{told}, and named like an id of something")
    return Finding((name,), "low", f"{told}, but not named like an id")


def _rank(name: str, owner: str) -> int:
    """How much a name sounds like that of a key: 0 most, 3 for what may be another thing's id, 9 not at all."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])|[\s.-]+", "_", name).lower()
    stem = re.sub(r"_?(id|uuid|guid|key)$", "", plain)
    is_own = stem != plain and owner != "" and (stem in owner or owner.startswith(stem))
    ranks = {
        0: plain in _IDS[:6],
        1: plain in _IDS or (stem != plain and stem in ("unique", "record", "row", owner)),
        2: is_own,
        _OF_SOMETHING: plain.endswith("id"),
        4: plain in _NAMES[:6],
        5: plain in _NAMES or bool(re.fullmatch(r"[a-z]{1,4}\d", plain)),
        7: owner != "" and plain.startswith(owner),
    }
    return next((rank for rank, applies in ranks.items() if applies), 9)


def _resource(root: Root, seen: Seen) -> str:
    """The name of what the records are, in the singular."""
    path = [part for part in urlsplit(seen.url).path.split("/") if part and not part.isdigit()]
    names = [step for step in root.trail[-1:] if step not in ("data", "results", "items", "records", "value", "rows")]
    name = re.sub(r"\.\w+$", "", (names or [unquote(part) for part in path[-1:]] or [""])[0]).lower()
    return re.sub(r"ies$", "y", name) if name.endswith("ies") else name.removesuffix("s")


def _split_key(records: Sequence[dict[str, Any]]) -> Finding[tuple[str, ...]] | None:
    """A key in two fields, of which the first says which of several stores the record is in, as in Azure's tables."""
    common = _common(records)
    for names in (("PartitionKey", "RowKey"), ("partition_key", "row_key"), ("vhost", "name"), ("namespace", "name")):
        if set(names) <= set(common) and _identifies(records, names):
            return Finding(names, "medium" if len(records) > 1 else "low", "together they name a record")
    return None


def _pair(records: Sequence[dict[str, Any]]) -> Finding[tuple[str, ...]] | None:
    likely = [name for name in _common(records) if re.search(r"(?i)(id|date|day|hour|code|key|name|time)$", name)]
    for names in combinations(likely[:8], 2):
        if _identifies(records, names):
            return Finding(names, "low", f"together they tell {len(records)} records apart; no single field does")
    return None


def _is_ordered(values: Sequence[Any]) -> bool:
    """Whether values only grow or only shrink, as those by which an API orders its records."""
    if len({type(value) for value in values}) != 1:
        return False
    return all(a < b for a, b in pairwise(values)) or all(a > b for a, b in pairwise(values))


def _common(records: Sequence[dict[str, Any]]) -> list[str]:
    return [name for name in records[0] if all(name in record for record in records)]


def _identifies(records: Sequence[dict[str, Any]], names: tuple[str, ...]) -> bool:
    values = [tuple(record[name] for name in names) for record in records]
    scalar = all(
        isinstance(v, int | str | LongNumber) and not isinstance(v, bool) and v != "" for row in values for v in row
    )
    return scalar and len(set(values)) == len(values)


def incremental_cursor(root: Root) -> Finding[str] | None:
    """The JSONPath of the instant at which a record last changed, or else was made."""
    fields = dict(_instants(root.records))
    for pattern, confidence in ((_CHANGED, "high"), (_CREATED, "low")):
        for path, (name, values) in fields.items():
            if pattern.fullmatch(name):
                return _judged(path, values, len(root.records), confidence == "high")
    return None


def _judged(path: str, values: list[Any], count: int, changed: bool) -> Finding[str]:
    what = "tells when a record last changed" if changed else "tells when a record was made, not when it changed"
    ordered = len(values) > 2 and (values == sorted(values) or values == sorted(values, reverse=True))
    told = f"{what}; an instant in {len(values)} of {count} records" + (", in order" if ordered else "")
    if not changed:
        return Finding(path, "low", told)
    return Finding(path, "high" if len(values) == count > 2 else "medium", told)


def _instants(records: Sequence[dict[str, Any]]) -> Iterator[tuple[str, tuple[str, list[Any]]]]:
    """Fields of the records, and of objects in them, whose every value is an instant."""
    found: dict[str, tuple[str, list[Any]]] = {}
    for record in records:
        for path, name, value in _leaves(record, "$", 0):
            found.setdefault(path, (name, []))[1].append(value)
    for path, (name, values) in sorted(found.items(), key=lambda item: item[0].count(".")):
        given = [value for value in values if value is not None]
        if given and len({type(value) for value in given}) == 1 and all(map(_is_instant, given)):
            yield path, (name, given)


def _leaves(value: dict[str, Any], path: str, depth: int) -> Iterator[tuple[str, str, Any]]:
    for name, item in value.items():
        if isinstance(item, dict) and depth < 2:
            yield from _leaves(item, path + step_to(name), depth + 1)
        elif not isinstance(item, list | dict):
            yield path + step_to(name), name, item


def _is_instant(value: Any) -> bool:
    if isinstance(value, str):
        try:
            datetime.fromisoformat(re.sub(r"\.\d+", "", value).replace(" +", "+"))
        except ValueError:
            return False
        return len(value) >= 10 and not value.isdigit()
    return isinstance(value, int) and not isinstance(value, bool) and any(value in epochs for epochs in _EPOCHS)


def arrays(root: Root) -> list[Finding[str]]:
    """Fields that hold arrays of objects in many records: `nested: split` would make tables of them."""
    count = len(root.records)
    found = []
    for name in dict.fromkeys(name for record in root.records for name in record):
        lists = [record[name] for record in root.records if isinstance(record.get(name), list) and record[name]]
        if lists and len(lists) * 2 >= count and all(isinstance(item, dict) for items in lists for item in items):
            elements = sum(map(len, lists))
            told = f"{elements} objects in arrays of {len(lists)} of {count} records"
            found.append(Finding(name, "high" if elements > len(lists) else "medium", told))
    return found
