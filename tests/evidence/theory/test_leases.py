"""How long leases last: runs, ghosts until their reclaim, programs whose lease is reclaimed, late grants.

All are means per launch; Little's law turns them into means over time.
"""

from typing import Any

import pytest
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.scenario import load

from support.lab import is_by_chance
from support.trials import LOSS_SYSTEM, check, offered, replicate

DURATION_S, RECLAIM_S, SCAN_S = 10_000.0, 60.0, 40.0
UNTIL_RECLAIMED_S = RECLAIM_S + SCAN_S / 2  # of a lease not heard of: from then to a scan, at any phase of it

PLENTY: dict[str, Any] = {
    **offered(2.0, 10**5, 1.0, DURATION_S),
    "run": {"duration_s": DURATION_S, "warmup_s": 500.0},
    "servers": {"reclaim_after_s": RECLAIM_S, "scan_s": SCAN_S},
}


@pytest.mark.parametrize("enforcement, trips", [("after-start", 0), ("before-start", 2)])
def test_leases_last_as_long_as_runs(enforcement: str, trips: int):
    """A program runs from its launch, 2 latencies without a lease, or from its grant; so does its lease."""
    latency_s, run_s = 1.0, 10.0
    laws = {"licenses_in_use_mean / launches": (run_s + trips * latency_s) / DURATION_S}
    if enforcement == "after-start":
        laws["unmetered_license_hours / launches"] = 2 * latency_s / 3600
    check(
        laws,
        LOSS_SYSTEM,
        PLENTY,
        {"network": {"latency_ms": latency_s * 1000}, "clients": {"enforcement": enforcement}},
        {"workload": {"run_time_s": run_s, "run_time": "constant"}},
        within=0.01,
    )


@pytest.mark.parametrize("loss", [0.05, 0.3])
def test_ghosts_last_until_a_scan_reclaims_them(loss: float):
    """A release that is lost, or a grant, leaves a ghost, from the end of the run or of the user's patience."""
    run_s, patience_s = 5.0, 2.0
    granted, arrives = 1 - loss, 1 - loss
    ghost_s = arrives * loss * (UNTIL_RECLAIMED_S - run_s) + loss * (UNTIL_RECLAIMED_S - patience_s)
    lease_s = ghost_s + arrives * run_s + loss * patience_s
    check(
        {
            "ghost_license_hours / launches": granted * ghost_s / 3600,
            "licenses_in_use_mean / launches": granted * lease_s / DURATION_S,
        },
        LOSS_SYSTEM,
        PLENTY,
        {"network": {"loss": loss}},
        {"clients": {"enforcement": "before-start", "request_timeout_s": patience_s}},
        {"workload": {"run_time_s": run_s, "run_time": "constant"}},
    )


@pytest.mark.parametrize("heartbeat_s", [0.0, 25.0])
def test_leases_without_heartbeats_are_reclaimed(heartbeat_s: float):
    """A long run loses its lease at a scan, and goes on without; heartbeats keep it."""
    run_s = 300.0
    layers: list[dict[str, Any]] = [
        LOSS_SYSTEM,
        PLENTY,
        {"clients": {"count": 500, "heartbeat_s": heartbeat_s}},
        {"workload": {"launch_interval_s": 1000.0, "run_time_s": run_s, "run_time": "constant"}},
    ]
    kept_s = run_s if heartbeat_s else UNTIL_RECLAIMED_S
    check({"licenses_in_use_mean / launches": kept_s / DURATION_S}, *layers)
    if heartbeat_s:
        assert all(result["unmetered_license_hours"] == 0 for result in replicate(*layers, replications=2))
    else:
        check({"unmetered_license_hours / launches": (run_s - kept_s) / 3600}, *layers)


def test_late_grants_are_released_at_once():
    """Every answer comes after its user has given up: three messages a launch, and few licenses are enough."""
    layers: list[dict[str, Any]] = [
        LOSS_SYSTEM,
        PLENTY | {"products": [{"licenses": 10}]},
        {"servers": {"service_ms": 300.0, "release_cost": 0.0, "reclaim_after_s": 0.0}},
        {"clients": {"enforcement": "before-start", "request_timeout_s": 0.2}},
        {"workload": {"run_time_s": 1.0}},
    ]
    check({"messages / launches": 3.0, "gave_up / launches": 1.0}, *layers, within=0.001)
    assert all(result["denials"] == 0 for result in replicate(*layers, replications=2))


@pytest.mark.parametrize("stall_s", [40.0, 42.5, 47.0])
@pytest.mark.parametrize("grace_s", [40.0, 50.0, 60.0])
def test_leases_survive_a_stall_as_far_as_their_age_allows(stall_s: float, grace_s: float):
    """When the server comes to, ages are spread over a renewal interval of 10 s, from the stall's length on."""
    stall = {"kind": "stall", "start_s": 100.0, "duration_s": stall_s}
    scenario = load(
        "lease-stall", {"servers.reclaim_after_s": grace_s, "faults": [stall], "cases": [], "arms": []}
    )
    leases = simulate(scenario).server_series["leases"][:, 0]
    count = scenario.clients.count
    assert leases[[0, 10]].tolist() == [count, count]
    assert is_by_chance(leases[-1], count, min(1.0, max(0.0, (grace_s - stall_s) / 10.0)))


@pytest.mark.parametrize("nodes", [600, 3000])
def test_nodes_that_share_a_rate_renew_a_third_less_often(nodes: int):
    """Nomad's TTL of n / 50 s and up to as much again: 50 / 1.5 renewals a second, however many nodes."""
    (result,) = replicate(
        LOSS_SYSTEM,
        {"run": {"duration_s": 2000.0, "warmup_s": 1000.0}, "products": [{"licenses": nodes}]},
        {"workload": {"arrivals": "closed", "launch": "constant", "launch_interval_s": 1.0}},
        {"workload": {"run_time": "constant", "run_time_s": 1e6}},
        {"clients": {"count": nodes, "heartbeat_s": nodes / 50, "heartbeat_spread": 1.0}},
        replications=1,
    )
    assert result["messages"] / 2 / 2000.0 == pytest.approx(50.0 / 1.5, rel=0.005)
