"""A service that is killed while it works: what it had carried out by then, the books have, too."""

import signal

import numpy as np
import pytest
from meterstorm.actors.engine.invariants import InvariantViolation
from meterstorm.actors.shards.transport.frames import PeerLost
from meterstorm.actors.wall.backed import BackedSlice
from meterstorm.actors.wall.backends.backend import Gone
from meterstorm.actors.wall.backends.registry import backend_of, processes
from meterstorm.actors.wall.slice import Slice

from support.processes import eventually
from support.walled import each_backend, needs_redis, real, world

SECOND = 10**9
START, END = 2 * SECOND, 3 * SECOND  # of the crash, after a warm-up of half a second
STEP = SECOND // 10
LAYER = {
    "network": {"loss": 0.0, "latency_ms": 150.0},
    "clients": {"count": 200},
    "workload": {"launch_interval_s": 0.5},
    "products": [{"name": "editor", "licenses": 100}],
    "faults": [{"kind": "crash", "servers": [0], "start_s": 1.5, "duration_s": 1.0}],
}


class Pair:
    """A server with its service, and its clients, that go on without a clock."""

    def __init__(self, folder, backend, durable, *layers):
        scenario = world(real(backend), LAYER, {"servers": {"durable": durable}}, *layers)
        (self.process,) = processes(scenario, folder)
        self.process.start()
        self.process.wait()
        self.server = BackedSlice(scenario, 0, 0, 1, backend_of(scenario), folder)
        self.clients = Slice(scenario, 0, 1, 1)
        self.server.meet()

    def go_on(self, begin, until, closed=(START, END)):
        """Exchange messages each tenth of a second; a closed listener hears nothing."""
        for now in range(begin, until + 1, STEP):
            self.clients.advance(now)
            rows = self.clients.take()
            is_heard = (rows["time"] < closed[0]) | (rows["time"] >= closed[1])
            self.server.deliver(rows[is_heard].tobytes(), 1)
            self.server.advance(now)
            for _, answers in self.server.by_node(self.server.take()):
                answers["time"] = np.maximum(answers["time"], now)
                self.clients.deliver(answers.tobytes(), 0)

    def dropped(self):
        return int(self.server.world.servers[0].dropped)


@pytest.fixture(params=[True, False], ids=["durable", "not durable"])
def pair(tmp_path, request, backend):
    found = Pair(tmp_path, backend, request.param)
    found.durable = request.param
    yield found
    found.process.close()


def killed_after(pair, monkeypatch, steps):
    """Have the last steps before the crash carried out so far only, and the process killed."""
    service, asked = pair.server._service, []
    carry_out = service.carry_out

    def kill(some):
        asked.extend(some)
        carry_out(some[:steps])
        pair.process.send(signal.SIGKILL)
        raise Gone("killed")

    pair.go_on(0, START - STEP)
    monkeypatch.setattr(service, "carry_out", kill)
    pair.go_on(START, START)
    monkeypatch.setattr(service, "carry_out", carry_out)
    return [step for step in asked if step.what != "reclaim"]


@each_backend
@pytest.mark.parametrize("steps", [0, 3, 10_000])
def test_the_books_have_what_was_carried_out(pair, monkeypatch, steps):
    """The rest is lost with the queue, and so are all answers; a lease too many or too few ends the run."""
    asked = killed_after(pair, monkeypatch, steps)
    assert len(asked) > 10 and not pair.server.is_there and not pair.server.serves(START)
    pair.process.start()
    assert eventually(lambda: pair.server.serves(END))
    assert pair.dropped() == max(0, len(asked) - (steps if pair.durable else 0))
    assert not len(pair.server.take())
    pair.server.advance(END)
    assert bool(pair.server.world.control[0].leased > 0) is pair.durable
    pair.clients.advance(END)
    pair.clients.take()  # to a closed listener
    pair.go_on(END, pair.server.end)
    assert pair.server.tally().servers["decided"][0] > 0


@each_backend
def test_what_was_under_way_is_dropped_when_the_run_ends_before_it_is_back(pair, monkeypatch):
    asked = killed_after(pair, monkeypatch, 0)
    pair.server.advance(pair.server.end)
    assert pair.dropped() == len(asked) > 10


@needs_redis
def test_a_crash_before_it_was_seen_to_be_back_belongs_to_the_one_before(tmp_path, monkeypatch):
    """It is away from 2 s to 2.2 s and from 2.4 s to 3 s, and nobody looks before 2.6 s."""
    second = {"kind": "crash", "servers": [0], "start_s": 1.9, "duration_s": 0.6}
    pair = Pair(tmp_path, "redis", True, {"faults": [{**second, "start_s": 1.5, "duration_s": 0.2}, second]})
    killed_after(pair, monkeypatch, 0)
    assert not pair.server.serves(2_600_000_000)
    pair.process.start()
    assert not pair.server.serves(END - 1)
    assert eventually(lambda: pair.server.serves(END))
    assert pair.server.serves(END + 31 * SECOND)
    pair.process.close()


@needs_redis
@pytest.mark.parametrize("says", [0, 1])
def test_answers_to_what_came_in_a_stall_are_compared_too(tmp_path, monkeypatch, says):
    """The books give them when the stall is over, the service when they have come."""
    stall = {"kind": "stall", "servers": [0], "start_s": 1.5, "duration_s": 1.0}
    pair = Pair(tmp_path, "redis", False, {"faults": [stall], "products": [{"name": "editor", "licenses": 100}]})
    service = pair.server._service
    carry_out = service.carry_out

    def lie(steps):
        said = carry_out(steps)
        return [says if step.now == END else one for step, one in zip(steps, said, strict=True)]

    pair.go_on(0, START, (END, END))
    monkeypatch.setattr(service, "carry_out", lie)
    with pytest.raises(InvariantViolation, match=f"server 0 {'grants' if says else 'denies'} a request that"):
        pair.go_on(START + STEP, pair.server.end, (END, END))
    pair.process.close()


@each_backend
def test_one_that_is_gone_without_a_fault_ends_the_run(pair, monkeypatch):
    killed_after(pair, monkeypatch, 0)
    with pytest.raises(PeerLost, match="of server 0 is lost: it has ended, or does not answer: killed"):
        pair.server.serves(START - 1)


@each_backend
def test_one_that_is_not_back_in_time_ends_the_run(pair, monkeypatch):
    killed_after(pair, monkeypatch, 0)
    assert not pair.server.serves(END + 30 * SECOND)
    with pytest.raises(PeerLost, match="of server 0 is lost: not back in 30 s"):
        pair.server.serves(END + 30 * SECOND + 1)
