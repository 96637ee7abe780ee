"""An independent recount of the event record gives every metric of summary.json, denials by cause above all.

The books of `oracles.recount` share no code with the engine. Counts must be equal; states over time and means
agree to 1e-9; percentiles come from the engine's histograms and may be off by one of their bins.
"""

import math
from functools import cache
from random import Random

import pytest
from meterstorm.experiments.metrics.names import METRICS

from support import recountable
from support.layers import layered
from support.recounted import counted

DRAWN = 120

BASE: recountable.Raw = {
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
HOME = {"failover": {"name": "immediate"}}
TOKENS = {"name": "token-bucket", "tokens": 2.0, "deposit": 0.5}
BREAKER = {"name": "hystrix", "calls": 3.0, "window_s": 100.0, "open_s": 40.0}
CALLBACK = {"denial": {"name": "callback", "poll_s": 90.0}}
LOSSY = {"latency_ms": 50.0, "loss": 0.1}
BURST = {"service_ms": 900.0, "service": "exponential"}
FREEING = {"on_lost_connection": "free"}
KEPT = {"connection": "kept", "keepalive_s": 7.0, "keepalive_misses": 2}
FORGOTTEN = {"programs": 2, "heartbeat_s": 60.0, "heartbeat_names_leases": True}
LOSING = {
    "servers": {"durable": False, "reclaim_after_s": 150.0},
    "workload": {"run_time_s": 200.0},
    "faults": [CRASH | {"duration_s": 10.0, "repeat_s": 250.0, "repeats": 4}, AWAY | {"servers": [1]}],
}
ALL_CRASH = {"kind": "client-crash", "start_s": 100.0, "duration_s": 30.0}
CRASHING = {"servers": {"reclaim_after_s": 150.0}, "clients": {"programs": 2}, "workload": {"run_time_s": 200.0}}
TWO = [
    {"name": "editor", "licenses": 8, "popularity": 3.0},
    {"name": "viewer", "licenses": 5, "popularity": 1.0},
]
LIMITED = {
    "licenses": 30,
    "tokens": [[1, 3.0], [3, 1.0], [7, 0.5]],
    "max_per_client": 7,
    "reserve": {"clients": {"fraction": 0.3}, "licenses": 12},
}

SHARED = {"licenses": 9, "sharing": "client", "reserve": {"clients": [0, 4], "licenses": 3}}

CHOSEN: dict[str, recountable.Raw] = {
    "called back by the first of a list that has denied": {
        "clients": {"count": 30},
        "policies": {"denial": {"name": "callback", "asked_before": math.inf}},
    },
    "learning after a crash": layered(
        LOSING,
        {
            "clients": FORGOTTEN | {"on_lost_lease": "request"},
            "policies": {"admission": {"name": "learning", "learning_s": 100.0, "hints": 1.0}},
        },
    ),
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
    "within a budget": {
        "policies": {"failover": {"name": "immediate", "within": [TOKENS]}},
        "clients": {"programs": 2},
        "faults": [AWAY | EVERYWHERE],
    },
    "given up before they are sent": {
        "policies": {"failover": {"name": "immediate", "within": [BREAKER, {"name": "deadline", "s": 20.0}]}},
        "clients": {"programs": 2, "enforcement": "before-start"},
        "faults": [AWAY | EVERYWHERE],
    },
    "spared after a crash": LOSING | {"servers": {"reclaim_after_s": 100.0, "failover_ttl_s": 170.0}},
    "waiting for a breaker": {
        "policies": {"failover": {"name": "retry-then-failover", "within": [BREAKER | {"waits": 1.0}]}},
        "clients": {"programs": 2, "on_lost_lease": "request", "heartbeat_names_leases": True},
        "servers": {"durable": False, "reclaim_after_s": 200.0},
        "faults": [AWAY | EVERYWHERE, CRASH | {"start_s": 900.0}],
    },
    "throttled": {
        "policies": {"failover": {"name": "full-jitter", "within": [{"name": "sre-throttle", "k": 1.1}]}},
        "clients": {"programs": 3},
        "faults": [AWAY | EVERYWHERE],
    },
    "crash that loses the leases": {
        "servers": {"durable": False, "service_ms": 500.0},
        "clients": {"programs": 2, "heartbeat_names_leases": True},
        "faults": [CRASH],
    },
    "leases lost, and requested anew": LOSING | {"clients": FORGOTTEN | {"on_lost_lease": "request"}},
    "leases lost, and programs stopped": LOSING | {"clients": FORGOTTEN | {"on_lost_lease": "stop"}},
    "clients crash, ghosts are reclaimed": CRASHING | {"faults": [ALL_CRASH | {"mtbf_s": 300.0}]},
    "clients crash, users start again": CRASHING
    | {"faults": [ALL_CRASH | {"mtbf_s": 200.0, "restart": "all", "restart_delay_s": 15.0}]},
    "clients crash with what they owe": CRASHING
    | {
        "clients": FORGOTTEN | {"release_old": "deferred", "deferred_retry_s": 20.0, "on_lost_lease": "request"},
        "network": {"latency_ms": 50.0, "jitter_ms": 200.0, "loss": 0.1},
        "workload": {"arrivals": "open", "run_time_s": 100.0},
        "policies": HOME | {"failback": {"name": "probe", "interval_s": 20.0, "jitter_s": 20.0}} | CALLBACK,
        "faults": [
            ALL_CRASH | {"clients": [0, 12], "repeat_s": 150.0, "repeats": 6, "restart": "all", "stagger_s": 3.0},
            ALL_CRASH | {"clients": {"fraction": 0.5}, "duration_s": 90.0, "start_s": 120.0},
            AWAY,
        ],
    },
    "crash, durable, users called back": {
        "policies": CALLBACK,
        "servers": {"callback_grace_s": 5.0},
        "faults": [CRASH | {"servers": {"fraction": 0.5}}],
    },
    "callbacks denied until a cycle": {"policies": CALLBACK, "servers": {"callback_cycle_s": 150.0}},
    "callbacks from one pool": {"policies": CALLBACK | {"balancing": {"name": "shared-pool"}}},
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
    "connections, a short backlog, and a crash": {
        "servers": {"backlog": 1, "connect_cost": 2.0},
        "clients": {"connection": "kept", "programs": 2, "request_timeout_s": 20.0},
        "faults": [CRASH | EVERYWHERE | {"duration_s": 5.0, "repeat_s": 300.0, "repeats": 3}, AWAY],
    },
    "connections, and keep-alives": {
        "clients": {"connection": "kept", "keepalive_s": 7.0, "keepalive_misses": 2},
        "faults": [AWAY | EVERYWHERE | {"duration_s": 60.0, "repeat_s": 200.0, "repeats": 4}],
    },
    "leases freed with their connections, at once": {
        "servers": FREEING | {"backlog": 1, "connect_cost": 2.0},
        "clients": KEPT | {"programs": 2, "heartbeat_names_leases": True, "on_lost_lease": "request"},
        "policies": HOME | CALLBACK,
        "workload": {"run_time_s": 200.0},
        "faults": [
            CRASH | {"duration_s": 5.0, "repeat_s": 300.0, "repeats": 3},
            AWAY | {"servers": [1]},
            ALL_CRASH | {"mtbf_s": 400.0},
        ],
    },
    "leases freed with their connections, after a grace": {
        "servers": FREEING | {"connection_grace_s": 9.0, "service": "exponential", "service_ms": 700.0},
        "clients": KEPT | {"programs": 3, "rerequest": False},
        "network": {"latency_ms": 50.0, "jitter_ms": 300.0},
        "policies": HOME | {"failback": {"name": "probe", "interval_s": 20.0, "jitter_s": 20.0}} | CALLBACK,
        "workload": {"run_time_s": 200.0},
        "faults": [
            CRASH | {"duration_s": 5.0, "repeat_s": 300.0, "repeats": 3, "servers": [0, 2]},
            AWAY | {"kind": "stall", "servers": "all", "duration_s": 20.0, "repeat_s": 250.0, "repeats": 4},
            AWAY
            | {
                "kind": "cut",
                "servers": [0, 1],
                "clients": [0, 12],
                "duration_s": 100.0,
                "repeat_s": 200.0,
                "repeats": 3,
            },
            ALL_CRASH | {"mtbf_s": 300.0, "restart": "all", "restart_delay_s": 15.0},
        ],
    },
    "asks again after a denial": {
        "clients": {"programs": 2},
        "policies": {"denial": {"name": "retry", "delay_s": 20.0}},
        "workload": {"run_time_s": 200.0},
        "faults": [AWAY],
    },
    "asks all servers, and is patient for a while": {
        "clients": {"programs": 2, "release_old": "deferred"},
        "policies": {"denial": {"name": "retry", "delay_s": 20.0, "patience_s": 60.0, "servers": 3.0}},
        "network": {"latency_ms": 50.0, "jitter_ms": 200.0},
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
    "stalled, users called back": {
        "servers": {"service_ms": 500.0, "queue_limit": 2, "callback_grace_s": 20.0, "callback_cycle_s": 70.0},
        "clients": {"heartbeat_names_leases": True},
        "policies": CALLBACK,
        "faults": [AWAY | {"kind": "stall", "duration_s": 40.0, "repeat_s": 90.0, "repeats": 5}, CRASH],
    },
    "newest first, and asked again": {
        "servers": BURST | {"durable": False, "count": 2},
        "clients": {"programs": 2, "enforcement": "before-start", "request_timeout_s": 3.0},
        "workload": {"launch_interval_s": 30.0, "run_time_s": 20.0},
        "policies": {"admission": {"name": "lifo"}, "failover": {"name": "retry-then-give-up", "retries": 2.0}},
        "faults": [CRASH],
    },
    "newest first while the queue stands": {
        "servers": BURST | {"count": 2},
        "clients": FORGOTTEN | {"request_timeout_s": 3.0, "release_old": "deferred", "deferred_retry_s": 20.0},
        "workload": {"launch_interval_s": 30.0, "run_time_s": 20.0},
        "policies": CALLBACK | {"admission": {"name": "adaptive-lifo", "lifo_after_s": 2.0}},
        "faults": [AWAY | {"kind": "stall", "duration_s": 40.0, "repeat_s": 90.0, "repeats": 5}, CRASH],
    },
    **recountable.MOVING,
    "stalled, and no work at all": {
        "servers": {"service_ms": 0.0, "reclaim_after_s": 100.0},
        "policies": {"balancing": {"name": "periodic-demand", "interval_s": 50.0}},
        "faults": [AWAY | EVERYWHERE | {"kind": "stall", "duration_s": 100.0, "stagger_s": 50.0}],
    },
    "restarted one by one": {"faults": [CRASH | EVERYWHERE | {"duration_s": 30.0, "stagger_s": 60.0}]},
    "failing at random": {
        "faults": [
            {"kind": "crash", "servers": "all", "start_s": 100.0, "mtbf_s": 300.0, "mttr_s": 50.0},
            {"kind": "slow", "servers": "all", "start_s": 0.0, "mttr_s": 200.0, "factor": 9.0, "drawn_by": "all"},
        ],
    },
    "asked first at each launch": {"policies": HOME | {"failback": {"name": "at-next-request"}}, "faults": [AWAY]},
    "back when a probe is answered, with all": {
        "clients": {"failback_moves": "all", "programs": 2},
        "network": LOSSY,
        "workload": {"run_time_s": 300.0},
        "policies": HOME | {"failback": {"name": "probe", "interval_s": 20.0, "jitter_s": 20.0}},
        "faults": [AWAY],
    },
    "moved by age, releases deferred": {
        "clients": {"failback_moves": "all", "release_old": "deferred", "deferred_retry_s": 30.0},
        "policies": HOME | {"failback": {"name": "max-age", "max_age_s": 100.0, "preferred": 0}},
        "faults": [AWAY],
    },
    "drained": {
        "policies": HOME | {"failback": {"name": "drain", "drain_share": 0.2}},
        "faults": [AWAY, CRASH | {"servers": [1], "start_s": 450.0}],
    },
    "tokens, caps and a reservation": {
        "products": [LIMITED],
        "policies": {"balancing": {"name": "periodic-demand", "interval_s": 200.0}},
        "clients": {"programs": 3},
        "faults": [AWAY],
    },
    "tokens, caps and a reservation, users called back from one pool": {
        "products": [LIMITED],
        "policies": CALLBACK | {"balancing": {"name": "shared-pool"}},
        "clients": {"programs": 3},
        "servers": {"durable": False},
        "faults": [CRASH],
    },
    "shared by a client's programs": {
        "products": [SHARED],
        "clients": {"programs": 3, "heartbeat_names_leases": True},
        "policies": {"denial": {"name": "retry", "delay_s": 20.0}},
        "faults": [AWAY, ALL_CRASH | {"mtbf_s": 400.0}],
    },
    "shared by a client's programs, users called back from one pool": {
        "products": [SHARED | {"tokens": 2, "max_per_client": 2}],
        "policies": CALLBACK | {"balancing": {"name": "shared-pool"}},
        "clients": {"programs": 3},
        "servers": {"durable": False, "reclaim_after_s": 150.0},
        "faults": [CRASH | {"repeat_s": 300.0, "repeats": 3, "duration_s": 20.0}],
    },
    "released as soon as granted": {
        "workload": {"run_time_s": 0.0, "launch_interval_s": 10.0},
        "servers": {"service_ms": 400.0, "release_cost": 0.0, "heartbeat_cost": 0.2},
        "faults": [AWAY],
    },
}
# Agreement on nothing would prove nothing: each of these is above 0 in some chosen scenario.
SHOWN = [name for name in METRICS if not name.startswith(("queue_s_p", "wait_s_p"))]


@cache
def chosen(name: str) -> recountable.Raw:
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
    counted(recountable.scenario(Random(number)))


@pytest.mark.parametrize("number", range(DRAWN // 2))
def test_a_drawn_scenario_recounts_whose_clients_are_in_groups(number: int):
    counted(recountable.with_groups(Random(number)))


@pytest.mark.parametrize("number", range(DRAWN // 2))
def test_a_drawn_scenario_recounts_whose_clients_come_back(number: int):
    counted(recountable.coming_back(Random(number)))


@pytest.mark.parametrize("number", range(DRAWN // 2))
def test_a_drawn_scenario_recounts_whose_servers_may_lose_their_licenses(number: int):
    raw = recountable.with_tenures(Random(number))
    found = counted(raw)
    assert found["overissued"] == 0 or not raw["servers"]["tenure_s"]
