"""Between shards, what is sent arrives."""

import os
import pickle
import socket
from functools import partial
from pathlib import Path

import pytest
from meterstorm.actors.shards.transport.frames import Frame
from meterstorm.actors.shards.transport.mesh import Mesh
from meterstorm.actors.shards.transport.sockets import Family

from support.wires import FAMILIES, KEY, TIMEOUT_S, exchange_all, in_threads, mesh_of


def socket_of(mesh: Mesh) -> socket.socket:
    """The socket to the first peer."""
    assert mesh._peers
    return mesh._peers[0].sock


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
        assert meshes[0].waiting_s + meshes[1].waiting_s > 0


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
