"""The sockets between shards: license messages travel in frames, and the exchange of frames is the barrier.

Every shard has one connection to every other one. At the end of a window each sends a frame to all and takes
one from all, so none enters the next window before all have finished this one.
"""

import os
import select
import socket
import tempfile
import time
from collections.abc import Sequence
from operator import index
from typing import Any, Self

from .codes import Codes, codes_of, leaves_machine
from .frames import Frame, PeerLost, TransportError
from .handshake import Lobby
from .peer import Peer
from .sockets import Address, Family, dial, machine, place_for_sockets, tcp_family, tuned

# How long a shard polls for a frame before it sleeps until one comes. Shards in one storm wait about a millisecond
# at a time (see engine/PERFORMANCE.md).
_SPIN_S = 10e-3
HUNG_UP = getattr(select, "POLLRDHUP", 0)  # Linux tells it though there is something left to read; else when not


class Mesh:
    """One shard's end of the mesh. For one thread at a time; any error closes it for good.

    When a shard fails, its peers close in turn: the peer that an error names is the first one noticed.
    """

    def __init__(
        self,
        shard: int,
        shards: int,
        key: bytes,
        timeout_s: float = 60.0,
        frame_bytes_max: int = 256 << 20,
        silence_s: float | None = None,
    ) -> None:
        """Take part in a mesh whose shards all know the key.

        `timeout_s` is how long the others may take to join, `silence_s` how long a peer that is there may take for
        a frame (None: as long). One that has ended is noticed at once, and a machine that is gone by TCP.
        """
        if not 0 <= shard < shards:
            raise ValueError(f"shard must be in [0, {shards}): {shard}")
        if not key:
            raise ValueError("key must not be empty")
        if not 0 < frame_bytes_max < 2**32:
            raise ValueError(f"frame_bytes_max must be in (0, 2**32): {frame_bytes_max}")
        self.shard = shard
        self.shards = shards
        self.waiting_s = 0.0  # wall time spent blocked on peers in exchanges
        self.strangers: list[str] = []  # who was refused while the mesh was formed, and why
        self._key = key
        self._timeout_s = timeout_s
        self._silence_s = silence_s
        self._frame_bytes_max = frame_bytes_max
        self._listeners: list[socket.socket] = []
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._peers: list[Peer] | None = None
        self._node = ""

    def listen(self, *, host: str = "127.0.0.1", node: str = "", folder: str | None = None) -> Address:
        """Open a Unix socket, and a TCP socket at `host` (an address that the other nodes can reach).

        `node` tells this node from others; by default it is the machine. `folder`, if there is one, is where the
        Unix socket goes; its creator removes it, even when this process is killed.
        """
        if self._listeners or self._peers is not None:
            raise RuntimeError(f"listen comes once (shard {self.shard})")
        prefix = "meterstorm-" if folder is None else "s-"
        self._directory = tempfile.TemporaryDirectory(
            prefix=prefix, dir=folder or place_for_sockets()
        )  # mode 0700
        path = f"{self._directory.name}/shard-{self.shard}"
        try:
            self._listen(socket.AF_UNIX, path)
            port = self._listen(tcp_family(host), (host, 0)).getsockname()[1]
        except OSError as error:
            self.close()
            raise TransportError(f"shard {self.shard} ({host}, {path}): cannot listen: {error}") from error
        self._node = node or machine()
        return Address(node=self._node, unix=path, host=host, port=port)

    def connect(self, addresses: Sequence[Address], *, family: Family = "auto") -> None:
        """Connect to every shard, given the addresses of all in order; of two, the higher one dials."""
        if len(addresses) != self.shards:
            raise ValueError(f"connect needs the addresses of {self.shards} shards: {len(addresses)}")
        if self._peers is not None or not self._listeners:
            raise RuntimeError(f"connect comes once, after listen (shard {self.shard})")
        deadline_s = time.monotonic() + self._timeout_s
        names = [f"shard {j} ({a['host']}:{a['port']}, {a['unix']})" for j, a in enumerate(addresses)]
        lobby = Lobby(self.shard, self._key, names, self.strangers)
        try:
            for shard in range(self.shard):
                here = addresses[shard]["node"] == self._node
                sock = dial(addresses[shard], names[shard], family, here, deadline_s)
                lobby.welcome(sock, names[shard], shard, deadline_s)
            lobby.meet(self._listeners, deadline_s)
        except BaseException:
            for sock in lobby.joined.values():
                sock.close()
            raise
        finally:
            lobby.close()
            self.close()  # no one else may connect
        joined = sorted(lobby.joined.items())
        self._peers = [
            Peer(shard, names[shard], sock, self._frame_bytes_max, self._codes(sock, shard, addresses))
            for shard, sock in joined
        ]

    def _codes(self, sock: socket.socket, peer: int, addresses: Sequence[Address]) -> Codes | None:
        """Return the keys for frames to and from a peer, alike at both ends; None: they stay on this machine."""
        hosts = [addresses[shard]["host"] for shard in (self.shard, peer)]
        is_heard = sock.family != socket.AF_UNIX and leaves_machine(*hosts)
        return codes_of(self._key, self.shard, peer) if is_heard else None

    def name(self, shard: int) -> str:
        """What errors call a peer: its shard and address."""
        return next(peer.name for peer in self._peers or () if peer.shard == shard)

    def exchange(
        self, window: int, next_event_ns: int, flags: int, messages: Sequence[bytes | memoryview]
    ) -> list[Frame]:
        """Send `messages[j]` to every other shard j, and return a frame from each, in order of shards.

        A view must be contiguous, and of bytes or plain numbers.
        """
        if self._peers is None:
            raise RuntimeError(f"the mesh of shard {self.shard} is not connected")
        if len(messages) != self.shards:
            raise ValueError(f"exchange needs messages for {self.shards} shards: {len(messages)}")
        numbers = (self.shard, index(window), index(next_event_ns), index(flags))  # numpy's are welcome
        try:
            for peer in self._peers:
                peer.start(numbers, memoryview(messages[peer.shard]))
            self._wait(window)
            return [peer.take(window) for peer in self._peers]
        except BaseException:  # an interrupt too: half a frame may be under way, and can't be taken back
            self.close()
            raise

    def has_lost_peer(self) -> bool:
        """Whether a peer has closed its connection, or this shard the mesh; another thread may ask for it."""
        poll = select.poll()
        try:
            for peer in self._peers or ():
                poll.register(peer.sock, HUNG_UP)
            return self._peers is None or bool(poll.poll(0))
        except (OSError, ValueError):  # it is being closed
            return True

    def close(self) -> None:
        """Close every socket and remove the socket file; may be called again."""
        for sock in [*self._listeners, *(peer.sock for peer in self._peers or ())]:
            sock.close()
        if self._directory is not None:
            self._directory.cleanup()
        self._listeners, self._directory, self._peers = [], None, None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self, family: socket.AddressFamily, address: Any) -> socket.socket:
        listener = tuned(socket.socket(family))
        self._listeners.append(listener)
        listener.setblocking(False)
        listener.bind(address)
        listener.listen(socket.SOMAXCONN)
        return listener

    def _wait(self, window: int) -> None:
        """Serve the peers that are ready, in either direction, until this window's frames are all through.

        A peer that is through is no longer watched: after the last window it may well have closed.
        """
        began_s = time.monotonic()
        silence_s = self._timeout_s if self._silence_s is None else self._silence_s
        deadline_s, spin_until_s = began_s + silence_s, began_s + _SPIN_S
        while pending := [(peer, wants) for peer in self._peers or () if (wants := peer.wants())]:
            before_s = time.monotonic()
            if before_s < spin_until_s:
                os.sched_yield()  # where shards share a core, to those that it waits for
                for peer, wants in pending:
                    peer.advance(wants)
                self.waiting_s += time.monotonic() - before_s
                continue
            poll = select.poll()
            for peer, wants in pending:
                poll.register(peer.sock, wants)
            ready = {fd for fd, _ in poll.poll(max(0.0, deadline_s - before_s) * 1000)}
            self.waiting_s += time.monotonic() - before_s
            if not ready:
                names = ", ".join(peer.name for peer, _ in pending)
                raise PeerLost(f"{names}: not through with window {window} in {silence_s:g} s")
            for peer, wants in pending:
                if peer.sock.fileno() in ready:
                    peer.advance(wants)
