"""The SQL of PostgreSQL, where it is not that of DuckDB."""

import psycopg
from psycopg.errors import ReadOnlySqlTransaction

from rest_source.load.dialect import Dialect
from rest_source.load.engine import DATE, TIMESTAMP, literal
from rest_source.load.respelled_times import Functions, respelled
from rest_source.load.schema import EXACT_INTEGER, ColumnType

_TYPES = {type_: str(type_) for type_ in ColumnType} | {ColumnType.DOUBLE: "DOUBLE PRECISION", ColumnType.JSON: "JSONB"}
_INTEGER = r"^-?\d+(\.0+)?$"
_SPACED = r'("(?:[^"\\]|\\.)*")|([,:]) '
"""A text, or one of the separators that JSONB writes with a space behind and DuckDB without."""
_NUMBER = r"^-?\d+(\.\d+)?([eE][+-]?\d+)?$"
_INSTANTS = Functions(
    matches=lambda text, pattern: f"{text} ~ {literal(f'^{pattern}$')}",
    taken_apart=lambda text, pattern, make: make(
        lambda number: f"coalesce((regexp_match({text}, {literal(f'^{pattern}$')}))[{number}], '')"
    ),
    date="CAST({} AS DATE)".format,
    day="to_char({}, 'YYYY-MM-DD')".format,
    stamp="to_char(TIMESTAMP 'epoch' + {0} / 1000000 * INTERVAL '1 second' + {0} % 1000000 * INTERVAL '1 microsecond', "
    "'YYYY-MM-DD HH24:MI:SS.US')".format,
)


def _converted(expression: str, from_: ColumnType, to: ColumnType) -> str:
    """A value of one type as another, spelled as `values.converted` spells it in DuckDB."""
    if from_ is ColumnType.TIMESTAMPTZ and to is ColumnType.TEXT:
        stamp = f"""to_char({expression} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')"""
        return f"regexp_replace({stamp}, '\\.000000$', '') || 'Z'"
    if from_ is ColumnType.DOUBLE and to in (ColumnType.TEXT, ColumnType.NUMERIC):
        # Cast straight to NUMERIC, a double would lose all digits after the fifteenth.
        whole = f"{expression} = trunc({expression}) AND abs({expression}) < {EXACT_INTEGER}"
        text = f"CASE WHEN {whole} THEN CAST(CAST({expression} AS BIGINT) AS TEXT) ELSE CAST({expression} AS TEXT) END"
        return text if to is ColumnType.TEXT else f"CAST({text} AS NUMERIC)"
    text = f"CAST({expression} AS {_TYPES[to]})"
    return f"regexp_replace({text}, {literal(_SPACED)}, '\\1\\2', 'g')" if from_ is ColumnType.JSON else text


def _fits(text: str, type_: ColumnType) -> str:
    """Whether a text is a value of a type, by the rules of `fixed.fits`."""
    text = respelled(text, type_, _INSTANTS)
    whole = f"split_part({text}, '.', 1)"
    exact = f"({text} ~ '[.eE]' OR abs(CAST({text} AS NUMERIC)) <= {EXACT_INTEGER})"
    stamp = f"CAST({text} AS TIMESTAMPTZ) BETWEEN '0001-01-01T00:00:00Z' AND '9999-12-31T23:59:59.999999Z'"
    written = f"{text} ~ {literal(f'^({TIMESTAMP}|{DATE})$')}"
    conditions = {
        ColumnType.BOOLEAN: (f"lower({text}) ~ '^(true|false|0|1)$'",),
        ColumnType.BIGINT: (f"{text} ~ '{_INTEGER}'", f"pg_input_is_valid({whole}, 'bigint')"),
        ColumnType.DOUBLE: (f"{text} ~ '{_NUMBER}'", f"pg_input_is_valid({text}, 'double precision')", exact),
        ColumnType.DATE: (f"{text} ~ '^{DATE}$'", f"pg_input_is_valid({text}, 'date')"),
        ColumnType.TIMESTAMPTZ: (written, f"pg_input_is_valid({text}, 'timestamptz')", stamp),
        ColumnType.JSON: (f"pg_input_is_valid({text}, 'jsonb')",),
    }
    return _in_turn(*conditions.get(type_, ("true",)))


def _in_turn(*conditions: str) -> str:
    """All conditions, each asked only where those before it hold; AND promises no order."""
    *first, last = conditions
    guards = "".join(f"WHEN NOT ({condition}) THEN false " for condition in first)
    return f"(CASE {guards}ELSE {last} END)"


def _parsed(text: str, type_: ColumnType) -> str:
    text = respelled(text, type_, _INSTANTS)
    value = f"split_part({text}, '.', 1)" if type_ is ColumnType.BIGINT else text
    return f"CAST({value} AS {_TYPES[type_]})"


POSTGRES = Dialect(
    types=_TYPES,
    row_id="ctid",
    converted=_converted,
    fits=_fits,
    parsed=_parsed,
    attempt="{}".format,
    hashed="hash_record_extended(ROW({}), 0)".format,
    distinct="count(DISTINCT {})".format,
    json_text="{}".format,
    mistakes=(psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError, ReadOnlySqlTransaction),
    unless_locked="FOR UPDATE SKIP LOCKED",
    longest_name=63,
    most_columns=1600,
    no_comment="(empty name)",
    reserved=frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}),
)
