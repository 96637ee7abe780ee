"""Processes and their listening sockets, from /proc."""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

MARK = "METERSTORM_TEST_MARK"  # an environment variable, which children inherit


def eventually(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def marked(mark: str) -> dict[int, str]:
    """The command lines of the living processes that have inherited the mark, by process id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() not in (folder / "environ").read_bytes():
                continue
            state = (folder / "stat").read_text().rpartition(") ")[2][0]
            command = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        if state != "Z":
            found[int(folder.name)] = command
    return found


def listening(mark: str) -> set[str]:
    """The addresses at which marked processes accept TCP connections from other machines."""
    inodes = {inode for pid in marked(mark) for inode in _sockets(pid)}
    return {_address(fields[1]) for fields in _tcp_rows() if fields[3] == "0A" and fields[9] in inodes}


def _sockets(pid: int) -> set[str]:
    found = set()
    for link in Path(f"/proc/{pid}/fd").glob("*"):
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return found


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
