"""What shards gain: one world in this process and on Ray actors, in turns; and how fast idle shards exchange."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from meterstorm.actors.cluster.shard_set import ShardSet
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.shards.timing import ShardTiming

from ..scenario import Scenario
from .peers import TIMEOUT_S, meterstorm_storm, meterstorm_timeouts

# The storm of `bench engine`: every server is away, and clients fail over at once, forever. After a minute, which
# is the mean think time, most clients are retrying.
SECONDS = 120.0

# With this few clients, shards do little but exchange.
IDLE_CLIENTS, IDLE_SECONDS = 40, 10_000.0


class DigestsDiffer(Exception):
    """A world ended differently on shards than alone: a defect of the engine."""


@dataclass(frozen=True)
class Gain:
    """Medians of the wall time (s) that a world takes alone and on shards, once it is built."""

    alone_s: float
    shared_s: float
    timing: ShardTiming  # the shards' of the last repetition

    @property
    def speed_up(self) -> float:
        """How many times as fast on shards."""
        return self.alone_s / self.shared_s


def storm(clients: int, seconds: float = SECONDS) -> Scenario:
    """Return a storm that never ends."""
    return meterstorm_timeouts.scenario(clients, seconds, 1, TIMEOUT_S, meterstorm_storm.STORM)


def idle() -> Scenario:
    """Return a world with next to nothing to do."""
    return meterstorm_timeouts.scenario(IDLE_CLIENTS, IDLE_SECONDS, 1, TIMEOUT_S, {})


def gain(
    scenario: Scenario,
    shards: ShardSet,
    repetitions: int,
    on_progress: Callable[[float], None] = lambda done: None,
) -> Gain:
    """Run a scenario's first replication here and on shards, in turns; raises DigestsDiffer."""
    alone, shared = [], []
    for repetition in range(repetitions):
        spent_s, digest = _alone(scenario)
        alone.append(spent_s)
        tally = shards.simulate(scenario, 0)
        if tally.digest != digest:
            raise DigestsDiffer(
                f"{scenario.clients.count} clients: digest {digest:016x} alone, {tally.digest:016x} on shards"
            )
        assert tally.timing is not None  # there are several shards
        timing = tally.timing
        shared.append(timing.total_s / shards.shards)
        on_progress(repetition + 1)
    return Gain(median(alone), median(shared), timing)


def _alone(scenario: Scenario) -> tuple[float, Any]:
    shard = Shard(scenario)
    began_s = time.perf_counter()
    shard.run(shard.end)
    return time.perf_counter() - began_s, shard.tally().digest
