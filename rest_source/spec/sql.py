"""SQL in the file whose templates become parameters, so that no value can be read as SQL."""

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from rest_source.spec.template import Scope, names, parse, render, value_of
from rest_source.spec.text import checked

_TOKEN = re.compile(
    r"(?P<closed>\b[eE]'(?:[^'\\]|\\.|'')*'|\"(?:[^\"]|\"\")*\"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)"
    r"|(?:\b(?P<type>DATE|TIME|TIMESTAMPTZ|TIMESTAMP|INTERVAL)\s+)?'(?P<text>(?:[^']|'')*)'"
    r"|(?P<comment>--[^\n]*|/\*.*?\*/)",
    re.DOTALL | re.IGNORECASE,
)


def bound(sql: str, scope: Scope) -> tuple[str, list[str]]:
    """The SQL with `$1`, `$2` … for its templates, and their values as text.

    A quoted text that holds templates is one value as a whole.
    """
    written: list[str] = []
    values: list[str] = []

    def parameter(value: str) -> str:
        values.append(value)
        return f"${len(values)}"

    for text, token in _pieces(sql):
        for part in parse(text):
            written.append(part if isinstance(part, str) else parameter(value_of(part, scope)))
        if token is None:
            continue
        content = (token["text"] or "").replace("''", "'")
        if names(content):
            value = parameter(render(content, scope))
            written.append(f"CAST({value} AS {token['type']})" if token["type"] else value)
        else:
            written.append(token[0])
    return "".join(written), values


def sql_names(sql: str) -> list[str]:
    """The names of the templates in SQL, in order; what stands in comments is none."""
    return [name for text, token in _pieces(sql) for name in (*names(text), *names((token and token["text"]) or ""))]


def _pieces(sql: str) -> Iterator[tuple[str, re.Match[str] | None]]:
    """Plain SQL, and the quoted text, name or comment that follows it."""
    end = 0
    for match in _TOKEN.finditer(sql):
        yield sql[end : match.start()], match
        end = match.end()
    yield sql[end:], None


def _written(value: Any) -> Any:
    return checked(value, in_body=True) if isinstance(value, str) else value


def _in_place(sql: str) -> str:
    for _, token in _pieces(sql):
        if token is not None and token["closed"] and names(token["closed"]):
            raise ValueError(
                f"{token[0]} cannot hold a template, which stands for a value: write it within '…', or bare"
            )
    return sql


Sql = Annotated[str, BeforeValidator(_written), AfterValidator(_in_place)]
"""SQL of the file, whose templates are values."""
