"""Code that is compiled for plain worlds has left out only what they do without."""

from typing import Any

import pytest
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.state.world import World
from meterstorm.experiments.scenario import load, validate, versions

SELDOM: dict[str, dict[str, Any]] = {
    "groups": {"groups": [{"name": "a", "share": 0.5, "set": {"clients.heartbeat_s": 60.0}}]},
    "connections": {"clients": {"connection": "kept"}},
    "failback": {"policies": {"failback": {"name": "at-next-request"}}},
    "hooks": {"policies": {"failover": {"name": "full-jitter", "within": [{"name": "finagle-budget"}]}}},
    "tokens": {"products": [{"name": "a", "licenses": 9, "tokens": 2}]},
    "caps": {"products": [{"name": "a", "licenses": 9, "max_per_client": 2}]},
    "sharing": {"products": [{"name": "a", "licenses": 9, "sharing": "client"}]},
    "stalls": {"faults": [{"kind": "stall", "start_s": 10.0, "duration_s": 5.0}]},
    "dropping": {"policies": {"admission": {"name": "codel"}}},
    "newest first": {"policies": {"admission": {"name": "lifo"}}},
    "heartbeats at drawn times": {"clients": {"heartbeat_spread": 0.5}},
}


@pytest.mark.parametrize(
    "name", ["q226827", "q212894", "license-queue", "crashed-clients", "sites", "lease-collapse"]
)
def test_the_same_happens_in_both_kinds_of_code(name, monkeypatch):
    scenario = versions(load(name))[0].scenario
    run = scenario.run.model_copy(update={"duration_s": min(scenario.run.duration_s, 1800.0)})
    scenario = scenario.model_copy(update={"run": run})
    assert Shard(scenario).world.is_plain
    plain = simulate(scenario)
    monkeypatch.setattr(World, "is_plain", False)
    assert simulate(scenario).digest == plain.digest


@pytest.mark.parametrize("name", SELDOM)
def test_who_uses_what_is_seldom_used_has_no_plain_world(name):
    assert Shard(validate({"title": "plain"})).world.is_plain
    assert not Shard(validate({"title": name} | SELDOM[name])).world.is_plain
