"""What an entry of the catalogue says."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A kind of trouble in Markdown: its ids, the likely cause and what to do; `shows` tells it where no id does.

    An id may stand for a family: `http_4xx` is every `http_<status>` of that class without an entry of its own.
    """

    ids: tuple[str, ...]
    cause: str
    remedy: str
    shows: str = ""

    @property
    def seen(self) -> str:
        """How a person recognises it."""
        ids = ", ".join(f"`{id}`" for id in self.ids)
        return f"{self.shows} {ids}".strip()
