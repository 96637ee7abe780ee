"""Code that is compiled for plain worlds has left out only what they do without."""

import re
from typing import Any

import numba
import pytest
from meterstorm.actors.compiled.jit import JIT_DISABLED
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
    "told answers": {"policies": {"selection": {"name": "two-choices"}}},
    "balancing on shortage": {"policies": {"balancing": {"name": "on-shortage"}}},
    "borrowing": {"policies": {"balancing": {"name": "borrow"}}},
    "licenses for a tenure": {"servers": {"tenure_s": 30000.0}},
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


@pytest.mark.skipif(JIT_DISABLED, reason="nothing is compiled")
@pytest.mark.parametrize("settings", [{}, SELDOM["connections"]])
def test_the_compiler_knows_what_plain_worlds_do_without(settings):
    """Of a plain world none of these six is read from memory; of others, each is."""

    @numba.njit
    def added(world):
        config = world.config[0]
        return config.sized + config.stalls + config.failback + config.lifo + world.groups.size + world.stays.size

    world = Shard(validate({"title": "read"} | settings)).world
    assert added(world) == 0
    (code,) = added.inspect_llvm().values()
    body = code[code.index("define") :].partition("\n}")[0]
    loads = len(re.findall(r"\bload\b", body))
    assert loads == 0 if world.is_plain else loads >= 6


@pytest.mark.filterwarnings("error::numba.NumbaExperimentalFeatureWarning")
@pytest.mark.parametrize("is_plain_first", [True, False])
def test_neither_kind_of_code_is_taken_for_the_other(is_plain_first):
    """Not even where only the row of `config` is passed on, which has the same fields in both."""

    @numba.njit
    def tokens_in(config):
        return config.sized

    @numba.njit
    def tokens(world):
        return tokens_in(world.config[0])

    worlds = [Shard(validate({"title": "plain"})).world, Shard(validate({"title": "x"} | SELDOM["tokens"])).world]
    order = worlds if is_plain_first else worlds[::-1]
    assert {world.is_plain: tokens(world) for world in order} == {True: 0, False: 1}
