"""Where a value is in an answer, and under which name one goes into a request."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from rest_source.spec.base import SpecModel, invalid, located_error, mistakes
from rest_source.spec.jsonpath import PathText, compile_path
from rest_source.spec.word import Word

PositiveInt = Annotated[int, Field(strict=True, ge=1)]
Status = Annotated[int, Field(strict=True, ge=100, le=599), Word("status", "statuses")]


class HeaderValue(SpecModel):
    """A value found in a response header, written `{header: NAME}`."""

    header: str = Field(description="name of the response header that holds the value", examples=["X-Total-Count"])


def _place(value: Any) -> Any:
    if isinstance(value, str):
        compile_path(value)
    elif isinstance(value, dict):
        return HeaderValue.model_validate(value)
    elif not isinstance(value, HeaderValue):
        raise ValueError("write a JSONPath such as $.next, or {header: NAME}")
    return value


Found = Annotated[PathText | HeaderValue, BeforeValidator(_place), Word("where")]
"""Where a response holds a value: a JSONPath into its body, or `{header: NAME}`."""


def _segments(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


ParamName = Annotated[
    str | tuple[Annotated[str, Field(strict=True)] | Annotated[int, Field(strict=True)], ...],
    BeforeValidator(_segments, json_schema_input_type=str | list[str | int]),
    Word("name, or list of the steps into the body"),
]
"""The name of a parameter; with `in: body` a dotted path into the body, or the list of its steps."""


def token_places(value: Any) -> Any:
    """`{header: NAME}` is one place; any other mapping has a place for each parameter."""
    if not isinstance(value, dict) or ("header" in value and not str(value["header"]).startswith("$")):
        return _place(value)
    places = {}
    for name, where in value.items():
        try:
            places[name] = _place(where)
            if isinstance(where, str) and not where.startswith("$"):
                raise ValueError(f"`{where}` is no JSONPath; write one such as $.next, or {{header: NAME}}")
        except ValidationError as error:
            raise located_error("value", [((name, *loc), text, kind) for loc, text, kind in mistakes(error)]) from None
        except ValueError as error:
            raise invalid(name, message=str(error)) from None
    return places
