"""The warnings of a load, of which thousands of requests may give the same."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

_OWN = re.compile(r"`[^`]*`|\"[^\"]*\"|\([^()]*\)|: .*|\d+", re.DOTALL)
"""The parts of a warning that are those of one request."""
_OF_A_KIND = 3
_AT_MOST = 100


@dataclass(slots=True)
class Told:
    """Adds warnings to a list: each once, and of those that say the same of different requests no more than a few."""

    warnings: list[str]
    _kinds: Counter[str] = field(default_factory=Counter)

    def add(self, warnings: Iterable[str]) -> None:
        """Take in further warnings."""
        for warning in warnings:
            kind = _OWN.sub("", warning)
            if self._kinds[kind] > _OF_A_KIND or len(self.warnings) >= _AT_MOST or warning in self.warnings:
                continue
            more = self._kinds[kind] == _OF_A_KIND
            self.warnings.append(f"Further requests came to the same: {warning}" if more else warning)
            self._kinds[kind] += 1
