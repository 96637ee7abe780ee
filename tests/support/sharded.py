"""Drawn worlds on several shards, each in a thread of its own and without Ray."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from hypothesis import strategies as st
from meterstorm.actors.cluster.host import ShardHost
from meterstorm.actors.records.merging import in_order
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.shards.tally import Tally, merge
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import Scenario, validate

from support import drawn
from support.meshed import results

# Shards need a latency; a long one makes few windows.
SIZE: dict[str, Any] = {
    "latencies_ms": st.floats(50.0, 300.0),
    "clients_min": 3,
    "clients_max": 60,
    "duration_s": 1500.0,
}

DRAWS = drawn.scenarios(**SIZE)


def some(examples: int, number: int) -> list[Scenario]:
    """Some drawn scenarios, which follow from `number`."""
    found: list[Scenario] = []
    drawn.explore(DRAWS, found.append, examples, number)
    return found


def known(tally: Tally, scenario: Scenario) -> dict[str, Any]:
    """Digest, events and all metrics."""
    return {"digest": tally.digest, "events": tally.events, **metrics(scenario, tally)}


def in_shards(scenario: Scenario, shards: int, keep_journal: bool = False) -> Tally:
    """What one replication counts on several shards."""
    return hosted(scenario, shards, keep_journal)[0]


def hosted(scenario: Scenario, shards: int, keep_journal: bool = False) -> tuple[Tally, list[Shard]]:
    """One replication on several shards, each in a thread of its own: what it counted, and the shards."""
    hosts = [ShardHost(shard, shards, b"a key of thirty-two bytes, or so") for shard in range(shards)]
    parts: dict[int, Shard] = {}

    def whole(host: ShardHost) -> Tally:
        with host.mesh:  # else the others would wait for one that has failed
            host.connect(addresses)
            host.begin(scenario, 0, keep_journal)
            assert host.begun is not None
            parts[host.mesh.shard] = host.begun[0]
            while not host.run(0.5)[1]:
                pass
            return host.tally()

    try:
        addresses = [host.listen() for host in hosts]
        with ThreadPoolExecutor(shards) as pool:
            tally = merge(results([pool.submit(whole, host) for host in hosts]))
        if keep_journal:
            tally.journal = np.concatenate(list(in_order([pieces(host) for host in hosts])))
        return tally, [parts[shard] for shard in range(shards)]
    finally:
        for host in hosts:
            host.mesh.close()


def pieces(host: ShardHost) -> Iterator[Any]:
    """The journal of one shard, as the driver fetches it."""
    first = 0
    while len(piece := host.journal(first)):
        yield piece
        first += len(piece)


def for_the_jit() -> list[Scenario]:
    """Drawn scenarios, and one whose clients tell servers of as many slots as there can be."""
    full = {
        "title": "all bits",
        "run": {"duration_s": 300.0, "warmup_s": 0.0},
        "clients": {"count": 3, "programs": 32, "heartbeat_s": 20.0},
        "workload": {"launch_interval_s": 10.0, "run_time_s": 60.0},
    }
    return [*some(5, 3), validate(full)]
