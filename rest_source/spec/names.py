"""Names of endpoints and lists of fields, as the file holds them."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from rest_source.spec.base import valid_name
from rest_source.spec.word import Word

PARTITION = "__partition"
"""The column that says which partition a row belongs to, also as a part of a `primary_key`."""


def _as_list(value: Any) -> Any:
    return () if value is None else [value] if isinstance(value, str) else value


Name = Annotated[str, AfterValidator(valid_name), Word("name")]
Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_as_list, json_schema_input_type=str | tuple[str, ...] | None),
    Word("field or list of fields"),
]
