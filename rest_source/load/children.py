"""Child tables: the elements of arrays, which come and go with the row that holds them.

A row's `__hevo_id` is the hash of all its record, arrays included, so the elements of one id are always the same: they
are inserted when the id is new, and deleted when no row has it any more. The comment of a child table says whose
elements it holds, which keeps the two together whatever the tables are called.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from rest_source.extract.nested import ArrayPath, path_text
from rest_source.load.destination import CommitResult, LoadFacts
from rest_source.load.dialect import Session, count
from rest_source.load.engine import literal
from rest_source.load.evolution import Evolution, frozen
from rest_source.load.names import HEVO_ID, INDEX, LOADED_AT, MARKED_DELETED, METADATA_COLUMNS, REF_ID
from rest_source.load.owners import OF_ARRAY, comment
from rest_source.load.relation import Table
from rest_source.load.stage import Stage, StagedTable
from rest_source.load.table import described, evolve
from rest_source.load.write import insertion
from rest_source.spec.base import free_name, normalise, shortened


@dataclass(frozen=True, slots=True)
class Children:
    """Brings the child tables of a table up to it, in the open transaction that has written the table."""

    session: Session
    table: Table
    stage: Stage
    load: LoadFacts
    loaded_at: int

    def write(self, result: CommitResult) -> CommitResult:
        """The result with the child tables and what changed in them."""
        known = dict(_children(self.session, self.table))
        for staged in self.stage.tables[1:]:
            is_new = staged.path not in known
            if is_new and self.load.schema_change == "ignore":
                result = replace(result, columns_ignored=(*result.columns_ignored, ".".join(staged.path)))
                continue
            known.setdefault(staged.path, self._new_table(staged.path))
            if is_new and self.load.schema_change == "freeze":
                new = f"new table `{known[staged.path].name}`"
                raise frozen(f"{self.table.schema}.{self.table.name}", [new])
            result = self._load(staged, known, result)
        if result.rows_updated + result.rows_deleted:
            for path in sorted(known, key=len):
                self._follow(known[path], self._holder(path, known))
        return replace(result, child_tables={child.name: self._rows(child) for child in known.values()})

    def _load(self, staged: StagedTable, known: dict[ArrayPath, Table], result: CommitResult) -> CommitResult:
        child = known[staged.path]
        evolution = evolve(self.session, child, staged, self.load.schema_change)
        if not comment(self.session, child):  # also where an empty table without columns was made anew
            owner = literal(_owner(self.table, staged.path))
            self.session.execute(f"COMMENT ON TABLE {self.session.place(child)} IS {owner}")
        self._insert(staged, child, self._holder(staged.path, known), evolution)
        name, widened = child.name, described(evolution, self.session.dialect)
        return replace(
            result,
            columns_added=(*result.columns_added, *(f"{name}.{column.name}" for column in evolution.added)),
            columns_widened=(*result.columns_widened, *(f"{name}.{change}" for change in widened)),
            columns_ignored=(*result.columns_ignored, *(".".join((*staged.path, n)) for n in evolution.ignored)),
        )

    def _insert(self, staged: StagedTable, child: Table, holder: Table, evolution: Evolution) -> None:
        rows = self.session.staged(self.stage, staged, evolution.target, {})
        columns = [(column.name, rows.values[name]) for name, column in evolution.target.items()]
        columns += [(name, f"s_.{name}") for name in (REF_ID, INDEX)]
        held = f"EXISTS (SELECT 1 FROM {self.session.place(holder)} h_ WHERE h_.{HEVO_ID} = s_.{REF_ID})"
        known = f"EXISTS (SELECT 1 FROM {self.session.place(child)} c_ WHERE c_.{REF_ID} = s_.{REF_ID})"
        place, new = self.session.place(child), f"{rows.place} s_ WHERE {held} AND NOT {known}"
        self.session.execute(insertion(place, columns, self.loaded_at, new))

    def _follow(self, child: Table, holder: Table) -> None:
        """Delete the elements whose holder is gone, and mark them as it is marked."""
        name, held = self.session.place(child), f"h_.{HEVO_ID} = c_.{REF_ID}"
        gone = f"NOT EXISTS (SELECT 1 FROM {self.session.place(holder)} h_ WHERE {held})"
        self.session.execute(f"DELETE FROM {name} c_ WHERE {gone}")
        self.session.execute(
            f"UPDATE {name} c_ SET {MARKED_DELETED} = h_.{MARKED_DELETED}, {LOADED_AT} = {self.loaded_at} "
            f"FROM {self.session.place(holder)} h_ WHERE {held} AND h_.{MARKED_DELETED} <> c_.{MARKED_DELETED}"
        )

    def _holder(self, path: ArrayPath, known: dict[ArrayPath, Table]) -> Table:
        return known.get(path[:-1], self.table)

    def _new_table(self, path: ArrayPath) -> Table:
        self.session.take_turn(f"child tables in {self.table.schema}")  # several endpoints may want one name
        longest = self.session.dialect.longest_name
        found = (name for name, _ in self.session.tables(self.table.schema))
        taken = {*found, *(shortened(sibling, longest) for sibling in self.load.siblings)}
        return Table(self.table.schema, free_name(normalise("_".join((self.table.name, *path))), taken, longest))

    def _rows(self, child: Table) -> int:
        return count(self.session, f"SELECT count(*) FROM {self.session.place(child)}")


def has_shape(session: Session, table: Table) -> bool:
    """Whether records have given a table columns or child tables."""
    columns = {column.name for column in session.columns(table)}
    return bool(columns - set(METADATA_COLUMNS)) or any(True for _ in _children(session, table))


def _owner(table: Table, path: ArrayPath) -> str:
    return f"{table.schema}.{table.name}{OF_ARRAY}{path_text(path)}"


def _children(session: Session, table: Table) -> Iterable[tuple[ArrayPath, Table]]:
    """The child tables there are, by the paths of their arrays."""
    prefix = _owner(table, ()).removesuffix("[]")
    for name, told in session.tables(table.schema):
        if told.startswith(prefix):
            yield tuple(json.loads(told.removeprefix(prefix))), Table(table.schema, name)
