"""Any bytes are a frame or an error."""

import struct
from typing import Any

import msgpack
from hypothesis import given
from hypothesis import strategies as st
from meterstorm.actors.shards.transport.frames import (
    PROTOCOL_VERSION,
    Frame,
    TransportError,
    decode_frame,
    encode_head,
)

from support.wires import GOOD, VALUES, frame_bytes

INT64 = st.integers(-(2**63), 2**63 - 1)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**63 - 1), INT64, INT64, st.binary(max_size=300))
def test_a_frame_survives_the_wire(source: int, window: int, time_ns: int, flags: int, rows: bytes) -> None:
    wire = encode_head(source, window, time_ns, flags, len(rows)) + rows
    assert struct.unpack_from("!I", wire)[0] == len(wire) - 4
    frame = decode_frame(memoryview(wire), source, window, "peer")
    assert frame == Frame(source, window, time_ns, flags, rows)
    assert msgpack.unpackb(wire[4:]) == [PROTOCOL_VERSION, *frame]
    assert wire == frame_bytes(PROTOCOL_VERSION, *frame)


def check_decoder(body: bytes) -> None:
    """Any bytes are either the frame that is due or an error that names the peer."""
    try:
        frame = decode_frame(memoryview(body), 1, 0, "shard 1 (there)")
    except TransportError as error:
        assert str(error).startswith("shard 1 (there): ")
        return
    assert (frame.source, frame.window) == (1, 0)
    assert {type(field) for field in frame[:4]} == {int}
    assert type(frame.messages) is bytes
    assert -(2**63) <= min(frame.next_event_ns, frame.flags) <= max(frame.next_event_ns, frame.flags) < 2**63


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_an_error(body: bytes) -> None:
    check_decoder(body)
    for kept in (4, 5, 6, 11, 20, 29, 38, 43):  # as far as each field of a frame
        check_decoder(frame_bytes(*GOOD)[:kept] + body)


@given(st.lists(VALUES, min_size=5, max_size=7))
def test_any_msgpack_is_a_frame_or_an_error(fields: list[Any]) -> None:
    check_decoder(frame_bytes(*fields))
    check_decoder(frame_bytes(PROTOCOL_VERSION, 1, 0, *fields[:3]))


@given(st.data())
def test_a_damaged_frame_is_a_frame_or_an_error(data: st.DataObject) -> None:
    body = bytearray(frame_bytes(*GOOD))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    check_decoder(bytes(body[: data.draw(st.integers(0, len(body)))]))
    check_decoder(bytes(body))
