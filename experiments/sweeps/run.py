"""Running a sweep: the worlds that are left go to the runner in chunks; each result is kept at once."""

import itertools
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from typing import TYPE_CHECKING, NamedTuple

from meterstorm.actors.cluster.cpus import cpus
from meterstorm.actors.cluster.placement import room_for
from meterstorm.actors.cluster.room import Room
from meterstorm.actors.cluster.workers import spread
from meterstorm.actors.setup.origin import CODE, Origin, check, of_world

from ..analysis.stopping import parse_goal_of_all
from ..runs.table import batch, kind_of, schema
from ..scenario import ScenarioError, versions
from ..scenario.files import varied
from . import store
from .chunks import Chunk, Common, Done, WorldKey, row_of, run_chunk
from .options import SweepOptions
from .points import Plan, typical
from .pool import Lost, Pool
from .seen import Seen

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

CHUNK_S = 0.3  # a chunk's work: far more than handing it over costs, and little to lose
CHUNK_MAX = 1000  # worlds
HERE_S = 2.0  # of work, before processes are started to share the rest: they take as long to start

Answer = tuple[Chunk, Done | Lost]


class Outcome(NamedTuple):
    """How far a sweep came."""

    worlds: int  # that were wanted
    done: int  # of those, those that have a row
    interrupted: bool
    wall_s: float
    unmet: list[str]  # which intervals are not as narrow as asked, in words


class Pace:
    """How many worlds make a chunk, learned from those that were run."""

    def __init__(self) -> None:
        self.size = 1

    def learn(self, worlds: int, wall_s: float) -> None:
        """Size the next chunk by the last one; at most double it at a time."""
        fitting = int(CHUNK_S * worlds / wall_s) if wall_s > 0 else CHUNK_MAX
        self.size = max(1, min(fitting, 2 * self.size, CHUNK_MAX))


def count_of(plan: Plan) -> int:
    """Return how many worlds a sweep has."""
    return len(plan.points) * len(versions(plan.base)) * plan.base.run.replications


def common_of(plan: Plan, options: SweepOptions) -> Common:
    """Return what all chunks of a sweep share."""
    names = tuple((version.case, version.arm) for version in versions(plan.base))
    return Common(plan.base, columns_of(plan), names, options.world_limit_s)


def columns_of(plan: Plan) -> "pa.Schema":
    """Return the columns of a sweep's rows."""
    return schema({axis.key: kind_of(axis.values or [axis.at(0.0)]) for axis in plan.axes})


def run_sweep(
    plan: Plan, options: SweepOptions, folder: "Path", on_progress: Callable[[float], None] = lambda done: None
) -> Outcome:
    """Run the worlds that have no row in a folder yet, or have failed, and append their rows to it.

    An interrupt ends it early, and so does a world that fails if the options say so. Raises OSError for the
    folder; ClusterError, OriginError and PoolError for whoever runs the worlds.
    """
    began_s, common, origin = time.monotonic(), common_of(plan, options), origin_of(plan)
    store.mend(folder)
    seen = seen_in(folder, plan, options)
    interrupted = False
    with store.Writer(folder, common.columns) as writer:
        try:
            for rows in _new_rows(plan, options, common, origin, seen, on_progress):
                writer.append(rows)
                seen.add(rows)
                if options.fail_fast and rows["error"].null_count < rows.num_rows:
                    break
        except KeyboardInterrupt:
            interrupted = True
    return Outcome(seen.worlds, seen.rows, interrupted, time.monotonic() - began_s, seen.unmet())


def origin_of(plan: Plan) -> Origin:
    """Return what a sweep's worlds come from, as this process has it. Numbers name no file: few points matter."""
    found, named = dict(CODE), set()
    for point in plan.points:
        words = repr([item for item in point.settings.items() if not isinstance(item[1], int | float)])
        if words not in named:
            with suppress(ScenarioError, OSError):  # a point that cannot be; its world's row will say so
                for version in varied(plan.base, point.settings):
                    found |= of_world(version.scenario)
                named.add(words)
    return found


def seen_in(folder: "Path", plan: Plan, options: SweepOptions) -> Seen:
    """Return what the rows in a folder say."""
    seen = Seen(plan, [parse_goal_of_all(text) for text in options.until], options.at_most)
    for rows in store.read(folder):
        seen.add(rows)
    return seen


def _new_rows(
    plan: Plan,
    options: SweepOptions,
    common: Common,
    origin: Origin,
    seen: Seen,
    on_progress: Callable[[float], None],
) -> "Iterator[pa.RecordBatch]":
    """Run the worlds that are left, and yield their rows."""
    total, count = count_of(plan), len(seen.done)
    on_progress(count * total / seen.worlds)
    for worlds in seen.batches():
        left = seen.worlds - count
        with closing(_answers(_Source(plan, worlds), common, options, origin, left)) as answers:
            for chunk, answer in answers:
                yield _rows(common, chunk, answer)
                count += len(chunk.worlds)
                on_progress(count * total / seen.worlds)


class _Source:
    """The worlds that are left, as chunks whose size follows the pace."""

    def __init__(self, plan: Plan, worlds: Iterable[WorldKey]) -> None:
        self.plan = plan
        self._settings = {point.number: point.settings for point in plan.points}
        self._worlds, self.pace = iter(worlds), Pace()

    def __iter__(self) -> Iterator[Chunk]:
        return self

    def __next__(self) -> Chunk:
        worlds = tuple(itertools.islice(self._worlds, self.pace.size))
        if not worlds:
            raise StopIteration
        return Chunk(worlds, {world.point: self._settings[world.point] for world in worlds})


def _answers(
    source: _Source, common: Common, options: SweepOptions, origin: Origin, left: int
) -> Generator[Answer]:
    """Run every chunk, in any order, and learn from each how large the next should be.

    Raises OriginError for one that comes from other code or files than `origin`.
    """
    for chunk, answer, whose in _run(source, common, options, left):
        if isinstance(answer, Done):
            check(answer.origin, {name: origin.get(name, "") for name in {*CODE, *answer.origin}}, whose)
            source.pace.learn(len(chunk.worlds), answer.wall_s)
        yield chunk, answer


def _run(
    source: _Source, common: Common, options: SweepOptions, left: int
) -> Iterator[tuple[Chunk, Done | Lost, str]]:
    """Yield each chunk with its answer, and whose answer it is."""
    if options.ray_address is not None:
        yield from _on_cluster(source, common, options)
        return
    spent_s = 0.0
    for number, chunk in enumerate(source) if not options.workers else ():
        answer = run_chunk(common, chunk)
        yield chunk, answer, "this process"
        spent_s += answer.wall_s if number > 0 else 0.0  # the first loads the engine
        left -= len(chunk.worlds)
        if options.workers is None and spent_s > HERE_S:
            break
    with Pool(min(options.workers or cpus(), max(left, 1)), common) as pool:
        for chunk, found in pool.run(source):
            yield chunk, found, "a worker process"


def _on_cluster(
    source: _Source, common: Common, options: SweepOptions
) -> Iterator[tuple[Chunk, Done | Lost, str]]:
    given: list[Chunk] = []

    def jobs() -> Iterator[tuple[Common, Chunk]]:
        for chunk in source:
            given.append(chunk)
            yield common, chunk

    worlds = [version.scenario for version in typical(source.plan)]
    room = room_for(worlds, Room(resources=options.ray_resources), 1)
    for number, node, answer in spread(run_chunk, jobs(), options.workers, options.ray_address, room=room):
        yield given[number], answer, node


def _rows(common: Common, chunk: Chunk, answer: Done | Lost) -> "pa.RecordBatch":
    if isinstance(answer, Lost):
        lost = [row_of(common, world, chunk.settings[world.point]) for world in chunk.worlds]
        return batch([row._replace(error=answer.reason) for row in lost], common.columns)
    from pyarrow import ipc

    return ipc.read_record_batch(answer.rows, common.columns)


def one_world_s(plan: Plan, options: SweepOptions) -> float:
    """Return the seconds that the first world takes, once the engine is loaded."""
    common, first = common_of(plan, options), WorldKey(plan.points[0].number, 0, plan.base.run.first_replication)
    chunk = Chunk((first,), {first.point: plan.points[first.point].settings})
    run_chunk(common, chunk)
    return run_chunk(common, chunk).wall_s
