"""Load of retries: N tries under loss, and tries for ever at servers that are away."""

from typing import Any

import pytest
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.state import counters

from support.laws import decorrelated_mean, lost_round_trip, tries_per_launch
from support.trials import REPLICATIONS, check, hold, replicate, scenario

CLIENTS, TIMEOUT_S, ROUND_TRIP_S = 20, 5.0, 2.0


def all_away(failover: dict[str, Any], duration_s: float, kind: str = "unreachable") -> list[dict[str, Any]]:
    """Everyone wants a program, and no server serves, for ever; the run's second half is its last sample."""
    return [
        {"title": "all servers away", "network": {"latency_ms": ROUND_TRIP_S * 500}, "servers": {"count": 4}},
        {"run": {"duration_s": duration_s, "warmup_s": 0.0, "sample_s": duration_s / 2}},
        {"clients": {"count": CLIENTS, "request_timeout_s": TIMEOUT_S, "enforcement": "before-start"}},
        {"workload": {"launch_interval_s": 10.0, "launch": "constant"}, "policies": {"failover": failover}},
        {"faults": [{"kind": kind, "servers": "all", "start_s": 0.0, "duration_s": duration_s}]},
    ]


def late_attempts(made: Any, replication: int) -> float:
    """Attempts in the second half of a run, when backoffs have forgotten how they began."""
    return float(simulate(made, replication).series[-1, counters.ATTEMPTS])


@pytest.mark.parametrize("retries", [0, 1, 3])
@pytest.mark.parametrize("loss", [0.1, 0.3])
def test_n_retries_under_loss(loss: float, retries: int):
    """A round trip fails with q = 1 - (1 - p)^2: q^(N+1) give up, after (1 - q^(N+1)) / (1 - q) tries a launch."""
    failure = lost_round_trip(loss)
    check(
        {
            "gave_up / launches": failure ** (retries + 1),
            "grants / launches": 1 - failure ** (retries + 1),
            "amplification": tries_per_launch(failure, retries),
            "timeouts / attempts": failure,
            "messages_lost / messages": loss,
        },
        {"title": "loss", "run": {"duration_s": 8000.0, "warmup_s": 100.0}, "network": {"loss": loss}},
        {"servers": {"count": 1, "service_ms": 0.0}, "products": [{"licenses": 10**6}]},
        {"clients": {"count": 100, "heartbeat_s": 0.0, "request_timeout_s": 1.0, "enforcement": "before-start"}},
        {"workload": {"launch_interval_s": 20.0, "run_time_s": 0.0}},
        {"policies": {"failover": {"name": "retry-then-give-up", "retries": float(retries), "delay_s": 0.5}}},
        within=0.25 if failure ** (retries + 1) < 0.01 else 0.05,
    )


@pytest.mark.parametrize("kind, trip_s", [("unreachable", TIMEOUT_S), ("refusing", ROUND_TRIP_S)])
@pytest.mark.parametrize(
    "failover, pause_s",
    [
        ({"name": "immediate"}, 0.0),
        ({"name": "retry-then-failover", "retries": float("inf"), "delay_s": 15.0}, 15.0),
        ({"name": "retry-then-failover", "retries": 3.0, "delay_s": 16.0}, 12.0),
        ({"name": "capped-exponential", "base_s": 1.0, "cap_s": 60.0}, 60.0),
        ({"name": "capped-exponential", "base_s": 5.0, "cap_s": 2000.0}, 2000.0),
        ({"name": "capped-exponential", "base_s": 0.5, "cap_s": 6.0, "retries": 3.0}, (1.0 + 2.0 + 4.0) / 4),
    ],
)
def test_tries_for_ever_at_a_fixed_pace(failover: dict[str, Any], pause_s: float, kind: str, trip_s: float):
    """N clients try once each time-out or round trip T and pause w: N / (T + w) (renewal; KB Q226827)."""
    duration_s = 1000 * (trip_s + pause_s)
    layers = all_away(failover, duration_s, kind)
    assert late_attempts(scenario(*layers), 0) == pytest.approx(CLIENTS * 500, abs=CLIENTS)
    (result,) = replicate(*layers, replications=1)
    failures = result["timeouts" if kind == "unreachable" else "refusals"]
    assert 0 <= result["attempts"] - failures <= CLIENTS
    assert result["grants"] == result["denials"] == 0


@pytest.mark.parametrize("base_s, cap_s", [(1.0, 60.0), (5.0, 2000.0), (0.5, 4.0)])
@pytest.mark.parametrize("name", ["equal-jitter", "full-jitter", "decorrelated-jitter"])
def test_tries_for_ever_with_jitter(name: str, base_s: float, cap_s: float):
    """N / (T + mean wait), at the cap C: .75 C, C / 2, or the mean of a chain (Brooker 2015)."""
    mean_s = {"equal-jitter": 0.75 * cap_s, "full-jitter": cap_s / 2}.get(name)
    mean_s = mean_s or decorrelated_mean(base_s, cap_s)
    duration_s = 4000 * (TIMEOUT_S + mean_s)
    made = scenario(*all_away({"name": name, "base_s": base_s, "cap_s": cap_s}, duration_s))
    hold("attempts", [late_attempts(made, r) for r in range(REPLICATIONS)], CLIENTS * 2000, within=0.03)


def test_the_decorrelated_chain_has_its_known_means():
    """Of the cap: .457 for the simulator of aws-samples (base 5, cap 2000), .562 for base 1 and cap 60."""
    assert decorrelated_mean(5.0, 2000.0) / 2000 == pytest.approx(0.457, abs=5e-4)
    assert decorrelated_mean(1.0, 60.0) / 60 == pytest.approx(0.562, abs=5e-4)


@pytest.mark.parametrize("kind", ["unreachable", "refusing"])
@pytest.mark.parametrize("retries", [0, 1, 3])
def test_sms_as_documented_stops_trying(retries: int, kind: str):
    """R + 1 tries of each client in all, then none while it is offline (SMS 2.0 console help, dmcligen.htm)."""
    failover = {"name": "sms2-documented", "retries": float(retries), "delay_s": 60.0, "offline_s": 1e5}
    (result,) = replicate(*all_away(failover, 50_000.0, kind), replications=1)
    assert result["attempts"] == CLIENTS * (retries + 1)
    assert result["retries"] == CLIENTS * retries
    assert result["offline_spells"] == CLIENTS
    assert result["unmetered_starts"] == result["launches"] > CLIENTS
