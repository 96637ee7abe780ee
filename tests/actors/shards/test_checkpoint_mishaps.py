"""A disk that is full, or refuses to be read, takes no good checkpoint from a run."""

import errno
import time
from pathlib import Path
from typing import Any

import pytest
from meterstorm.actors.shards import checkpoints as kept
from meterstorm.actors.shards.checkpoints import Checkpoints, look_at, whole
from meterstorm.actors.shards.sealed import CheckpointError, Refused


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path, 0.0, {}, time.time())


def number_of(checkpoint: Path) -> int:
    return int(checkpoint.name.partition("-")[0])


def full(file: Path, pieces: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", str(file))


def denied(*_: Any, **__: Any) -> None:
    raise PermissionError(errno.EACCES, "Permission denied")


def test_one_that_cannot_be_marked_as_refused_ends_no_run(checkpoints, tmp_path, caplog, monkeypatch):
    for _ in range(2):
        checkpoints.save(lambda folder: [])
    older, newer = whole(tmp_path)

    def load_parts(folder: Path, seals: list[bytes]) -> str:
        if folder.name == newer:
            raise Refused(f"{folder}: is altered")
        return folder.name

    monkeypatch.setattr(kept, "put", full)
    assert checkpoints.restore(load_parts) == older
    assert "cannot be marked as refused: No space left on device" in caplog.messages[1]


def test_one_that_cannot_be_read_is_not_refused(checkpoints, monkeypatch):
    checkpoints.save(lambda folder: [])
    for attempt in (checkpoints.wall_s, lambda: checkpoints.restore(lambda *saved: None)):
        with (
            monkeypatch.context() as patch,
            pytest.raises(CheckpointError, match="cannot be read: Permission denied"),
        ):
            patch.setattr(Path, "open", denied)
            attempt()
    assert checkpoints.restore(lambda folder, seals: number_of(folder)) == 1


def test_a_checkpoint_outlasts_a_loss_of_power_before_older_ones_go(checkpoints, tmp_path, monkeypatch):
    for _ in range(2):
        checkpoints.save(lambda folder: [])
    oldest, done = whole(tmp_path)[0], []
    monkeypatch.setattr(
        kept, "sync", lambda place: done.append((place, sorted(map(number_of, tmp_path.iterdir()))))
    )
    checkpoints.save(lambda folder: [])
    assert done == [(tmp_path, [1, 2, 3])] and oldest not in whole(tmp_path)


def test_to_look_waits_for_no_disk(checkpoints, monkeypatch):
    monkeypatch.setattr("os.fsync", None)
    with checkpoints.probe() as file:
        look_at(file, "shard 1")
