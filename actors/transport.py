"""The sockets between shards: license messages travel in frames, and the exchange of frames is the barrier.

Every shard has one connection to every other one. At the end of a window each sends a frame to all and takes
one from all, so nobody enters the next window before everybody has finished this one.
"""

import hmac
import logging
import os
import secrets
import select
import selectors
import socket
import struct
import tempfile
import time
import uuid
from collections.abc import Generator, Sequence
from operator import index
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, TypedDict, cast

PROTOCOL_VERSION = 1
HANDSHAKE_S = 2.0  # how long a connection that was accepted may take to prove that it knows the key

_HELLO = struct.pack("!4sH", b"MSTM", PROTOCOL_VERSION)
_CLAIM = struct.Struct("!I32s")  # shard, nonce
_PROOF_BYTES = 32  # HMAC-SHA256
_PREFIX = struct.Struct("!I")  # length of the frame that follows

# All of a frame before its messages: the length of what follows, then msgpack, an array of six. Each field has its
# widest encoding, so that the head is a struct: numbers, each behind the byte that tells its type.
_HEAD = struct.Struct("!I" + "BB" + "BI" + "BQ" + "Bq" + "Bq" + "BI")
_ARRAY_OF_6, _UINT32, _UINT64, _INT64, _BYTES32 = 0x96, 0xCE, 0xCF, 0xD3, 0xC6
_TYPES = (_ARRAY_OF_6, _UINT32, _UINT64, _INT64, _INT64, _BYTES32)

# So long a shard looks again and again whether a frame has come before it sleeps until one has. Shards in one
# storm wait about a millisecond at a time (see PERFORMANCE.md).
_SPIN_S = 10e-3

_SOCKET_BYTES = 4 << 20  # asked of the kernel, which may give less
_STRANGERS_KEPT = 20  # for an error to name; all are logged
_INBOX_BYTES = 64 << 10
_INBOX_BYTES_KEPT = 16 << 20  # a larger inbox is given back after the frame that needed it

Family = Literal["auto", "unix", "tcp"]

log = logging.getLogger(__name__)


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


class Address(TypedDict):
    """Where a shard listens: a plain dictionary."""

    node: str  # shards on the same node talk over Unix sockets
    unix: str
    host: str
    port: int


def encode_head(source: int, window: int, next_event_ns: int, flags: int, size: int) -> bytes:
    """All of a frame before its `size` bytes of messages, which so need not be copied to be framed."""
    try:
        return _HEAD.pack(
            _HEAD.size - _PREFIX.size + size, _ARRAY_OF_6, PROTOCOL_VERSION, _UINT32, source, _UINT64, window,
            _INT64, next_event_ns, _INT64, flags, _BYTES32, size,
        )  # fmt: skip
    except struct.error:
        raise ValueError(f"next_event_ns and flags must fit into int64: {next_event_ns}, {flags}") from None


def decode_frame(frame: memoryview, source: int, window: int, peer: str) -> Frame:
    """The frame, its length included, if it is that of shard `source`, named `peer`, for `window`."""
    size = len(frame) - _HEAD.size
    fields = _HEAD.unpack_from(frame) if size >= 0 else (0,) * 13
    if fields[1::2] != _TYPES or fields[12] != size:
        raise TransportError(f"{peer}: sent {len(frame)} bytes that are no frame")
    if fields[2:7:2] != (PROTOCOL_VERSION, source, window):
        expected = (PROTOCOL_VERSION, source, window)
        raise TransportError(f"{peer}: sent (version, shard, window) {fields[2:7:2]}, not {expected}")
    return Frame(source, window, fields[8], fields[10], bytes(frame[_HEAD.size :]))


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


class _Lobby:
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
            _tuned(sock)  # a Unix socket does not inherit from its listener
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


class _Peer:
    """One connection of the mesh: what is still to go out on it, and what has come in."""

    def __init__(self, shard: int, name: str, sock: socket.socket, frame_bytes_max: int) -> None:
        self.shard = shard
        self.name = name
        self.sock = sock
        self._frame_bytes_max = frame_bytes_max
        self._outbox: list[bytes | memoryview] = []
        self._inbox = memoryview(bytearray(_INBOX_BYTES))
        self._filled = 0

    def start(self, numbers: tuple[int, int, int, int], messages: memoryview) -> None:
        """Send this window's frame, or the beginning of it."""
        size = messages.nbytes
        if size + _HEAD.size > self._frame_bytes_max:
            raise TransportError(f"{self.name}: {size:,} bytes for it, over {self._frame_bytes_max:,}")
        head = encode_head(*numbers, size)
        self._outbox = [head, messages.cast("B")] if size else [head]
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
        frame = decode_frame(self._inbox[:end], self.shard, window, self.name)
        if end == self._filled and len(self._inbox) == _INBOX_BYTES:
            self._filled = 0
            return frame
        ahead = bytes(self._inbox[end : self._filled])  # the peer may be in the next window already
        if len(self._inbox) > _INBOX_BYTES_KEPT:  # then it was made to measure, and nothing is ahead
            self._inbox = memoryview(bytearray(_INBOX_BYTES))
        self._inbox[: len(ahead)] = ahead
        self._filled = len(ahead)
        return frame

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
        return _PREFIX.size + int(_PREFIX.unpack_from(self._inbox)[0])

    def _is_whole(self) -> bool:
        """Whether a frame is here; makes room for it as soon as its length is known."""
        if self._filled < _PREFIX.size:
            return False
        end = self._end()
        if end - _PREFIX.size > self._frame_bytes_max:
            raise TransportError(f"{self.name}: announced {end:,} bytes, over {self._frame_bytes_max:,}")
        if end > len(self._inbox):
            inbox = memoryview(bytearray(max(end, min(2 * len(self._inbox), _INBOX_BYTES_KEPT))))
            inbox[: self._filled] = self._inbox[: self._filled]
            self._inbox = inbox
        return self._filled >= end


class Mesh:
    """One shard's end of the mesh. For one thread at a time; any error closes it for good.

    When a shard fails, its peers close in turn: the peer that an error names is the first one noticed.
    """

    def __init__(
        self, shard: int, shards: int, key: bytes, timeout_s: float = 60.0, frame_bytes_max: int = 256 << 20
    ) -> None:
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
        self._frame_bytes_max = frame_bytes_max
        self._listeners: list[socket.socket] = []
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._peers: list[_Peer] | None = None
        self._node = ""

    def listen(self, *, host: str = "127.0.0.1", node: str = "") -> Address:
        """Open a Unix socket, and a TCP socket at `host` (an address that the other nodes can reach).

        `node` tells this node from others; by default it is the machine.
        """
        if self._listeners or self._peers is not None:
            raise RuntimeError(f"listen comes once (shard {self.shard})")
        # A Unix path may have 104 bytes on some systems, and a temporary directory may be deep (pytest, Ray).
        base = tempfile.gettempdir() if len(tempfile.gettempdir()) < 60 else "/tmp"
        self._directory = tempfile.TemporaryDirectory(prefix="meterstorm-", dir=base)  # mode 0700
        path = f"{self._directory.name}/shard-{self.shard}"
        try:
            self._listen(socket.AF_UNIX, path)
            port = self._listen(_tcp_family(host), (host, 0)).getsockname()[1]
        except OSError as error:
            self.close()
            raise TransportError(f"shard {self.shard} ({host}, {path}): cannot listen: {error}") from error
        self._node = node or _machine()
        return Address(node=self._node, unix=path, host=host, port=port)

    def connect(self, addresses: Sequence[Address], *, family: Family = "auto") -> None:
        """Connect to every shard, given the addresses of all in order; of two, the higher one dials."""
        if len(addresses) != self.shards:
            raise ValueError(f"connect needs the addresses of {self.shards} shards: {len(addresses)}")
        if self._peers is not None or not self._listeners:
            raise RuntimeError(f"connect comes once, after listen (shard {self.shard})")
        deadline_s = time.monotonic() + self._timeout_s
        names = [f"shard {j} ({a['host']}:{a['port']}, {a['unix']})" for j, a in enumerate(addresses)]
        lobby = _Lobby(self.shard, self._key, names, self.strangers)
        try:
            for shard in range(self.shard):
                here = addresses[shard]["node"] == self._node
                sock = _dial(addresses[shard], names[shard], family, here, deadline_s)
                lobby.welcome(sock, names[shard], shard, deadline_s)
            lobby.meet(self._listeners, deadline_s)
        except BaseException:
            for sock in lobby.joined.values():
                sock.close()
            raise
        finally:
            lobby.close()
            self.close()  # nobody else may come
        joined = sorted(lobby.joined.items())
        self._peers = [_Peer(shard, names[shard], sock, self._frame_bytes_max) for shard, sock in joined]

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
        listener = _tuned(socket.socket(family))
        self._listeners.append(listener)
        listener.setblocking(False)
        listener.bind(address)
        listener.listen(socket.SOMAXCONN)
        return listener

    def _wait(self, window: int) -> None:
        """Serve the peers that are ready, in either direction, until this window's frames are all through.

        A peer that is through is not watched any more: after the last window it may well have closed.
        """
        began_s = time.monotonic()
        deadline_s, spin_until_s = began_s + self._timeout_s, began_s + _SPIN_S
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
                raise PeerLost(f"{names}: not through with window {window} in {self._timeout_s:g} s")
            for peer, wants in pending:
                if peer.sock.fileno() in ready:
                    peer.advance(wants)


def _tuned(sock: socket.socket) -> socket.socket:
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):  # before it connects, or TCP can't scale its window
        sock.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BYTES)
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _dial(address: Address, name: str, family: Family, here: bool, deadline_s: float) -> socket.socket:
    """A connection to a listening shard; "auto" tries TCP too: containers may share a node, but no files."""
    targets: list[tuple[socket.AddressFamily, Any]] = []
    if family == "unix" or (family == "auto" and here):
        targets.append((socket.AF_UNIX, address["unix"]))
    if family != "unix":
        targets.append((_tcp_family(address["host"]), (address["host"], address["port"])))
    reasons = []
    for target_family, target in targets:
        sock = _tuned(socket.socket(target_family))
        sock.settimeout(max(0.001, deadline_s - time.monotonic()))
        try:
            sock.connect(target)
        except OSError as error:
            sock.close()
            reasons.append(str(error))
        else:
            return sock
    raise PeerLost(f"{name}: cannot connect: {'; '.join(reasons)}")


def _tcp_family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _machine() -> str:
    """What tells this machine, as booted now, from others."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = f"{uuid.getnode():x}"
    return f"{socket.gethostname()} {boot}"
