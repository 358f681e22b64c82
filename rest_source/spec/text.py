"""Strings of the file: templates in them are checked when it is read, and `{env: NAME}` stands for one."""

import math
import re
from contextlib import suppress
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from rest_source.spec.braces import refuse_misspelt
from rest_source.spec.template import Named, parse, plain_text
from rest_source.spec.word import Word


def env_reference(value: Any) -> Any:
    """`{env: NAME}` written as a mapping becomes the template `{env.NAME}`, so that one mechanism serves both."""
    if not isinstance(value, dict) or not {"env"} <= set(value) <= {"env", "default"}:
        return value
    name = value["env"]
    if not isinstance(name, str) or not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
        raise ValueError(f"`env: {name}` names no environment variable: upper-case letters, digits and _")
    if "default" not in value:
        return f"{{env.{name}}}"
    default = value["default"]
    if not isinstance(default, str | int | float):
        raise ValueError(f"the `default` of `env: {name}` is text, a number, true or false")
    template = f"{{env.{name}|{plain_text(default)}}}"
    with suppress(ValueError):
        if parse(template) == (Named(f"env.{name}", plain_text(default)),):
            return template
    raise ValueError(f"the `default` of `env: {name}` holds a brace without its counterpart, or braces in braces")


def checked(value: Any, in_body: bool = False) -> Any:
    """The value, `{env: NAME}` as a template; raises ValueError on a template that is misspelt."""
    value = env_reference(value)
    if isinstance(value, str):
        refuse_misspelt(value, in_body)
        for part in parse(value):
            if isinstance(part, Named) and part.default:
                checked(part.default, in_body)
    return value


def _checked_json(value: Any) -> Any:
    value = checked(value, in_body=True)
    if isinstance(value, dict):
        return {str(key): _checked_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_checked_json(item) for item in value]
    if not isinstance(value, str | int | float | None) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("write text, a number, true, false, null, a list or a mapping; JSON knows nothing else")
    return value


ENV_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "env": {"type": "string", "pattern": "^[A-Z_][A-Z0-9_]*$"},
        "default": {"type": ["string", "number", "boolean"]},
    },
    "required": ["env"],
    "additionalProperties": False,
}
"""The JSON Schema of `{env: NAME}` and `{env: NAME, default: TEXT}`."""

Text = Annotated[
    str, BeforeValidator(checked), WithJsonSchema({"anyOf": [{"type": "string"}, ENV_SCHEMA]}), Word("text")
]
"""A string, or `{env: NAME}`; templates in it are checked when the file is read."""

Json = Annotated[Any, BeforeValidator(_checked_json)]
"""Any YAML value; templates and `{env: NAME}` are accepted wherever it holds a string."""
