"""The guard ends the Ray processes of a driver that is gone, whatever they call themselves, and no others."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from meterstorm.actors.cluster import guard

from support.processes import PATIENCE_S, command, eventually

DRIVER = 2**22 + 1  # more than Linux has process ids: nobody's
SESSION = f"session_2026-01-02_03-04-05_678901_{DRIVER}"
OTHER = f"session_2026-01-02_03-04-05_678901_{DRIVER + 1}"
WAIT = "import time; time.sleep(3600)"

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a process that shows a command line, and has a log of a session open, as Ray's agents do."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(title: str, session: str) -> subprocess.Popen[bytes]:
        logs = tmp_path / session / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        with (logs / "agent.log").open("w") as log:
            process = subprocess.Popen([title, "-c", WAIT], executable=sys.executable, stdout=log)
        started.append(process)
        assert eventually(lambda: command(process.pid).startswith(title))
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


def test_it_ends_the_ray_processes_of_its_driver_and_no_other(start: Start, tmp_path: Path):
    titled, named = start("ray::DashboardAgent", SESSION), start(f"/x/ray/core/agent --dir={SESSION}", OTHER)
    others = [start("tail", SESSION), start("ray::DashboardAgent", OTHER)]
    sockets = tmp_path / "sockets"
    sockets.mkdir()
    run = [sys.executable, "-I", "-S", guard.__file__, str(sockets), str(DRIVER), str(tmp_path)]
    done = subprocess.run(run, input=b"", capture_output=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert [titled.wait(PATIENCE_S), named.wait(PATIENCE_S)] == [-9, -9]
    assert [process.poll() for process in others] == [None, None]
    assert not sockets.exists() and not (tmp_path / SESSION).exists() and (tmp_path / OTHER).is_dir()


@pytest.mark.parametrize("latest", [SESSION, OTHER])
def test_only_the_session_of_its_driver_is_removed(tmp_path: Path, latest: str):
    """One before may have had the driver's id, and what it has started, as `ray start` does, may still run."""
    earlier = f"session_2026-01-01_03-04-05_678901_{DRIVER}"
    others = {OTHER, earlier, f"{SESSION}.kept"}
    for name in (SESSION, *others):
        (tmp_path / name / "logs").mkdir(parents=True)
    (tmp_path / "session_latest").symlink_to(tmp_path / latest)
    assert guard.sessions(str(tmp_path), DRIVER) == {SESSION, earlier}
    run = [
        sys.executable,
        "-I",
        "-S",
        guard.__file__,
        str(tmp_path / "sockets"),
        str(DRIVER),
        str(tmp_path),
        earlier,
    ]
    subprocess.run(run, input=b"", timeout=PATIENCE_S, check=True)
    left = others | ({"session_latest"} if latest == OTHER else set())
    assert {path.name for path in tmp_path.iterdir()} == left


def test_a_process_may_end_while_its_children_are_looked_for(monkeypatch: pytest.MonkeyPatch):
    """The guard looks just when the raylet ends: there may be a folder when it asks, and none when it reads it."""
    monkeypatch.setattr(Path, "is_dir", lambda self: True)
    monkeypatch.setattr(os.path, "isdir", lambda path: True)
    assert guard._children(DRIVER) == set()


def test_a_process_that_names_no_session_yet_is_found_when_it_does(start: Start, monkeypatch: pytest.MonkeyPatch):
    """It has taken a title, and opens its log later; in between there is nothing to know it by."""
    late = start("ray::DashboardAgent", SESSION)
    looks = iter([[], [], [late.pid]])
    monkeypatch.setattr(guard, "_all", lambda: next(looks, []))
    monkeypatch.setattr(guard, "LOOK_MS", 1)
    guard._kill_newborn(DRIVER)
    assert late.wait(PATIENCE_S) == -9


def test_where_the_driver_lives_one_look_is_enough(monkeypatch: pytest.MonkeyPatch):
    looks: list[int] = []
    monkeypatch.setattr(guard, "_all", lambda: looks.append(1) or [])
    guard._kill_newborn(os.getpid())
    assert len(looks) == 1
