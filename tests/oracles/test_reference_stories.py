"""The reference simulator is held to single stories worked out by hand."""

from itertools import pairwise

import pytest

from oracles.reference import simulate
from oracles.reference.defaults import complete
from oracles.reference.profile import Profile
from oracles.reference.shares import shares
from support.layers import layered

ALONE = {
    "run": {"duration_s": 1000, "warmup_s": 0},
    "network": {"latency_ms": 10.0},
    "servers": {"count": 2, "service_ms": 100.0, "reclaim_after_s": 0},
    "products": [{"licenses": 2}],
    "clients": {"count": 1, "heartbeat_s": 0, "assignment": [1, 0]},
    "workload": {"launch": "constant", "launch_interval_s": 400.0, "run_time": "constant", "run_time_s": 1e4},
    "policies": {"balancing": {"name": "static"}},
}  # one client, one launch at some time in the first 400 s, at server 0; it never ends

AWAY = {"servers": [0], "start_s": 0, "duration_s": 1e6}


def story(*layers: dict, seed: int = 1) -> dict:
    return simulate(layered(ALONE, *layers), seed)


def test_three_retries_fail_over_at_the_fourth_failure():
    told = story({"faults": [AWAY]})
    assert (told["timeouts"], told["retries"], told["failovers"], told["attempts"]) == (4, 3, 1, 5)
    assert told["grants"] == 1
    assert told["wait_s_max"] == pytest.approx(4 * 5.0 + 3 * 60.0 + 0.12)
    assert told["messages"] == 5 + 1
    assert told["messages_lost"] == 4
    assert told["imbalance_max"] == 0.5  # half the licenses were at a server without clients


def test_an_unreachable_server_loses_what_is_under_way_and_a_refusing_one_answers_at_once():
    told = story({"faults": [AWAY | {"kind": "refusing"}], "policies": {"failover": {"name": "immediate"}}})
    assert (told["refusals"], told["failovers"], told["grants"], told["timeouts"]) == (1, 1, 1, 0)
    assert told["wait_s_max"] == pytest.approx(0.02 + 0.12)


def test_documented_sms_stops_asking():
    """(retries + 1) attempts, then the program runs unmetered for good."""
    failover = {"name": "sms2-documented", "retries": 2, "delay_s": 10.0, "offline_s": 1e6}
    layers = ({"faults": [AWAY | {"servers": "all"}]}, {"policies": {"failover": failover}})
    told = story(*layers)
    assert (told["attempts"], told["offline_spells"], told["unmetered_starts"]) == (3, 1, 1)
    assert told["grants"] == 0
    assert told["wait_s_max"] is None
    started_s = 1000 - told["unmetered_license_hours"] * 3600
    assert 0 < started_s < 400
    denied = story(*layers, {"clients": {"offline": "deny"}})
    assert (denied["unmetered_starts"], denied["gave_up"] > 0) == (0, True)


def test_back_from_offline_running_programs_are_requested():
    failover = {"name": "sms2-documented", "retries": 0, "delay_s": 0.0, "offline_s": 500.0}
    told = story({"faults": [AWAY | {"duration_s": 500}], "policies": {"failover": failover}})
    assert (told["attempts"], told["grants"], told["unmetered_starts"]) == (2, 1, 1)
    assert told["unmetered_license_hours"] * 3600 == pytest.approx(5 + 500 + 0.12)


HEARTBEAT = {"clients": {"heartbeat_s": 50}}
BRIEF = {"servers": [0], "start_s": 450, "duration_s": 100}


@pytest.mark.parametrize(("rerequest", "grants"), [(True, 2), (False, 1)])
def test_a_program_that_follows_its_client_leaves_a_ghost(rerequest: bool, grants: int):
    """Q226838: the old lease stays in use, until a scan takes it."""
    layers = (HEARTBEAT, {"clients": {"rerequest": rerequest}, "faults": [BRIEF]})
    layers = (*layers, {"policies": {"failover": {"name": "immediate"}}})
    told = story(*layers)
    assert (told["failovers"], told["grants"], told["evictions"]) == (1, grants, 0)
    assert (told["ghost_license_hours"] > 400 / 3600) == rerequest
    scanned = story(*layers, {"servers": {"reclaim_after_s": 100, "scan_s": 100}})
    if rerequest:
        assert 0 < scanned["ghost_license_hours"] <= 150 / 3600
    else:  # the lease is not heard of at the new server, so the scan takes it from a program that runs
        assert scanned["unmetered_license_hours"] > 0.05


def test_a_program_that_is_denied_elsewhere_is_evicted():
    """Denied for want of a license while it holds one; the lease left behind then denies the next launch."""
    told = story(
        HEARTBEAT,
        {"servers": {"split": [1, 0]}, "products": [{"licenses": 1}], "faults": [BRIEF]},
        {"policies": {"failover": {"name": "immediate"}}},
    )
    assert (told["evictions"], told["denials_exhausted"], told["denials_ghost"]) == (1, 1, 1)


def test_the_cause_of_a_denial():
    """Both licenses at server 0, the client at server 1: free where it can be had, or where it can not."""
    there = {"clients": {"assignment": [0, 1]}, "servers": {"split": [1, 0]}}
    assert story(there)["denials_misplaced"] == story(there)["denials"] > 0
    stranded = story(there, {"faults": [AWAY]})
    assert stranded["denials_stranded"] == stranded["denials"] > 0


def test_lost_leases_become_ghosts_and_denials():
    """Grants and releases get lost on the way: two ghosts, then denials by ghosts."""
    told = story(
        {"servers": {"count": 1}, "clients": {"assignment": "random", "count": 10}},
        {"workload": {"run_time_s": 10.0}, "policies": {"failover": {"name": "never"}}},
        {"faults": [{"kind": "loss", "probability": 0.6, "start_s": 0, "duration_s": 1e6}]},
    )
    assert told["ghost_license_hours"] > 0
    assert told["denials_ghost"] > 0


def test_named_leases_free_the_others():
    """A ghost goes at the client's next heartbeat at that server."""
    layers = (
        {"servers": {"count": 1}, "clients": {"assignment": "random", "count": 10}},
        {"clients": {"programs": 3, "heartbeat_s": 50}},
        {"workload": {"run_time_s": 100.0, "launch_interval_s": 50.0}, "products": [{"licenses": 100}]},
        {"faults": [{"kind": "loss", "probability": 0.3, "start_s": 0, "duration_s": 1e6}]},
        {"policies": {"failover": {"name": "retry-then-give-up", "retries": 3, "delay_s": 1.0}}},
    )
    lost = story(*layers)["ghost_license_hours"]
    assert story(*layers, {"clients": {"heartbeat_names_leases": True}})["ghost_license_hours"] < lost / 4


def test_deferred_releases_are_delivered_when_the_server_answers_again():
    layers = (
        HEARTBEAT,
        {"policies": {"failover": {"name": "immediate"}}},
        {"faults": [BRIEF | {"duration_s": 60}, BRIEF | {"servers": [1], "start_s": 600, "duration_s": 60}]},
    )
    lost, kept = story(*layers), story(*layers, {"clients": {"release_old": "deferred"}})
    assert lost["failovers"] == kept["failovers"] == 2
    assert lost["grants"] == kept["grants"] == 3
    assert kept["messages"] == lost["messages"] + 4  # each of two servers is offered one release, and answers
    away = BRIEF | {"start_s": 100, "repeat_s": 400, "repeats": 3}
    flapping = {"faults": [away, away | {"servers": [1], "start_s": 300}]}
    layers = (*layers, {"workload": {"run_time_s": 300.0, "launch_interval_s": 50.0}}, flapping)
    lost, kept = story(*layers), story(*layers, {"clients": {"release_old": "deferred"}})
    assert kept["messages"] > lost["messages"]
    assert kept["ghost_license_hours"] < lost["ghost_license_hours"]


@pytest.mark.parametrize(("durable", "unmetered"), [(True, False), (False, True)])
def test_a_crash_may_lose_the_leases(durable: bool, unmetered: bool):
    crash = BRIEF | {"kind": "crash", "duration_s": 10}
    told = story({"servers": {"durable": durable}, "faults": [crash]})
    assert (told["unmetered_license_hours"] > 400 / 3600) == unmetered
    assert told["licenses_in_use_mean"] == pytest.approx(0.8 if durable else 0.25, abs=0.2)


def test_a_slow_server_and_faults_that_repeat():
    """4 of 10 servers by `fraction`, twice: requests meet a service time of 0.1 or of 5 s."""
    slow = {"kind": "slow", "factor": 40.0, "servers": {"fraction": 0.35}, "start_s": 100, "duration_s": 300}
    told = story(
        {"servers": {"count": 10}, "clients": {"count": 10, "assignment": "round-robin"}},
        {"clients": {"request_timeout_s": 60}},
        {"workload": {"launch": "exponential", "launch_interval_s": 100.0, "run_time_s": 0.0}},
        {"products": [{"licenses": 10**6}], "faults": [slow | {"repeat_s": 400, "repeats": 2}]},
    )
    assert told["wait_s_p50"] == pytest.approx(0.12)
    assert told["wait_s_max"] >= 4.02
    assert told["server_utilization_max"] > 5 * 0.002


def test_a_cut_concerns_some_clients_only():
    told = story(
        {"clients": {"count": 10, "assignment": "random"}, "servers": {"count": 1}},
        {"products": [{"licenses": 10}], "policies": {"failover": {"name": "never"}}},
        {"faults": [AWAY | {"kind": "cut", "clients": [2, 4]}]},
    )
    assert told["grants"] == 7
    assert told["timeouts"] == told["gave_up"] >= 3


def test_a_request_is_taken_back_when_its_program_ends():
    """The answer takes 0.12 s, the run 0.05 s: granted in vain, released at once, no one waits on record."""
    told = story({"workload": {"run_time_s": 0.05, "launch_interval_s": 100.0}})
    assert told["grants"] == 0
    assert told["wait_s_max"] is None
    assert told["messages"] == 3 * told["attempts"] > 0
    assert told["denials"] == 0


def test_balancing_moves_free_licenses_to_the_demand():
    """All clients at server 1 of 4, all licenses but theirs elsewhere; after one cycle they are there."""
    told = story(
        {"servers": {"count": 4}, "clients": {"count": 50, "assignment": [0, 1, 0, 0]}},
        {"products": [{"licenses": 100}, {"licenses": 7}], "run": {"warmup_s": 401, "duration_s": 500}},
        {"policies": {"balancing": {"name": "periodic-demand", "interval_s": 390.0}}},
    )
    assert told["imbalance_mean"] == told["imbalance_max"] == 0.0
    assert told["overissued"] == 0


def test_unreachable_servers_keep_their_licenses():
    told = story(
        {"servers": {"count": 4}, "clients": {"count": 50, "assignment": [0, 1, 0, 0]}},
        {"products": [{"licenses": 100}], "run": {"warmup_s": 421, "duration_s": 500}},
        {"policies": {"balancing": {"name": "periodic-demand", "interval_s": 390.0}}},
        {"faults": [AWAY | {"servers": [2], "start_s": -421}]},
    )
    assert told["imbalance_max"] == told["imbalance_mean"] == pytest.approx(0.25)


def test_same_seed_same_history():
    busy = {"faults": [BRIEF], "products": [{"licenses": 80}], "run": {"duration_s": 3600, "warmup_s": 600}}
    assert simulate(busy, 3) == simulate(busy, 3) != simulate(busy, 4)


def test_shares_are_whole_and_respect_floors():
    assert shares(10, [1, 1, 1]) == [4, 3, 3]
    assert shares(120, [1000, 50, 10]) == [113, 6, 1]
    assert shares(10, [1, 0], [0, 4]) == [6, 4]
    assert shares(10, [3, 1, 0], [0, 5, 0]) == [5, 5, 0]
    assert shares(0, [1, 2]) == [0, 0]


@pytest.mark.parametrize("points", [[[0, 1], [8, 3], [9, 0.5], [24, 1]], [[6, 2], [6, 0], [12, 4]]])
def test_the_profile_rescales_time(points: list):
    """Exponential or not, the time to the next launch is where the factor's integral reaches the interval."""
    profile = Profile(points, 1000.0)

    def factor(time: float) -> float:
        hour = (time - 1000.0) / 3600 % points[-1][0]
        known = points if points[0][0] == 0 else [[0, points[-1][1]], *points]
        (a, fa), (b, fb) = next((p, q) for p, q in pairwise(known) if p[0] <= hour < q[0])
        return fa + (fb - fa) * (hour - a) / (b - a)

    for start in (0.0, 5000.0, 31000.0, 99999.0):
        for work in (10.0, 5000.0, 500000.0):
            end, steps = profile.later(start, work), 20000
            width = (end - start) / steps
            total = sum(factor(start + (k + 0.5) * width) for k in range(steps)) * width
            assert total == pytest.approx(work, rel=2e-3)


def test_defaults_are_those_of_the_contract():
    full = complete({"title": "x", "clients": {"count": 3}, "faults": [{"kind": "slow", "factor": 2.0}]})
    assert full["clients"]["count"] == 3
    assert full["clients"]["request_timeout_s"] == 5.0
    assert full["policies"]["balancing"] == {"name": "periodic-demand", "interval_s": 14400.0}
    assert full["faults"][0]["duration_s"] == 600
    assert full["products"][0]["licenses"] == 400
