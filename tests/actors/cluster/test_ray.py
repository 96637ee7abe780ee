"""Worlds on Ray: shards and workers give what one process gives; errors surface; nothing is left behind."""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from meterstorm.actors.cluster import journals
from meterstorm.actors.cluster import shard_set as module
from meterstorm.actors.cluster.connection import ClusterError, start_ray
from meterstorm.actors.cluster.failures import ShardLost
from meterstorm.actors.cluster.shard_set import ShardSet
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.cli import doctor
from meterstorm.experiments.runs import run
from meterstorm.experiments.scenario import validate
from meterstorm.policies.errors import PolicyError

from support.processes import alive, descendants, eventually

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.xdist_group("ray")]

TROUBLED = {
    "title": "faults, loss and jitter",
    "run": {"duration_s": 1800, "warmup_s": 300, "replications": 2},
    "network": {"latency_ms": 20, "jitter_ms": 10, "loss": 0.02},
    "clients": {"count": 60, "programs": 2, "release_old": "deferred"},
    "products": [{"name": "editor", "licenses": 40}],
    "workload": {"launch_interval_s": 600, "run_time_s": 300},
    "policies": {
        "selection": {"name": "sticky-random"},
        "balancing": {"name": "periodic-demand", "interval_s": 400},
    },
    "faults": [
        {"kind": "unreachable", "servers": [0], "start_s": 300, "duration_s": 400},
        {"kind": "crash", "servers": [1], "start_s": 800, "duration_s": 200},
        {"kind": "slow", "servers": "all", "start_s": 1100, "duration_s": 200, "factor": 5},
    ],
}

BAD = """
from typing import NamedTuple
from meterstorm.policies import Decision
class Bad(NamedTuple):
    def on_failure(self, link, memory, u):
        return Decision(9, 1.0)
"""


@pytest.fixture(scope="module")
def ray(temporary):
    """Ray for this file."""
    module = start_ray(max(3, os.cpu_count() or 1))  # as many as the most shards here
    module.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests
    yield module
    module.shutdown()


@pytest.fixture
def faulty(tmp_path):
    """A scenario whose failover policy answers nonsense."""
    path = tmp_path / "bad.py"
    path.write_text(BAD)
    policies = TROUBLED["policies"] | {"failover": {"name": f"{path}:Bad"}}
    return validate(TROUBLED | {"policies": policies})


def test_the_doctor_finds_nothing(ray):
    assert doctor.examine() == []


@pytest.mark.parametrize("shards", [2, 3])
def test_shards_give_the_digest_and_the_counts_of_one_process(ray, shards):
    scenario = validate(TROUBLED)
    progress = []
    with ShardSet(shards) as shard_set:
        for replication in range(2):  # one after another on the same actors
            alone = simulate(scenario, replication)
            together = shard_set.simulate(scenario, replication, progress.append)
            assert together.digest == alone.digest
            assert together.events == alone.events
            assert (together.series == alone.series).all()
            assert (together.histograms == alone.histograms).all()
            assert progress[-1] == 1.0
    assert alone.series.sum() > 0


@pytest.mark.parametrize("room", [0, 1 << 30])  # in a file; in memory
def test_shards_give_the_journal_of_one_process(ray, room, tmp_path, monkeypatch):
    monkeypatch.setattr(journals, "IN_MEMORY", room)
    scenario = validate(TROUBLED)
    with ShardSet(2) as shard_set:
        for replication in range(2):
            together = shard_set.simulate(scenario, replication, keep_journal=True, scratch=tmp_path)
            assert isinstance(together.journal, np.memmap) == (room == 0)
            assert (together.journal == simulate(scenario, replication, keep_journal=True).journal).all()
    assert len(together.journal) > 0
    assert list(tmp_path.iterdir()) == []


def check_same(here: run.Results, there: run.Results) -> None:
    for mine, theirs in zip(here.versions, there.versions, strict=True):
        assert [row.number for row in theirs.replications] == [0, 1]
        for a, b in zip(mine.replications, theirs.replications, strict=True):
            assert (a.digest, a.metrics, a.events) == (b.digest, b.metrics, b.events)
            np.testing.assert_array_equal(a.series, b.series)
            np.testing.assert_array_equal(a.servers, b.servers)


def test_workers_and_shards_give_the_results_of_this_process(ray):
    arms = [{"name": "a"}, {"name": "b", "set": {"policies.failover": {"name": "immediate"}}}]
    scenario = validate(TROUBLED | {"arms": arms})
    here = run.run(scenario, workers=0)
    check_same(here, run.run(scenario, workers=2))
    on_shards = run.run(scenario, shards=2)
    check_same(here, on_shards)
    assert run.check_shards(here, 2) == []


def test_a_bad_decision_in_a_shard_surfaces(ray, faulty):
    with pytest.raises(PolicyError, match=r"failover policy .* returned an unknown action"):
        run.run(faulty, shards=2)


def test_a_bad_decision_in_a_worker_surfaces(ray, faulty):
    with pytest.raises(PolicyError, match=r"failover policy .* returned an unknown action") as raised:
        run.run(faulty, workers=2)
    assert "Traceback" not in str(raised.value) and "ray::" not in str(raised.value)


def run_out_of_memory(self) -> None:
    """Inside a shard's process: the engine finds no memory the next time it runs."""

    def fail(world, horizon):
        raise MemoryError("no room for more events")

    self.windows.shard._advance = fail


def die(self) -> None:
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("accident", "culprit", "error", "words"),
    [
        (run_out_of_memory, 0, MemoryError, "^no room for more events$"),
        (die, 2, ShardLost, r"^shard 2 \(127.0.0.1:\d+, node [0-9a-f]{12}\) is lost: [^\n]+$"),
    ],
)
def test_an_accident_in_one_shard_surfaces_at_once_and_not_as_its_echo(
    ray, accident, culprit, error, words, monkeypatch
):
    """The peers of that shard wait for its frame. An echo of theirs would be waited with for ever here."""
    monkeypatch.setattr(module, "DIAGNOSIS_S", 1e6)
    happened = []

    def at_work(share: float) -> None:
        if not happened:
            happened.append(share)
            shard_set.hosts[culprit].__ray_call__.remote(accident)

    scenario = validate(TROUBLED | {"run": {"duration_s": 1e7, "sample_s": 1e7}})
    with ShardSet(3) as shard_set, pytest.raises(error, match=words):
        shard_set.simulate(scenario, 0, at_work)


def test_a_scenario_that_does_not_arrive_in_one_shard_surfaces_at_once(ray, tmp_path):
    """The others have it, begin, and wait for that shard's first frame."""

    class Parcel:
        def __reduce__(self):
            return unpack, (TROUBLED, str(tmp_path / "taken"))

    def unpack(raw, path):
        import os

        from meterstorm.experiments.scenario import validate

        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return validate(raw)
        raise LookupError("lost on the way")

    with ShardSet(2) as shard_set, pytest.raises(ClusterError, match="lost on the way"):
        shard_set._all("begin", Parcel(), 0, False)


def test_nothing_is_left_behind(ray):
    """Last in this file: it shuts Ray down."""
    folder = Path(tempfile.gettempdir())
    with ShardSet(2):
        processes = descendants()
        assert len(processes) >= 4  # Ray's own, and two shards
    assert eventually(lambda: not list(folder.glob("meterstorm-*/*")))
    ray.shutdown()
    assert eventually(lambda: not alive(processes))
    assert eventually(lambda: not list(folder.glob("meterstorm-*")))
