"""Meshes of shards in threads, an impostor among them, and the bytes of frames."""

import contextlib
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import msgpack
from hypothesis import strategies as st
from meterstorm.actors.shards.transport.frames import PROTOCOL_VERSION, Frame
from meterstorm.actors.shards.transport.handshake import shake_hands
from meterstorm.actors.shards.transport.mesh import Mesh
from meterstorm.actors.shards.transport.sockets import Address, Family

KEY = b"a key that the shards share"
TIMEOUT_S = 20.0  # nothing here takes so long; it only keeps a broken mesh from hanging
FAMILIES: list[Family] = ["unix", "tcp"]


def in_threads(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """What the jobs return, run side by side; raises what any of them raises."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        futures = [pool.submit(job) for job in jobs]
        return [future.result(2 * TIMEOUT_S) for future in futures]


@contextmanager
def mesh_of(shards: int, family: Family = "auto", **options: Any) -> Iterator[list[Mesh]]:
    """Connected meshes, one a shard."""
    with ExitStack() as stack:
        options = {"timeout_s": TIMEOUT_S, **options}
        meshes = [stack.enter_context(Mesh(j, shards, KEY, **options)) for j in range(shards)]
        addresses = [mesh.listen() for mesh in meshes]
        in_threads([partial(mesh.connect, addresses, family=family) for mesh in meshes])
        yield meshes


def exchange_all(meshes: list[Mesh], window: int, messages: list[list[bytes]]) -> list[list[Frame]]:
    return in_threads(
        [partial(mesh.exchange, window, 1000 + j, j % 2, messages[j]) for j, mesh in enumerate(meshes)]
    )


def dial(address: Address, family: Family) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX if family == "unix" else socket.AF_INET)
    sock.settimeout(TIMEOUT_S)
    sock.connect(address["unix"] if family == "unix" else (address["host"], address["port"]))
    return sock


def shake(sock: socket.socket, shard: int, awaited: int = 0, key: bytes = KEY) -> None:
    """The module's own handshake, on a blocking socket."""
    for _ in shake_hands(sock, key, shard, range(awaited, awaited + 1)):
        raise AssertionError("a blocking socket never has to wait")


@contextmanager
def mesh_with_impostor(family: Family = "unix", **options: Any) -> Iterator[tuple[Mesh, socket.socket]]:
    """Shard 0 of two, and the socket of a shard 1 that has shaken hands and may now send what it likes."""
    with Mesh(0, 2, KEY, **{"timeout_s": TIMEOUT_S, **options}) as mesh:
        addresses = [mesh.listen(), Address(node="nowhere", unix="/nowhere", host="127.0.0.1", port=1)]
        with dial(addresses[0], family) as sock:
            in_threads([lambda: mesh.connect(addresses), lambda: shake(sock, shard=1)])
            yield mesh, sock


# msgpack's widest type, and its format, of each field's integer.
WIDEST = {1: (0xCE, "!BI"), 2: (0xCF, "!BQ"), 3: (0xD3, "!Bq"), 4: (0xD3, "!Bq")}


def packed(place: int, value: Any) -> bytes:
    """A field of a frame in msgpack, in its widest encoding if it can be what belongs there."""
    if type(value) is bytes and place == 5:
        return struct.pack("!BI", 0xC6, len(value)) + value
    if type(value) is int and place in WIDEST:
        with contextlib.suppress(struct.error):
            return struct.pack(WIDEST[place][1], WIDEST[place][0], value)
    return bytes(msgpack.packb(value))


def frame_bytes(*fields: Any) -> bytes:
    body = bytes([0x90 + len(fields)]) + b"".join(map(packed, range(len(fields)), fields))
    return struct.pack("!I", len(body)) + body


GOOD = (PROTOCOL_VERSION, 1, 0, 5, 0, b"rows")

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text() | st.integers(0, 9), inner, max_size=3),
    max_leaves=10,
)
