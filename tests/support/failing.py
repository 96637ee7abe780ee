"""What a failover policy does in a long row of failures: whether it is hasty, and how long it pauses."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from meterstorm.policies.failover import FAIL_OVER, GIVE_UP, OVERLOADED, REFUSED, TIMED_OUT, Decision, Link
from meterstorm.policies.registry import resolve

# A policy that pauses for less than this in its last 20 of 40 failures asks as fast as the network answers.
HASTY_S = 10.0


def decisions(failover: dict[str, Any], servers: int, kind: int, u: float) -> Iterator[Decision]:
    """What a failover policy decides in a long row of failures of one request, until it gives up."""
    policy = resolve("failover", failover["name"], {k: v for k, v in failover.items() if k != "name"})
    memory = np.zeros(int(getattr(policy, "memory_size", 0)))
    now_s, here, moves = 0.0, 0, 0
    for failures in range(1, 41):
        here += 1
        decision = policy.on_failure(Link(now_s, kind, 0.0, here, failures, moves, servers, 1), memory, u)
        yield decision
        now_s += decision.delay_s
        if decision.action == GIVE_UP:
            return
        if decision.action == FAIL_OVER:
            moves += 1
            here = 0 if servers > 1 else here


def is_hasty(failover: dict[str, Any], servers: int) -> bool:
    """Whether a policy may ask again and again without a pause."""
    for kind in (REFUSED, OVERLOADED):
        row = list(decisions(failover, servers, kind, 0.5))
        if row[-1].action != GIVE_UP and sum(decision.delay_s for decision in row[-20:]) < HASTY_S:
            return True
    return False


def longest_pause_s(failover: dict[str, Any], servers: int) -> float:
    """The longest pause before a policy's next attempt; spells offline are no pauses, since they decide."""
    return max(
        decision.delay_s if decision.action <= FAIL_OVER else 0.0
        for kind in (TIMED_OUT, REFUSED, OVERLOADED)
        for u in (0.0, 0.5, 1.0)
        for decision in decisions(failover, servers, kind, u)
    )
