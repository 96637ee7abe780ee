"""Failover, failback and selection policies, and the order in which servers serve."""

import math
from random import Random

RETRY, FAIL_OVER, OFFLINE, GIVE_UP = "retry", "fail over", "offline", "give up"
ASK_FIRST, WHEN_ASKED, PROBE, MOVE, CHOOSE = "at-next-request", "drain", "probe", "move", "choose"


def on_failure(policy: dict, tries_here: int, failures: int, stream: Random) -> tuple[str, float]:
    """What a failover policy decides after `tries_here` failures on end here, `failures` of this request."""
    name = policy["name"]
    if name == "immediate":
        return FAIL_OVER, 0.0
    if name == "never":
        return GIVE_UP, 0.0
    if name == "retry-then-give-up":
        return (RETRY, policy["delay_s"]) if failures <= policy["retries"] else (GIVE_UP, 0.0)
    again = tries_here <= policy["retries"]
    if name == "retry-then-failover":
        return (RETRY, policy["delay_s"]) if again else (FAIL_OVER, 0.0)
    if name == "sms2-documented":
        return (RETRY, policy["delay_s"]) if again else (OFFLINE, policy["offline_s"])
    if name == "full-jitter":
        longest = min(policy["cap_s"], policy["base_s"] * 2.0 ** min(tries_here, 60))
        return (RETRY, stream.uniform(0.0, longest)) if again else (FAIL_OVER, 0.0)
    raise ValueError(name)


def plan(policy: dict, stream: Random) -> tuple[str, float]:
    """What a failback policy plans for a client that is away, and after how many seconds."""
    name = policy["name"]
    if name == "probe":
        return PROBE, policy["interval_s"] + stream.uniform(0.0, policy["jitter_s"])
    if name == "max-age":
        age_s = policy["max_age_s"] * stream.uniform(1 - policy["jitter"], 1 + policy["jitter"])
        return (MOVE if policy["preferred"] else CHOOSE), age_s
    return name, 0.0


def lifo_after_s(admission: dict) -> float:
    """How long a server's queue must not have been empty for what comes then to be served first."""
    standing_s = {"lifo": 0.0, "adaptive-lifo": 0.1}.get(admission["name"], math.inf)
    return float(admission.get("lifo_after_s", standing_s))


def next_server(policy: dict, current: int, count: int, stream: Random) -> int:
    """Where a selection policy sends a client that leaves `current`."""
    if policy["name"] == "ring":
        return (current + 1) % count
    if policy["name"] == "sticky-random":
        return (current + 1 + stream.randrange(count - 1)) % count if count > 1 else current
    raise ValueError(policy["name"])
