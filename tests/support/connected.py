"""Drawn scenarios of which some have clients that keep connections. This follows from their seeds."""

import random
from typing import Any


def with_connections(raw: dict[str, Any], costs: tuple[float, ...] = (0.0, 0.2, 1.0)) -> dict[str, Any]:
    """The scenario, in three of ten cases with connections, of which an accepted one costs one of these."""
    chance = random.Random(raw["run"]["seed"] + 2)
    if chance.random() < 0.3:
        raw["clients"]["connection"] = "kept"
        raw["servers"] |= {"connect_cost": chance.choice(costs), "backlog": chance.choice([0, 0, 1, 4])}
        if chance.random() < 0.5:
            raw["servers"] |= {
                "on_lost_connection": "free",
                "connection_grace_s": chance.choice([0.0, chance.uniform(0.5, 60.0)]),
            }
        if chance.random() < 0.5:
            raw["clients"] |= {
                "keepalive_s": chance.uniform(5.0, 40.0),
                "keepalive_misses": chance.choice([1, 2, 3]),
            }
        if (
            raw["network"]["latency_ms"] > 0 and chance.random() < 0.3
        ):  # CONNECTs are repeated before they are answered
            raw["network"]["latency_ms"] = chance.uniform(500.0, 3000.0)
    return raw
