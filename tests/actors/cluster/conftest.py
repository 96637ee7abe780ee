"""For tests of processes: a bound, since they may wait for each other for ever, and a folder for their files."""

import os
import signal
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from meterstorm.actors.cluster import wall_set
from meterstorm.actors.cluster.connection import start_ray
from meterstorm.actors.cluster.wall_set import WallSet

from support.processes import told

BOUND_S = 600


class Sent(NamedTuple):
    """A signal to a process, which ran that command."""

    command: str
    pid: int
    number: signal.Signals


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """Fail a test that takes too long, with the stack of where it waits."""

    def fail(*_: object) -> None:
        raise TimeoutError(f"this test has taken {BOUND_S} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(BOUND_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A short path of a module's own for everything temporary; sockets' paths have at most 107 bytes."""
    tmp_path_factory.getbasetemp()  # made before, so that it outlives this module
    with (
        tempfile.TemporaryDirectory(prefix="ms-", dir="/tmp") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", folder)
        yield folder


@pytest.fixture(scope="module")
def wall(temporary: str) -> Iterator[WallSet]:
    """Processes for worlds on the wall clock, on a Ray of this file's own."""
    start_ray(max(2, os.cpu_count() or 1))
    found = WallSet()
    yield found
    found.ray.shutdown()


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> list[Sent]:
    """The signals that a run sends to processes of its world."""
    sent: list[Sent] = []
    kill = os.kill

    def note(pid: int, number: int) -> None:
        sent.append(Sent(told(pid, "comm").strip(), pid, signal.Signals(number)))
        kill(pid, number)

    monkeypatch.setattr(wall_set.os, "kill", note)
    return sent
