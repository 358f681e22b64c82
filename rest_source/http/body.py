"""The body of an answer as it arrives: in memory, or in a file where it is large and can be read in parts."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from rest_source.errors import storage_error
from rest_source.http.errors import too_large, whole_and_too_large

IN_MEMORY = 4_000_000
"""Bytes from which on an answer that may be read in parts goes to a file."""
TIMES_ON_DISK = 40
"""How many times `limits.max_response` such a file may grow: an answer without end must not fill the disk."""
WhyWhole = str | Callable[[BinaryIO], str | None]
"""Why an answer cannot be read in parts, or what tells so by a file with at least its beginning; None if it can."""


def read_body(
    chunks: Iterable[bytes], max_bytes: int, why_whole: WhyWhole | None, folder: Path | None
) -> bytes | BinaryIO:
    """The body; a RestSourceError as soon as it exceeds the limit, however small it was on the wire.

    What can be read in parts may exceed `max_bytes`. Its file, in `folder`, has no name and goes with the process.
    """
    held, size, arriving = [], 0, iter(chunks)
    for chunk in arriving:
        held.append(chunk)
        size += len(chunk)
        if callable(why_whole) and size > min(IN_MEMORY, max_bytes):
            return _on_disk(chain(held, arriving), max_bytes, why_whole, folder)
        if size > max_bytes:
            raise whole_and_too_large(max_bytes, why_whole) if isinstance(why_whole, str) else too_large(max_bytes)
    return held[0] if len(held) == 1 else b"".join(held)


def _on_disk(
    chunks: Iterator[bytes], max_bytes: int, why_whole: Callable[[BinaryIO], str | None], folder: Path | None
) -> bytes | BinaryIO:
    with _storing():
        file = TemporaryFile(dir=folder)  # noqa: SIM115
    keep = False
    try:
        size, large = 0, False
        for chunk in chunks:
            size += len(chunk)
            with _storing():
                file.write(chunk)
                why = why_whole(file) if size > max_bytes and not large else None
            if why is not None:
                raise whole_and_too_large(max_bytes, why)
            large = size > max_bytes
            if size > max_bytes * TIMES_ON_DISK:
                raise too_large(max_bytes, "The answer", TIMES_ON_DISK)
        with _storing():
            keep = large or why_whole(file) is None
            file.seek(0)
            return file if keep else file.read()
    finally:
        if not keep:
            file.close()


@contextmanager
def _storing() -> Iterator[None]:
    """The disk's errors, told from the network's, which may come while a body arrives."""
    try:
        yield
    except OSError as error:
        raise storage_error(error) from error
