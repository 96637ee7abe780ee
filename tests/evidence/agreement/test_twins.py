"""Twins: a world in real time counts what 50 replications of it in simulated time say that it may count.

Each count must be in the band in which 99 of 100 further replications would be, or within three of it. Latencies
here are longer than what real messages take, so that both have the same ones.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest
from meterstorm.actors.cluster.connection import start_ray
from meterstorm.actors.cluster.wall_set import WallSet
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.shards.tally import Tally
from meterstorm.actors.wall.backends import postgres
from meterstorm.actors.wall.outcome import world_of
from meterstorm.experiments.comparisons import twin
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import Scenario

from support.walled import OWN, SOON, each_backend, outcomes, real, world

REPLICATIONS = 50

BASE: dict[str, Any] = {
    "run": {"duration_s": 9.0, "warmup_s": 1.0, "sample_s": 1.0},
    "network": {"latency_ms": 200.0, "jitter_ms": 0.0, "loss": 0.0},
    "servers": {"count": 2, "service_ms": 2.0, "reclaim_after_s": 0.0},
    "clients": {"count": 200, "heartbeat_s": 2.0, "request_timeout_s": 1.0},
    "products": [{"name": "editor", "licenses": 90}],
    "workload": {"launch_interval_s": 2.0, "run_time_s": 1.0},
    "policies": {"failover": {"name": "immediate"}},
}
FAULT = {"servers": [0], "start_s": 2.0, "duration_s": 2.0}
ALONE = {"servers": {"count": 1}, "policies": {"failover": {"name": "retry-then-failover", "retries": 100}}}
HOLDING = {"workload": {"launch_interval_s": 0.5, "run_time": "constant", "run_time_s": 1e6}}

# Those in which nothing is killed or stopped, in threads.
WELL: dict[str, dict[str, Any]] = {
    "calm": {},
    "cut off": {"faults": [FAULT | {"kind": "unreachable"}]},
    "closed": {"faults": [FAULT | {"kind": "refusing"}], "policies": {"failover": {"name": "full-jitter"}}},
    "overload": {
        "servers": {"service_ms": 12.0, "queue_limit": 10},
        "faults": [FAULT | {"kind": "slow", "factor": 3.0}],
    },
    "lossy": {"network": {"loss": 0.1, "jitter_ms": 30.0}, "clients": {"release_old": "deferred"}},
}
# Those in which a process is killed or stopped, on Ray.
STRUCK: dict[str, dict[str, Any]] = {
    "crash": {"servers": {"durable": False}, "faults": [FAULT | {"kind": "crash"}]},
    "lease collapse": {  # all holders live, but their server has not heard of them for as long as it stood still
        **HOLDING,
        **ALONE,
        "servers": {"count": 1, "reclaim_after_s": 2.5, "scan_s": 0.5},
        "faults": [FAULT | {"kind": "stall", "duration_s": 3.0}],
        "products": [{"licenses": 300}],
    },
    "connection storm": {  # all come back at one instant, and the listen queue is short
        **HOLDING,
        "servers": {"count": 1, "backlog": 8, "service_ms": 1.0},
        "clients": {"connection": "kept", "request_timeout_s": 3.0},
        "policies": {"failover": {"name": "capped-exponential", "base_s": 0.2, "cap_s": 0.2}},
        "faults": [FAULT | {"kind": "crash", "duration_s": 0.5}],
        "products": [{"licenses": 300}],
    },
}

# One whose servers are real ones, of which one is killed, in which leases are renewed and reclaimed.
REAL: dict[str, Any] = {
    "servers": {"reclaim_after_s": 3.0, "scan_s": 0.5, "durable": False},
    "faults": [FAULT | {"kind": "crash"}],
}


def band(scenario: Scenario) -> dict[str, tuple[float, float]]:
    """Where 99 of 100 further replications have each count, if it is normal."""
    worlds = [metrics(scenario, simulate(scenario, number)) for number in range(REPLICATIONS)]
    bands = {name: twin.band([one[name] for one in worlds]) for name in twin.COUNTS}
    return {name: (one.low, one.high) for name, one in bands.items()}


def check(scenario: Scenario, run: Callable[[Scenario], Tally], *also: str) -> None:
    """Run the wall-clock twin, and compare; these counts, too, must be large enough to say something."""
    real, bands = metrics(scenario, run(scenario)), band(scenario)
    outside = {
        name: (real[name], bands[name])
        for name in twin.COUNTS
        if not bands[name][0] <= real[name] <= bands[name][1]
    }
    assert outside == {}
    assert all(real[name] > 30 for name in ("grants", "messages", *also))


@pytest.mark.slow
@pytest.mark.parametrize("name", WELL)
def test_what_strikes_no_process_counts_as_its_twin(name: str):
    check(world(BASE, WELL[name]), lambda scenario: world_of(outcomes(scenario)))


@pytest.fixture(scope="module")
def wall():
    ray = start_ray(max(2, os.cpu_count() or 1))
    yield WallSet()
    ray.shutdown()


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.xdist_group("ray")
@pytest.mark.parametrize("name", STRUCK)
def test_what_strikes_processes_counts_as_its_twin(wall, name: str):
    also = {"crash": "refusals", "lease collapse": "leases_lost", "connection storm": "connects_dropped"}[name]
    check(world(BASE, STRUCK[name]), lambda one: wall.simulate(one, 0, 1, 1.0, lambda share: None)[0], also)


@each_backend
@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_real_servers_count_as_their_twin(wall, backend, monkeypatch):
    """The twin is away until they have answered again, which must be soon (actors/README.md, limits).

    Of 200 ms of latency their own milliseconds are little.
    """
    monkeypatch.setitem(postgres.OPTIONS, *SOON)
    tally, measured = wall.simulate(world(BASE, REAL, real(backend)), 0, 1, 1.0, lambda share: None)
    away_s = FAULT["duration_s"] + measured.nodes[0].back_late_s
    check(
        world(BASE, REAL, OWN, {"faults": [FAULT | {"kind": "crash", "duration_s": away_s}]}),
        lambda _: tally,
        "refusals",
    )


def test_a_band_is_left_by_what_is_not_its_twin():
    """A model that loses a server for no longer than a moment is no twin of one that loses it for two seconds."""
    scenario = world(BASE, WELL["cut off"])
    bands = band(scenario)
    other = metrics(world(BASE), simulate(world(BASE)))
    assert not bands["timeouts"][0] <= other["timeouts"] <= bands["timeouts"][1]
