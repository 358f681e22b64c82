"""What an answer says beside its records."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from rest_source.spec.jsonpath import step_to
from rest_source.suggest.finding import Seen
from rest_source.suggest.roots import Root
from rest_source.suggest.vocabulary import FLAGS, TOTAL_HEADERS, TOTALS, is_count


@dataclass(frozen=True, slots=True)
class Field:
    """A field around the records: where it is, its name, that of the object that holds it, and its value."""

    path: str
    name: str
    parent: str
    value: Any


@dataclass(frozen=True, slots=True)
class Around:
    """What an answer says beside its records, and the query that it answers."""

    seen: Seen
    root: Root
    fields: tuple[Field, ...]
    params: Mapping[str, str]

    @classmethod
    def of(cls, seen: Seen, root: Root) -> "Around":
        """What stands around the records at a root."""
        single = root.kind == "one object"
        trail = None if single and not root.trail else root.trail
        fields = () if trail is None or not isinstance(seen.document, dict) else _fields(seen.document, "$", "", trail)
        return cls(seen, root, tuple(fields), dict(parse_qsl(urlsplit(seen.url).query)))

    @property
    def count(self) -> int:
        """The number of records."""
        return len(self.root.records)

    def field(self, names: Sequence[str], least: int = 0) -> Field | None:
        """The first field of these names, in their order, that holds a number of things."""
        return next(self.counts(names, least), None)

    def counts(self, names: Sequence[str], least: int = 0) -> Iterator[Field]:
        """The fields of these names that hold a number of at least so many things."""
        for name in names:
            for field in self.fields:
                if field.name == name and is_count(field.value) and field.value >= least:
                    yield field

    def param(self, names: Sequence[str]) -> str | None:
        """The parameter of the request that has one of these names."""
        return next((name for name in self.params if name in names), None)

    def header(self, names: Sequence[str]) -> str | None:
        """The header of one of these names that holds a number."""
        return next((name for name in names if str(self.seen.headers.get(name, "")).strip().isdecimal()), None)

    @property
    def more(self) -> Field | None:
        """A flag that says whether there is more."""
        return next((f for f in self.fields if f.name in FLAGS and isinstance(f.value, bool)), None)

    @property
    def total(self) -> Any:
        """Where the number of all records is: a path, a header, or nowhere."""
        if header := self.header(TOTAL_HEADERS):
            return {"header": header}
        found = self.field(TOTALS, max(self.count, 1)) or self._nested_total
        return found.path if found else None

    @property
    def _nested_total(self) -> Field | None:
        return next((f for f in self.fields if f.parent in TOTALS and f.name == "value" and is_count(f.value)), None)


def _fields(value: dict[str, Any], path: str, parent: str, trail: tuple[str, ...]) -> Iterator[Field]:
    """Every field outside of the records, the outermost first."""
    inner = []
    for name, item in value.items():
        here, rest = path + step_to(name), trail[1:] if trail and trail[0] == name else None
        if rest == ():
            continue
        yield Field(here, name, parent, item)
        if isinstance(item, dict) and path.count(".") < 4:
            inner.append((item, here, name, rest or ("",)))
    for item, here, name, rest in inner:
        yield from _fields(item, here, name, rest)
