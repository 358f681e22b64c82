"""What a person calls the values of a key; stands in the annotation that checks them, so that the two agree."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Word:
    """The word for one value and for several, and how a default is written in the file if not as it is held."""

    one: str
    many: str = ""
    write: Callable[[Any], str] | None = None

    @property
    def plural(self) -> str:
        """The word for several values."""
        return self.many or f"{self.one}s"
