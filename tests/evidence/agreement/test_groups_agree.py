"""Groups of clients change nothing where they set nothing, and what is counted of them adds up to the world's."""

from itertools import pairwise
from statistics import fmean
from typing import Any

import pytest
from meterstorm.actors.setup.groups import rows_of_clients
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.metrics.groups import of_groups, sizes
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.metrics.names import METRICS_OF_GROUPS
from meterstorm.experiments.runs.table import COUNTS
from meterstorm.experiments.scenario import Scenario, load, validate, versions
from meterstorm.experiments.scenario.groups import OF_A_GROUP
from meterstorm.experiments.scenario.overrides import dump

from support import drawn, groups
from support.drawn_groups import alike
from support.sharded import DRAWS, in_shards, known

HALVES = [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.3}]
# A site server's messages are no client's.
ADDITIVE = [name for name in METRICS_OF_GROUPS if name in COUNTS and not name.startswith("messages")]
OVER_TIME = ("unmetered_license_hours", "waiting_users_mean", "goodput_per_s")


def in_groups(scenario: Scenario, made: list[dict[str, Any]]) -> Scenario:
    return validate(alike(dump(scenario)) | {"groups": made})


@pytest.mark.parametrize("shards", [1, 3])
def test_groups_that_set_nothing_change_nothing(shards: int):
    def check(scenario: Scenario) -> None:
        halves, alone = in_groups(scenario, HALVES), in_groups(scenario, [])
        together = simulate(halves) if shards == 1 else in_shards(halves, shards)
        assert known(together, halves) == pytest.approx(known(simulate(alone), alone), rel=1e-12)

    drawn.explore(large_enough(), check, 20, 0)


def test_who_is_in_a_group_has_what_it_sets():
    """All clients in one group with the settings of another scenario are a world in which all have them."""
    different = 0

    def check(scenario: Scenario) -> None:
        nonlocal different
        raw = dump(scenario)
        others = in_groups(scenario, [])
        theirs = groups.settings(raw | settings_of(raw), [*OF_A_GROUP])
        made = in_groups(others, [{"name": "all", "share": 1.0, "set": theirs}])
        of_all = made.of_groups[0]
        assert simulate(made).digest == simulate(of_all).digest
        different += simulate(others).digest != simulate(of_all).digest

    drawn.explore(large_enough().filter(does_not_drain), check, 20, 1)
    assert different > 5


def settings_of(raw: dict[str, Any]) -> dict[str, Any]:
    """The tables of the first of the scenario's groups, or of others that every scenario may have."""
    made = validate(raw)
    if made.groups:
        return dump(made.of_groups[0])
    longer = raw["clients"] | {"request_timeout_s": 1.5 * raw["clients"]["request_timeout_s"]}
    return {"clients": longer, "workload": raw["workload"], "policies": raw["policies"]}


def does_not_drain(raw: dict[str, Any]) -> bool:
    """Servers that drain do so for whoever may be asked."""
    return bool(raw["policies"].get("failback", {}).get("name") != "drain")


def large_enough() -> Any:
    return DRAWS.filter(lambda raw: raw["workload"]["arrivals"] != "trace" and raw["clients"]["count"] > 5)


@pytest.mark.parametrize("shards", [1, 3])
def test_groups_add_up_to_the_world(shards: int):
    seen: set[str] = set()

    def check(scenario: Scenario) -> None:
        tally = simulate(scenario) if shards == 1 else in_shards(scenario, shards)
        whole, parts = metrics(scenario, tally), of_groups(scenario, tally)
        assert sum(sizes(scenario).values()) == scenario.clients.count
        for name in ADDITIVE:
            assert sum(part[name] for part in parts.values()) == whole[name], name
        for name in OVER_TIME:
            assert sum(part[name] for part in parts.values()) == pytest.approx(whole[name], rel=1e-9, abs=1e-9), (
                name
            )
        for name in ("messages", "messages_lost"):
            assert sum(part[name] for part in parts.values()) <= whole[name]
        seen.update(name for name in ADDITIVE for part in parts.values() if part[name])

    drawn.explore(DRAWS.filter(lambda raw: "groups" in raw), check, 40, 2)
    assert {"launches", "denials", "evictions", "failovers", "retries", "leases_lost", "client_crashes"} <= seen


def test_groups_do_not_depend_on_shards():
    def check(scenario: Scenario) -> None:
        alone, together = simulate(scenario), in_shards(scenario, 3)
        assert alone.digest == together.digest
        theirs = of_groups(scenario, together)
        for name, found in of_groups(scenario, alone).items():
            assert theirs[name] == pytest.approx(found, rel=1e-12), name

    drawn.explore(DRAWS.filter(lambda raw: "groups" in raw), check, 20, 3)


def test_half_upgraded_has_the_order_that_it_says():
    """Most is denied where none are upgraded, then to the others, then to the upgraded, least where all are."""
    found = []
    for version in versions(load("half-upgraded")):
        tallies = [simulate(version.scenario, number) for number in range(4)]
        if version.arm == "half":
            both = [of_groups(version.scenario, tally) for tally in tallies]
            found += [fmean(groups[name]["denial_fraction"] for groups in both) for name in ("rest", "upgraded")]
        else:
            found.append(fmean(metrics(version.scenario, tally)["denial_fraction"] for tally in tallies))
    assert len(found) == 4 and all(more > 1.2 * less for more, less in pairwise(found))


def test_every_site_and_every_server_has_its_share_of_a_group():
    raw = {"title": "x", "clients": {"count": 1000}, "servers": {"count": 6, "sites": 2}}
    made = validate(raw | {"groups": [{"name": "a", "share": 0.3}, {"name": "b", "count": 100}]})
    rows = rows_of_clients(made)
    assert [int((rows == row).sum()) for row in (1, 2, 3)] == [600, 300, 100]
    for part in (rows[:500], rows[500:], rows[:500:3], rows[1:500:3], rows[700:750]):
        for row, share in ((1, 0.6), (2, 0.3), (3, 0.1)):
            assert abs((part == row).sum() - share * len(part)) <= 3
