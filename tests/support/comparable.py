"""Small scenarios that the reference plays with the engine's draws: without policies that draw, jitter and loss.

Times are odd, and services random, so that nothing but what belongs together happens at one instant.
"""

from random import Random
from typing import Any

from support import groups, recountable
from support.observed import with_observations
from support.recountable import Raw

TIMES = ("_s", "_ms")
CHANCE = {"loss", "client-crash"}
DRAWING = {"full-jitter", "retry", "sticky-random"}  # policies
BALANCING = ("static", "shared-pool")  # who moves licenses has messages of its own at one instant


def scenario(random: Random) -> Raw:
    """At most 20 clients, half an hour."""
    while True:
        raw = recountable.scenario(random)
        named = {policy["name"] for policy in raw["policies"].values()}
        if not named & DRAWING:
            return _with_groups(_without_chance(raw, random))


def _without_chance(raw: Raw, random: Random) -> Raw:
    some = random.choice
    raw["title"] = "the same draws"
    raw["network"] = {"latency_ms": raw["network"]["latency_ms"]}
    raw["servers"].pop("callback_cycle_s")
    raw["servers"] |= {"service": "exponential", "service_ms": some([50.0, 1000.0])}
    raw["servers"] |= {"heartbeat_cost": some([0.2, 1.0]), "release_cost": some([0.2, 1.0])}
    raw["workload"]["launch"] = some(["exponential", "lognormal", "gamma"])
    raw["workload"] = with_observations(raw["workload"], least=0.01)
    raw["servers"].pop("connect_cost", None)
    if not raw["policies"]["failover"].get("retries"):  # else a million connections may wait to be accepted
        for key in ("connection", "keepalive_s", "keepalive_misses"):
            raw["clients"].pop(key, None)
        for key in ("backlog", "on_lost_connection", "connection_grace_s"):
            raw["servers"].pop(key, None)
    calls_back = raw["policies"]["denial"]["name"] == "callback"  # in one line at several servers, if all share
    raw["policies"]["balancing"] = {"name": "static" if calls_back else some(BALANCING)}
    raw["policies"]["admission"].pop("retry_after_s", None)
    if "jitter" in raw["policies"]["denial"]:
        raw["policies"]["denial"]["jitter"] = 0.0
    raw["faults"] = [fault for fault in raw["faults"] if fault["kind"] not in CHANCE]
    for table in (raw["network"], raw["servers"], raw["clients"], *raw["policies"].values(), *raw["faults"]):
        _make_odd(table, random)
    return raw


def _with_groups(raw: Raw) -> Raw:
    """The scenario, half of the time with groups. This follows from its seed."""
    chance = Random(raw["run"]["seed"] + 2)
    if chance.random() < 0.5:
        return raw
    others = [_other(raw, chance) for _ in range(chance.choice([1, 2]))]
    made = groups.drawn(chance, others)
    for group in made:
        group["set"].pop("clients.failback_moves", None)
        _make_odd(group["set"], chance)
    return groups.named(chance, raw | {"groups": made})


def _other(raw: Raw, chance: Random) -> Raw:
    """Settings of clients without policies that draw; none calls back where servers share a pool."""
    clients, shared = raw["clients"], raw["policies"]["balancing"]["name"] == "shared-pool"
    while True:
        other = recountable.of_clients(chance, clients["count"], clients["programs"], raw["servers"]["count"])
        policies = other["policies"]
        policies.pop("failback", None)
        is_called_back = policies["denial"]["name"] == "callback"
        if not {policy["name"] for policy in policies.values()} & DRAWING and not (shared and is_called_back):
            break
    other["workload"]["launch"] = chance.choice(["exponential", "lognormal", "gamma"])
    policies["denial"] |= {"jitter": 0.0} if "jitter" in policies["denial"] else {}
    for policy in policies.values():
        _make_odd(policy, chance)
    return other


def _make_odd(table: dict[str, Any], random: Random) -> None:
    """Times a little shorter, each by another part."""
    for key in [key for key in table if key.endswith(TIMES)]:
        table[key] *= 1 - random.random() / 50
