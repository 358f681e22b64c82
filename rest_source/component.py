"""The component that a `defs.yaml` names: `type: rest_source.RestSource`."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import dagster as dg
from pydantic import BaseModel, Field

from rest_source.orchestrate.assets import References
from rest_source.orchestrate.definitions import build_definitions
from rest_source.spec.base import normalise
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.file import endpoint_lines
from rest_source.spec.source import SourceSpec


class ScaffoldParams(BaseModel):
    """What `dg scaffold defs rest_source.RestSource NAME` takes."""

    url: str = Field("https://api.example.com/v1/items", description="Where the API is, or one of its endpoints.")


class RestSourceScaffolder(dg.Scaffolder[ScaffoldParams]):
    """Writes the first defs.yaml of an API, as `rest-source init` does."""

    @classmethod
    def get_scaffold_params(cls) -> type[ScaffoldParams]:
        return ScaffoldParams

    def scaffold(self, request: dg.ScaffoldRequest[ScaffoldParams]) -> None:
        from rest_source.suggest.newfile import source_text

        request.target_path.mkdir(parents=True, exist_ok=True)
        text = source_text(normalise(request.target_path.name), request.params.url)
        (request.target_path / "defs.yaml").write_text(text, encoding="utf-8")


@dg.scaffold_with(RestSourceScaffolder)
class RestSource(dg.Component):
    """Load the endpoints of a REST API as assets, with schedules and a duplicates check.

    The attributes are a plain pydantic model: Dagster's own resolution would render every brace as Jinja. A subclass
    may change the specs of the assets, in `get_asset_spec`.
    """

    def __init__(self, source: SourceSpec, references: References | None = None) -> None:
        self.source = source
        self.references = references or {}

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return SourceSpec

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        if not isinstance(attributes, SourceSpec):
            raise dg.DagsterInvalidDefinitionError(f"{context.path}: rest_source.RestSource needs `attributes`")
        references: References = {}
        for file in sorted(Path(context.path).glob("defs.y*ml")):
            lines = endpoint_lines(file)
            if len(lines) == len(attributes.endpoints):  # not where the folder holds several sources
                references = _references(file, [endpoint.name for endpoint in attributes.endpoints], lines)
        return cls(attributes, references)

    @classmethod
    def get_code_references_for_yaml(
        cls, yaml_path: Path, source_position: object, context: dg.ComponentLoadContext
    ) -> Sequence[dg.LocalFileCodeReference]:
        """None: each asset refers to its own line."""
        return ()

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return build_definitions(self.source, translate=self.get_asset_spec, references=self.references)

    def get_asset_spec(self, endpoint: EndpointSpec, spec: dg.AssetSpec) -> dg.AssetSpec:
        """The spec of an endpoint's asset; the key must stay, as table and checks go by it."""
        return spec


def _references(file: Path, names: Sequence[str], lines: Sequence[int]) -> References:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        places = {
            name: dg.LocalFileCodeReference(file_path=str(file), line_number=line, label=f"{file.name}, line {line}")
            for name, line in zip(names, lines, strict=True)
        }
        return {name: dg.CodeReferencesMetadataValue(code_references=[place]) for name, place in places.items()}
