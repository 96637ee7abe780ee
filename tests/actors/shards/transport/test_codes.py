"""Frames that leave the machine: what was changed on the way, or comes from elsewhere, is refused."""

import hashlib
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from meterstorm.actors.shards.transport import mesh as module
from meterstorm.actors.shards.transport.codes import CODE_BYTES, code, codes_of, leaves_machine
from meterstorm.actors.shards.transport.frames import TransportError
from meterstorm.actors.shards.transport.mesh import Mesh

from support.wires import FAMILIES, GOOD, KEY, exchange_all, frame_bytes, in_threads, mesh_of, mesh_with_impostor

ELSEWHERE = "192.0.2.1"  # TEST-NET-1: nobody's
FRAME = frame_bytes(*GOOD)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have loopback be taken for a network."""
    monkeypatch.setattr(module, "leaves_machine", lambda *hosts: True)


def sealed(frame: bytes, key: bytes) -> bytes:
    """A frame and its code, after RFC 2104 and with nothing of the module's."""
    block = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + frame).digest()
    return frame + hashlib.sha256(bytes(byte ^ 0x5C for byte in block) + inner).digest()


@contextmanager
def impostor() -> Iterator[tuple[Mesh, socket.socket]]:
    with mesh_with_impostor("tcp") as found:
        yield found


def test_a_code_is_that_of_the_rfc():
    """Case 2 of RFC 4231, in two parts."""
    found = code(b"Jefe", [b"what do ya want ", b"for nothing?"])
    assert found.hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_ends_agree_on_keys_that_no_other_direction_has():
    keys = {(a, b): codes_of(KEY, a, b) for a in range(4) for b in range(4) if a != b}
    assert all(codes.outgoing == keys[b, a].incoming for (a, b), codes in keys.items())
    assert len({codes.outgoing for codes in keys.values()}) == len(keys)
    assert codes_of(b"another", 0, 1).outgoing != keys[0, 1].outgoing


@pytest.mark.parametrize(
    ("hosts", "leaves"),
    [
        (("127.0.0.1", "127.0.0.1"), False),
        (("127.0.0.1", "127.3.2.1"), False),
        (("::1", "::1"), False),
        (("127.0.0.1", ELSEWHERE), True),
        ((ELSEWHERE, "127.0.0.1"), True),
        ((ELSEWHERE, ELSEWHERE), True),
        (("localhost", "127.0.0.1"), True),
    ],
)
def test_only_two_addresses_of_loopback_stay_on_the_machine(hosts, leaves):
    assert leaves_machine(*hosts) is leaves


@pytest.mark.parametrize("sizes", [(0, 0), (3, 0), (70_000, 1), (20 << 20, 65_536)])
def test_frames_with_codes_arrive_as_they_were_sent(heard, sizes):
    """Also those of the next window that come before this one is taken, and those that need a larger inbox."""
    messages = [[b"", b"a" * sizes[0]], [b"b" * sizes[1], b""]]
    with mesh_of(2, "tcp") as meshes:
        for window in range(3):
            (to_0,), (to_1,) = exchange_all(meshes, window, messages)
            assert (to_0.messages, to_1.messages) == (messages[1][0], messages[0][1])


@pytest.mark.parametrize("family", FAMILIES)
def test_what_stays_on_the_machine_has_no_code(family):
    with mesh_with_impostor(family) as (mesh, sock):
        sock.sendall(FRAME)
        assert in_threads([lambda: mesh.exchange(0, 5, 0, [b"", b"rows"])])[0][0].messages == b"rows"
        (length,) = struct.unpack("!I", sock.recv(4))
        assert len(sock.recv(1 << 16)) == length


def test_what_leaves_has_the_code_that_an_independent_reckoning_gives(heard):
    with impostor() as (mesh, sock):
        sock.sendall(sealed(FRAME, codes_of(KEY, 1, 0).outgoing))
        (frame,) = mesh.exchange(0, 5, 0, [b"", b"rows"])
        assert frame.messages == b"rows"
        sent = sock.recv(1 << 16)
        assert sent == sealed(sent[:-CODE_BYTES], codes_of(KEY, 1, 0).incoming)


def flipped(place: int) -> bytes:
    right = bytearray(sealed(FRAME, codes_of(KEY, 1, 0).outgoing))
    right[place] ^= 1
    return bytes(right)


WRONG = {
    "a bit of the messages": flipped(len(FRAME) - 1),
    "a bit of the window": flipped(20),
    "a bit of the code": flipped(-1),
    "no key": sealed(FRAME, b""),
    "the key of the mesh itself": sealed(FRAME, KEY),
    "the other direction's": sealed(FRAME, codes_of(KEY, 0, 1).outgoing),
    "another peer's": sealed(FRAME, codes_of(KEY, 2, 0).outgoing),
}


@pytest.mark.parametrize("sent", WRONG.values(), ids=WRONG)
def test_a_wrong_code_is_refused_and_its_sender_named(heard, sent):
    said = r"^shard 1 \(127.0.0.1:1, /nowhere\): sent a frame whose authentication code is wrong$"
    with impostor() as (mesh, sock):
        sock.sendall(sent)
        with pytest.raises(TransportError, match=said):
            mesh.exchange(0, 5, 0, [b"", b""])
        assert mesh.has_lost_peer()  # nothing more is taken from anybody


def test_a_frame_that_is_sent_again_is_refused(heard):
    with impostor() as (mesh, sock):
        right = sealed(FRAME, codes_of(KEY, 1, 0).outgoing)
        sock.sendall(2 * right)
        mesh.exchange(0, 5, 0, [b"", b""])
        with pytest.raises(TransportError, match=r"sent \(version, shard, window\) .*, not "):
            mesh.exchange(1, 5, 0, [b"", b""])
