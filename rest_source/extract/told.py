"""The warnings of a load, of which thousands of requests may give the same."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

_FIGURES = re.compile(r"\d+")
_OF_A_KIND = 3


@dataclass(slots=True)
class Told:
    """Adds warnings to a list: each once, and of those that differ in nothing but figures no more than a few."""

    warnings: list[str]
    _kinds: Counter[str] = field(default_factory=Counter)

    def add(self, warnings: Iterable[str]) -> None:
        """Take in further warnings."""
        for warning in warnings:
            kind = _FIGURES.sub("", warning)
            if warning in self.warnings or self._kinds[kind] > _OF_A_KIND:
                continue
            more = self._kinds[kind] == _OF_A_KIND
            self.warnings.append(f"Further requests came to the same: {warning}" if more else warning)
            self._kinds[kind] += 1
