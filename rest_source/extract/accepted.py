"""What an answer of 202 holds: records, or only the state of a job that prepares them."""

import re
from typing import Any

from rest_source.extract.data_root import DataRoot
from rest_source.extract.refusals import IDS
from rest_source.http.error_members import failure
from rest_source.http.request import Answer
from rest_source.http.waits import ACCEPTED
from rest_source.http.wrapped import glance
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.jsonpath import MISSING

_STATE = re.compile(r"(?:.*[_\s-])?(?:status|state|stage)|.*(?:Status|State|Stage)|STATUS|STATE", re.ASCII)
_UNFINISHED = re.compile(
    r"(?:is|still|report|in|not|export|job|query|yet|[\s_-])*"
    r"(?:pending|queued?|accepted|running|process(?:ing)?|progress|started|waiting|scheduled|preparing|building|"
    r"generating|submitted|ready|executing|working|computing|incomplete|enqueued|initiated|initiali[sz]ing)",
    re.IGNORECASE,
)
_FINISHED = re.compile(r"(?:is[\s_-]?)?ready", re.IGNORECASE)


def holds_records(endpoint: EndpointSpec, answer: Answer, has_accepted: bool = False) -> bool:
    """Whether there is a record at the data root, which the state of a job is not.

    An object at the data root is a record only if something identifies it. Where the API `has_accepted` earlier pages,
    each a 202 with records, an empty list ends them as it would with 200.
    """
    if answer.file is not None:
        return True
    try:
        document = glance(answer.body)
    except ValueError:
        return False
    root, is_accepted = DataRoot.of(endpoint), answer.status == ACCEPTED
    if root.path.selects:
        found = root.path.returned(document)
        return any(item is not None for item in found) or (has_accepted and _is_end(answer, document, root))
    is_one_of_many = (root.path.every or root.path.steps is None) and failure(document) is None
    if any(_is_held(endpoint, item, is_accepted, is_one_of_many) for item in root.path.find(document)):
        return True
    return has_accepted and _is_end(answer, document, root)


def unfinished(document: Any) -> str | None:
    """The member by which a document says that the job behind it is not done."""
    if not isinstance(document, dict):
        return None
    said = ((key, value) for key, value in document.items() if _STATE.fullmatch(key) and isinstance(value, str))
    return next((k for k, value in said if _UNFINISHED.fullmatch(value) and not _FINISHED.fullmatch(value)), None)


def doubts(status: int, document: Any, count: int) -> list[str]:
    """A warning where a 202 holds records and says that there will be more."""
    key = unfinished(document) if status == ACCEPTED and count else None
    if key is None:
        return []
    return [
        f"An answer of 202 holds {count} records, but says `{key}`: {document[key]}. If more are to come, add "
        f'`on_error: [{{status: 202, json: $.{key}, contains: "{document[key]}", do: retry, wait: 30s}}]`.'
    ]


def _is_held(endpoint: EndpointSpec, item: Any, is_accepted: bool, is_one_of_many: bool) -> bool:
    if isinstance(item, list):
        return any(member is not None for member in item)
    if not isinstance(item, dict) or not item or (is_accepted and unfinished(item)):
        return False
    key = [name for name in endpoint.primary_key if name != "__partition"]
    is_named = any(name in item for name in IDS) or (bool(key) and all(name in item for name in key))
    return is_named or is_one_of_many


def _is_end(answer: Answer, document: Any, root: DataRoot) -> bool:
    """Whether an answer is a page like those before it, though an empty one."""
    is_page = root.path.reaches(document) and root.path.first(document) is not MISSING
    return is_page and unfinished(document) is None and "Retry-After" not in answer.headers
