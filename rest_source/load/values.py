"""Values of the stage in DuckDB's SQL: as a table's columns take them, whichever destination the table is in."""

from collections.abc import Collection, Iterable, Mapping

from rest_source.load.engine import as_timestamp, is_instant
from rest_source.load.relation import TableColumn
from rest_source.load.schema import EXACT_INTEGER, ColumnType

TYPES = {type_: str(type_) for type_ in ColumnType} | {ColumnType.NUMERIC: "VARCHAR", ColumnType.TEXT: "VARCHAR"}
"""The DuckDB type of each column type; a number too long for any keeps its digits as text."""

_NUMBER = r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?"
_DIGITS = r"^-?[0.]*([0-9.]*)"


def staged_values(
    target: Mapping[str, TableColumn], key: Collection[str], before: Mapping[str, ColumnType]
) -> dict[str, str]:
    """The staged columns `s_` as values of their columns; `before` has the type of columns that are text by now."""
    return {
        name: respelled(f"s_.{name}", before.get(column.name))
        if name in key and column.type is ColumnType.TEXT
        else as_stored(f"s_.{name}", column.type)
        for name, column in target.items()
    }


def as_stored(expression: str, type_: ColumnType) -> str:
    """A staged value as a column of that type takes it."""
    return as_timestamp(expression) if type_ is ColumnType.TIMESTAMPTZ else f"CAST({expression} AS {TYPES[type_]})"


def converted(expression: str, from_: ColumnType, to: ColumnType) -> str:
    """An expression of one type as another.

    As text, timestamps are RFC 3339 in UTC, and whole numbers have no fraction, whether they were 1 or 1.0.
    """
    if from_ is ColumnType.TIMESTAMPTZ and to is ColumnType.TEXT:
        stamp = f"strftime(timezone('UTC', {expression}), '%Y-%m-%dT%H:%M:%S.%f')"
        return f"regexp_replace({stamp}, '\\.000000$', '') || 'Z'"
    if from_ is ColumnType.DOUBLE and TYPES[to] == "VARCHAR":
        whole = f"{expression} = trunc({expression}) AND abs({expression}) < {EXACT_INTEGER}"
        integer = f"CAST(TRY_CAST({expression} AS BIGINT) AS VARCHAR)"
        return f"CASE WHEN {whole} THEN {integer} ELSE CAST({expression} AS VARCHAR) END"
    return f"CAST({expression} AS {TYPES[to]})"


def respelled(expression: str, before: ColumnType | None) -> str:
    """A staged value as text, spelled as `converted` spelled the equal value of a column that became text.

    What the old type does not hold exactly stays as it is: other text, `007`, and numbers of too many digits.
    """
    text = f"CAST({expression} AS VARCHAR)"
    if before is ColumnType.TIMESTAMPTZ:
        value, fits = as_timestamp(text), is_instant(text)
    elif before is ColumnType.DOUBLE:
        value = f"TRY_CAST({text} AS DOUBLE)"
        digits = f"length(replace(regexp_extract({text}, '{_DIGITS}', 1), '.', ''))"
        exact = f"{digits} <= 17 AND (abs({value}) < {EXACT_INTEGER} OR regexp_matches({text}, '[.eE]'))"
        fits = f"regexp_full_match({text}, '{_NUMBER}') AND {exact}"
    else:
        return text
    return f"CASE WHEN {fits} THEN {converted(value, before, ColumnType.TEXT)} ELSE {text} END"


def types_before_text(widenings: Iterable[str], types: Mapping[str, ColumnType]) -> dict[str, ColumnType]:
    """The type that columns of text had before, by the record of how they were widened; `types` by their SQL names."""
    before = {}
    for name, _, change in (widening.partition(": ") for widening in widenings):
        from_, _, to = change.partition(" to ")
        if types.get(to) is ColumnType.TEXT:
            before[name] = types[from_]
    return before
