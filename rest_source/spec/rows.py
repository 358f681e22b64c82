"""`record_columns`: where the names are of rows that are arrays."""

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from rest_source.spec.jsonpath import compile_path
from rest_source.spec.word import Word

FIRST_ROW = "first_row"


def _written(value: Any) -> Any:
    if isinstance(value, list | tuple):
        if not value or not all(isinstance(name, str) and name for name in value):
            raise ValueError("write the names as texts, one for each place in a row")
        if twice := [name for name in value if value.count(name) > 1]:
            raise ValueError(f"`{twice[0]}` stands twice; each place in a row has a name of its own")
        return tuple(value)
    if not isinstance(value, str) or (value != FIRST_ROW and not value.startswith("$")):
        raise ValueError("write `first_row`, a list of names, or a JSONPath such as $.columns")
    if value != FIRST_ROW:
        compile_path(value)
    return value


RecordColumns = Annotated[
    str | tuple[str, ...],
    BeforeValidator(_written),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}]}),
    Word("`first_row`, list of names or JSONPath"),
]
