"""The model in a storm: every server is away from the start, and clients fail over at once, forever."""

from . import TIMEOUT_S, Sample, meterstorm_timeouts

STORM = {
    "policies": {"failover": {"name": "immediate"}, "balancing": {"name": "static"}},
    "faults": [{"kind": "unreachable", "servers": "all", "start_s": 0.0, "duration_s": 1e9}],
}


def simulate(clients: int, seconds: float, seed: int) -> Sample:
    """Simulate for `seconds`."""
    return meterstorm_timeouts.simulate(clients, seconds, seed, TIMEOUT_S, STORM)
