"""The reference simulator is held to closed forms.

A law is checked with the 99.9 % interval of the mean over replications with fixed seeds.
"""

import math
from statistics import fmean, stdev

import pytest
from scipy.stats import t as student

from oracles.reference import simulate
from support.laws import engset, erlang_b
from support.layers import layered

REPLICATIONS = 16

LOSS_SYSTEM = {
    "network": {"latency_ms": 0.0},
    "servers": {"count": 1, "service_ms": 0.0},
    "clients": {"heartbeat_s": 0},
}

STATIC = {"balancing": {"name": "static"}}


def check(laws: dict, *layers: dict) -> None:
    """The mean of each metric over replications agrees with its law, known to 20 %."""
    results = [simulate(layered(*layers), seed) for seed in range(REPLICATIONS)]
    for name, law in laws.items():
        top, _, bottom = name.partition(" / ")
        values = [result[top] / (result[bottom] if bottom else 1) for result in results]
        halfwidth = student.ppf(0.9995, REPLICATIONS - 1) * stdev(values) / math.sqrt(REPLICATIONS)
        assert abs(fmean(values) - law) <= halfwidth, f"{name}: {fmean(values)} +- {halfwidth}, not {law}"
        assert halfwidth < 0.2 * law, f"{name}: {fmean(values)} +- {halfwidth} says little about {law}"


def test_denials_follow_erlang_b():
    """Open, many clients, 10 licenses, 10 erlangs (Erlang 1917): .2146 denied, for want of a license."""
    layers = (
        LOSS_SYSTEM,
        {"run": {"duration_s": 2000, "warmup_s": 100}, "clients": {"count": 1500}, "policies": STATIC},
        {"products": [{"licenses": 10}], "workload": {"arrivals": "open"}},
        {"workload": {"launch_interval_s": 1500.0, "run_time_s": 10.0}},
    )
    blocking = erlang_b(10, 10.0)
    check({"denial_fraction": blocking, "licenses_in_use_mean": 10 * (1 - blocking)}, *layers)
    alone = simulate(layered(*layers), 1)
    assert alone["denials_exhausted"] == alone["denials"] == alone["launches"] - alone["grants"]


@pytest.mark.parametrize("arrivals", ["closed", "open"])
@pytest.mark.parametrize("run_time", ["constant", "lognormal"])
def test_denials_follow_engset_whatever_the_run_time(arrivals: str, run_time: str):
    """12 sources, 5 licenses. Only the mean of the run time counts, and blocked arrivals think again."""
    workload = {"arrivals": arrivals, "launch_interval_s": 40.0, "run_time_s": 20.0}
    check(
        {"denial_fraction": engset(12, 5, 20.0 / 40.0)},
        LOSS_SYSTEM,
        {"run": {"duration_s": 5000, "warmup_s": 200}, "clients": {"count": 12}, "policies": STATIC},
        {"products": [{"licenses": 5}], "workload": workload | {"run_time": run_time, "run_time_cv": 2.0}},
    )


def test_slots_are_sources():
    """Four clients with three slots each are Engset's 12 sources, too."""
    check(
        {"denial_fraction": engset(12, 5, 0.5)},
        LOSS_SYSTEM,
        {"run": {"duration_s": 5000, "warmup_s": 200}, "clients": {"count": 4, "programs": 3}},
        {"products": [{"licenses": 5}], "workload": {"launch_interval_s": 40.0, "run_time_s": 20.0}},
        {"policies": STATIC},
    )


def test_split_licenses_block_more():
    """60 sources, 20 licenses over two servers that share nothing: Engset of 30 and 10, not 60 and 20."""
    layers = (
        LOSS_SYSTEM,
        {"run": {"duration_s": 600, "warmup_s": 50}, "clients": {"count": 60}, "servers": {"count": 2}},
        {"products": [{"licenses": 20}], "workload": {"launch_interval_s": 20.0, "run_time_s": 10.0}},
        {"policies": STATIC},
    )
    check({"denial_fraction": engset(30, 10, 0.5)}, *layers)
    shared = {"policies": {"balancing": {"name": "shared-pool"}}}
    check({"denial_fraction": engset(60, 20, 0.5)}, *layers, shared)
    alone = simulate(layered(*layers), 1)
    assert 0 < alone["denials_misplaced"] < alone["denials"]
    assert alone["denials_misplaced"] + alone["denials_exhausted"] == alone["denials"]
    assert simulate(layered(*layers, shared), 1)["denials_misplaced"] == 0


def test_requests_are_an_m_m_1_k():
    """rho .9, K = 5: the share refused, the server's busy share, the mean wait of those who are served."""
    rho, size = 0.9, 5
    states = [rho**n for n in range(size + 1)]
    blocking = states[-1] / sum(states)
    wait_s = sum(n * p for n, p in enumerate(states[:-1])) / sum(states[:-1])
    policies = STATIC | {"failover": {"name": "never"}}
    servers = {"service_ms": 1000.0, "service": "exponential", "release_cost": 0.0}
    layers = (
        LOSS_SYSTEM,
        {"run": {"duration_s": 2500, "warmup_s": 50}, "clients": {"count": 400, "request_timeout_s": 1e9}},
        {"servers": servers, "products": [{"licenses": 10**6}], "policies": policies},
        {"workload": {"arrivals": "open", "launch_interval_s": 400 / rho, "run_time_s": 0}},
    )
    busy = rho * (1 - blocking)
    laws = {"overloaded / attempts": blocking, "server_utilization_mean": busy, "queue_s_mean": wait_s}
    queue_limit = {"servers": {"queue_limit": size - 1}}
    check(laws, *layers, queue_limit)
    alone = simulate(layered(*layers, queue_limit), 1)
    bounded = {"policies": {"admission": {"name": "bounded", "limit": size - 1}}}
    assert alone == simulate(layered(*layers, bounded), 1)
    assert alone["gave_up"] == alone["overloaded"]
    assert alone["denials"] == 0


def test_users_who_ask_again_are_an_m_m_1_with_retrials():
    """E[waiting] = rho (lambda + theta rho) / (theta (1 - rho)), mu = 1; the license is in use for rho."""
    rho, theta = 0.5, 0.5
    layers = (
        LOSS_SYSTEM,
        {"run": {"duration_s": 3000, "warmup_s": 50}, "policies": STATIC, "products": [{"licenses": 1}]},
        {"clients": {"count": 500}, "policies": {"denial": {"name": "retry", "delay_s": 1 / theta}}},
        {"workload": {"arrivals": "open", "launch_interval_s": 500 / rho, "run_time_s": 1.0}},
    )
    orbit = rho * (rho + theta * rho) / (theta * (1 - rho))
    check({"waiting_users_mean": orbit, "licenses_in_use_mean": rho}, *layers)


def test_callbacks_make_a_queue():
    """Called as soon as a license is free, in order: Erlang C, but that newcomers never jump the line."""
    layers = (
        LOSS_SYSTEM,
        {"run": {"duration_s": 3000, "warmup_s": 50}, "policies": STATIC, "products": [{"licenses": 1}]},
        {"clients": {"count": 500}, "policies": {"denial": {"name": "callback"}}},
        {"workload": {"arrivals": "open", "launch_interval_s": 500 / 0.5, "run_time_s": 1.0}},
    )
    check({"waiting_users_mean": 0.5**2 / (1 - 0.5), "licenses_in_use_mean": 0.5}, *layers)


LOSS_FAULT = {"kind": "loss", "probability": 0.3, "servers": "all", "start_s": -100, "duration_s": 1e6}


@pytest.mark.parametrize("faulty", [{"network": {"loss": 0.3}}, {"faults": [LOSS_FAULT]}])
def test_n_retries(faulty: dict):
    """An attempt fails at p = 1 - .7^2; success 1 - p^(N+1), attempts per launch (1 - p^(N+1)) / (1 - p)."""
    p, retries = 1 - 0.7**2, 2
    failover = {"name": "retry-then-give-up", "retries": retries, "delay_s": 0.5}
    layers = (
        LOSS_SYSTEM,
        {"run": {"duration_s": 2500, "warmup_s": 100}, "products": [{"licenses": 10**6}]},
        {"clients": {"count": 20, "request_timeout_s": 1.0}, "policies": STATIC | {"failover": failover}},
        {"workload": {"launch_interval_s": 40.0, "run_time_s": 0}},
        faulty,
    )
    failed = p ** (retries + 1)
    check({"gave_up / launches": failed, "amplification": (1 - failed) / (1 - p)}, *layers)


@pytest.mark.parametrize("kind", ["unreachable", "refusing", "crash"])
@pytest.mark.parametrize(
    ("failover", "pause_s"),
    [
        ({"name": "immediate"}, 0.0),
        ({"name": "retry-then-failover", "retries": 10**9, "delay_s": 7.0}, 7.0),
        ({"name": "full-jitter", "base_s": 10.0, "cap_s": 8.0, "retries": 10**9}, 4.0),
    ],
)
def test_retry_forever_load(kind: str, failover: dict, pause_s: float):
    """No server: N clients attempt N / (T + mean pause) times a second, T a time-out or a round trip."""
    clients, duration_s = 20, 2000
    trip_s = 3.0 if kind == "unreachable" else 2 * 1.0
    result = simulate(
        layered(
            {"run": {"duration_s": duration_s, "warmup_s": 200, "sample_s": 500}},
            {"network": {"latency_ms": 1000.0}, "policies": STATIC | {"failover": failover}},
            {"clients": {"count": clients, "request_timeout_s": 3.0, "enforcement": "before-start"}},
            {"workload": {"launch_interval_s": 5.0}},
            {"faults": [{"kind": kind, "servers": "all", "start_s": -200, "duration_s": 1e6}]},
        ),
        1,
    )
    rate = clients / (trip_s + pause_s)
    slack = 3.3 * math.sqrt(duration_s * rate) * (failover["name"] == "full-jitter") + clients
    assert abs(result["attempts"] - duration_s * rate) <= slack
    assert result["grants"] == result["denials"] == result["launches"] == 0
    failures = result["timeouts" if kind == "unreachable" else "refusals"]
    assert failures == pytest.approx(result["attempts"], abs=clients)
    assert result["retries"] == (0 if failover["name"] == "immediate" else result["attempts"])
    peak = result["attempts_per_client_hour_peak"]
    assert peak == pytest.approx(3600 / (trip_s + pause_s), rel=0.03)
    assert result["client_busy_fraction"] == pytest.approx(peak / 3600 * 0.05)
