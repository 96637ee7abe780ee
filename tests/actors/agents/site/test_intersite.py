"""Licenses move between sites: to the demand, as ordered, and in proportion."""

import numpy as np
import pytest
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.scenario import validate

from support.layers import layered
from support.sharded import in_shards
from support.sites import APART, SITES


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


def test_two_orders_do_not_count_on_the_same_licenses():
    """Nine servers have about one license each, none of them leased: what one order takes, the next leaves."""
    layer = {
        "run": {"duration_s": 190.0, "sample_s": 190.0},
        "servers": {"count": 27, "split": [1] * 9 + [0] * 18},
        "products": [{"licenses": 9}],
        "workload": {"run_time_s": 0.001},
    }
    products = simulate(validate(layered(SITES, TRADE, layer))).products
    assert products["target"][1:].min() > 1
    assert products["owned"].tolist() == products["target"].tolist()


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
