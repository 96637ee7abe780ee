"""How far shards go alone: as far as nothing can reach them, and no farther."""

from typing import Any

import pytest
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.scenario import validate

from support.layers import layered
from support.meshed import simulate_on_shards

LATENCY_S, DURATION_S = 0.005, 600.0

WORLD: dict[str, Any] = {
    "title": "clients that ask for more licenses than there are",
    "run": {"duration_s": DURATION_S, "warmup_s": 0.0},
    "network": {"latency_ms": 1000 * LATENCY_S},
    "servers": {"count": 2, "service_ms": 0.0},
    "products": [{"name": "editor", "licenses": 20}],
    "clients": {"count": 60, "heartbeat_s": 0.0, "request_timeout_s": 1.0},
    "workload": {"launch_interval_s": 20.0, "run_time_s": 30.0},
    "policies": {"failover": {"name": "immediate"}, "balancing": {"name": "static"}},
}

STORM = {"faults": [{"kind": "unreachable", "servers": "all", "start_s": 0.0, "duration_s": DURATION_S}]}


@pytest.mark.parametrize("shards", [2, 3])
def test_clients_do_not_wait_for_servers_that_owe_them_nothing(shards):
    """In a storm all requests are lost: a client's every second would else be 200 windows."""
    scenario = validate(WORLD | STORM)
    tally = simulate_on_shards(scenario, shards)
    assert tally.digest == simulate(scenario).digest
    assert tally.events > 60 * DURATION_S / 2
    assert tally.timing.windows / shards < DURATION_S / LATENCY_S / 50


@pytest.mark.parametrize("denial", [{"name": "give-up"}, {"name": "retry", "delay_s": 5.0}, {"name": "callback"}])
@pytest.mark.parametrize("shards", [2, 3])
def test_a_release_reaches_those_who_wait_for_it(denial, shards):
    """Released licenses call users back, also those of third shards; where nobody is called, nobody waits."""
    scenario = validate(layered(WORLD, {"policies": {"denial": denial}}))
    tally = simulate_on_shards(scenario, shards)
    assert tally.digest == simulate(scenario).digest


def test_time_on_shards_is_computing_exchanging_or_waiting():
    tally = simulate_on_shards(validate(WORLD), 2)
    shares = tally.timing.shares(2)
    assert sum(shares[name] for name in ("computing", "exchanging", "waiting")) == pytest.approx(1.0)
    assert all(shares[name] > 0 for name in shares)
    assert shares["windows"] * 2 == tally.timing.windows
