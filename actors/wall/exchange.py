"""A process's connections to the others: which one calls, which are admitted, and which are up.

Each process has a listener, a Unix socket; of two processes the one with the higher number calls, and keeps
calling until it is answered. A caller proves that it knows the run's key, as between shards
(transport/handshake.py).
"""

import selectors
import socket
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ..shards.transport.frames import Frame, PeerLost
from ..shards.transport.handshake import HANDSHAKE_S, log, shake_hands
from ..shards.transport.sockets import tuned
from .endpoint import Endpoint

CALL_AGAIN_S = 0.005


class _Guest(NamedTuple):
    """A connection that has yet to prove itself."""

    sock: socket.socket
    handshake: Generator[None, None, int]
    calls: int | None  # the process that this one has called
    until_s: float


class Lost(NamedTuple):
    """A closed connection: its peer, and the frames (flags, payload) that were not sent completely."""

    peer: int
    unsent: list[tuple[int, bytes]]


class Exchange:
    """One process's end of all its connections."""

    def __init__(self, node: int, peers: list[int], nodes: int, folder: str, key: bytes) -> None:
        self.node = node
        self.links: dict[int, Endpoint] = {}
        self.lost: list[Lost] = []  # since they were last looked at; so are those who have come
        self.joined: list[int] = []
        self._peers = peers
        self._key, self._folder = key, folder
        self._calls = [peer for peer in peers if peer < node]
        self._awaited = range(node + 1, nodes)
        self._listener: socket.socket | None = None
        self._guests: dict[int, _Guest] = {}  # by file number
        self._call_s = 0.0  # when to call next
        # That of `select` counts microseconds, where epoll's waits whole milliseconds; there are few connections.
        self._selector = selectors.SelectSelector()

    def meet(self, patience_s: float) -> None:
        """Open, and return when all others are there; raises PeerLost."""
        self.open()
        until_s = time.monotonic() + patience_s
        while missing := [peer for peer in self._peers if peer not in self.links]:
            if time.monotonic() > until_s:
                raise PeerLost(f"nodes {missing} have not come in {patience_s:g} s")
            self.wait(CALL_AGAIN_S)

    @property
    def is_open(self) -> bool:
        """Whether others may call."""
        return self._listener is not None

    def open(self) -> None:
        """Let others call."""
        if self._listener is None:
            path = self._path(self.node)
            path.unlink(missing_ok=True)  # that of a process that was killed
            self._listener = tuned(socket.socket(socket.AF_UNIX))
            self._listener.setblocking(False)
            self._listener.bind(str(path))
            self._listener.listen(socket.SOMAXCONN)
            self._selector.register(self._listener, selectors.EVENT_READ)

    def refuse(self, ended: range) -> None:
        """Stop accepting calls, and end the connections with these."""
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._path(self.node).unlink(missing_ok=True)
            self._listener = None
        for peer in [peer for peer in self.links if peer in ended]:
            self._drop(peer)

    def put(self, peer: int, flags: int, payload: bytes, reached: int) -> bool:
        """Send a frame, when events up to `reached` (ns) have been handled; return whether the peer is there."""
        link = self.links.get(peer)
        if link is None:
            return False
        with suppress(PeerLost):  # which shows when it is read from; what it had sent is still to be read
            link.put(flags, payload, reached)
        return True

    def wait(self, seconds: float) -> list[Frame]:
        """Wait for frames, up to a time limit; return those that have come."""
        self._call()
        self._mind_guests()
        frames: list[Frame] = []
        for peer, link in self.links.items():
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if link.is_waiting else 0)
            if self._selector.get_key(link.sock).events != events:
                self._selector.modify(link.sock, events, peer)
        for key, ready in self._selector.select(max(0.0, self._until_call(seconds))):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fd in self._guests:
                self._hear(self._guests[key.fd])
            else:
                frames += self._serve(key.data, ready)
        return frames

    def close(self) -> None:
        """End all connections."""
        self.refuse(range(0))
        for guest in list(self._guests.values()):
            self._dismiss(guest)
        for link in self.links.values():
            link.close()
        self.links = {}
        self._selector.close()

    def _path(self, node: int) -> Path:
        return Path(self._folder) / f"node-{node}"

    def _serve(self, peer: int, ready: int) -> list[Frame]:
        link = self.links[peer]
        if ready & selectors.EVENT_WRITE:
            with suppress(PeerLost):
                link.flush()
        frames, is_there = link.receive() if ready & selectors.EVENT_READ else ([], True)
        if not is_there:
            self._drop(peer)
        return frames

    def _drop(self, peer: int) -> None:
        link = self.links.pop(peer)
        self.lost.append(Lost(peer, link.unsent()))
        self._selector.unregister(link.sock)
        link.close()

    def _until_call(self, seconds: float) -> float:
        if all(peer in self.links for peer in self._calls):
            return seconds
        return min(seconds, self._call_s - time.monotonic())

    def _call(self) -> None:
        """Call those who are not there, if it is time to."""
        now_s = time.monotonic()
        if now_s < self._call_s:
            return
        self._call_s = now_s + CALL_AGAIN_S
        called = {guest.calls for guest in self._guests.values()}
        for peer in self._calls:
            if peer not in self.links and peer not in called:
                sock = tuned(socket.socket(socket.AF_UNIX))
                sock.setblocking(False)
                try:
                    sock.connect(str(self._path(peer)))
                except OSError:
                    sock.close()
                    continue
                self._welcome(sock, range(peer, peer + 1), peer)

    def _accept(self) -> None:
        assert self._listener is not None
        with suppress(OSError):
            sock, _ = self._listener.accept()
            sock.setblocking(False)
            self._welcome(tuned(sock), self._awaited, None)

    def _welcome(self, sock: socket.socket, awaited: range, calls: int | None) -> None:
        handshake = shake_hands(sock, self._key, self.node, awaited)
        guest = _Guest(sock, handshake, calls, time.monotonic() + HANDSHAKE_S)
        self._guests[sock.fileno()] = guest
        self._selector.register(sock, selectors.EVENT_READ)
        self._hear(guest)

    def _hear(self, guest: _Guest) -> None:
        try:
            next(guest.handshake)
        except StopIteration as done:
            peer: Any = done.value
            del self._guests[guest.sock.fileno()]
            if peer in self.links:  # it was killed, and is back before the end of the old one was seen
                self._drop(peer)
            self._selector.modify(guest.sock, selectors.EVENT_READ, peer)
            self.links[peer] = Endpoint(self.node, peer, guest.sock)
            self.joined.append(peer)
        except (OSError, ValueError) as reason:
            if guest.calls is None:
                log.warning("node %d refused a stranger: %s", self.node, reason)
            self._dismiss(guest)

    def _dismiss(self, guest: _Guest) -> None:
        del self._guests[guest.sock.fileno()]
        self._selector.unregister(guest.sock)
        guest.sock.close()

    def _mind_guests(self) -> None:
        for guest in [guest for guest in self._guests.values() if guest.until_s <= time.monotonic()]:
            self._dismiss(guest)
