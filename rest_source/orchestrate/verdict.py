"""What an asset check finds, and how a check comes to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rest_source.http.errors import Mask
from rest_source.load.destination import Destination
from rest_source.spec.asset import Level
from rest_source.spec.endpoint import EndpointSpec
from rest_source.spec.source import SourceSpec


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found: a sentence where something is wrong, and the figures behind it."""

    wrong: str | None
    right: str
    metadata: dict[str, Any]


NOTHING_LOADED = Verdict(None, "Nothing has been loaded yet.", {})
Judge = Callable[[Destination, SourceSpec, EndpointSpec, Mask], Verdict]


@dataclass(frozen=True, slots=True)
class Check:
    """How loud a check is, and how it judges."""

    level: Level | None
    judge: Judge
