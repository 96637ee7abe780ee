"""After the handshake every misbehavior is an error that names the peer, and the mesh is closed."""

import pickle
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from meterstorm.actors.shards.transport.frames import PROTOCOL_VERSION, TransportError
from meterstorm.actors.shards.transport.sockets import Family

from support.wires import (
    FAMILIES,
    GOOD,
    TIMEOUT_S,
    exchange_all,
    frame_bytes,
    in_threads,
    mesh_of,
    mesh_with_impostor,
)

JUNK = {
    "other window": (frame_bytes(*GOOD[:2], 3, *GOOD[3:]), r"\(2, 1, 3\), not \(2, 1, 0\)"),
    "other shard": (frame_bytes(PROTOCOL_VERSION, 0, *GOOD[2:]), r"\(2, 0, 0\), not \(2, 1, 0\)"),
    "other version": (frame_bytes(9, *GOOD[1:]), r"\(9, 1, 0\), not \(2, 1, 0\)"),
    "text for bytes": (frame_bytes(*GOOD[:5], "rows"), "no frame"),
    "float for time": (frame_bytes(*GOOD[:3], 5.0, *GOOD[4:]), "no frame"),
    "bool for flags": (frame_bytes(*GOOD[:4], True, b""), "no frame"),
    "beyond int64": (frame_bytes(*GOOD[:3], 2**63, *GOOD[4:]), "no frame"),
    "a field too few": (frame_bytes(*GOOD[:5]), "no frame"),
    "a field too many": (frame_bytes(*GOOD, 0), "no frame"),
    "no array": (struct.pack("!I", 1) + b"\x07", "no frame"),
    "empty": (struct.pack("!I", 0), "no frame"),
    "garbage": (struct.pack("!I", 8) + b"\xc1garbage", "no frame"),
    "pickle": (struct.pack("!I", len(pickle.dumps(GOOD))) + pickle.dumps(GOOD), "no frame"),
    "trailing byte": (
        struct.pack("!I", len(frame_bytes(*GOOD)) - 3) + frame_bytes(*GOOD)[4:] + b"x",
        "no frame",
    ),
    "truncated in msgpack": (struct.pack("!I", 7) + frame_bytes(*GOOD)[4:11], "no frame"),
    "oversized": (b"\xff\xff\xff\xff", "announced 4,294,967,299 bytes, over 268,435,456"),
    "a word of http": (b"HTTP/1.1 400 Bad Request", "announced"),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", JUNK)
def test_a_bad_frame_is_an_error_that_names_the_peer(kind: str, family: Family) -> None:
    junk, reason = JUNK[kind]
    with mesh_with_impostor(family) as (mesh, impostor):
        impostor.sendall(junk)
        with pytest.raises(TransportError, match=rf"^shard 1 \(127.0.0.1:1, /nowhere\): .*{reason}"):
            mesh.exchange(0, 0, 0, [b"", b""])
        with pytest.raises(RuntimeError, match="shard 0 is not connected"):
            mesh.exchange(1, 0, 0, [b"", b""])
        assert impostor.recv(1 << 16)  # our own frame
        assert impostor.recv(1) == b""


def test_a_frame_cut_by_the_end_of_the_connection() -> None:
    with mesh_with_impostor() as (mesh, impostor):
        impostor.sendall(frame_bytes(*GOOD)[:-1])
        impostor.shutdown(socket.SHUT_WR)
        with pytest.raises(TransportError, match=r"^shard 1 \(.*closed the connection"):
            mesh.exchange(0, 0, 0, [b"", b""])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_peer_that_dies_while_it_is_waited_for(family: Family) -> None:
    with mesh_with_impostor(family) as (mesh, impostor):

        def die_on_the_first_byte() -> None:
            impostor.recv(1)  # so the mesh is in its exchange
            impostor.close()

        def exchange() -> None:
            with pytest.raises(TransportError, match=r"^shard 1 \("):
                mesh.exchange(0, 0, 0, [b"", bytes(64 << 20)])

        in_threads([exchange, die_on_the_first_byte])


def test_a_peer_that_died_before_the_exchange() -> None:
    with mesh_of(3) as meshes:
        meshes[2].close()
        with pytest.raises(TransportError, match=r"^shard 2 \("):
            meshes[0].exchange(0, 0, 0, [b""] * 3)


def test_silent_peers_are_named_after_the_timeout() -> None:
    with mesh_of(3) as meshes:
        meshes[0]._timeout_s = 0.3
        silence = r"^shard 1 \(.*\), shard 2 \(.*\): not through with window 4 in 0.3 s$"
        with pytest.raises(TransportError, match=silence):
            meshes[0].exchange(4, 0, 0, [b""] * 3)


def test_a_peer_that_is_there_may_be_silent_for_longer_than_it_may_take_to_join() -> None:
    """Its balancing policy may compute for long."""
    with mesh_of(2) as meshes, ThreadPoolExecutor(1) as pool:
        meshes[0]._timeout_s, meshes[0]._silence_s = 0.01, TIMEOUT_S
        waiting = pool.submit(meshes[0].exchange, 0, 0, 0, [b""] * 2)
        with pytest.raises(TimeoutError):
            waiting.result(0.1)
        meshes[1].exchange(0, 0, 0, [b""] * 2)
        assert len(waiting.result(TIMEOUT_S)) == 1


def test_a_peer_that_has_gone_is_seen_without_an_exchange() -> None:
    """Even behind a frame that nobody has read."""
    with mesh_of(3) as meshes:
        assert not any(mesh.has_lost_peer() for mesh in meshes)
        meshes[2]._peers[0].start((2, 0, 0, 0), memoryview(b"a frame"))
        meshes[2].close()
        assert all(mesh.has_lost_peer() for mesh in meshes)


def test_a_trickling_frame_does_not_outlast_the_timeout() -> None:
    with mesh_with_impostor() as (mesh, impostor):
        mesh._timeout_s = 0.3
        stop = threading.Event()

        def trickle() -> None:
            try:
                for byte in frame_bytes(*GOOD[:5], bytes(10_000)):
                    impostor.send(bytes([byte]))
                    if stop.wait(0.02):
                        return
            except OSError:
                pass

        def exchange() -> None:
            with pytest.raises(TransportError, match=r"^shard 1 \(.*not through with window 0"):
                mesh.exchange(0, 0, 0, [b"", b""])
            stop.set()

        in_threads([exchange, trickle])


def test_a_frame_over_the_limit_is_not_sent() -> None:
    with mesh_of(2, frame_bytes_max=1000) as meshes:
        exchange_all(meshes, 0, [[b"", bytes(900)], [b"", b""]])
        with pytest.raises(TransportError, match=r"^shard 1 \(.*: 1,000 bytes for it, over 1,000"):
            meshes[0].exchange(1, 0, 0, [b"", bytes(1000)])
        with pytest.raises(TransportError, match=r"^shard 0 \("):
            meshes[1].exchange(1, 0, 0, [b"", b""])


def test_an_announced_length_over_the_limit_is_refused_even_if_there_is_room() -> None:
    with mesh_with_impostor(frame_bytes_max=1000) as (mesh, impostor):
        impostor.sendall(frame_bytes(*GOOD[:5], bytes(2000)))
        with pytest.raises(TransportError, match=r"^shard 1 \(.*over 1,000"):
            mesh.exchange(0, 0, 0, [b"", b""])
