"""What commands print for people: one table on stdout, remarks on stderr."""

import os
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from typing import TypeVar

_PIPE_WIDTH = 10_000
_Result = TypeVar("_Result")
_folders: list[str] = []
"""The temporary folders of blocks that Ctrl-C ends, the outermost first; each holds the next."""


def shown(text: str) -> str:
    """A text of the API's as a terminal may get it: what would steer the terminal is blanks, line breaks stay."""
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)


def say(text: str) -> None:
    """A line about what goes on, on stderr."""
    print(shown(text), file=sys.stderr, flush=True)


@contextmanager
def ended_by_ctrl_c(said: str = "Interrupted.") -> Iterator[None]:
    """Ctrl-C ends the process at once, with 130: a thread cannot be interrupted, and need not be.

    What the block has put into the system's temporary folder goes with it.
    """
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="rest_source_", ignore_cleanup_errors=True) as folder:
        tempfile.tempdir = folder
        _folders.append(folder)
        try:
            yield
        except KeyboardInterrupt:
            print(said, file=sys.stderr, flush=True)
            shutil.rmtree(_folders[0], ignore_errors=True)
            os._exit(130)
        finally:
            tempfile.tempdir = before
            _folders.remove(folder)


def ended(running: Collection[Future[_Result]]) -> set[Future[_Result]]:
    """Those that have ended; waits for one, but not for ever.

    Where another thread was handed the signal of Ctrl-C, nothing would wake this one.
    """
    return wait(running, timeout=1, return_when=FIRST_COMPLETED).done


def print_table(titles: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[str] = ("asset",)) -> None:
    """A table without borders; columns are aligned to the right but for those named in `left`."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title, justify="left" if title in left else "right")
    for row in rows:
        table.add_row(*(Text(shown(cell)) for cell in row))  # a bare string would be read as markup
    # Rich takes a pipe for a window of 80 columns and would cut names to fit it.
    Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH).print(table)


def print_remarks(asset: str, remarks: Iterable[str]) -> None:
    """What went wrong or looks odd with an asset, a paragraph each."""
    from rich.console import Console

    console = Console(stderr=True, soft_wrap=True)
    for remark in remarks:
        console.print(f"\n{asset}: {shown(remark)}", markup=False, highlight=False)
