"""The tables of keys, one for each model of the file or for the models that one key chooses from by `type`."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rest_source.reference.markdown import as_yaml, code, listed, table
from rest_source.reference.words import word, words
from rest_source.spec.asset import AssetSettings
from rest_source.spec.base import SpecModel

Model = type[SpecModel]


class Key(NamedTuple):
    """A key of the file; every part is Markdown."""

    name: str
    type: str
    default: str
    meaning: str
    example: str


def keys(model: Model) -> Iterator[Key]:
    """The keys of a model: its own before those of the models that it extends."""
    hints = get_type_hints(model, include_extras=True)
    inherited = [name for name in model.model_fields if name not in model.__annotations__]
    for name in [*(name for name in model.model_fields if name in model.__annotations__), *inherited]:
        field, hint = model.model_fields[name], hints[name]
        example = as_yaml(field.examples[0]) if field.examples else ""
        yield Key(code(field.alias or name), words(hint), _default(field, hint), field.description or "", example)


def keys_table(head: str, model: Model) -> str:
    """The keys of one model; those that a source and an endpoint have in common are left to their own table."""
    extends = issubclass(model, AssetSettings) and model is not AssetSettings
    shared = {code(name) for name in AssetSettings.model_fields} if extends else set()
    return table((head, *Key._fields[1:]), (key for key in keys(model) if key.name not in shared))


def types_table(head: str, models: Sequence[Model]) -> str:
    """What each `type` means, with an example of a whole mapping."""
    return table((head, "meaning", "example"), ((code(tag(model)), *_type(model)) for model in models))


def variants_table(head: str, models: Sequence[Model]) -> str:
    """The keys of the models that `type` chooses from; what several explain alike is one row."""
    owners: dict[Key, list[Model]] = {}
    for model in models:
        for key in keys(model):
            if key.name != code("type"):
                owners.setdefault(key, []).append(model)
    common_last = sorted(owners, key=lambda key: len(owners[key]) == len(models))
    rows = ((key.name, _of(owners[key], models), *key[1:]) for key in common_last)
    return table((head, "of", *Key._fields[1:]), rows)


def tag(model: Model) -> str:
    """The `type` that chooses a model."""
    return str(model.model_fields["type"].default)


def _type(model: Model) -> tuple[str, str]:
    extra: Any = model.model_config["json_schema_extra"]
    return model.model_fields["type"].description or "", as_yaml(extra["examples"][0])


def _of(owners: Sequence[Model], models: Sequence[Model]) -> str:
    others = [model for model in models if model not in owners]
    if not others:
        return "all"
    if len(others) == 1 < len(owners):
        return f"all but {code(tag(others[0]))}"
    return listed([code(tag(owner)) for owner in owners], "and")


def _default(field: FieldInfo, hint: Any) -> str:
    if field.is_required():
        return "required"
    if field.default is None:
        return "none"
    found = word(hint)
    if found and found.write:
        return code(found.write(field.default))
    return as_yaml(_plain(field.default))


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        kind = {"type": tag(type(value))} if isinstance(value, SpecModel) and "type" in type(value).model_fields else {}
        return kind | value.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return list(value) if isinstance(value, tuple) else value
