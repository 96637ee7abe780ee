"""The soak of the wall clock breaks on what a run leaves."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from meterstorm.experiments.scenario import validate

from support.wall_runs import SETTING, MadeUp
from tools import wall_soak


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder in which Ray has its own."""
    (tmp_path / "ray").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def standby() -> Iterator[subprocess.Popen[bytes]]:
    """A process that /proc shows as it does an actor of a wall-clock run."""
    process = subprocess.Popen(["ray::WallHost", "600"], executable=shutil.which("sleep"))
    yield process
    process.kill()
    process.wait()


class Leaves(MadeUp):
    """A run that begins with a stand-by, and may leave it, or files."""

    def __init__(self, standby: subprocess.Popen[bytes], files: list[Path], ends: bool = True) -> None:
        self.standby, self.files, self.ends = standby, files, ends

    def simulate(self, scenario, replication, shards, pace, on_progress):
        """Have what is left there before the end."""
        on_progress(0.5)
        for path in self.files:
            path.parent.mkdir(exist_ok=True)
            path.touch()
        if self.ends:
            self.standby.kill()
            self.standby.wait()
        return super().simulate(scenario, replication, shards, pace, on_progress)


def soaked(run: Leaves) -> str:
    """What is said of a schedule."""
    return wall_soak.check(run, validate(SETTING), 1)


def test_a_run_that_leaves_nothing_keeps_the_rules(temporary, standby):
    assert "grants" in soaked(Leaves(standby, [temporary / "ray" / "log"]))  # Ray goes on writing its own


@pytest.mark.parametrize("name", ["arrivals-0", "wall-1/node-0"])
def test_a_file_that_is_left_is_named(temporary, standby, name):
    with pytest.raises(AssertionError, match=f"are left: .*{temporary / name}"):
        soaked(Leaves(standby, [temporary / name]))


def test_a_stand_by_that_is_left_is_named(temporary, standby, monkeypatch):
    monkeypatch.setattr(wall_soak, "ENDING_S", 0.1)
    with pytest.raises(AssertionError, match=rf"processes are left: \[{standby.pid}\]"):
        soaked(Leaves(standby, [], ends=False))


def test_a_look_that_sees_no_process_says_nothing(temporary, standby):
    standby.kill()
    standby.wait()
    with pytest.raises(AssertionError, match="no process was seen"):
        soaked(Leaves(standby, []))
