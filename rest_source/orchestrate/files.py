"""The files of a project together: what they have in common, and the mistakes that only several of them make."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import dagster as dg

from rest_source.orchestrate.definitions import Part
from rest_source.orchestrate.resource import api_resource
from rest_source.spec.file import invalid_file
from rest_source.spec.source import SourceSpec
from rest_source.spec.together import Clash, PlacedSource, clashes, joined


@dataclass(frozen=True)
class Project:
    """All sources of a project, in the order of their files."""

    sources: Sequence[PlacedSource]

    def has(self, placed: PlacedSource) -> bool:
        """Whether this very source is one of them."""
        return any(other is placed for other in self.sources)

    def part(self, placed: PlacedSource) -> tuple[SourceSpec, Part]:
        """The source that a file is of, all its files taken together, and the file's part; raises for mistakes."""
        if own := self._mistakes(placed):
            raise invalid_file(own)
        source, resource = self._whole[placed.source.name]
        first = next(other for other in self._standing if other.source.name == placed.source.name)
        return source, Part(placed.source.endpoints, resource, is_first=first is placed)

    def _mistakes(self, placed: PlacedSource) -> list[str]:
        return [clash.told for clash in self._clashes if clash.placed is placed]

    @cached_property
    def _clashes(self) -> list[Clash]:
        return clashes(self.sources)

    @cached_property
    def _standing(self) -> list[PlacedSource]:
        """The sources without a mistake; of two that clash, that is the first."""
        return [placed for placed in self.sources if not self._mistakes(placed)]

    @cached_property
    def _whole(self) -> dict[str, tuple[SourceSpec, dg.ResourceDefinition]]:
        """The sources by their names, each with its resource: files that share one have to hold the same object."""
        files: dict[str, list[SourceSpec]] = {}
        for placed in self._standing:
            files.setdefault(placed.source.name, []).append(placed.source)
        wholes = {name: joined(sources) for name, sources in files.items()}
        return {name: (source, api_resource(source)) for name, source in wholes.items()}
