"""Load of retries: N tries under loss, and tries for ever at servers that are away."""

from typing import Any

import pytest
from laws import check, lost_round_trip, replicate, tries_per_launch

CLIENTS, TIMEOUT_S, DURATION_S = 20, 5.0, 200_000.0

# Everyone wants a program, and no server answers, for ever.
ALL_AWAY: dict[str, Any] = {
    "title": "all servers away",
    "run": {"duration_s": DURATION_S, "warmup_s": 0.0},
    "servers": {"count": 4},
    "clients": {"count": CLIENTS, "request_timeout_s": TIMEOUT_S, "enforcement": "before-start"},
    "workload": {"launch_interval_s": 10.0, "launch": "constant"},
    "faults": [{"kind": "unreachable", "servers": "all", "start_s": 0.0, "duration_s": DURATION_S}],
}


@pytest.mark.parametrize("retries", [0, 1, 3])
@pytest.mark.parametrize("loss", [0.1, 0.3])
def test_n_retries_under_loss(loss: float, retries: int):
    """A round trip fails with q = 1 - (1 - p)^2: q^(N+1) give up, after (1 - q^(N+1)) / (1 - q) tries a launch."""
    failure = lost_round_trip(loss)
    check(
        {
            "gave_up / launches": failure ** (retries + 1),
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


@pytest.mark.parametrize(
    "failover, cycle_s",
    [
        ({"name": "immediate"}, TIMEOUT_S),
        ({"name": "retry-then-failover", "retries": float("inf"), "delay_s": 15.0}, TIMEOUT_S + 15.0),
        ({"name": "retry-then-failover", "retries": 3.0, "delay_s": 15.0}, TIMEOUT_S + 15.0 * 3 / 4),
    ],
)
def test_tries_for_ever_at_a_fixed_pace(failover: dict[str, Any], cycle_s: float):
    """N clients try once each cycle of time-out and pause (KB Q226827: none), exactly."""
    for result in replicate(ALL_AWAY, {"policies": {"failover": failover}}, replications=2):
        assert result["attempts"] == pytest.approx(CLIENTS * DURATION_S / cycle_s, rel=1e-3)
        assert 0 <= result["attempts"] - result["timeouts"] <= CLIENTS
        assert result["grants"] == result["denials"] == 0


def test_tries_for_ever_with_full_jitter():
    """At the cap C a try comes every T + C / 2 on average (Brooker, Exponential backoff and jitter, 2015)."""
    check(
        {"attempts": CLIENTS * DURATION_S / (TIMEOUT_S + 60.0 / 2)},
        ALL_AWAY,
        {"policies": {"failover": {"name": "full-jitter", "base_s": 1.0, "cap_s": 60.0}}},
        within=0.02,
    )
