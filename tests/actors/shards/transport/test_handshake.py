"""Strangers are refused, and the mesh still forms; peers that do not come are named."""

import socket
import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from meterstorm.actors.shards.transport import handshake
from meterstorm.actors.shards.transport.frames import PROTOCOL_VERSION, TransportError
from meterstorm.actors.shards.transport.mesh import Mesh
from meterstorm.actors.shards.transport.sockets import Family

from support.wires import FAMILIES, KEY, TIMEOUT_S, dial, exchange_all, in_threads, shake


def silent(sock: socket.socket) -> None:
    pass


def garbage(sock: socket.socket) -> None:
    sock.sendall(b"GET / HTTP/1.1\r\n\r\n")


def half_a_greeting(sock: socket.socket) -> None:
    sock.sendall(b"MSTM" + struct.pack("!H", PROTOCOL_VERSION) + b"\0\0")


def immediate_close(sock: socket.socket) -> None:
    sock.close()


def other_version(sock: socket.socket) -> None:
    sock.sendall(b"MSTM" + struct.pack("!HI32s", PROTOCOL_VERSION + 1, 1, bytes(32)))


def greeting(shard: int) -> Callable[[socket.socket], None]:
    return lambda sock: sock.sendall(
        b"MSTM" + struct.pack("!HI32s", PROTOCOL_VERSION, shard, bytes(32)) + bytes(32)
    )


SHORT_S = 5.0  # enough for those who are there to find each other
STRANGERS = {
    "silent": (silent, "has not proven itself"),
    "garbage": (garbage, "is no shard"),
    "half a greeting": (half_a_greeting, "has not proven itself"),
    "immediate close": (immediate_close, ""),  # closed, broken pipe or reset: as the system sees it
    "other version": (other_version, f"has protocol version {PROTOCOL_VERSION + 1}, not {PROTOCOL_VERSION}"),
    "no key": (greeting(1), "calls itself shard 1, but does not know the key"),
    "impossible shard": (greeting(7), "calls itself shard 7, which is not awaited here"),
    "echo of the own shard": (greeting(0), "calls itself shard 0, which is not awaited here"),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", STRANGERS)
def test_strangers_are_refused_and_named_while_the_peers_connect(
    kind: str, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for the strangers: their time is longer than the time that the peers may take."""
    monkeypatch.setattr(handshake, "HANDSHAKE_S", 10 * TIMEOUT_S)
    act, reason = STRANGERS[kind]
    with ExitStack() as stack:
        meshes = [stack.enter_context(Mesh(j, 2, KEY, TIMEOUT_S)) for j in range(2)]
        addresses = [mesh.listen() for mesh in meshes]
        names = []
        for _ in range(3):
            stranger = stack.enter_context(dial(addresses[0], family))
            host_port = stranger.getsockname()
            names.append(
                f"stranger at tcp {host_port[0]}:{host_port[1]}" if host_port else "stranger at the unix socket"
            )
            act(stranger)
        in_threads([partial(mesh.connect, addresses, family=family) for mesh in meshes])
        exchange_all(meshes, 0, [[b"", b""], [b"", b""]])
        assert sorted(said.split(": ")[0] for said in meshes[0].strangers) == sorted(names)
        assert all(reason in said for said in meshes[0].strangers)


@pytest.mark.parametrize("trickles", [False, True])
def test_a_stranger_is_dropped_when_its_time_is_up(trickles: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer comes only after the stranger has been turned away, whether that was silent or very slow."""
    monkeypatch.setattr(handshake, "HANDSHAKE_S", 0.5)
    with Mesh(0, 2, KEY, TIMEOUT_S) as one, Mesh(1, 2, KEY, TIMEOUT_S) as two:
        addresses = [one.listen(), two.listen()]

        def stranger_then_peer() -> None:
            with dial(addresses[0], "unix") as stranger:
                pace = threading.Event()
                try:
                    for byte in b"MSTM" + bytes(1000) if trickles else b"":
                        stranger.send(bytes([byte]))
                        pace.wait(0.05)  # the trickle's pace; nothing depends on it
                    while stranger.recv(4096):
                        pass
                except OSError:  # dropped in the middle of a byte
                    pass
            two.connect(addresses)

        in_threads([lambda: one.connect(addresses), stranger_then_peer])
        assert [said.startswith("stranger at the unix socket: ") for said in one.strangers] == [True]


def test_after_the_mesh_is_formed_nobody_can_connect() -> None:
    with Mesh(0, 2, KEY, TIMEOUT_S) as one, Mesh(1, 2, KEY, TIMEOUT_S) as two:
        addresses = [one.listen(), two.listen()]
        in_threads([lambda: one.connect(addresses), lambda: two.connect(addresses)])
        for address in addresses:
            assert not Path(address["unix"]).parent.exists()
            with socket.socket() as late, pytest.raises(ConnectionRefusedError):
                late.connect((address["host"], address["port"]))


def test_a_peer_with_another_key_is_refused_by_both_sides() -> None:
    with Mesh(0, 2, KEY, timeout_s=SHORT_S) as one, Mesh(1, 2, b"another key", TIMEOUT_S) as two:
        addresses = [one.listen(), two.listen()]
        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(mesh.connect, addresses) for mesh in (one, two)]
            errors = [str(future.exception(2 * TIMEOUT_S)) for future in futures]
    assert errors[1].startswith("shard 0 (127.0.0.1:")
    assert "does not know the key" in errors[1]
    assert errors[0].startswith("shard 1 (127.0.0.1:")
    assert "calls itself shard 1, but does not know the key" in errors[0]


def test_a_second_connection_from_the_same_shard_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is: the other peer has all the time that the mesh has."""
    monkeypatch.setattr(handshake, "HANDSHAKE_S", 10 * TIMEOUT_S)
    with ExitStack() as stack:
        mesh = stack.enter_context(Mesh(0, 3, KEY, TIMEOUT_S))
        addresses = [mesh.listen()] * 3
        first, second, other = [stack.enter_context(dial(addresses[0], "unix")) for _ in range(3)]

        def peers() -> None:
            shake(first, shard=1)
            shake(second, shard=1)
            assert second.recv(1) == b""  # turned away
            shake(other, shard=2)

        in_threads([lambda: mesh.connect(addresses), peers])
        assert mesh.strangers == ["stranger at the unix socket: is a second connection from shard 1"]


def test_missing_peers_are_named() -> None:
    """Shard 1 listens, but never connects: shard 0 waits for it to dial, shard 2 for it to answer."""
    meshes = [Mesh(j, 3, KEY, timeout_s=SHORT_S) for j in range(3)]
    addresses = [mesh.listen() for mesh in meshes]
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(meshes[j].connect, addresses) for j in (0, 2)]:
            error = future.exception(TIMEOUT_S)
            assert isinstance(error, TransportError)
            name = f"shard 1 (127.0.0.1:{addresses[1]['port']}, {addresses[1]['unix']})"
            assert str(error) == f"{name}: missing; strangers refused: none"
    meshes[1].close()
    assert not any(Path(address["unix"]).exists() for address in addresses)


def test_a_peer_that_no_longer_listens_is_named() -> None:
    with Mesh(0, 2, KEY) as one, Mesh(1, 2, KEY) as two:
        addresses = [one.listen(), two.listen()]
        one.close()
        with pytest.raises(TransportError, match=r"shard 0 \(.*cannot connect: .*No such file.*refused"):
            two.connect(addresses)
