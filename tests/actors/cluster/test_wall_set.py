"""What the wall clock's set of actors does where Ray or a process is no more, without Ray."""

import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from meterstorm.actors.cluster import failures
from meterstorm.actors.cluster import wall_set as module
from meterstorm.actors.cluster.failures import ShardLost
from meterstorm.actors.cluster.wall_set import Act, WallSet
from meterstorm.actors.wall.clock import Clock


@pytest.fixture
def begun(monkeypatch):
    """For how many CPUs Ray was started, and which actors it was asked to kill."""
    asked = SimpleNamespace(cpus=[], killed=[])
    ray = SimpleNamespace(kill=asked.killed.append, exceptions=SimpleNamespace(RayError=RuntimeError))
    monkeypatch.setattr(module, "start_ray", lambda cpus: asked.cpus.append(cpus) or ray)
    return asked


@pytest.mark.parametrize(("loss", "killed"), [(None, ["actor"]), ("its head has ended", [])])
def test_nothing_is_asked_of_a_ray_that_is_lost(begun, monkeypatch, loss, killed):
    """A call to it would wait."""
    monkeypatch.setattr(failures, "loss", lambda: loss)
    wall_set = WallSet()
    wall_set._actors.append("actor")
    wall_set.close()
    assert begun.killed == killed and not wall_set._actors


def test_a_process_that_has_ended_before_it_is_struck_is_a_loss(begun):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    wall_set = WallSet()
    wall_set._pids[3] = ended.pid
    clock = Clock(time.monotonic_ns() - 10**9)
    with pytest.raises(ShardLost, match="that of server 3 has ended"):
        wall_set._strike([Act(0, signal.SIGSTOP, 3)], clock, {}, {}, lambda: None)


def test_ray_has_the_cpus_that_this_process_may_use(begun, monkeypatch):
    monkeypatch.setattr(module, "cpus", lambda: 3)
    WallSet()
    assert begun.cpus == [3]
