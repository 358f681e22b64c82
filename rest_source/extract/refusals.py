"""What in an answer of status 200 says that the request was refused, or was answered in part."""

from typing import Any

from rest_source.errors import RestSourceError, quoted
from rest_source.extract.announced import Sign
from rest_source.http.error_members import failure, hint
from rest_source.spec.jsonpath import JsonPath, step_to

IDS = ("id", "_id", "uuid", "guid", "key", "slug")
"""Fields that tell a record from the envelope of others."""


def told_failures(path: JsonPath, document: Any, first_page: bool, is_list: bool, had_records: bool) -> list[str]:
    """Warnings where a page is taken for an empty one, or for a whole one, though it may speak of an error.

    The answers before it were lists if `is_list`, and had lists of records at the data root if `had_records`.
    """
    if had_records and (found := _in_place_of_records(path, document)) is not None:
        return [found]
    key = failure(document)
    if key is not None:
        return _beside(path, document, key, first_page)
    if is_list and not path.lead and isinstance(document, dict) and document:
        names = list(document)
        told = f"A page was an object with {', '.join(map(quoted, names[:3]))}, where others are lists of records, and"
        remedy = f"`on_error: [{{json: {'$' + step_to(names[0])}, do: fail}}]`"
        return [f"{told} was taken for an empty one. If that is an error, add {remedy}."]
    return _hinted(path, document)


def _in_place_of_records(path: JsonPath, document: Any) -> str | None:
    """A warning of a text, or of an object that speaks of an error, where the pages before had lists of records."""
    found = path.find(document) if path.lead and not path.selects and not path.every else []
    if len(found) != 1 or isinstance(found[0], list | None):
        return None
    said = found[0]
    if isinstance(said, dict) and (failure(said) is None or any(name in said for name in IDS)):
        return None
    return (
        f"A page holds {quoted(said)} at {path.text}, where others hold lists of records, and it was taken for one. If "
        f'that is an error, add `on_error: [{{contains: "…", do: fail}}]` with a word of it.'
    )


def _beside(path: JsonPath, document: Any, key: str, first_page: bool) -> list[str]:
    """A warning of the error that an answer speaks of, though it is taken for a page."""
    cure = f"add `on_error: [{{json: $.{key}, do: fail}}]`"
    if path.steps == () and not path.every and not any(name in document for name in IDS):
        told = f"The answer is one record, but it holds `{key}`: {document[key]}."
        return [f"{told} If that is an error, {cure}."]
    if isinstance(document[key], list) and path.lead and path.returned(document):
        told = f"An answer holds `{key}` beside its records, some of which may be missing: {document[key]}."
        return [f"{told} If such answers are no good, {cure}."]
    if first_page or path.reaches(document):
        return []
    return [
        f"A page without the data root {path.text} was taken for an empty one, but it holds `{key}`: "
        f"{document[key]}. If that is an error, {cure}."
    ]


def _hinted(path: JsonPath, document: Any) -> list[str]:
    """A warning where an answer without records says that something failed, as some end a series in these words."""
    key = hint(document)
    if key is None or path.returned(document):
        return []
    rule = f'{{json: $.{key}, contains: "{document[key]}", do: fail}}'
    return [
        f"A page without records says `{key}`: {document[key]}, and was taken for an empty one. If that is an "
        f"error, add `on_error: [{rule}]`."
    ]


def null_root(path: str, failed: str | None, said_more: Sign | None, what: str = "null") -> RestSourceError:
    """That there is nothing at the data root though there should be."""
    why = f"beside `{failed}`" if failed else f"though the answer before it says that there is more ({said_more})"
    return RestSourceError(
        "data_root_null",
        f"The data root {path} is {what}, {why}.",
        cause="The API could not answer the request in full, and says so in its body."
        if failed
        else "The API failed in the middle of the series, or writes null for a page without records.",
        remedy=f"Look at `{failed}` in the answer. If the API recovers by itself, write "
        f"`on_error: [{{json: $.{failed}, do: retry}}]`."
        if failed
        else "Run again. If null means that the page has no records, write `data_root_optional: true`.",
    )


def no_list(failed: str) -> RestSourceError:
    """That an answer speaks of an error where others are lists of records."""
    return RestSourceError(
        "data_root_null",
        f"The answer is an object with `{failed}`, where a list of records is expected.",
        cause="The API could not answer the request, and says so in its body.",
        remedy=f"Look at `{failed}` in the answer. If the API recovers by itself, write "
        f"`on_error: [{{json: $.{failed}, do: retry}}]`.",
    )
