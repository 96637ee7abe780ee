"""Processes, from /proc: which there are below another or in a session, which still live, where they listen."""

import os
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

PATIENCE_S = 300.0  # nothing takes so long, however busy the machine: it only keeps what is broken from hanging
ENDING_S = 40.0  # for what a run has started to end; Ray's own agents take a minute when Ray is killed


def eventually(condition: Callable[[], object], seconds: float = PATIENCE_S, every_s: float = 0.05) -> bool:
    """Whether a condition holds within so long."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(every_s)
    return bool(condition())


def descendants(root: int | None = None) -> dict[int, str]:
    """The living Ray processes below one (this), with their starting times, which tell a reused id."""
    living = {pid: fields for pid in _all() if (fields := _status(pid))}
    found, frontier = {}, {os.getpid() if root is None else root}
    while frontier:
        frontier = {pid for pid, (parent, _) in living.items() if parent in frontier}
        found.update({pid: living[pid][1] for pid in frontier if "ray" in command(pid)})
    return found


def shards(root: int | None = None) -> list[int]:
    """The Ray actors of shards below a process."""
    return actors("ShardHost", root)


def actors(kind: str, root: int | None = None) -> list[int]:
    """The Ray actors of a class below a process (this)."""
    return sorted(pid for pid in descendants(root) if command(pid).startswith(f"ray::{kind}"))


def alive(processes: dict[int, str]) -> list[int]:
    """Those that have not ended."""
    return [pid for pid, started in processes.items() if (fields := _status(pid)) and fields[1] == started]


def in_session(leader: int) -> dict[int, str]:
    """The command lines of the living processes of a session, by process id; it outlives its leader.

    Children inherit it. Their environments would tell less: Ray's agents overwrite theirs with a title.
    """
    return {pid: command(pid) for pid in _all() if (fields := _stat(pid)) and int(fields[3]) == leader}


def command(pid: int) -> str:
    """The command line of a process; other tests may have left the resource tracker of multiprocessing."""
    return told(pid, "cmdline").replace("\0", " ")


def told(pid: int, name: str) -> str:
    """What /proc tells of a process under a name; nothing if it has ended, as it may between any two lines."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""


def state(pid: int) -> str:
    """The letter that proc(5) has for what a process does; none if it has ended, collected or not."""
    return (_stat(pid) or [""])[0]


def sockets(pid: int) -> set[str]:
    """The inodes of a process's sockets."""
    found = set()
    with suppress(OSError):  # it may end meanwhile
        for name in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                target = os.readlink(f"/proc/{pid}/fd/{name}")
                found |= {target[8:-1]} if target.startswith("socket:[") else set()
    return found


def listening(pids: Iterable[int]) -> set[str]:
    """The addresses at which processes accept TCP connections from other machines."""
    inodes = {inode for pid in pids for inode in sockets(pid)}
    return {_address(fields[1]) for fields in _tcp_rows() if fields[3] == "0A" and fields[9] in inodes}


def _all() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]


def _status(pid: int) -> tuple[int, str] | None:
    """The parent and the starting time of a process that lives."""
    fields = _stat(pid)
    return (int(fields[1]), fields[19]) if fields else None


def _stat(pid: int) -> list[str]:
    """What the kernel tells of a process that lives, from its state on; of a zombie nothing."""
    fields = told(pid, "stat").rpartition(") ")[2].split()
    return [] if fields[:1] in (["Z"], ["X"]) else fields


def _tcp_rows() -> list[list[str]]:
    return [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]


def _address(field: str) -> str:
    """The kernel writes words of 32 bits as the processor has them."""
    raw = bytes.fromhex(field.partition(":")[0])
    packed = b"".join(raw[k : k + 4][::-1] for k in range(0, len(raw), 4))
    return socket.inet_ntop(socket.AF_INET6 if len(packed) == 16 else socket.AF_INET, packed)
