"""Groups of clients for the scenarios that hypothesis draws."""

from random import Random

from support import groups, recountable
from support.recountable import Raw

# None of them asks again and again without a pause; the last two would where there is no other server.
BREAKER = {"name": "finagle-accrual", "failures": 2, "base_s": 5.0, "cap_s": 60.0, "waits": 1}
FAILOVERS = (
    {"name": "never"},
    {"name": "retry-then-give-up", "retries": 2, "delay_s": 5.0, "within": [BREAKER]},
    {"name": "retry-then-give-up", "retries": 2, "delay_s": 5.0},
    {"name": "sms2-documented", "retries": 1, "delay_s": 10.0, "offline_s": 90.0},
    {"name": "retry-then-failover", "retries": 1, "delay_s": 10.0},
    {"name": "full-jitter", "base_s": 5.0, "cap_s": 30.0, "retries": 2},
)


def with_groups(raw: Raw) -> Raw:
    """The scenario, often with groups. This follows from its seed."""
    chance = Random(raw["run"]["seed"] + 2)
    if chance.random() < 0.5:
        return raw
    others = [_other(raw, chance) for _ in range(chance.choice([1, 1, 2, 3]))]
    made = groups.drawn(chance, others[: raw["clients"]["count"]])
    if raw["workload"]["arrivals"] == "trace":
        for group in made:
            group["set"] = {key: value for key, value in group["set"].items() if not key.startswith("workload")}
    return groups.named(chance, raw | {"groups": made})


def _other(raw: Raw, chance: Random) -> Raw:
    """Settings of clients that fit into the scenario."""
    clients, sites = raw["clients"], raw["servers"].get("sites", 1)
    within = raw["servers"]["count"] // sites
    other = recountable.of_clients(chance, clients["count"], clients["programs"], within)
    other["policies"]["failover"] = chance.choice(FAILOVERS if within > 1 else FAILOVERS[:4])
    if raw["network"]["latency_ms"] == 0:  # asking the next server must take time
        other["policies"]["denial"].pop("servers", None)
    if raw["policies"].get("failback", {}).get("name") != "drain" and sites > 1:
        other["clients"]["failover_to"] = chance.choice(["any-site", "own-site"] if within > 1 else ["any-site"])
    return other


def without(raw: Raw, *keys: str) -> Raw:
    """The scenario, in which no group sets these keys."""
    for group in raw.get("groups", []):
        group["set"] = {key: value for key, value in group["set"].items() if key not in keys}
    return raw


def alike(raw: Raw) -> Raw:
    """The scenario without groups; half of the clients are meant where one was named."""
    raw.pop("groups", None)
    for table in (*raw["faults"], *(product.get("reserve") or {} for product in raw["products"])):
        if isinstance(table.get("clients"), dict) and "group" in table["clients"]:
            table["clients"] = {"fraction": 0.5}
    return raw
