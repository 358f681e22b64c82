"""What an answer says beside its records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from rest_source.extract.announced import Announced, Kind, Sign, announced, truth
from rest_source.extract.answer_fields import AnswerField, around
from rest_source.suggest.finding import Seen
from rest_source.suggest.roots import Root
from rest_source.suggest.vocabulary import is_count


@dataclass(frozen=True, slots=True)
class Around:
    """What an answer says beside its records, what a load takes for `said` by it, and the query that it answers."""

    seen: Seen
    root: Root
    fields: tuple[AnswerField, ...]
    said: Announced
    params: Mapping[str, str]

    @classmethod
    def of(cls, seen: Seen, root: Root) -> "Around":
        """What stands around the records at a root."""
        is_record = root.kind == "one object" and not root.trail
        fields = () if is_record else tuple(around(seen.document, root.trail))
        said = announced(200, seen.headers, seen.document, root.trail, root.kind == "one object")
        return cls(seen, root, fields, said, dict(parse_qsl(urlsplit(seen.url).query)))

    @property
    def count(self) -> int:
        """The number of records."""
        return len(self.root.records)

    def field(self, names: Sequence[str], least: int = 0) -> AnswerField | None:
        """The first field of these names, in their order, that holds a number of things."""
        found = (field for name in names for field in self.fields if field.name == name)
        return next((field for field in found if is_count(field.value) and field.value >= least), None)

    def param(self, names: Sequence[str]) -> str | None:
        """The parameter of the request that has one of these names."""
        return next((name for name in self.params if name in names), None)

    def signs(self, kind: Kind) -> list[Sign]:
        """What leads to the next page in this way."""
        return [sign for sign in self.said.signs if sign.kind == kind]

    @property
    def flag(self) -> Sign | None:
        """A flag that says whether there is more."""
        return self.said.flag or self.said.end

    @property
    def flagged(self) -> dict[str, Any]:
        """The flag as a pagination has it: `has_more`, or `done` where it says the contrary."""
        if self.flag is None:
            return {}
        is_more = truth(self.flag.value) is (self.said.flag is not None)
        return {"has_more" if is_more else "done": place(self.flag)}

    @property
    def pages(self) -> Sign | None:
        """The number of all pages."""
        return self.said.pages if self.said.pages and self.said.pages.count else None

    @property
    def total(self) -> Sign | None:
        """The number of all records, unless it is only a bound."""
        found = self.said.records
        return found if found and found.count >= max(self.count, 1) and not found.is_least else None


def place(sign: Sign) -> Any:
    """Where a sign is, as the file has it."""
    return {"header": sign.place} if sign.is_header else sign.place
