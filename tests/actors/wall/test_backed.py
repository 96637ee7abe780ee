"""Servers that are redis-servers: what they decide is what the books say, and a difference ends the run."""

import pytest
from meterstorm.actors.engine.invariants import InvariantViolation
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.wall.backed import BackedSlice
from meterstorm.actors.wall.redis_leases import RedisLeases

from support.walled import OWN, REDIS, needs_redis, outcomes, undisturbed, world

pytestmark = needs_redis

TWO = {"servers": {"count": 2}, "policies": {"failover": {"name": "immediate"}}}
SHORT = {"run": {"duration_s": 1.0, "warmup_s": 0.2}}


def taking(seconds):
    """A server's part whose service takes so long, whatever it takes."""
    return type("Taking", (BackedSlice,), {"_delay_s": property(lambda self: seconds, lambda self, _: None)})


def test_what_redis_decides_in_time_is_what_the_model_decides(monkeypatch):
    """All events, at the same times: requests, releases, heartbeats, reclaims, loss and jitter."""
    monkeypatch.setattr("meterstorm.actors.wall.node.BackedSlice", taking(0.0))
    layers = {"clients": {"heartbeat_names_leases": True, "programs": 2}}
    tally, found = undisturbed(world(REDIS, layers))
    virtual = simulate(world(OWN, layers))
    assert (tally.digest, tally.events) == (virtual.digest, virtual.events)
    assert found[0].measures.cpu_s[0] > 0.0


def test_what_the_books_cannot_explain_ends_the_run(monkeypatch):
    carry_out = RedisLeases.carry_out
    monkeypatch.setattr(RedisLeases, "carry_out", lambda self, steps: [0 for _ in carry_out(self, steps)])
    with pytest.raises(InvariantViolation, match="server 0 denies a request that the books do not: client"):
        outcomes(world(REDIS, SHORT))


def test_a_lease_that_redis_has_lost_ends_the_run(monkeypatch):
    leases = RedisLeases.leases
    monkeypatch.setattr(RedisLeases, "leases", lambda self: dict(list(leases(self).items())[1:]))
    with pytest.raises(InvariantViolation, match="lacks 1 leases of the books, and has 0 that are not there"):
        outcomes(world(REDIS, SHORT, {"network": {"loss": 0.0}, "workload": {"launch_interval_s": 0.1}}))


def test_the_time_that_redis_takes_is_in_the_round_trips(monkeypatch):
    monkeypatch.setattr("meterstorm.actors.wall.node.BackedSlice", taking(0.25))
    found = outcomes(world(REDIS, SHORT, {"network": {"jitter_ms": 0.0, "loss": 0.0}}), pace=2.0)
    assert found[-1].measures.round_trips.quantile(0.5) >= 1.1e9  # 0.6 s on the way, and 0.25 real seconds


def test_two_servers_have_their_own():
    tally, _ = undisturbed(world(REDIS, TWO))
    assert all(tally.servers["decided"][s] > 10 for s in (0, 1))
