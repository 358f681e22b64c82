"""Parents: rows, values or a query whose every row asks the endpoint once."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from rest_source.spec.base import SpecModel, invalid, unknown
from rest_source.spec.names import Name, Names
from rest_source.spec.places import PositiveInt
from rest_source.spec.sql import Sql
from rest_source.spec.template import names
from rest_source.spec.text import ENV_SCHEMA
from rest_source.spec.variables import of_variables
from rest_source.spec.word import Word

Scalar = str | int | float | bool
_SCALAR_SCHEMA = {"type": ["string", "number", "boolean"]}


def _scalars(value: Any) -> Any:
    if isinstance(written := of_variables(value), str) and names(written):
        return written
    items = tuple(map(of_variables, value)) if isinstance(value, list | tuple) else ()
    if not items or not all(isinstance(item, Scalar) for item in items):
        raise ValueError("write a list of texts or numbers, at least one, or {env: NAME}")
    return items


Values = Annotated[
    tuple[Any, ...] | str,
    BeforeValidator(_scalars),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "minItems": 1, "items": {"anyOf": [_SCALAR_SCHEMA, ENV_SCHEMA]}},
                {"type": "string"},
                ENV_SCHEMA,
            ]
        }
    ),
]
"""The values of one name; a text is of the variable that holds all of them, with commas between."""


class Parent(SpecModel):
    """What an endpoint is asked for one by one: the rows of another endpoint, values, or the rows of a query."""

    endpoint: Name | None = Field(
        None,
        description="another endpoint of the source, whose table is read; `{parent.FIELD}` is a field of its rows",
        examples=["posts"],
    )
    values: dict[str, Values] | None = Field(
        None,
        description="names with their values; of several names every combination. A variable holds them with commas "
        "between them",
        examples=[{"folder": ["inbox", "sent"]}],
    )
    query: Sql | None = Field(
        None,
        description="SQL for the destination, whose columns are the fields; templates in it are values, see below",
        examples=["SELECT DISTINCT sku FROM shop.orders"],
    )
    deps: tuple[Annotated[str, Word("asset key")], ...] = Field(
        (), description="of `query`: the assets whose tables it reads", examples=[["shop/orders"]]
    )
    include: Names = Field(
        (), description="fields of the parent that are put into each record, as `parent_FIELD`", examples=[["id"]]
    )
    where: Sql | None = Field(
        None,
        description="of `endpoint`: SQL that a row of its table must meet; templates in it are values, see below",
        examples=["status = 'open'"],
    )
    changed: bool = Field(
        False,
        strict=True,
        description="of `endpoint`: only rows that were inserted or updated since this endpoint's last load",
        examples=[True],
    )
    batch: PositiveInt | None = Field(
        None,
        description="asks for so many rows in one request, where `{parent.id:join(,)}` lists the values",
        examples=[50],
    )

    @model_validator(mode="after")
    def _is_one_of_three(self) -> Self:
        given = [key for key in ("endpoint", "values", "query") if getattr(self, key) is not None]
        if len(given) != 1:
            raise invalid(message="write one of `endpoint`, `values` and `query`", kind="combination")
        for key in ("where", "changed"):
            if getattr(self, key) and self.endpoint is None:
                raise invalid(key, message=f"`{key}` needs `endpoint`, whose rows it selects", kind="combination")
        if self.deps and self.query is None:
            raise invalid("deps", message="`deps` belongs to `query`; an `endpoint` is a dependency by itself")
        if self.values is not None:
            for index, name in enumerate(self.include):
                if name not in self.values:
                    raise invalid("include", index, message=unknown("field", name, list(self.values)))
        if self.batch and self.include:
            raise invalid("include", message="`include` cannot tell which row of a `batch` a record belongs to")
        return self
