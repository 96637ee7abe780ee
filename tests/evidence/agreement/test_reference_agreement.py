"""The engine against the reference: two implementations of one contract must measure the same.

Each scenario runs in both with independent seeds. For every metric the difference of the means must lie within
its Welch interval at 99.9 %, Bonferroni-adjusted over the metrics; what does not vary must be equal. Seeds are
fixed, so a result is repeatable. A scenario also says what it `shows`: metrics that must not be zero, or it
would prove nothing.
"""

import math
from statistics import fmean, variance
from typing import Any

import pytest
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import validate
from scipy.stats import t as student

from oracles.reference import simulate as simulate_reference
from support.layers import layered

REPLICATIONS = 20
LEVEL = 1e-3  # of one scenario: all its metrics together
EXACT = 1e-6  # relative; the engine counts whole nanoseconds, and areas in microseconds
BIN = 1 / 32  # the engine's histograms are so coarse; percentiles are known no better
NOT_IN_THE_REFERENCE = {"time_to_recover_s"}

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


FLAPPING = fault("unreachable", [0], 300.0, 200.0, repeat_s=500.0, repeats=6)
IMMEDIATE = policy("failover", "immediate")
NEVER = policy("failover", "never")
ONE = servers(count=1)
GIVE_UP_AFTER_2 = policy("failover", "retry-then-give-up", retries=2.0, delay_s=2.0)


def offline(retries: float) -> dict[str, Any]:
    return policy("failover", "sms2-documented", retries=retries, delay_s=10.0, offline_s=120.0)


def backoff(retries: float) -> dict[str, Any]:
    return policy("failover", "full-jitter", base_s=1.0, cap_s=20.0, retries=retries)


def patient(retries: float, delay_s: float) -> dict[str, Any]:
    return policy("failover", "retry-then-failover", retries=retries, delay_s=delay_s)


# name: (what it shows, layers)
SCENARIOS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    # users
    "healthy, open, gamma": (
        "denials_misplaced suppressed",
        [workload(arrivals="open", launch="gamma", launch_cv=2.0, run_time="lognormal", run_time_cv=1.5)],
    ),
    "constant everything": (
        "grants queue_s_mean",
        [PLENTY, NEVER, workload(launch="constant", run_time="constant"), clients(count=40)],
    ),
    "a day profile, lognormal thinking": (
        "denials",
        [
            workload(launch="lognormal", launch_cv=0.5, run_time="gamma", run_time_cv=0.5),
            workload(profile=[[0.25, 2.0], [0.5, 0.1], [1.0, 1.0]]),
        ],
    ),
    "a profile of one point": ("grants", [workload(profile=[[0.0, 2.0]])]),
    "released as soon as granted": ("grants", [workload(run_time_s=0.0, launch_interval_s=40.0)]),
    "programs shorter than answers": (
        "attempts gave_up unmetered_license_hours",
        [
            {"network": {"loss": 0.2}},
            NEVER,
            PLENTY,
            workload(run_time_s=4.0, launch_interval_s=15.0),
            clients(request_timeout_s=15.0),
        ],
    ),
    "users ask again": (
        "waiting_users_mean denials_exhausted",
        [ONE, BEFORE, policy("denial", "retry", delay_s=40.0), clients(programs=2)],
    ),
    "users wait to be called": (
        "waiting_users_mean denials_exhausted",
        [ONE, BEFORE, policy("denial", "callback")],
    ),
    "users back off, and give up after so many tries": (
        "waiting_users_mean denials_exhausted wait_s_mean",
        [ONE, BEFORE, policy("denial", "backoff-retry", base_s=5.0, cap_s=40.0, jitter=1.0, tries=4.0)],
    ),
    "users poll all servers until they lose patience": (
        "waiting_users_mean denials_misplaced failovers",
        [
            DEFERRED,
            servers(split=[3.0, 2.0, 1.0]),
            policy("denial", "constant-retry", delay_s=20.0, jitter=0.5, patience_s=90.0, servers=math.inf),
            clients(programs=2, assignment=[1.0, 2.0, 3.0]),
        ],
    ),
    "the next server is asked before the user is told": (
        "evictions failovers denials_misplaced timeouts",
        [
            DEFERRED,
            IMMEDIATE,
            policy("selection", "sticky-random"),
            policy("denial", "give-up", servers=2.0),
            clients(programs=2),
            faults(FLAPPING),
        ],
    ),
    "two products, split and assignment by weights": (
        "denials_misplaced imbalance_mean",
        [TWO_PRODUCTS, servers(split=[1.0, 2.0, 3.0]), clients(assignment=[3.0, 2.0, 1.0], programs=2)],
    ),
    # servers
    "jitter and loss": (
        "messages_lost timeouts retries denials_ghost",
        [{"network": {"latency_ms": 50.0, "jitter_ms": 200.0, "loss": 0.1}}, patient(3.0, 5.0)],
    ),
    "a queue with a limit": (
        "overloaded retries gave_up",
        [
            servers(count=1, service_ms=2000.0, service="exponential", queue_limit=2),
            policy("failover", "retry-then-give-up", retries=3.0, delay_s=5.0),
            PLENTY,
            clients(request_timeout_s=30.0),
        ],
    ),
    "bounded admission, failing over at random": (
        "overloaded failovers",
        [
            servers(service_ms=3000.0, heartbeat_cost=0.1, release_cost=0.5),
            policy("admission", "bounded", limit=1.0),
            policy("selection", "sticky-random"),
            patient(1.0, 5.0),
            PLENTY,
            clients(request_timeout_s=10.0, programs=2),
        ],
    ),
    "overload and late answers": (
        "timeouts failovers ghost_license_hours",
        [
            servers(service_ms=3500.0, service="exponential"),
            BEFORE,
            backoff(1.0),
            clients(count=20),
            {"network": {"loss": 0.2}},
        ],
    ),
    # faults
    "slow servers": (
        "timeouts queue_s_max",
        [faults(fault("slow", {"fraction": 0.5}, 600.0, 900.0, factor=40.0)), patient(2.0, 10.0)],
    ),
    "flapping, as shipped": ("evictions failovers denials_stranded denials_ghost", [IMMEDIATE, faults(FLAPPING)]),
    "flapping, deferred": (
        "evictions failovers",
        [IMMEDIATE, faults(FLAPPING), DEFERRED, clients(programs=2), {"network": {"loss": 0.05}}],
    ),
    "flapping, not requested again": (
        "failovers unmetered_license_hours",
        [IMMEDIATE, faults(FLAPPING), clients(rerequest=False)],
    ),
    "flapping, denied users ask again": (
        "evictions waiting_users_mean",
        [IMMEDIATE, faults(FLAPPING), policy("denial", "retry", delay_s=60.0), {"network": {"loss": 0.1}}],
    ),
    "refusing": (
        "refusals failovers evictions",
        [patient(1.0, 20.0), faults(fault("refusing", [0, 1], 600.0, 600.0)), clients(programs=3)],
    ),
    "refusing, all": (
        "refusals retries time_to_last_client_s",
        [backoff(1000.0), faults(fault("refusing", "all", 600.0, 600.0)), clients(assignment="random")],
    ),
    "a crash, leases lost": (
        "refusals unmetered_license_hours",
        [servers(durable=False), patient(3.0, 30.0), faults(fault("crash", [0], 600.0, 60.0))],
    ),
    "a crash, leases durable": (
        "refusals failovers evictions",
        [patient(0.0, 0.0), faults(fault("crash", [0, 1], 600.0, 60.0, repeat_s=600.0, repeats=3))],
    ),
    "grants lost in crashes": (
        "unmetered_license_hours timeouts",
        [
            {"network": {"loss": 0.4}},
            servers(count=1, durable=False),
            BEFORE,
            PLENTY,
            clients(heartbeat_s=0.0),
            workload(run_time_s=10.0),
            patient(100.0, 300.0),
            faults(fault("crash", [0], 500.0, 100.0, repeat_s=700.0, repeats=5)),
        ],
    ),
    "a cut": (
        "timeouts denials_stranded denials_misplaced gave_up",
        [NEVER, faults(fault("cut", [0, 1], 600.0, 1800.0, clients=[4, 15]))],
    ),
    "lossy, leases named": (
        "ghost_license_hours messages_lost",
        [
            GIVE_UP_AFTER_2,
            faults(fault("loss", "all", 0.0, 3000.0, probability=0.3)),
            clients(heartbeat_names_leases=True, programs=2),
            servers(reclaim_after_s=0.0),
        ],
    ),
    "some of each request's retries": (
        "gave_up retries",
        [
            {"network": {"loss": 0.4}},
            GIVE_UP_AFTER_2,
            PLENTY,
            clients(programs=3, request_timeout_s=1.0, heartbeat_s=0.0, count=8),
            workload(run_time_s=5.0, launch_interval_s=20.0),
        ],
    ),
    "requests and heartbeats give up": (
        "gave_up retries",
        [
            {"network": {"loss": 0.4}},
            GIVE_UP_AFTER_2,
            BEFORE,
            PLENTY,
            clients(request_timeout_s=1.0, heartbeat_s=10.0, count=12),
            workload(run_time_s=30.0, launch_interval_s=20.0),
        ],
    ),
    "one server and nowhere else to go": (
        "timeouts retries",
        [ONE, IMMEDIATE, PLENTY, faults(fault("unreachable", [0], 1000.0, 900.0))],
    ),
    "grants to requests abandoned": (
        "timeouts failovers ghost_license_hours",
        [
            servers(count=2, service_ms=2000.0, reclaim_after_s=0.0),
            BEFORE,
            PLENTY,
            clients(heartbeat_s=0.0, count=30),
            workload(run_time_s=30.0, launch_interval_s=60.0),
            patient(2.0, 1.0),
            faults(fault("unreachable", [0], 100.0, 60.0, repeat_s=120.0, repeats=29)),
        ],
    ),
    "granted when nobody waits any more": (
        "timeouts failovers ghost_license_hours",
        [
            IMMEDIATE,
            BEFORE,
            PLENTY,
            servers(reclaim_after_s=0.0),
            clients(heartbeat_s=0.0, count=60),
            workload(run_time_s=20.0),
            faults(
                fault("slow", [0], 300.0, 600.0, factor=100.0),
                fault("loss", [0], 300.0, 3000.0, probability=0.6),
            ),
        ],
    ),
    # offline
    "offline, allowed": (
        "offline_spells unmetered_starts refusals",
        [offline(1.0), faults(fault("crash", [0, 1], 600.0, 600.0)), servers(durable=False)],
    ),
    "offline, denied": (
        "offline_spells gave_up",
        [offline(0.0), clients(offline="deny", programs=2), faults(fault("unreachable", "all", 600.0, 900.0))],
    ),
    "offline again and again": (
        "offline_spells ghost_license_hours",
        [
            offline(0.0),
            servers(count=1, reclaim_after_s=0.0),
            workload(run_time_s=2000.0),
            faults(fault("unreachable", [0], 900.0, 1500.0)),
        ],
    ),
    # balancing
    "licenses follow the demand": (
        "imbalance_mean denials_misplaced",
        [
            TWO_PRODUCTS,
            policy("balancing", "periodic-demand", interval_s=600.0),
            clients(assignment=[5.0, 2.0, 1.0]),
            {"network": {"latency_ms": 100.0, "jitter_ms": 100.0}},
        ],
    ),
    "licenses follow a storm": (
        "imbalance_max failovers denials_stranded evictions",
        [
            policy("balancing", "periodic-demand", interval_s=600.0),
            IMMEDIATE,
            DEFERRED,
            faults(fault("unreachable", [0], 900.0, 1500.0), fault("refusing", [1], 1100.0, 200.0)),
        ],
    ),
    "a pool for all": (
        "denials_exhausted failovers",
        [policy("balancing", "shared-pool"), IMMEDIATE, faults(FLAPPING)],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_both_measure_the_same(name: str):
    shows, layers = SCENARIOS[name]
    raw = layered(BASE, *layers)
    made = validate(raw)
    engine = [metrics(made, simulate(made, r)) for r in range(REPLICATIONS)]
    plain = [simulate_reference(raw, 1000 + r) for r in range(REPLICATIONS)]
    compared = engine[0].keys() - NOT_IN_THE_REFERENCE
    assert compared == plain[0].keys() - NOT_IN_THE_REFERENCE
    level = LEVEL / len(compared)
    found = [
        f"{metric}: {problem}"
        for metric in sorted(compared)
        if (problem := disagreement([e[metric] for e in engine], [p[metric] for p in plain], metric, level))
    ]
    assert not found, "engine, reference:\n" + "\n".join(found)
    for metric in shows.split():
        assert fmean(p[metric] for p in plain) > 0, f"shows nothing of {metric}"


def disagreement(ours: list[Any], theirs: list[Any], metric: str, level: float) -> str | None:
    """What is wrong with a metric, or None. An infinite value, of what never happens, counts as null."""
    known = [[value for value in values if value is not None and value < math.inf] for values in (ours, theirs)]
    missing = [len(ours) - len(known[0]), len(theirs) - len(known[1])]
    if abs(missing[0] - missing[1]) > len(ours) / 2:
        return f"null {missing[0]} and {missing[1]} times"
    if min(map(len, known)) < 2:
        return None
    means = [fmean(values) for values in known]
    errors = [variance(values) / len(values) for values in known]
    slack = (BIN if metric.endswith(("_p50", "_p95", "_p99")) else EXACT) * max(map(abs, means))
    halfwidth = 0.0
    if sum(errors) > 0:
        parts = [error**2 / (len(values) - 1) for error, values in zip(errors, known, strict=True)]
        halfwidth = student.isf(level / 2, sum(errors) ** 2 / sum(parts)) * math.sqrt(sum(errors))
    if abs(means[0] - means[1]) <= halfwidth + slack:
        return None
    return f"{means[0]:.6g} is not {means[1]:.6g} +- {halfwidth:.2g}"
