"""Waiting: for service at a server (M/M/1/K, M/D/1, a storm that drains), and for a license (retrials)."""

from pathlib import Path
from typing import Any

import pytest
from laws import LOSS_SYSTEM, REPLICATIONS, check, erlang_c, hold, mm1k, offered, replicate, retrials

# Requests take one second of a server each, releases none; whoever finds the queue full gives up.
ONE_WORKER: dict[str, Any] = LOSS_SYSTEM | {
    "servers": {"count": 1, "service_ms": 1000.0, "service": "exponential", "release_cost": 0.0}
}


@pytest.mark.parametrize("places, rho", [(1, 0.8), (5, 0.9), (10, 1.2)])
def test_mm1k(places: int, rho: float):
    """Blocking, mean wait and busy share of M/M/1/K (Kleinrock 1975, section 3.6)."""
    blocking, waiting = mm1k(rho, places)
    laws = {"overloaded / attempts": blocking, "server_utilization_mean": rho * (1 - blocking)}
    if places > 1:
        laws["queue_s_mean"] = waiting / (rho * (1 - blocking))
    queue = {"servers": {"queue_limit": places - 1}} if places > 1 else {}
    admission = {"policies": {"admission": {"name": "bounded", "limit": float(places - 1)}}}
    check(laws, ONE_WORKER, offered(rho, 10**6, 0.0, 40_000.0), queue, admission, {"run": {"warmup_s": 200.0}})


@pytest.mark.parametrize("service, variance", [("constant", 0.0), ("exponential", 1.0)])
def test_pollaczek_khinchine(service: str, variance: float):
    """Mean wait of M/G/1 at load 0.7: rho (1 + cv^2) / 2 / (1 - rho) services (Pollaczek 1930)."""
    check(
        {"queue_s_mean": 0.7 * (1 + variance) / 2 / 0.3, "server_utilization_mean": 0.7},
        ONE_WORKER,
        offered(0.7, 10**6, 0.0, 80_000.0),
        {"servers": {"service": service}, "run": {"warmup_s": 500.0}},
    )


@pytest.mark.parametrize("retry_s", [0.5, 5.0])
def test_retrials(retry_s: float):
    """M/M/c with retrials, 5 licenses and 4 erlangs (Falin and Templeton 1997): who waits, how often denied."""
    waiting, denied = retrials(5, 4.0, 1 / retry_s, orbit=250)
    check(
        {"waiting_users_mean": waiting, "denial_fraction": denied, "licenses_in_use_mean": 4.0},
        LOSS_SYSTEM,
        offered(4.0, 5, 1.0, 30_000.0),
        {"clients": {"on_denial": "retry", "retry_denied_s": retry_s}, "run": {"warmup_s": 200.0}},
        within=0.07,
    )


def test_the_retrial_chain_tends_to_erlang_c():
    """Users who ask again at once wait like a queue: erlang_c rho / (1 - rho) of them (Erlang 1917)."""
    waiting, _ = retrials(5, 4.0, 1e5, orbit=120)
    assert waiting == pytest.approx(erlang_c(5, 4.0) * 0.8 / 0.2, rel=5e-3)


@pytest.mark.parametrize("service", ["constant", "exponential"])
def test_a_failover_storm_drains_at_the_service_rate(service: str, tmp_path: Path):
    """Clients of a lost server that fail over at once: the last of n waits for the n - 1 before it."""
    clients = 2000
    trace = tmp_path / "all_at_once.csv"
    trace.write_text("time_s,client,run_time_s\n" + "".join(f"10,{c},1e6\n" for c in range(clients)))
    layers: list[dict[str, Any]] = [
        {"title": "storm", "run": {"duration_s": 5000.0, "warmup_s": 0.0}, "network": {"latency_ms": 5.0}},
        {"servers": {"count": 2, "service_ms": 1000.0, "service": service, "split": [0.0, 1.0]}},
        {"clients": {"count": clients, "assignment": [1.0, 0.0], "heartbeat_s": 0.0, "request_timeout_s": 2500.0}},
        {"workload": {"arrivals": "trace", "trace": str(trace)}, "products": [{"licenses": clients}]},
        {"policies": {"failover": {"name": "immediate"}, "balancing": {"name": "static"}}},
        {"faults": [{"kind": "refusing", "servers": [0], "start_s": 0.0, "duration_s": 5000.0}]},
    ]
    results = replicate(*layers, replications=REPLICATIONS if service == "exponential" else 1)
    assert all(result["failovers"] == result["grants"] == clients for result in results)
    waits = [result["queue_s_max"] for result in results]
    if service == "constant":
        assert waits == [clients - 1]
    else:
        hold("queue_s_max", waits, clients - 1)
