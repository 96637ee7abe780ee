"""Sockets between shards: Unix on one machine, else TCP."""

import socket
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any, Literal, TypedDict

from .frames import PeerLost

_SOCKET_BYTES = 4 << 20  # asked of the kernel, which may give less
_PLACE_BYTES = 60  # what is left of a path is for `meterstorm-12345678/s-12345678/shard-123`

# A machine that is gone, as without power, closes nothing: the kernel asks whether it is still there.
_ASK_AFTER_S, _ASK_EVERY_S, _ASK_TIMES = 15, 5, 5

Family = Literal["auto", "unix", "tcp"]


class Address(TypedDict):
    """Where a shard listens: a plain dictionary."""

    node: str  # shards on the same node talk over Unix sockets
    unix: str
    host: str
    port: int


def place_for_sockets() -> str:
    """Return the folder to make folders for sockets in: a Unix path may have but 104 bytes on some systems."""
    usual = tempfile.gettempdir()  # which may be deep (pytest, Ray)
    return usual if len(usual) < _PLACE_BYTES else "/tmp"


def tuned(sock: socket.socket) -> socket.socket:
    """Return the socket with large buffers, without delays, and told when the other machine is gone."""
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):  # before it connects, or TCP can't scale its window
        sock.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BYTES)
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        asking = {"TCP_KEEPIDLE": _ASK_AFTER_S, "TCP_KEEPINTVL": _ASK_EVERY_S, "TCP_KEEPCNT": _ASK_TIMES}
        lost_ms = 1000 * (_ASK_AFTER_S + _ASK_EVERY_S * _ASK_TIMES)
        for name, value in (asking | {"TCP_USER_TIMEOUT": lost_ms}).items():
            if hasattr(socket, name):  # not on every system
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return sock


def dial(address: Address, name: str, family: Family, here: bool, deadline_s: float) -> socket.socket:
    """A connection to a listening shard; "auto" tries TCP too: containers may share a node, but no files."""
    targets: list[tuple[socket.AddressFamily, Any]] = []
    if family == "unix" or (family == "auto" and here):
        targets.append((socket.AF_UNIX, address["unix"]))
    if family != "unix":
        targets.append((tcp_family(address["host"]), (address["host"], address["port"])))
    reasons = []
    for target_family, target in targets:
        sock = tuned(socket.socket(target_family))
        sock.settimeout(max(0.001, deadline_s - time.monotonic()))
        try:
            sock.connect(target)
        except OSError as error:
            sock.close()
            reasons.append(str(error))
        else:
            return sock
    raise PeerLost(f"{name}: cannot connect: {'; '.join(reasons)}")


def tcp_family(host: str) -> socket.AddressFamily:
    """Return whether a host's address is IPv4 or IPv6."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def machine() -> str:
    """What tells this machine, as booted now, from others."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = f"{uuid.getnode():x}"
    return f"{socket.gethostname()} {boot}"
