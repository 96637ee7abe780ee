"""An independent recount of the event record gives every metric of summary.json, denials by cause above all.

The books of `recount.py` share no code with the engine. Counts must be equal; states over time and means agree to
1e-9; percentiles come from the engine's histograms and may be off by one of their bins.
"""

import math
from functools import cache
from random import Random
from typing import Any

import pytest
from meterstorm.actors.shard import simulate
from meterstorm.experiments.metrics import metrics
from meterstorm.experiments.metrics_names import METRICS
from meterstorm.experiments.scenario import to_toml, validate

from oracles.recount import recount
from support.layers import layered

EXACT = 1e-9  # relative: sums of floats may be rounded in another order
BIN = 1 / 32  # width of the engine's histogram bins, relative
DRAWN = 120
Raw = dict[str, Any]
BASE: Raw = {
    "run": {"duration_s": 1500.0, "warmup_s": 300.0, "seed": 7},
    "network": {"latency_ms": 20.0},
    "servers": {"count": 3, "reclaim_after_s": 0.0, "scan_s": 100.0},
    "products": [{"name": "editor", "licenses": 10}],
    "clients": {"count": 20, "heartbeat_s": 120.0},
    "workload": {"launch_interval_s": 60.0, "run_time_s": 60.0},
    "policies": {
        "failover": {"name": "retry-then-failover", "retries": 1, "delay_s": 10.0},
        "balancing": {"name": "static"},
    },
}
AWAY = {"kind": "unreachable", "servers": [0], "start_s": 300.0, "duration_s": 300.0}
CRASH = AWAY | {"kind": "crash"}
EVERYWHERE = {"servers": "all"}
OFFLINE = {"failover": {"name": "sms2-documented", "retries": 1, "delay_s": 10.0, "offline_s": 60.0}}
CALLBACK = {"on_denial": "callback", "callback_poll_s": 90.0}
LOSSY = {"latency_ms": 50.0, "loss": 0.1}
BURST = {"service_ms": 900.0, "service": "exponential"}
TWO = [
    {"name": "editor", "licenses": 8, "popularity": 3.0},
    {"name": "viewer", "licenses": 5, "popularity": 1.0},
]
CHOSEN: dict[str, Raw] = {
    "calm": {"servers": {"split": [3.0, 2.0, 1.0]}, "clients": {"assignment": [1.0, 2.0, 3.0]}},
    "as shipped, two products": {
        "products": TWO,
        "policies": {"failover": {"name": "immediate"}},
        "faults": [AWAY],
    },
    "unreachable, then reclaimed": {"servers": {"reclaim_after_s": 200.0}, "faults": [AWAY]},
    "refusing, and given up": {
        "policies": {"failover": {"name": "retry-then-give-up", "retries": 1, "delay_s": 5.0}},
        "faults": [AWAY | EVERYWHERE | {"kind": "refusing", "duration_s": 100.0, "repeat_s": 200.0, "repeats": 3}],
    },
    "crash that loses the leases": {
        "servers": {"durable": False, "service_ms": 500.0},
        "clients": {"programs": 2, "heartbeat_names_leases": True},
        "faults": [CRASH],
    },
    "crash, durable, users called back": {
        "clients": CALLBACK,
        "servers": {"callback_grace_s": 5.0},
        "faults": [CRASH | {"servers": {"fraction": 0.5}}],
    },
    "callbacks denied until a cycle": {"clients": CALLBACK, "servers": {"callback_cycle_s": 150.0}},
    "callbacks from one pool": {"clients": CALLBACK, "policies": {"balancing": {"name": "shared-pool"}}},
    "slow, and a short queue": {
        "servers": {"queue_limit": 1} | BURST,
        "clients": {"programs": 2},
        "faults": [AWAY | {"kind": "slow", "factor": 5.0}],
    },
    "slow, and healthy again": {
        "run": {"sample_s": 20.0},
        "servers": {"count": 1, "service_ms": 1000.0},
        "clients": {"request_timeout_s": 60.0},
        "faults": [AWAY | {"kind": "slow", "factor": 20.0, "duration_s": 50.0, "repeat_s": 200.0, "repeats": 2}],
    },
    "bounded admission": {
        "servers": BURST,
        "policies": {"admission": {"name": "bounded", "limit": 1.0, "retry_after_s": 2.0}},
    },
    "cut": {
        "clients": {"rerequest": False, "release_old": "deferred"},
        "workload": {"run_time_s": 200.0},
        "faults": [AWAY | {"kind": "cut", "servers": [0, 1], "clients": [0, 12]}],
    },
    "loss": {"network": LOSSY, "faults": [AWAY | {"kind": "loss", "probability": 0.5}]},
    "loss, deferred releases": {
        "network": LOSSY,
        "clients": {"release_old": "deferred", "deferred_retry_s": 30.0, "programs": 2},
        "faults": [AWAY | {"repeat_s": 400.0, "repeats": 2}],
    },
    "jitter": {
        "network": {"latency_ms": 100.0, "jitter_ms": 500.0},
        "clients": {"programs": 3, "heartbeat_names_leases": True},
        "faults": [AWAY],
    },
    "offline, unmetered": {
        "policies": OFFLINE,
        "clients": {"programs": 2},
        "workload": {"run_time_s": 150.0},
        "faults": [AWAY | EVERYWHERE],
    },
    "offline, denied": {"policies": OFFLINE, "clients": {"offline": "deny"}, "faults": [AWAY | EVERYWHERE]},
    "asks again after a denial": {
        "clients": {"on_denial": "retry", "retry_denied_s": 20.0, "programs": 2},
        "workload": {"run_time_s": 200.0},
        "faults": [AWAY],
    },
    "before the start, open": {
        "clients": {"enforcement": "before-start", "programs": 2},
        "workload": {"arrivals": "open"},
        "faults": [AWAY],
    },
    "balanced by demand": {
        "products": TWO,
        "clients": {"assignment": [5.0, 1.0, 1.0]},
        "policies": {"balancing": {"name": "periodic-demand", "interval_s": 200.0}},
        "faults": [AWAY],
    },
    "kept until the ack": {
        "products": [{"name": "editor", "licenses": 24}],
        "clients": {"assignment": [5.0, 1.0, 1.0], "programs": 2},
        "workload": {"run_time_s": 120.0},
        "network": {"latency_ms": 1000.0},
        "policies": {"balancing": {"name": "keep-until-ack", "interval_s": 50.0}},
    },
    "one pool": {
        "policies": {"balancing": {"name": "shared-pool"}},
        "servers": {"durable": False},
        "faults": [CRASH],
    },
    "released as soon as granted": {
        "workload": {"run_time_s": 0.0, "launch_interval_s": 10.0},
        "servers": {"service_ms": 400.0, "release_cost": 0.0, "heartbeat_cost": 0.2},
        "faults": [AWAY],
    },
}
# Agreement on nothing would prove nothing: each of these is above 0 in some chosen scenario.
SHOWN = [name for name in METRICS if not name.startswith(("queue_s_p", "wait_s_p"))]


def counted(raw: Raw) -> Raw:
    """Run a scenario and recount it; return the metrics, which agree."""
    scenario = validate({"title": "recounted"} | raw)
    tally = simulate(scenario, keep_journal=True)
    engine, again = metrics(scenario, tally), recount(scenario, tally.journal)
    assert set(engine) == set(again) == set(METRICS)
    different = [
        f"{name}: engine {engine[name]}, recount {again[name]}"
        for name in METRICS
        if not agree(name, engine[name], again[name])
    ]
    assert not different, "\n".join([*different, to_toml(scenario)])
    return engine


def agree(name: str, engine: Any, again: Any) -> bool:
    if engine is None or again is None:
        return engine is again
    if name.endswith(("_p50", "_p95", "_p99")):
        return abs(engine - again) <= again * BIN + 1e-9
    return bool(engine == again or abs(engine - again) <= EXACT * abs(again))


@cache
def chosen(name: str) -> Raw:
    return counted(layered(BASE, CHOSEN[name]))


@pytest.mark.parametrize("name", CHOSEN)
def test_a_chosen_scenario_recounts(name: str):
    chosen(name)


def test_the_chosen_scenarios_show_everything():
    found = [chosen(name) for name in CHOSEN]
    assert [name for name in SHOWN if not any(shown(metrics[name]) for metrics in found)] == []


def shown(value: float | None) -> bool:
    return value is not None and 0 < value < math.inf


@pytest.mark.parametrize("number", range(DRAWN))
def test_a_drawn_scenario_recounts(number: int):
    counted(drawn(Random(number)))


def drawn(random: Random) -> Raw:
    """A small scenario of any kind: at most 20 clients, half an hour."""
    servers, clients, programs = random.randint(1, 4), random.randint(3, 20), random.randint(1, 3)
    names = ["a", "b", "c"][: random.randint(1, 3)]
    some = random.choice
    return {
        "run": {
            "duration_s": some([900.0, 1234.5, 1800.0]),
            "warmup_s": some([0.0, 60.0, 300.0]),
            "seed": random.getrandbits(60),
            "sample_s": some([30.0, 60.0]),
        },
        "network": {
            "latency_ms": some([1.0, 50.0, 200.0]),
            "jitter_ms": some([0.0, 0.0, 10.0, 600.0]),
            "loss": some([0.0, 0.0, 0.05, 0.3]),
        },
        "servers": {
            "count": servers,
            "service_ms": some([0.0, 50.0, 1000.0]),
            "service": some(["constant", "exponential"]),
            "queue_limit": some([0, 0, 1, 5]),
            "durable": some([True, False]),
            "heartbeat_cost": some([0.0, 0.2, 1.0]),
            "release_cost": some([0.0, 0.2, 1.0]),
            "reclaim_after_s": some([0.0, 100.0, 300.0]),
            "scan_s": some([50.0, 200.0]),
            "split": some(["even", [random.random() + 0.1 for _ in range(servers)]]),
            "callback_grace_s": some([0.1, 5.0, 60.0]),
            "callback_cycle_s": some([0.0, 0.0, 100.0]),
        },
        "products": [
            {"name": name, "licenses": random.randint(0, clients * programs), "popularity": random.random() + 0.1}
            for name in names
        ],
        "clients": {
            "count": clients,
            "programs": programs,
            "assignment": some(["round-robin", [random.random() + 0.1 for _ in range(servers)]]),
            "enforcement": some(["after-start", "before-start"]),
            "request_timeout_s": some([2.0, 5.0]),
            "heartbeat_s": some([0.0, 60.0, 300.0]),
            "heartbeat_names_leases": some([True, False]),
            "on_denial": some(["give-up", "retry", "callback"]),
            "retry_denied_s": some([10.0, 60.0]),
            "callback_poll_s": some([0.0, 100.0]),
            "offline": some(["allow", "deny"]),
            "rerequest": some([True, True, False]),
            "release_old": some(["lost", "deferred"]),
            "deferred_retry_s": some([20.0, 60.0]),
        },
        "workload": {
            "arrivals": some(["closed", "open"]),
            "launch_interval_s": some([40.0, 120.0]),
            "launch": some(["constant", "exponential", "lognormal", "gamma"]),
            "run_time_s": some([0.0, 20.0, 100.0, 400.0]),
            "run_time": some(["constant", "exponential", "lognormal"]),
        },
        "policies": {
            "failover": failover(random),
            "selection": {"name": some(["ring", "sticky-random"])},
            "admission": some([{"name": "fifo"}, {"name": "bounded", "limit": 2.0, "retry_after_s": 1.0}]),
            "balancing": some(
                [
                    {"name": "static"},
                    {"name": "shared-pool"},
                    {"name": "periodic-demand", "interval_s": 100.0},
                    {"name": "keep-until-ack", "interval_s": 60.0},
                ]
            ),
        },
        "faults": [fault(random, servers, clients) for _ in range(random.randint(0, 3))],
    }


def failover(random: Random) -> Raw:
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


def fault(random: Random, servers: int, clients: int) -> Raw:
    kind = random.choice(["unreachable", "refusing", "crash", "slow", "loss", "cut"])
    some = sorted(random.sample(range(servers), random.randint(1, servers)))
    drawn = {
        "kind": kind,
        "servers": random.choice(["all", some, some, {"fraction": 0.5}]),
        "start_s": float(random.randint(0, 600)),
        "duration_s": random.choice([20.0, 100.0, 250.0]),
    }
    if random.random() < 0.5:
        drawn |= {"duration_s": 30.0, "repeat_s": 90.0, "repeats": random.randint(1, 4)}
    if kind == "slow":
        drawn["factor"] = random.choice([0.5, 4.0, 30.0])
    elif kind == "loss":
        drawn["probability"] = random.choice([0.2, 0.7, 1.0])
    elif kind == "cut":
        drawn["clients"] = sorted(random.choices(range(clients), k=2))
    return drawn
