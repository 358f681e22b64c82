"""The component that a `defs.yaml` names: `type: rest_source.RestSource`."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self, cast

import dagster as dg
from dagster.components.core import decl
from dagster.components.core.context import ComponentDeclLoadContext
from dagster.components.core.defs_module import ComponentPath
from pydantic import BaseModel, Field, ModelWrapValidatorHandler, ValidationError, model_validator

from rest_source.errors import RestSourceError
from rest_source.orchestrate.assets import References
from rest_source.orchestrate.broken import broken_definitions, refuse_in_validation
from rest_source.orchestrate.definitions import build_definitions
from rest_source.orchestrate.files import Project
from rest_source.spec.base import normalise
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.file import endpoint_lines, invalid_file, load_source, refuse_added_partitions, refuse_mistakes
from rest_source.spec.source import SourceSpec
from rest_source.spec.together import PlacedSource


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


class Attributes(SourceSpec):
    """What is below `attributes`: a source, or the mistakes that keep it from being one."""

    @model_validator(mode="wrap")
    @classmethod
    def _or_mistakes(cls, data: Any, _: ModelWrapValidatorHandler[Self]) -> Any:
        try:
            return SourceSpec.model_validate(data)
        except ValidationError as error:
            return Mistaken(error)


class Mistaken(NamedTuple):
    """The mistakes of a source."""

    error: ValidationError


@dg.scaffold_with(RestSourceScaffolder)
class RestSource(dg.Component):
    """Load the endpoints of a REST API as assets, with schedules and a duplicates check.

    The attributes are a plain pydantic model: Dagster's own resolution would render every brace as Jinja. A subclass
    may change the specs of the assets, in `get_asset_spec`.
    """

    def __init__(
        self,
        source: SourceSpec,
        references: References | None = None,
        file: Path | None = None,
        lines: tuple[int, ...] = (),
    ) -> None:
        self.source = source
        self.references = references or {}
        self.placed = PlacedSource(source, str(file or f"the component {type(self).__name__}"), lines)

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return Attributes

    @classmethod
    def load(cls, attributes: BaseModel | Mistaken | None, context: dg.ComponentLoadContext) -> Self:
        file = next(iter(sorted(Path(context.path).glob("defs.y*ml"))), None)
        try:
            return cls._load(attributes, context, file)
        except RestSourceError as error:
            refuse_in_validation(error)
            return cast("Self", _BrokenSource(error))

    @classmethod
    def _load(
        cls, attributes: BaseModel | Mistaken | None, context: dg.ComponentLoadContext, file: Path | None
    ) -> Self:
        if isinstance(attributes, Mistaken):
            refuse_mistakes(file, attributes.error, _number(context))
        if not isinstance(attributes, SourceSpec):
            raise invalid_file([f"{file or context.path}: the key `attributes` is required"])
        lines = endpoint_lines(file, _number(context)) if file else []
        if file and getattr(getattr(context.component_decl, "component_file_model", None), "post_processing", None):
            refuse_added_partitions(file, attributes, _number(context))
        if len(lines) != len(attributes.endpoints):  # as where the folder holds several sources
            lines = []
        return cls(attributes, _references(file, attributes, lines), file, tuple(lines))

    @classmethod
    def get_code_references_for_yaml(
        cls, yaml_path: Path, source_position: object, context: dg.ComponentLoadContext
    ) -> Sequence[dg.LocalFileCodeReference]:
        """None: each asset refers to its own line."""
        return ()

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        try:
            source, part = _project(self, context).part(self.placed)
        except RestSourceError as error:
            refuse_in_validation(error)
            return broken_definitions(_place(context), error)
        return build_definitions(source, translate=self.get_asset_spec, references=self.references, part=part)

    def get_asset_spec(self, endpoint: EndpointSpec, spec: dg.AssetSpec) -> dg.AssetSpec:
        """The spec of an endpoint's asset; the key must stay, as table and checks go by it."""
        return spec


class _BrokenSource(RestSource):
    """A source whose file has mistakes, which is all that is known of it."""

    def __init__(self, error: RestSourceError) -> None:
        self.error = error

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return broken_definitions(_place(context), self.error)


@contextmanager
def unreadable_files_are_broken_sources() -> Iterator[None]:
    """Within the block, a file that Dagster cannot read is a source with mistakes, and leaves the others standing.

    Dagster has no place for that: it reads all files before it loads a component, and gives up at the first.
    """
    read = decl.build_component_decl_from_yaml_file

    def read_or_broken(context: ComponentDeclLoadContext, component_def_path: Path) -> decl.ComponentDecl[Any]:
        try:
            return read(context, component_def_path)
        except Exception as error:
            told = _mistakes_of(component_def_path, error)
            refuse_in_validation(told)
            place = ComponentPath.from_path(context.path)
            return decl.ComponentLoaderDecl(context=context, loc=place, component_node_fn=lambda _: _BrokenSource(told))

    decl.build_component_decl_from_yaml_file = read_or_broken
    try:
        yield
    finally:
        decl.build_component_decl_from_yaml_file = read


def _mistakes_of(file: Path, error: Exception) -> RestSourceError:
    """What is wrong with a file, in our words where we see it, else in Dagster's."""
    try:
        load_source(file)
    except RestSourceError as found:
        return found
    return invalid_file([f"{file}: {error}"])


def _references(file: Path | None, source: SourceSpec, lines: Sequence[int]) -> References:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        places = {
            endpoint.name: dg.LocalFileCodeReference(
                file_path=str(file), line_number=line, label=f"{file.name}, line {line}"
            )
            for endpoint, line in zip(source.endpoints, lines, strict=False)
            if file is not None
        }
        return {name: dg.CodeReferencesMetadataValue(code_references=[place]) for name, place in places.items()}


def _place(context: dg.ComponentLoadContext) -> str:
    """Where a component is, as no other is: its folder, and its number if the file holds several."""
    folder = Path(context.path).relative_to(context.component_tree.defs_module_path)
    return "/".join([*folder.parts, *([str(_number(context))] if _number(context) else [])])


def _number(context: dg.ComponentLoadContext) -> int:
    """Which of the documents in its file a component is."""
    key = context.component_path.instance_key
    return key if isinstance(key, int) else 0


_projects: dict[str, tuple[dg.ComponentTree, Project]] = {}
"""The last project that was loaded, with the tree of its components: looking through it again and again takes long."""


def _project(component: RestSource, context: dg.ComponentLoadContext | None) -> Project:
    """All sources beside a component; it alone where it is loaded by itself."""
    if context is None:
        return Project((component.placed,))
    tree, project = _projects.get("last", (None, Project(())))
    if tree is not context.component_tree or not project.has(component.placed):
        found = context.component_tree.get_all_components(RestSource)
        project = Project([other.placed for other in found if not isinstance(other, _BrokenSource)])
        _projects["last"] = context.component_tree, project
    return project if project.has(component.placed) else Project((component.placed,))
