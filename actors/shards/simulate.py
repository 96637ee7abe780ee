"""A whole world in this process, as one shard."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..setup.scenario import Scenario
from .checkpoints import Checkpoints, load, save
from .shard import Shard
from .storage import Location
from .tally import Tally, conserved

# A world runs in slices of so much wall time: between two of them Python hears signals and tells how far it is.
SLICE_S = 0.2
# With checkpoints a slice is at most this part of the world's duration, too.
SLICES = 1000


def simulate(
    scenario: Scenario,
    replication: int = 0,
    keep_journal: bool = False,
    checkpoints: Checkpoints | None = None,
    on_progress: Callable[[float], None] = lambda share: None,
    watch: Callable[[Shard], None] = lambda shard: None,
) -> Tally:
    """Run one replication of a scenario as one shard, in this process; with checkpoints, from the last one on.

    `on_progress` is told the share of simulated time done; `watch` may look at the shard after each slice of it.
    """
    started_s = time.process_time()
    shard = Shard(scenario, replication, keep_journal=keep_journal)
    if checkpoints and (saved := checkpoints.restore(lambda folder, seals: load(folder, 0, seals))):
        numbers, tables = saved
        shard.restore(tables)
        started_s -= numbers["cpu_s"]  # as if this process had done it all

    def write_parts(folder: Location) -> list[bytes]:
        return [save(folder, 0, shard.world, {"cpu_s": time.process_time() - started_s})]

    for share in _slices(shard, checkpoints):
        on_progress(share)
        watch(shard)
        if checkpoints and checkpoints.is_due():
            checkpoints.save(write_parts)
    watch(shard)
    tally = conserved(scenario, shard.tally())
    tally.cpu_s = time.process_time() - started_s
    return tally


def _slices(shard: Shard, checkpoints: Checkpoints | None) -> Iterator[float]:
    """Run to the end; after each slice but the last, yield the share of simulated time done."""
    longest = max(1, shard.end // SLICES) if checkpoints else shard.end
    horizon = 0
    with _cut_every(min(SLICE_S, checkpoints.every_s or SLICE_S) if checkpoints else SLICE_S, shard):
        while horizon < shard.end:
            horizon = min(max(horizon, shard.next_time) + longest, shard.end)
            shard.run(horizon)
            horizon = min(horizon, shard.next_time)  # it may have been cut short
            if horizon < shard.end:
                yield horizon / shard.end


@contextmanager
def _cut_every(seconds: float, shard: Shard) -> Iterator[None]:
    """Have another thread cut the shard's runs short this often: compiled code lets it run."""
    over = threading.Event()

    def cut() -> None:
        while not over.wait(seconds):
            shard.cut()

    thread = threading.Thread(target=cut, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
