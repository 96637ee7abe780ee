"""Real servers that are killed, stopped and started again: they cost what the model says, and none is left."""

import os
import signal
import threading
from pathlib import Path

import pytest
from meterstorm.actors.cluster import wall_set as module
from meterstorm.actors.cluster.connection import ClusterError
from meterstorm.actors.cluster.wall_set import WallSet
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.shards.transport.frames import PeerLost
from meterstorm.actors.wall.redis_process import RedisMissing
from meterstorm.experiments.metrics.metrics import metrics

from support.layers import layered
from support.walled import BUSY, FAULT, OWN, REDIS, needs_redis, world

pytestmark = [needs_redis, pytest.mark.ray, pytest.mark.slow, pytest.mark.xdist_group("ray")]

SECOND = 10**9
# Heartbeats, reclaims, and a server that is killed three times while much is under way.
OFTEN = {
    "servers": {"reclaim_after_s": 1.5, "scan_s": 0.5},
    "clients": {"heartbeat_s": 1.0, "count": 1500},
    "products": [{"name": "editor", "licenses": 700}],
    "faults": [FAULT | {"kind": "crash", "repeat_s": 2.0, "repeats": 3, "duration_s": 0.4}],
}


def run(wall, *layers):
    """A world, its metrics, those of simulated time, and what was measured."""
    scenario, twin = world(layered(BUSY, *layers), REDIS), world(layered(BUSY, *layers), OWN)
    tally, measures = wall.simulate(scenario, 0, 1, 1.0, lambda share: None)
    assert not wall._services and not Path(wall._folder).exists()
    return tally, metrics(scenario, tally), metrics(twin, simulate(twin)), measures


def killed(signals):
    """The commands of the processes that were killed."""
    return [
        name for _, name in sorted({(one.pid, one.command) for one in signals if one.number == signal.SIGKILL})
    ]


@pytest.mark.parametrize("durable", [True, False])
def test_a_crash_kills_redis_and_it_keeps_what_it_should(wall, signals, durable):
    faults = {"servers": {"durable": durable}, "faults": [FAULT | {"kind": "crash"}]}
    _, real, virtual, measures = run(wall, faults)
    assert killed(signals) == ["redis-server"] * 3 and measures.strikes == 1  # and two at the end
    assert measures.nodes[2].refused[0] > 50 and measures.nodes[2].refused[1] == 0
    assert 0 < measures.nodes[0].back_late_s < 5.0
    assert (real["leases_lost"] > 20) is (virtual["leases_lost"] > 20) is (not durable)
    for name in ("launches", "leases_lost"):
        assert real[name] == pytest.approx(virtual[name], rel=0.1, abs=5), name
    closed_longer = 1.0 + measures.nodes[0].back_late_s / FAULT["duration_s"]  # until Redis answered again
    assert 0.9 * virtual["refusals"] - 5 < real["refusals"] < 1.1 * closed_longer * virtual["refusals"] + 5


def test_one_that_is_killed_often_has_the_books_leases_each_time(wall, signals):
    """Durable: what was under way was carried out or not, and the books follow."""
    _, real, virtual, measures = run(wall, OFTEN, {"servers": {"durable": True}})
    assert killed(signals) == ["redis-server"] * 5  # and two at the end
    assert real["launches"] == pytest.approx(virtual["launches"], rel=0.05)
    assert real["refusals"] > 100 and measures.nodes[0].cpu_s[2] > 0.0


def test_one_that_is_not_back_by_the_end_ends_the_run_in_time(wall, signals):
    _, real, virtual, measures = run(wall, {"faults": [FAULT | {"kind": "crash", "duration_s": 600.0}]})
    assert measures.strikes == 1
    assert real["refusals"] == pytest.approx(virtual["refusals"], rel=0.1)


def test_a_stall_stops_redis(wall, signals):
    _, real, virtual, measures = run(wall, {"faults": [FAULT | {"kind": "stall"}]})
    assert [one.number for one in signals[:2]] == [signal.SIGSTOP, signal.SIGCONT]
    assert signals[0].pid == signals[1].pid
    assert measures.round_trips.largest >= 1.8 * SECOND
    for name in ("launches", "attempts", "timeouts"):
        assert real[name] == pytest.approx(virtual[name], rel=0.1, abs=5), name


def test_a_redis_that_nobody_meant_to_kill_ends_the_run(wall, monkeypatch):
    prepared = WallSet._strike

    def strike(self, *arguments):
        threading.Timer(0.5, os.kill, (self._services[1].pid, signal.SIGKILL)).start()
        return prepared(self, *arguments)

    monkeypatch.setattr(WallSet, "_strike", strike)
    with pytest.raises(PeerLost, match="the redis-server of server 1 is lost"):
        run(wall)
    assert not wall._services and not Path(wall._folder).exists()


def test_where_there_is_no_redis_the_run_says_how_to_have_one(wall, monkeypatch):
    def missing(*_):
        raise RedisMissing("there is no redis-server; pip")

    monkeypatch.setattr(module, "RedisProcess", missing)
    with pytest.raises(ClusterError, match=r'servers\.backend = "redis": there is no redis-server; pip'):
        run(wall)
