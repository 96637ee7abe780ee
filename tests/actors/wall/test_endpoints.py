"""Connections between processes: who is let in, what arrives, and what is known of what did not leave."""

import socket
import struct
import time

import pytest
from meterstorm.actors.shards.transport.frames import PROTOCOL_VERSION, TransportError
from meterstorm.actors.wall.endpoint import FRAME_BYTES_MAX, Endpoint
from meterstorm.actors.wall.exchange import Exchange

from support.walled import KEY, at_once

PATIENCE_S = 20.0


@pytest.fixture
def pair(tmp_path):
    """Node 0 and node 1, connected."""
    ends = [Exchange(0, [1], 2, str(tmp_path), KEY), Exchange(1, [0], 2, str(tmp_path), KEY)]
    at_once(lambda end: end.meet(PATIENCE_S), ends)
    yield ends
    for end in ends:
        end.close()


def heard(end, until):
    """The frames that come to an end until something holds."""
    frames, end_s = [], time.monotonic() + PATIENCE_S
    while not until(frames):
        assert time.monotonic() < end_s
        frames += end.wait(0.05)
    return frames


def test_frames_come_in_order_with_all_that_was_said(pair):
    for n in range(100):
        assert pair[0].put(1, n, bytes(n), 1000 + n)
    frames = heard(pair[1], lambda found: len(found) == 100)
    assert [(f.source, f.flags, f.next_event_ns, f.messages) for f in frames] == [
        (0, n, 1000 + n, bytes(n)) for n in range(100)
    ]


def test_who_does_not_read_is_not_waited_for_and_gets_all_of_it_later(pair):
    """More than the kernel keeps."""
    whole = bytes(1 << 20)
    for _ in range(40):
        pair[0].put(1, 1, whole, 0)
    assert pair[0].links[1].is_waiting
    frames = []
    while len(frames) < 40:
        pair[0].wait(0.0)
        frames += pair[1].wait(0.01)
    assert all(frame.messages == whole for frame in frames)


def test_what_did_not_leave_is_known_when_a_connection_ends(pair):
    for n in range(40):
        pair[0].put(1, n, bytes(1 << 20), 0)
    pair[1].close()
    heard(pair[0], lambda _: pair[0].lost)
    (lost,) = pair[0].lost
    numbers = [flags for flags, _ in lost.unsent]
    assert lost.peer == 1 and numbers == list(range(numbers[0], 40)) and 0 < numbers[0] < 40
    assert not pair[0].put(1, 1, b"", 0)


def test_a_listener_that_closes_ends_its_connections_and_lets_all_back_in_when_it_opens(pair):
    pair[0].refuse(range(1, 2))
    heard(pair[1], lambda _: pair[1].lost)
    assert not pair[1].links and not pair[1].put(0, 1, b"", 0)
    for _ in range(10):
        pair[1].wait(0.01)
    assert not pair[1].links
    pair[0].open()
    at_once(lambda end: end.meet(PATIENCE_S), pair)
    assert pair[1].put(0, 7, b"again", 0)
    (frame,) = heard(pair[0], lambda found: found)
    assert (frame.flags, frame.messages) == (7, b"again")


def test_who_does_not_know_the_key_is_not_let_in(tmp_path):
    door = Exchange(0, [1], 2, str(tmp_path), KEY)
    door.open()
    stranger = Exchange(1, [0], 2, str(tmp_path), b"another")
    for _ in range(50):
        stranger.wait(0.0)
        door.wait(0.005)
    assert not door.links and not stranger.links and not door.joined
    door.close()
    stranger.close()


@pytest.mark.parametrize("size", [FRAME_BYTES_MAX + 1, 3])
def test_a_frame_of_an_impossible_length_names_its_sender(size):
    ours, theirs = socket.socketpair()
    link = Endpoint(0, 4, ours)
    theirs.sendall(struct.pack("!I", size) + bytes(100))
    with pytest.raises(TransportError, match=f"node 4: announced {size + 4:,} bytes, not"):
        link.receive()
    link.close()
    theirs.close()


def test_a_frame_out_of_order_names_its_sender():
    ours, theirs = socket.socketpair()
    sender = Endpoint(4, 0, theirs)
    sender._put = 5
    sender.put(1, b"", 0)
    link = Endpoint(0, 4, ours)
    is_, was = (f"\\({PROTOCOL_VERSION}, 4, {window}\\)" for window in (5, 0))
    with pytest.raises(TransportError, match=rf"node 4: sent \(version, shard, window\) {is_}, not {was}"):
        link.receive()
    for one in (link, sender):
        one.close()
