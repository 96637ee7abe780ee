"""Running a scenario: every arm in every case, replicated, in this process, on Ray workers, or on Ray shards."""

import hashlib
import os
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ..actors import cluster
from ..actors.checkpoint import Checkpoints
from ..actors.pace import Pace
from ..actors.ray_start import start_ray
from ..actors.shard import Tally, simulate
from .metrics import Value, metrics
from .scenario import Scenario, Version, versions

if TYPE_CHECKING:
    from .checkpoints import UnfinishedRun

# Starting Ray takes about five seconds, so workers must save more than that.
RAY_PAYS_FROM_S = 12.0

# A version's first world may take so much longer than its others: it loads the engine and compiles policies.
LOADING_S = 3.0

# `shards = "auto"`. Measured on 2 cores (`meterstorm bench shards`): an event takes about so long, and shards that
# handle fewer events between two exchanges spend more time on these than they save.
EVENT_S = 0.2e-6
EVENTS_PER_WINDOW = 500
EVENTS_PER_RUN = 7  # a launch, a request, its service, the answer, the end, the release, its service


@dataclass(frozen=True)
class Replication:
    """What one replication of one version gave."""

    number: int
    digest: int
    metrics: dict[str, Value]
    events: int
    cpu_s: float
    memory_bytes: int  # peak resident set of the process that ran it
    series: Any  # int64, shape (samples + 1, COLUMNS)
    servers: Any  # rows of world.SERVER
    journal: Any = None  # rows of world.JOURNAL, if one was kept
    pace: Pace | None = None  # if this process ran it on shards


@dataclass
class VersionResult:
    """The replications of one arm in one case, in order of their numbers."""

    version: Version
    replications: list[Replication] = field(default_factory=list)


@dataclass
class Results:
    """What a run gave: all versions in order; fewer replications than asked for when it was interrupted."""

    scenario: Scenario
    shards: int
    versions: list[VersionResult]
    wall_s: float = 0.0
    interrupted: bool = False

    def add(self, version: int, replication: Replication) -> None:
        """Put a replication in its place."""
        rows = self.versions[version].replications
        rows.append(replication)
        rows.sort(key=lambda row: row.number)


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


def choose_shards(scenario: Scenario) -> tuple[int, str]:
    """Return how many shards `shards = "auto"` means here, and why."""
    cores = os.cpu_count() or 1
    rate = _events_per_s(scenario)
    seconds = rate * (scenario.run.warmup_s + scenario.run.duration_s) * EVENT_S
    window_s = _window_s(scenario)
    per_window = rate * window_s
    made = versions(scenario)
    if any(version.scenario.network.latency_ms == 0 for version in made):
        return 1, "shards need network.latency_ms > 0"
    if scenario.run.replications * len(made) >= cores:
        return 1, "there are worlds enough to keep every core busy with one of its own"
    if seconds < RAY_PAYS_FROM_S:
        return 1, f"a world takes about {seconds:.1g} s: starting Ray would take as long"
    places = scenario.servers.sites if scenario.servers.sites > 1 else scenario.clients.count
    shards = min(cores, int(per_window / EVENTS_PER_WINDOW), places)
    if shards < 2:
        why = f"shards exchange messages every {1000 * window_s:g} ms of simulated time"
        return 1, f"{why}, in which about {per_window:.3g} events happen: too few to share"
    return shards, f"about {per_window:,.0f} events happen between two exchanges: enough for {shards} shards"


def _window_s(scenario: Scenario) -> float:
    """Return how much simulated time shards (of whole sites, if there are several) go on between two exchanges."""
    network, clients = scenario.network, scenario.clients
    if scenario.servers.sites == 1:
        return network.latency_ms * 1e-3
    if clients.failover_to == "any-site" or scenario.policies.intersite.name != "none":
        return network.wan_latency_ms * 1e-3
    return max(network.wan_latency_ms * 1e-3, (scenario.run.warmup_s + scenario.run.duration_s) / 1000)


def _events_per_s(scenario: Scenario) -> float:
    """Return about how many events happen in a simulated second, at the height of a storm if all servers fail."""
    clients, work = scenario.clients, scenario.workload
    between_s = work.launch_interval_s + (work.run_time_s if work.arrivals == "closed" else 0.0)
    calm = clients.count * clients.programs * EVENTS_PER_RUN / between_s
    all_fail = any(fault.servers == "all" and fault.kind not in {"slow", "loss"} for fault in scenario.faults)
    return max(calm, 2.0 * clients.count / clients.request_timeout_s if all_fail else 0.0)


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


def digest_of(parts: list[str]) -> str:
    """Return one digest for several, in order."""
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]
