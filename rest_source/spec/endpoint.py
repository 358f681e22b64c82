"""An endpoint: what to ask, where the records are, and how they are written."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from rest_source.spec.asset import AssetSettings
from rest_source.spec.base import Location, located_error, valid_name
from rest_source.spec.jsonpath import PathText
from rest_source.spec.pagination import Cursor, NoPagination, Pagination
from rest_source.spec.rules import ErrorRule
from rest_source.spec.template import ENV_SCHEMA, Instant, Json, Text, env_reference, names, parse

Name = Annotated[str, AfterValidator(valid_name)]


def _as_list(value: Any) -> Any:
    return () if value is None else [value] if isinstance(value, str) else value


def _scalar(value: Any) -> Any:
    value = env_reference(value)
    if isinstance(value, str):
        parse(value)
    elif not isinstance(value, int | float | None):
        raise ValueError("write text, a number, true, false, null or {env: NAME}")
    return value


def _param(value: Any) -> Any:
    return tuple(_scalar(item) for item in value) if isinstance(value, list) else _scalar(value)


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


_SCALAR_SCHEMA: dict[str, Any] = {"anyOf": [{"type": ["string", "number", "boolean", "null"]}, ENV_SCHEMA]}
_PARAM_SCHEMA = {"anyOf": [*_SCALAR_SCHEMA["anyOf"], {"type": "array", "items": _SCALAR_SCHEMA}]}
Names = Annotated[tuple[str, ...], BeforeValidator(_as_list, json_schema_input_type=str | tuple[str, ...] | None)]
Header = Annotated[Any, BeforeValidator(_scalar), WithJsonSchema(_SCALAR_SCHEMA)]
Params = dict[str, Annotated[Any, BeforeValidator(_param), WithJsonSchema(_PARAM_SCHEMA)]]
"""Names to values: null is left out, booleans are written true and false, lists repeat the name."""
FixedType = Annotated[
    Literal["BOOLEAN", "BIGINT", "DOUBLE", "DATE", "TIMESTAMPTZ", "JSON", "TEXT"], BeforeValidator(_upper)
]


class EndpointSpec(AssetSettings):
    """One endpoint: what to ask, where the records are, and how they are written."""

    name: Name
    method: Annotated[
        Literal["GET", "POST"],
        BeforeValidator(_upper, json_schema_input_type=Literal["GET", "POST", "get", "post"]),
    ] = "GET"
    path: Text
    params: Params = {}
    headers: dict[str, Header] = {}
    body: Json = None
    form: Params | None = None
    data_root: PathText = "$"
    data_root_optional: bool = Field(False, strict=True)
    key_column: str | None = None
    pagination: Pagination = NoPagination()
    on_error: tuple[ErrorRule, ...] = ()
    primary_key: Names = ()
    write: Literal["merge", "append", "replace"] = "merge"
    exclude: Names = ()
    nested: Literal["json", "flatten", "split", "string"] = "json"
    columns: dict[str, FixedType] = {}
    schema_change: Literal["evolve", "freeze", "ignore"] = "evolve"
    deletes: Literal["mark"] | None = None

    @model_validator(mode="after")
    def _combinations(self) -> Self:
        errors: list[tuple[Location, str]] = []
        if self.body is not None and self.form is not None:
            errors.append((("form",), "`body` and `form` exclude each other: a request has one body"))
        for key in ("body", "form"):
            if self.method == "GET" and getattr(self, key) is not None:
                errors.append(((key,), f"`{key}` needs `method: POST`"))
        if getattr(self.pagination, "place", None) == "body":
            if self.method == "GET":
                errors.append((("pagination", "in"), "`in: body` needs `method: POST`"))
            elif self.body is not None and not isinstance(self.body, dict):
                errors.append((("body",), "`in: body` needs a mapping as `body` to put the page into"))
        if self.key_column is not None and not self.data_root.endswith((".*", "[*]")):
            errors.append(
                (("key_column",), "`key_column` needs a `data_root` that ends with `.*` or `[*]`, the map's values")
            )
        errors += [*self._undeletable(), *self._unavailable_templates()]
        if errors:
            raise located_error("endpoint", [(loc, message, "combination") for loc, message in errors])
        return self

    def _undeletable(self) -> Iterator[tuple[Location, str]]:
        """Why rows that a load does not return cannot be taken for deleted."""
        if self.deletes is None:
            return
        if self.write != "merge":
            yield ("deletes",), f"`deletes: mark` needs `write: merge`; `write: {self.write}` has no rows to mark"
        for loc, text in self._texts():
            for part in parse(text):
                if isinstance(part, Instant) and part.count < 0:
                    yield loc, f"`deletes: mark` needs a request for all records, not for those since `{part.name}-…`"

    def _unavailable_templates(self) -> list[tuple[Location, str]]:
        pages_in_path = isinstance(self.pagination, Cursor) and self.pagination.place == "path"
        wanted = {
            "partition": "a partitioned asset",
            "window": "`incremental`",
            "parent": "`parent`",
            "login": "a later step of a login",
        }
        wanted |= {} if pages_in_path else {"cursor": "`incremental`, or a cursor pagination with `in: path`"}
        return [
            (loc, f"`{{{name}}}` needs {wanted[name.split('.')[0]]}, which this endpoint does not have")
            for loc, text in self._texts()
            for name in names(text)
            if name.split(".")[0] in wanted
        ]

    def _texts(self) -> list[tuple[Location, str]]:
        """Every string of a request, with its location."""
        keys = ("path", "params", "headers", "body", "form")
        return [found for key in keys for found in texts(getattr(self, key), (key,))]


def texts(value: Any, loc: Location = ()) -> list[tuple[Location, str]]:
    """Every string in a nested value, with its location."""
    if isinstance(value, str):
        return [(loc, value)]
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in texts(item, (*loc, key))]
    if isinstance(value, list | tuple):
        return [found for index, item in enumerate(value) for found in texts(item, (*loc, index))]
    return []
