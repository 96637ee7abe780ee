"""How seldom shards of whole sites wait for each other."""

import math
from typing import Any

import numpy as np
import pytest
from meterstorm.actors.engine import invariants
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.shards.windows import Windows
from meterstorm.actors.state import kinds
from meterstorm.experiments.scenario import validate

from support.layers import layered
from support.sharded import in_shards
from support.sites import APART, SITES, STORM, TIMEOUT_S, WAN_S

IMMEDIATE = {"policies": {"failover": {"name": "immediate"}}}
ORDERED_LIST = {"products": [{"licenses": 60}], "policies": {"denial": {"name": "give-up", "servers": math.inf}}}


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
    layer = {"faults": [fault], **IMMEDIATE}
    stormy = exchanges(layer, 4, monkeypatch)
    assert 1000 < stormy < 1000 + 3000 / WAN_S


def test_who_is_denied_may_leave(monkeypatch: pytest.MonkeyPatch):
    """Some launches find their site's licenses taken, and ask other sites: shards wait for each other."""
    short = {"run": {"duration_s": 300.0}}
    assert exchanges(ORDERED_LIST | short, 4, monkeypatch) > exchanges(short, 4, monkeypatch)


@pytest.mark.parametrize(
    ("kind", "layer"),
    [
        (kinds.REFUSED, {"faults": [{"kind": "refusing", **STORM["faults"][0]}], **IMMEDIATE}),
        (kinds.DENY, ORDERED_LIST),
    ],
    ids=["refused", "denied"],
)
def test_who_may_leave_is_counted_at_every_instant(kind: int, layer: dict[str, Any]):
    """Also while answers are on their way after which clients move: the books are checked every 2 ms."""
    shard = Shard(validate(layered(SITES, layer)))
    start, step = 1000 * 10**9, 2 * 10**6
    on_their_way = 0
    for k in range(5000):
        shard.run(start + k * step)
        invariants.recount(shard.world)
        control = shard.world.control[0]
        ring = np.arange(control.transit_begin, control.transit_end) % shard.world.transit.size
        rows = shard.world.transit["event"][ring] - shard.world.slots.size
        on_their_way += (shard.world.events["kind"][rows] == kind).sum()
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
