"""What goes with what, found by trying every combination on the model."""

from itertools import product
from typing import Any, get_args

from pydantic import ValidationError

from rest_source.reference.markdown import code, table
from rest_source.spec.endpoint import EndpointSpec

KEYS: dict[str, Any] = {"a field or fields": "id", "none": None}


def matrix() -> str:
    """Each `write` with and without a primary key, against each `nested`, with and without `deletes: mark`."""
    nested = _choices("nested")
    head = [code("write"), code("primary_key"), *(code(f"nested: {choice}") for choice in nested)]
    rows = product(_choices("write"), KEYS)
    return table(head, [[code(write), key, *(_cell(write, key, choice) for choice in nested)] for write, key in rows])


def _cell(write: str, key: str, nested: str) -> str:
    """Whether a combination is possible, and whether `deletes: mark` goes with it."""
    together: dict[str, Any] = {"write": write, "primary_key": KEYS[key], "nested": nested}
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
