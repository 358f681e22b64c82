"""Types that the file fixes: which texts fit them, and the texts as values of them.

Dates and times are those of RFC 3339; `respelled_times` respells others.
"""

from rest_source.load.engine import DATE, TIMESTAMP, as_timestamp, is_instant
from rest_source.load.schema import EXACT_INTEGER, ColumnType

_INTEGER = r"-?\d+(\.0+)?"
_NUMBER = r"-?\d+(\.\d+)?([eE][+-]?\d+)?"


_LONG = TIMESTAMP.replace(r"\d{1,6}0{0,3}", r"\d+")


def fits(text: str, type_: ColumnType, in_key: bool = False) -> str:
    """Whether a text in SQL is a value of a type.

    A DOUBLE may round a decimal, but no integer, and a TIMESTAMPTZ cuts off what is beyond the microsecond, but not of
    a key.
    """
    double = f"TRY_CAST({text} AS DOUBLE)"
    integer = f"abs(TRY_CAST({text} AS HUGEINT)) <= {EXACT_INTEGER}"
    exact = f"isfinite({double}) AND ({integer} OR regexp_matches({text}, '[.eE]'))"
    conditions = {
        ColumnType.BOOLEAN: f"regexp_full_match(lower({text}), 'true|false|0|1')",
        ColumnType.BIGINT: f"regexp_full_match({text}, '{_INTEGER}') AND TRY_CAST({text} AS BIGINT) IS NOT NULL",
        ColumnType.DOUBLE: f"regexp_full_match({text}, '{_NUMBER}') AND coalesce({exact}, false)",
        ColumnType.DATE: is_instant(text, DATE),
        ColumnType.TIMESTAMPTZ: f"{is_instant(text, TIMESTAMP if in_key else _LONG)} OR {is_instant(text, DATE)}",
        ColumnType.JSON: f"json_valid({text})",
    }
    return f"({conditions.get(type_, 'true')})"


def parsed(text: str, type_: ColumnType) -> str:
    """A text that fits as a value of the type."""
    return as_timestamp(text) if type_ is ColumnType.TIMESTAMPTZ else f"CAST({text} AS {type_})"
