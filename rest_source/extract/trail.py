"""The way of a series that follows links, by which a circle is noticed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trail:
    """Remembers enough of the way to notice a circle: the last two marks, and an anchor moved by Brent's rule.

    The last two catch A-A and A-B-A at once; the anchor catches a circle of any length within about three
    rounds, in constant space.
    """

    recent: tuple[str, ...] = ()
    anchor: str = ""
    walked: int = 0
    leash: int = 1

    def crosses(self, mark: str) -> bool:
        """Whether a mark was passed before."""
        return mark in self.recent or (self.walked > 0 and mark == self.anchor)

    def then(self, mark: str) -> "Trail":
        """The way with one more mark."""
        recent = (*self.recent, mark)[-2:]
        if self.walked in (0, self.leash):
            return Trail(recent, mark, 1, max(1, self.leash * 2) if self.walked else 1)
        return Trail(recent, self.anchor, self.walked + 1, self.leash)
