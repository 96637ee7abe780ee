"""Storms: clients of a lost server arrive at another one, and time-outs that keep an overload alive."""

from math import inf
from pathlib import Path
from typing import Any

import pytest
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.state import counters
from meterstorm.experiments.metrics.metrics import metrics

from support.laws import MANY, busiest_bin
from support.trials import LOSS_SYSTEM, REPLICATIONS, hold, replicate, scenario

CLIENTS = 2000


def storm(folder: Path, failover: dict[str, Any], **servers: Any) -> list[dict[str, Any]]:
    """All clients want a program at second 10, and their server refuses; there is one other."""
    trace = folder / "all_at_once.csv"
    trace.write_text("time_s,client,run_time_s\n" + "".join(f"10,{c},1e6\n" for c in range(CLIENTS)))
    return [
        {"title": "storm", "run": {"duration_s": 5000.0, "warmup_s": 0.0}, "network": {"latency_ms": 0.0}},
        {"servers": {"count": 2, "split": [0.0, 1.0], **servers}, "products": [{"licenses": CLIENTS}]},
        {"clients": {"count": CLIENTS, "assignment": [1.0, 0.0], "heartbeat_s": 0.0, "request_timeout_s": 2500.0}},
        {"workload": {"arrivals": "trace", "trace": str(trace)}},
        {"policies": {"failover": failover, "balancing": {"name": "static"}}},
        {"faults": [{"kind": "refusing", "servers": [0], "start_s": 0.0, "duration_s": 5000.0}]},
    ]


@pytest.mark.parametrize("service", ["constant", "exponential"])
def test_a_failover_storm_drains_at_the_service_rate(service: str, tmp_path: Path):
    """n clients that fail over at once are served after n / mu: the last one waits for the n - 1 before it."""
    layers = storm(tmp_path, {"name": "immediate"}, service_ms=1000.0, service=service)
    results = replicate(*layers, replications=REPLICATIONS if service == "exponential" else 1)
    assert all(result["failovers"] == result["grants"] == CLIENTS for result in results)
    waits = [result["queue_s_max"] for result in results]
    if service == "constant":
        assert waits == [CLIENTS - 1]
    else:
        hold("queue_s_max", waits, CLIENTS - 1)


@pytest.mark.parametrize("window_s", [1, 10, 40])
def test_jitter_spreads_a_failover_storm_over_its_window(window_s: int, tmp_path: Path):
    """Failing over after U(0, W): n / W arrivals a second, the busiest second by the multinomial law."""
    once = {"name": "full-jitter", "base_s": float(window_s), "cap_s": float(window_s), "retries": 1.0}
    made = scenario(*storm(tmp_path, once, service_ms=0.0))
    runs = [simulate(made, r) for r in range(REPLICATIONS)]
    assert {int(run.servers["arrivals"][1]) for run in runs} == {CLIENTS}
    peaks = [float(run.servers["peak"][1]) for run in runs]
    if window_s == 1:
        assert peaks == [CLIENTS] * REPLICATIONS
    else:
        hold("peak", peaks, busiest_bin(CLIENTS, window_s), within=0.1)


@pytest.mark.parametrize("retries", [1, 2, 4])
@pytest.mark.parametrize("offered_again", [0.85, 1.15])
def test_an_overload_outlives_its_trigger_where_retries_exceed_the_capacity(retries: int, offered_again: float):
    """Time-outs do not cancel work: stable iff lambda (1 + R) < mu (after Bronson et al., HotOS 2021).

    mu = 10 requests a second. A server slow for a minute has a queue longer than the users' patience. With less
    than mu they are served again soon. With more, every launch is (1 + R) requests in vain, for ever.
    """
    arrivals_per_s = offered_again * 10.0 / (1 + retries)
    made = scenario(
        LOSS_SYSTEM,
        {"run": {"duration_s": 3000.0, "warmup_s": 60.0, "sample_s": 10.0}},
        {"servers": {"service_ms": 100.0, "release_cost": 0.0}, "products": [{"licenses": 10**6}]},
        {"clients": {"request_timeout_s": 2.0, "enforcement": "before-start"}},
        {"workload": {"launch_interval_s": MANY / arrivals_per_s, "run_time_s": 0.0}},
        {"policies": {"failover": {"name": "retry-then-give-up", "retries": float(retries), "delay_s": 0.0}}},
        {"faults": [{"kind": "slow", "servers": [0], "start_s": 600.0, "duration_s": 60.0, "factor": 30.0}]},
    )
    for r in range(3):
        run = simulate(made, r)
        before, after = run.series[10:50].sum(axis=0), run.series[-50:].sum(axis=0)
        assert before[counters.GRANTS] == pytest.approx(before[counters.LAUNCHES], abs=10)
        recovery_s = metrics(made, run)["time_to_recover_s"]
        tries = after[counters.ATTEMPTS] / after[counters.LAUNCHES]
        if offered_again < 1:
            assert 0 < recovery_s < 2000 and tries == pytest.approx(1, abs=0.02)
        else:
            assert (
                recovery_s == inf and after[counters.GRANTS] == 0 and tries == pytest.approx(1 + retries, rel=0.02)
            )
