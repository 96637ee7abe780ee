"""Shards that are started again: from where, and how long they wait for each other. No Ray is needed."""

import logging
import select
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from meterstorm.actors.cluster import host as module
from meterstorm.actors.cluster import shard_set
from meterstorm.actors.cluster.failures import ShardLost
from meterstorm.actors.cluster.host import ShardHost
from meterstorm.actors.cluster.shard_set import ShardSet
from meterstorm.actors.shards.checkpoints import HEAD, Checkpoints
from meterstorm.actors.shards.transport import mesh
from meterstorm.actors.shards.transport.frames import PeerLost
from meterstorm.experiments.scenario import validate

from support.processes import PATIENCE_S

SCENARIO = validate({
    "title": "two shards",
    "run": {"duration_s": 100, "warmup_s": 0},
    "network": {"latency_ms": 50},
    "clients": {"count": 20},
})  # fmt: skip


class LosesOne(ShardSet):
    """Shards that are lost as the world begins, the first time."""

    def __init__(self) -> None:
        self.hosts, self.begun = ["a host"], 0

    def _begin(self, world: tuple[Any, ...], checkpoints: Checkpoints | None) -> None:
        self.begun += 1
        if self.begun == 1:
            raise ShardLost("shard 1 is lost")

    def _run(self, *_: Any) -> Any:
        return self.begun

    def close(self) -> None:
        self.hosts = []

    def _start(self) -> None:
        self.hosts = ["another"]


@pytest.mark.parametrize(
    ("kept", "start"), [([], "the beginning of their world"), (["000001-ab"], "the last checkpoint")]
)
def test_what_shards_are_started_again_from_is_told(tmp_path: Path, kept, start, caplog, monkeypatch):
    monkeypatch.setattr(shard_set, "check_ray", lambda: None)
    for name in kept:
        (tmp_path / name).mkdir()
        (tmp_path / name / HEAD).touch()
    assert LosesOne().simulate(SCENARIO, 0, checkpoints=Checkpoints(tmp_path, 60.0, {}, 0.0)) == 2
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert told == [f"shard 1 is lost; all shards are started again, from {start}"]


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ShardHost, ShardHost]]:
    """Two shards that have met, and wait for nothing else any longer."""
    monkeypatch.setattr(mesh, "_SPIN_S", 0.0)
    first, second = (ShardHost(shard, 2, b"a key of thirty-two bytes, or so") for shard in range(2))
    addresses = [first.listen(), second.listen()]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda host: host.connect(addresses), (first, second)))
    for host in (first, second):
        host.mesh._timeout_s = 0.0
        host.begin(SCENARIO, 0, False)
    yield first, second
    for host in (first, second):
        host.mesh.close()


def test_a_shard_waits_for_another_whose_balancing_takes_its_time(pair, monkeypatch):
    """Longer than it would wait for one that joins: policies of balancing are Python, and may compute for long."""
    first, second = pair
    waits, poll = threading.Event(), select.poll

    def noted() -> select.poll:
        waits.set()
        return poll()

    monkeypatch.setattr(select, "poll", noted)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(first.run, 1e9)
        assert waits.wait(PATIENCE_S)
        reached, done, _ = second.run(1e9)
        assert done and waiting.result()[:2] == (reached, True)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENCE_S", 0.0)


def test_a_shard_does_not_wait_for_ever(impatient, pair):
    with pytest.raises(PeerLost, match="not through with window 0 in 0 s"):
        pair[0].run(1e9)
