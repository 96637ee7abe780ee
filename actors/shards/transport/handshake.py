"""The door: a peer that connects must prove that it knows the key before any frame is read from it."""

import hmac
import logging
import secrets
import selectors
import socket
import struct
import time
from collections.abc import Generator, Sequence
from typing import NamedTuple, cast

from .frames import PROTOCOL_VERSION, PeerLost
from .sockets import tuned

# How long an accepted connection may take to prove that it knows the key. Strangers do not hold up others, so this
# is long enough for a peer whose machine is busy with something else.
HANDSHAKE_S = 20.0

_HELLO = struct.pack("!4sH", b"MSTM", PROTOCOL_VERSION)
_CLAIM = struct.Struct("!I32s")  # shard, nonce
_PROOF_BYTES = 32  # HMAC-SHA256
_STRANGERS_KEPT = 20  # for an error to name; all are logged

log = logging.getLogger(__name__)


def shake_hands(sock: socket.socket, key: bytes, shard: int, awaited: range) -> Generator[None, None, int]:
    """Prove to the other end that we know the key, and have it proven; returns its shard, one of `awaited`.

    Each end sends a greeting (magic and version, shard, nonce), then an HMAC over its own greeting and the
    other's. The two shards differ, so a proof can't be echoed back to its maker. Yields when `sock` would
    block; ValueError says why the other end is refused.
    """
    mine = _HELLO + _CLAIM.pack(shard, secrets.token_bytes(32))
    sock.sendall(mine)
    hello = yield from _read(sock, len(_HELLO))
    if hello[:4] != _HELLO[:4]:
        raise ValueError("is no shard")
    if hello != _HELLO:
        raise ValueError(f"has protocol version {hello[4] << 8 | hello[5]}, not {PROTOCOL_VERSION}")
    theirs = hello + (yield from _read(sock, _CLAIM.size))
    other, _ = _CLAIM.unpack_from(theirs, len(_HELLO))
    if other not in awaited:
        raise ValueError(f"calls itself shard {other}, which is not awaited here")
    sock.sendall(hmac.digest(key, mine + theirs, "sha256"))
    proof = yield from _read(sock, _PROOF_BYTES)
    if not hmac.compare_digest(proof, hmac.digest(key, theirs + mine, "sha256")):
        raise ValueError(f"calls itself shard {other}, but does not know the key")
    return int(other)


def _read(sock: socket.socket, size: int) -> Generator[None, None, bytes]:
    """Exactly `size` bytes: not more, since the first frame may follow the handshake at once."""
    data = b""
    while len(data) < size:
        try:
            chunk = sock.recv(size - len(data))
        except BlockingIOError:
            yield
            continue
        if not chunk:
            raise ValueError("closed the connection in the handshake")
        data += chunk
    return data


class _Guest(NamedTuple):
    """A connection that has yet to prove itself."""

    sock: socket.socket
    name: str
    dialed: bool
    until_s: float
    handshake: Generator[None, None, int]


class Lobby:
    """Where connections, dialed and accepted, shake hands side by side: none waits for a silent stranger."""

    def __init__(self, shard: int, key: bytes, names: Sequence[str], strangers: list[str]) -> None:
        self.joined: dict[int, socket.socket] = {}
        self._shard = shard
        self._key = key
        self._names = names
        self._strangers = strangers
        self._selector = selectors.DefaultSelector()

    def meet(self, listeners: Sequence[socket.socket], deadline_s: float) -> None:
        """Return when every shard has joined."""
        for listener in listeners:
            self._selector.register(listener, selectors.EVENT_READ)
        while len(self.joined) < len(self._names) - 1:
            now_s = time.monotonic()
            if now_s >= deadline_s:
                raise PeerLost(self._who_is_missing())
            for guest in self._guests():
                if guest.until_s <= now_s:
                    self._refuse(guest, f"has not proven itself within {HANDSHAKE_S:g} s")
            next_s = min([deadline_s, *(guest.until_s for guest in self._guests())])
            for key, _ in self._selector.select(next_s - now_s):
                if key.data is None:
                    self._accept(cast(socket.socket, key.fileobj))
                else:
                    self._hear(key.data)
        for guest in self._guests():
            self._refuse(guest, "has not proven itself before the mesh was formed")

    def welcome(self, sock: socket.socket, name: str, dialed: int | None, until_s: float) -> None:
        """Start the handshake on a new connection."""
        sock.setblocking(False)
        awaited = range(self._shard + 1, len(self._names)) if dialed is None else range(dialed, dialed + 1)
        handshake = shake_hands(sock, self._key, self._shard, awaited)
        guest = _Guest(sock, name, dialed is not None, until_s, handshake)
        self._selector.register(sock, selectors.EVENT_READ, guest)
        self._hear(guest)

    def close(self) -> None:
        """Drop those who have not joined."""
        for guest in self._guests():
            guest.sock.close()
        self._selector.close()

    def _guests(self) -> list[_Guest]:
        return [key.data for key in self._selector.get_map().values() if key.data is not None]

    def _accept(self, listener: socket.socket) -> None:
        try:
            sock, address = listener.accept()
            tuned(sock)  # a Unix socket does not inherit from its listener
        except OSError:  # it has left, or we have no file to spare until some stranger's time is up
            return
        where = f"tcp {address[0]}:{address[1]}" if address else "the unix socket"
        self.welcome(sock, f"stranger at {where}", None, time.monotonic() + HANDSHAKE_S)

    def _hear(self, guest: _Guest) -> None:
        try:
            next(guest.handshake)
        except StopIteration as done:
            if done.value in self.joined:
                self._refuse(guest, f"is a second connection from shard {done.value}")
            else:
                self._selector.unregister(guest.sock)
                self.joined[done.value] = guest.sock
        except (OSError, ValueError) as reason:
            self._refuse(guest, str(reason))

    def _refuse(self, guest: _Guest, reason: str) -> None:
        """A stranger at the door is only remembered, but who was dialed must be the peer."""
        self._selector.unregister(guest.sock)
        guest.sock.close()
        if guest.dialed:
            raise PeerLost(f"{guest.name}: {reason}")
        log.warning("refused %s: %s", guest.name, reason)
        self._strangers.append(f"{guest.name}: {reason}")
        del self._strangers[:-_STRANGERS_KEPT]

    def _who_is_missing(self) -> str:
        missing = [name for shard, name in enumerate(self._names) if shard not in {self._shard, *self.joined}]
        return f"{', '.join(missing)}: missing; strangers refused: {'; '.join(self._strangers) or 'none'}"
