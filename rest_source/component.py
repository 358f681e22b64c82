"""The component that a `defs.yaml` names: `type: rest_source.RestSource`."""

from pathlib import Path
from typing import Self

import dagster as dg
from pydantic import BaseModel

from rest_source.orchestrate.definitions import build_definitions
from rest_source.spec.file import reject_duplicate_keys
from rest_source.spec.source import SourceSpec


class RestSource(dg.Component):
    """Load the endpoints of a REST API as assets, with schedules and a duplicates check.

    The attributes are a plain pydantic model: Dagster's own resolution would render every brace as Jinja.
    """

    def __init__(self, source: SourceSpec) -> None:
        self.source = source

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return SourceSpec

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        if not isinstance(attributes, SourceSpec):
            raise dg.DagsterInvalidDefinitionError(f"{context.path}: rest_source.RestSource needs `attributes`")
        for file in sorted(Path(context.path).glob("defs.y*ml")):
            reject_duplicate_keys(file)
        return cls(attributes)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return build_definitions(self.source)
