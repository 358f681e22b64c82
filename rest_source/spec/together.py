"""Sources of one project, each in a file: several may make up one, and no two may have the same tables or steps."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rest_source.errors import RestSourceError
from rest_source.spec.base import normalise
from rest_source.spec.file import endpoint_lines, invalid_file, load_source, source_names
from rest_source.spec.source import SourceSpec, step_names


@dataclass(frozen=True, slots=True)
class PlacedSource:
    """A source, its file, and the lines of its endpoints if they are known."""

    source: SourceSpec
    file: str
    lines: tuple[int, ...] = ()

    def place(self, index: int) -> str:
        """Where an endpoint stands."""
        return f"{self.file}:{self.lines[index]}" if index < len(self.lines) else self.file


class Clash(NamedTuple):
    """A mistake that a source makes together with an earlier one."""

    placed: PlacedSource
    told: str


def joined(sources: Sequence[SourceSpec]) -> SourceSpec:
    """One source of the endpoints of several that are called alike, and agree on the rest."""
    first = sources[0]
    endpoints = tuple(endpoint for source in sources for endpoint in source.endpoints)
    return first if len(sources) == 1 else first.model_copy(update={"endpoints": endpoints})


def clashes(sources: Sequence[PlacedSource]) -> list[Clash]:
    """The mistakes that only several files together make, each with both places."""
    first: dict[str, PlacedSource] = {}
    found: list[Clash] = []
    for placed in sources:
        other = first.setdefault(normalise(placed.source.name), placed)
        if other is not placed:
            found += (Clash(placed, told) for told in _of_sources(placed, other))
    return found or list(_of_endpoints(sources))


def refuse_clashes(path: Path, source: SourceSpec) -> None:
    """Raise RestSourceError where a file clashes with others of its project, those below the same folder `defs`."""
    here = path.resolve()
    root = next((folder for folder in here.parents if folder.name == "defs"), None)
    others = []
    for file in sorted(root.rglob("defs.y*ml")) if root else ():
        with suppress(RestSourceError):  # its own mistakes are told where it is checked
            if file != here and any(_may_clash(name, source.name) for name in source_names(file)):
                others.append(PlacedSource(load_source(file), str(file), tuple(endpoint_lines(file))))
    mine = PlacedSource(source, str(path), tuple(endpoint_lines(path)))
    if own := [clash.told for clash in clashes([*others, mine]) if clash.placed is mine]:
        raise invalid_file(own)


def _may_clash(one: str, other: str) -> bool:
    """Whether names of sources come to one, or have steps that may: `crm` has one `crm__eu__x`, as `crm__eu` has."""
    one, other = sorted((normalise(one), normalise(other)))
    return one == other or other.startswith(f"{one}__")


def _of_sources(placed: PlacedSource, other: PlacedSource) -> Iterator[str]:
    """Why two sources whose names come to the same schema cannot be."""
    mine, theirs = placed.source, other.source
    if mine.name != theirs.name:
        yield (
            f"{placed.file}: the sources `{mine.name}`, and `{theirs.name}` of {other.file}, would share the schema "
            f"`{normalise(mine.name)}`; choose another name"
        )
        return
    keys = [name for name in SourceSpec.model_fields if name != "endpoints"]
    if differing := [f"`{name}`" for name in keys if getattr(mine, name) != getattr(theirs, name)]:
        yield (
            f"{placed.file}: the source `{mine.name}` is in {other.file} too, with another {', '.join(differing)}; "
            "files of one source agree on all but `endpoints`, and another source has another name"
        )


def _of_endpoints(sources: Sequence[PlacedSource]) -> Iterator[Clash]:
    """Endpoints of different files that would have one table, or one step in Dagster."""
    taken: dict[str, tuple[PlacedSource, int]] = {}
    for placed in sources:
        for index, endpoint in enumerate(placed.source.endpoints):
            name = placed.source.name
            table = f"the table {normalise(name)}.{normalise(endpoint.name)}"
            steps = (f"the step {step} in Dagster" for step in step_names(name, endpoint.name))
            for what in (table, *steps):
                owner, at = taken.setdefault(what, (placed, index))
                if owner is not placed:
                    theirs = f"`{owner.source.endpoints[at].name}` of `{owner.source.name}` in {owner.place(at)}"
                    told = f"`{endpoint.name}` of `{name}`, and {theirs}, would both be {what}; choose another name"
                    yield Clash(placed, f"{placed.place(index)}: {told}")
                    break
