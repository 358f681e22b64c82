"""What an API sends, in the Markdown that Dagster's UI makes of previews and descriptions: text, never markup."""

import re
from collections.abc import Sequence
from typing import Any

from rest_source.http.errors import Mask

_CELL = 60
_LINK = re.compile(r":(?=//)|\bwww(?=\.)|\b(?:mailto|xmpp)(?=:)|(?<=[-.\w+])@", re.IGNORECASE)
"""Where GitHub-flavoured Markdown makes a link of plain text; a character without width behind it ends that."""
_MARKUP = re.compile(r"[<>\[\]`*\\&|#~!\n\r]")


def as_text(text: str) -> str:
    """A name or value within a description: as it is where Markdown has nothing to read in it, else a code span.

    Underscores, digits and dashes may make it italic or a list, but no link, image or HTML.
    """
    if not _MARKUP.search(text) and not _LINK.search(text):
        return text
    return code_span(text)


def code_span(text: str) -> str:
    """A text as code, in which Markdown reads nothing: on one line, as no code span goes beyond a blank one."""
    line = " ".join(text.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    return f"{fence} {line} {fence}" if "`" in line else f"{fence}{line or ' '}{fence}"


def markdown_table(names: Sequence[str], rows: Sequence[Sequence[Any]], mask: Mask = str) -> str:
    """A Markdown table in which no value can be read as markup."""
    if not rows:
        return "No rows to show."
    lines = [[mask(name) for name in names], ["---"] * len(names), *([_cell(v, mask) for v in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any, mask: Mask) -> str:
    text = "" if value is None else mask(str(value))  # before it is cut: half a secret would not be recognised
    text = text if len(text) <= _CELL else text[: _CELL - 1] + "…"
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ").replace("\r", " ")
    text = re.sub(r"([\\`*_{}\[\]()#+!|~-])", r"\\\1", text)
    return _LINK.sub("\\g<0>\u200b", text)
