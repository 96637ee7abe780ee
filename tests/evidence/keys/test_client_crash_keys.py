"""[[faults]] with kind = "client-crash": what each key does, worked out by hand from experiments/README.md."""

import math
import re
from typing import Any

import pytest
from meterstorm.actors.records.journal import HANDLED
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.state.kinds import RELAUNCH
from meterstorm.experiments.scenario import ScenarioError, validate

from support.lab import (
    HOUR,
    LAST,
    LATENCY,
    SERVICE,
    at_once,
    covers,
    exactly,
    first_beat_s,
    is_by_chance,
    is_mean,
    measure,
    on_bare,
    one_a_client,
    run,
)

GRANTED_AFTER = LATENCY + SERVICE  # at the server
EVERY = 60.0


def crash(start_s=100.0, duration_s=50.0, **more: Any) -> dict[str, Any]:
    """The layer in which clients crash once."""
    return {"faults": [{"kind": "client-crash", "start_s": start_s, "duration_s": duration_s} | more]}


def within_microseconds(hours: float) -> Any:
    """Areas count whole ones."""
    return pytest.approx(hours, abs=2e-6 / HOUR)


# What a crash does


@covers("faults.kind=client-crash", "faults.restart=none")
def test_a_crash_ends_programs_in_silence():
    """One runs, one is launched while the client is down, and one when it is back. The first lease stays."""
    result = run([(10.0, 0, 500.0), (120.0, 0, 10.0), (160.0, 0, 1e6)], crash())
    assert (result["client_crashes"], result["leases_orphaned"], result["programs_restarted"]) == (4, 1, 0)
    assert (result["launches"], result["suppressed"], result["grants"]) == (2, 1, 2)
    assert result["messages"] == 2 * 2
    assert result["ghost_license_hours"] == exactly((LAST - 100.0 - LATENCY) / HOUR)
    assert result["orphan_license_hours"] == result["ghost_license_hours"]
    assert result["licenses_in_use_mean"] == exactly((2 * LAST - 170.0 - 2 * GRANTED_AFTER) / LAST)


@covers("faults.kind=client-crash")
@pytest.mark.parametrize(("reclaim_after_s", "scan_s"), [(200.0, 10.0), (95.0, 70.0)])
def test_an_orphan_lasts_until_a_scan_reclaims_it(reclaim_after_s, scan_s):
    servers = {"servers": {"reclaim_after_s": reclaim_after_s, "scan_s": scan_s}}
    result = run([(10.0, 0, 500.0)], crash(), servers)
    reclaimed = math.ceil((10.0 + GRANTED_AFTER + reclaim_after_s) / scan_s) * scan_s
    assert result["orphan_license_hours"] == exactly((reclaimed - 100.0 - LATENCY) / HOUR)
    assert result["leases_lost"] == 0


@covers("faults.kind=client-crash")
def test_a_client_that_is_back_keeps_no_orphan_alive():
    """Its heartbeats are for the lease that it holds now."""
    layer = {"servers": {"reclaim_after_s": 200.0, "scan_s": 10.0}, "clients": {"heartbeat_s": EVERY}}
    result = run([(10.0, 0, 500.0), (160.0, 0, 1e6)], crash(), layer)
    first = first_beat_s(EVERY)
    beat = first + EVERY * math.floor((100.0 - GRANTED_AFTER - first) / EVERY)
    reclaimed = math.ceil((max(10.0, beat) + GRANTED_AFTER + 200.0) / 10.0) * 10.0
    assert result["orphan_license_hours"] == exactly((reclaimed - 100.0 - LATENCY) / HOUR)
    assert result["leases_lost"] == 0


@covers("clients.heartbeat_names_leases")
@pytest.mark.parametrize("names", [True, False])
def test_a_client_that_is_back_names_its_leases_and_so_frees_the_orphans(names):
    """Its next heartbeat comes when it holds another lease; of a slot's leases the newest is meant."""
    clients = {"heartbeat_s": EVERY, "heartbeat_names_leases": names}
    result = run([(10.0, 0, 500.0), (160.0, 0, 1e6)], crash(), {"clients": clients})
    first = first_beat_s(EVERY)
    beat = first + EVERY * math.ceil((160.0 + LATENCY + GRANTED_AFTER - first) / EVERY)
    until = beat + GRANTED_AFTER if names else LAST
    assert result["orphan_license_hours"] == within_microseconds((until - 100.0 - LATENCY) / HOUR)


@covers("clients.release_old=deferred", "clients.deferred_retry_s")
@pytest.mark.parametrize(("duration_s", "offered"), [(50.0, 150.0 + 30.0), (20.0, 100.0 + 30.0)])
def test_a_client_that_is_back_offers_the_releases_that_it_owes(duration_s, offered):
    """They are on its disk; while it is down it offers none."""
    clients = {"release_old": "deferred", "deferred_retry_s": 30.0}
    result = run([(10.0, 0, 500.0)], crash(duration_s=duration_s), {"clients": clients})
    assert result["orphan_license_hours"] == exactly((offered - 100.0) / HOUR)
    assert result["messages"] == 2 + 2


@covers("faults.kind=client-crash")
def test_a_request_under_way_becomes_a_ghost_that_nobody_takes_up():
    """The client crashes while its request is served, and the grant is not heard."""
    result = run([(10.0, 0, 500.0)], crash(start_s=10.1))
    assert (result["grants"], result["leases_orphaned"], result["messages"]) == (0, 0, 2)
    assert result["ghost_license_hours"] == exactly((LAST - 10.0 - GRANTED_AFTER) / HOUR)


@covers("faults.kind=client-crash")
def test_a_client_is_back_at_the_server_that_it_had_first():
    """It had failed over, to a server without licenses."""
    layer = {
        "servers": {"count": 2, "split": [1.0, 0.0]},
        "policies": {"failover": {"name": "immediate"}},
        "faults": [
            {"kind": "unreachable", "servers": [0], "start_s": 0.0, "duration_s": 50.0},
            *crash()["faults"],
        ],
    }
    result = run([(10.0, 0, 0.0), (200.0, 0, 0.0)], layer)
    assert (result["failovers"], result["denials"], result["grants"]) == (1, 1, 1)


@covers("faults.kind=client-crash")
def test_a_client_that_is_offline_is_online_when_it_is_back():
    sms2 = {"name": "sms2-documented", "retries": 0.0, "delay_s": 1.0, "offline_s": 500.0}
    away = {"kind": "unreachable", "servers": [0], "start_s": 0.0, "duration_s": 50.0}
    layer = {"policies": {"failover": sms2}, "faults": [away, *crash()["faults"]]}
    result = run([(10.0, 0, 20.0), (60.0, 0, 1e6), (200.0, 0, 5.0)], layer)
    assert (result["offline_spells"], result["unmetered_starts"], result["grants"]) == (1, 2, 1)
    assert result["unmetered_license_hours"] == exactly((20.0 + 100.0 - 60.0) / HOUR)


def test_a_pause_before_a_retry_ends_in_a_crash():
    """Its program is gone, and nothing is left to try again at 215 s, or to fail."""
    patient = {"name": "retry-then-give-up", "retries": 1.0, "delay_s": 200.0}
    away = {"kind": "unreachable", "servers": [0], "start_s": 0.0, "duration_s": 50.0}
    layer = {"policies": {"failover": patient}, "faults": [away, *crash()["faults"]]}
    result = run([(10.0, 0, 20.0)], layer)
    assert (result["attempts"], result["timeouts"], result["gave_up"]) == (1, 1, 0)


def test_what_a_failover_policy_remembers_is_gone():
    raw = on_bare(
        {"policies": {"failover": {"name": "decorrelated-jitter"}}},
        {"workload": {"launch_interval_s": 10.0, "run_time_s": 1.0}},
        {"faults": [{"kind": "unreachable", "duration_s": LAST, "start_s": 0.0}, *crash()["faults"]]},
    )
    shard = Shard(validate(raw))
    shard.run(100 * 10**9)
    assert shard.world.memory.all()
    shard.run(120 * 10**9)
    assert not shard.world.memory.any()


# Who crashes, and when


@covers("faults.clients", "faults.clients=all", "faults.clients.fraction")
@pytest.mark.parametrize(
    ("clients", "hit"),
    [("all", 5), ([1, 3], 3), ([4, 4], 1), *(({"fraction": f}, math.ceil(5 * f)) for f in (0.2, 0.5, 1.0))],
)
def test_the_clients_of_a_crash(clients, hit):
    result = run(at_once(5, run_time=1e6), {"clients": {"count": 5}}, crash(clients=clients))
    assert result["client_crashes"] == result["leases_orphaned"] == hit


@covers("faults.stagger_s")
def test_a_staggered_crash_goes_from_client_to_client():
    """Each is down for 50 s, 20 s after the one before; all launch at 155 s: those from 120 and 140 s are down."""
    result = run(at_once(4, time=155.0), crash(clients=[1, 3], stagger_s=20.0))
    assert (result["suppressed"], result["grants"]) == (2, 2)


@covers("faults.duration_s")
def test_crashes_of_a_client_that_overlap_are_one():
    faults = {"faults": [*crash()["faults"], *crash(start_s=120.0, duration_s=80.0)["faults"]]}
    result = run([(10.0, 0, 1e6), (160.0, 0, 0.0), (200.5, 0, 0.0)], {"clients": {"count": 1}}, faults)
    assert (result["client_crashes"], result["suppressed"], result["grants"]) == (1, 1, 2)


@covers("faults.mtbf_s", "faults.mttr_s")
@pytest.mark.parametrize(("mtbf_s", "mttr_s"), [(50.0, 25.0), (20.0, 60.0)])
def test_clients_that_crash_at_random_are_down_for_their_share_of_time(mtbf_s, mttr_s):
    """An alternating renewal process for each; 600 s after its start, it has forgotten that."""
    launches = [(600.0 + time, client, 0.0) for time, client, _ in one_a_client(300, 1.0)]
    drawn = {"kind": "client-crash", "start_s": 0.0, "mtbf_s": mtbf_s, "mttr_s": mttr_s}
    result = run(launches, {"servers": {"service_ms": 0.0}, "clients": {"count": 300}}, {"faults": [drawn]})
    assert is_by_chance(result["suppressed"], 300, mttr_s / (mtbf_s + mttr_s))


# Who starts again. Four users think for 50 s, a share of that at first, and then run their programs to the end.

USERS = {
    "clients": {"count": 4},
    "workload": {"launch_interval_s": 50.0, "launch": "constant", "run_time_s": 1e6, "run_time": "constant"},
}
DOWN = crash(start_s=200.0, duration_s=100.0)["faults"][0]  # their next launch would come at 250 s


def in_use(*launches: float) -> float:
    """The licenses in use, on average, of four users who launch at these times together."""
    before = measure(USERS)["licenses_in_use_mean"]
    return before + sum(LAST - time - LATENCY - n * SERVICE for time in launches for n in (1, 2, 3, 4)) / LAST


@covers("faults.restart=none")
def test_who_would_launch_while_the_client_is_down_does_when_it_is_back():
    result = measure(USERS, {"faults": [DOWN]})
    assert (result["launches"], result["programs_restarted"], result["suppressed"]) == (8, 0, 0)
    assert result["licenses_in_use_mean"] == pytest.approx(in_use(300.0), abs=1e-8)


@covers("faults.restart=all", "faults.restart_delay_s", "faults.restart_delay=constant")
@pytest.mark.parametrize("delay_s", [0.0, 30.0])
def test_users_start_again_what_ran(delay_s):
    result = measure(USERS, {"faults": [DOWN | {"restart": "all", "restart_delay_s": delay_s}]})
    assert (result["launches"], result["programs_restarted"], result["grants"]) == (8, 4, 8)
    assert result["licenses_in_use_mean"] == pytest.approx(in_use(300.0 + delay_s), abs=1e-8)


@covers("faults.restart=all")
def test_who_has_not_started_again_when_the_client_crashes_again_does_so_after_that():
    """At 300 s the clients are back, at 310 s they crash, and at 410 s they are back."""
    again = DOWN | {"restart": "all", "restart_delay_s": 30.0, "repeat_s": 110.0, "repeats": 2}
    result = measure(USERS, {"faults": [again]})
    assert (result["client_crashes"], result["launches"], result["programs_restarted"]) == (8, 8, 4)
    assert result["licenses_in_use_mean"] == pytest.approx(in_use(440.0), abs=1e-8)


@covers("faults.restart=all")
def test_only_what_ran_is_started_again():
    """One license: one program runs, and three users wait to ask again, who think anew instead."""
    layer = {
        "products": [{"name": "editor", "licenses": 1}],
        "servers": {"reclaim_after_s": 50.0, "scan_s": 10.0},
        "policies": {"denial": {"name": "constant-retry", "delay_s": 1000.0}},
    }
    result = measure(USERS, layer, {"faults": [DOWN | {"restart": "all", "restart_delay_s": 30.0}]})
    assert (result["launches"], result["programs_restarted"]) == (8, 1)


DELAYS = {
    "constant": lambda cv: 0.0,
    "exponential": lambda cv: 1.0,
    "lognormal": lambda cv: cv,
    "gamma": lambda cv: cv,
}


@covers(
    "faults.restart_delay_s",
    "faults.restart_delay=constant",
    "faults.restart_delay=exponential",
    "faults.restart_delay=lognormal",
    "faults.restart_delay=gamma",
    "faults.restart_delay_cv",
)
@pytest.mark.parametrize("restart_delay", DELAYS)
@pytest.mark.parametrize("cv", [0.4, 1.5])
def test_the_time_until_a_program_is_started_again_has_its_distribution(restart_delay, cv):
    """Seen in the journal, of 400 clients that are back at 300 s; their programs are requested at once."""
    count, mean_s = 400, 20.0
    delay = {"restart": "all", "restart_delay_s": mean_s, "restart_delay": restart_delay, "restart_delay_cv": cv}
    quick = {"servers": {"service_ms": 0.0}, "clients": {"count": count}}
    raw = on_bare(USERS, {"faults": [DOWN | delay]}, quick)
    shard = Shard(validate(raw | {"products": [{"name": "editor", "licenses": 2 * count}]}), keep_journal=True)
    shard.run(shard.end)
    rows = shard.world.journal[: shard.world.control[0].journaled]
    delays_s = (rows["time"][(rows["what"] == HANDLED) & (rows["kind"] == RELAUNCH)] - 300 * 10**9) / 1e9
    assert len(delays_s) == count
    assert is_mean(float(delays_s.mean()), mean_s, DELAYS[restart_delay](cv) * mean_s, count)
    if restart_delay == "constant":
        assert delays_s.min() == delays_s.max() == mean_s
    elif cv < 1:  # a sample's own is far too wild beyond
        assert float(delays_s.std()) == pytest.approx(DELAYS[restart_delay](cv) * mean_s, rel=0.2)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"clients": [3, 900]}, "clients: [3, 900] is not allowed; it must be [first, last] with 0 <= first"),
        ({"clients": "some"}, 'clients: "some" is not allowed; it must be "all", [first, last]'),
        ({"restart": "some"}, 'restart: "some" is not allowed; it must be "none" or "all"'),
        ({"restart_delay_s": 5.5}, 'restart_delay_s: 5.5 is not allowed; it must be 0 while restart = "none"'),
        ({"servers": [0]}, "servers: unknown key"),
        ({"drawn_by": "site"}, "drawn_by: unknown key"),
        ({"mtbf_s": 9.5, "repeat_s": 700.5}, "repeat_s: 700.5 is not allowed; it must be 0 while mtbf_s = 9.5"),
        (
            {"mtbf_s": 0.01},
            "mtbf_s: 0.01 is not allowed; it must be at least 20.16: faults happen to clients 1000000",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(fault, words):
    with pytest.raises(ScenarioError, match=re.escape(f"faults[0].{words}")):
        validate({"title": "nonsense", "faults": [{"kind": "client-crash", **fault}]})


def test_a_trace_has_all_launches():
    restart = crash(restart="all")
    with pytest.raises(
        ScenarioError, match=re.escape('faults[0].restart: "all" is not allowed; it must be "none"')
    ):
        run([(10.0, 0, 1.0)], restart)
