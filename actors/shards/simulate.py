"""A whole world in this process, as one shard."""

import time
from pathlib import Path

from ..setup.scenario import Scenario
from .checkpoints import Checkpoints, load, save
from .shard import Shard
from .tally import Tally, conserved

# A world with checkpoints runs in slices of about so much wall time; the first is this part of its duration.
SLICE_S = 0.5
FIRST_SLICES = 1000


def simulate(
    scenario: Scenario,
    replication: int = 0,
    keep_journal: bool = False,
    checkpoints: Checkpoints | None = None,
) -> Tally:
    """Run one replication of a scenario as one shard, in this process; with checkpoints, from the last one on."""
    started_s = time.process_time()
    shard = Shard(scenario, replication, keep_journal=keep_journal)
    if checkpoints is None:
        shard.run(shard.end)
    else:
        started_s = _run_in_slices(shard, checkpoints, started_s)
    tally = conserved(scenario, shard.tally())
    tally.cpu_s = time.process_time() - started_s
    return tally


def _run_in_slices(shard: Shard, checkpoints: Checkpoints, started_s: float) -> float:
    """Run to the end, with a checkpoint whenever one is due.

    `started_s` is the process's CPU time at the start; returned as if all had been done in this process.
    """
    if saved := checkpoints.restore(lambda folder, seals: load(folder, 0, seals)):
        numbers, tables = saved
        shard.restore(tables)
        started_s -= numbers["cpu_s"]

    def write_parts(folder: Path) -> list[bytes]:
        return [save(folder, 0, shard.world, {"cpu_s": time.process_time() - started_s})]

    aim_s = min(SLICE_S, checkpoints.every_s)
    slice_ns = max(1, shard.end // FIRST_SLICES)
    horizon = 0
    while horizon < shard.end:
        begun_s = time.monotonic()
        horizon = min(max(horizon, shard.next_time) + slice_ns, shard.end)
        shard.run(horizon)
        if aim_s > 0:
            slice_ns = max(1, int(slice_ns * min(2.0, max(0.5, aim_s / (time.monotonic() - begun_s)))))
        if horizon < shard.end and checkpoints.is_due():
            checkpoints.save(write_parts)
    return started_s
