"""How much memory shards are said to take: no less than they do, and no great deal more."""

from typing import Any

import pytest
from meterstorm.actors.setup.memory import BARE_BYTES, PROCESS_BYTES, least_bytes, shards_bytes
from meterstorm.actors.setup.scenario import ns
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.state.world import TABLES
from meterstorm.experiments.scenario import load, validate, versions

MANY = 20_000  # clients, beside whose tables those of servers and samples are small
MOST = 8.0  # times what they take: a storm may need most of it
NAMES = ["q226827", "sites", "half-upgraded", "lease-collapse"]


def scenario_of(clients: int, **settings: object) -> Any:
    return validate({"title": "many", "clients": {"count": clients}, "network": {"latency_ms": 50}, **settings})


def taken(shard: Shard) -> int:
    return sum(getattr(shard.world, name).nbytes for name in TABLES)


@pytest.mark.parametrize("name", NAMES)
def test_worlds_take_no_more_and_not_much_less(name: str):
    """At their beginning and after a while of it, alone and as two shards."""
    scenario = versions(load(name, {"clients.count": MANY}, ()))[0].scenario
    shard = Shard(scenario)
    (said,) = shards_bytes(scenario)
    shard.run(ns(60))
    assert least_bytes(scenario) - BARE_BYTES < taken(shard) <= said - PROCESS_BYTES <= MOST * taken(shard)
    for number, two_said in enumerate(shards_bytes(scenario, 2)):
        assert taken(Shard(scenario, shard=number, shards=2)) <= two_said - PROCESS_BYTES


def test_memory_is_proportional_to_clients():
    one, two, three = (shards_bytes(scenario_of(n))[0] for n in (1_000_000, 2_000_000, 3_000_000))
    assert three - two == two - one > 160 * 1_000_000  # a plain world takes that: actors/engine/PERFORMANCE.md


def test_shards_share_the_clients_and_the_first_has_the_servers():
    whole = shards_bytes(scenario_of(3_000_000))[0] - PROCESS_BYTES
    first, *others = (each - PROCESS_BYTES for each in shards_bytes(scenario_of(3_000_000), 3))
    assert whole / 3 < first < whole
    assert others[0] == others[1] < whole / 3 + 1e6


def test_connections_take_memory_at_each_server():
    kept = {"count": 1000, "connection": "kept"}
    few, many = (
        shards_bytes(validate({"title": "kept", "clients": kept, "servers": {"count": count}}))[0]
        for count in (1, 101)
    )
    assert many - few > 100 * 1000 * TABLES["peers"].itemsize
