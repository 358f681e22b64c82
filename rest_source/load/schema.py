"""Column types: what a load's JSON types come down to, and how two types widen into one."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Self

from rest_source.extract.columns import Kind
from rest_source.extract.nested import ArrayPath
from rest_source.spec.base import normalise
from rest_source.spec.endpoint import EndpointSpec

Nested = Literal["json", "flatten", "split", "string"]
EXACT_INTEGER = 2**53
"""Integers up to this size keep their value as a double."""


class ColumnType(StrEnum):
    """The types a column can have; NUMERIC is a number too long for BIGINT or DOUBLE."""

    BOOLEAN = "BOOLEAN"
    BIGINT = "BIGINT"
    DOUBLE = "DOUBLE"
    NUMERIC = "NUMERIC"
    DATE = "DATE"
    TIMESTAMPTZ = "TIMESTAMPTZ"
    JSON = "JSON"
    TEXT = "TEXT"


@dataclass(frozen=True, slots=True)
class Shape:
    """How an endpoint's values become columns: what happens to nested ones, and the types that the file fixes."""

    nested: Nested = "json"
    fixed: Mapping[str, ColumnType] = field(default_factory=dict)

    @classmethod
    def of(cls, endpoint: EndpointSpec) -> Self:
        """The shape that an endpoint asks for."""
        return cls(endpoint.nested, {name: ColumnType(type_) for name, type_ in endpoint.columns.items()})

    def fixed_type(self, path: ArrayPath, field_name: str) -> ColumnType | None:
        """The fixed type of a field, by its name or its column's, in the elements of the array at a path.

        A dot reaches into objects and arrays, whichever a path goes through.
        """
        name = ".".join((*path, field_name))
        return self.fixed.get(name) or self.fixed.get(normalise(name))


_NUMBERS: Set[Kind] = {"integer", "number", "long"}
_NESTED: Set[Kind] = {"object", "array", "encoded", "deep"}


def type_of(kinds: Set[Kind], nested: Nested = "json") -> ColumnType:
    """The narrowest type that holds every value of these kinds.

    Text may still turn out to be all dates or timestamps, and integers among decimals too big for a double:
    both take a look at the values.
    """
    if kinds == {"boolean"}:
        return ColumnType.BOOLEAN
    if kinds == {"integer"}:
        return ColumnType.BIGINT
    if kinds <= _NUMBERS:
        return ColumnType.NUMERIC if "long" in kinds else ColumnType.DOUBLE
    if kinds <= _NESTED and "deep" not in kinds and nested != "string":
        return ColumnType.JSON
    return ColumnType.TEXT


def widened(one: ColumnType, other: ColumnType, doubles_are_exact: bool) -> ColumnType:
    """The type that holds the values of both.

    `doubles_are_exact` says whether every integer concerned is small enough for a double.
    """
    if one == other:
        return one
    pair = {one, other}
    if pair == {ColumnType.BIGINT, ColumnType.DOUBLE}:
        return ColumnType.DOUBLE if doubles_are_exact else ColumnType.NUMERIC
    if pair <= {ColumnType.BIGINT, ColumnType.DOUBLE, ColumnType.NUMERIC}:
        return ColumnType.NUMERIC
    return ColumnType.TEXT
