"""What sites keep apart: nothing that happens at one is known or felt at another."""

import tomllib
from typing import Any

import numpy as np
import pytest
from meterstorm.actors.engine import invariants
from meterstorm.actors.setup import servers
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.state import counters
from meterstorm.experiments.scenario import Scenario, to_toml, validate

from support import drawn
from support.drawn_groups import alike, without
from support.layers import layered
from support.sites import APART, SITES, STORM


def test_the_first_of_several_sites_is_what_it_is_alone():
    """Where nobody leaves a site, its clients and servers do the same whatever other sites there are."""

    def check(scenario: Scenario) -> None:
        raw = alike(tomllib.loads(to_toml(scenario)))  # of more clients, others are in the groups
        raw["policies"]["balancing"] = {"name": "static"}  # reports name their site server
        raw["servers"] |= {"split": "even", "tenure_s": 0.0}  # nothing renews it then
        count = scenario.servers.count
        raw["products"] = [times(count, row, scenario.clients.count) for row in raw["products"]]
        alone = finished(validate(raw))
        if isinstance(raw["clients"]["assignment"], list):
            raw["clients"]["assignment"] *= 3
        raw["servers"] |= {"sites": 3, "count": 3 * count}
        raw["clients"] |= {"count": 3 * raw["clients"]["count"], "failover_to": "own-site"}
        raw["network"]["wan_latency_ms"] = raw["network"]["latency_ms"] + 7.0
        raw["products"] = [times(3, row, scenario.clients.count) for row in raw["products"]]
        for fault in raw["faults"]:  # the same ones at the first site
            if "clients" in fault:
                named = first_of(fault["clients"], scenario.clients.count)
                fault["clients"] = [named[0], named[-1]]
            if "servers" in fault:
                fault["servers"] = first_of(fault["servers"], count)
                if len(fault["servers"]) == 1:
                    fault.pop("stagger_s", None)  # which is in vain then
        together = finished(validate(raw))
        for table in ("clients", "servers"):
            size = getattr(alone, table).size
            assert getattr(together, table)["digest"][:size].tolist() == getattr(alone, table)["digest"].tolist()

    drawn.explore(
        drawn.scenarios(sites=(1,), arrivals=("closed", "open"), clients_max=40, duration_s=1200.0), check, 40, 0
    )


def times(number: int, product: dict[str, Any], clients: int) -> dict[str, Any]:
    """A product with so many times the licenses, those that are reserved for the same clients of so many, too."""
    product = product | {"licenses": number * product["licenses"]}
    if "reserve" in product:
        some = product["reserve"]["clients"]
        if isinstance(some, dict):
            some = [0, int(np.ceil(some["fraction"] * clients - 1e-9)) - 1]
        product["reserve"] = {"clients": some, "licenses": number * product["reserve"]["licenses"]}
    return product


def first_of(servers: Any, count: int) -> list[int]:
    """The servers (or clients) of a fault by number, when there are `count`."""
    if servers == "all":
        return list(range(count))
    if isinstance(servers, dict):
        return list(range(int(np.ceil(servers["fraction"] * count - 1e-9))))
    return list(servers)


def finished(scenario: Scenario) -> Any:
    """The tables of a world that has been run."""
    shard = Shard(scenario)
    shard.run(shard.end)
    invariants.recount(shard.world)
    return shard.world


def test_a_fault_stays_at_its_site():
    """Where nobody leaves a site, a fault changes nothing that agents of other sites handle, send or decide."""
    changed = 0

    def check(scenario: Scenario) -> None:
        nonlocal changed
        clients, servers, sites = scenario.clients.count, scenario.servers.count, scenario.servers.sites
        if sites == 1:
            return
        members = servers // sites
        raw = layered(tomllib.loads(to_toml(scenario)), APART, {"policies": {"intersite": {"name": "none"}}})
        raw = without(raw, "clients.failover_to")
        here = list(range(members, 2 * members))  # the second site
        fault = {"kind": "unreachable", "servers": here, "start_s": 100.0, "duration_s": 300.0}
        calm, stormy = (
            by_site(validate(raw | {"faults": faults}), clients, servers, sites) for faults in ([], [fault])
        )
        changed += calm[1] != stormy[1]
        for site in range(sites):
            assert site == 1 or calm[site] == stormy[site], f"site {site}"

    draws = drawn.scenarios(sites=(2, 3), clients_min=3, clients_max=60, duration_s=1500.0)
    drawn.explore(draws, check, 60, 0)
    assert changed > 15


def by_site(scenario: Scenario, clients: int, servers: int, sites: int) -> list[list[Any]]:
    """What each site's agents handled, sent and decided, in order."""
    journal = simulate(scenario, keep_journal=True).journal
    assert journal is not None
    owner = np.concatenate([
        np.repeat(np.arange(sites), np.diff(np.arange(sites + 1) * clients // sites)),
        np.arange(servers) // (servers // sites),
        np.arange(2 * sites) % sites,
    ])  # fmt: skip
    place = owner[np.where(journal["what"] == 0, journal["target"], journal["source"])]
    return [journal[place == site].tolist() for site in range(sites)]


def test_sites_know_nothing_of_each_other():
    """A visitor is unknown to the site that it visits, and a license elsewhere is no reason for a denial here."""
    layer = {"servers": {"count": 2, "sites": 2, "split": [0, 1]}, "run": {"warmup_s": 0.0}}
    tally = simulate(validate(layered(SITES, layer)))
    causes = tally.series.sum(axis=0)
    assert causes[counters.MISPLACED] == causes[counters.STRANDED] == 0
    assert causes[counters.EXHAUSTED] > 0
    assert tally.products["owned"].tolist() == [0, 120]


def test_visitors_are_no_demand():
    """The demand of a site is that of its own clients, each at the server of its own that heard it last."""
    members = {"servers": {"count": 4, "sites": 2}, "policies": {"balancing": {"name": "static"}}}
    everybody_away = {"faults": [{"servers": [0, 1], "start_s": 500.0, "duration_s": 2500.0}]}
    never_back = {"policies": {"failover": {"name": "immediate"}, "balancing": {"name": "static"}}}
    tally = simulate(validate(layered(SITES, members, everybody_away, never_back)))
    assert tally.series.sum(axis=0)[counters.FAILOVERS] > 50
    assert tally.servers["arrivals"][2:].min() > tally.servers["arrivals"][:2].max()
    assert tally.servers["clients"].sum() == 200
    assert tally.servers["clients"][:2].sum() == 100


def test_more_visitors_than_there_is_room_for_at_first(monkeypatch: pytest.MonkeyPatch):
    layer = layered(STORM, {"policies": {"failover": {"name": "immediate"}}})
    scenario = validate(layered(SITES, layer))
    before = simulate(scenario)
    monkeypatch.setattr(servers, "FIRST_VISITORS", 1)
    shard = Shard(scenario)
    shard.run(shard.end)
    assert shard.world.control[0].visitors > 20
    assert shard.tally().digest == before.digest
