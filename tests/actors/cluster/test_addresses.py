"""Addresses of Ray clusters: what is none, and where nobody answers, is said in one line."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from threading import Thread

import pytest
from meterstorm.actors.cluster import connection
from meterstorm.actors.cluster.connection import ClusterError, start_ray
from meterstorm.experiments.cli import console
from meterstorm.experiments.cli import main as cli
from typer.testing import CliRunner

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.xdist_group("ray")]


@contextmanager
def listener(answer: bytes) -> Iterator[str]:
    """The address of somebody on loopback who says one thing to whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(answer)
                with suppress(ConnectionResetError):
                    while connection.recv(100):
                        pass

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)


@pytest.mark.parametrize("address", ["ten", "127.0.0.1", "ray://127.0.0.1:10001", "127.0.0.1:x", ":1", "local"])
def test_what_is_no_address(address):
    with pytest.raises(ValueError, match=f'must be "auto" or HOST:PORT: {address!r}'):
        start_ray(1, address)


def test_auto_without_a_cluster(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(ClusterError, match="no Ray cluster runs here: RAY_ADDRESS is not set"):
        start_ray(1, "auto")


@pytest.mark.parametrize("given", ["as argument", "as RAY_ADDRESS"])
@pytest.mark.parametrize(
    ("answer", "reason"),
    [(None, "refused"), (b"", "timed out"), (b"HTTP/1.1 400 Bad Request\r\n\r\n", "something else")],
)
def test_where_no_cluster_answers_is_said_soon(answer, reason, given, monkeypatch):
    monkeypatch.setattr(connection, "ANSWER_S", 0.3)
    monkeypatch.setattr("ray.init", None)  # Ray, which takes its time, is not even asked
    with listener(answer) if answer is not None else nullcontext("127.0.0.1:1") as address:
        monkeypatch.setenv("RAY_ADDRESS", address)
        with pytest.raises(ClusterError, match=f"^no Ray cluster answers at {address}: .*{reason}"):
            start_ray(1, address if given == "as argument" else "auto")


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (
            ["--shards", "2", "--ray-address", "ten"],
            console.WRONG_INPUT,
            "--ray-address: the address of a Ray cluster",
        ),
        (
            ["--workers", "0", "--ray-address", "auto"],
            console.WRONG_INPUT,
            "--ray-address: auto: nothing would run there",
        ),
        (
            ["--shards", "2", "--ray-address", "127.0.0.1:1"],
            console.UNAVAILABLE,
            "no Ray cluster answers at 127.0.0.1:1",
        ),
    ],
)
@pytest.mark.parametrize("folder", [[], ["--out", "out"]])
@pytest.mark.parametrize("source", ["short.toml", "kb"])
def test_a_wrong_address_is_refused_before_a_folder_is_made(
    source, folder, options, status, words, tmp_path, monkeypatch
):
    (tmp_path / "short.toml").write_text('title = "short"')
    monkeypatch.chdir(tmp_path)
    checkpoints = [] if source == "kb" else ["--checkpoint-every", "30s"]
    done = CliRunner().invoke(cli.app, ["run", source, *checkpoints, *folder, *options])
    assert done.exit_code == status and words in done.stderr, done.output
    assert [path.name for path in tmp_path.iterdir()] == ["short.toml"]


def test_what_ray_says_of_versions_that_differ_is_told_whole(monkeypatch):
    """It says so in several lines, of which the first names no version."""
    said = "Version mismatch: The cluster was started with:\n    Ray: 2.1\n    Python: 3.9\nHere:\n    Ray: 2.60"

    def init(*_, **__):
        raise RuntimeError(said)

    monkeypatch.setattr(connection, "_init", init)
    monkeypatch.setattr(connection, "_set_auth_mode", lambda *_: None)
    with pytest.raises(ClusterError) as raised:
        connection._try_to_join(None, "10.0.0.1:6379", "token")
    assert str(raised.value) == (
        "the Ray cluster at 10.0.0.1:6379 cannot be joined: Version mismatch: The cluster was started with: "
        "Ray: 2.1 Python: 3.9 Here: Ray: 2.60"
    )
