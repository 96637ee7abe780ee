"""[clients]: what each key does, worked out by hand from experiments/README.md."""

import math

import pytest

from support.lab import (
    ANSWER,
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
    run,
)

ONE_LICENSE = {"products": [{"name": "editor", "licenses": 1}]}
NO_LICENSE = {"products": [{"name": "editor", "licenses": 0}]}
REGULAR = {  # every slot wants a license of its own again and again
    "run": {"warmup_s": 200.0},
    "workload": {"arrivals": "open", "launch": "constant", "launch_interval_s": LAST / 10, "run_time_s": 0.0},
}


def away(start_s, duration_s, servers=(0,)):
    """Servers are unreachable for a while."""
    fault = {"kind": "unreachable", "servers": list(servers), "start_s": start_s, "duration_s": duration_s}
    return {"faults": [fault]}


def policy(name, **parameters):
    """The layer with a failover policy."""
    return {"policies": {"failover": {"name": name, **parameters}, "balancing": {"name": "static"}}}


# Who asks, and where


@covers("clients.count")
@pytest.mark.parametrize("count", [1, 7, 30])
def test_every_client_launches(count):
    assert measure(REGULAR, {"clients": {"count": count}})["launches"] == 10 * count


@covers("clients.programs")
@pytest.mark.parametrize("programs", [1, 2, 3])
def test_a_client_has_so_many_slots(programs):
    three = [(10.0, 0, 100.0), (20.0, 0, 100.0), (30.0, 0, 100.0)]
    result = run(three, {"clients": {"programs": programs}})
    assert (result["launches"], result["suppressed"]) == (programs, 3 - programs)
    assert result["licenses_in_use_mean"] == exactly(programs * (LATENCY + 100 + LATENCY) / LAST)


@covers("clients.assignment", "clients.assignment=round-robin", "clients.assignment=random")
@pytest.mark.parametrize(
    ("assignment", "at_1"), [("round-robin", 100), ([1.0, 3.0], 150), ([0.0, 2.0], 200), ("random", None)]
)
def test_clients_start_at_their_first_server(assignment, at_1):
    """Server 1 has no license, so each of its clients is denied one."""
    layer = {"servers": {"count": 2, "split": [1.0, 0.0], "service_ms": 0.0}}
    clients = {"clients": {"count": 200, "assignment": assignment}}
    result = run(at_once(200), layer, clients, {"products": [{"name": "editor", "licenses": 200}]})
    if at_1 is None:
        assert is_by_chance(result["denials_misplaced"], 200, 0.5) and result["denials"] != 100
    else:
        assert result["denials_misplaced"] == at_1


# Enforcement


@covers("clients.enforcement=after-start", "clients.enforcement=before-start")
@pytest.mark.parametrize("enforcement", ["after-start", "before-start"])
def test_a_run_starts_at_its_launch_or_at_its_grant(enforcement):
    result = run([(10.0, 0, 20.0)], {"clients": {"enforcement": enforcement}})
    ends = 10 + 20 + (ANSWER if enforcement == "before-start" else 0)
    assert result["licenses_in_use_mean"] == exactly((ends + LATENCY - 10.205) / LAST)
    assert result["unmetered_license_hours"] == exactly((0 if enforcement == "before-start" else ANSWER) / HOUR)


@covers("clients.enforcement=after-start", "clients.enforcement=before-start")
@pytest.mark.parametrize("enforcement", ["after-start", "before-start"])
def test_a_program_that_ends_before_its_answer(enforcement):
    result = run([(10.0, 0, 0.1)], {"clients": {"enforcement": enforcement}})
    assert (result["launches"], result["attempts"], result["messages"]) == (1, 1, 3)
    if enforcement == "before-start":
        assert (result["grants"], result["wait_s_max"]) == (1, exactly(ANSWER))
        assert result["licenses_in_use_mean"] == exactly((LATENCY + 0.1 + LATENCY) / LAST)
    else:  # the request is taken back: a grant that comes later is released at once
        assert (result["grants"], result["wait_s_max"]) == (0, None)
        assert result["licenses_in_use_mean"] == exactly(2 * LATENCY / LAST)
        assert result["unmetered_license_hours"] == exactly(0.1 / HOUR)


@covers("clients.enforcement=after-start", "clients.enforcement=before-start")
@pytest.mark.parametrize("enforcement", ["after-start", "before-start"])
def test_a_denial_kills_what_already_runs(enforcement):
    result = run([(10.0, 0, 20.0)], NO_LICENSE, {"clients": {"enforcement": enforcement}})
    assert (result["denials"], result["evictions"]) == (1, 0)
    assert result["wait_s_max"] == exactly(ANSWER)
    assert result["unmetered_license_hours"] == exactly((0 if enforcement == "before-start" else ANSWER) / HOUR)


# Time-outs and heartbeats


@covers("clients.request_timeout_s")
@pytest.mark.parametrize("timeout_s", [2.0, 5.0, 9.0])
def test_no_answer_within_the_time_is_a_failure(timeout_s):
    """Tries at 10 s and then every time-out and a second, at a server that is always away."""
    tries = math.ceil((LAST - 10) / (timeout_s + 1))
    layer = policy("retry-then-failover", retries=float("inf"), delay_s=1.0)
    result = run([(10.0, 0, 20.0)], layer, away(0.0, LAST), {"clients": {"request_timeout_s": timeout_s}})
    assert (result["attempts"], result["retries"]) == (tries, tries - 1)
    assert result["timeouts"] == math.ceil((LAST - 10 - timeout_s) / (timeout_s + 1))


@covers("clients.request_timeout_s")
def test_a_time_out_does_not_cancel_the_work():
    """The third in the queue waits 0.61 s; its late grant is released at once."""
    result = run(at_once(3, run_time=100.0), {"clients": {"request_timeout_s": 0.6}})
    assert (result["grants"], result["timeouts"], result["gave_up"]) == (2, 1, 1)
    assert result["server_utilization_mean"] == exactly(3 * SERVICE / LAST)
    assert result["licenses_in_use_mean"] == exactly((2 * (100 + 2 * LATENCY) + 2 * LATENCY) / LAST)


@covers("clients.heartbeat_s")
@pytest.mark.parametrize(("heartbeat_s", "beats"), [(0.0, 0), (50.0, 20), (100.0, 10), (1000.0, 1)])
def test_a_client_with_a_lease_sends_heartbeats(heartbeat_s, beats):
    layer = {"run": {"warmup_s": 1500.0}, "clients": {"heartbeat_s": heartbeat_s}}
    result = run([(-1400.0, 0, 1e6)], layer)
    assert (result["messages"], result["attempts"]) == (2 * beats, 0)
    assert run([(10.0, 0, 0.0)], layer)["messages"] == 3  # without a lease there is none


@covers("clients.heartbeat_spread")
@pytest.mark.parametrize("spread", [0.0, 0.5, 1.0])
def test_the_time_to_the_next_heartbeat_is_spread(spread):
    """Uniform on [1, 1 + spread] s: so many come on average, as renewal theory has it, and no two alike."""
    layer = {"run": {"warmup_s": 50.0}, "clients": {"heartbeat_s": 1.0, "heartbeat_spread": spread}}
    result = run([(-40.0, 0, 1e6)], layer)
    beats, mean_s, deviation_s = result["messages"] / 2, 1 + spread / 2, spread / 12**0.5
    assert is_mean(LAST / beats, mean_s, deviation_s + 1e-3, int(beats))


@covers("clients.heartbeat_s")
@pytest.mark.parametrize("heartbeat_s", [0.0, 90.0])
def test_a_heartbeat_refreshes_the_lease(heartbeat_s):
    layer = {"servers": {"reclaim_after_s": 100.0, "scan_s": 30.0}, "clients": {"heartbeat_s": heartbeat_s}}
    result = run([(10.0, 0, 500.0)], layer)
    assert (result["unmetered_license_hours"] == 0) == (heartbeat_s > 0)


@covers("clients.heartbeat_s")
@pytest.mark.parametrize("heartbeat_s", [0.0, 50.0])
def test_a_heartbeat_finds_out_that_the_server_is_away(heartbeat_s):
    """And what runs is requested at the next one: a program that was granted a license long ago."""
    layer = {"servers": {"count": 2}, "clients": {"heartbeat_s": heartbeat_s}}
    result = run([(10.0, 0, 1e6)], policy("immediate"), away(500.0, LAST), layer)
    found = 1 if heartbeat_s else 0
    assert (result["timeouts"], result["failovers"]) == (found, found)
    assert (result["attempts"], result["grants"]) == (1 + found, 1 + found)


@covers("clients.heartbeat_names_leases")
@pytest.mark.parametrize("names", [True, False])
def test_a_heartbeat_frees_what_it_does_not_name(names):
    """A release is lost in a spell of 20 ms; the client's other program keeps the heartbeats going."""
    layer = {
        "servers": {"reclaim_after_s": 100.0, "scan_s": 30.0},
        "clients": {"heartbeat_s": 1.0, "heartbeat_names_leases": names, "programs": 2},
    }
    ends = 10 + ANSWER + 20
    result = run([(10.0, 0, 20.0), (11.0, 0, 1e6)], layer, away(ends - 0.01, 0.02))
    assert result["messages_lost"] == 1
    if names:  # by the next heartbeat
        assert 0 < result["ghost_license_hours"] <= (1 + ANSWER) / HOUR
    else:  # never, since every heartbeat refreshes it
        assert result["ghost_license_hours"] == exactly((LAST - ends - LATENCY) / HOUR)


# Offline


@covers("clients.offline=allow", "clients.offline=deny")
@pytest.mark.parametrize("enforcement", ["after-start", "before-start"])
@pytest.mark.parametrize("offline", ["allow", "deny"])
def test_launches_while_offline_run_unmetered_or_are_denied(offline, enforcement):
    """Offline from 15 to 115 s: one launch waits when it begins, one comes meanwhile, one after it."""
    launches = [(10.0, 0, 20.0), (50.0, 0, 20.0), (200.0, 0, 20.0)]
    sms2 = policy("sms2-documented", retries=0, delay_s=1.0, offline_s=100.0)
    clients = {"clients": {"offline": offline, "enforcement": enforcement}}
    result = run(launches, sms2, away(0.0, 30.0), clients)
    assert (result["attempts"], result["timeouts"], result["offline_spells"]) == (2, 1, 1)
    assert (result["launches"], result["grants"], result["denials"]) == (3, 1, 0)
    allowed = 2 if offline == "allow" else 0
    assert (result["unmetered_starts"], result["gave_up"]) == (allowed, 2 - allowed)
    runs_s = 2 * 20.0 if offline == "allow" else 0.0
    if enforcement == "after-start":  # the third until its answer; the first, when denied, until then
        runs_s += ANSWER + (5.0 if offline == "deny" else 0.0)
    assert result["unmetered_license_hours"] == exactly(runs_s / HOUR)


@covers("clients.offline=allow")
def test_after_the_spell_what_runs_is_requested_again():
    sms2 = policy("sms2-documented", retries=0, delay_s=1.0, offline_s=100.0)
    result = run([(10.0, 0, 500.0)], sms2, away(0.0, 30.0))
    back = 15.0 + 100.0
    assert (result["attempts"], result["grants"], result["retries"]) == (2, 1, 0)
    assert result["unmetered_license_hours"] == exactly((back + ANSWER - 15) / HOUR)
    assert result["licenses_in_use_mean"] == exactly((15 + 500 + LATENCY - (back + ANSWER - LATENCY)) / LAST)


# Another server: the first program of client 0 has a lease at server 0 when that is away from 20 to 100.5 s. The
# second fails at 35 s, and both are granted a license at server 1 by 35.42 s.

TWO_PROGRAMS = [(10.0, 0, 500.0), (30.0, 0, 500.0)]
MOVED = (policy("immediate"), away(20.0, 80.5), {"servers": {"count": 2}, "clients": {"programs": 2}})
BACK = 20.0 + 80.5
GRANTED_THERE = 35 + ANSWER


@covers("clients.rerequest")
@pytest.mark.parametrize("rerequest", [True, False])
def test_running_programs_are_requested_at_the_new_server_before_those_that_wait(rerequest):
    result = run(TWO_PROGRAMS, *MOVED, {"clients": {"rerequest": rerequest, "programs": 2}})
    assert (result["failovers"], result["timeouts"]) == (1, 1)
    assert (result["attempts"], result["grants"]) == ((4, 3) if rerequest else (3, 2))
    assert result["wait_s_max"] == exactly(5 + ANSWER + (SERVICE + 2 * LATENCY if rerequest else 0))
    left_behind_s = LAST - GRANTED_THERE - LATENCY if rerequest else 0  # else it runs on under its old lease
    assert result["ghost_license_hours"] == exactly(left_behind_s / HOUR)


@covers("clients.programs")
def test_programs_that_wait_ask_the_new_server_in_order_of_launch():
    """The first run is over when the third program is launched, in its slot, after the second one."""
    launches = [(10.0, 0, 15.0), (21.0, 0, 500.0), (25.5, 0, 500.0)]
    result = run(launches, *MOVED)
    assert (result["failovers"], result["timeouts"], result["grants"]) == (1, 1, 3)
    assert result["wait_s_max"] == exactly(5 + ANSWER)


@covers("clients.rerequest")
@pytest.mark.parametrize("rerequest", [True, False])
def test_a_running_program_that_is_denied_elsewhere_is_killed(rerequest):
    split = {"servers": {"count": 2, "split": [1.0, 0.0]}}
    result = run(TWO_PROGRAMS, *MOVED, split, {"clients": {"rerequest": rerequest, "programs": 2}})
    assert result["evictions"] == (1 if rerequest else 0)
    assert result["denials"] == 1 + result["evictions"]


@covers("clients.release_old=lost")
def test_a_lease_left_behind_is_lost():
    result = run(TWO_PROGRAMS, *MOVED)
    assert result["ghost_license_hours"] == exactly((LAST - GRANTED_THERE - LATENCY) / HOUR)


@covers("clients.release_old=deferred", "clients.deferred_retry_s")
@pytest.mark.parametrize("deferred_retry_s", [0.5, 2.0, 30.0])
def test_a_release_that_was_kept_is_delivered_when_the_server_answers_again(deferred_retry_s):
    clients = {"programs": 2, "release_old": "deferred", "deferred_retry_s": deferred_retry_s}
    result = run(TWO_PROGRAMS, *MOVED, {"clients": clients})
    ghost_until = GRANTED_THERE + LATENCY + result["ghost_license_hours"] * HOUR
    assert BACK < ghost_until <= BACK + deferred_retry_s + LATENCY
    offers = math.floor((BACK - GRANTED_THERE) / deferred_retry_s)
    assert abs(result["messages_lost"] - 1 - offers) <= 1  # one request, and an offer each time
    there = (10 + ANSWER + 500 - GRANTED_THERE) + 500 + 4 * LATENCY  # both at server 1, until their releases
    assert result["licenses_in_use_mean"] == exactly((ghost_until - 10.205 + there) / LAST)


@covers("clients.release_old=deferred")
def test_an_answer_settles_no_release_that_came_up_after_its_offer():
    """The first offer names the second program, which has moved when the answer comes; so it is offered again."""
    failed, every = 20.5 + 5, 0.3
    clients = {"programs": 3, "release_old": "deferred", "deferred_retry_s": every}
    servers = {"count": 2, "release_cost": 1.0}
    launches = [(10.0, 0, 1e6), (12.0, 0, 1e6), (20.5, 0, 1e6)]
    result = run(launches, policy("immediate"), away(20.0, 1.0), {"clients": clients, "servers": servers})
    known = [failed + n * ANSWER + LATENCY for n in (1, 2)]
    freed = [failed + n * every + LATENCY + SERVICE for n in (1, 2)]
    assert result["ghost_license_hours"] == exactly((sum(freed) - sum(known)) / HOUR)


@covers("clients.release_old=lost", "clients.release_old=deferred")
@pytest.mark.parametrize("release_old", ["lost", "deferred"])
def test_a_release_to_a_server_that_is_away(release_old):
    """The first program runs on under its old lease, and ends while its server is away."""
    clients = {"programs": 2, "rerequest": False, "release_old": release_old, "deferred_retry_s": 2.0}
    result = run([(10.0, 0, 50.0), (30.0, 0, 500.0)], *MOVED, {"clients": clients})
    ghost_until = 10 + ANSWER + 50 + LATENCY + result["ghost_license_hours"] * HOUR
    if release_old == "lost":
        assert ghost_until == exactly(LAST)
    else:
        assert BACK < ghost_until <= BACK + 2.0 + LATENCY


# Burden


@covers("clients.attempt_cpu_ms")
@pytest.mark.parametrize("cpu_ms", [0.0, 30.0, 50.0])
def test_attempts_cost_the_client(cpu_ms):
    """Three attempts of four clients in the worst ten seconds."""
    launches = [(10.0, 0, 0.0), (12.0, 0, 0.0), (19.0, 2, 0.0), (21.0, 2, 0.0)]
    result = run(launches, {"run": {"sample_s": 10.0}, "clients": {"attempt_cpu_ms": cpu_ms}})
    assert result["client_busy_fraction"] == exactly(3 * cpu_ms / 1000 / (4 * 10.0))


@covers("clients.heartbeat_s")
def test_a_heartbeat_that_is_dropped_takes_its_failures_along():
    """It is to be tried once more, but the last lease ends before; the next one has two tries of its own."""
    first_s = first_beat_s(100.0)
    away = [{"kind": "unreachable", "start_s": first_s + start_s, "duration_s": 45.0} for start_s in (195, 295)]
    beats = {"clients": {"count": 1, "heartbeat_s": 100.0}}
    tries = {"policies": {"failover": {"name": "retry-then-give-up", "retries": 1, "delay_s": 30.0}}}
    launches = [(first_s + 150.0, 0, 60.0), (first_s + 250.0, 0, 100.0)]
    assert run(launches, {"faults": away}, beats, tries)["timeouts"] == 3


@pytest.mark.parametrize("programs", [1, 2])
def test_failures_count_in_a_row_though_the_program_has_ended(programs):
    """Both tries of the first launch fail, at 15 and 23 s; it has ended at 19 s, and the next one comes at 20 s.

    Given up at its second failure, it holds the next one up no longer.
    """
    layer = {
        "clients": {"enforcement": "after-start", "programs": programs},
        "policies": {"failover": {"name": "retry-then-give-up", "retries": 1, "delay_s": 3.0}},
        "faults": [{"kind": "unreachable", "servers": [0], "start_s": 5.0, "duration_s": 17.0}],
    }
    result = run([(10.0, 0, 9.0), (20.0, 0, 9.0)], layer)
    assert (result["grants"], result["timeouts"]) == (1, 2)
    assert result["wait_s_max"] == exactly(23.0 + ANSWER - 20.0)
