"""[[products]]: what launches take, and who may have it, worked out by hand from experiments/README.md."""

from pathlib import Path
from typing import Any

import pytest

from support.lab import ANSWER, INSTANT, LAST, LATENCY, SERVICE, covers, exactly, is_by_chance, measure, run

Launch = tuple[float, int, float, int]  # time, client, run time, licenses


def counted(launches: list[Launch], folder: Path) -> dict[str, Any]:
    """The layer with which exactly these launches come."""
    rows = ["time_s,client,run_time_s,count", *(",".join(map(str, launch)) for launch in launches)]
    (folder / "counted.csv").write_text("\n".join(rows) + "\n")
    return {"workload": {"arrivals": "trace", "trace": str(folder / "counted.csv")}}


def editors(licenses: int, **more: Any) -> dict[str, Any]:
    return {"products": [{"name": "editor", "licenses": licenses, **more}]}


@covers("products.tokens")
@pytest.mark.parametrize("tokens", [1, 2, 3, 7])
def test_as_many_launches_run_as_have_all_their_licenses(tokens):
    """Seven licenses and four launches at once, each of which runs for 100 s."""
    result = run([(10.0 + n, n, 100.0) for n in range(4)], editors(7, tokens=tokens))
    grants = min(4, 7 // tokens)
    assert (result["grants"], result["denials_exhausted"]) == (grants, 4 - grants)
    assert result["licenses_in_use_mean"] == exactly(grants * tokens * (100.0 + 2 * LATENCY) / LAST)


@covers("products.tokens")
def test_more_than_there_are_is_always_denied():
    result = run([(10.0 + n, 0, 1.0) for n in range(0, 50, 10)], editors(3, tokens=4))
    assert (result["grants"], result["denials_exhausted"]) == (0, 5)


@covers("products.tokens")
@pytest.mark.parametrize(("weight", "chance"), [(0.0, 0.0), (1.0, 0.25), (9.0, 0.75)])
def test_what_a_launch_takes_is_drawn_by_weights(weight, chance):
    """Every launch that takes more than there are is denied; each of a client's launches draws anew."""
    layer = editors(10_000, tokens=[[20_000, weight], [1, 3.0]])
    workload = {"launch_interval_s": 1.0, "run_time_s": 0.0}
    result = measure(INSTANT, layer, {"clients": {"count": 2}, "workload": workload})
    assert result["launches"] > 1000
    assert is_by_chance(result["denials"], result["launches"], chance)


@covers("products.tokens", "workload.trace")
def test_a_trace_may_count_what_each_launch_takes(tmp_path):
    """Else its product says: one each. The second launch would take the fourth and two that there are not."""
    launches = [(10.0, 0, 100.0, 3), (20.0, 1, 100.0, 3), (30.0, 2, 100.0, 1)]
    result = measure(editors(4), counted(launches, tmp_path))
    assert (result["grants"], result["denials_exhausted"]) == (2, 1)
    assert result["licenses_in_use_mean"] == exactly((3 + 1) * (100.0 + 2 * LATENCY) / LAST)
    assert run([launch[:3] for launch in launches], editors(4))["grants"] == 3


@covers("products.tokens")
def test_a_few_free_licenses_here_and_there_are_not_enough():
    """Two servers with two licenses each: nobody has three together, though three are free."""
    layer = {"servers": {"count": 2}, **editors(4, tokens=3)}
    result = run([(10.0, 0, 1.0), (20.0, 1, 1.0)], layer)
    assert (result["grants"], result["denials_exhausted"]) == (0, 2)


# Of four licenses client 0 has three until FREED, and client 3 has one until LATER.
FREED, LATER = 10.0 + ANSWER + 20.0 + LATENCY, 11.0 + ANSWER + 40.0 + LATENCY
HOLDERS: list[Launch] = [(10.0, 0, 20.0, 3), (11.0, 3, 40.0, 1)]
CALLED = {"policies": {"denial": {"name": "callback"}}}


@covers("policies.denial.name")
def test_nobody_is_called_before_one_who_waits_for_more(tmp_path):
    """At FREED three are free: too few for client 1, who is first; client 2, who wants two, comes after."""
    launches = [*HOLDERS, (12.0, 1, 10.0, 4), (13.0, 2, 10.0, 2)]
    result = measure(editors(4), CALLED, counted(launches, tmp_path))
    granted = LATER + LATENCY + ANSWER
    after = granted + 10.0 + 2 * LATENCY + ANSWER
    assert (result["grants"], result["denials"]) == (4, 2)
    assert result["wait_s_mean"] * 4 == exactly(2 * ANSWER + granted - 12.0 + after - 13.0)


@covers("policies.denial.name")
def test_who_waits_for_more_than_there_is_holds_nobody_up(tmp_path):
    launches = [*HOLDERS, (12.0, 1, 10.0, 5), (13.0, 2, 10.0, 2)]
    result = measure(editors(4), CALLED, counted(launches, tmp_path))
    assert (result["grants"], result["denials"]) == (3, 2)
    assert result["wait_s_max"] == exactly(FREED + LATENCY + ANSWER - 13.0)


@covers("policies.denial.name")
def test_who_asks_for_what_is_free_need_not_wait_for_those_who_wait(tmp_path):
    """Client 2 wants the one license that is free while client 1 waits for four."""
    launches = [(10.0, 0, 20.0, 3), (12.0, 1, 10.0, 4), (13.0, 2, 1.0, 1)]
    result = measure(editors(4), CALLED, counted(launches, tmp_path))
    assert (result["grants"], result["denials"]) == (3, 1)
    assert result["wait_s_p50"] == pytest.approx(ANSWER, rel=0.05)


@covers("servers.callback_grace_s")
def test_who_does_not_come_leaves_all_to_the_next(tmp_path):
    """Client 1 cannot hear that four licenses wait for it; when its time is over, two of them are client 2's."""
    away = {"faults": [{"kind": "cut", "clients": [1, 1], "start_s": 20.0, "duration_s": 500.0}]}
    launches = [*HOLDERS, (12.0, 1, 10.0, 4), (13.0, 2, 10.0, 2)]
    grace = {"servers": {"callback_grace_s": 7.0}}
    result = measure(editors(4), CALLED, grace, away, counted(launches, tmp_path))
    assert result["grants"] == 3
    assert result["wait_s_max"] == exactly(LATER + 7.0 + LATENCY + ANSWER - 13.0)


@covers("products.max_per_client")
@pytest.mark.parametrize(("cap", "grants"), [(0, 3), (1, 1), (2, 2), (3, 3)])
def test_a_client_has_no_more_than_its_cap(cap, grants):
    """Client 0 launches three programs that run for 100 s, and client 1 one; a hundred licenses are free."""
    launches = [(10.0, 0, 100.0), (11.0, 0, 100.0), (12.0, 0, 100.0), (13.0, 1, 100.0)]
    result = run(launches, editors(100, max_per_client=cap), {"clients": {"programs": 3}})
    assert (result["grants"], result["denials_capped"]) == (grants + 1, 3 - grants)
    assert (result["denials"], result["abnormal_denial_fraction"]) == (3 - grants, 0)


@covers("products.max_per_client", "products.tokens")
def test_a_cap_counts_licenses(tmp_path):
    """Of five, client 0 has three, then may not have three more, but two."""
    launches: list[Launch] = [(10.0, 0, 100.0, 3), (11.0, 0, 100.0, 3), (12.0, 0, 100.0, 2), (13.0, 0, 100.0, 1)]
    more = {"clients": {"programs": 4}}
    result = measure(editors(100, max_per_client=5), counted(launches, tmp_path), more)
    assert (result["grants"], result["denials_capped"]) == (2, 2)


@covers("products.max_per_client")
def test_a_cap_is_that_of_one_product():
    """A client at its cap is denied though nothing is free, and holds licenses of another product."""
    layer = {
        "products": [{"name": "editor", "licenses": 1, "max_per_client": 1}, {"name": "viewer", "licenses": 9}]
    }
    launches = [(10.0, 0, 100.0, "viewer"), (11.0, 0, 100.0), (12.0, 0, 9.0), (13.0, 1, 9.0)]
    result = run(launches, layer, {"clients": {"programs": 3}})
    assert (result["grants"], result["denials_capped"], result["denials_exhausted"]) == (2, 1, 1)


@covers("products.max_per_client")
def test_a_client_at_its_cap_holds_nobody_up_who_waits():
    """Of two licenses one is client 0's, for long; its second program waits, before client 2's."""
    launches = [(10.0, 0, 200.0), (11.0, 1, 20.0), (12.0, 0, 5.0), (13.0, 2, 5.0)]
    result = run(launches, editors(2, max_per_client=1), CALLED, {"clients": {"programs": 2}})
    assert (result["grants"], result["denials_capped"], result["denials_exhausted"]) == (4, 1, 1)
    freed, ended = 11.0 + ANSWER + 20.0 + LATENCY, 10.0 + ANSWER + 200.0 + LATENCY
    waits = [ANSWER, ANSWER, freed + LATENCY + ANSWER - 13.0, ended + LATENCY + ANSWER - 12.0]
    assert result["wait_s_mean"] * 4 == exactly(sum(waits))


def reserved(licenses, clients=(2, 3), of=4, **more):
    return editors(of, reserve={"clients": clients, "licenses": licenses}, **more)


@covers("products.reserve.licenses")
@pytest.mark.parametrize("licenses", [1, 2, 4])
def test_others_are_denied_what_is_reserved(licenses):
    """Of four licenses; clients 0 and 1 launch two programs each."""
    launches = [(10.0 + n, n % 2, 100.0) for n in range(4)]
    result = run(launches, reserved(licenses), {"clients": {"programs": 2}})
    assert (result["grants"], result["denials_reserved"]) == (4 - licenses, licenses)
    assert (result["denials"], result["abnormal_denial_fraction"]) == (licenses, 0)


@covers("products.reserve.clients", "products.reserve.clients.fraction")
@pytest.mark.parametrize(("clients", "favored"), [([2, 3], {2, 3}), ([0, 0], {0}), ({"fraction": 0.6}, {0, 1, 2})])
def test_licenses_are_reserved_for_the_clients_that_are_named(clients, favored):
    """All four; who is not named is denied."""
    result = run([(10.0 + n, n, 100.0) for n in range(4)], reserved(4, clients))
    assert (result["grants"], result["denials_reserved"]) == (len(favored), 4 - len(favored))


@covers("products.reserve.licenses")
def test_who_has_some_reserved_draws_on_these_first_and_on_others_then():
    """Client 2 takes the two reserved licenses and one more, client 0 the fourth; then none is free for anyone."""
    launches = [*[(10.0 + n, 2, 100.0) for n in range(3)], (13.0, 0, 100.0), (14.0, 0, 1.0), (15.0, 3, 1.0)]
    result = run(launches, reserved(2), {"clients": {"programs": 3}})
    assert (result["grants"], result["denials_reserved"], result["denials_exhausted"]) == (4, 0, 2)


@covers("products.reserve.licenses")
def test_what_is_given_back_is_kept_again():
    """Client 2's two programs end; then client 0 may have no third license."""
    launches = [*[(10.0 + n, 2, 10.0) for n in range(2)], *[(50.0 + n, 0, 100.0) for n in range(3)]]
    result = run(launches, reserved(2), {"clients": {"programs": 3}})
    assert (result["grants"], result["denials_reserved"]) == (4, 1)


@covers("products.reserve.licenses")
def test_some_are_called_for_what_is_kept_for_them_before_others_who_wait():
    """Client 0 waits for the one license that is for all; client 2, who comes later, for the one that is kept."""
    launches = [(10.0, 1, 300.0), (10.0, 3, 20.0), (12.0, 0, 10.0), (13.0, 2, 10.0)]
    result = run(launches, reserved(1, of=2), CALLED)
    freed, ended = 10.0 + ANSWER + SERVICE + 20.0 + LATENCY, 10.0 + ANSWER + 300.0 + LATENCY
    assert (result["grants"], result["denials_exhausted"]) == (4, 2)
    waits = [ANSWER, ANSWER + SERVICE, freed + LATENCY + ANSWER - 13.0, ended + LATENCY + ANSWER - 12.0]
    assert result["wait_s_mean"] * 4 == exactly(sum(waits))


@covers("products.reserve.licenses")
def test_balancing_leaves_what_is_reserved_where_it_is():
    """Two servers with four licenses each, two of which are reserved; all demand is at the first one."""
    every = {"policies": {"balancing": {"name": "periodic-demand", "interval_s": 100.0}}, "servers": {"count": 2}}
    at_first = {"clients": {"count": 8, "assignment": [1.0, 0.0]}}
    launches = [(10.0, 0, 5.0), *[(300.0 + n, n % 7, 500.0) for n in range(7)]]
    result = run(launches, every, at_first, reserved(4, [7, 7], of=8))
    assert (result["grants"], result["denials_reserved"]) == (1 + 4, 3)


@covers("products.reserve.licenses", "servers.callback_grace_s")
def test_what_a_called_user_does_not_take_is_kept_again():
    """Client 2 cannot hear that the one license waits for it; when its time is over, client 0 may not have it."""
    away = {"faults": [{"kind": "cut", "clients": [2, 2], "start_s": 20.0, "duration_s": 500.0}]}
    launches = [(10.0, 3, 20.0), (12.0, 2, 10.0), (200.0, 0, 5.0)]
    result = run(launches, reserved(1, of=1), CALLED, away, {"servers": {"callback_grace_s": 7.0}})
    assert (result["grants"], result["denials_exhausted"], result["denials_reserved"]) == (1, 1, 1)
