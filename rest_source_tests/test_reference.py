"""The reference is made from the models: nothing is left out, and every example and default is what a file may hold."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import Field, TypeAdapter, ValidationError

from rest_source.reference.__main__ import main
from rest_source.reference.keys import Model, keys, keys_table, variants_table
from rest_source.reference.markdown import as_yaml, table
from rest_source.reference.matrix import PROGRESS, matrix, progress_matrix
from rest_source.reference.readme import MAPPINGS, VARIANTS, parts, rewritten
from rest_source.reference.words import words
from rest_source.spec.asset import AssetSettings
from rest_source.spec.base import SpecModel
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.places import Found, HeaderValue
from rest_source.spec.source import SourceSpec
from rest_source.spec.units import Duration, parse_duration, parse_size, write_duration, write_size
from rest_source.spec.word import Word

README = Path(__file__).parents[1] / "README.md"


def models(annotation: Any) -> Iterator[Model]:
    """Every model that an annotation holds, in unions and containers too, and those of its fields."""
    if isinstance(annotation, type) and issubclass(annotation, SpecModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models(field.annotation)
            yield from models(tuple(field.metadata))
    for inner in annotation if isinstance(annotation, tuple) else get_args(annotation):
        yield from models(inner)


MODELS = sorted(set(models(SourceSpec)), key=lambda model: model.__name__)
MARKERS = {model: marker for marker, (_, model) in MAPPINGS.items()}
MARKERS |= {model: f"{key} keys" for key, members in VARIANTS.items() for model in members}
FIELDS = [(model, name) for model in MODELS for name in model.model_fields]
EXAMPLES = [(model, name) for model, name in FIELDS if model.model_fields[name].examples]
DEFAULTS = [(model, name) for model, name in FIELDS if model.model_fields[name].default is not None]
DEFAULTS = [(model, name) for model, name in DEFAULTS if not model.model_fields[name].is_required()]


def ids(found: Any) -> str:
    return found.__name__ if isinstance(found, type) else str(found)


def hint(model: Model, name: str) -> TypeAdapter[Any]:
    return TypeAdapter(get_type_hints(model, include_extras=True)[name])


def complaints(schema: dict[str, Any], value: Any) -> list[str]:
    """What a JSON Schema has against a value."""
    return [error.message for error in Draft202012Validator(schema).iter_errors(value)]


# Nothing is left out


def test_every_model_has_a_table() -> None:
    assert {*MODELS, AssetSettings} == MARKERS.keys()


@pytest.mark.parametrize(("model", "name"), FIELDS, ids=ids)
def test_every_key_stands_in_its_table(model: Model, name: str) -> None:
    shared = issubclass(model, AssetSettings) and name in AssetSettings.model_fields
    marker = "source or endpoint" if shared else MARKERS[model]
    chosen = name == "type" and marker.endswith(" keys")
    marker = marker.replace(" keys", " types") if chosen else marker
    key = model.model_fields[name].default if chosen else model.model_fields[name].alias or name
    assert f"\n| `{key}` |" in parts()[marker]


@pytest.mark.parametrize(("model", "name"), FIELDS, ids=ids)
def test_every_key_says_what_it_means(model: Model, name: str) -> None:
    assert model.model_fields[name].description


@pytest.mark.parametrize("model", MODELS, ids=ids)
def test_an_editor_shows_the_meaning(model: Model) -> None:
    properties = model.model_json_schema()["properties"]
    assert [key for key, value in properties.items() if not value.get("description")] == []


# Examples and defaults


@pytest.mark.parametrize(("model", "name"), EXAMPLES, ids=ids)
def test_every_example_is_accepted(model: Model, name: str) -> None:
    field = model.model_fields[name]
    schema = model.model_json_schema()
    own = {"$defs": schema.get("$defs", {}), **schema["properties"][field.alias or name]}
    for example in field.examples or ():
        hint(model, name).validate_python(example)
        assert complaints(own, example) == []


@pytest.mark.parametrize("model", [model for members in VARIANTS.values() for model in members], ids=ids)
def test_every_example_of_a_type_is_accepted(model: Model) -> None:
    extra: Any = model.model_config["json_schema_extra"]
    [example] = extra["examples"]
    assert isinstance(model.model_validate(example), model)
    assert complaints(model.model_json_schema(), example) == []


@pytest.mark.parametrize(("model", "name"), DEFAULTS, ids=ids)
def test_every_default_can_be_written_as_it_is_told(model: Model, name: str) -> None:
    field = model.model_fields[name]
    [told] = [key.default for key in keys(model) if key.name == f"`{field.alias or name}`"]
    assert hint(model, name).validate_python(yaml.safe_load(told.strip("`"))) == field.default


@given(st.integers(0, 10**9))
def test_a_duration_is_written_as_it_is_read(seconds: int) -> None:
    assert parse_duration(write_duration(parse_duration(seconds))) == parse_duration(seconds)


@given(st.integers(1, 10**15))
def test_a_size_is_written_as_it_is_read(size: int) -> None:
    assert parse_size(write_size(size)) == size


@pytest.mark.parametrize(("size", "text"), [(1, "1B"), (1500, "1500B"), (2000, "2KB"), (256_000_000, "256MB")])
def test_a_size_is_written_in_its_largest_unit(size: int, text: str) -> None:
    assert write_size(size) == text


@pytest.mark.parametrize(("text", "written"), [("7d", "1w"), ("0.5s", "500ms"), ("90s", "90s"), ("120s", "2m")])
def test_a_duration_is_written_in_its_largest_unit(text: str, written: str) -> None:
    assert write_duration(parse_duration(text)) == written


# Types, tables, matrix


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        (str, "string"),
        (Any, "any value"),
        (bool | None, "boolean"),
        (Duration, "duration"),
        (Duration | None, "duration"),
        (Annotated[Duration, Word("pause")], "pause"),
        (Found | None, "where"),
        (str | HeaderValue, "string or mapping"),
        (Literal["a"], "`a`"),
        (Literal["a", "b"] | None, "`a` or `b`"),
        (Literal["a", "b", "c"], "`a`, `b` or `c`"),
        (tuple[int, ...], "list of integers"),
        (tuple[Annotated[int, Word("status", "statuses")], ...], "list of statuses"),
        (dict[str, Duration], "mapping"),
        (Annotated[HeaderValue | SourceSpec, Field(description="x")], "mapping"),
    ],
)
def test_a_type_in_words(annotation: Any, said: str) -> None:
    assert words(annotation) == said


class Red(SpecModel):
    type: Literal["red"] = Field("red", description="red")
    both: int = Field(1, description="of both")
    one: int = Field(description="of one", examples=[5])
    own: Literal["a|b"] = Field("a|b", alias="in", description="of red")


class Blue(SpecModel):
    type: Literal["blue"] = Field("blue", description="blue")
    both: int = Field(1, description="of both")
    own: Literal["c"] = Field("c", alias="in", description="of blue")


def test_what_several_types_explain_alike_is_one_row() -> None:
    assert variants_table("key", (Red, Blue)).splitlines()[2:] == [
        "| `one` | `red` | integer | required | of one | `5` |",
        r"| `in` | `red` | `a\|b` | `a\|b` | of red | |",
        "| `in` | `blue` | `c` | `c` | of blue | |",
        "| `both` | all | integer | `1` | of both | |",
    ]


def test_a_mapping_as_default_is_written_without_what_it_leaves_out() -> None:
    class Outer(SpecModel):
        inner: Blue = Field(Blue(both=2), description="x")

    assert "| `{type: blue, both: 2}` |" in keys_table("key", Outer)


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "`true`"), ("on", "`'on'`"), ({"a": [1, None]}, "`{a: [1, null]}`"), ("ä: b", "`'ä: b'`")],
)
def test_a_value_as_yaml(value: Any, text: str) -> None:
    assert as_yaml(value) == text
    assert yaml.safe_load(text.strip("`")) == value


@given(st.lists(st.text("ab|\\", max_size=5), min_size=2, max_size=2))
def test_a_bar_does_not_end_a_cell(cells: list[str]) -> None:
    row = table(("a", "b"), [cells]).splitlines()[2]
    assert row.replace(r"\|", "").count("|") == 3


MEANS = {"yes": {None, "mark"}, "without `deletes`": {None}, "with `deletes` only": {"mark"}, "no": set()}
HEAD, _, *ROWS = ([cell.strip() for cell in line.strip("|").split("|")] for line in matrix().splitlines())
CELLS = [(row[0], row[1], nested, cell) for row in ROWS for nested, cell in zip(HEAD[2:], row[2:], strict=True)]


@pytest.mark.parametrize(("write", "key", "nested", "cell"), CELLS)
def test_a_cell_of_the_matrix_says_what_the_model_does(write: str, key: str, nested: str, cell: str) -> None:
    written = {"write": write.strip("`"), "primary_key": None if key == "none" else "id"}
    together = {"name": "a", "path": "/", **written, **yaml.safe_load(nested.strip("`"))}
    fitting = set()
    for deletes in (None, "mark"):
        with suppress(ValidationError):
            EndpointSpec.model_validate({**together, "deletes": deletes})
            fitting.add(deletes)
    assert MEANS[cell] == fitting


def test_the_matrix_has_every_combination_once() -> None:
    told = [(write.strip("`"), key, nested.strip("`")) for write, key, nested, _ in CELLS]
    nested = [f"nested: {word}" for word in ("json", "flatten", "split", "string")]
    expected = list(product(("merge", "append", "replace"), ("a field or fields", "none"), nested))
    assert told == expected


PROGRESS_HEAD, _, *PROGRESS_ROWS = (
    [cell.strip() for cell in line.strip("|").split("|")] for line in progress_matrix().splitlines()
)


@pytest.mark.parametrize("row", PROGRESS_ROWS, ids=lambda row: row[0])
def test_a_cell_of_the_matrix_of_progress_says_what_the_model_does(row: list[str]) -> None:
    assert PROGRESS_HEAD[1:] == ["`write: merge`", "`write: append`", "`write: replace`"]
    for write, cell in zip(("merge", "append", "replace"), row[1:], strict=True):
        fitting = set()
        for deletes in (None, "mark"):
            with suppress(ValidationError):
                EndpointSpec.model_validate(
                    {"name": "a", "path": "/", "write": write, "deletes": deletes, **PROGRESS[row[0]]}
                )
                fitting.add(deletes)
        assert MEANS[cell] == fitting


def test_increments_and_partitions_are_never_taken_for_all_records() -> None:
    cells = {row[0]: row[1:] for row in PROGRESS_ROWS}
    assert cells["`incremental`"] == ["without `deletes`", "without `deletes`", "no"]
    assert cells["`partitions_def`"] == ["without `deletes`"] * 3
    assert cells["`parent`"] == ["yes", "without `deletes`", "without `deletes`"]
    assert cells["`parent` with `changed`"][0] == "without `deletes`"


# The command


def run(path: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(path), *options])
    return result.exit_code, result.output


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    path = tmp_path / "README.md"
    path.write_text(README.read_text(encoding="utf-8"), encoding="utf-8")
    return path


def test_a_readme_in_order_passes_the_check(copy: Path) -> None:
    assert run(copy, "--check") == (0, "")


def test_the_check_says_what_differs_and_changes_nothing(copy: Path) -> None:
    old = copy.read_text(encoding="utf-8").replace("| `resume_within` | duration |", "| `resume_within` | time |")
    copy.write_text(old, encoding="utf-8")
    code, output = run(copy, "--check")
    assert code == 1
    assert "\n-| `resume_within` | time |" in output
    assert "\n+| `resume_within` | duration |" in output
    assert copy.read_text(encoding="utf-8") == old


def test_rewriting_mends_what_differs_and_leaves_the_rest(copy: Path) -> None:
    right = copy.read_text(encoding="utf-8")
    copy.write_text(right.replace("| `resume_within` | duration |", "| gone |"), encoding="utf-8")
    assert run(copy) == (0, "")
    assert copy.read_text(encoding="utf-8") == right


@pytest.mark.parametrize("change", [("generated: limits", "limits"), ("generated: limits", "generated: checks")])
def test_a_marker_that_is_missing_or_there_twice_is_an_error(copy: Path, change: tuple[str, str]) -> None:
    copy.write_text(copy.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    code, output = run(copy)
    assert code == 1
    assert "README.md: the markers are" in output


def test_a_second_rewriting_changes_nothing() -> None:
    once = rewritten(README.read_text(encoding="utf-8"))
    assert rewritten(once) == once
