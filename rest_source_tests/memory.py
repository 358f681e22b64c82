"""The most memory that a process took."""

import re
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_of_process() -> int:
    """The peak of this process since it began or was last told to `forget_peak`, in bytes.

    Where the system tells no more than `getrusage`, the peak of its whole life, and on Linux of its parent before exec.
    """
    if found := _STATUS.exists() and re.search(r"^VmHWM:\s+(\d+) kB", _STATUS.read_text(), re.M):
        return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def forget_peak() -> None:
    """Start anew from what is held now, where the system can; proc(5), `clear_refs`."""
    if (file := Path("/proc/self/clear_refs")).exists():
        file.write_text("5")
