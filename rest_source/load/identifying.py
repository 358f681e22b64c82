"""Which columns identify a record: what their names promise, and whether their values tell records apart."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from rest_source.load.dialect import Session, count
from rest_source.load.engine import identifier
from rest_source.load.names import HEVO_ID, METADATA_COLUMNS
from rest_source.load.relation import TableColumn
from rest_source.load.schema import ColumnType
from rest_source.spec.base import normalise

DRIFT = 0.1
"""The share of records that may repeat an `id` inside one load: records change and move while pages are read."""
CERTAIN = 2
"""The ranks of names that cannot mean another record, to which this one refers."""
SURE = 3
"""The ranks of names that identify a record, if it is not another one's."""
_RANKS = ("id", "{own}_?(id|key|code|no|number)", "uuid|guid|key|code|sku|slug", ".*_(id|key|code|no|number)")
UNNAMED = len(_RANKS)
_IDENTIFYING = {ColumnType.BIGINT, ColumnType.TEXT, ColumnType.DATE, ColumnType.TIMESTAMPTZ}
_DIMENSION = re.compile(r"(.*_)?(date|day|hour|week|month|quarter|year|period|time|timestamp|type|kind|name)")
_CHANGED = re.compile(r".*(updated|modified|changed|synced|loaded).*")
_TRIED = 8


def name_rank(name: str, table: str) -> int:
    """How much the name of a column promises to identify the records of a table: 0 most, UNNAMED nothing."""
    own = re.escape(re.sub("ies$", "y", table).removesuffix("s"))
    matching = (rank for rank, pattern in enumerate(_RANKS) if re.fullmatch(pattern.format(own=own), name))
    return next(matching, UNNAMED)


def could_identify(columns: Sequence[TableColumn]) -> list[TableColumn]:
    """The columns of the API whose types can tell records apart."""
    return [column for column in columns if column.name not in METADATA_COLUMNS and column.type in _IDENTIFYING]


def listed(names: Sequence[str]) -> str:
    """Columns in SQL."""
    return ", ".join(map(identifier, names))


@dataclass(frozen=True, slots=True)
class Records:
    """Records that a session reads at a `place`, a table with a condition; `load` has the columns that name a load.

    Records are told apart within their load only: in another one, a record may have changed.
    """

    session: Session
    place: str
    name: str
    columns: Sequence[TableColumn]
    load: tuple[str, ...] = ()

    def identity(self, key: Sequence[TableColumn], deep: bool) -> tuple[TableColumn, ...]:
        """What tells apart records that share a `key`; none if nothing is found.

        Unless the search is `deep`, only a column that is named like an identity: versions of one record share it.
        """
        records = self._distinct([HEVO_ID])
        fields = [column for column in self._whole() if column not in key and not _is_measure(column, self.name)]
        ranked = sorted(fields, key=lambda column: _preference(column, self.name))
        for column in ranked:
            certain = name_rank(normalise(column.original), self.name) < CERTAIN
            if certain and self._distinct([column.name]) >= (1 - DRIFT) * records:
                return (column,)
        choices = _choices(key, ranked, self.name) if deep else ()
        return next((choice for choice in choices if self._distinct([c.name for c in choice]) == records), ())

    def _distinct(self, names: Sequence[str]) -> int:
        hashed = self.session.dialect.hashed(listed([*names, *self.load]))
        return count(self.session, f"SELECT count(DISTINCT {hashed}) FROM {self.place}")

    def _whole(self) -> list[TableColumn]:
        """The columns that could identify a record and are never null."""
        possible = could_identify(self.columns)
        counts = "".join(f", count({identifier(column.name)})" for column in possible)
        ((rows, *given),) = self.session.rows(f"SELECT count(*){counts} FROM {self.place}")
        return [column for column, values in zip(possible, given, strict=True) if values == rows]


def _is_measure(column: TableColumn, table: str) -> bool:
    """Whether a column holds numbers that name nothing: one that tells records apart today may not tomorrow."""
    name = normalise(column.original)
    return column.type is ColumnType.BIGINT and name_rank(name, table) == UNNAMED and not _DIMENSION.fullmatch(name)


def _preference(column: TableColumn, table: str) -> tuple[int, int]:
    """The order in which columns are tried: dimensions first, times of a change last."""
    name = normalise(column.original)
    named = name_rank(name, table)
    if _CHANGED.fullmatch(name):
        return 3, named
    dimension = column.type in (ColumnType.DATE, ColumnType.TIMESTAMPTZ) or _DIMENSION.fullmatch(name)
    return (0 if named < SURE else 1 if dimension else 2), named


def _choices(
    key: Sequence[TableColumn], ranked: Sequence[TableColumn], table: str
) -> Iterator[tuple[TableColumn, ...]]:
    """What may identify a record: a name that promises it, else the key with one or two columns beside it."""
    yield from ((column,) for column in ranked if name_rank(normalise(column.original), table) < SURE)
    for beside in (1, 2):
        yield from ((*key, *columns) for columns in combinations(ranked[: _TRIED // beside], beside))
