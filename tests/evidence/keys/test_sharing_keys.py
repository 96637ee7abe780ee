"""products.sharing: who takes a license and when it is free again, worked out by hand from actors/README.md."""

from typing import Any

import pytest

from support.lab import ANSWER, LAST, LATENCY, SERVICE, covers, exactly, run

THREE = {"clients": {"programs": 3}}
CALLED = {"policies": {"denial": {"name": "callback"}}}
HOURS = 3600.0


def shared(licenses: int, **more: Any) -> dict[str, Any]:
    return {"products": [{"name": "editor", "licenses": licenses, "sharing": "client", **more}]}


def alone(licenses: int) -> dict[str, Any]:
    return {"products": [{"name": "editor", "licenses": licenses, "sharing": "none"}]}


@covers("products.sharing=none", "products.sharing=client")
@pytest.mark.parametrize(("layer", "grants"), [(alone(1), 1), (shared(1), 3)])
def test_a_clients_programs_share_a_license_or_do_not(layer, grants):
    """Client 0 launches three programs that overlap, client 1 one; one license is there."""
    result = run([(10.0, 0, 100.0), (20.0, 0, 100.0), (30.0, 0, 20.0), (40.0, 1, 5.0)], layer, THREE)
    assert (result["grants"], result["denials_exhausted"]) == (grants, 4 - grants)


@covers("products.sharing=client")
@pytest.mark.parametrize("tokens", [1, 2])
def test_a_shared_license_is_taken_by_the_first_and_freed_by_the_last(tokens):
    """Programs run from 10 to 110, 20 to 140 and 30 to 50 s. Client 1 is denied until then, and granted later."""
    launches = [(10.0, 0, 100.0), (20.0, 0, 120.0), (30.0, 0, 20.0), (130.0, 1, 5.0), (145.0, 1, 50.0)]
    result = run(launches, shared(tokens, tokens=tokens), THREE)
    assert (result["grants"], result["denials_exhausted"]) == (4, 1)
    in_use = 20.0 + 120.0 - 10.0 + 50.0 + 2 * 2 * LATENCY
    assert result["licenses_in_use_mean"] == exactly(tokens * in_use / LAST)


@covers("products.sharing=client")
def test_programs_of_different_products_share_nothing():
    layer = shared(1)
    layer["products"].append({"name": "viewer", "licenses": 0, "sharing": "client"})
    result = run([(10.0, 0, 100.0), (20.0, 0, 100.0, "viewer"), (30.0, 0, 100.0)], layer, THREE)
    assert (result["grants"], result["denials_exhausted"]) == (2, 1)


TWO_SERVERS = {
    "servers": {"count": 2},
    "policies": {"failover": {"name": "immediate"}},
    "clients": {"rerequest": False},
}
REFUSING = {"faults": [{"kind": "refusing", "servers": [0], "start_s": 20.0, "duration_s": 10.0}]}


@covers("products.sharing=client")
def test_a_client_takes_a_license_at_each_server():
    """Its second and third programs are at the second server, since the first one refuses it at 25 s."""
    launches = [(10.0, 0, 100.0), (25.0, 0, 100.0), (40.0, 0, 100.0)]
    result = run(launches, shared(4), THREE, TWO_SERVERS, REFUSING)
    assert (result["grants"], result["failovers"]) == (3, 1)
    second = 40.0 + ANSWER - LATENCY + 100.0 + 2 * LATENCY - (25.0 + 2 * LATENCY + LATENCY + SERVICE)
    assert result["licenses_in_use_mean"] == exactly((100.0 + 2 * LATENCY + second) / LAST)


@covers("products.sharing=client")
def test_one_pool_does_not_tell_a_server_of_leases_at_another():
    """Client 1 is at the second server, where its programs share one of two licenses; others are at the first."""
    pool = {"policies": {"balancing": {"name": "shared-pool"}}}
    launches = [*[(10.0 + n, 1, 100.0) for n in range(3)], (20.0, 0, 9.0), (21.0, 2, 9.0)]
    result = run(launches, shared(2), THREE, TWO_SERVERS, pool)
    assert (result["grants"], result["denials_exhausted"]) == (4, 1)


@covers("products.sharing=client")
def test_a_license_that_could_be_shared_elsewhere_is_misplaced():
    """All licenses are at the first server, which refuses at 25 s: stranded. At 40 s it would have shared."""
    only_there = {"servers": {"split": [1.0, 0.0]}}
    launches = [(10.0, 0, 200.0), (25.0, 0, 9.0), (40.0, 0, 9.0), (50.0, 1, 9.0)]
    result = run(launches, shared(1), THREE, TWO_SERVERS, REFUSING, only_there)
    causes = ("denials_stranded", "denials_misplaced", "denials_exhausted")
    assert [result[cause] for cause in causes] == [1, 1, 1]


@covers("products.sharing=client")
@pytest.mark.parametrize(("layer", "grants", "ghosts"), [(alone(1), 1, 1), (shared(1), 2, 0)])
def test_who_comes_back_from_a_crash_shares_what_it_left_behind(layer, grants, ghosts):
    """Client 0 crashes at 50 s with a program that has the one license, and launches another one at 100 s."""
    crash = {"kind": "client-crash", "clients": [0, 0], "start_s": 50.0, "duration_s": 20.0}
    result = run([(10.0, 0, 500.0), (100.0, 0, 30.0)], layer, THREE, {"faults": [crash]})
    assert (result["grants"], result["denials_ghost"], result["leases_orphaned"]) == (grants, ghosts, 1)
    served, ended = 100.0 + LATENCY + SERVICE, 100.0 + ANSWER + 30.0 + LATENCY
    alive = ended - served if grants == 2 else 0.0
    assert result["ghost_license_hours"] * HOURS == exactly(LAST - 50.0 - LATENCY - alive)
    assert result["orphan_license_hours"] == result["ghost_license_hours"]


@covers("products.sharing=client")
def test_a_license_is_a_ghost_only_when_all_who_share_it_are_gone():
    """The first release is lost at 60 s, but its license is no ghost until the second one is, at 200 s."""
    lossy = [{"kind": "loss", "probability": 1.0, "start_s": time, "duration_s": 20.0} for time in (50.0, 195.0)]
    result = run([(10.0, 0, 50.0), (20.0, 0, 180.0)], shared(1), THREE, {"faults": lossy})
    ghost = LAST - (20.0 + ANSWER + 180.0 + LATENCY)
    assert result["ghost_license_hours"] * HOURS == exactly(ghost)
    assert result["licenses_in_use_mean"] == exactly((LAST - 10.0 - LATENCY - SERVICE) / LAST)


@covers("products.sharing=client", "servers.reclaim_after_s")
@pytest.mark.parametrize("run_times", [(190.0, 10.0), (900.0, 850.0)])
def test_a_shared_license_is_free_when_the_last_lease_is_reclaimed(run_times):
    """The first lease is reclaimed at 500 s, the second one at 600 s: those of ghosts, or of programs that run."""
    first, second = run_times
    lossy = [{"kind": "loss", "probability": 1.0, "start_s": 155.0, "duration_s": 100.0}]
    scans = {"servers": {"reclaim_after_s": 400.0, "scan_s": 100.0}}
    result = run([(10.0, 0, first), (150.0, 0, second)], shared(1), THREE, scans, {"faults": lossy})
    assert result["licenses_in_use_mean"] == exactly((600.0 - 10.0 - LATENCY - SERVICE) / LAST)
    assert result["leases_lost"] == (2 if second > 800.0 else 0)


@covers("products.sharing=client")
def test_users_who_are_called_share_what_is_reserved_for_them():
    """Client 1 has the one license until FREED; both programs of client 0 are called then, and client 2 later."""
    launches = [(10.0, 1, 50.0), (20.0, 0, 30.0), (21.0, 0, 40.0), (22.0, 2, 5.0)]
    result = run(launches, shared(1), THREE, CALLED)
    assert (result["grants"], result["denials_exhausted"]) == (4, 3)
    freed = 10.0 + ANSWER + 50.0 + LATENCY
    asked = freed + LATENCY + ANSWER
    ended = asked + ANSWER + 40.0 + LATENCY  # a client asks for one program at a time
    waits = [ANSWER, asked - 20.0, asked + ANSWER - 21.0, ended + LATENCY + ANSWER - 22.0]
    assert result["wait_s_mean"] * 4 == exactly(sum(waits))


@covers("products.sharing=client", "servers.callback_cycle_s")
def test_who_shares_a_license_is_not_denied_by_the_defect_of_callbacks():
    """The first program of client 0 is called too early, denied again, and asks at 160 s; the second one has asked
    at 121 s, and may have the license."""
    polls = {"policies": {"denial": {"name": "callback", "poll_s": 100.0}}}
    launches = [(10.0, 1, 50.0), (20.0, 0, 300.0), (21.0, 0, 300.0)]
    result = run(launches, shared(1), THREE, polls, {"servers": {"callback_cycle_s": 400.0}})
    assert (result["grants"], result["denials"]) == (3, 3)
    called = 10.0 + ANSWER + 50.0 + 2 * LATENCY
    waits = [ANSWER, called + 100.0 + 2 * ANSWER - 20.0, 100.0 + 2 * ANSWER]
    assert result["wait_s_mean"] * 3 == exactly(sum(waits))


@covers("products.sharing=client", "products.max_per_client")
def test_a_cap_counts_a_shared_license_once():
    result = run([(10.0 + n, 0, 100.0) for n in range(3)], shared(5, max_per_client=1), THREE)
    assert (result["grants"], result["denials"]) == (3, 0)


@covers("products.sharing=client", "products.reserve.licenses")
def test_a_shared_license_is_one_of_those_reserved():
    """Of two reserved for client 2 it has one for its three programs, and the other one is kept from client 0."""
    reserve = {"clients": [2, 2], "licenses": 2}
    launches = [*[(10.0 + n, 2, 100.0) for n in range(3)], (50.0, 0, 9.0), (60.0, 1, 9.0)]
    result = run(launches, shared(3, reserve=reserve), THREE)
    assert (result["grants"], result["denials_reserved"]) == (5, 0)
    assert run(launches, shared(2, reserve=reserve), THREE)["denials_reserved"] == 2
