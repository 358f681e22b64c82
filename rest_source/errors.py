"""The one exception a user meets: what happened, where, why, and what to do about it."""

from typing import Self


class RestSourceError(Exception):
    """A failure explained: every field is meant to be read by the person whose load failed.

    `id` is stable and machine-readable; `retryable` says whether the same call may succeed later.
    """

    def __init__(
        self,
        id: str,
        message: str,
        *,
        where: str = "",
        cause: str = "",
        remedy: str = "",
        retryable: bool = False,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.id = id
        self.message = message
        self.where = where
        self.cause = cause
        self.remedy = remedy
        self.retryable = retryable
        self.status = status

    def __str__(self) -> str:
        parts = [
            self.message,
            f"Where: {self.where}." if self.where else "",
            f"Likely cause: {self.cause}" if self.cause else "",
            f"What to do: {self.remedy}" if self.remedy else "",
        ]
        return " ".join(part for part in parts if part)

    def at(self, where: str) -> Self:
        """The same error, placed: the outer place comes first, what is known already follows."""
        self.where = f"{where}, {self.where}" if self.where else where
        return self

    def to_dict(self) -> dict[str, str | bool]:
        """The error as it appears in `--json` and in materialization metadata."""
        return {
            "id": self.id,
            "message": self.message,
            "where": self.where,
            "cause": self.cause,
            "remedy": self.remedy,
            "retryable": self.retryable,
        }
