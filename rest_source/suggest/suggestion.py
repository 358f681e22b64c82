"""All that one answer suggests, and the endpoint that it comes to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rest_source.suggest.draft import Draft
from rest_source.suggest.finding import Finding, Seen
from rest_source.suggest.keys import arrays, incremental_cursor, primary_key
from rest_source.suggest.pagination import Settings, page_size, recognise
from rest_source.suggest.roots import Root, find_roots

KEY_COLUMN = "key"
_PARAMS = ("param", "size_param", "offset_param", "limit_param")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What an answer suggests; the first of the `roots` is the one that everything else is about."""

    roots: tuple[Finding[Root], ...]
    pagination: Finding[Settings]
    page_size: Finding[tuple[str, int]] | None
    primary_key: Finding[tuple[str, ...]] | None
    cursor: Finding[str] | None
    arrays: tuple[Finding[str], ...]

    @classmethod
    def of(cls, seen: Seen) -> "Suggestion":
        """What an answer suggests."""
        roots = tuple(find_roots(seen))
        root = roots[0].value
        return cls(
            roots,
            recognise(seen, root),
            page_size(seen, root),
            primary_key(root, seen),
            incremental_cursor(root),
            tuple(arrays(root)),
        )

    @property
    def root(self) -> Root:
        """The place of the records."""
        return self.roots[0].value

    def with_records(self, records: Sequence[dict[str, Any]], seen: Seen) -> "Suggestion":
        """The suggestion with a key that tells the records of a second page apart too.

        A record that is on each page, such as a pinned one, disproves no key: one with other contents does.
        """
        new = tuple(record for record in records if record not in self.root.records)
        root = replace(self.root, records=(*self.root.records, *new))
        return replace(self, primary_key=primary_key(root, seen, goes_on=bool(new)))

    def endpoint(self, draft: Draft) -> dict[str, Any]:
        """The endpoint as the file holds it, with everything that is more than a guess."""
        params = params_beside(self.pagination.value if self.paginates else {"type": "none"}, draft.params)
        key = self.primary_key
        sure_key = key.value if key and key.confidence != "low" else ()
        return {
            **draft.endpoint(params),
            "data_root": self.root.path,
            **({"key_column": KEY_COLUMN} if self.root.keyed else {}),
            **({"pagination": dict(self.pagination.value)} if self.paginates else {}),
            **({"primary_key": sure_key[0] if len(sure_key) == 1 else list(sure_key)} if sure_key else {}),
        }

    @property
    def paginates(self) -> bool:
        """Whether the pagination is more than a guess."""
        return self.pagination.confidence != "low" and self.pagination.value["type"] != "none"

    def to_dict(self) -> dict[str, Any]:
        """The findings as JSON."""
        return {
            "data_roots": [{**found.to_dict(), "value": found.value.path} for found in self.roots],
            "pagination": self.pagination.to_dict(),
            "page_size": _named(self.page_size),
            "primary_key": _listed(self.primary_key),
            "incremental_cursor": self.cursor.to_dict() if self.cursor else None,
            "arrays": [found.to_dict() for found in self.arrays],
        }


def params_beside(settings: Settings, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a request that its pagination does not send itself."""
    own = {settings[key] for key in _PARAMS if key in settings}
    return {name: value for name, value in params.items() if name not in own}


def _named(found: Finding[tuple[str, int]] | None) -> dict[str, Any] | None:
    return {**found.to_dict(), "value": {"param": found.value[0], "size": found.value[1]}} if found else None


def _listed(found: Finding[tuple[str, ...]] | None) -> dict[str, Any] | None:
    return {**found.to_dict(), "value": list(found.value)} if found else None
