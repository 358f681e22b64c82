"""Braces that were meant as a template and are none: `{{ env.X }}`, `${TOKEN}`, `{cursr}`, `/users/{id}`.

They would be sent as they stand, and most APIs answer that with nothing or with everything. A `body` may hold GraphQL
or JSON, whose braces are its own: there a mistake is only what can hardly be anything else.
"""

import re
from collections.abc import Collection, Iterator

from rest_source.spec.misspelt import WORDS, meant
from rest_source.spec.template import parse

_DOUBLE = re.compile(r"\{\{+([^{}]*)\}\}+")
_SHELL = re.compile(r"\$\{([^{}]*)\}")
_SINGLE = re.compile(r"\{([^{}]*)\}")
_UNBALANCED = re.compile(r"\{+([^{}]*)(?:\}+|$)")
_OPERATION = re.compile(r"\b(?:query|mutation|subscription|fragment)\b[^{}]*$|\)\s*$")
"""What stands before the selection set of GraphQL, or before a block of code."""


def refuse_misspelt(text: str, in_body: bool = False) -> None:
    """Raise ValueError at the first brace of a text that was meant as a template; it names the spelling."""
    for match in _DOUBLE.finditer(text):
        found = _meant(match[1], loosely=not in_body)
        if found or not in_body:
            raise ValueError(f"`{match[0]}` is not rendered: {_single_braces(found)}")
    for match in _SHELL.finditer(text):
        found = _meant(match[1], loosely=True)
        if found and (not in_body or is_template(match[1]) or match[0] == text):
            raise ValueError(f"`{match[0]}` would be sent with its `$`: write {found}")
    for match in _SINGLE.finditer(text):
        if found := _near(text, match, in_body):
            raise ValueError(f"`{match[0]}` is not a template and would be sent as it is. Did you mean {found}?")
    if text.count("{") != text.count("}") and not in_body:
        _refuse_unbalanced(text)


def _refuse_unbalanced(text: str) -> None:
    """Raise ValueError for a template with a brace too many, or without its last."""
    for match in _UNBALANCED.finditer(text):
        if is_template(match[1]):
            much = "a brace too many" if match[0].endswith("}") else "no closing brace"
            raise ValueError(f"`{match[0]}` has {much}: write {{{match[1]}}}")


def placeholders(path: str, known: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """The braces in a path, before its query, that nothing replaces: each with what could be meant, if anything.

    `known` are the names that something else than a template replaces. No path has braces of its own (RFC 3986, 3.3).
    """
    for match in _SINGLE.finditer(path.partition("?")[0]):
        if match[1] not in known and not is_template(match[1]):
            yield match[0], _meant(match[1], loosely=True) or ""


def refuse_placeholders(url: str) -> str:
    """The URL or path; raises ValueError where it has braces that are no template."""
    for written, found in placeholders(url.rpartition("://")[2]):
        name = re.sub(r"\W+", "_", written).strip("_").upper() or "NAME"
        remedy = f"Did you mean {found}?" if found else f"Write {{env.{name}}} for a variable"
        raise ValueError(f"`{written}` is not a template and would be sent as it is. {remedy}")
    return url


def is_template(inner: str) -> bool:
    """Whether what stands in braces is a template."""
    if inner in WORDS:
        return True
    try:
        parts = parse(f"{{{inner}}}")
    except ValueError:
        return False
    return len(parts) == 1 and not isinstance(parts[0], str)


def _meant(inner: str, loosely: bool) -> str | None:
    """The template, in braces, that was meant by what stands in them."""
    text = inner.strip()
    found = next((one for one in (text, *meant(text, loosely)) if is_template(one)), None)
    return f"{{{found}}}" if found else None


def _near(text: str, match: re.Match[str], in_body: bool) -> str | None:
    """What a brace was meant to be, if it stands where a template can."""
    inner = match[1]
    found = None if is_template(inner) else _meant(inner, loosely=not in_body)
    before, quote = text[: match.start()], text[: match.start()][-1:]
    if found is None or "." in inner or match[0] == text:
        return found
    if quote in ("'", '"') and text[match.end() :].startswith(quote):
        return found
    is_nested = before.count("{") > before.count("}")
    is_spaced = inner != inner.strip()
    return None if is_nested or _OPERATION.search(before) or (in_body and is_spaced) else found


def _single_braces(found: str | None) -> str:
    if found is None:
        return "templates have single braces, such as {env.NAME} or {now}"
    name = found.removeprefix("{env.").removesuffix("}")
    return f"write {found}" + (f" within a text, or {{env: {name}}} as the whole value" if name.isupper() else "")
