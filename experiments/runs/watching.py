"""A world that is watched while it runs: in this process, with a look at its tables between two slices of it."""

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from meterstorm.actors.records import sums
from meterstorm.actors.shards.figures import links
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.shards.tally import Tally, conserved
from meterstorm.actors.state import counters

from ..scenario import Scenario, Version

SLICE_S = 0.1  # wall time between two times that a watcher is asked whether it wants to look
SLICES = 1000  # of simulated time: the first is one of so many

Watcher = Callable[[Shard], None]  # of one world: called between slices of it
Watch = Callable[[Version, int], Watcher]  # gives each replication of each version its watcher


class Look(NamedTuple):
    """What a world is at a moment, and what it has been in the samples that are over."""

    now_s: float  # from the end of the warm-up
    events: int
    links: dict[str, int]  # clients by the state of their link
    waiting: int  # requests in queues
    series: dict[str, Any]  # columns of the time series, the warm-up left out
    queue_s: Any  # mean wait of the requests served in each sample; 0 where none was


def look(shard: Shard) -> Look:
    """Return what a whole world is now; it stays as it is."""
    world = shard.world
    control = world.control[0]
    over = slice(1, int(control.sample_index))
    series = world.series.reshape(len(world.config), -1, counters.COLUMNS)[:, over].sum(axis=0)
    columns = {one.column: series[:, k] for k, one in enumerate(counters.COUNTERS)}
    return Look(
        (int(control.now) - int(world.config[0].measure_from)) / 1e9,
        int(control.events),
        links(world),
        int(world.servers["waiting"].sum()),
        columns,
        sums.values(world.queueing[over]) / 1e9 / np.maximum(columns["requests_served"], 1),
    )


def simulate(
    scenario: Scenario,
    replication: int,
    keep_journal: bool,
    on_progress: Callable[[float], None],
    watcher: Watcher,
) -> Tally:
    """Run one replication of a scenario as one shard, in this process, and let it be watched."""
    started_s = time.process_time()
    shard = Shard(scenario, replication, keep_journal=keep_journal)
    for share in _slices(shard):
        on_progress(share)
        watcher(shard)
    tally = conserved(scenario, shard.tally())
    tally.cpu_s = time.process_time() - started_s
    return tally


def _slices(shard: Shard) -> Iterator[float]:
    """Run to the end in slices of about SLICE_S; after each but the last, yield the share of the time done."""
    horizon, length = 0, max(1, shard.end // SLICES)
    while horizon < shard.end:
        began_s = time.perf_counter()
        horizon = min(max(horizon, shard.next_time) + length, shard.end)
        shard.run(horizon)
        if horizon < shard.end:
            yield horizon / shard.end
        spent_s = max(1e-6, time.perf_counter() - began_s)
        length = max(1, round(length * min(2.0, max(0.5, SLICE_S / spent_s))))
