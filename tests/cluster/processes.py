"""Processes below another one: which there are, and which still live."""

import os
import time
from collections.abc import Callable
from pathlib import Path


def descendants(root: int | None = None) -> dict[int, str]:
    """The living Ray processes below one (this), with their starting times, which tell a reused id."""
    parents, started = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(folder.name)], started[int(folder.name)] = int(fields[1]), fields[19]
    found, frontier = {}, {os.getpid() if root is None else root}
    while frontier:
        frontier = {pid for pid, parent in parents.items() if parent in frontier}
        found.update({pid: started[pid] for pid in frontier if b"ray" in command(pid)})
    return found


def command(pid: int) -> bytes:
    """The command line of a process; other tests may have left the resource tracker of multiprocessing."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def shards(root: int | None = None) -> list[int]:
    """The Ray actors of shards below a process."""
    return sorted(pid for pid in descendants(root) if command(pid).startswith(b"ray::ShardHost"))


def alive(processes: dict[int, str]) -> list[int]:
    """Those that have not ended."""
    left = []
    for pid, started in processes.items():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if fields[0] != "Z" and fields[19] == started:
            left.append(pid)
    return left


def eventually(condition: Callable[[], object], seconds: float = 15.0) -> bool:
    """Whether a condition holds within so long."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(condition())
