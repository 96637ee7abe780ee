"""Faults that strike real processes: killed, stopped, with their listeners closed; books add up after each."""

import os
import signal
import threading
from pathlib import Path

import pytest
from meterstorm.actors.cluster.failures import ShardLost
from meterstorm.actors.cluster.wall_set import WallSet
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.metrics.metrics import metrics

from support.walled import BUSY, FAULT, world

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.xdist_group("ray")]

SECOND = 10**9


def is_gone(pid: int) -> bool:
    """Whether a process has ended, collected by its parent or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def run(wall, *layers, pace=1.0):
    """A world, its metrics, those of simulated time, and what was measured."""
    scenario = world(BUSY, *layers)
    shares = []
    tally, measures = wall.simulate(scenario, 0, 1, pace, shares.append)
    assert shares == sorted(shares) and max(shares, default=0.0) <= 1.0
    return tally, metrics(scenario, tally), metrics(scenario, simulate(scenario)), measures


@pytest.mark.parametrize("durable", [False, True])
def test_a_crash_kills_the_process_and_another_one_takes_its_place(wall, signals, durable):
    faults = {"servers": {"durable": durable}, "faults": [FAULT | {"kind": "crash"}]}
    tally, real, virtual, measures = run(wall, faults)
    (victim,) = [one.pid for one in signals if one.number == signal.SIGKILL]
    assert is_gone(victim)
    assert measures.strikes == 1 and measures.nodes[0].refused == dict.fromkeys((0, 1), 0)
    assert measures.nodes[2].refused[0] > 50 and measures.nodes[2].refused[1] == 0
    assert (real["leases_lost"] > 20) is (virtual["leases_lost"] > 20) is (not durable)
    for name in ("launches", "attempts", "refusals", "leases_lost"):
        assert real[name] == pytest.approx(virtual[name], rel=0.1, abs=5), name
    assert real["unmetered_license_hours"] == pytest.approx(virtual["unmetered_license_hours"], rel=0.25)
    assert tally.servers["decided"][0] > 100  # those before the kill are not forgotten


def test_a_server_that_is_killed_often_has_the_later_stand_bys_begin_during_the_run(wall, signals, monkeypatch):
    there = []
    begin = WallSet._actor
    monkeypatch.setattr(WallSet, "_actor", lambda self: there.append(len(signals)) or begin(self))
    crashes = [FAULT | {"kind": "crash", "start_s": float(at), "duration_s": 0.5} for at in (1, 3, 5)]
    _, real, virtual, measures = run(wall, {"servers": {"durable": True}, "faults": crashes})
    assert there == [0] * 5 + [1]  # two servers, a shard of clients, two stand-bys; and one after the first kill
    assert len({one.pid for one in signals if one.number == signal.SIGKILL}) == measures.strikes == 3
    assert real["launches"] == pytest.approx(virtual["launches"], rel=0.1, abs=5)
    assert measures.nodes[0].messages > 0 < measures.nodes[0].cpu_s[0]


def test_a_stall_stops_the_process_and_shows_in_the_round_trips(wall, signals):
    """Requests are answered late or never, and the wait counts from when each was meant to be sent."""
    _, real, virtual, measures = run(wall, {"faults": [FAULT | {"kind": "stall"}]})
    assert [one.number for one in signals[:2]] == [signal.SIGSTOP, signal.SIGCONT]
    assert signals[0].pid == signals[1].pid
    assert measures.round_trips.largest >= 1.8 * SECOND
    assert measures.round_trips.quantile(0.5) < 0.5 * SECOND
    for name in ("launches", "attempts", "timeouts"):
        assert real[name] == pytest.approx(virtual[name], rel=0.1, abs=5), name


def test_cpu_time_is_shared_among_before_during_and_after(wall):
    _, _, _, measures = run(wall, {"faults": [FAULT | {"kind": "slow", "factor": 10.0}]})
    for of_servers in (True, False):
        assert all(spent > 0.0 for spent in measures.cpu_s(of_servers))
    slow, other = (measures.nodes[s].cpu_s[1] for s in (0, 1))
    assert slow > other  # it burns what it is slower by; how much that is, test_standing.py says


def test_a_process_that_nobody_meant_to_kill_ends_the_run(wall, monkeypatch):
    prepared, killed = WallSet._strike, []

    def strike(self, *arguments):
        killed.append(self._pids[1])
        threading.Timer(0.5, os.kill, (self._pids[1], signal.SIGKILL)).start()
        return prepared(self, *arguments)

    monkeypatch.setattr(WallSet, "_strike", strike)
    with pytest.raises(ShardLost, match="a process of the run is lost"):
        run(wall)
    assert is_gone(killed[0]) and not os.path.exists(wall._folder)
