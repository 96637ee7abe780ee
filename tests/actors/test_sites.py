"""Several sites: who belongs to which, what they keep apart, and how seldom their shards wait for each other."""

import tomllib
from types import SimpleNamespace
from typing import Any

import drawn
import numpy as np
import pytest
from layers import layered
from meterstorm.actors import build, kinds, layout
from meterstorm.actors import world as world_
from meterstorm.actors.shard import Shard, simulate
from meterstorm.actors.windows import Windows
from meterstorm.experiments.scenario import Scenario, to_toml, validate
from test_determinism import in_shards

WAN_S, TIMEOUT_S = 0.05, 5.0
APART = {"clients": {"failover_to": "own-site"}}


def world(sites: int, clients: int, servers: int) -> Any:
    """As much of a scenario as the layout reads."""
    return SimpleNamespace(
        clients=SimpleNamespace(count=clients), servers=SimpleNamespace(count=servers * sites, sites=sites)
    )


@pytest.mark.parametrize("sites", [1, 2, 3, 7])
@pytest.mark.parametrize("clients", [1, 5, 100, 200_003])
def test_every_agent_lives_in_one_shard_and_next_to_its_site(sites: int, clients: int):
    for shards in (1, 2, 3, 5, 9):
        scenario = world(sites, clients, servers=2)
        parts = layout.parts(scenario, shards)
        assert len(parts) == shards
        assert [parts[0].first, *(part.end for part in parts)] == [*(part.first for part in parts), clients]
        hosted = [site for part in parts if part.hosts_servers for site in range(part.first_site, part.end_site)]
        assert hosted == list(range(sites))
        limits = [layout.first_client(clients, sites, site) for site in range(sites + 1)]
        assert max(np.diff(limits)) - min(np.diff(limits)) <= 1
        for part in parts:
            assert limits[part.first_site] <= part.first <= part.end <= limits[part.end_site]
        starts, owners = layout.owners(scenario, parts)
        for agent in [*range(min(clients, 100)), *range(clients, clients + 4 * sites)]:
            shard = owners[np.searchsorted(starts, agent, side="right") - 1]
            if agent < clients:
                assert parts[shard].first <= agent < parts[shard].end
            else:
                n = agent - clients
                site = n // 2 if n < 2 * sites else (n - 2 * sites) % sites
                assert parts[shard].hosts_servers
                assert parts[shard].first_site <= site < parts[shard].end_site


def test_the_first_of_several_sites_is_what_it_is_alone():
    """Where nobody leaves a site, its clients and servers do the same whatever other sites there are."""

    def check(scenario: Scenario) -> None:
        raw = tomllib.loads(to_toml(scenario))
        raw["policies"]["balancing"] = {"name": "static"}  # reports name their site server
        raw["servers"]["split"] = "even"
        count = scenario.servers.count
        raw["products"] = [row | {"licenses": row["licenses"] * count} for row in raw["products"]]
        alone = finished(validate(raw))
        if isinstance(raw["clients"]["assignment"], list):
            raw["clients"]["assignment"] *= 3
        raw["servers"] |= {"sites": 3, "count": 3 * count}
        raw["clients"] |= {"count": 3 * raw["clients"]["count"], "failover_to": "own-site"}
        raw["network"]["wan_latency_ms"] = raw["network"]["latency_ms"] + 7.0
        raw["products"] = [row | {"licenses": 3 * row["licenses"]} for row in raw["products"]]
        for fault in raw["faults"]:  # the same ones at the first site
            fault["servers"] = first_of(fault["servers"], count)
        together = finished(validate(raw))
        for table in ("clients", "servers"):
            size = getattr(alone, table).size
            assert getattr(together, table)["digest"][:size].tolist() == getattr(alone, table)["digest"].tolist()

    drawn.explore(
        drawn.scenarios(sites=(1,), arrivals=("closed", "open"), clients_max=40, duration_s=1200.0), check, 40, 0
    )


def first_of(servers: Any, count: int) -> list[int]:
    """The servers of a fault by number, when there are `count`."""
    if servers == "all":
        return list(range(count))
    if isinstance(servers, dict):
        return list(range(int(np.ceil(servers["fraction"] * count - 1e-9))))
    return list(servers)


def finished(scenario: Scenario) -> Any:
    """The tables of a world that has been run."""
    shard = Shard(scenario)
    shard.run(shard.end)
    shard.check()
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


SITES = {
    "title": "four sites",
    "run": {"duration_s": 3000.0, "warmup_s": 0.0},
    "network": {"wan_latency_ms": 1000 * WAN_S},
    "servers": {"count": 8, "sites": 4, "service_ms": 50.0},
    "clients": {"count": 200, "request_timeout_s": TIMEOUT_S},
    "products": [{"licenses": 120}],
    "workload": {"launch_interval_s": 100.0, "run_time_s": 50.0},
}
STORM = {"faults": [{"servers": [0, 1], "start_s": 1000.0, "duration_s": 500.0}]}


def exchanges(layer: dict[str, Any], shards: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often each of so many shards exchanges frames in SITES with a layer; its digest is that of one shard."""
    calls = []
    exchange = Windows._exchange
    monkeypatch.setattr(Windows, "_exchange", lambda *arguments: calls.append(1) or exchange(*arguments))
    scenario = validate(layered(SITES, layer))
    alone = simulate(scenario)
    assert in_shards(scenario, shards).digest == alone.digest
    assert len(calls) % shards == 0
    return len(calls) // shards


@pytest.mark.parametrize("shards", [2, 4])
def test_whole_sites_wait_for_little(shards: int, monkeypatch: pytest.MonkeyPatch):
    """In calm weather nobody leaves before a time-out comes, and a thousandth of the run is looked ahead.

    With the WAN's latency as the only lookahead there would be an exchange every `WAN_S`.
    """
    duration_s = SITES["run"]["duration_s"]
    assert duration_s / 1000 < TIMEOUT_S - 1  # answers take less than a second here
    calm = exchanges({}, shards, monkeypatch)
    assert calm <= 1000 + 2
    assert calm < duration_s / WAN_S / 50


def test_who_may_not_leave_is_not_waited_for(monkeypatch: pytest.MonkeyPatch):
    assert exchanges(APART | STORM, 4, monkeypatch) <= 1000 + 2


@pytest.mark.parametrize("kind", ["unreachable", "refusing", "slow"])
def test_a_storm_costs_exchanges_only_while_it_lasts(kind: str, monkeypatch: pytest.MonkeyPatch):
    """Clients move from 1,000 s on, and stay; each exchange then takes at least one latency of the WAN."""
    fault = STORM["faults"][0] | {"kind": kind, "servers": [0, 1, 2, 3, 4, 5]}
    if kind == "slow":
        fault["factor"] = 400
    layer = {"faults": [fault], "policies": {"failover": {"name": "immediate"}}}
    stormy = exchanges(layer, 4, monkeypatch)
    assert 1000 < stormy < 1000 + 3000 / WAN_S


def test_sites_know_nothing_of_each_other():
    """A visitor is unknown to the site that it visits, and a license elsewhere is no reason for a denial here."""
    layer = {"servers": {"count": 2, "sites": 2, "split": [0, 1]}, "run": {"warmup_s": 0.0}}
    tally = simulate(validate(layered(SITES, layer)))
    causes = tally.series.sum(axis=0)
    assert causes[world_.MISPLACED] == causes[world_.STRANDED] == 0
    assert causes[world_.EXHAUSTED] > 0
    assert tally.products["owned"].tolist() == [0, 120]


def test_visitors_are_no_demand():
    """The demand of a site is that of its own clients, each at the server of its own that heard it last."""
    members = {"servers": {"count": 4, "sites": 2}, "policies": {"balancing": {"name": "static"}}}
    everybody_away = {"faults": [{"servers": [0, 1], "start_s": 500.0, "duration_s": 2500.0}]}
    never_back = {"policies": {"failover": {"name": "immediate"}, "balancing": {"name": "static"}}}
    tally = simulate(validate(layered(SITES, members, everybody_away, never_back)))
    assert tally.series.sum(axis=0)[world_.FAILOVERS] > 50
    assert tally.servers["arrivals"][2:].min() > tally.servers["arrivals"][:2].max()
    assert tally.servers["clients"].sum() == 200
    assert tally.servers["clients"][:2].sum() == 100


def test_more_visitors_than_there_is_room_for_at_first(monkeypatch: pytest.MonkeyPatch):
    layer = layered(STORM, {"policies": {"failover": {"name": "immediate"}}})
    scenario = validate(layered(SITES, layer))
    before = simulate(scenario)
    monkeypatch.setattr(build, "FIRST_VISITORS", 1)
    shard = Shard(scenario)
    shard.run(shard.end)
    assert shard.world.control[0].visitors > 20
    assert shard.tally().digest == before.digest


def test_licenses_follow_the_demand_to_other_sites():
    """All licenses are at the first of four sites, whose clients ask as often as the others'.

    In each 100 s a site's 50 clients ask some 33 times, so a site's share of 120 licenses is 30 with a standard
    deviation of about 120 * sqrt(33 * 3 / 4) / 133 = 4.5.
    """
    layer = {
        "servers": {"split": [1, 1, 0, 0, 0, 0, 0, 0]},
        "policies": {
            "balancing": {"name": "periodic-demand", "interval_s": 100.0},
            "intersite": {"name": "periodic-demand", "interval_s": 300.0},
        },
    }
    scenario = validate(layered(SITES, APART, layer))
    alone = simulate(scenario)
    assert alone.products["owned"].sum() == 120
    assert np.abs(alone.products["owned"] - 30).max() < 4 * 4.5
    assert alone.digest == in_shards(scenario, 3).digest


# All licenses are at the first site. Each client asks every 20 s, so in the 100 s before a report a server's ten
# ask some 50 times; the round is at 150 s.
TRADE = {
    "clients": {"count": 60, "failover_to": "own-site"},
    "servers": {"count": 6, "sites": 3, "service_ms": 1.0, "split": [1, 1, 0, 0, 0, 0]},
    "workload": {"launch_interval_s": 20.0, "run_time_s": 1.0},
    "policies": {
        "balancing": {"name": "periodic-demand", "interval_s": 100.0},
        "intersite": {"name": "periodic-demand", "interval_s": 150.0},
    },
}


@pytest.mark.parametrize("is_away", [False, True])
def test_a_site_gives_what_it_is_told_to(is_away: bool):
    """Two sites need licenses of the first in one round; its servers are asked for more than the first one has.

    What one that is away cannot be asked for, the next one gives: all that its ten clients do not hold.
    """
    away = [{"servers": [0], "start_s": 140.0, "duration_s": 140.0}]
    layer = {"run": {"duration_s": 290.0, "sample_s": 290.0}, "faults": away if is_away else []}
    tally = simulate(validate(layered(SITES, TRADE, layer)))
    targets, owned = tally.products["target"], tally.products["owned"]
    assert targets.sum() == owned.sum() == 120
    assert targets[1:].min() > 0
    if is_away:
        assert tally.pools["allocated"][0] > targets[0] > tally.pools["allocated"][1]
        assert tally.pools["allocated"][1] <= 10
    else:
        assert owned.tolist() == targets.tolist()


@pytest.mark.parametrize("licenses", [12, 120, 1201])
@pytest.mark.parametrize("members", [2, 4, 9])
@pytest.mark.parametrize("seed", range(3))
def test_a_round_leaves_servers_in_proportion(licenses: int, members: int, seed: int):
    """Until they are balanced the next time, and however small the parts that licenses arrive in.

    Of the first site's servers each gives the same share of what it had free, but for two orders' rounding and
    some leases that began since. At the others no server had more requests for one license more than another for
    its last: the min-max inequality of the method of highest averages (Balinski and Young, Fair Representation,
    1982), by its divisors 1, 2, 3 ... (Jefferson, D'Hondt). Each counts one request more than it had.
    """
    layer = {
        "run": {"duration_s": 190.0, "sample_s": 190.0, "seed": seed},
        "servers": {"count": 3 * members, "split": [1] * members + [0] * 2 * members},
        "clients": {"count": 3 * members * 10},
        "products": [{"licenses": licenses}],
    }
    shard = Shard(validate(layered(SITES, TRADE, layer)))
    shard.run(149 * 10**9)
    had = shard.world.pools["allocated"].reshape(3, members).copy()
    before = had - shard.world.pools["reported_leased"].reshape(3, members)
    shard.run(shard.end)
    pools = shard.tally().pools
    has, asked = (pools[name].reshape(3, members) for name in ("allocated", "reported_requests"))
    assert has.sum() == licenses
    given = (had - has)[0]
    assert given.sum() > 0
    assert np.abs(given - before[0] * given.sum() / before[0].sum()).max() <= 4
    for requests, licensed in zip(asked[1:] + 1, has[1:], strict=True):
        assert licensed.sum() > 0
        assert (np.outer(requests, licensed) <= np.outer(licensed + 1, requests)).all()


def test_who_may_leave_is_counted_at_every_instant():
    """Also while refusals are on their way: the books are checked every 2 ms."""
    fault = {"kind": "refusing", **STORM["faults"][0]}
    layer = {"faults": [fault], "policies": {"failover": {"name": "immediate"}}}
    shard = Shard(validate(layered(SITES, layer)))
    start, step = 1000 * 10**9, 2 * 10**6
    on_their_way = 0
    for k in range(5000):
        shard.run(start + k * step)
        shard.check()
        control = shard.world.control[0]
        ring = np.arange(control.transit_begin, control.transit_end) % shard.world.transit.size
        rows = shard.world.transit["event"][ring] - shard.world.slots.size
        on_their_way += (shard.world.events["kind"][rows] == kinds.REFUSED).sum()
    assert on_their_way > 0


@pytest.mark.slow
def test_a_hundred_sites_of_ten_thousand_clients():
    layer = {
        "run": {"duration_s": 600.0, "sample_s": 60.0},
        "servers": {"count": 400, "sites": 100, "service_ms": 0.2},
        "clients": {"count": 1_000_000},
        "products": [{"licenses": 500_000}],
        "workload": {"launch_interval_s": 3600.0, "run_time_s": 1800.0},
        "faults": [{"servers": [0, 1, 2, 3], "start_s": 300.0, "duration_s": 60.0}],
    }
    scenario = validate(layered(SITES, layer))
    tally = simulate(scenario)
    assert tally.events > 500_000
    assert tally.digest == in_shards(scenario, 2).digest
