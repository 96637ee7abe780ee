"""Real servers that are killed, stopped and started again: they cost what the model says, and none is left."""

import signal
import threading
from pathlib import Path

import pytest
from meterstorm.actors.cluster import wall_set as module
from meterstorm.actors.cluster.connection import ClusterError
from meterstorm.actors.cluster.wall_set import WallSet
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.shards.transport.frames import PeerLost
from meterstorm.actors.wall.backed import BACK_S
from meterstorm.actors.wall.backends import postgres
from meterstorm.actors.wall.backends.backend import missing
from meterstorm.actors.wall.backends.process import ServiceProcess
from meterstorm.actors.wall.backends.registry import BACKENDS
from meterstorm.experiments.metrics.metrics import metrics

from support.layers import layered
from support.processes import told
from support.walled import BUSY, FAULT, OWN, SOON, each_backend, real, world

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.xdist_group("ray")]

SECOND = 10**9
# Heartbeats, reclaims, and a server that is killed three times while much is under way.
OFTEN = {
    "servers": {"reclaim_after_s": 1.5, "scan_s": 0.5},
    "clients": {"heartbeat_s": 1.0, "count": 1500},
    "products": [{"name": "editor", "licenses": 700}],
    "faults": [FAULT | {"kind": "crash", "repeat_s": 2.0, "repeats": 3, "duration_s": 0.4}],
}


def run(wall, backend, *layers):
    """A world, its metrics, those of simulated time, and what was measured."""
    scenario, twin = world(layered(BUSY, *layers), real(backend)), world(layered(BUSY, *layers), OWN)
    tally, measures = wall.simulate(scenario, 0, 1, 1.0, lambda share: None)
    assert not wall._services and not Path(wall._folder).exists()
    return tally, metrics(scenario, tally), metrics(twin, simulate(twin)), measures


@pytest.fixture
def sent(monkeypatch):
    """The signals that a run sends to its services: the command that each one runs, its pid and the number."""
    found, send = [], ServiceProcess.send

    def note(self, number):
        found.append((told(self.pid, "comm").strip(), self.pid, number))
        send(self, number)

    monkeypatch.setattr(ServiceProcess, "send", note)
    return found


def killed(sent, backend):
    """How many services were killed."""
    pids = {(command, pid) for command, pid, number in sent if number == signal.SIGKILL}
    assert {command for command, _ in pids} == {BACKENDS[backend].name}
    return len(pids)


@each_backend
@pytest.mark.parametrize("durable", [True, False])
def test_a_crash_kills_it_and_it_keeps_what_it_should(wall, sent, backend, durable):
    faults = {"servers": {"durable": durable}, "faults": [FAULT | {"kind": "crash"}]}
    _, found, virtual, measures = run(wall, backend, faults)
    assert killed(sent, backend) == 3 and measures.strikes == 1  # and two at the end
    assert measures.nodes[2].refused[0] > 50 and measures.nodes[2].refused[1] == 0
    assert 0 < measures.nodes[0].back_late_s < BACK_S
    assert (found["leases_lost"] > 20) is (virtual["leases_lost"] > 20) is (not durable)
    for name in ("launches", "leases_lost"):
        assert found[name] == pytest.approx(virtual[name], rel=0.1, abs=5), name
    closed_longer = 1.0 + measures.nodes[0].back_late_s / FAULT["duration_s"]  # until it answered again
    assert 0.9 * virtual["refusals"] - 5 < found["refusals"] < 1.1 * closed_longer * virtual["refusals"] + 5


@each_backend
def test_one_that_is_killed_often_has_the_books_leases_each_time(wall, sent, backend, monkeypatch):
    """Durable: what was under way was carried out or not, and the books follow."""
    monkeypatch.setitem(postgres.OPTIONS, *SOON)
    _, found, virtual, measures = run(wall, backend, OFTEN, {"servers": {"durable": True}})
    assert killed(sent, backend) == 5  # and two at the end
    assert found["launches"] == pytest.approx(virtual["launches"], rel=0.05)
    assert found["refusals"] > 100 and sum(measures.nodes[0].cpu_s) > 0.0  # it may be back only at the very end


@each_backend
def test_one_that_is_not_back_by_the_end_ends_the_run_in_time(wall, sent, backend):
    _, found, virtual, measures = run(wall, backend, {"faults": [FAULT | {"kind": "crash", "duration_s": 600.0}]})
    assert measures.strikes == 1
    assert found["refusals"] == pytest.approx(virtual["refusals"], rel=0.1)


@each_backend
def test_a_stall_stops_it(wall, sent, backend):
    _, found, virtual, measures = run(wall, backend, {"faults": [FAULT | {"kind": "stall"}]})
    stopped, continued, *_ = sent
    assert (stopped[2], continued[2]) == (signal.SIGSTOP, signal.SIGCONT) and stopped[:2] == continued[:2]
    assert measures.round_trips.largest >= 1.8 * SECOND
    for name in ("launches", "attempts", "timeouts"):
        assert found[name] == pytest.approx(virtual[name], rel=0.1, abs=5), name


@each_backend
def test_one_that_nobody_meant_to_kill_ends_the_run(wall, backend, monkeypatch):
    prepared = WallSet._strike

    def strike(self, *arguments):
        threading.Timer(0.5, self._services[1].send, [signal.SIGKILL]).start()
        return prepared(self, *arguments)

    monkeypatch.setattr(WallSet, "_strike", strike)
    with pytest.raises(PeerLost, match=f"the {BACKENDS[backend].name} of server 1 is lost"):
        run(wall, backend)
    assert not wall._services and not Path(wall._folder).exists()


def test_where_there_is_none_the_run_says_how_to_have_one(wall, monkeypatch):
    def none(*_):
        raise missing("redis-server")

    monkeypatch.setattr(module, "processes", none)
    with pytest.raises(ClusterError, match=r'servers\.backend = "redis": there is no redis-server; pip'):
        run(wall, "redis")
