"""Keys other than texts whose value a variable may hold: read when a load begins, as those of requests are."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BeforeValidator, WithJsonSchema

from rest_source.errors import RestSourceError
from rest_source.spec.environment import Environment
from rest_source.spec.template import Scope, foreign, names, render
from rest_source.spec.text import ENV_SCHEMA, checked
from rest_source.spec.units import parse_duration, write_duration
from rest_source.spec.word import Word

if TYPE_CHECKING:
    from rest_source.spec.endpoint import EndpointSpec

Value = TypeVar("Value")


def of_variables(value: Any) -> Any:
    """The value, `{env: NAME}` as a template; raises ValueError on templates of anything but variables."""
    value = checked(value)
    if isinstance(value, str) and (others := [*foreign(value), *(name for name in names(value) if name == "now")]):
        raise ValueError(f"`{{{others[0]}}}` has no value here; write {{env.NAME}} or a fixed value")
    return value


def _duration(value: Any) -> Any:
    value = of_variables(value)
    return value if isinstance(value, str) and names(value) else parse_duration(value)


WrittenDuration = Annotated[
    timedelta | str,
    BeforeValidator(_duration),
    WithJsonSchema({"anyOf": [{"type": ["string", "number"]}, ENV_SCHEMA]}),
    Word("duration", write=write_duration),
]
"""A duration, or a text with the variables that hold it."""


def known(value: timedelta | str | None) -> timedelta | None:
    """A duration of which no variable is left to be read."""
    assert not isinstance(value, str), "the variables of an endpoint are read when its load begins"
    return value


def with_variables(endpoint: "EndpointSpec", environment: Environment) -> "EndpointSpec":
    """The endpoint with the values of its variables in `step`, `lookback` and the values of a parent."""
    changes: dict[str, Any] = {}
    if (incremental := endpoint.incremental) is not None:
        found = {
            key: _read(text, f"incremental.{name}", environment, parse_duration)
            for key, name in (("written_step", "step"), ("written_lookback", "lookback"))
            if isinstance(text := getattr(incremental, key), str)
        }
        changes |= {"incremental": incremental.model_copy(update=found)} if found else {}
    if endpoint.parent is not None and endpoint.parent.values is not None:
        values = {name: _values(name, given, environment) for name, given in endpoint.parent.values.items()}
        changes["parent"] = endpoint.parent.model_copy(update={"values": values})
    return endpoint.model_copy(update=changes) if changes else endpoint


def from_environment(value: Any) -> Any:
    """What the variables of a text hold now, any other value as it is; for what is used when the file is read."""
    text = of_variables(value)
    if not isinstance(text, str) or not names(text):
        return value
    try:
        return _rendered(text, Environment())
    except RestSourceError as error:
        raise ValueError(
            f"{error.message.removesuffix('.')}, and schedules are made when the file is read; set it there, or "
            "give it a default, {env: NAME, default: TEXT}"
        ) from None


def _values(name: str, given: tuple[Any, ...] | str, environment: Environment) -> tuple[Any, ...]:
    if isinstance(given, str):
        return _read(given, f"parent.values.{name}", environment, _listed)
    return tuple(_rendered(item, environment) if isinstance(item, str) else item for item in given)


def _listed(text: str) -> tuple[str, ...]:
    found = tuple(filter(None, map(str.strip, text.split(","))))
    if not found:
        raise ValueError("no value")
    return found


def _read(text: str, key: str, environment: Environment, parse: Callable[[str], Value]) -> Value:
    rendered = _rendered(text, environment)
    try:
        return parse(rendered)
    except ValueError:
        variables = ", ".join(name.removeprefix("env.") for name in names(text))
        raise RestSourceError(
            "invalid_variable",
            f"What {variables} holds cannot be `{key}`.",
            cause="That is a number and ms, s, m, h, d or w, such as 6h."
            if parse is parse_duration
            else "That are texts with commas between them, at least one.",
            remedy=f"Correct {variables} in the environment, or in the .env file, of the process that runs the load.",
        ) from None


def _rendered(text: str, environment: Environment) -> str:
    return render(text, Scope({"now": datetime.now(UTC)}, environment.template))
