"""A journal in pieces: the same rows in memory and in a file, which leaves nothing behind."""

import resource
from pathlib import Path

import numpy as np
import pytest
from meterstorm.actors.cluster import journals
from meterstorm.actors.shards.sealed import CheckpointError
from meterstorm.actors.state.events import JOURNAL

ROWS = np.zeros(1000, JOURNAL)
ROWS["time"] = np.arange(1000)
PIECES = [ROWS[:1], ROWS[1:700], ROWS[700:]]


@pytest.mark.parametrize("room", [0, ROWS.nbytes - 1, ROWS.nbytes])
def test_the_rows_are_those_of_the_pieces(room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(journals, "IN_MEMORY", room)
    rows = journals.kept(iter(PIECES), tmp_path)
    assert isinstance(rows, np.memmap) == (room < ROWS.nbytes)
    assert rows.tolist() == ROWS.tolist()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("room", [0, 1 << 20])
def test_no_pieces_have_no_rows(room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(journals, "IN_MEMORY", room)
    assert len(journals.kept(iter([]), tmp_path)) == 0


@pytest.mark.parametrize("room", [300, ROWS.nbytes // 2, ROWS.nbytes - 300])
def test_a_disk_that_is_full_is_told_as_such(room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Also where what is last in a buffer no longer goes in: here a limit of the process stands for the disk's."""
    monkeypatch.setattr(journals, "IN_MEMORY", 1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        with pytest.raises(CheckpointError, match="cannot be written: File too large"):
            journals.kept(iter(PIECES), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(journals, "IN_MEMORY", 1)
    with pytest.raises(CheckpointError, match=r"gone: cannot be written: No such file or directory"):
        journals.kept(iter(PIECES), tmp_path / "gone")
