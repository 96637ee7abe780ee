"""[[faults]]: what each key and kind does, worked out by hand from experiments/README.md."""

import math
import re

import numpy as np
import pytest
from meterstorm.actors.randomness.streams import stream_keys
from meterstorm.actors.setup.spells import lay_out
from meterstorm.experiments.scenario import ScenarioError, validate

from support.lab import (
    ANSWER,
    HOUR,
    LAST,
    LATENCY,
    SERVICE,
    at_once,
    covers,
    exactly,
    is_by_chance,
    one_a_client,
    run,
)

ONE_LICENSE = {"products": [{"name": "editor", "licenses": 1}]}


def fault(kind="unreachable", start_s=20.0, duration_s=10.0, servers=(0,), **more):
    """The layer with one fault."""
    servers = list(servers) if isinstance(servers, tuple) else servers
    row = {"kind": kind, "start_s": start_s, "duration_s": duration_s, "servers": servers}
    return {"faults": [row | more]}


def is_in(time: float, *spells: tuple[float, float]) -> bool:
    return any(start <= time < end for start, end in spells)


# Kinds


@covers("faults.kind=unreachable")
@pytest.mark.parametrize(
    ("start_s", "end_s", "lost"),
    [
        (9.0, 11.0, "the request"),
        (10.004, 10.006, "the request"),  # the fault holds at its arrival
        (9.0, 10.001, "the request"),  # at its sending
        (10.1, 10.2, "nothing"),  # while the server works
        (10.1, 11.0, "the answer"),
        (10.207, 11.0, "the answer"),
    ],
)
def test_unreachable_loses_what_is_sent_or_arrives_meanwhile(start_s, end_s, lost):
    result = run([(10.0, 0, 20.0)], fault(start_s=start_s, duration_s=end_s - start_s))
    assert result["messages_lost"] == result["timeouts"] == (lost != "nothing")
    assert result["grants"] == 1 - result["gave_up"] == (lost == "nothing")
    assert result["server_utilization_mean"] == exactly((0 if lost == "the request" else SERVICE) / LAST)
    if lost == "the answer":  # the server works on: a lease without a program, from when its client gives up
        assert result["licenses_in_use_mean"] == exactly((LAST - 10.205) / LAST)
        assert result["ghost_license_hours"] == exactly((LAST - (15 + LATENCY)) / HOUR)


@covers("faults.kind=refusing")
def test_refusing_answers_after_one_round_trip_and_loses_releases():
    """The queue is served: the second of two requests before the fault. A release comes in it, and a request."""
    launches = [(19.9, 0, 2.0), (19.9, 1, 500.0), (25.0, 2, 0.0)]
    retry = {"policies": {"failover": {"name": "retry-then-give-up", "retries": 1, "delay_s": 7.0}}}
    result = run(launches, fault("refusing"), retry)
    assert (result["grants"], result["refusals"], result["timeouts"], result["retries"]) == (3, 1, 0, 1)
    assert result["wait_s_max"] == exactly(2 * LATENCY + 7.0 + ANSWER)
    ends = 19.9 + ANSWER + 2.0
    assert result["ghost_license_hours"] == exactly((LAST - ends - LATENCY) / HOUR)
    assert result["messages_lost"] == 1


@covers("faults.kind=crash")
def test_a_crash_refuses_and_loses_the_queue():
    """One request is being served and one waits when the server crashes; one comes meanwhile."""
    launches = [(19.9, 0, 0.0), (19.9, 1, 0.0), (25.0, 2, 0.0)]
    result = run(launches, fault("crash"))
    assert (result["grants"], result["timeouts"], result["refusals"], result["gave_up"]) == (0, 2, 1, 3)
    assert result["server_utilization_mean"] == exactly((20.0 - 19.9 - LATENCY) / LAST)
    assert run(launches, fault("refusing"))["grants"] == 2


@covers("faults.kind=slow", "faults.factor")
@pytest.mark.parametrize("factor", [0.5, 4.0, 20.0])
def test_slow_multiplies_services_that_start_while_it_holds(factor):
    launches = [(19.9, 0, 0.0), (22.0, 1, 0.0), (29.9, 2, 0.0), (50.0, 3, 0.0)]  # the third ends after the fault
    result = run(launches, fault("slow", factor=factor))
    services = (2 + 2 * factor) * SERVICE
    assert result["wait_s_mean"] * 4 == exactly(8 * LATENCY + services)
    assert result["server_utilization_mean"] == exactly(services / LAST)


def test_a_service_takes_a_nanosecond_however_quick_a_fault_makes_it():
    """Else one event would answer all that wait, for whose answers no room has been made."""
    result = run(at_once(4), fault("slow", start_s=0.0, duration_s=30.0, factor=1e-12))
    assert round(result["queue_s_max"] * 1e9) == 4 - 1


@covers("faults.kind=stall")
@pytest.mark.parametrize("queue_limit", [0, 1])
def test_a_stall_delays_what_is_at_work_and_what_comes(queue_limit):
    """What was in service when it began is answered after it as if nothing had been, then what waits, in order."""
    launches = [(19.9, 0, 0.0), (25.0, 1, 0.0), (59.0, 2, 0.0), (100.0, 3, 0.0)]
    layer = {"servers": {"queue_limit": queue_limit}, "clients": {"request_timeout_s": 100.0}}
    result = run(launches, layer, fault("stall", duration_s=40.0))
    ends = [19.9 + LATENCY + SERVICE + 40.0 + n * SERVICE for n in range(3)]
    waits = [end + LATENCY - time for end, (time, *_) in zip(ends, launches, strict=False)]
    assert result["wait_s_mean"] * 4 == exactly(sum(waits) + ANSWER)
    assert result["queue_s_max"] == exactly(ends[0] - 25.0 - LATENCY)
    assert (result["overloaded"], result["timeouts"], result["grants"]) == (0, 0, 4)
    assert result["server_utilization_mean"] == exactly((ends[2] - 19.9 - LATENCY + SERVICE) / LAST)


@covers("faults.kind=stall")
@pytest.mark.parametrize("service_ms", [0.0, 200.0])
def test_a_server_that_is_idle_stalls_too(service_ms):
    """Also one whose work takes no time; who asks just when the stall ends comes after those who waited."""
    layer = {"servers": {"service_ms": service_ms}, "clients": {"request_timeout_s": 100.0}}
    result = run(
        [(20.0, 0, 0.0), (21.0, 1, 0.0), (60.0 - LATENCY, 2, 0.0)], layer, fault("stall", duration_s=40.0)
    )
    service = service_ms / 1000.0
    assert result["wait_s_mean"] * 3 == exactly(40.0 + 39.0 + LATENCY + 3 * LATENCY + 6 * service)
    assert result["queue_s_max"] == exactly(40.0 - LATENCY)


@covers("faults.kind=stall")
def test_a_stalled_server_scans_when_it_comes_to():
    layer = {"servers": {"reclaim_after_s": 30.0, "scan_s": 25.0}}
    result = run([(1.0, 0, 1e6)], layer, fault("stall", start_s=40.0, duration_s=20.0))
    assert result["licenses_in_use_mean"] == exactly((60.0 - 1.0 - LATENCY - SERVICE) / LAST)


@covers("faults.kind=stall")
def test_a_grace_time_that_is_over_in_a_stall_ends_with_it():
    """The second user is called back and cannot come; the third is when the server comes to."""
    layer = {
        **ONE_LICENSE,
        "servers": {"callback_grace_s": 20.0},
        "policies": {"denial": {"name": "callback"}},
        "faults": [
            *fault("cut", start_s=20.0, duration_s=LAST, clients=[1, 1])["faults"],
            *fault("stall", start_s=45.0, duration_s=15.0)["faults"],
        ],
    }
    result = run([(10.0, 0, 20.0), (15.0, 1, 0.0), (16.0, 2, 0.0)], layer)
    assert result["grants"] == 2
    assert result["wait_s_max"] == exactly(60.0 + LATENCY + ANSWER - 16.0)


@covers("faults.kind=stall")
def test_a_license_at_a_stalled_server_is_stranded():
    layer = {
        "servers": {"count": 2, "split": [1.0, 1.0]},
        "products": [{"name": "editor", "licenses": 2}],
        "clients": {"assignment": [1.0, 3.0]},
    }
    launches = [(10.0, 1, 1e6), (25.0, 2, 0.0)]  # the second server's one license is taken
    for start_s, cause in [(20.0, "denials_stranded"), (500.0, "denials_misplaced")]:
        assert run(launches, layer, fault("stall", start_s=start_s))[cause] == 1


@covers("faults.kind=loss", "faults.probability")
@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_loss_loses_a_share_of_messages_while_it_holds(probability):
    """Four hundred launches in it, and eight hundred before and after it; nobody releases."""
    layer = {"clients": {"count": 1200}, "products": [{"name": "editor", "licenses": 1200}]}
    faulty = fault("loss", start_s=200.8, duration_s=200.0, probability=probability)
    result = run(one_a_client(1200, 0.5, run_time=LAST), layer, faulty)
    assert is_by_chance(result["timeouts"], 400, 1 - (1 - probability) ** 2)
    assert result["timeouts"] == result["messages_lost"] == result["gave_up"]


@covers("faults.kind=cut", "faults.clients")
@pytest.mark.parametrize(("first", "last"), [(0, 0), (1, 3), (0, 5), (5, 5)])
def test_a_cut_separates_some_clients_from_some_servers(first, last):
    """Clients 0, 2 and 4 are at server 0, which is cut from some; 1, 3 and 5 at server 1, which is not."""
    layer = {"servers": {"count": 2}, "clients": {"count": 6}}
    result = run(at_once(6, time=25.0), layer, fault("cut", clients=[first, last]))
    separated = len({0, 2, 4} & set(range(first, last + 1)))
    assert result["timeouts"] == result["gave_up"] == separated
    assert result["grants"] == 6 - separated


@covers("faults.kind=cut")
def test_a_denial_is_stranded_for_a_client_that_is_cut_off_and_misplaced_for_others():
    """Server 1 has the license; clients 0 and 2 ask server 0, and client 0 is cut off from server 1."""
    layer = {"servers": {"count": 2, "split": [0.0, 1.0]}, "products": ONE_LICENSE["products"]}
    launches = [(25.0, 0, 5.0), (25.0, 2, 5.0)]
    result = run(launches, layer, fault("cut", servers=(1,), clients=[0, 0]))
    assert (result["denials_stranded"], result["denials_misplaced"]) == (1, 1)


# Servers


@covers("faults.servers", "faults.servers=all", "faults.servers.fraction")
@pytest.mark.parametrize(
    ("servers", "away"),
    [
        ((2,), 1),
        ((0, 3), 2),
        ((1, 2, 3), 3),
        ("all", 5),
        *(({"fraction": share}, math.ceil(share * 5)) for share in (0.01, 0.2, 0.21, 0.5, 0.6, 0.9, 1.0)),
    ],
)
def test_the_servers_of_a_fault(servers, away):
    """One client at each of five servers; a fraction is rounded up."""
    layer = {"servers": {"count": 5}, "clients": {"count": 5}}
    result = run(at_once(5, time=25.0), layer, fault(servers=servers))
    assert (result["timeouts"], result["grants"]) == (away, 5 - away)


@covers("faults.servers")
def test_only_the_servers_named_are_hit():
    layer = {"servers": {"count": 5}, "clients": {"count": 5}}
    launches = [(25.0, client, 0.0) for client in (0, 2, 4)]
    assert run(launches, layer, fault(servers=(1, 3)))["timeouts"] == 0
    assert run(launches, layer, fault(servers=(0, 3)))["timeouts"] == 1


# Times: a launch every second, each by a client of its own, at a server that answers at once

EVERY_SECOND = one_a_client(400, 1.0)
QUICK = {"servers": {"service_ms": 0.0}, "clients": {"count": 400}}


@covers("faults.start_s", "faults.duration_s")
@pytest.mark.parametrize(
    ("start_s", "duration_s"), [(0.0, 100.0), (0.5, 0.4), (50.5, 100.0), (300.5, 1e6), (1e6, 1.0)]
)
@pytest.mark.parametrize("warmup_s", [0.0, 70.0])
def test_a_fault_holds_from_its_start_after_the_warm_up_for_its_duration(start_s, duration_s, warmup_s):
    layer = {"run": {"warmup_s": warmup_s}}
    result = run(EVERY_SECOND, QUICK, layer, fault(start_s=start_s, duration_s=duration_s))
    hit = sum(is_in(time, (start_s, start_s + duration_s)) for time, *_ in EVERY_SECOND)
    assert (result["timeouts"], result["grants"]) == (hit, 400 - hit)


@covers("faults.repeat_s", "faults.repeats")
@pytest.mark.parametrize(("repeat_s", "repeats"), [(0.0, 1), (60.0, 1), (60.0, 3), (20.0, 4)])
def test_a_fault_repeats(repeat_s, repeats):
    """`repeats` counts all spells; a fault as long as its interval holds all the time."""
    layer = fault(start_s=10.5, duration_s=20.0, repeat_s=repeat_s, repeats=repeats)
    result = run(EVERY_SECOND, QUICK, layer)
    spells = [(10.5 + n * repeat_s, 30.5 + n * repeat_s) for n in range(repeats)]
    assert result["timeouts"] == sum(is_in(time, *spells) for time, *_ in EVERY_SECOND) == 20 * repeats


@covers("faults.stagger_s")
@pytest.mark.parametrize("servers", [(0, 1), (1, 0)])
@pytest.mark.parametrize("stagger_s", [0.0, 15.0, 50.0])
def test_a_staggered_fault_goes_from_server_to_server_in_the_order_of_its_list(servers, stagger_s):
    """All have asked before it has held everywhere."""
    layer = {"servers": {"count": 2}}  # client n is at server n % 2
    launches = EVERY_SECOND[:26]
    result = run(
        launches, QUICK, layer, fault(start_s=10.5, duration_s=20.0, servers=servers, stagger_s=stagger_s)
    )
    spells = {server: (10.5 + n * stagger_s, 30.5 + n * stagger_s) for n, server in enumerate(servers)}
    hit = [time for time, client, _ in launches if client % 2 in spells and is_in(time, spells[client % 2])]
    assert result["timeouts"] == len(hit)


DRAWN = {"kind": "refusing", "servers": [0], "start_s": 0.0}


@covers("faults.mtbf_s", "faults.mttr_s", "faults.drawn_by=server")
@pytest.mark.parametrize(("mtbf_s", "mttr_s"), [(0.02, 0.01), (0.01, 0.02), (0.05, 0.01)])
def test_a_server_that_fails_at_random_is_away_for_its_share_of_time(mtbf_s, mttr_s):
    """An alternating renewal process; seen once a second, it has forgotten what it was."""
    result = run(EVERY_SECOND, QUICK, {"faults": [DRAWN | {"mtbf_s": mtbf_s, "mttr_s": mttr_s}]})
    assert is_by_chance(result["refusals"], 400, mttr_s / (mtbf_s + mttr_s))


@covers("faults.mtbf_s", "faults.duration_s")
def test_a_fault_at_random_may_last_a_fixed_time():
    result = run(EVERY_SECOND, QUICK, {"faults": [DRAWN | {"mtbf_s": 0.03, "duration_s": 0.01}]})
    assert is_by_chance(result["refusals"], 400, 0.25)


@covers("faults.mttr_s", "faults.drawn_by=server", "faults.drawn_by=site", "faults.drawn_by=all")
@pytest.mark.parametrize(("drawn_by", "sharing"), [("server", 1), ("site", 4), ("all", 400)])
def test_servers_that_share_draws_are_away_together(drawn_by, sharing):
    """Everybody asks 10 s after a fault of mean 10 s has begun: at their own server, in 100 sites of four."""
    layer = {
        "servers": {"count": 400, "sites": 100, "split": "even"},
        "products": [{"name": "editor", "licenses": 400}],
    }
    drawn = DRAWN | {"servers": "all", "mttr_s": 10.0, "drawn_by": drawn_by}
    result = run(at_once(400), QUICK, layer, {"faults": [drawn]})
    assert result["refusals"] % sharing == 0
    assert is_by_chance(result["refusals"] // sharing, 400 // sharing, math.exp(-(10.0 + LATENCY) / 10.0))


@covers("faults.mttr_s")
def test_each_replication_has_its_own_faults_and_each_fault_its_own():
    scenario = validate({"title": "drawn", "faults": 2 * [{"servers": "all", "mttr_s": 100.0}]})
    ends = [lay_out(scenario, stream_keys(seed, n))["end"] for seed in (1, 2) for n in (0, 1)]
    assert len(set(np.concatenate(ends).tolist())) == 4 * 2 * scenario.servers.count


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"mtbf_s": 9.5, "repeat_s": 700.5}, "repeat_s: 700.5 is not allowed; it must be 0 while mtbf_s = 9.5"),
        ({"mttr_s": 9.5, "repeat_s": 700.5}, "repeat_s: 700.5 is not allowed; it must be 0 while mttr_s = 9.5"),
        ({"mtbf_s": 9.5, "stagger_s": 0.5}, "stagger_s: 0.5 is not allowed; it must be 0 while mtbf_s = 9.5"),
        (
            {"mttr_s": 9.5, "duration_s": 0.5},
            "duration_s: 0.5 is not allowed; it must be left out while mttr_s, the mean",
        ),
        ({"drawn_by": "all"}, 'drawn_by: "all" is not allowed; it must be "server", or mtbf_s or mttr_s > 0'),
        ({"mtbf_s": 1e-3}, "mtbf_s: 0.001 is not allowed; it must be at least 0.004: faults"),
        ({"mttr_s": -1}, "mttr_s: -1 is not allowed; it must be a number >= 0"),
    ],
)
def test_a_fault_is_drawn_or_planned(more, words):
    with pytest.raises(ScenarioError, match=re.escape(f"faults[0].{words}")):
        validate(
            {"title": "both", "run": {"duration_s": 1000.0}, "faults": [{"start_s": 0.0, "servers": "all"} | more]}
        )


@covers("faults.repeat_s", "faults.repeats")
def test_a_flapping_server_crashes_each_time():
    """Leases that do not survive a crash: one lost before the first, and one before the second."""
    layer = fault("crash", start_s=100.0, duration_s=10.0, repeat_s=200.0, repeats=2)
    result = run([(10.0, 0, 1e6), (150.0, 1, 1e6)], {"servers": {"durable": False}}, layer)
    held = (100 - 10.205) + (300 - 150.205)
    assert result["licenses_in_use_mean"] == exactly(held / LAST)


@covers("faults.factor", "faults.probability")
def test_faults_that_overlap_add_up():
    """Slow factors multiply; losses combine independently; what is unreachable answers nobody."""
    slow = fault("slow", factor=3.0)["faults"] * 2
    result = run([(25.0, 0, 0.0)], {"faults": slow})
    assert result["wait_s_max"] == exactly(2 * LATENCY + 9 * SERVICE)
    result = run([(25.0, 0, 0.0)], {"faults": slow + fault()["faults"]})
    assert (result["grants"], result["timeouts"]) == (0, 1)
