"""Faults that strike real processes: killed, stopped, with their listeners closed; books add up after each."""

import os
import signal
import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from meterstorm.actors.cluster.failures import ShardLost
from meterstorm.actors.cluster.wall_set import WallSet
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.shards.transport.sockets import tuned
from meterstorm.actors.state import counters
from meterstorm.actors.state.events import EVENT
from meterstorm.actors.wall.backends.family import has_ended
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.metrics.wall import in_full, of_wall

from support.processes import eventually
from support.walled import BUSY, FAULT, world

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.xdist_group("ray")]

SECOND = 10**9


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
    assert has_ended(victim)
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


def test_a_stall_stops_the_process(wall, signals):
    _, real, virtual, _ = run(wall, {"faults": [FAULT | {"kind": "stall"}]})
    assert [one.number for one in signals[:2]] == [signal.SIGSTOP, signal.SIGCONT]
    assert signals[0].pid == signals[1].pid
    for name in ("launches", "attempts", "timeouts"):
        assert real[name] == pytest.approx(virtual[name], rel=0.1, abs=5), name


def test_a_freeze_shows_in_the_high_quantiles_of_round_trips(wall, tmp_path):
    """One request each 0.1 s for 12 s, and a freeze from 3 s to 9 s, so that half of the 120 fall into it.

    Each counts from when it was meant to be sent: the one of 2.95 s arrives at 3.05 s, is answered at 9 s, and its
    client has that at 9.1 s, after 6.15 s; the next one took 0.1 s less, and so on. The others take two latencies.
    """
    launches = [f"{0.05 + 0.1 * k:.2f},{k},20" for k in range(120)]
    (tmp_path / "launches.csv").write_text("\n".join(["time_s,client,run_time_s", *launches]))
    one_each = {
        "run": {"duration_s": 13.0},
        "servers": {"count": 1},
        "clients": {"count": 120, "request_timeout_s": 10.0, "heartbeat_s": 0.0},
        "workload": {"arrivals": "trace", "trace": str(tmp_path / "launches.csv")},
        "faults": [FAULT | {"kind": "stall", "start_s": 3.0, "duration_s": 6.0}],
    }
    _, real, _, measures = run(wall, one_each)
    trips = measures.round_trips
    assert trips.bins.sum() == real["grants"] == 120 and measures.nodes[1].unanswered == 0
    of_rank = {1: 6.15, 2: 6.05, 12: 5.05, 30: 3.25, 59: 0.35}  # s, from the longest on
    found = {rank: trips.quantile((120.5 - rank) / 120) / SECOND for rank in of_rank}
    assert found == pytest.approx(of_rank, rel=0.1, abs=0.1)
    assert found[2] == trips.quantile(0.99) / SECOND
    assert trips.quantile(0.45) < 0.5 * SECOND


def test_what_is_due_when_a_server_stands_still_to_the_end_is_unsent(wall):
    """All who ask there fill its socket. What neither came out of that nor is in it never left.

    Requests are all that clients send, but for licenses that they give back: each was in an answer that came late.
    """
    frozen = {
        "run": {"warmup_s": 0.1, "duration_s": 5.0},
        "servers": {"count": 1},
        "network": {"latency_ms": 20.0},
        "clients": {"count": 10_000, "heartbeat_s": 0.0, "request_timeout_s": 0.1},
        "products": [{"licenses": 10_000}],
        "workload": {"launch_interval_s": 1.0, "run_time": "constant", "run_time_s": 1e6},
        "policies": {"failover": {"name": "tenacity"}},
        "faults": [FAULT | {"kind": "stall", "start_s": 0.0, "duration_s": 60.0}],
    }

    def wait(share: float) -> None:
        """Have the server continued when its clients have ended, however late they are."""
        assert share < 0.9 or eventually(lambda: not Path(wall._folder, "node-1").exists())

    scenario = world(BUSY, frozen)
    tally, measures = wall.simulate(scenario, 0, 1, 1.0, wait)
    server, clients = measures.nodes
    sent = int(tally.series[:, counters.ATTEMPTS].sum())
    assert clients.unsent > 0
    in_socket = sent - server.messages - clients.unsent
    assert -clients.messages <= in_socket <= held_by_a_socket() // EVENT.itemsize
    assert of_wall(metrics(scenario, tally), measures)["messages_unsent"] == clients.unsent + server.unsent
    assert in_full(measures)["processes"][1]["unsent"] == clients.unsent


def held_by_a_socket() -> int:
    """How many bytes one takes that nobody reads."""
    ours, theirs = map(tuned, socket.socketpair(socket.AF_UNIX))
    ours.setblocking(False)
    held = 0
    with ours, theirs, suppress(BlockingIOError):
        while True:
            held += ours.send(bytes(1 << 20))
    return held


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
    assert has_ended(killed[0]) and not os.path.exists(wall._folder)
