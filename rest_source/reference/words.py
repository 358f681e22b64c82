"""A type as a person says it, read from the annotation of a key."""

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from rest_source.reference.markdown import code, listed
from rest_source.spec.word import Word

_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", Any: "any value"}


def words(hint: Any) -> str:
    """The type of one value: `duration`, `list of hosts`, `GET` or `POST`; that it may be null is not said."""
    if found := word(hint):
        return found.one
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return words(arguments[0])
    if origin is Literal:
        return listed([code(str(choice)) for choice in arguments])
    if origin in (Union, UnionType):
        return listed(list(dict.fromkeys(words(member) for member in arguments if member is not NoneType)))
    if origin is tuple:
        return f"list of {_plural(arguments[0])}"
    is_mapping = origin is dict or (isinstance(hint, type) and issubclass(hint, BaseModel))
    return "mapping" if is_mapping else _PLAIN[hint]


def word(hint: Any) -> Word | None:
    """The word that an annotation carries; the outermost of several counts, and null beside it does not matter."""
    members = [member for member in get_args(hint) if member is not NoneType]
    if get_origin(hint) in (Union, UnionType) and len(members) == 1:
        return word(members[0])
    found = [item for item in get_args(hint)[1:] if isinstance(item, Word)] if get_origin(hint) is Annotated else []
    return found[-1] if found else None


def _plural(hint: Any) -> str:
    found = word(hint)
    return found.plural if found else f"{words(hint)}s"
