"""How fast a sweep of small worlds is: worlds a second on one and more workers, and where a world's time goes."""

import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from meterstorm.actors.shards.shard import Shard
from rich.console import Console
from rich.table import Table

from ..metrics.metrics import metrics
from ..runs.identity import world_of
from ..runs.table import Row, batch
from ..scenario.files import validate, varied
from ..sweeps import results
from ..sweeps.options import SweepOptions
from ..sweeps.points import Plan, plan
from ..sweeps.run import columns_of, count_of, run_sweep
from .engine import simulated_s
from .peers import TIMEOUT_S, meterstorm_timeouts

CLIENTS = 1_000
SAMPLE_S = 60.0  # as scenarios have, which matters for metrics


class DigestsDiffer(Exception):
    """A sweep gave something else on some workers than on others: a defect of the engine."""


@dataclass(frozen=True)
class Pace:
    """A sweep on workers: seconds to its first world, and worlds a second from then on."""

    workers: int
    first_s: float
    rate: float


def worlds(count: int, events: int) -> Plan:
    """Return a sweep of `count` points, each a world of about `events` events with its own seed."""
    seconds = simulated_s(CLIENTS, events)
    base = meterstorm_timeouts.scenario(
        CLIENTS, seconds, 1, TIMEOUT_S, {"run": {"duration_s": seconds, "warmup_s": 0.0, "sample_s": SAMPLE_S}}
    )
    return plan(validate(base.model_dump() | {"sweep": {"vary": {"run.seed": f"1:{count}:{count}"}}}))


def paces(
    made: Plan, workers: Sequence[int], on_progress: Callable[[float], None] = lambda done: None
) -> list[Pace]:
    """Run a sweep on each number of workers, from start to end; raises DigestsDiffer.

    `on_progress` is told how many worlds are done, of all.
    """
    found, digests = [], set()
    for turn, number in enumerate(workers):
        with tempfile.TemporaryDirectory(prefix="meterstorm-bench-") as name:
            found.append(_pace(made, number, Path(name), _added_to(turn * count_of(made), on_progress)))
            digests.add(results.digest(results.collect(made, Path(name))))
    if len(digests) > 1:
        raise DigestsDiffer(f"the digest of a sweep on {', '.join(map(str, workers))} workers: {sorted(digests)}")
    return found


def _pace(made: Plan, workers: int, folder: Path, on_progress: Callable[[float], None]) -> Pace:
    times: list[tuple[float, float]] = []  # when, and how many worlds were done by then

    def tell(done: float) -> None:
        times.append((time.perf_counter(), done))
        on_progress(done)

    run_sweep(made, SweepOptions(workers=workers), folder, tell)
    (began_s, _), (first_s, first), *_, (end_s, end) = times
    return Pace(workers, first_s - began_s, (end - first) / (end_s - first_s))


def _added_to(done: int, on_progress: Callable[[float], None]) -> Callable[[float], None]:
    return lambda more: on_progress(done + more)


def parts(made: Plan) -> dict[str, float]:
    """Return the mean wall time (s) of a world's parts, one after the other, in this process."""
    spent: dict[str, float] = {}
    columns = columns_of(made)
    for point in [made.points[0], *made.points]:
        if point is made.points[0]:
            spent.clear()  # the first time loads the engine
        with _timed(spent, "checking"):
            (version,) = varied(made.base, point.settings)
            world = world_of(version.scenario)
        with _timed(spent, "building"):
            shard = Shard(version.scenario)
        with _timed(spent, "simulating"):
            shard.run(shard.end)
        with _timed(spent, "metrics"):
            tally = shard.tally()
            values = metrics(version.scenario, tally)
        with _timed(spent, "rows"):
            row = Row(point.number, point.settings, None, None, 0, 1, world, f"{tally.digest:016x}", values)
            batch([row], columns).serialize()
    return {name: seconds / len(made.points) for name, seconds in spent.items()}


@contextmanager
def _timed(spent: dict[str, float], name: str) -> Iterator[None]:
    began_s = time.perf_counter()
    yield
    spent[name] = spent.get(name, 0.0) + time.perf_counter() - began_s


def peak_memory_bytes() -> int:
    """Return the peak resident set of this process: before it runs worlds itself, what handing them out takes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def show(console: Console, found: Sequence[Pace], spent: dict[str, float]) -> None:
    """Print a row for each number of workers, and where the time of a world goes."""
    table = Table("workers", "first world, s", "worlds/s", "worlds/s of a worker", "efficiency")
    for pace in found:
        efficiency = pace.rate / pace.workers / (found[0].rate / found[0].workers)
        cells = f"{pace.first_s:.2f}", f"{pace.rate:.3g}", f"{pace.rate / pace.workers:.3g}", f"{efficiency:.2f}"
        table.add_row(str(pace.workers), *cells)
    console.print(table)
    total_s = sum(spent.values())
    shares = ", ".join(f"{seconds / total_s:.0%} {name}" for name, seconds in spent.items())
    console.print(f"a world by itself: {1000 * total_s:.3g} ms; {shares}")
