"""JSONPath as jsonpath-ng's extended parser reads it, with a short cut for plain paths.

Parsing costs milliseconds and a search through jsonpath-ng microseconds per node; most paths are as plain
as `$.data.items`, and those are walked directly.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import AfterValidator

MISSING: Final = object()

_STEP = re.compile(r"""\.([A-Za-z_]\w*)|\['([^'\\]+)'\]|\["([^"\\]+)"\]""")
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
            return [match.value for match in _search(self.expression, document)]
        value = self._walk(document)
        if value is MISSING:
            return []
        if not self.every:
            return [value]
        if isinstance(value, list):
            return value
        return [] if value is None else [value]

    def first(self, document: Any) -> Any:
        """The first match, or MISSING."""
        if self.steps is not None and not self.every:
            return self._walk(document)
        return next(iter(self.find(document)), MISSING)

    def keyed(self, document: Any) -> list[tuple[str, Any]]:
        """All matches with the last key on the way to each, for maps whose keys are data."""
        expression = self.expression if self.steps is None else _parse(self.text)
        return [(str(match.path), match.value) for match in _search(expression, document)]

    def reaches(self, document: Any) -> bool:
        """Whether the collection the path selects from is there, though nothing in it may match.

        A trailing `[*]`, slice or filter is judged by its base, so that an empty list is found and empty.
        """
        if self.steps is not None:
            return self._walk(document) is not MISSING
        return _reaches(self.expression, document)

    def _walk(self, document: Any) -> Any:
        for step in self.steps or ():
            if not isinstance(document, dict) or step not in document:
                return MISSING
            document = document[step]
        return document


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


def _search(expression: Any, document: Any) -> list[Any]:
    try:
        return list(expression.find(document))
    except (TypeError, KeyError, AttributeError, IndexError):
        return []  # jsonpath-ng indexes into null and scalars instead of passing them by


def _reaches(expression: Any, document: Any) -> bool:
    from jsonpath_ng import Child, Slice
    from jsonpath_ng.ext.filter import Filter

    if _search(expression, document):
        return True
    if not isinstance(expression, Child):
        return False
    if isinstance(expression.right, Slice | Filter):
        return _reaches(expression.left, document)
    inside = expression.left
    if isinstance(inside, Child) and isinstance(inside.right, Slice | Filter) and not _search(inside, document):
        return _reaches(inside, document)
    return False


def _compiles(text: str) -> str:
    compile_path(text)
    return text


PathText = Annotated[str, AfterValidator(_compiles)]
"""A JSONPath, checked when the file is read."""
