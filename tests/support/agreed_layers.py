"""What the scenarios of `agreed.py` are made of: a base, and the layers on top of it."""

from typing import Any

BASE: dict[str, Any] = {
    "title": "agreement",
    "run": {"duration_s": 3600.0, "warmup_s": 600.0},
    "servers": {"count": 3, "service_ms": 100.0, "reclaim_after_s": 600.0, "scan_s": 300.0},
    "products": [{"name": "editor", "licenses": 16}],
    "clients": {"count": 24, "heartbeat_s": 120.0},
    "workload": {"launch_interval_s": 120.0, "run_time_s": 180.0},
    "policies": {"balancing": {"name": "static"}},
}

PLENTY = {"products": [{"name": "editor", "licenses": 10_000}]}

TWO_PRODUCTS = {
    "products": [
        {"name": "editor", "licenses": 12, "popularity": 3.0},
        {"name": "viewer", "licenses": 5, "popularity": 1.0},
    ]
}

TOKENS = {"products": [{"name": "solver", "licenses": 36, "tokens": [[1, 5.0], [3, 2.0], [8, 1.0]]}]}

RIGHTS = {
    "products": [
        TOKENS["products"][0] | {"max_per_client": 9, "reserve": {"clients": {"fraction": 0.25}, "licenses": 14}}
    ]
}

SHARED = {"products": [{"name": "editor", "licenses": 12, "sharing": "client"}]}

LOST, DEFERRED = ({"clients": {"release_old": kind}} for kind in ("lost", "deferred"))
BEFORE = {"clients": {"enforcement": "before-start"}}


def fault(kind: str, servers: Any, start_s: float, duration_s: float, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "servers": servers, "start_s": start_s, "duration_s": duration_s, **more}


def faults(*items: dict[str, Any]) -> dict[str, Any]:
    return {"faults": list(items)}


def policy(kind: str, name: str, **parameters: float) -> dict[str, Any]:
    return {"policies": {kind: {"name": name, **parameters}}}


def clients(**settings: Any) -> dict[str, Any]:
    return {"clients": settings}


def servers(**settings: Any) -> dict[str, Any]:
    return {"servers": settings}


def workload(**settings: Any) -> dict[str, Any]:
    return {"workload": settings}


AWAY_FOR_LONG = {
    "faults": [
        fault("unreachable", [0], 600.0, 900.0, repeat_s=1400.0, repeats=2),
        fault("stall", [1], 1000.0, 500.0),
    ]
}

STARTED_AGAIN = {
    **{
        "kind": "client-crash",
        "clients": {"fraction": 0.5},
        "start_s": 300.0,
        "mtbf_s": 500.0,
        "duration_s": 30.0,
    },
    **{"restart": "all", "restart_delay_s": 30.0, "restart_delay": "lognormal", "restart_delay_cv": 0.8},
}
FORGOTTEN = (
    {"clients": {"heartbeat_s": 60.0, "heartbeat_names_leases": True}},
    {"servers": {"durable": False, "reclaim_after_s": 150.0, "scan_s": 50.0}},
    {
        "faults": [
            fault("crash", [0, 1], 300.0, 20.0, repeat_s=500.0, repeats=6),
            fault("unreachable", [2], 900.0, 600.0),
        ]
    },
)
FLAPPING = fault("unreachable", [0], 300.0, 200.0, repeat_s=500.0, repeats=6)
IMMEDIATE = policy("failover", "immediate")
NEVER = policy("failover", "never")
ONE = servers(count=1)
GIVE_UP_AFTER_2 = policy("failover", "retry-then-give-up", retries=2.0, delay_s=2.0)


def offline(retries: float) -> dict[str, Any]:
    return policy("failover", "sms2-documented", retries=retries, delay_s=10.0, offline_s=120.0)


def backoff(retries: float) -> dict[str, Any]:
    return policy("failover", "full-jitter", base_s=1.0, cap_s=20.0, retries=retries)


def failback(name: str, **parameters: float) -> dict[str, Any]:
    return policy("failback", name, **parameters)


def by_age(max_age_s: float, jitter: float, preferred: float) -> dict[str, Any]:
    return failback("max-age", max_age_s=max_age_s, jitter=jitter, preferred=preferred)


def patient(retries: float, delay_s: float) -> dict[str, Any]:
    return policy("failover", "retry-then-failover", retries=retries, delay_s=delay_s)
