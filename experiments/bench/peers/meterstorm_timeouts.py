"""The model as a scenario of this package, with a time-out set for every request."""

from typing import Any

from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.state import counters

from ...scenario import Scenario, validate
from . import CLIENTS_PER_LICENSE, HOLD_S, LATENCY_S, SERVERS, THINK_S, TIMEOUT_S, Sample, timed

DENIED = [counters.MISPLACED, counters.STRANDED, counters.GHOST, counters.EXHAUSTED]


def scenario(clients: int, seconds: float, seed: int, timeout_s: float, changes: dict[str, Any]) -> Scenario:
    """Return the model, with sections replaced; without, only that happens in it which every program simulates."""
    settings: dict[str, Any] = {
        "title": "the micro-model of the engine's benchmark",
        "run": {"duration_s": seconds, "warmup_s": 0.0, "seed": seed, "sample_s": seconds},
        "network": {"latency_ms": 1000 * LATENCY_S},
        "servers": {"count": SERVERS, "service_ms": 0.0, "reclaim_after_s": 0.0, "scan_s": 1e9},
        "products": [{"name": "editor", "licenses": clients // CLIENTS_PER_LICENSE}],
        "clients": {
            "count": clients, "enforcement": "before-start", "request_timeout_s": timeout_s, "heartbeat_s": 0.0
        },
        "workload": {"launch_interval_s": THINK_S, "run_time_s": HOLD_S},
        "policies": {"failover": {"name": "never"}, "balancing": {"name": "static"}},
    }  # fmt: skip
    return validate(settings | changes)


def simulate(
    clients: int, seconds: float, seed: int, timeout_s: float = TIMEOUT_S, changes: dict[str, Any] | None = None
) -> Sample:
    """Simulate for `seconds`."""
    shard = Shard(scenario(clients, seconds, seed, timeout_s, changes or {}))
    cpu_s = timed(lambda: shard.run(shard.end))
    tally = shard.tally()
    counts = tally.series.sum(axis=0)
    return Sample(cpu_s, tally.events, int(counts[counters.GRANTS]), int(counts[DENIED].sum()))
