"""[network], [servers] and [[products]]: what each key does, worked out by hand from experiments/README.md."""

import math

import pytest
from meterstorm.actors.wall.backends.registry import BACKENDS
from meterstorm.actors.wall.outcome import world_of

from support.lab import (
    ANSWER,
    HOUR,
    INSTANT,
    LAST,
    LATENCY,
    SERVICE,
    at_once,
    covers,
    exactly,
    is_by_chance,
    is_mean,
    measure,
    one_a_client,
    run,
)
from support.walled import each_backend, outcomes, real, world

MANY = 2000  # launches
PATIENT = {"count": MANY, "request_timeout_s": 1e6}
# Client 0 is granted a license at 10.205 s and cannot give it back at the end of its run.
GHOST_FROM = 10 + ANSWER + 20 + LATENCY  # the observer learns of it one latency later (actors/README.md)
LEFT_BEHIND = {"faults": [{"kind": "unreachable", "servers": [0], "start_s": 20.0, "duration_s": 20.0}]}
TEN_BEATS = {  # a lease from the warm-up on; ten heartbeats in the measured time, whatever their phase
    "run": {"warmup_s": 200.0},
    "clients": {"heartbeat_s": LAST / 10},
}
HOLDING = {
    "run": {"duration_s": 1.0},
    "network": {"loss": 0.0},
    "workload": {"launch_interval_s": 0.1, "run_time_s": 1e6},
}


# [network]


@covers("network.latency_ms")
@pytest.mark.parametrize("latency_s", [0.0, 0.005, 0.3])
def test_latency_is_added_on_each_way(latency_s):
    result = run(at_once(1), {"network": {"latency_ms": latency_s * 1000}})
    assert result["wait_s_max"] == exactly(SERVICE + 2 * latency_s)


# Two sites of one server; client 0 is of the first, client 1 of the second. The first server is away.
WAN_S = 0.08

TWO_SITES = {
    "network": {"wan_latency_ms": 1000 * WAN_S},
    "servers": {"count": 2, "sites": 2},
    "clients": {"count": 2},
    "policies": {"failover": {"name": "immediate"}, "balancing": {"name": "static"}},
    "faults": [{"kind": "unreachable", "servers": [0], "start_s": 0.0, "duration_s": 100.0}],
}


@covers("network.wan_latency_ms")
def test_the_way_to_another_site_takes_longer():
    result = run(at_once(1), TWO_SITES)
    assert (result["timeouts"], result["failovers"], result["grants"]) == (1, 1, 1)
    assert result["wait_s_max"] == exactly(5.0 + 2 * WAN_S + SERVICE)


@covers("clients.failover_to=any-site")
def test_clients_go_round_all_servers_from_their_own_site_on():
    """A client of the second site, whose own server is away, too, asks there again after the other site's."""
    both_away = TWO_SITES | {"faults": [{"servers": [0, 1], "start_s": 0.0, "duration_s": 24.0}]}
    result = run([(10.0, 1, 0.0)], both_away)
    assert (result["timeouts"], result["failovers"]) == (3, 3)  # at 10 s, 15 s at the other, 20 s at its own
    assert result["wait_s_max"] == exactly(15.0 + 2 * WAN_S + SERVICE)  # and at 25 s at the other one


@covers("clients.failover_to=own-site")
def test_clients_stay_at_their_own_site():
    result = run(at_once(1), TWO_SITES | {"clients": {"count": 2, "failover_to": "own-site"}})
    assert (result["timeouts"], result["failovers"], result["grants"]) == (
        18,
        0,
        1,
    )  # until the fault ends at 100 s
    assert result["wait_s_max"] == exactly(90.0 + 2 * LATENCY + SERVICE)


@covers("servers.sites")
def test_a_license_at_another_site_is_out_of_reach():
    """Two clients, one license, which the first server has; who is denied lives where the other server is."""
    for sites, cause in ((1, "misplaced"), (2, "exhausted")):
        servers = {"count": 2, "sites": sites, "split": [1, 0]}
        result = run(
            at_once(2),
            {"servers": servers, "clients": {"count": 2}, "products": [{"name": "editor", "licenses": 2}]},
        )
        assert (result["grants"], result["denials"], result[f"denials_{cause}"]) == (1, 1, 1)


@covers("network.jitter_ms")
def test_jitter_adds_an_exponential_time_on_each_way():
    jitter_s = 0.8
    network = {"network": {"latency_ms": 5.0, "jitter_ms": jitter_s * 1000}, "servers": {"service_ms": 0.0}}
    result = run(one_a_client(MANY, 0.1), network, {"clients": PATIENT})
    assert is_mean(result["wait_s_mean"], 2 * LATENCY + 2 * jitter_s, math.sqrt(2) * jitter_s, MANY)
    # Quantiles of the sum of two exponentials (Erlang's law with two stages).
    assert result["wait_s_p50"] == pytest.approx(1.678 * jitter_s, rel=0.1)
    assert result["wait_s_p99"] == pytest.approx(6.638 * jitter_s, rel=0.15)


@covers("network.loss")
def test_a_share_of_messages_is_lost():
    result = run(one_a_client(MANY, 0.4), {"network": {"loss": 0.2}, "clients": {"count": MANY}})
    assert is_by_chance(result["messages_lost"], result["messages"], 0.2)
    assert is_by_chance(result["timeouts"], MANY, 1 - 0.8**2)


# [servers]: service


@covers("servers.count")
@pytest.mark.parametrize("count", [1, 2, 4])
def test_servers_share_the_work(count):
    result = run(at_once(4), {"servers": {"count": count}})
    assert result["wait_s_max"] == exactly(2 * LATENCY + 4 // count * SERVICE)
    assert result["queue_s_max"] == exactly((4 // count - 1) * SERVICE)
    assert result["server_utilization_mean"] == exactly(4 * SERVICE / count / LAST)


@covers("servers.service_ms", "servers.service=constant")
@pytest.mark.parametrize("service_s", [0.0, 0.2, 1.0])
def test_a_request_takes_its_service_time(service_s):
    result = run(at_once(3), {"servers": {"service_ms": service_s * 1000}})
    assert result["wait_s_mean"] == exactly(2 * LATENCY + 2 * service_s)  # of one, two and three services
    assert result["server_utilization_max"] == exactly(3 * service_s / LAST)


@covers("servers.service=exponential")
def test_exponential_service_has_its_law():
    servers = {"count": 100, "service": "exponential"}  # no request finds another
    result = run(one_a_client(MANY, 0.4), {"servers": servers, "clients": PATIENT})
    assert is_mean(result["wait_s_mean"], ANSWER, SERVICE, MANY)
    assert result["wait_s_p50"] == pytest.approx(2 * LATENCY + math.log(2) * SERVICE, rel=0.1)
    assert result["wait_s_p99"] == pytest.approx(2 * LATENCY + math.log(100) * SERVICE, rel=0.15)


@covers("servers.queue_limit")
@pytest.mark.parametrize(("limit", "refused"), [(0, 0), (1, 3), (2, 2), (3, 1)])
def test_a_request_that_finds_the_queue_full_is_answered_at_once(limit, refused):
    result = run(at_once(5), {"servers": {"queue_limit": limit}, "clients": {"count": 5}})
    assert (result["overloaded"], result["gave_up"], result["grants"]) == (refused, refused, 5 - refused)
    assert result["server_utilization_mean"] == exactly((5 - refused) * SERVICE / LAST)


@covers("servers.queue_limit")
def test_releases_do_not_count_and_are_never_refused():
    """Three programs end while a request is served; one that comes behind their releases finds none waiting."""
    ends = [(10.0, 0, 20.0), (10.0, 1, 20.0 - SERVICE), (10.0, 2, 20.0 - 2 * SERVICE)]  # all at 30.21
    requests = [(30.1, 3, 0.0), (30.22, 4, 0.0)]
    result = run([*ends, *requests], {"servers": {"queue_limit": 2, "release_cost": 1.0}, "clients": {"count": 5}})
    assert result["overloaded"] == 0
    assert result["wait_s_max"] == exactly(30.1 + LATENCY + 5 * SERVICE + LATENCY - 30.22)
    assert result["server_utilization_mean"] == exactly((5 + 5) * SERVICE / LAST)


@covers("servers.heartbeat_cost")
@pytest.mark.parametrize("cost", [0.0, 0.5, 3.0])
def test_a_heartbeat_costs_its_share_of_a_service(cost):
    result = run([(-100.0, 0, 1e6)], TEN_BEATS, {"servers": {"heartbeat_cost": cost}})
    assert result["messages"] == 20
    assert result["server_utilization_mean"] == exactly(10 * cost * SERVICE / LAST)


@covers("servers.release_cost")
@pytest.mark.parametrize("cost", [0.0, 0.5, 3.0])
def test_a_release_costs_its_share_of_a_service_and_frees_the_license_at_its_end(cost):
    result = run([(10.0, 0, 20.0)], {"servers": {"release_cost": cost}})
    assert result["server_utilization_mean"] == exactly((1 + cost) * SERVICE / LAST)
    assert result["licenses_in_use_mean"] == exactly((LATENCY + 20 + LATENCY + cost * SERVICE) / LAST)


# [servers]: leases


@covers("servers.durable", "faults.kind=crash")
@pytest.mark.parametrize("durable", [True, False])
def test_a_crash_loses_the_leases_unless_they_are_durable(durable):
    crash = {"faults": [{"kind": "crash", "servers": [0], "start_s": 100.0, "duration_s": 10.0}]}
    result = run([(10.0, 0, 500.0)], {"servers": {"durable": durable}}, crash)
    granted, crashed, ended = 10 + ANSWER - LATENCY, 100.0, 10 + ANSWER + 500 + LATENCY
    held_until = ended if durable else crashed
    assert result["licenses_in_use_mean"] == exactly((held_until - granted) / LAST)
    assert result["unmetered_license_hours"] == exactly((ended - held_until) / HOUR)
    assert result["refusals"] == result["evictions"] == 0  # nobody has asked


@covers("servers.durable")
@pytest.mark.parametrize("durable", [True, False])
def test_a_crash_loses_the_queue_of_callbacks_unless_it_is_durable(durable):
    """Client 1 waits for client 0's license when the server crashes; client 2 asks for it after that.

    With the leases the license of client 0 is free again, and kept for nobody who waited: client 2 has it at once.
    """
    crash = {"faults": [{"kind": "crash", "servers": [0], "start_s": 20.0, "duration_s": 10.0}]}
    layer = {"products": [{"name": "editor", "licenses": 1}], "policies": {"denial": {"name": "callback"}}}
    launches = [(10.0, 0, 50.0), (15.0, 1, 1.0), (35.0, 2, 5.0)]
    result = run(launches, layer, {"servers": {"durable": durable}}, crash)
    assert (result["grants"], result["denials"]) == ((3, 2) if durable else (2, 1))


@covers(*(f"servers.backend={name}" for name in BACKENDS))
@each_backend
def test_a_backend_has_the_licenses(backend, monkeypatch):
    """Ask each for what it has at the end, if it is there."""
    asked, service = [], BACKENDS[backend].connect
    leases = service.leases
    monkeypatch.setattr(service, "leases", lambda self: asked.append(leases(self)) or asked[-1])
    tally = world_of(outcomes(world(HOLDING, real(backend))))
    assert [len(one) for one in asked] == [tally.products["leased"][0]] != [0]


@covers("servers.backend=own")
def test_servers_of_their_own_ask_nobody(monkeypatch):
    for backend in BACKENDS.values():
        monkeypatch.setattr(backend.connect, "__init__", None)
    assert world_of(outcomes(world(HOLDING, {"run": {"clock": "wall"}}))).products["leased"][0] > 0


@covers("servers.reclaim_after_s", "servers.scan_s")
@pytest.mark.parametrize(
    ("reclaim_after_s", "scan_s", "reclaimed"),
    [(100.0, 30.0, 120.0), (100.0, 50.0, 150.0), (200.0, 30.0, 240.0), (0.0, 30.0, LAST)],
)
def test_a_lease_not_heard_of_is_reclaimed_by_the_next_scan(reclaim_after_s, scan_s, reclaimed):
    layer = {"servers": {"reclaim_after_s": reclaim_after_s, "scan_s": scan_s}}
    result = run([(10.0, 0, 20.0)], layer, LEFT_BEHIND)
    assert result["ghost_license_hours"] == exactly((reclaimed - GHOST_FROM) / HOUR)
    assert result["licenses_in_use_mean"] == exactly((reclaimed - 10.205) / LAST)
    assert result["messages_lost"] == 1


@covers("servers.reclaim_after_s")
def test_a_running_program_loses_a_lease_that_is_reclaimed():
    result = run([(10.0, 0, 500.0)], {"servers": {"reclaim_after_s": 100.0, "scan_s": 30.0}})
    assert result["licenses_in_use_mean"] == exactly((120.0 - 10.205) / LAST)
    assert result["unmetered_license_hours"] == exactly((10 + ANSWER + 500 + LATENCY - 120.0) / HOUR)
    assert result["ghost_license_hours"] == 0


@covers("servers.split", "servers.split=even")
@pytest.mark.parametrize(
    ("split", "denials", "imbalance"),
    [("even", 0, 0.0), ([1.0, 1.0], 0, 0.0), ([3.0, 1.0], 1, 0.25), ([0.0, 2.0], 2, 0.5)],
)
def test_licenses_start_out_by_weight(split, denials, imbalance):
    """Four licenses and two clients at each of two servers."""
    layer = {"servers": {"count": 2, "split": split}, "products": [{"name": "editor", "licenses": 4}]}
    result = run(at_once(4, run_time=100.0), layer)
    assert result["denials"] == result["denials_misplaced"] == denials
    assert result["grants"] == 4 - denials
    assert result["imbalance_mean"] == exactly(imbalance)


# [servers]: callbacks. Client 0 has the only license from 10.205 to 30.215 s; client 1 is denied at 15.21.

CALLED = {"products": [{"name": "editor", "licenses": 1}], "policies": {"denial": {"name": "callback"}}}
QUEUE = [(10.0, 0, 20.0), (15.0, 1, 10.0), (16.0, 2, 10.0)]
FREED = 10 + ANSWER + 20 + LATENCY


@covers("servers.quorum")
@pytest.mark.parametrize(("quorum", "refused"), [(0, 0), (1, 0), (2, 1)])
def test_one_of_two_servers_does_not_serve_alone_where_both_must_be_up(quorum, refused):
    result = run(
        [(30.0, 0, 0.0)],
        {
            "servers": {"count": 2, "quorum": quorum},
            "faults": [{"kind": "crash", "servers": [1], "start_s": 25.0, "duration_s": 900.0}],
        },
    )
    assert result["grants"] == 1 - refused
    assert (result["refusals"] > 0) == bool(refused)


@covers("servers.tenure_s")
@pytest.mark.parametrize(("tenure_s", "granted"), [(0.0, 0), (60.0, 1), (400.0, 0)])
def test_licenses_of_a_server_that_is_not_heard_of_are_shared_out_anew(tenure_s, granted):
    """Away from 25 s on: in the reserve at 90 s, and with the other server at 130 s, when that has been asked."""
    result = run(
        [(110.0, 1, 0.0), (150.0, 1, 0.0)],
        {
            "servers": {"count": 2, "split": [1, 0], "tenure_s": tenure_s},
            "clients": {"count": 2},
            "policies": {"balancing": {"name": "periodic-demand", "interval_s": 20.0}},
            "faults": [{"kind": "unreachable", "servers": [0], "start_s": 25.0, "duration_s": 900.0}],
        },
    )
    assert (result["grants"], result["denials_stranded"]) == (granted, 0 if granted else 2)
    assert result["denials_exhausted"] == granted


@covers("servers.callback_grace_s")
@pytest.mark.parametrize("grace_s", [0.1, 30.0, 60.0])
def test_a_license_stays_reserved_for_a_user_called_back_and_then_goes_to_the_next(grace_s):
    """Client 1 is cut off when it is called; client 2 waits behind it."""
    cut = {"kind": "cut", "servers": [0], "clients": [1, 1], "start_s": 20.0, "duration_s": LAST}
    result = run(QUEUE, CALLED, {"servers": {"callback_grace_s": grace_s}, "faults": [cut]})
    granted = FREED + grace_s + LATENCY + ANSWER
    assert (result["grants"], result["denials"], result["timeouts"]) == (2, 2, 0)
    assert result["wait_s_max"] == exactly(granted - 16.0)
    waiting = (LAST - 15 - ANSWER) + (granted - 16 - ANSWER)
    assert result["waiting_users_mean"] == exactly(waiting / LAST)


@covers("servers.callback_cycle_s")
@pytest.mark.parametrize("cycle_s", [0.0, 20.0, 900.0])
def test_a_user_called_back_within_a_site_server_cycle_is_denied_again(cycle_s):
    """Client 1 is denied at 15 s and called back at 30 s; a cycle of 900 s ends later (KB Q226823)."""
    result = run(QUEUE, CALLED, {"servers": {"callback_cycle_s": cycle_s}})
    again = int(cycle_s == 900.0)
    assert (result["grants"], result["denials"], result["denials_misplaced"]) == (3, 2 + again, again)
    ran = 10 + LATENCY + LATENCY + ANSWER  # from one grant to that of the next user called back
    first = 900 + LATENCY + ANSWER if again else FREED + LATENCY + ANSWER
    waits = [first - 16.0, first + ran - 15.0] if again else [first - 15.0, first + ran - 16.0]
    assert result["wait_s_mean"] * 3 == exactly(ANSWER + sum(waits))


@covers("policies.denial.name")
def test_asking_again_keeps_the_place_in_the_queue():
    polls = {"policies": {"denial": {"name": "callback", "poll_s": 14.5}}}
    release = {"servers": {"release_cost": 0.0}}
    assert run(QUEUE, CALLED, polls, release)["wait_s_max"] == run(QUEUE, CALLED, release)["wait_s_max"]


# [[products]]


@covers("products.name")
def test_launches_name_their_product():
    layer = {"products": [{"name": "editor", "licenses": 1}, {"name": "viewer", "licenses": 0}]}
    launches = [(10.0, 0, 5.0, "viewer"), (20.0, 1, 5.0, "editor"), (30.0, 2, 5.0, "viewer")]
    result = run(launches, layer)
    assert (result["grants"], result["denials_exhausted"]) == (1, 2)


@covers("products.licenses")
@pytest.mark.parametrize("licenses", [0, 1, 3, 9])
def test_as_many_programs_run_as_there_are_licenses(licenses):
    result = run(at_once(4, run_time=100.0), {"products": [{"name": "editor", "licenses": licenses}]})
    assert result["grants"] == min(licenses, 4)
    assert result["denials"] == result["denials_exhausted"] == 4 - min(licenses, 4)


@covers("products.popularity")
@pytest.mark.parametrize(("popularity", "chance"), [(0.0, 0.0), (1.0, 0.25), (9.0, 0.75)])
def test_launches_are_spread_by_popularity(popularity, chance):
    """Every launch of the product without licenses is denied."""
    products = [
        {"name": "viewer", "licenses": 0, "popularity": popularity},
        {"name": "editor", "licenses": 10_000, "popularity": 3.0},
    ]
    workload = {"launch_interval_s": 100.0, "run_time_s": 0.0}
    result = measure(INSTANT, {"products": products, "clients": {"count": 200}, "workload": workload})
    assert result["launches"] > 1000
    assert is_by_chance(result["denials"], result["launches"], chance)


# [policies] between sites


@covers("policies.intersite.name")
def test_licenses_move_between_sites():
    """The second site has no license and two users who ask at 10 s and 70 s; one of the first's comes at 60 s."""
    balancing = {"name": "periodic-demand", "interval_s": 25.0}
    layer = {
        "servers": {"count": 2, "sites": 2, "split": [1, 0]},
        "clients": {"count": 4},
        "products": [{"name": "editor", "licenses": 3}],
    }
    launches: list[tuple[float, int, float]] = [(10.0, 2, 1.0), (70.0, 3, 1.0)]
    for intersite, grants in (({"name": "none"}, 0), ({"name": "periodic-demand", "interval_s": 40.0}, 1)):
        result = run(
            launches,
            layer,
            {"policies": {"failover": {"name": "never"}, "balancing": balancing, "intersite": intersite}},
        )
        assert (result["grants"], result["denials_exhausted"]) == (grants, 2 - grants)
