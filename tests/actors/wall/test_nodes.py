"""Worlds in real time: where nothing comes late, all that happens is what happens in simulated time."""

import sqlite3
import time
from contextlib import closing

import numpy as np
import pytest
from meterstorm.actors.engine.invariants import InvariantViolation
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.shards.transport.frames import Frame, TransportError
from meterstorm.actors.state import kinds
from meterstorm.actors.state.events import EVENT
from meterstorm.actors.wall import node as module
from meterstorm.actors.wall.arrivals import Arrived
from meterstorm.actors.wall.clock import Clock
from meterstorm.actors.wall.node import ALL_TOLD, ROWS, Node, Position
from meterstorm.actors.wall.outcome import world_of
from meterstorm.experiments.metrics.metrics import metrics

from support.walled import KEY, at_once, outcomes, undisturbed, world

SECOND = 10**9
TWO = {"servers": {"count": 2}, "policies": {"failover": {"name": "immediate"}}}
UNREACHABLE = {"kind": "unreachable", "servers": [0], "start_s": 1.0, "duration_s": 1.0}
# Counts that depend on when a server's process heard of the licenses of others.
CAUSES = (
    "denials_misplaced",
    "denials_stranded",
    "denials_ghost",
    "denials_exhausted",
    "abnormal_denial_fraction",
)
ONE_PROCESS = ("imbalance_mean", "imbalance_max", "time_to_balance_s")


def test_nothing_late_gives_the_digest_of_simulated_time():
    """All events, at the same times, in the same order: draws, losses, jitter, reclaims."""
    scenario = world()
    tally, _ = undisturbed(scenario)
    virtual = simulate(scenario)
    assert (tally.digest, tally.events) == (virtual.digest, virtual.events)
    assert (tally.series == virtual.series).all()


def test_the_pace_changes_nothing_but_the_time_it_takes():
    scenario = world({"network": {"latency_ms": 600.0}})
    tally, found = undisturbed(scenario, client_shards=2, pace=2.0)
    assert tally.digest == simulate(scenario).digest
    assert sum(one.measures.messages for one in found) > 100


@pytest.mark.parametrize("fault", [UNREACHABLE, UNREACHABLE | {"kind": "slow", "factor": 4.0}])
def test_servers_apart_count_what_servers_together_count(fault):
    scenario = world(TWO, {"faults": [fault]})
    tally, _ = undisturbed(scenario)
    real, virtual = metrics(scenario, tally), metrics(scenario, simulate(scenario))
    differ = {name for name in real if real[name] != pytest.approx(virtual[name], nan_ok=True)}
    assert differ <= {*CAUSES, *ONE_PROCESS}
    assert real["denials"] > 0 and real["failovers"] > 0


def test_a_closed_listener_refuses_and_counts_what_it_refuses():
    scenario = world(TWO, {"faults": [UNREACHABLE | {"kind": "refusing"}]})
    tally, found = undisturbed(scenario)
    real, virtual = metrics(scenario, tally), metrics(scenario, simulate(scenario))
    assert found[-1].measures.refused[0] > 0 == found[-1].measures.refused[1]
    assert real["refusals"] == pytest.approx(virtual["refusals"], abs=3)
    assert real["attempts"] == pytest.approx(virtual["attempts"], abs=10)


def by_hand(scenario, folder, until: int) -> tuple[Node, Node]:
    """A server and its clients that have come so far without a clock."""
    server, clients = (Node(scenario, 0, Position(node, 1, str(folder), KEY)) for node in (0, 1))
    for now in range(0, until, 100_000_000):
        clients.slice.advance(now)
        rows = clients.slice.take().tobytes()
        server._take_in([Arrived(server.slice.reached, 1, ROWS, server._on_time(frame(rows), now))])
        server.slice.advance(now)
        for _, answers in server.slice.by_node(server.slice.take()):
            clients._take_in([Arrived(now, 0, ROWS, answers.tobytes())])
    return server, clients


def frame(rows: bytes) -> Frame:
    """A frame of messages from the clients."""
    return Frame(1, 0, 0, ROWS, rows)


def test_a_process_that_takes_over_is_what_the_killed_one_was(tmp_path):
    """From its arrivals alone: the same events, and the same tables of leases."""
    scenario = world()
    server, clients = by_hand(scenario, tmp_path, 3_000_000_000)
    successor = Node(scenario, 0, Position(0, 1, str(tmp_path), KEY))
    successor.take_over(server.slice.reached)
    assert successor.slice.digest == server.slice.digest != 0
    assert (successor.slice.world.leases == server.slice.world.leases).all()
    assert server.slice.world.control[0].leased > 0
    for node in (server, clients, successor):
        node.close()


def test_no_answer_leaves_before_its_request_is_on_disk(tmp_path, monkeypatch):
    """In a turn in which requests come and answers go: what another connection to the log sees is on disk."""
    scenario = world({"servers": {"durable": True, "service_ms": 0.0}, "network": {"loss": 0.0}})
    server, clients = (Node(scenario, 0, Position(node, 1, str(tmp_path), KEY)) for node in (0, 1))
    clients.slice.advance(SECOND)
    asked = clients.slice.take()
    answers = []

    def leave(peer, kind, payload, reached):
        if kind == ROWS:
            answers.extend(np.frombuffer(payload, EVENT)[["target", "attempt"]].tolist())
        with closing(sqlite3.connect(tmp_path / "arrivals-0")) as log:
            on_disk = b"".join(rows for (rows,) in log.execute("SELECT payload FROM arrivals"))
        assert set(answers) <= set(np.frombuffer(on_disk, EVENT)[["source", "attempt"]].tolist())
        return True

    monkeypatch.setattr(server._exchange, "put", leave)
    monkeypatch.setattr(server._exchange, "wait", lambda seconds: [frame(asked.tobytes())])
    server._turn(Clock(time.monotonic_ns() - 2 * SECOND))
    assert len(answers) >= np.count_nonzero(asked["kind"] == kinds.REQUEST) > 10
    for node in (server, clients):
        node.close()


def test_what_a_killed_process_had_spent_and_counted_is_its_successors(tmp_path, monkeypatch):
    """A stand-by is there before the first arrival, and what its replay takes is not the server's."""
    spent_s = [0.0]
    monkeypatch.setattr("time.process_time", lambda: spent_s[0])
    scenario = world({"faults": [{"kind": "crash", "servers": [0], "start_s": 1.5, "duration_s": 0.5}]})
    successor = Node(scenario, 0, Position(0, 1, str(tmp_path), KEY))
    server, clients = by_hand(scenario, tmp_path, SECOND)
    server._unsent, server._back_late_s, spent_s[0] = 3, 0.25, 40.0
    server._take_in([Arrived(SECOND, 1, ALL_TOLD, b"")])
    spent_s[0] = 1000.0  # that of the stand-by's process
    successor.take_over(2 * SECOND)
    had, has = server._account()._replace(cpu_s=40.0), successor._account()
    assert has[1:] == had[1:]
    assert had.messages > 50
    spent_s[0] += 5.0
    successor._cpu.turn(3 * SECOND)
    assert successor._cpu.cpu_s() == (40.0, 5.0, 0.0)
    for node in (server, clients, successor):
        node.close()


def test_books_that_do_not_add_up_are_an_error():
    found = outcomes(world({"run": {"duration_s": 1.0, "warmup_s": 0.1}, "network": {"loss": 0.0}}))
    world_of(found)
    held = found[-1].books.held
    assert len(held) > 0
    stolen = held[:1].copy()
    stolen["program"] += 1000
    found[-1] = found[-1]._replace(books=found[-1].books._replace(held=np.concatenate([held, stolen])))
    with pytest.raises(
        InvariantViolation, match="1 programs run under leases that no server has or has lost: client"
    ):
        world_of(found)


def test_who_does_not_come_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MEET_S", 0.2)
    server = Node(world(), 0, Position(0, 1, str(tmp_path), KEY))
    with pytest.raises(TransportError, match=r"nodes \[1\] have not come in 0.2 s"):
        server.meet()
    server.close()


def test_a_frame_that_makes_no_sense_names_its_sender(tmp_path):
    nodes = [Node(world(), 0, Position(node, 1, str(tmp_path), KEY)) for node in (0, 1)]
    at_once(Node.meet, nodes)
    with pytest.raises(TransportError, match="node 1: sent a frame of kind 77"):
        nodes[0]._take_in([Arrived(0, 1, 77, b"")])
    with pytest.raises(TransportError, match="node 1: sent 7 bytes, not a multiple of 48"):
        nodes[0]._take_in([Arrived(0, 1, ROWS, b"1234567")])
    for node in nodes:
        node.close()
