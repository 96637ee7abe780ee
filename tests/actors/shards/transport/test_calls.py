"""Closing a mesh, and calls that make no sense."""

from pathlib import Path
from typing import Any

import pytest
from meterstorm.actors.shards.transport.frames import TransportError
from meterstorm.actors.shards.transport.mesh import Mesh

from support.wires import KEY, mesh_of


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
