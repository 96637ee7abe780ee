"""One connection of the mesh."""

import hmac
import select
import socket

from .codes import CODE_BYTES, Codes, code
from .frames import HEAD, PREFIX, Frame, PeerLost, TransportError, decode_frame, encode_head

_INBOX_BYTES = 64 << 10
_INBOX_BYTES_KEPT = 16 << 20  # a larger inbox is given back after the frame that needed it


class Peer:
    """What is still to go out on a connection, and what has come in."""

    def __init__(
        self, shard: int, name: str, sock: socket.socket, frame_bytes_max: int, codes: Codes | None = None
    ) -> None:
        """With `codes` each frame has one behind it."""
        self.shard = shard
        self.name = name
        self.sock = sock
        self._frame_bytes_max = frame_bytes_max
        self._codes = codes
        self._code_bytes = CODE_BYTES if codes else 0
        self._outbox: list[bytes | memoryview] = []
        self._inbox = memoryview(bytearray(_INBOX_BYTES))
        self._filled = 0

    def start(self, numbers: tuple[int, int, int, int], messages: memoryview) -> None:
        """Send this window's frame, or the beginning of it."""
        size = messages.nbytes
        if size + HEAD.size > self._frame_bytes_max:
            raise TransportError(f"{self.name}: {size:,} bytes for it, over {self._frame_bytes_max:,}")
        head = encode_head(*numbers, size)
        self._outbox = [head, messages.cast("B")] if size else [head]
        if self._codes:
            self._outbox.append(code(self._codes.outgoing, self._outbox))
        self._send()

    def wants(self) -> int:
        """What to poll for until this window's frames are through both ways; 0 then."""
        return (select.POLLOUT if self._outbox else 0) | (0 if self._is_whole() else select.POLLIN)

    def advance(self, wants: int) -> None:
        """Send and receive what is possible now."""
        if wants & select.POLLOUT:
            self._send()
        if wants & select.POLLIN:
            self._receive()

    def take(self, window: int) -> Frame:
        """The frame that is here."""
        end = self._end()
        if self._codes:
            self._check(self._codes.incoming, self._inbox[:end])
        frame = decode_frame(self._inbox[: end - self._code_bytes], self.shard, window, self.name)
        if end == self._filled and len(self._inbox) == _INBOX_BYTES:
            self._filled = 0
            return frame
        ahead = bytes(self._inbox[end : self._filled])  # the peer may be in the next window already
        if len(self._inbox) > _INBOX_BYTES_KEPT:  # then it was made to measure, and nothing is ahead
            self._inbox = memoryview(bytearray(_INBOX_BYTES))
        self._inbox[: len(ahead)] = ahead
        self._filled = len(ahead)
        return frame

    def _check(self, key: bytes, sealed: memoryview) -> None:
        if not hmac.compare_digest(sealed[-CODE_BYTES:], code(key, [sealed[:-CODE_BYTES]])):
            raise TransportError(f"{self.name}: sent a frame whose authentication code is wrong")

    def _send(self) -> None:
        try:
            sent = self.sock.sendmsg(self._outbox)
        except BlockingIOError:
            return
        except OSError as error:
            raise PeerLost(f"{self.name}: {error}") from error
        while self._outbox and sent >= len(self._outbox[0]):
            sent -= len(self._outbox.pop(0))
        if self._outbox:
            self._outbox[0] = memoryview(self._outbox[0])[sent:]

    def _receive(self) -> None:
        try:
            count = self.sock.recv_into(self._inbox[self._filled :])
        except BlockingIOError:
            return
        except OSError as error:
            raise PeerLost(f"{self.name}: {error}") from error
        if not count:
            raise PeerLost(f"{self.name}: closed the connection")
        self._filled += count

    def _end(self) -> int:
        return PREFIX.size + int(PREFIX.unpack_from(self._inbox)[0]) + self._code_bytes

    def _is_whole(self) -> bool:
        """Whether a frame is here; makes room for it as soon as its length is known."""
        if self._filled < PREFIX.size:
            return False
        end = self._end()
        if end - PREFIX.size - self._code_bytes > self._frame_bytes_max:
            raise TransportError(f"{self.name}: announced {end:,} bytes, over {self._frame_bytes_max:,}")
        if end > len(self._inbox):
            inbox = memoryview(bytearray(max(end, min(2 * len(self._inbox), _INBOX_BYTES_KEPT))))
            inbox[: self._filled] = self._inbox[: self._filled]
            self._inbox = inbox
        return self._filled >= end
