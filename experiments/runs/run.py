"""Running a scenario: every arm in every case, replicated, in this process, on Ray workers, or on Ray shards."""

import resource
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from meterstorm.actors import cluster
from meterstorm.actors.checkpoint import Checkpoints
from meterstorm.actors.ray_start import start_ray
from meterstorm.actors.shard import Tally, simulate

from ..metrics.metrics import metrics
from ..scenario import Scenario, versions
from .results import Replication, Results, VersionResult
from .sharding import RAY_PAYS_FROM_S

if TYPE_CHECKING:
    from .unfinished import UnfinishedRun

# A version's first world may take so much longer than its others: it loads the engine and compiles policies.
LOADING_S = 3.0

Progress = Callable[[float], None]  # told the number of replications done, fractions included


def run(
    scenario: Scenario,
    *,
    shards: int = 1,
    workers: int | None = None,
    ray_address: str | None = None,
    placement: str = "pack",
    keep_journal: bool = False,
    on_progress: Progress = lambda done: None,
    unfinished: "UnfinishedRun | None" = None,
) -> Results:
    """Run all versions of a scenario and return what they gave; an interrupt keeps what is finished.

    `shards` > 1 runs every world on so many Ray actors. Else `workers` Ray workers run whole worlds in
    parallel; None lets the time of the first world decide, and 0 stays in this process. `keep_journal` keeps every
    event of every world, in memory. `unfinished` keeps checkpoints and what is finished on disk, and has what an
    earlier process has done of this run.

    `ray_address` (host:port, or "auto" for the one of this machine) is that of a Ray cluster to run on. There each
    shard has a CPU, by `placement` on few nodes ("pack"), on many ("spread") or on one each ("strict-spread"), and
    `workers` None means all CPUs. Without it a Ray of this process's own is started when it is needed.

    Raises ValueError for a policy that cannot be compiled, a trace that cannot be read, or what is no address;
    actors.shard.InvariantViolation; actors.ray_start.ClusterError, of which a lost process is
    actors.cluster.ShardLost; actors.transport.TransportError; actors.checkpoint.CheckpointError.
    """
    join(ray_address, shards, workers)
    results = Results(scenario, shards, [VersionResult(version) for version in versions(scenario)])
    began_s = unfinished.began_s if unfinished else time.time()
    before = unfinished.done if unfinished else {}
    for (version, _), replication in before.items():
        results.add(version, replication)
    jobs = [(v, r) for r in range(scenario.run.replications) for v in range(len(results.versions))]
    worlds = [
        World(v, r, results.versions[v].version.scenario, keep_journal) for v, r in jobs if (v, r) not in before
    ]
    if unfinished:
        worlds = [world._replace(checkpoints=unfinished.world(world.version, world.number)) for world in worlds]
    try:
        steps = (
            _on_shards(worlds, shards, ray_address, placement, lambda done: on_progress(len(before) + done))
            if shards > 1
            else _in_parallel(worlds, len(results.versions), workers, ray_address)
        )
        for done, (world, replication) in enumerate(steps, len(before) + 1):
            if unfinished:
                unfinished.keep(world.version, replication)
            results.add(world.version, replication)
            on_progress(done)
    except KeyboardInterrupt:
        results.interrupted = True
    results.wall_s = time.time() - began_s
    return results


def join(ray_address: str | None, shards: int, workers: int | None) -> None:
    """Connect to the Ray cluster that a run is to use, if any; `run` does it, too, and raises the same."""
    if ray_address is None:
        return
    if shards == 1 and workers == 0:
        raise ValueError(f"{ray_address}: nothing would run there; give it shards > 1, or workers other than 0")
    start_ray(1, ray_address)


def run_world(
    scenario: Scenario, replication: int, keep_journal: bool = False, checkpoints: Checkpoints | None = None
) -> Replication:
    """Run one replication of one version, as one shard in this process."""
    return _replication(scenario, replication, simulate(scenario, replication, keep_journal, checkpoints))


def _replication(scenario: Scenario, number: int, tally: Tally) -> Replication:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    values = metrics(scenario, tally)
    return Replication(
        number,
        tally.digest,
        values,
        tally.events,
        tally.cpu_s,
        memory,
        tally.series,
        tally.servers,
        tally.journal,
        tally.pace,
    )


class World(NamedTuple):
    """One replication of one version, still to be run."""

    version: int
    number: int
    scenario: Scenario
    keep_journal: bool
    checkpoints: Checkpoints | None = None

    @property
    def job(self) -> tuple[Scenario, int, bool, Checkpoints | None]:
        """The arguments of `run_world`."""
        return self.scenario, self.number, self.keep_journal, self.checkpoints


Steps = Iterator[tuple[World, Replication]]


def _in_parallel(worlds: list[World], versions: int, workers: int | None, ray_address: str | None) -> Steps:
    """Run whole worlds: here, until it is clear that Ray workers pay, or at once on workers if asked to."""
    spent, here = 0.0, 0
    if workers == 0 or (workers is None and ray_address is None):
        for world in worlds:
            started = time.perf_counter()
            yield world, run_world(*world.job)
            once_s = LOADING_S if here < versions else 0.0
            spent += max(0.0, time.perf_counter() - started - once_s)
            here += 1
            if workers is None and spent / here * (len(worlds) - here) > RAY_PAYS_FROM_S:
                break
    rest = worlds[here:]
    if rest:
        for index, replication in cluster.spread(run_world, [world.job for world in rest], workers, ray_address):
            yield rest[index], replication


def _on_shards(
    worlds: list[World], shards: int, ray_address: str | None, placement: str, on_progress: Progress
) -> Steps:
    with cluster.ShardSet(shards, ray_address, placement) as shard_set:
        for done, world in enumerate(worlds):
            scenario, number, keep_journal, checkpoints = world.job
            report = _added_to(done, on_progress)
            tally = shard_set.simulate(scenario, number, report, keep_journal, checkpoints)
            yield world, _replication(scenario, number, tally)


def _added_to(done: int, on_progress: Progress) -> Progress:
    return lambda share: on_progress(done + share)


def check_shards(
    results: Results,
    shards: int,
    on_progress: Progress = lambda done: None,
    *,
    ray_address: str | None = None,
    placement: str = "pack",
) -> list[str]:
    """Run the first replication of every version again on shards; return where the digest differs."""
    different = []
    with cluster.ShardSet(shards, ray_address, placement) as shard_set:
        for done, result in enumerate(results.versions, 1):
            if result.replications:
                first = result.replications[0]
                tally = shard_set.simulate(result.version.scenario, first.number)
                if tally.digest != first.digest:
                    name = " / ".join(filter(None, (result.version.case, result.version.arm))) or "the scenario"
                    different.append(f"{name}: {first.digest:016x} alone, {tally.digest:016x} on shards")
            on_progress(done)
    return different
