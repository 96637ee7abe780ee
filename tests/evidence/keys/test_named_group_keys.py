"""Groups of clients by their names: faults that hit them, and licenses that are reserved for them."""

from typing import Any

import numpy as np
import pytest
from meterstorm.actors.setup.groups import rows_of_clients
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.metrics.groups import of_groups
from meterstorm.experiments.scenario import Scenario, ScenarioError, validate

from support.lab import covers, on_bare
from support.sharded import in_shards

A, REST = {"group": "a"}, {"group": "rest"}
BASE: dict[str, Any] = {
    "run": {"duration_s": 600.0},
    "servers": {"count": 2, "service_ms": 5.0},
    "clients": {"count": 12, "request_timeout_s": 2.0},
    "workload": {"launch_interval_s": 20.0, "run_time_s": 10.0},
    "policies": {"failover": {"name": "immediate"}},
    "groups": [{"name": "a", "share": 0.4}],
}
CUT = {"kind": "cut", "servers": "all", "start_s": 100.0, "duration_s": 200.0}
DOWN = {"kind": "client-crash", "start_s": 100.0, "duration_s": 50.0}
TWO_SITES = {"servers": {"count": 4, "sites": 2}, "network": {"wan_latency_ms": 50.0}}


def made(*layers: dict[str, Any]) -> Scenario:
    return validate(on_bare(BASE, *layers))


def members(scenario: Scenario, row: int) -> list[int]:
    return np.flatnonzero(rows_of_clients(scenario) == row).tolist()


@pytest.mark.parametrize("sites", [{}, TWO_SITES], ids=["one site", "two"])
@pytest.mark.parametrize(("named", "row"), [(REST, 1), (A, 2)], ids=["rest", "a"])
def test_a_cut_of_a_group_is_a_cut_of_each_of_its_clients(named, row, sites):
    by_name = made(sites, {"faults": [CUT | {"clients": named}]})
    one_by_one = made(sites, {"faults": [CUT | {"clients": [one, one]} for one in members(by_name, row)]})
    whole = simulate(by_name)
    assert whole.digest == simulate(one_by_one).digest != simulate(made(sites)).digest
    assert [in_shards(by_name, shards).digest for shards in (2, 3)] == [whole.digest] * 2


@covers("faults.clients.group")
@pytest.mark.parametrize(("named", "hit"), [(A, "a"), (REST, "rest")], ids=["a", "rest"])
def test_a_cut_times_out_for_the_clients_of_a_group_only(named, hit):
    scenario = made({"faults": [CUT | {"clients": named}]})
    found = of_groups(scenario, simulate(scenario))
    assert {name for name, metrics in found.items() if metrics["timeouts"]} == {hit}


@pytest.mark.parametrize(("named", "hit", "row"), [(A, "a", 2), (REST, "rest", 1)], ids=["a", "rest"])
def test_the_clients_of_a_group_crash_in_order_of_their_numbers(named, hit, row):
    scenario = made({"faults": [DOWN | {"clients": named, "stagger_s": 1.0}]})
    tally = simulate(scenario)
    found = of_groups(scenario, tally)
    clients = members(scenario, row)
    assert {name: metrics["client_crashes"] for name, metrics in found.items() if metrics["client_crashes"]} == {
        hit: len(clients)
    }
    (fault,) = tally.faults.tolist()
    assert fault[2:] == (100 * 10**9, (150 + len(clients) - 1) * 10**9)
    assert [in_shards(scenario, shards).digest for shards in (2, 3)] == [tally.digest] * 2


@covers("products.reserve.clients.group")
def test_licenses_of_a_group_are_for_its_clients_only():
    product = {"name": "editor", "licenses": 6, "reserve": {"clients": A, "licenses": 6}}
    scenario = made({"products": [product]})
    tally = simulate(scenario)
    found = of_groups(scenario, tally)
    assert found["a"]["grants"] > 0 == found["rest"]["grants"]
    assert found["rest"]["denials_reserved"] > 0 == found["a"]["denials_reserved"]
    assert [in_shards(scenario, shards).digest for shards in (2, 3)] == [tally.digest] * 2


def test_a_group_of_all_is_all():
    def digest(clients: dict[str, Any]) -> int:
        product = {"name": "editor", "licenses": 6, "reserve": {"clients": clients, "licenses": 3}}
        layer = {"groups": [{"name": "everybody", "share": 1.0}], "products": [product]}
        return simulate(made(layer, {"faults": [CUT | {"clients": clients}]})).digest

    assert digest({"group": "everybody"}) == digest({"fraction": 1.0}) == digest([0, 11])


MUST = "is not allowed; it must be the name of a group that has clients"
RESERVED = [{"licenses": 6, "reserve": {"clients": {"group": "b"}, "licenses": 6}}]
ALL = [{"name": "a", "share": 1.0}]
WRONG = [
    ({"faults": [CUT | {"clients": {"group": "b"}}]}, f'faults[0].clients.group: "b" {MUST}: "a", "rest"'),
    (
        {"faults": [DOWN | {"clients": {"group": "ab"}}]},
        f'faults[0].clients.group: "ab" {MUST}: "a", "rest" (did you mean "a"?)',
    ),
    ({"products": RESERVED}, f'products[0].reserve.clients.group: "b" {MUST}: "a", "rest"'),
    ({"groups": [], "faults": [CUT | {"clients": A}]}, f'faults[0].clients.group: "a" {MUST}: there is none'),
    ({"groups": ALL, "faults": [CUT | {"clients": REST}]}, f'faults[0].clients.group: "rest" {MUST}: "a"'),
]


@pytest.mark.parametrize(("layer", "line"), WRONG)
def test_a_group_that_is_not_there_is_refused_with_those_that_are(layer, line):
    with pytest.raises(ScenarioError) as refused:
        made(layer)
    assert refused.value.errors == [line]


def test_each_version_has_its_own_groups():
    """An arm that leaves no rest may not name it."""
    arm = {"name": "all", "set": {"groups[0].share": 1.0}}
    with pytest.raises(ScenarioError, match=r"it must be the name of a group that has clients: .a.$"):
        made({"faults": [CUT | {"clients": REST}], "arms": [{"name": "some"}, arm]})
