"""Small scenarios of any kind whose journal tells all that a recount must know."""

import math
from random import Random
from typing import Any

from support import groups
from support.connected import with_connections
from support.shared_licenses import sharing

Raw = dict[str, Any]


# Licenses that lie elsewhere than they are asked for; servers refuse and crash, also as they would say so.
SCARCE: Raw = {
    "servers": {"split": [8.0, 1.0, 1.0], "durable": False},
    "products": [{"name": "editor", "licenses": 12, "max_per_client": 2}],
    "clients": {"programs": 2},
    "policies": {"balancing": {"name": "on-shortage", "shortage_gap_s": 20.0, "interval_s": 90.0}},
    "faults": [
        {
            "kind": "refusing",
            "servers": [1],
            "start_s": 200.0,
            "duration_s": 100.0,
            "repeat_s": 200.0,
            "repeats": 3,
        },
        {"kind": "crash", "servers": [2], "start_s": 500.0, "duration_s": 50.0},
    ],
}

# Two of three must be up, and are not from 200 to 260 s and from 420 to 500 s.
TRIAD: Raw = {
    "servers": {"quorum": 2},
    "policies": {"balancing": {"name": "shared-pool"}},
    "faults": [
        {"kind": "unreachable", "servers": [0], "start_s": 0.0, "duration_s": 260.0},
        {"kind": "crash", "servers": [1], "start_s": 200.0, "duration_s": 300.0},
        {"kind": "crash", "servers": [2], "start_s": 420.0, "duration_s": 200.0},
    ],
}
# Licenses that move from server to server, or are in one pool.
MOVING: dict[str, Raw] = {
    "two of three must be up": TRIAD,
    "licenses follow shortages": SCARCE,
    "licenses borrowed before they are short": SCARCE
    | {"policies": {"balancing": {"name": "borrow", "shortage_share": 0.7, "shortage_gap_s": 20.0}}},
}


def scenario(random: Random) -> Raw:
    """A small scenario of any kind: at most 20 clients, half an hour."""
    servers, clients, programs = random.randint(1, 4), random.randint(3, 20), random.randint(1, 3)
    names = ["a", "b", "c"][: random.randint(1, 3)]
    raw = {
        "run": _run(random),
        "network": _network(random),
        "servers": _servers(random, servers),
        "products": _products(random, names, clients, clients * programs),
        "clients": _clients(random, clients, programs, servers),
        "workload": _workload(random),
        "policies": _policies(random, servers),
        "faults": [_fault(random, servers, clients) for _ in range(random.randint(0, 3))],
    }
    return with_connections(sharing(raw))


def coming_back(random: Random) -> Raw:
    """One whose clients come back without a failure."""
    raw = scenario(random)
    servers = raw["servers"]
    if servers["count"] == 1:
        raw["servers"] = servers | {"count": 2, "split": "even"}
        raw["clients"]["assignment"] = "round-robin"
    raw["policies"]["failback"] = _failback(random)
    raw["clients"]["failback_moves"] = random.choice(["new", "all"])
    return raw


def with_groups(random: Random) -> Raw:
    """One of either sort, of whose clients some, or all, are in groups with settings of another one's."""
    raw = random.choice([scenario, coming_back])(random)
    clients, servers = raw["clients"], raw["servers"]["count"]
    size = clients["count"], clients["programs"], servers
    others = [of_clients(random, *size) for _ in range(random.choice([1, 1, 2, 3]))]
    return groups.named(random, raw | {"groups": groups.drawn(random, others)})


def with_tenures(random: Random) -> Raw:
    """One whose servers lose their licenses when they are cut off: after a tenure, or to a standby at once."""
    raw = scenario(random)
    interval_s = random.choice([30.0, 70.0, 120.0])
    name = random.choice(["periodic-demand", "standby"])
    raw["policies"]["balancing"] = {"name": name, "interval_s": interval_s}
    raw["servers"]["tenure_s"] = interval_s * random.choice([2.0, 2.5, 4.0, 0.0 if name == "standby" else 3.0])
    raw["network"]["jitter_ms"] = min(raw["network"]["jitter_ms"], 600.0)  # as in `drawn`: leases are lost
    for product in raw["products"]:
        product["reserve"] = None
    kind, start_s = random.choice(["unreachable", "refusing", "crash", "stall"]), float(random.randint(0, 400))
    servers = sorted(random.sample(range(raw["servers"]["count"]), random.randint(1, raw["servers"]["count"])))
    raw["faults"] += [{"kind": kind, "servers": servers, "start_s": start_s, "duration_s": 500.0}]
    raw["servers"]["quorum"] = random.choice([0, 0, raw["servers"]["count"] // 2 + 1])
    return raw


FAILBACKS = (
    {"name": "none"},
    {"name": "at-next-request"},
    {"name": "probe", "interval_s": 20.0, "jitter_s": 20.0},
    {"name": "max-age", "max_age_s": 100.0, "preferred": 0.0},
)


ADMISSIONS = (
    {"name": "fifo"},
    {"name": "bounded", "limit": 2.0, "retry_after_s": 1.0},
    {"name": "lifo"},
    {"name": "adaptive-lifo", "lifo_after_s": 3.0},
)


def of_clients(random: Random, clients: int, programs: int, servers: int) -> Raw:
    """The tables of a scenario that are about clients."""
    policies = _policies(random, servers)
    if servers > 1:
        policies["failback"] = random.choice(FAILBACKS)
    return {
        "clients": _clients(random, clients, programs, servers),
        "workload": _workload(random),
        "policies": policies,
    }


def _failback(random: Random) -> Raw:
    some = random.choice
    return some(
        [
            {"name": "at-next-request"},
            {"name": "probe", "interval_s": some([5.0, 60.0]), "jitter_s": some([0.0, 20.0])},
            {"name": "max-age", "max_age_s": some([30.0, 200.0]), "preferred": some([0.0, 1.0])},
            {"name": "drain", "drain_share": some([0.05, 0.5, 1.0])},
        ]
    )


def _run(random: Random) -> Raw:
    some = random.choice
    return {
        "duration_s": some([900.0, 1234.5, 1800.0]),
        "warmup_s": some([0.0, 60.0, 300.0]),
        "seed": random.getrandbits(60),
        "sample_s": some([30.0, 60.0]),
    }


def _network(random: Random) -> Raw:
    some = random.choice
    latency_ms = some([1.0, 50.0, 200.0])
    return {
        "latency_ms": latency_ms,
        "jitter_ms": some([0.0, 0.0, 10.0, 600.0, 100.0 * latency_ms]),
        "loss": some([0.0, 0.0, 0.05, 0.3]),
    }


def _servers(random: Random, count: int) -> Raw:
    some = random.choice
    return {
        "count": count,
        "service_ms": some([0.0, 50.0, 1000.0]),
        "service": some(["constant", "exponential"]),
        "queue_limit": some([0, 0, 1, 5]),
        "durable": some([True, False]),
        "heartbeat_cost": some([0.0, 0.2, 1.0]),
        "release_cost": some([0.0, 0.2, 1.0]),
        "reclaim_after_s": some([0.0, 100.0, 300.0]),
        "scan_s": some([50.0, 200.0]),
        "split": some(["even", [random.random() + 0.1 for _ in range(count)]]),
        "callback_grace_s": some([0.1, 5.0, 60.0]),
        "callback_cycle_s": some([0.0, 0.0, 100.0]),
    }


def _reserve(random: Random, clients: int, licenses: int) -> Raw | None:
    """Some of the licenses for some of the clients, or none."""
    if random.random() < 0.6 or licenses == 0:
        return None
    some = sorted(random.choices(range(clients), k=2))
    return {"clients": random.choice([some, {"fraction": 0.3}]), "licenses": random.randint(1, licenses)}


def _products(random: Random, names: list[str], clients: int, most: int) -> list[Raw]:
    return [
        {
            "name": name,
            "licenses": (licenses := random.randint(0, most)),
            "popularity": random.random() + 0.1,
            "tokens": random.choice([1, 1, 2, [[1, 3.0], [3, 1.0], [7, 0.5]]]),
            "max_per_client": random.choice([0, 0, 2, 3, 7]),
            "reserve": _reserve(random, clients, licenses),
        }
        for name in names
    ]


def _clients(random: Random, count: int, programs: int, servers: int) -> Raw:
    some = random.choice
    heartbeat_s, names = some([0.0, 60.0, 300.0]), some([True, False])
    return {
        "count": count,
        "programs": programs,
        "assignment": some(["round-robin", [random.random() + 0.1 for _ in range(servers)]]),
        "enforcement": some(["after-start", "before-start"]),
        "request_timeout_s": some([2.0, 5.0]),
        "heartbeat_s": heartbeat_s,
        "heartbeat_spread": some([0.0, 0.0, 1.0]) if heartbeat_s else 0.0,
        "heartbeat_names_leases": names,
        "on_lost_lease": some(["run-on", "request", "stop"]) if names and heartbeat_s else "run-on",
        "offline": some(["allow", "deny"]),
        "rerequest": some([True, True, False]),
        "release_old": some(["lost", "deferred"]),
        "deferred_retry_s": some([20.0, 60.0]),
    }


def _workload(random: Random) -> Raw:
    some = random.choice
    return {
        "arrivals": some(["closed", "open"]),
        "launch_interval_s": some([40.0, 120.0]),
        "launch": some(["constant", "exponential", "lognormal", "gamma"]),
        "run_time_s": some([0.0, 20.0, 100.0, 400.0]),
        "run_time": some(["constant", "exponential", "lognormal"]),
    }


def _policies(random: Random, servers: int) -> Raw:
    some = random.choice
    return {
        "failover": _failover(random),
        "selection": {"name": some(["ring", "sticky-random"])},
        "denial": _denial(random, servers),
        "admission": some(ADMISSIONS),
        "balancing": some(
            [
                {"name": "static"},
                {"name": "shared-pool"},
                {"name": "periodic-demand", "interval_s": 100.0},
                {"name": "keep-until-ack", "interval_s": 60.0},
            ]
        ),
    }


def _failover(random: Random) -> Raw:
    retries, delay_s = float(random.randint(0, 2)), random.choice([1.0, 10.0, 30.0])
    return random.choice(
        [
            {"name": "immediate"},
            {"name": "never"},
            {"name": "retry-then-failover", "retries": retries, "delay_s": delay_s},
            {"name": "retry-then-give-up", "retries": retries, "delay_s": delay_s},
            {"name": "sms2-documented", "retries": retries, "delay_s": delay_s, "offline_s": 90.0},
            {"name": "full-jitter", "base_s": 1.0, "cap_s": delay_s, "retries": retries},
        ]
    )


def _denial(random: Random, servers: int) -> Raw:
    some = random.choice
    asked = {"servers": some([1.0, 1.0, float(min(2, servers)), math.inf])}
    limits = {"tries": float(some([1, 2, 5])), "patience_s": some([30.0, 300.0])}
    return some(
        [
            {"name": "give-up"} | asked,
            {"name": "retry", "delay_s": some([10.0, 60.0])} | asked | some([{}, limits]),
            {"name": "constant-retry", "delay_s": 20.0, "jitter": some([0.0, 1.0])} | asked | limits,
            {"name": "backoff-retry", "base_s": 5.0, "cap_s": 80.0, "jitter": 0.5} | asked | limits,
            {"name": "callback", "poll_s": some([0.0, 100.0])},
        ]
    )


def _fault(random: Random, servers: int, clients: int) -> Raw:
    kind = random.choice(["unreachable", "refusing", "crash", "slow", "loss", "cut", "stall", "client-crash"])
    some = sorted(random.sample(range(servers), random.randint(1, servers)))
    drawn = {
        "kind": kind,
        "servers": random.choice(["all", some, some, {"fraction": 0.5}]),
        "start_s": float(random.randint(0, 600)),
        "duration_s": random.choice([20.0, 100.0, 250.0]),
    }
    if random.random() < 0.5:
        drawn |= {"duration_s": 30.0, "repeat_s": 90.0, "repeats": random.randint(1, 4)}
    if kind == "client-crash":
        return _client_crash(random, drawn, clients)
    if kind == "slow":
        drawn["factor"] = random.choice([0.5, 4.0, 30.0])
    elif kind == "loss":
        drawn["probability"] = random.choice([0.2, 0.7, 1.0])
    elif kind == "cut":
        drawn["clients"] = sorted(random.choices(range(clients), k=2))
    return drawn


def _client_crash(random: Random, drawn: Raw, clients: int) -> Raw:
    some = random.choice
    del drawn["servers"]
    drawn["clients"] = some(["all", sorted(random.choices(range(clients), k=2)), {"fraction": 0.5}])
    if random.random() < 0.5:
        drawn = {key: value for key, value in drawn.items() if not key.startswith("repeat")}
        drawn |= {"mtbf_s": 300.0}
    if random.random() < 0.7:
        delay = some([{}, {"restart_delay_s": 20.0}, {"restart_delay_s": 40.0, "restart_delay": "exponential"}])
        drawn |= {"restart": "all"} | delay
    return drawn
