"""The one exception a user meets: what happened, where, why, and what to do about it."""

import errno
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
            self.message if self.message.endswith((".", "?")) else f"{self.message}.",
            f"Where: {self.where}." if self.where else "",
            f"Likely cause: {self.cause}" if self.cause else "",
            f"What to do: {self.remedy}" if self.remedy else "",
        ]
        return " ".join(part for part in parts if part)

    def at(self, where: str) -> Self:
        """The same error, placed: the outer place comes first, what is known already follows."""
        self.where = f"{where}, {self.where}" if self.where else where
        return self

    def copy(self) -> Self:
        """The same error for another thread to raise: raising one object in two mixes their tracebacks."""
        twin = type(self).__new__(type(self), *self.args)
        twin.__dict__.update(self.__dict__)
        return twin

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


LONGEST_QUOTED = 60


def quoted(value: object) -> str:
    """A value in an error: whole or not at all, as half a secret would not be recognised where secrets are masked."""
    text = str(value)
    return f"`{text}`" if len(text) <= LONGEST_QUOTED else f"a text of {len(text)} characters"


STORAGE = ("disk_full", "state_unusable")
"""The ids of errors of our own files."""


def storage_error(error: OSError) -> RestSourceError:
    """The error for files of ours that cannot be written: the disk is full, or the state directory not in order."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return RestSourceError(
        "disk_full" if full else "state_unusable",
        f"The state directory cannot be used: {error.strerror or error}.",
        where=str(error.filename or ""),
        cause="The disk is full." if full else "REST_SOURCE_STATE names no directory, or one without the rights.",
        remedy="Free some disk; the next run goes on behind the last whole page."
        if full
        else "Let REST_SOURCE_STATE name a directory that this user may write to.",
        retryable=full,
    )
