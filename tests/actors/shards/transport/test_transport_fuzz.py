"""Garbage at every stage of a connection: strangers harm nothing, and what a peer sends is a frame or an error."""

import logging
import struct
import tracemalloc
from contextlib import ExitStack, suppress
from functools import partial

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meterstorm.actors.shards.transport.frames import PROTOCOL_VERSION, TransportError, decode_frame
from meterstorm.actors.shards.transport.mesh import Mesh

from support.wires import (
    GOOD,
    KEY,
    TIMEOUT_S,
    VALUES,
    dial,
    exchange_all,
    frame_bytes,
    in_threads,
    mesh_with_impostor,
    shake,
)

HELLO = b"MSTM" + struct.pack("!H", PROTOCOL_VERSION)
FAMILY = st.sampled_from(["unix", "tcp"])

# What a stranger sends, from nothing to a whole greeting and a proof that it cannot have.
OPENINGS = st.one_of(
    st.binary(max_size=100),
    st.binary(max_size=100).map(lambda rest: HELLO[:4] + rest),
    st.tuples(st.integers(0, 2**32 - 1), st.binary(max_size=80)).map(
        lambda claim: HELLO + struct.pack("!I", claim[0]) + claim[1]
    ),
    st.binary(min_size=64, max_size=64).map(lambda rest: HELLO + struct.pack("!I", 1) + rest),
)


@settings(max_examples=60)
@given(st.lists(OPENINGS, min_size=1, max_size=4), FAMILY, st.booleans())
def test_strangers_are_refused_and_the_mesh_forms(openings, family, leave):
    with ExitStack() as stack:
        meshes = [stack.enter_context(Mesh(k, 2, KEY, TIMEOUT_S)) for k in range(2)]
        addresses = [mesh.listen() for mesh in meshes]
        for opening in openings:
            stranger = stack.enter_context(dial(addresses[0], family))
            with suppress(OSError):
                stranger.sendall(opening)
            if leave:
                stranger.close()
        in_threads([partial(mesh.connect, addresses, family=family) for mesh in meshes])
        assert len(meshes[0].strangers) == len(openings)
        assert all(said.startswith("stranger at ") for said in meshes[0].strangers)
        exchange_all(meshes, 0, [[b"", b"x"], [b"y", b""]])


def test_a_recorded_handshake_is_no_proof():
    """A stranger has heard all that a true peer said to shard 0 once, and says it again."""
    heard = []

    class Tap:
        def __init__(self, sock):
            self.sock = sock
            self.recv = sock.recv

        def sendall(self, data):
            heard.append(data)
            self.sock.sendall(data)

    for replays in (False, True):
        with Mesh(0, 2, KEY, TIMEOUT_S) as mesh:
            addresses = [mesh.listen()] * 2
            with dial(addresses[0], "unix") as stranger, dial(addresses[0], "unix") as peer:
                if replays:
                    for data in heard:
                        stranger.sendall(data)
                in_threads([partial(mesh.connect, addresses), partial(shake, Tap(peer), shard=1)])
                words = "calls itself shard 1, but does not know the key" if replays else "has not proven itself"
                assert [words in said for said in mesh.strangers] == [True]


def test_strangers_are_logged_with_their_address(caplog):
    with Mesh(0, 2, KEY, TIMEOUT_S) as one, Mesh(1, 2, KEY, TIMEOUT_S) as two, caplog.at_level(logging.WARNING):
        addresses = [one.listen(), two.listen()]
        with dial(addresses[0], "tcp") as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            host, port = stranger.getsockname()
            in_threads([partial(mesh.connect, addresses) for mesh in (one, two)])
        assert f"refused stranger at tcp {host}:{port}: is no shard" in caplog.messages


def test_a_crowd_of_strangers_is_not_remembered_for_ever():
    with ExitStack() as stack:
        meshes = [stack.enter_context(Mesh(k, 2, KEY, TIMEOUT_S)) for k in range(2)]
        addresses = [mesh.listen() for mesh in meshes]
        for _ in range(60):
            stack.enter_context(dial(addresses[0], "tcp")).sendall(b"hello?")
        in_threads([partial(mesh.connect, addresses) for mesh in meshes])
        assert 0 < len(meshes[0].strangers) <= 20


def prefixed(body: bytes) -> bytes:
    return struct.pack("!I", len(body)) + body


# What a peer sends once it has proven itself: bytes; lengths and bytes; frames with wrong fields; damaged frames.
AFTERWARDS = st.one_of(
    st.binary(min_size=1, max_size=200),
    st.binary(max_size=200).map(prefixed),
    st.lists(VALUES, min_size=4, max_size=7).map(lambda fields: frame_bytes(*fields)),
    st.tuples(st.integers(0, 4), VALUES).map(
        lambda change: frame_bytes(*GOOD[: change[0]], change[1], *GOOD[change[0] + 1 :])
    ),
    st.tuples(st.integers(0, 20), st.binary(min_size=1, max_size=3)).map(
        lambda damage: frame_bytes(*GOOD)[: damage[0]] + damage[1] + frame_bytes(*GOOD)[damage[0] + 1 :]
    ),
)


@settings(max_examples=150)
@given(AFTERWARDS, FAMILY)
def test_a_peer_sends_a_frame_or_is_named(sent, family):
    with mesh_with_impostor(family, timeout_s=TIMEOUT_S, frame_bytes_max=1 << 20) as (mesh, impostor):
        impostor.sendall(sent)
        impostor.shutdown(1)  # no more will come
        try:
            (frame,) = mesh.exchange(0, 0, 0, [b"", b""])
        except TransportError as error:
            assert str(error).startswith("shard 1 (127.0.0.1:1, /nowhere): ")
            assert "not through with window" not in str(error)  # nobody waits until the time is up
        else:
            assert (frame.source, frame.window) == (1, 0)


def bomb(depth: int) -> bytes:
    """Arrays of six in arrays of six: a byte for each, of which msgpack would make a tuple of 88 bytes."""
    nested = b"\xc0"
    for _ in range(depth):
        nested = b"\x96" + nested * 6
    return nested


@pytest.mark.parametrize(
    "body",
    [
        bomb(8),
        b"\x96\x01\x01\x00\x05\x00" + bomb(8),
        b"\x96" + b"\x91" * 100_000,
        b"\x96\x01\x01\x00\x05\x00\xc6\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff" * 1000,
        b"\x96\x01\x01\x00\x05\x00\xdf\xff\xff\xff\xff" + bytes(1000),
        msgpack.packb({k: [{}] * 6 for k in range(10_000)}),
    ],
)
def test_what_unpacks_to_much_more_is_refused_before_it_does(body):
    tracemalloc.start()
    try:
        with pytest.raises(TransportError, match=r"^peer: sent [0-9]+ bytes that are no frame"):
            decode_frame(memoryview(prefixed(body)), 1, 0, "peer")
        assert tracemalloc.get_traced_memory()[1] < len(body) + 100_000
    finally:
        tracemalloc.stop()


def test_an_announced_length_over_the_limit_takes_no_memory():
    with mesh_with_impostor(frame_bytes_max=64 << 20) as (mesh, impostor):
        impostor.sendall(struct.pack("!I", (64 << 20) + 1))
        tracemalloc.start()
        try:
            with pytest.raises(TransportError, match=r"^shard 1 \(.*announced .* bytes, over 67,108,864"):
                mesh.exchange(0, 0, 0, [b"", b""])
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()
