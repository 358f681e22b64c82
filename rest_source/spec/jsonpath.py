"""JSONPath as jsonpath-ng's extended parser reads it, with a short cut for plain paths.

Parsing costs milliseconds and a search through jsonpath-ng microseconds per node; most paths are as plain
as `$.data.items`, and those are walked directly.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
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

    @property
    def way(self) -> tuple[str | int, ...]:
        """The plain keys and indices with which the path begins: what is beside them is around the records."""
        return self.steps if self.steps is not None else _way(self.expression)

    @property
    def lead(self) -> tuple[str, ...]:
        """The plain keys with which the path begins."""
        return tuple(takewhile(lambda step: isinstance(step, str), self.way))  # type: ignore[arg-type]

    @property
    def parent(self) -> str | None:
        """The plain path to the object that holds what this one leads to."""
        return "$" + "".join(map(step_to, self.steps[:-1])) if self.steps and not self.every else None

    @property
    def base(self) -> tuple[str, ...] | None:
        """The plain keys that lead to the collection which the path selects from; None where that takes more."""
        if self.steps is not None:
            return self.steps
        base = _cut(self.text)[0] if self.selects else None
        return self.lead if base is not None and _length(base) == len(self.lead) else None

    def returned(self, document: Any) -> list[Any]:
        """What the API returned, of which the path may select a part: before filter and slice, nulls included.

        An object counts as one, a list or map that is selected from as its members.
        """
        if self.steps is None:
            return _returned(self.text, document)
        value = self._walk(document)
        if isinstance(value, dict) and self.every:
            return list(value.values())
        return value if isinstance(value, list) else [] if value is MISSING or value is None else [value]

    @property
    def selects(self) -> bool:
        """Whether a filter or a slice leaves out members of the collection."""
        return self.steps is None and _cut(self.text)[1] is not None

    def within(self, item: Any) -> Any:
        """What the path makes of a member of the collection that it selects from; MISSING where it has no such part."""
        if not self.selects or isinstance(item, list | None):
            return item
        return next(iter(_search(_cut(self.text)[1], item)), MISSING)

    def is_null(self, document: Any) -> bool:
        """Whether the document, the collection, or what should hold it, is null."""
        if document is None:
            return True
        for step in self.lead:
            if not isinstance(document, dict) or step not in document:
                return False
            document = document[step]
            if document is None:
                return True
        return False

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


def _way(expression: Any) -> tuple[str | int, ...]:
    from jsonpath_ng import Child, Fields, Index, Root

    if isinstance(expression, Index) and len(expression.indices) == 1:
        return (int(expression.indices[0]),)
    if isinstance(expression, Fields) and len(expression.fields) == 1 and expression.fields[0] != "*":
        return (str(expression.fields[0]),)
    if not isinstance(expression, Child):
        return ()
    before = _way(expression.left)
    is_plain = isinstance(expression.left, Root) or len(before) == _length(expression.left)
    return before + _way(expression.right) if is_plain else before


def _length(expression: Any) -> int:
    from jsonpath_ng import Child, Root

    if isinstance(expression, Root):
        return 0
    return _length(expression.left) + 1 if isinstance(expression, Child) else 1


@lru_cache(maxsize=4096)
def _cut(text: str) -> tuple[Any, Any]:
    """A path cut at its first filter or slice: what comes before, and what follows; the latter None if uncut."""
    from jsonpath_ng import Child, Slice, This
    from jsonpath_ng.ext.filter import Filter

    steps, rest = [], _parse(text)
    while isinstance(rest, Child):
        steps.append(rest.right)
        rest = rest.left
    steps.append(rest)
    steps.reverse()
    for at, step in enumerate(steps):
        if isinstance(step, Filter) or (isinstance(step, Slice) and not _is_every(step)):
            return _joined(steps[:at]), _joined([This(), *steps[at + 1 :]])
    return _joined(steps), None


def _joined(steps: list[Any]) -> Any:
    from jsonpath_ng import Child, Root

    whole = steps[0] if steps else Root()
    for step in steps[1:]:
        whole = Child(whole, step)
    return whole


def _is_every(step: Any) -> bool:
    """Whether a step selects every member: `[*]` or `.*`."""
    from jsonpath_ng import Fields, Slice, Wildcard

    if isinstance(step, Slice):
        return step.start is None and step.end is None and step.step is None
    return isinstance(step, Wildcard) or (isinstance(step, Fields) and step.fields == ("*",))


def _returned(text: str, document: Any) -> list[Any]:
    from jsonpath_ng import Child, Fields

    base, rest = _cut(text)
    if rest is not None:
        return [item for match in _search(base, document) for item in _members(match)]
    found = _search(base, document)
    if isinstance(base, Child) and _is_every(base.right):
        return [item for match in _search(base.left, document) for item in _members(match)]
    if not any(isinstance(match, list) for match in found):
        # Of objects each of which has a part: as many as there are objects.
        while isinstance(base, Child) and isinstance(base.right, Fields) and not _is_every(base.right):
            base = base.left
        if isinstance(base, Child) and _is_every(base.right):
            return _search(base, document) or found
    return [item for match in found for item in _listed(match)]


def _listed(match: Any) -> list[Any]:
    return match if isinstance(match, list) else [] if match is None else [match]


def _members(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [item for member in value.values() for item in (member if isinstance(member, list) else [member])]
    return _listed(value)


def _is_collection(value: Any) -> bool:
    return value is None or isinstance(value, list | dict)


def _compiles(text: str) -> str:
    compile_path(text)
    return text


PathText = Annotated[str, AfterValidator(_compiles), Word("JSONPath")]
"""A JSONPath, checked when the file is read."""
