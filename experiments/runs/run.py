"""Running a scenario: every arm in every case, replicated, in this process, on Ray workers, or on Ray shards."""

import resource
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from meterstorm.actors.cluster.connection import start_ray
from meterstorm.actors.cluster.gauges import Gauges
from meterstorm.actors.cluster.placement import room_for
from meterstorm.actors.cluster.room import CPU_WAIT_S, Room
from meterstorm.actors.cluster.shard_set import ShardSet
from meterstorm.actors.cluster.wall_set import WallSet
from meterstorm.actors.cluster.workers import spread
from meterstorm.actors.setup.origin import of_world
from meterstorm.actors.shards.checkpoints import Checkpoints
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.shards.tally import Tally
from meterstorm.actors.wall.sights import Sight

from ..metrics.groups import of_groups
from ..metrics.metrics import metrics
from ..metrics.wall import of_wall
from ..scenario import Scenario, Version, replications, versions
from . import until, watching
from .failures import ENVIRONMENT_FAILURES
from .identity import world_of
from .inputs import inputs
from .options import Options, of_simulated_time
from .results import Replication, Results, VersionResult
from .sharding import RAY_PAYS_FROM_S
from .warnings import fallen_behind, many_shards, warnings
from .watching import Watch, Watcher

if TYPE_CHECKING:
    from .unfinished import UnfinishedRun

# Extra time of a version's first world, which loads the engine and compiles policies.
LOADING_S = 3.0

Progress = Callable[[float], None]  # told the number of replications done, fractions included


def run(
    scenario: Scenario,
    *,
    shards: int = 1,
    workers: int | None = None,
    ray_address: str | None = None,
    placement: str = "pack",
    cpu_wait_s: float = CPU_WAIT_S,
    ray_resources: Mapping[str, float] | None = None,
    keep_journal: bool = False,
    on_progress: Progress = lambda done: None,
    unfinished: "UnfinishedRun | None" = None,
) -> Results:
    """Run all versions of a scenario and return what they gave; an interrupt keeps what is finished.

    `shards` > 1 runs every world on that number of Ray actors. Otherwise `workers` Ray workers run whole worlds in
    parallel; None lets the time of the first world decide, and 0 stays in this process. `keep_journal` keeps every
    event of every world, in memory; of a large world on shards, in a file. `unfinished` keeps checkpoints
    and what is finished on disk, and has what an earlier process has done of this run.

    `ray_address` (host:port, or "auto" for the one of this machine) is that of a Ray cluster to run on. There each
    shard has a CPU, by `placement` on few nodes ("pack"), on many ("spread") or on one each ("strict-spread"), for
    which it waits `cpu_wait_s` seconds; a run that goes on then shares those that are free. `workers` None means
    all CPUs. Each shard or worker takes of a node's memory what its worlds are estimated to need, and of
    `ray_resources`, custom ones of Ray's, the amounts given. Without an address a Ray of this process's own is
    started when it is needed.

    With `run.clock` "wall" worlds run in real time, one after the other, with `shards` processes for the clients;
    `workers`, `ray_address`, `keep_journal` and `unfinished` are then refused.

    Raises ValueError for an option that the clock does not have, a policy that cannot be compiled, a trace that
    cannot be read, or a malformed address; InvariantViolation (actors/engine/invariants.py); ClusterError
    (actors/cluster/connection.py), of which ShardLost is a lost process; OriginError (actors/setup/origin.py) for
    a node with other code or files, or for a file that has changed meanwhile; TransportError
    (actors/shards/transport/frames.py); CheckpointError (actors/shards/sealed.py).
    """
    if ray_resources and ray_address is None:
        raise ValueError(f"ray_resources={ray_resources!r}: only in a cluster; it needs ray_address")
    options = Options(
        shards=shards, workers=workers, ray_address=ray_address, placement=placement, cpu_wait_s=cpu_wait_s,
        ray_resources=ray_resources or {}, keep_journal=keep_journal,
    )  # fmt: skip
    results = run_as(options, scenario, on_progress, unfinished)
    if results.failure is not None:
        raise results.failure
    return results


def run_as(
    options: Options,
    scenario: Scenario,
    on_progress: Progress,
    unfinished: "UnfinishedRun | None" = None,
    watch: Watch | None = None,
) -> Results:
    """Do what `run` does, with the options of a command; worlds of this process may be watched as they run.

    A failure of Ray, a node, memory or the disk is not raised: the results have it, and what was finished before.
    """
    _check_clock(scenario, options, unfinished)
    until.check_groups(scenario, options.until)
    began_s = unfinished.began_s if unfinished else time.time()
    files = inputs(scenario)
    known = [
        VersionResult(version, world=world_of(version.scenario), origin=of_world(version.scenario))
        for version in versions(scenario)
    ]
    results = Results(scenario, options.shards, known, inputs=files)
    for (version, _), replication in (unfinished.done if unfinished else {}).items():
        results.add(version, replication)
    results.warnings = warnings(result.version.scenario for result in results.versions)
    if scenario.run.clock == "virtual":
        results.warnings += many_shards(options.shards)
    try:
        _run_left(results, options, on_progress, unfinished, watch)
        for longer in until.extensions(results, options):
            results.scenario = longer
            _run_left(results, options, _of_longer(longer, scenario, on_progress), None, watch)
        results.warnings += until.shortfalls(results, options)
        results.warnings += fallen_behind(results)
    except KeyboardInterrupt:
        results.interrupted = True
    except ENVIRONMENT_FAILURES as error:
        results.interrupted, results.failure = True, error
    results.wall_s = time.time() - began_s
    return results


def _check_clock(scenario: Scenario, options: Options, unfinished: "UnfinishedRun | None") -> None:
    """Raise ValueError for what was given and the wall clock does not have."""
    if scenario.run.clock == "virtual":
        return
    named = [f"{name}={value!r}" for name, value in of_simulated_time(options).items()]
    for given in named + ["unfinished"] * bool(unfinished):
        raise ValueError(f'{given}: not with run.clock = "wall"')


def _run_left(
    results: Results,
    options: Options,
    on_progress: Progress,
    unfinished: "UnfinishedRun | None",
    watch: Watch | None,
) -> None:
    """Run the replications that are wanted and not there."""
    have = {(v, row.number) for v, result in enumerate(results.versions) for row in result.replications}
    jobs = [job for job in _jobs(results, options) if (job.version, job.number) not in have]
    if not jobs:  # so that no cluster is needed
        return
    join(options)
    if watch:
        jobs = [job._replace(watcher=watch(results.versions[job.version].version, job.number)) for job in jobs]
    if unfinished:
        jobs = [job._replace(checkpoints=unfinished.world(job.version, job.number)) for job in jobs]
    goes_on = unfinished is not None and unfinished.goes_on
    with closing(_steps(jobs, options, goes_on, _added_to(len(have), on_progress))) as steps:
        for done, (job, replication, whose) in enumerate(steps, len(have) + 1):
            results.add(job.version, replication, whose)
            if unfinished:
                unfinished.keep(job.version, replication)
            on_progress(done)


def _of_longer(longer: Scenario, first: Scenario, on_progress: Progress) -> Progress:
    """Return what takes progress of a longer run and tells it as that of the first one."""
    share = first.run.replications / longer.run.replications
    return lambda done: on_progress(done * share)


def join(options: Options) -> None:
    """Connect to the Ray cluster that a run is to use, if any; `run` does it, too, and raises the same."""
    if options.ray_address is None:
        return
    if options.shards == 1 and options.workers == 0:
        raise ValueError(
            f"{options.ray_address}: nothing would run there; give it shards > 1, or workers other than 0"
        )
    start_ray(1, options.ray_address)


def run_world(
    scenario: Scenario,
    replication: int,
    keep_journal: bool = False,
    checkpoints: Checkpoints | None = None,
    watcher: Watcher | None = None,
    on_progress: Progress = lambda share: None,
) -> Replication:
    """Run one replication of one version, as one shard in this process; one that is watched has no checkpoints."""
    if watcher:
        tally = watching.simulate(scenario, replication, keep_journal, on_progress, watcher)
    else:
        tally = simulate(scenario, replication, keep_journal, checkpoints, on_progress)
    return _replication(scenario, replication, tally)


def run_on_worker(
    scenario: Scenario,
    replication: int,
    keep_journal: bool,
    checkpoints: Checkpoints | None,
    tags: Mapping[str, str] | None,
) -> Replication:
    """Do what `run_world` does, on a Ray worker, with gauges that have these tags."""
    tally = simulate(scenario, replication, keep_journal, checkpoints, watch=Gauges(tags).watch)
    return _replication(scenario, replication, tally)


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
        tally.queueing,
        tally.servers,
        tally.server_series,
        tally.faults,
        tally.journal,
        tally.timing,
        of_groups(scenario, tally),
        tally.origin or {},
    )


class Job(NamedTuple):
    """One replication of one version, still to be run."""

    version: int
    number: int
    scenario: Scenario
    keep_journal: bool
    tags: Mapping[str, str] | None = None  # of its gauges, on a cluster
    checkpoints: Checkpoints | None = None
    watcher: Watcher | None = None

    @property
    def arguments(self) -> tuple[Scenario, int, bool, Checkpoints | None, Watcher | None]:
        """The arguments of `run_world`."""
        return self.scenario, self.number, self.keep_journal, self.checkpoints, self.watcher

    @property
    def on_worker(self) -> tuple[Scenario, int, bool, Checkpoints | None, Mapping[str, str] | None]:
        """The arguments of `run_on_worker`."""
        return self.scenario, self.number, self.keep_journal, self.checkpoints, self.tags


def _jobs(results: Results, options: Options) -> list[Job]:
    """Return all jobs; every version's first replication comes before the second of any."""
    versions = [result.version for result in results.versions]
    return [
        Job(v, number, version.scenario, options.keep_journal, _tags(version, number, options))
        for number in replications(results.scenario.run)
        for v, version in enumerate(versions)
    ]


def _tags(version: Version, number: int, options: Options) -> dict[str, str] | None:
    """Return what the gauges of a world say it is; none on a Ray of one's own, which nobody looks at."""
    if options.ray_address is None:
        return None
    names = {"scenario": version.scenario.title, "case": version.case or "", "arm": version.arm or ""}
    return names | {"replication": str(number)}


Steps = Generator[tuple[Job, Replication, str]]  # the last says whose result it is


def _steps(jobs: list[Job], options: Options, goes_on: bool, on_progress: Progress) -> Steps:
    """Run the jobs, in any order, of a run that begins or goes on."""
    if jobs and jobs[0].scenario.run.clock == "wall":
        return _on_wall(jobs, options, on_progress)
    if options.shards > 1:
        return _on_shards(jobs, options, goes_on, on_progress)
    return _in_parallel(jobs, options, on_progress)


def _in_parallel(jobs: list[Job], options: Options, on_progress: Progress) -> Steps:
    """Run whole worlds: here, until it is clear that Ray workers pay, or at once on workers if asked to."""
    workers, versions_seen = options.workers, set[int]()
    spent, here = 0.0, 0
    if workers == 0 or (workers is None and options.ray_address is None):
        for job in jobs:
            started = time.perf_counter()
            yield job, run_world(*job.arguments, _added_to(here, on_progress)), "this process"
            loading_s = 0.0 if job.version in versions_seen else LOADING_S
            versions_seen.add(job.version)
            spent += max(0.0, time.perf_counter() - started - loading_s)
            here += 1
            if workers is None and spent / here * (len(jobs) - here) > RAY_PAYS_FROM_S:
                break
    rest = jobs[here:]
    if rest:
        arguments = [job.on_worker for job in rest]
        first = rest[0].checkpoints
        with first.probe() if first else nullcontext() as probe:
            room = room_for({job.version: job.scenario for job in rest}.values(), options.room, 1)
            answers = spread(run_on_worker, arguments, workers, options.ray_address, probe, room)
            for index, node, replication in answers:
                yield rest[index], replication, node


def _on_shards(jobs: list[Job], options: Options, goes_on: bool, on_progress: Progress) -> Steps:
    room = room_for({job.version: job.scenario for job in jobs}.values(), options.room, options.shards)
    with ShardSet(options.shards, options.ray_address, room, goes_on) as shard_set:
        for done, job in enumerate(jobs):
            report = _added_to(done, on_progress)
            tally = shard_set.simulate(
                job.scenario, job.number, report, job.keep_journal, job.checkpoints, job.tags, options.scratch
            )
            yield job, _replication(job.scenario, job.number, tally), "its shards"


def _on_wall(jobs: list[Job], options: Options, on_progress: Progress) -> Steps:
    """Run worlds in real time, one after the other, with `options.shards` processes for the clients."""
    wall_set = WallSet()
    for done, job in enumerate(jobs):
        report = _added_to(done, on_progress)
        tally, measures = wall_set.simulate(
            job.scenario, job.number, options.shards, job.scenario.run.pace, report, _on_sights(job)
        )
        found = _replication(job.scenario, job.number, tally)
        values = of_wall(found.metrics, measures)
        yield job, replace(found, metrics=values, wall=measures), "its nodes"


def _on_sights(job: Job) -> Callable[[Callable[[], list[Sight]]], None] | None:
    """Return what has a world's watcher look at what its processes leave, if it has one."""
    watcher = job.watcher
    if watcher is None:
        return None
    return lambda sights: watcher(lambda: watching.look_at_wall(job.scenario, sights()))


def _added_to(done: int, on_progress: Progress) -> Progress:
    return lambda share: on_progress(done + share)


def check_shards(
    results: Results,
    shards: int,
    on_progress: Progress = lambda done: None,
    *,
    ray_address: str | None = None,
    room: Room | None = None,
) -> list[str]:
    """Run the first replication of every version again on shards; return where the digest differs."""
    different = []
    room = room_for([result.version.scenario for result in results.versions], room or Room(), shards)
    with ShardSet(shards, ray_address, room) as shard_set:
        for done, result in enumerate(results.versions, 1):
            if result.replications:
                first = result.replications[0]
                tally = shard_set.simulate(result.version.scenario, first.number)
                if tally.digest != first.digest:
                    name = " / ".join(filter(None, (result.version.case, result.version.arm))) or "the scenario"
                    different.append(f"{name}: {first.digest:016x} alone, {tally.digest:016x} on shards")
            on_progress(done)
    return different
