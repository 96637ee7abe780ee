"""A world that is watched while it runs: with a look at its tables between two slices of it in this process.

On the wall clock its processes look at themselves, and leave what they have seen (actors/wall/sights.py).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from meterstorm.actors.records import sums
from meterstorm.actors.shards.glance import Glance, glance, together
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.shards.tally import Tally, conserved
from meterstorm.actors.state import counters
from meterstorm.actors.wall.outcome import Measures
from meterstorm.actors.wall.sights import Sight

from ..scenario import Scenario, Version

SLICE_S = 0.1  # wall time between two times that a watcher is asked whether it wants to look
SLICES = 1000  # the first slice is the simulated time divided by this

See = Callable[[], "Look | None"]  # what a world is now; None: nobody knows yet
Watcher = Callable[[See], None]  # of one world: called as often as somebody may see it
Watch = Callable[[Version, int], Watcher]  # gives each replication of each version its watcher


class Look(NamedTuple):
    """What a world is at a moment, and what it has been in the samples that are over."""

    now_s: float  # from the end of the warm-up
    events: int
    links: dict[str, int]  # clients by the state of their link
    waiting: int  # requests in queues
    series: dict[str, Any]  # columns of the time series, the warm-up left out
    queue_s: Any  # mean wait of the requests served in each sample; 0 where none was
    wall: Measures | None = None  # of the wall clock, so far


def look(scenario: Scenario, parts: Sequence[Glance], wall: Measures | None = None) -> Look:
    """Return what a whole world is, given all of its parts."""
    found = together(parts)
    columns = {one.column: found.series[:, k] for k, one in enumerate(counters.COUNTERS)}
    return Look(
        found.now / 1e9 - scenario.run.warmup_s,
        found.events,
        found.links,
        found.waiting,
        columns,
        sums.values(found.queueing) / 1e9 / np.maximum(columns["requests_served"], 1),
        wall,
    )


def look_at_wall(scenario: Scenario, sights: Sequence[Sight]) -> Look | None:
    """Return what a world in real time is, given what its processes have left; None: not all have."""
    if not sights:
        return None
    run, nodes = scenario.run, tuple(one.measures for one in sights)
    measured = Measures(run.pace, run.duration_s / run.pace, nodes, scenario.servers.count, 0, 0.0)
    return look(scenario, [one.glance for one in sights], measured)


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
        watcher(lambda: look(scenario, [glance(shard.world)]))
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
