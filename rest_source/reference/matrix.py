"""What goes with what, found by trying every combination on the model."""

from itertools import product
from typing import Any, get_args

from pydantic import ValidationError

from rest_source.reference.markdown import code, table
from rest_source.spec.endpoint import EndpointSpec

KEYS: dict[str, Any] = {"a field or fields": "id", "none": None}
_INCREMENTAL: dict[str, Any] = {"incremental": {"cursor": "$.at"}}
_PARTITIONS: dict[str, Any] = {"partitions_def": {"type": "static", "partition_keys": ["a"]}}
_PARENT: dict[str, Any] = {"parent": {"endpoint": "b"}}
PROGRESS: dict[str, dict[str, Any]] = {
    "`incremental`": _INCREMENTAL,
    "`partitions_def`": _PARTITIONS,
    "`parent`": _PARENT,
    "`parent` with `changed`": {"parent": {"endpoint": "b", "changed": True}},
    "`parent` with `batch`": {"parent": {"endpoint": "b", "batch": 2}},
    "`incremental`, `partitions_def`": _INCREMENTAL | _PARTITIONS,
    "`incremental`, `parent`": _INCREMENTAL | _PARENT,
    "`incremental`, `parent` with `batch`": _INCREMENTAL | {"parent": {"endpoint": "b", "batch": 2}},
    "`partitions_def`, `parent`": _PARTITIONS | _PARENT,
    "all three": _INCREMENTAL | _PARTITIONS | _PARENT,
}
"""What a load is cut by, each and together, with keys that make it so."""


def matrix() -> str:
    """Each `write` with and without a primary key, against each `nested`, with and without `deletes: mark`."""
    nested = _choices("nested")
    head = [code("write"), code("primary_key"), *(code(f"nested: {choice}") for choice in nested)]
    rows = product(_choices("write"), KEYS)
    return table(head, [[code(write), key, *(_cell(write, key, choice) for choice in nested)] for write, key in rows])


def progress_matrix() -> str:
    """What a load is cut by, against each `write`, with and without `deletes: mark`."""
    writes = _choices("write")
    rows = ([what, *(_verdict({"write": write, **keys}) for write in writes)] for what, keys in PROGRESS.items())
    return table(["", *(code(f"write: {write}") for write in writes)], rows)


def _cell(write: str, key: str, nested: str) -> str:
    return _verdict({"write": write, "primary_key": KEYS[key], "nested": nested})


def _verdict(together: dict[str, Any]) -> str:
    """Whether a combination is possible, and whether `deletes: mark` goes with it."""
    found = _fits(together), _fits({**together, "deletes": "mark"})
    answers = {(True, True): "yes", (True, False): "without `deletes`", (False, True): "with `deletes` only"}
    return answers.get(found, "no")


def _fits(keys: dict[str, Any]) -> bool:
    """Whether an endpoint with these keys is read without an error."""
    try:
        EndpointSpec.model_validate({"name": "a", "path": "/", **keys})
    except ValidationError:
        return False
    return True


def _choices(key: str) -> tuple[str, ...]:
    """The words that a key of an endpoint takes."""
    return get_args(EndpointSpec.model_fields[key].annotation)
