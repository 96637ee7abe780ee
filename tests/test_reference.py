"""The reference simulator is held to closed forms, and to single stories worked out by hand.

A law is checked with the 99.9 % interval of the mean over replications with fixed seeds.
"""

import math
from itertools import pairwise
from statistics import fmean, stdev

import pytest
from layers import layered
from reference import Profile, complete, shares, simulate
from scipy.stats import t as student

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


def erlang_b(licenses: int, erlangs: float) -> float:
    blocking = 1.0
    for n in range(1, licenses + 1):
        blocking = erlangs * blocking / (n + erlangs * blocking)
    return blocking


def engset(sources: int, licenses: int, alpha: float) -> float:
    """Call congestion: what an arriving source finds is the system without it."""
    terms = [math.comb(sources - 1, n) * alpha**n for n in range(licenses + 1)]
    return terms[-1] / sum(terms)


# --- loss and waiting systems -------------------------------------------------------------------------


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
        {"clients": {"count": 500, "on_denial": "retry", "retry_denied_s": 1 / theta}},
        {"workload": {"arrivals": "open", "launch_interval_s": 500 / rho, "run_time_s": 1.0}},
    )
    orbit = rho * (rho + theta * rho) / (theta * (1 - rho))
    check({"waiting_users_mean": orbit, "licenses_in_use_mean": rho}, *layers)


def test_callbacks_make_a_queue():
    """Called as soon as a license is free, in order: Erlang C, but that newcomers never jump the line."""
    layers = (
        LOSS_SYSTEM,
        {"run": {"duration_s": 3000, "warmup_s": 50}, "policies": STATIC, "products": [{"licenses": 1}]},
        {"clients": {"count": 500, "on_denial": "callback"}},
        {"workload": {"arrivals": "open", "launch_interval_s": 500 / 0.5, "run_time_s": 1.0}},
    )
    check({"waiting_users_mean": 0.5**2 / (1 - 0.5), "licenses_in_use_mean": 0.5}, *layers)


# --- retries ------------------------------------------------------------------------------------------


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


# --- single stories -----------------------------------------------------------------------------------

ALONE = {
    "run": {"duration_s": 1000, "warmup_s": 0},
    "network": {"latency_ms": 10.0},
    "servers": {"count": 2, "service_ms": 100.0, "reclaim_after_s": 0},
    "products": [{"licenses": 2}],
    "clients": {"count": 1, "heartbeat_s": 0, "assignment": [1, 0]},
    "workload": {"launch": "constant", "launch_interval_s": 400.0, "run_time": "constant", "run_time_s": 1e4},
    "policies": STATIC,
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


# --- tools --------------------------------------------------------------------------------------------


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
