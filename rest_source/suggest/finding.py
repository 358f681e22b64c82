"""A finding: what is suggested, how sure that is, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, Self, TypeVar

T = TypeVar("T")
Confidence = Literal["high", "medium", "low"]


@dataclass(frozen=True, slots=True)
class Finding(Generic[T]):
    """A suggested value. `high` is for what nearly cannot be otherwise, `low` for what should be looked up."""

    value: T
    confidence: Confidence
    reason: str

    def because(self, reason: str, confidence: Confidence) -> Self:
        """The same value, as sure as a further reason makes it."""
        return replace(self, confidence=confidence, reason=f"{self.reason}; {reason}")

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON."""
        value = dict(self.value) if isinstance(self.value, Mapping) else self.value
        return {"value": value, "confidence": self.confidence, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer to look at: where it came from, with its query, what its headers say, and its document."""

    url: str
    headers: Mapping[str, str]
    document: Any
