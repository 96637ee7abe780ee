"""The mesh between shards: what is sent arrives, and anything else is an error that names the peer."""

import contextlib
import multiprocessing
import os
import pickle
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterstorm.actors import transport
from meterstorm.actors.transport import (
    PROTOCOL_VERSION,
    Address,
    Family,
    Frame,
    Mesh,
    TransportError,
    decode_frame,
    encode_head,
    shake_hands,
)

KEY = b"a key that the shards share"
TIMEOUT_S = 20.0  # nothing here takes so long; it only keeps a broken mesh from hanging
FAMILIES: list[Family] = ["unix", "tcp"]


def in_threads(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """What the jobs return, run side by side; raises what any of them raises."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        futures = [pool.submit(job) for job in jobs]
        return [future.result(2 * TIMEOUT_S) for future in futures]


@contextmanager
def mesh_of(shards: int, family: Family = "auto", **options: Any) -> Iterator[list[Mesh]]:
    """Connected meshes, one a shard."""
    with ExitStack() as stack:
        options = {"timeout_s": TIMEOUT_S, **options}
        meshes = [stack.enter_context(Mesh(j, shards, KEY, **options)) for j in range(shards)]
        addresses = [mesh.listen() for mesh in meshes]
        in_threads([partial(mesh.connect, addresses, family=family) for mesh in meshes])
        yield meshes


def exchange_all(meshes: list[Mesh], window: int, messages: list[list[bytes]]) -> list[list[Frame]]:
    return in_threads(
        [partial(mesh.exchange, window, 1000 + j, j % 2, messages[j]) for j, mesh in enumerate(meshes)]
    )


def dial(address: Address, family: Family) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX if family == "unix" else socket.AF_INET)
    sock.settimeout(TIMEOUT_S)
    sock.connect(address["unix"] if family == "unix" else (address["host"], address["port"]))
    return sock


def shake(sock: socket.socket, shard: int, awaited: int = 0, key: bytes = KEY) -> None:
    """The module's own handshake, on a blocking socket."""
    for _ in shake_hands(sock, key, shard, range(awaited, awaited + 1)):
        raise AssertionError("a blocking socket never has to wait")


@contextmanager
def mesh_with_impostor(family: Family = "unix", **options: Any) -> Iterator[tuple[Mesh, socket.socket]]:
    """Shard 0 of two, and the socket of a shard 1 that has shaken hands and may now send what it likes."""
    with Mesh(0, 2, KEY, **{"timeout_s": TIMEOUT_S, **options}) as mesh:
        addresses = [mesh.listen(), Address(node="nowhere", unix="/nowhere", host="127.0.0.1", port=1)]
        with dial(addresses[0], family) as sock:
            in_threads([lambda: mesh.connect(addresses), lambda: shake(sock, shard=1)])
            yield mesh, sock


def socket_of(mesh: Mesh) -> socket.socket:
    """The socket to the first peer."""
    assert mesh._peers
    return mesh._peers[0].sock


# msgpack's widest type, and its format, of each field's integer.
WIDEST = {1: (0xCE, "!BI"), 2: (0xCF, "!BQ"), 3: (0xD3, "!Bq"), 4: (0xD3, "!Bq")}


def packed(place: int, value: Any) -> bytes:
    """A field of a frame in msgpack, in its widest encoding if it can be what belongs there."""
    if type(value) is bytes and place == 5:
        return struct.pack("!BI", 0xC6, len(value)) + value
    if type(value) is int and place in WIDEST:
        with contextlib.suppress(struct.error):
            return struct.pack(WIDEST[place][1], WIDEST[place][0], value)
    return bytes(msgpack.packb(value))


def frame_bytes(*fields: Any) -> bytes:
    body = bytes([0x90 + len(fields)]) + b"".join(map(packed, range(len(fields)), fields))
    return struct.pack("!I", len(body)) + body


# What is sent arrives.


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shards", [2, 3, 5])
def test_every_shard_gets_what_every_other_one_sent_in_order_of_shards(shards: int, family: Family) -> None:
    with mesh_of(shards, family) as meshes:
        for window in range(20):
            messages = [
                [f"{window}: {i} to {j} ".encode() * (i + j) for j in range(shards)] for i in range(shards)
            ]
            for j, frames in enumerate(exchange_all(meshes, window, messages)):
                assert frames == [
                    Frame(i, window, 1000 + i, i % 2, messages[i][j]) for i in range(shards) if i != j
                ]


def test_a_fast_shard_may_be_a_window_ahead_and_leave_after_the_last_one() -> None:
    """Shard 0 closes with shard 2's last frame still awaited by shard 1: that is no error."""
    windows = 300
    with mesh_of(3) as meshes:

        def run(mesh: Mesh) -> list[bytes]:
            received = []
            for window in range(windows):
                size = (window * 37 + mesh.shard * 911) % 100_000
                received += [frame.messages for frame in mesh.exchange(window, 0, 0, [bytes(size)] * 3)]
            mesh.close()
            return received

        for mesh, received in zip(meshes, in_threads([partial(run, mesh) for mesh in meshes]), strict=True):
            others = [j for j in range(3) if j != mesh.shard]
            sizes = [(window * 37 + j * 911) % 100_000 for window in range(windows) for j in others]
            assert [len(messages) for messages in received] == sizes


@pytest.mark.parametrize("family", FAMILIES)
def test_frames_larger_than_any_buffer_cross_without_deadlock(family: Family) -> None:
    one, two = os.urandom(8 << 20), os.urandom(8 << 20)
    with mesh_of(2, family) as meshes:
        for window in range(2):
            to_one, to_two = exchange_all(meshes, window, [[b"", one], [two, b""]])
            assert (to_one[0].messages, to_two[0].messages) == (two, one)


def test_a_frame_of_50_megabytes_crosses_and_its_buffer_is_given_back() -> None:
    with mesh_of(2) as meshes:
        to_one, to_two = exchange_all(meshes, 0, [[b"", bytes(50_000_000)], [b"small", b""]])
        assert to_one[0].messages == b"small"
        assert len(to_two[0].messages) == 50_000_000
        assert meshes[1]._peers
        assert len(meshes[1]._peers[0]._inbox) < 1 << 20
        assert [f.messages for (f,) in exchange_all(meshes, 1, [[b"", b"x"], [b"y", b""]])] == [b"y", b"x"]


def test_views_and_numpy_numbers_are_taken() -> None:
    np = pytest.importorskip("numpy")
    rows = np.arange(12, dtype=np.int64).reshape(3, 4)
    with mesh_of(2) as meshes:
        sent, _ = in_threads(
            [
                lambda: meshes[0].exchange(np.int64(0), np.int64(-5), np.uint8(1), [b"", rows.data]),
                lambda: meshes[1].exchange(0, 2**63 - 1, 0, [memoryview(b""), b""]),
            ]
        )[::-1]
        assert sent == [Frame(0, 0, -5, 1, rows.tobytes())]


def test_a_single_shard_has_nobody_to_wait_for() -> None:
    with mesh_of(1) as (mesh,):
        assert mesh.exchange(0, 0, 0, [b"to itself"]) == []


def test_waiting_time_is_counted() -> None:
    with mesh_of(2) as meshes:
        exchange_all(meshes, 0, [[b"", b""], [b"", b""]])
        assert 0 < meshes[0].waiting_s + meshes[1].waiting_s < 2 * TIMEOUT_S


def test_addresses_are_plain_and_the_socket_is_private() -> None:
    with Mesh(0, 2, KEY) as mesh:
        address = mesh.listen()
        assert pickle.loads(pickle.dumps(address)) == address
        assert type(address) is dict
        assert Path(address["unix"]).parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("same_node", [True, False])
def test_same_node_means_unix_and_another_one_tcp(same_node: bool) -> None:
    with Mesh(0, 2, KEY, TIMEOUT_S) as one, Mesh(1, 2, KEY, TIMEOUT_S) as two:
        addresses = [one.listen(), two.listen()]
        if not same_node:
            addresses[0]["node"] = "another machine"
        in_threads([lambda: one.connect(addresses), lambda: two.connect(addresses)])
        for sock in (socket_of(one), socket_of(two)):
            assert sock.family == (socket.AF_UNIX if same_node else socket.AF_INET)
            assert same_node or sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_same_node_without_a_common_file_system_falls_back_to_tcp() -> None:
    with Mesh(0, 2, KEY, TIMEOUT_S) as one, Mesh(1, 2, KEY, TIMEOUT_S) as two:
        addresses = [one.listen(), two.listen()]
        addresses[0]["unix"] = "/no/such/socket"
        in_threads([lambda: one.connect(addresses), lambda: two.connect(addresses)])
        assert socket_of(two).family == socket.AF_INET


# Processes.


def shard_process(shard: int, shards: int, work: Callable[[Mesh], Any], pipe: Connection) -> None:
    """Join a mesh, and tell what the work returns, or the error."""
    with Mesh(shard, shards, KEY, TIMEOUT_S) as mesh:
        pipe.send(mesh.listen())
        mesh.connect(pipe.recv())
        try:
            pipe.send(work(mesh))
        except TransportError as error:
            pipe.send(str(error))


def last_messages(mesh: Mesh, dies_at: int = -1) -> list[bytes]:
    """Run 50 windows and return what the last brought; shard 1 dies at a given window."""
    for window in range(50):
        if mesh.shard == 1 and window == dies_at:
            os._exit(9)
        frames = mesh.exchange(window, window, 0, [bytes([mesh.shard])] * mesh.shards)
    return [frame.messages for frame in frames]


def cpu_s_on_one_core(mesh: Mesh, windows: int) -> float:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    began_s = time.process_time()
    for window in range(windows):
        mesh.exchange(window, 0, 0, [b""] * mesh.shards)
    return time.process_time() - began_s


def run_processes(shards: int, work: Callable[[Mesh], Any], survivors: int) -> list[Any]:
    """What the first shards return that live to tell."""
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(shards)]
    processes = [context.Process(target=shard_process, args=(j, shards, work, pipes[j][1])) for j in range(shards)]
    try:
        for process, (_, theirs) in zip(processes, pipes, strict=True):
            process.start()
            theirs.close()
        addresses = [ours.recv() for ours, _ in pipes]
        for ours, _ in pipes:
            ours.send(addresses)
        return [ours.recv() for ours, _ in pipes[:survivors]]
    finally:
        for process in processes:
            process.join(TIMEOUT_S)
            process.kill()


def test_shards_in_processes_of_their_own() -> None:
    assert run_processes(3, last_messages, 3) == [[b"\1", b"\2"], [b"\0", b"\2"], [b"\0", b"\1"]]


def test_a_killed_process_is_named_at_once() -> None:
    (survivor,) = run_processes(2, partial(last_messages, dies_at=30), 1)
    assert survivor.startswith("shard 1 (127.0.0.1:")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not bind processes to cores")
def test_shards_on_one_core_leave_it_to_each_other_while_they_wait() -> None:
    windows = 500
    assert sum(run_processes(2, partial(cpu_s_on_one_core, windows=windows), 2)) < windows * 1e-3


# Strangers are refused, and the mesh still forms.


def silent(sock: socket.socket) -> None:
    pass


def garbage(sock: socket.socket) -> None:
    sock.sendall(b"GET / HTTP/1.1\r\n\r\n")


def half_a_greeting(sock: socket.socket) -> None:
    sock.sendall(b"MSTM" + struct.pack("!H", PROTOCOL_VERSION) + b"\0\0")


def immediate_close(sock: socket.socket) -> None:
    sock.close()


def other_version(sock: socket.socket) -> None:
    sock.sendall(b"MSTM" + struct.pack("!HI32s", PROTOCOL_VERSION + 1, 1, bytes(32)))


def greeting(shard: int) -> Callable[[socket.socket], None]:
    return lambda sock: sock.sendall(
        b"MSTM" + struct.pack("!HI32s", PROTOCOL_VERSION, shard, bytes(32)) + bytes(32)
    )


STRANGERS = {
    "silent": (silent, "has not proven itself"),
    "garbage": (garbage, "is no shard"),
    "half a greeting": (half_a_greeting, "has not proven itself"),
    "immediate close": (immediate_close, ""),  # closed, broken pipe or reset: as the system sees it
    "other version": (other_version, f"has protocol version {PROTOCOL_VERSION + 1}, not {PROTOCOL_VERSION}"),
    "no key": (greeting(1), "calls itself shard 1, but does not know the key"),
    "impossible shard": (greeting(7), "calls itself shard 7, which is not awaited here"),
    "echo of the own shard": (greeting(0), "calls itself shard 0, which is not awaited here"),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", STRANGERS)
def test_strangers_are_refused_and_named_while_the_peers_connect(
    kind: str, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for the strangers: their time is longer than the time that the peers may take."""
    monkeypatch.setattr(transport, "HANDSHAKE_S", 10 * TIMEOUT_S)
    act, reason = STRANGERS[kind]
    with ExitStack() as stack:
        meshes = [stack.enter_context(Mesh(j, 2, KEY, TIMEOUT_S)) for j in range(2)]
        addresses = [mesh.listen() for mesh in meshes]
        names = []
        for _ in range(3):
            stranger = stack.enter_context(dial(addresses[0], family))
            host_port = stranger.getsockname()
            names.append(
                f"stranger at tcp {host_port[0]}:{host_port[1]}" if host_port else "stranger at the unix socket"
            )
            act(stranger)
        in_threads([partial(mesh.connect, addresses, family=family) for mesh in meshes])
        exchange_all(meshes, 0, [[b"", b""], [b"", b""]])
        assert sorted(said.split(": ")[0] for said in meshes[0].strangers) == sorted(names)
        assert all(reason in said for said in meshes[0].strangers)


@pytest.mark.parametrize("trickles", [False, True])
def test_a_stranger_is_dropped_when_its_time_is_up(trickles: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer comes only after the stranger has been turned away, whether that was silent or very slow."""
    monkeypatch.setattr(transport, "HANDSHAKE_S", 0.5)
    with Mesh(0, 2, KEY, TIMEOUT_S) as one, Mesh(1, 2, KEY, TIMEOUT_S) as two:
        addresses = [one.listen(), two.listen()]

        def stranger_then_peer() -> None:
            with dial(addresses[0], "unix") as stranger:
                pace = threading.Event()
                try:
                    for byte in b"MSTM" + bytes(1000) if trickles else b"":
                        stranger.send(bytes([byte]))
                        pace.wait(0.05)  # the trickle's pace; nothing depends on it
                    while stranger.recv(4096):
                        pass
                except OSError:  # dropped in the middle of a byte
                    pass
            two.connect(addresses)

        in_threads([lambda: one.connect(addresses), stranger_then_peer])
        assert [said.startswith("stranger at the unix socket: ") for said in one.strangers] == [True]


def test_after_the_mesh_is_formed_nobody_can_connect() -> None:
    with Mesh(0, 2, KEY, TIMEOUT_S) as one, Mesh(1, 2, KEY, TIMEOUT_S) as two:
        addresses = [one.listen(), two.listen()]
        in_threads([lambda: one.connect(addresses), lambda: two.connect(addresses)])
        for address in addresses:
            assert not Path(address["unix"]).parent.exists()
            with socket.socket() as late, pytest.raises(ConnectionRefusedError):
                late.connect((address["host"], address["port"]))


def test_a_peer_with_another_key_is_refused_by_both_sides() -> None:
    with Mesh(0, 2, KEY, timeout_s=1.0) as one, Mesh(1, 2, b"another key", TIMEOUT_S) as two:
        addresses = [one.listen(), two.listen()]
        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(mesh.connect, addresses) for mesh in (one, two)]
            errors = [str(future.exception(2 * TIMEOUT_S)) for future in futures]
    assert errors[1].startswith("shard 0 (127.0.0.1:")
    assert "does not know the key" in errors[1]
    assert errors[0].startswith("shard 1 (127.0.0.1:")
    assert "calls itself shard 1, but does not know the key" in errors[0]


def test_a_second_connection_from_the_same_shard_is_refused() -> None:
    with ExitStack() as stack:
        mesh = stack.enter_context(Mesh(0, 3, KEY, TIMEOUT_S))
        addresses = [mesh.listen()] * 3
        first, second, other = [stack.enter_context(dial(addresses[0], "unix")) for _ in range(3)]

        def peers() -> None:
            shake(first, shard=1)
            shake(second, shard=1)
            assert second.recv(1) == b""  # turned away
            shake(other, shard=2)

        in_threads([lambda: mesh.connect(addresses), peers])
        assert mesh.strangers == ["stranger at the unix socket: is a second connection from shard 1"]


def test_missing_peers_are_named() -> None:
    """Shard 1 listens, but never connects: shard 0 waits for it to dial, shard 2 for it to answer."""
    meshes = [Mesh(j, 3, KEY, timeout_s=1.0) for j in range(3)]
    addresses = [mesh.listen() for mesh in meshes]
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(meshes[j].connect, addresses) for j in (0, 2)]:
            error = future.exception(TIMEOUT_S)
            assert isinstance(error, TransportError)
            name = f"shard 1 (127.0.0.1:{addresses[1]['port']}, {addresses[1]['unix']})"
            assert str(error) == f"{name}: missing; strangers refused: none"
    meshes[1].close()
    assert not any(Path(address["unix"]).exists() for address in addresses)


def test_a_peer_that_no_longer_listens_is_named() -> None:
    with Mesh(0, 2, KEY) as one, Mesh(1, 2, KEY) as two:
        addresses = [one.listen(), two.listen()]
        one.close()
        with pytest.raises(TransportError, match=r"shard 0 \(.*cannot connect: .*No such file.*refused"):
            two.connect(addresses)


# After the handshake: every misbehaviour is an error that names the peer, and the mesh is closed.

GOOD = (PROTOCOL_VERSION, 1, 0, 5, 0, b"rows")

JUNK = {
    "other window": (frame_bytes(*GOOD[:2], 3, *GOOD[3:]), r"\(1, 1, 3\), not \(1, 1, 0\)"),
    "other shard": (frame_bytes(1, 0, *GOOD[2:]), r"\(1, 0, 0\), not \(1, 1, 0\)"),
    "other version": (frame_bytes(9, *GOOD[1:]), r"\(9, 1, 0\), not \(1, 1, 0\)"),
    "text for bytes": (frame_bytes(*GOOD[:5], "rows"), "no frame"),
    "float for time": (frame_bytes(*GOOD[:3], 5.0, *GOOD[4:]), "no frame"),
    "bool for flags": (frame_bytes(*GOOD[:4], True, b""), "no frame"),
    "beyond int64": (frame_bytes(*GOOD[:3], 2**63, *GOOD[4:]), "no frame"),
    "a field too few": (frame_bytes(*GOOD[:5]), "no frame"),
    "a field too many": (frame_bytes(*GOOD, 0), "no frame"),
    "no array": (struct.pack("!I", 1) + b"\x07", "no frame"),
    "empty": (struct.pack("!I", 0), "no frame"),
    "garbage": (struct.pack("!I", 8) + b"\xc1garbage", "no frame"),
    "pickle": (struct.pack("!I", len(pickle.dumps(GOOD))) + pickle.dumps(GOOD), "no frame"),
    "trailing byte": (
        struct.pack("!I", len(frame_bytes(*GOOD)) - 3) + frame_bytes(*GOOD)[4:] + b"x",
        "no frame",
    ),
    "truncated in msgpack": (struct.pack("!I", 7) + frame_bytes(*GOOD)[4:11], "no frame"),
    "oversized": (b"\xff\xff\xff\xff", "announced 4,294,967,299 bytes, over 268,435,456"),
    "a word of http": (b"HTTP/1.1 400 Bad Request", "announced"),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", JUNK)
def test_a_bad_frame_is_an_error_that_names_the_peer(kind: str, family: Family) -> None:
    junk, reason = JUNK[kind]
    with mesh_with_impostor(family) as (mesh, impostor):
        impostor.sendall(junk)
        with pytest.raises(TransportError, match=rf"^shard 1 \(127.0.0.1:1, /nowhere\): .*{reason}"):
            mesh.exchange(0, 0, 0, [b"", b""])
        with pytest.raises(RuntimeError, match="shard 0 is not connected"):
            mesh.exchange(1, 0, 0, [b"", b""])
        assert impostor.recv(1 << 16)  # our own frame
        assert impostor.recv(1) == b""


def test_a_frame_cut_by_the_end_of_the_connection() -> None:
    with mesh_with_impostor() as (mesh, impostor):
        impostor.sendall(frame_bytes(*GOOD)[:-1])
        impostor.shutdown(socket.SHUT_WR)
        with pytest.raises(TransportError, match=r"^shard 1 \(.*closed the connection"):
            mesh.exchange(0, 0, 0, [b"", b""])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_peer_that_dies_while_it_is_waited_for(family: Family) -> None:
    with mesh_with_impostor(family) as (mesh, impostor):

        def die_on_the_first_byte() -> None:
            impostor.recv(1)  # so the mesh is in its exchange
            impostor.close()

        def exchange() -> None:
            with pytest.raises(TransportError, match=r"^shard 1 \("):
                mesh.exchange(0, 0, 0, [b"", bytes(64 << 20)])

        in_threads([exchange, die_on_the_first_byte])


def test_a_peer_that_died_before_the_exchange() -> None:
    with mesh_of(3) as meshes:
        meshes[2].close()
        with pytest.raises(TransportError, match=r"^shard 2 \("):
            meshes[0].exchange(0, 0, 0, [b""] * 3)


def test_silent_peers_are_named_after_the_timeout() -> None:
    with mesh_of(3) as meshes:
        meshes[0]._timeout_s = 0.3
        silence = r"^shard 1 \(.*\), shard 2 \(.*\): not through with window 4 in 0.3 s$"
        with pytest.raises(TransportError, match=silence):
            meshes[0].exchange(4, 0, 0, [b""] * 3)


def test_a_trickling_frame_does_not_outlast_the_timeout() -> None:
    with mesh_with_impostor() as (mesh, impostor):
        mesh._timeout_s = 0.3
        stop = threading.Event()

        def trickle() -> None:
            try:
                for byte in frame_bytes(*GOOD[:5], bytes(10_000)):
                    impostor.send(bytes([byte]))
                    if stop.wait(0.02):
                        return
            except OSError:
                pass

        def exchange() -> None:
            with pytest.raises(TransportError, match=r"^shard 1 \(.*not through with window 0"):
                mesh.exchange(0, 0, 0, [b"", b""])
            stop.set()

        in_threads([exchange, trickle])


def test_a_frame_over_the_limit_is_not_sent() -> None:
    with mesh_of(2, frame_bytes_max=1000) as meshes:
        exchange_all(meshes, 0, [[b"", bytes(900)], [b"", b""]])
        with pytest.raises(TransportError, match=r"^shard 1 \(.*: 1,000 bytes for it, over 1,000"):
            meshes[0].exchange(1, 0, 0, [b"", bytes(1000)])
        with pytest.raises(TransportError, match=r"^shard 0 \("):
            meshes[1].exchange(1, 0, 0, [b"", b""])


def test_an_announced_length_over_the_limit_is_refused_even_if_there_is_room() -> None:
    with mesh_with_impostor(frame_bytes_max=1000) as (mesh, impostor):
        impostor.sendall(frame_bytes(*GOOD[:5], bytes(2000)))
        with pytest.raises(TransportError, match=r"^shard 1 \(.*over 1,000"):
            mesh.exchange(0, 0, 0, [b"", b""])


# Closing, and wrong use.


def test_close_removes_the_socket_file_and_can_be_repeated() -> None:
    mesh = Mesh(0, 2, KEY)
    address = mesh.listen()
    assert Path(address["unix"]).is_socket()
    for _ in range(2):
        mesh.close()
        assert not Path(address["unix"]).parent.exists()


def test_a_deep_temporary_directory_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with Mesh(0, 1, KEY) as mesh:
        assert Path(mesh.listen()["unix"]).is_socket()


def test_a_host_that_is_not_ours_cannot_be_listened_at() -> None:
    with (
        Mesh(0, 1, KEY) as mesh,
        pytest.raises(TransportError, match=r"^shard 0 \(192.0.2.1, .*cannot listen"),
    ):
        mesh.listen(host="192.0.2.1")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"shard": 2}, r"shard must be in \[0, 2\): 2"),
        ({"key": b""}, "key must not be empty"),
        ({"frame_bytes_max": 2**32}, r"frame_bytes_max must be in \(0, 2\*\*32\): 4294967296"),
    ],
)
def test_impossible_arguments(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Mesh(**{"shard": 0, "shards": 2, "key": KEY, **arguments})


def test_calls_that_make_no_sense() -> None:
    with Mesh(0, 1, KEY) as mesh:
        with pytest.raises(RuntimeError, match="not connected"):
            mesh.exchange(0, 0, 0, [b""])
        address = mesh.listen()
        with pytest.raises(RuntimeError, match="listen comes once"):
            mesh.listen()
        with pytest.raises(ValueError, match="addresses of 1 shards: 2"):
            mesh.connect([address, address])
        mesh.connect([address])
        with pytest.raises(RuntimeError, match="connect comes once, after listen"):
            mesh.connect([address])
        with pytest.raises(ValueError, match="messages for 1 shards: 2"):
            mesh.exchange(0, 0, 0, [b"", b""])
        assert mesh.exchange(0, 0, 0, [b""]) == []


def test_numbers_beyond_int64_are_not_sent() -> None:
    with mesh_of(2) as meshes, pytest.raises(ValueError, match="must fit into int64: 9223372036854775808"):
        meshes[0].exchange(0, 2**63, 0, [b"", b""])


# The decoder.

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


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text() | st.integers(0, 9), inner, max_size=3),
    max_leaves=10,
)


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
