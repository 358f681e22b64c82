"""Headers and parameters of a request: texts, numbers and booleans by name, with templates."""

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from rest_source.spec.text import ENV_SCHEMA, checked


def _scalar(value: Any) -> Any:
    value = checked(value)
    if not isinstance(value, str | int | float | None):
        raise ValueError("write text, a number, true, false, null or {env: NAME}")
    return value


def _param(value: Any) -> Any:
    return tuple(_scalar(item) for item in value) if isinstance(value, list) else _scalar(value)


_SCALAR_SCHEMA: dict[str, Any] = {"anyOf": [{"type": ["string", "number", "boolean", "null"]}, ENV_SCHEMA]}
_PARAM_SCHEMA = {"anyOf": [*_SCALAR_SCHEMA["anyOf"], {"type": "array", "items": _SCALAR_SCHEMA}]}
Header = Annotated[Any, BeforeValidator(_scalar), WithJsonSchema(_SCALAR_SCHEMA)]
Params = dict[str, Annotated[Any, BeforeValidator(_param), WithJsonSchema(_PARAM_SCHEMA)]]
"""Names to values: null is left out, booleans are written true and false, lists repeat the name."""
