"""A connection between two processes of a wall-clock run: frames in order, and neither end blocks."""

import socket
from collections import deque

from ..shards.transport.frames import HEAD, PREFIX, Frame, PeerLost, TransportError, decode_frame, encode_head

CHUNK_BYTES = 1 << 20
FRAME_BYTES_MAX = 64 << 20
WAITING_BYTES_MAX = 1 << 30  # of frames for a peer that does not read; then the run ends


class Endpoint:
    """One end: frames that are still to leave, and what has come in of the next one.

    Frames are those of the shards (transport/frames.py); what is a window's number there is a frame's number here.
    """

    def __init__(self, node: int, peer: int, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.peer = peer
        self.sock = sock
        self._node = node
        self._name = f"node {peer}"
        self._put = self._taken = 0  # frames
        self._leaving: deque[tuple[int, memoryview, bytes]] = deque()  # flags, what is left of the frame, payload
        self._waiting = 0  # bytes
        self._inbox = bytearray()

    @property
    def is_waiting(self) -> bool:
        """Whether something has yet to leave."""
        return bool(self._leaving)

    def put(self, flags: int, payload: bytes, reached: int) -> None:
        """Send a frame, or as much of it as goes; `reached` is how far this node's events have been handled, ns.

        Raises PeerLost, and TransportError where the peer does not read what it is sent.
        """
        if self._waiting + len(payload) > WAITING_BYTES_MAX:
            raise TransportError(f"{self._name}: has not read {self._waiting:,} bytes")
        head = encode_head(self._node, self._put, reached, flags, len(payload))
        self._put += 1
        self._leaving.append((flags, memoryview(head + payload), payload))
        self._waiting += len(head) + len(payload)
        self.flush()

    def flush(self) -> None:
        """Send what goes; raises PeerLost."""
        while self._leaving:
            flags, left, payload = self._leaving[0]
            try:
                sent = self.sock.send(left)
            except BlockingIOError:
                return
            except OSError as error:
                raise PeerLost(f"{self._name}: {error}") from error
            self._waiting -= sent
            if sent < len(left):
                self._leaving[0] = flags, left[sent:], payload
                return
            self._leaving.popleft()

    def unsent(self) -> list[tuple[int, bytes]]:
        """Return flags and payload of each frame that has not left whole."""
        return [(flags, payload) for flags, _, payload in self._leaving]

    def receive(self) -> tuple[list[Frame], bool]:
        """Return the frames that are here, and whether the peer is still there; raises TransportError."""
        frames: list[Frame] = []
        while True:
            try:
                chunk = self.sock.recv(CHUNK_BYTES)
            except BlockingIOError:
                return frames, True
            except OSError:
                return frames, False
            if not chunk:
                return frames, False
            self._inbox += chunk
            frames += self._whole()

    def close(self) -> None:
        """Close it."""
        self.sock.close()

    def _whole(self) -> list[Frame]:
        """Take the frames that are whole."""
        frames, begin = [], 0
        while len(self._inbox) - begin >= PREFIX.size:
            size = PREFIX.size + int(PREFIX.unpack_from(self._inbox, begin)[0])
            if not HEAD.size <= size <= FRAME_BYTES_MAX:
                raise TransportError(
                    f"{self._name}: announced {size:,} bytes, not {HEAD.size} to {FRAME_BYTES_MAX:,}"
                )
            if len(self._inbox) - begin < size:
                break
            frame = memoryview(bytes(self._inbox[begin : begin + size]))
            frames.append(decode_frame(frame, self.peer, self._taken, self._name))
            self._taken += 1
            begin += size
        del self._inbox[:begin]
        return frames
