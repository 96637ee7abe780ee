"""Servers that are real ones: what they decide is what the books say, and a difference ends the run."""

import pytest
from meterstorm.actors.engine.invariants import InvariantViolation
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.wall.backed import BackedSlice
from meterstorm.actors.wall.backends.registry import BACKENDS
from meterstorm.experiments.metrics.metrics import metrics

from support.walled import OWN, each_backend, outcomes, real, undisturbed, world

pytestmark = each_backend

TWO = {"servers": {"count": 2}, "policies": {"failover": {"name": "immediate"}}}
LOSSY = {"network": {"loss": 0.15}, "clients": {"heartbeat_s": 0.6, "programs": 2}}
RECLAIMED = LOSSY, {"servers": {"reclaim_after_s": 0.7, "scan_s": 0.1}}
# What a heartbeat does not name is free, and many wait for it: some are granted who else would be denied.
NAMED = (
    LOSSY,
    {
        "run": {"duration_s": 6.0},
        "network": {"loss": 0.1, "latency_ms": 200.0},
        "servers": {"reclaim_after_s": 0.0},
        "clients": {"count": 150, "heartbeat_names_leases": True, "heartbeat_s": 0.3, "programs": 3},
        "products": [{"name": "editor", "licenses": 120}],
        "workload": {"launch_interval_s": 0.2, "run_time_s": 0.7},
    },
)
SHORT = {"run": {"duration_s": 1.0, "warmup_s": 0.2}}


def taking(seconds):
    """A server's part whose service takes so long, whatever it takes."""
    return type("Taking", (BackedSlice,), {"_delay_s": property(lambda self: seconds, lambda self, _: None)})


@pytest.mark.parametrize(("layers", "happens"), [(RECLAIMED, "leases_lost"), (NAMED, "denials")])
def test_what_it_decides_in_time_is_what_the_model_decides(monkeypatch, backend, layers, happens):
    """All events, at the same times: requests, releases, heartbeats, reclaims, loss and jitter."""
    monkeypatch.setattr("meterstorm.actors.wall.node.BackedSlice", taking(0.0))
    tally, found = undisturbed(world(real(backend), *layers))
    twin = world(OWN, *layers)
    virtual = simulate(twin)
    assert (tally.digest, tally.events) == (virtual.digest, virtual.events)
    assert found[0].measures.cpu_s[0] > 0.0 and metrics(twin, tally)[happens] > 3


def test_what_the_books_cannot_explain_ends_the_run(monkeypatch, backend):
    service = BACKENDS[backend].connect
    carry_out = service.carry_out
    monkeypatch.setattr(service, "carry_out", lambda self, steps: [0 for _ in carry_out(self, steps)])
    with pytest.raises(InvariantViolation, match="server 0 denies a request that the books do not: client"):
        outcomes(world(real(backend), SHORT))


def test_a_lease_that_it_has_lost_ends_the_run(monkeypatch, backend):
    service = BACKENDS[backend].connect
    leases = service.leases
    monkeypatch.setattr(service, "leases", lambda self: dict(list(leases(self).items())[1:]))
    with pytest.raises(InvariantViolation, match="lacks 1 leases of the books, and has 0 that are not there"):
        outcomes(world(real(backend), SHORT, {"network": {"loss": 0.0}, "workload": {"launch_interval_s": 0.1}}))


def test_the_time_that_it_takes_is_in_the_round_trips(monkeypatch, backend):
    monkeypatch.setattr("meterstorm.actors.wall.node.BackedSlice", taking(0.25))
    found = outcomes(world(real(backend), SHORT, {"network": {"jitter_ms": 0.0, "loss": 0.0}}), pace=2.0)
    assert found[-1].measures.round_trips.quantile(0.5) >= 1.1e9  # 0.6 s on the way, and 0.25 real seconds


def test_two_servers_have_their_own(backend):
    tally, _ = undisturbed(world(real(backend), TWO))
    assert all(tally.servers["decided"][s] > 10 for s in (0, 1))
