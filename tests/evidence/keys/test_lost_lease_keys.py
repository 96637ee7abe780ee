"""clients.on_lost_lease: what each value does, worked out by hand from experiments/README.md."""

import math
import re
from typing import Any

import numpy as np
import pytest
from meterstorm.actors.randomness import streams
from meterstorm.experiments.scenario import ScenarioError, validate

from support.lab import ANSWER, HOUR, LAST, LATENCY, SERVICE, covers, exactly, run

EVERY = 60.0  # s, between heartbeats
SEED = 1
CRASH = {"kind": "crash", "servers": [0], "start_s": 100.0, "duration_s": 1.0}
AWAY = {"kind": "unreachable", "servers": [0], "start_s": 100.0, "duration_s": 100.0}
RUN_TIME = 500.0
LAUNCHED = [(10.0, 0, RUN_TIME)]
ENDS = 10.0 + ANSWER + RUN_TIME


def first_beat_after(time: float) -> float:
    """When client 0 sends its first heartbeat after a time."""
    with np.errstate(over="ignore"):
        bits = np.uint64(streams.draw(streams.stream_keys(SEED, 0)[streams.PHASE], 0, 0))
    phase = EVERY * float(streams.uniform(bits))
    return phase + EVERY * math.ceil((time - phase) / EVERY)


def within_microseconds(hours: float) -> Any:
    """Areas count whole ones."""
    return pytest.approx(hours, abs=2e-6 / HOUR)


def losing(on_lost_lease, fault=CRASH, **servers):
    """A server that forgets its leases, and clients whose heartbeats name what they hold."""
    clients = {
        "heartbeat_s": EVERY,
        "heartbeat_names_leases": True,
        "on_lost_lease": on_lost_lease,
        "programs": 2,
    }
    return {
        "run": {"seed": SEED},
        "servers": {"durable": False} | servers,
        "clients": clients,
        "faults": [fault],
    }


HEARD = first_beat_after(101.0) + ANSWER


@covers("clients.on_lost_lease=run-on")
def test_a_program_runs_on_without_its_lease():
    """Its release finds none."""
    result = run(LAUNCHED, losing("run-on"))
    assert (result["leases_lost"], result["attempts"], result["evictions"]) == (1, 1, 0)
    assert result["unmetered_license_hours"] == exactly((ENDS + LATENCY - 100.0) / HOUR)
    assert result["licenses_in_use_mean"] == exactly((100.0 - 10.0 - LATENCY - SERVICE) / LAST)


@covers("clients.on_lost_lease=request")
def test_a_program_is_requested_anew_when_its_client_hears_that_its_lease_is_lost():
    result = run(LAUNCHED, losing("request"))
    assert (result["leases_lost"], result["attempts"], result["grants"], result["evictions"]) == (1, 2, 2, 0)
    granted = HEARD + LATENCY + SERVICE
    assert result["unmetered_license_hours"] == within_microseconds((granted - 100.0) / HOUR)
    in_use = (100.0 - 10.0 - LATENCY - SERVICE) + (ENDS + LATENCY - granted)
    assert result["licenses_in_use_mean"] == pytest.approx(in_use / LAST, abs=2e-6 / LAST)
    assert (result["retries"], result["double_grants"], result["ghost_license_hours"]) == (0, 0, 0)


@covers("clients.on_lost_lease=stop")
def test_a_program_is_stopped_when_its_client_hears_that_its_lease_is_lost():
    """Its observer knows one latency later; the same user's next launch is granted."""
    result = run([*LAUNCHED, (400.0, 0, 0.0)], losing("stop"))
    assert (result["leases_lost"], result["attempts"], result["grants"], result["evictions"]) == (1, 2, 2, 1)
    assert result["unmetered_license_hours"] == within_microseconds((HEARD + LATENCY - 100.0) / HOUR)
    assert (result["denials"], result["ghost_license_hours"]) == (0, 0)


@covers("clients.on_lost_lease=request")
def test_a_program_that_is_requested_anew_may_be_denied():
    """Another client has taken the license since: it keeps it, and the program ends."""
    one = {"products": [{"name": "editor", "licenses": 1}]}
    result = run([*LAUNCHED, (101.5, 1, 1e6)], losing("request"), one)
    assert (result["grants"], result["denials"], result["evictions"]) == (2, 1, 1)
    assert result["licenses_in_use_mean"] == exactly(
        (LAST - 101.5 + 100.0 - 10.0 - 2 * (LATENCY + SERVICE)) / LAST
    )


def test_a_program_that_misses_its_callback_runs_without_a_lease_until_it_hears_of_its_denial():
    """It is denied, called back a millisecond later, and its grace is over before the denial is there."""
    denied = HEARD + LATENCY + SERVICE
    freed = denied + 0.001
    other = (101.5, 1, freed - LATENCY - 101.5 - ANSWER)
    one = {"products": [{"name": "editor", "licenses": 1}], "policies": {"denial": {"name": "callback"}}}
    result = run([*LAUNCHED, other], losing("request", callback_grace_s=0.001), one)
    assert (result["grants"], result["denials"], result["evictions"]) == (3, 1, 1)
    assert result["unmetered_license_hours"] == within_microseconds((denied + 2 * LATENCY - 100.0) / HOUR)


@pytest.mark.parametrize("on_lost_lease", ["request", "stop"])
def test_only_programs_whose_lease_is_lost_are_stopped_or_requested(on_lost_lease):
    """The second program is launched after the crash."""
    result = run([*LAUNCHED, (101.5, 0, RUN_TIME)], losing(on_lost_lease))
    assert result["leases_lost"] == 1
    assert result["evictions"] == (on_lost_lease == "stop")
    assert result["grants"] == 2 + (on_lost_lease == "request")


@pytest.mark.parametrize("on_lost_lease", ["request", "stop"])
def test_what_is_launched_while_a_heartbeat_is_on_its_way_is_not_meant(on_lost_lease):
    """The program whose lease is lost ends, and the next one waits when the answer comes."""
    sent = HEARD - ANSWER
    launches = [(10.0, 0, sent + 0.05 - 10.0 - ANSWER), (sent + 0.1, 0, 0.0)]
    result = run(launches, losing(on_lost_lease), {"clients": {"programs": 1}})
    assert (result["attempts"], result["grants"], result["evictions"]) == (2, 2, 0)


@pytest.mark.parametrize(("on_lost_lease", "grants"), [("run-on", 1), ("request", 2), ("stop", 1)])
def test_a_lease_that_was_reclaimed_is_lost_too(on_lost_lease, grants):
    """Heartbeats do not reach the server until 200 s; the next one finds no lease."""
    result = run(LAUNCHED, losing(on_lost_lease, AWAY, reclaim_after_s=70.0, scan_s=1.0))
    assert (result["leases_lost"], result["grants"]) == (1, grants)
    heard = first_beat_after(200.0) + ANSWER
    until = {"run-on": ENDS + LATENCY, "request": heard + LATENCY + SERVICE, "stop": heard + LATENCY}
    last_heard = first_beat_after(200.0) - 2 * EVERY + LATENCY + SERVICE
    reclaimed = math.ceil(last_heard + 70.0)
    assert result["unmetered_license_hours"] == within_microseconds((until[on_lost_lease] - reclaimed) / HOUR)


@covers("servers.failover_ttl_s")
@pytest.mark.parametrize(
    ("failover_ttl_s", "reclaimed"),
    [(0.0, 161.0), (60.0, 161.0), (60.5, 162.0), (150.0, 251.0)],
)
def test_no_lease_is_reclaimed_soon_after_a_crash(failover_ttl_s, reclaimed):
    """Last heard of at 10 s, it is 150 s old at the scan of 161 s; the crash is over at 101 s."""
    servers = {"reclaim_after_s": 150.0, "scan_s": 1.0, "failover_ttl_s": failover_ttl_s}
    result = run(LAUNCHED, {"servers": servers, "clients": {"heartbeat_s": 0.0}, "faults": [CRASH]})
    assert result["leases_lost"] == 1
    assert result["unmetered_license_hours"] == within_microseconds((ENDS + LATENCY - reclaimed) / HOUR)


@pytest.mark.parametrize(("failover_ttl_s", "lost"), [(98.0, 1), (150.0, 0)])
def test_whose_time_begins_anew_at_each_crash_lasts_for_ever(failover_ttl_s, lost):
    """Crashes are 100 s apart. Source: etcd-io/etcd #9395."""
    servers = {"reclaim_after_s": 150.0, "scan_s": 1.0, "failover_ttl_s": failover_ttl_s}
    often = CRASH | {"repeat_s": 100.0, "repeats": 10}
    result = run(LAUNCHED, {"servers": servers, "clients": {"heartbeat_s": 0.0}, "faults": [often]})
    assert result["leases_lost"] == lost


@pytest.mark.parametrize(
    ("servers", "words"), [({"durable": False}, "servers.durable = false"), ({"reclaim_after_s": 0.0}, "= 0")]
)
def test_what_is_never_lost_or_never_kept_cannot_be_spared(servers, words):
    with pytest.raises(ScenarioError, match=re.escape(words)):
        validate({"servers": servers | {"failover_ttl_s": 5.0}})


@pytest.mark.parametrize("on_lost_lease", ["run-on", "request", "stop"])
def test_a_server_that_keeps_its_leases_loses_none(on_lost_lease):
    result = run(LAUNCHED, losing(on_lost_lease, durable=True))
    assert (result["leases_lost"], result["attempts"], result["evictions"]) == (0, 1, 0)


@pytest.mark.parametrize(
    ("clients", "words"),
    [
        (
            {"on_lost_lease": "stop"},
            '"stop" is not allowed; it must be "run-on" while clients.heartbeat_names_leases = false',
        ),
        (
            {"on_lost_lease": "request", "heartbeat_names_leases": True, "heartbeat_s": 0.0},
            '"request" is not allowed; it must be "run-on" while clients.heartbeat_s = 0.0',
        ),
    ],
)
def test_clients_that_send_no_such_heartbeats_hear_of_no_lost_lease(clients, words):
    with pytest.raises(ScenarioError, match=re.escape(f"clients.on_lost_lease: {words}")):
        validate({"title": "deaf", "clients": clients})
