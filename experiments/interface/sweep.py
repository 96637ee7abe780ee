"""A sweep as a value: its scenario, its points, and what they give.

Sweeps share no state and do not need the main thread, so scripts, notebooks and Ray tasks can all run them.
"""

import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..reports.sweep import finish
from ..runs.begun import Begun, begin, reopen
from ..runs.folder import SWEEP, on_disk, refusal, unfinished
from ..runs.inputs import Input
from ..runs.table import without_costs
from ..runs.worlds import Worlds
from ..scenario import Scenario, each_once, load, to_toml
from ..scenario.axes import refuse_both, with_axes
from ..scenario.files import changed
from ..scenario.values import DesignName
from ..sweeps import results
from ..sweeps.options import SweepOptions
from ..sweeps.points import Plan, check, plan
from ..sweeps.run import run_sweep

if TYPE_CHECKING:
    import pyarrow as pa

Progress = Callable[[float], None]  # told the number of worlds that are done

NOTHING: Mapping[str, Any] = MappingProxyType({})


class SweepResults(Worlds):
    """A sweep's results: a row for each world, in the order of the points, whichever process ran them."""

    def __init__(self, plan: Plan, table: "pa.Table", interrupted: bool = False) -> None:
        self._plan, self._table = plan, without_costs(table)
        self.interrupted = interrupted

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """Return what the folder of a sweep has so far; raises OSError, ValueError and ScenarioError."""
        return cls(*results.read(Path(folder)), interrupted=unfinished(Path(folder)) is not None)

    @property
    def axes(self) -> tuple[str, ...]:
        """The keys that were varied, each a column of the table."""
        return tuple(axis.key for axis in self._plan.axes)

    @property
    def points(self) -> list[dict[str, Any]]:
        """What each point sets, by its number."""
        return [dict(point.settings) for point in self._plan.points]

    @property
    def failures(self) -> list[dict[str, Any]]:
        """The worlds that have failed: point, case, arm, replication, and why (`error`)."""
        return list(results.failures(self._table))

    @property
    def digest(self) -> str:
        """One digest for everything that happened in all worlds."""
        return results.digest(self._table)

    def to_arrow(self) -> "pa.Table":
        """Return a row for each world, with the columns of metrics.parquet."""
        return self._table


class Sweep:
    """A scenario at many points."""

    def __init__(
        self,
        scenario: Scenario | str | Path,
        vary: Mapping[str, Any] = NOTHING,
        *,
        overrides: Mapping[str, Any] = NOTHING,
        arms: Collection[str] | None = None,
        design: DesignName | None = None,
        samples: int | None = None,
        replications: int | None = None,
        seed: int | None = None,
    ) -> None:
        """Plan a sweep of a scenario: a value, a file, or the name of one that is built in.

        `vary` has for each key what it takes, as [sweep] of a file has it: values, or "low:high:n",
        "low:high:log n", and "low:high" where the `design` draws `samples` points. Without it the scenario's own
        axes are varied. `overrides` are set in all points; `arms` are the names of those to keep, None for all.
        Paths of policies and traces start from the folder of the file, or, for a value, from the current one.

        Raises ScenarioError with everything that is wrong.
        """
        given = {
            "sweep.design": design,
            "sweep.samples": samples,
            "run.replications": replications,
            "run.seed": seed,
        }
        settings = [*overrides.items(), *((key, value) for key, value in given.items() if value is not None)]
        wanted = with_axes(each_once(settings), {key: _values(takes) for key, takes in vary.items()})
        if isinstance(scenario, Scenario):
            self.scenario, self._name = changed(scenario, wanted, arms), SWEEP
        else:
            self.scenario, self._name = load(scenario, wanted, arms), Path(scenario).stem
        refuse_both(self.scenario.sweep, wanted)
        self._plan = plan(self.scenario)
        check(self._plan)

    @property
    def points(self) -> list[dict[str, Any]]:
        """What each point sets, by its number."""
        return [dict(point.settings) for point in self._plan.points]

    def run(
        self,
        workers: int | None = None,
        out: str | Path | None = None,
        ray_address: str | None = None,
        world_limit_s: float | None = None,
        on_progress: Progress | None = None,
    ) -> SweepResults:
        """Run every world and return what they gave; an interrupt keeps what is done.

        `workers` are processes that run worlds: 0 for none but this one, None for one on each core if that pays.
        `ray_address` is that of a Ray cluster that runs them instead, as in `run`. A world that takes longer than
        `world_limit_s` has failed; `on_progress` is told how many are done.

        `out` is a folder for the files of `meterstorm sweep`. What is done is kept there at once: run again, the
        same sweep goes on where it was ended, and tries again what has failed. Without it nothing is left on disk.
        `write_report` makes a page of it.

        Raises ValueError for a URL, or a folder that has something else, CheckpointError for one that another
        process is at or another version began, OSError, and PoolError and ClusterError for whoever runs the
        worlds.
        """
        place = None if out is None else on_disk(out)
        options = SweepOptions(self._name, workers, ray_address, world_limit_s)
        told = on_progress or (lambda done: None)
        files = check(self._plan)  # one that is not there leaves no folder behind
        if place is None:
            with tempfile.TemporaryDirectory(prefix="meterstorm-") as folder:
                outcome = run_sweep(self._plan, options, Path(folder), told)
                table = results.collect(self._plan, Path(folder))
            return SweepResults(self._plan, table, outcome.interrupted)
        begun = self._begun(place, options, files)
        with begun.lock:
            outcome = run_sweep(self._plan, options, begun.checkpoints, told)
            table, _ = finish(begun, self._plan, outcome, files)
        return SweepResults(self._plan, table, outcome.interrupted)

    def _begun(self, folder: Path, options: SweepOptions, files: Sequence[Input]) -> Begun[Path]:
        """Begin in a folder, or go on with what it has of this sweep."""
        if unfinished(folder) != SWEEP:
            if refusal(folder, force=False):
                words = "SweepResults.read() reads that of a finished sweep; else name a new or an empty folder"
                raise ValueError(f"{folder}: not empty, and without an unfinished sweep; {words}")
            return begin(SWEEP, folder, self.scenario, files, options._asdict(), force=False)
        begun = reopen(SWEEP, folder)
        if to_toml(begun.scenario) != to_toml(self.scenario):
            begun.lock.close()
            raise ValueError(f"{folder}: has another sweep, unfinished; name a new or an empty folder")
        return begun


def _values(takes: Any) -> Any:
    """Return what a key takes as a file would have it: numpy's numbers are Python's."""
    if isinstance(takes, str | Mapping) or not isinstance(takes, Iterable):
        return takes
    return [value.item() if isinstance(value, np.generic) else value for value in takes]
