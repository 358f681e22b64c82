"""The body of an answer as it arrives: in memory, or in a file where it is large and can be read in parts."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from rest_source.errors import storage_error

IN_MEMORY = 16_000_000
"""Bytes from which on an answer that may be read in parts goes to a file."""
ON_DISK = 40
"""How many times `limits.max_response` such a file may grow: an answer without end must not fill the disk."""


def read_body(
    chunks: Iterable[bytes], max_bytes: int, in_parts: Callable[[BinaryIO], bool] | None, folder: Path | None
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
    chunks: Iterator[bytes], max_bytes: int, in_parts: Callable[[BinaryIO], bool], folder: Path | None
) -> bytes | BinaryIO | None:
    # Whoever reads the answer closes it.
    file = TemporaryFile(dir=folder)  # noqa: SIM115
    size, large = 0, False
    for chunk in chunks:
        try:
            file.write(chunk)
        except OSError as error:
            raise storage_error(error) from error
        size += len(chunk)
        large = large or (size > max_bytes and in_parts(file))
        if size > (max_bytes * ON_DISK if large else max_bytes):
            file.close()
            return None
    if large or in_parts(file):
        return file
    with file:
        file.seek(0)
        return file.read()
