"""How many CPUs this process may use: fewer than the machine has if it is bound to some, or in a container."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
CPU = "cpu"  # the controller, and its folder in version 1
OF_PROCESS = Path("/proc/self/cgroup")


def cpus() -> int:
    """Return how many CPUs this process may use at once, at least 1."""
    bound_to = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(bound_to, _quota())))


def _quota() -> float:
    """Return the CPUs that the control groups allow, a fraction maybe; infinity without a limit."""
    return min(_limit(folder) for folder in _groups())


def _groups() -> Iterator[Path]:
    """Yield the folders of the control groups that limit this process: its own, and all that this one is in.

    Lines of the process's file have a hierarchy, controllers - none in version 2 - and a path (cgroups(7)), which
    in a container may be that of the host, and not be there.
    """
    yield from (CGROUP, CGROUP / CPU)
    for line in _content(OF_PROCESS).splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers or CPU in controllers.split(","):
            root = CGROUP / CPU if controllers else CGROUP
            group = root / path.lstrip("/")
            yield from (folder for folder in (group, *group.parents) if root in folder.parents)


def _limit(folder: Path) -> float:
    """Return the CPUs that one group allows.

    Of version 2 `cpu.max` has the time allowed and the period, us, of version 1 two files (kernel documentation,
    admin-guide/cgroup-v2.rst and scheduler/sched-bwc.rst).
    """
    try:
        allowed, period = (folder / "cpu.max").read_text().split()
    except (OSError, ValueError):
        allowed, period = (_content(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    if not (allowed.isdecimal() and period.isdecimal() and int(period)):
        return math.inf  # "max", or -1
    return int(allowed) / int(period)


def _content(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
