"""How many CPUs this process may use: less than the machine has where it is bound to some, or in a container."""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def cpus() -> int:
    """Return how many CPUs this process may use at once, at least 1."""
    bound_to = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(bound_to, _quota())))


def _quota() -> float:
    """Return the CPUs that the control group allows, a fraction maybe; infinity without a limit.

    Of version 2 `cpu.max` has the time allowed and the period, us, of version 1 two files (kernel documentation,
    admin-guide/cgroup-v2.rst and scheduler/sched-bwc.rst).
    """
    try:
        allowed, period = (CGROUP / "cpu.max").read_text().split()
    except (OSError, ValueError):
        allowed, period = (_content(CGROUP / "cpu" / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    if not (allowed.isdecimal() and period.isdecimal() and int(period)):
        return math.inf  # "max", or -1
    return int(allowed) / int(period)


def _content(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
