"""The body of an answer as it arrives: in memory, or in a file where it is large and can be read in parts."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from rest_source.errors import storage_error

IN_MEMORY = 16_000_000
"""Bytes from which on an answer that may be read in parts goes to a file."""
TIMES_ON_DISK = 40
"""How many times `limits.max_response` such a file may grow: an answer without end must not fill the disk."""
InParts = Callable[[BinaryIO], bool]
"""Whether what a file holds of an answer, which may be its beginning only, can be read in parts."""


def read_body(
    chunks: Iterable[bytes], max_bytes: int, in_parts: InParts | None, folder: Path | None
) -> bytes | BinaryIO | None:
    """The body, or None as soon as it exceeds the limit, however small it was on the wire.

    What can be read in parts may exceed `max_bytes`. Its file, in `folder`, has no name and goes with the process.
    """
    held, size, arriving = [], 0, iter(chunks)
    for chunk in arriving:
        held.append(chunk)
        size += len(chunk)
        if in_parts is not None and size > min(IN_MEMORY, max_bytes):
            return _on_disk(chain(held, arriving), max_bytes, in_parts, folder)
        if size > max_bytes:
            return None
    return held[0] if len(held) == 1 else b"".join(held)


def _on_disk(
    chunks: Iterator[bytes], max_bytes: int, in_parts: InParts, folder: Path | None
) -> bytes | BinaryIO | None:
    with _storing():
        file = TemporaryFile(dir=folder)  # noqa: SIM115
    keep = False
    try:
        size, large = 0, False
        for chunk in chunks:
            size += len(chunk)
            with _storing():
                file.write(chunk)
                large = large or (size > max_bytes and in_parts(file))
            if size > (max_bytes * TIMES_ON_DISK if large else max_bytes):
                return None
        with _storing():
            keep = large or in_parts(file)
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
