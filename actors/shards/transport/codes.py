"""Authentication codes: each frame that leaves the machine ends in one that only a shard with the key can make.

HMAC-SHA256 (RFC 2104), like the handshake's. Each direction of each connection has its own key, and a frame names
its window, so a frame overheard elsewhere or earlier cannot be replayed.
"""

import hmac
import ipaddress
import struct
from collections.abc import Iterable
from typing import NamedTuple

CODE_BYTES = 32
_DIRECTION = struct.Struct("!8sII")  # source and target


class Codes(NamedTuple):
    """The keys of one connection at one end."""

    outgoing: bytes
    incoming: bytes


def codes_of(key: bytes, shard: int, peer: int) -> Codes:
    """Return the keys of a shard's connection to a peer, given the key of the mesh."""
    return Codes(_of_direction(key, shard, peer), _of_direction(key, peer, shard))


def _of_direction(key: bytes, source: int, target: int) -> bytes:
    return hmac.digest(key, _DIRECTION.pack(b"frames", source, target), "sha256")


def code(key: bytes, parts: Iterable[bytes | memoryview]) -> bytes:
    """Return the code of the bytes of all parts together."""
    made = hmac.new(key, digestmod="sha256")
    for part in parts:
        made.update(part)
    return made.digest()


def leaves_machine(host: str, other: str) -> bool:
    """Whether TCP between two addresses may be heard elsewhere; a name, or one address of a network's, may."""
    try:
        return not all(ipaddress.ip_address(one).is_loopback for one in (host, other))
    except ValueError:
        return True
