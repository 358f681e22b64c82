"""JSONPath as jsonpath-ng's extended parser reads it, with a short cut for plain paths.

Parsing costs milliseconds and a search through jsonpath-ng microseconds per node; most paths are as plain
as `$.data.items`, and those are walked directly.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import AfterValidator

from rest_source.spec.word import Word

MISSING: Final = object()

_STEP = re.compile(r"""\.([^\W\d]\w*)|\['([^'\\]+)'\]|\["([^"\\]+)"\]""")
_PLAIN = re.compile(rf"\$(?:{_STEP.pattern})*(\[\*\])?")


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A compiled path. `steps` is set for a plain path, `expression` for every other."""

    text: str
    steps: tuple[str, ...] | None
    every: bool
    expression: Any = None

    def find(self, document: Any) -> list[Any]:
        """All matches, in document order."""
        if self.steps is None:
            return _search(self.expression, document)
        value = self._walk(document)
        if value is MISSING:
            return []
        if not self.every:
            return [value]
        if isinstance(value, dict):
            return list(value.values())
        return value if isinstance(value, list) else []

    def first(self, document: Any) -> Any:
        """The first match, or MISSING."""
        if self.steps is not None and not self.every:
            return self._walk(document)
        return next(iter(self.find(document)), MISSING)

    def keyed(self, document: Any) -> list[tuple[str, Any]]:
        """All matches with the last key on the way to each, for maps whose keys are data."""
        expression = self.expression if self.steps is None else _parse(self.text)
        return [(_last_key(match.path), match.value) for match in _found(expression, document)]

    def reaches(self, document: Any) -> bool:
        """Whether the collection the path selects from is there, though nothing in it may match.

        A trailing `[*]`, slice or filter is judged by its base, so that an empty list is found and empty.
        """
        if self.steps is not None:
            value = self._walk(document)
            return _is_collection(value) if self.every else value is not MISSING
        return _reaches(self.expression, document)

    def _walk(self, document: Any) -> Any:
        for step in self.steps or ():
            if not isinstance(document, dict) or step not in document:
                return MISSING
            document = document[step]
        return document


def step_to(name: str) -> str:
    """A key as a step of a path: `.items`, or `['order items']`."""
    if re.fullmatch(r"[^\W\d]\w*", name):
        return f".{name}"
    if "\\" in name or name == "" or ("'" in name and '"' in name):
        escaped = name.replace("\\", "\\\\").replace("'", "\\'")
        return f"['{escaped}']"
    return f'["{name}"]' if "'" in name else f"['{name}']"


@lru_cache(maxsize=4096)
def compile_path(text: str) -> JsonPath:
    """A path ready for use; raises ValueError where it is not JSONPath."""
    if match := _PLAIN.fullmatch(text):
        steps = tuple(next(filter(None, found)) for found in _STEP.findall(text.removesuffix("[*]")))
        return JsonPath(text, steps, every=match.group(match.lastindex or 0) == "[*]" and text.endswith("[*]"))
    return JsonPath(text, None, every=False, expression=_parse(text))


def _parse(text: str) -> Any:
    from jsonpath_ng.exceptions import JSONPathError
    from jsonpath_ng.ext.parser import parse

    try:
        return parse(text)
    except JSONPathError as error:
        raise ValueError(f"`{text}` is not JSONPath: {error}. Write a path such as $.data.items") from None
    except Exception as error:  # the parser reports a few mistakes as AttributeError or TypeError
        raise ValueError(f"`{text}` is not JSONPath ({error}). Write a path such as $.data.items") from None


def _found(expression: Any, document: Any) -> list[Any]:
    try:
        return list(expression.find(document))
    except (TypeError, KeyError, AttributeError, IndexError):
        return []  # jsonpath-ng calculates with and sorts what cannot be


def _search(expression: Any, document: Any) -> list[Any]:
    return [match.value for match in _found(expression, document)]


def _last_key(path: Any) -> str:
    """The key or index itself; jsonpath-ng's own text of a path quotes keys such as 2024-01-01."""
    steps = getattr(path, "fields", None) or getattr(path, "indices", None) or (path,)
    return str(steps[0])


def _reaches(expression: Any, document: Any) -> bool:
    from jsonpath_ng import Child, Slice, Wildcard
    from jsonpath_ng.ext.filter import Filter

    if _search(expression, document):
        return True
    if not isinstance(expression, Child):
        return False
    if isinstance(expression.right, Slice | Wildcard | Filter):
        bases = _search(expression.left, document)
        return any(map(_is_collection, bases)) or (not bases and _reaches(expression.left, document))
    # Nothing was selected here because a collection further up is empty.
    return not _search(expression.left, document) and _reaches(expression.left, document)


def _is_collection(value: Any) -> bool:
    return value is None or isinstance(value, list | dict)


def _compiles(text: str) -> str:
    compile_path(text)
    return text


PathText = Annotated[str, AfterValidator(_compiles), Word("JSONPath")]
"""A JSONPath, checked when the file is read."""
