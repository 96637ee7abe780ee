"""Frames: what one shard tells another at the end of a window, as bytes."""

import struct
from typing import NamedTuple

PROTOCOL_VERSION = 2

PREFIX = struct.Struct("!I")  # length of the frame that follows

# All of a frame before its messages: the length of what follows, then msgpack, an array of six. Each field has its
# widest encoding, so that the head is a struct: numbers, each behind the byte that tells its type.
HEAD = struct.Struct("!I" + "BB" + "BI" + "BQ" + "Bq" + "Bq" + "BI")
_ARRAY_OF_6, _UINT32, _UINT64, _INT64, _BYTES32 = 0x96, 0xCE, 0xCF, 0xD3, 0xC6
_TYPES = (_ARRAY_OF_6, _UINT32, _UINT64, _INT64, _INT64, _BYTES32)


class TransportError(Exception):
    """A peer is missing, gone, silent or sends what it must not; the message names it (shard and address)."""


class PeerLost(TransportError):
    """A peer is missing, gone or silent: when a shard fails, this is the echo of its error among its peers."""


class Frame(NamedTuple):
    """What one shard tells another at the end of a window."""

    source: int  # shard
    window: int  # number of the exchange, from 0
    next_event_ns: int  # before it nothing of the sender's leads to a message, unless one reaches the sender
    flags: int  # free for the caller
    messages: bytes  # packed rows of license messages


def encode_head(source: int, window: int, next_event_ns: int, flags: int, size: int) -> bytes:
    """All of a frame before its `size` bytes of messages, which so need not be copied to be framed."""
    try:
        return HEAD.pack(
            HEAD.size - PREFIX.size + size, _ARRAY_OF_6, PROTOCOL_VERSION, _UINT32, source, _UINT64, window,
            _INT64, next_event_ns, _INT64, flags, _BYTES32, size,
        )  # fmt: skip
    except struct.error:
        raise ValueError(f"next_event_ns and flags must fit into int64: {next_event_ns}, {flags}") from None


def decode_frame(frame: memoryview, source: int, window: int, peer: str) -> Frame:
    """The frame, its length included, if it is that of shard `source`, named `peer`, for `window`."""
    size = len(frame) - HEAD.size
    fields = HEAD.unpack_from(frame) if size >= 0 else (0,) * 13
    if fields[1::2] != _TYPES or fields[12] != size:
        raise TransportError(f"{peer}: sent {len(frame)} bytes that are no frame")
    if fields[2:7:2] != (PROTOCOL_VERSION, source, window):
        expected = (PROTOCOL_VERSION, source, window)
        raise TransportError(f"{peer}: sent (version, shard, window) {fields[2:7:2]}, not {expected}")
    return Frame(source, window, fields[8], fields[10], bytes(frame[HEAD.size :]))
