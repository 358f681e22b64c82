"""The parts of a 207 Multi-Status, each with a status of its own (RFC 4918, 13)."""

import re
from collections.abc import Iterator
from typing import Any

from rest_source.spec.jsonpath import step_to

MULTI_STATUS = 207
_KEYS = ("status", "statusCode", "status_code", "httpStatus", "http_status", "httpStatusCode", "code")
_STATUS = re.compile(r"(?:HTTP/\d(?:\.\d)?\s+)?([1-5]\d\d)\b.*", re.IGNORECASE)
_DEPTH = 4


def doubts(status: int, document: Any) -> list[str]:
    """A warning that counts the parts that failed, where each part of a list names its status."""
    return [_told(*found) for found in _lists(document, "$", 0)] if status == MULTI_STATUS else []


def _told(path: str, key: str, values: list[Any]) -> str:
    failed = [value for value in values if _status(value) >= 400]
    told = ", ".join(dict.fromkeys(map(str, failed)))
    rule = f'json: "{path}[?(@.{key} >= 400)]"'
    if isinstance(failed[0], str):
        rule = f'json: "{path}[*].{key}", contains: "{failed[0]}"'
    return (
        f"An answer of 207 has {len(values)} parts at {path}, of which {len(failed)} failed (`{key}`: {told}): what "
        f"they should hold is missing. If they may succeed later, add `on_error: [{{status: 207, {rule}, do: retry}}]`."
    )


def _lists(value: Any, path: str, depth: int) -> Iterator[tuple[str, str, list[Any]]]:
    """Each list of parts of which some failed: where it is, the member that is the status, and what each has there."""
    if isinstance(value, list):
        for key in _KEYS:
            values = [item.get(key) for item in value if isinstance(item, dict)]
            statuses = list(map(_status, values))
            if values and len(values) == len(value) and all(statuses):
                if max(statuses) >= 400:
                    yield path, key, values
                return
    elif isinstance(value, dict) and depth < _DEPTH:
        for name, item in value.items():
            yield from _lists(item, path + step_to(name), depth + 1)


def _status(value: Any) -> int:
    """A status; 0 for what is none."""
    match = _STATUS.fullmatch(str(value)) if isinstance(value, int | str) else None
    return int(match[1]) if match else 0
