"""A process and its descendants, as listed in Linux's /proc (proc(5))."""

import os
from contextlib import suppress
from pathlib import Path

_UTIME = 11  # of the fields of /proc/PID/stat behind the name; then come stime, cutime and cstime


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that have not ended; none where there is no /proc."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, path.read_text().split())
    return found


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or is a zombie that no one has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process, of those that it has started and those that it has waited for, s.

    Raises OSError where it is not there, or there is no /proc.
    """
    total = sum(_ticks(pid))
    for child in children(pid):
        with suppress(OSError):  # it has just ended
            total += sum(_ticks(child)[:2])
    return total / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> list[int]:
    behind_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return [int(one) for one in behind_name[_UTIME : _UTIME + 4]]
