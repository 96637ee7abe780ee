"""Running the benchmark: a sweep for each scenario, in a folder of its own, and their combined results.

Run again in the same folder, it resumes: finished sweeps are read, the others go on.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..reports.sweep import finish
from ..runs.begun import Begun, begin, reopen
from ..runs.folder import SUMMARY, SWEEP, unfinished
from ..runs.identity import world_of
from ..scenario import load, to_toml
from ..scenario.files import varied
from ..sweeps import results
from ..sweeps.options import SweepOptions
from ..sweeps.points import Plan, check
from ..sweeps.run import count_of, run_sweep
from . import contests
from .folder import STORM
from .roster import Roster

if TYPE_CHECKING:
    import pyarrow as pa

ANOTHER = "name a new or an empty folder, or replace what a benchmark left with --force"
Progress = Callable[[float], None]  # told how many worlds are done, of all


class Part(NamedTuple):
    """A scenario of the benchmark: its name, and the sweep that is run of it."""

    name: str
    plan: Plan


class Outcome(NamedTuple):
    """What the benchmark gave: rows of scores, worlds that have failed, and whether an interrupt ended it."""

    rows: list[dict[str, Any]]
    failures: list[str]
    interrupted: bool


def worlds(parts: Sequence[Part]) -> int:
    """Return how many worlds the benchmark has."""
    return sum(count_of(part.plan) for part in parts)


def refusal(parts: Sequence[Part], folder: Path) -> str | None:
    """Return why the benchmark cannot go on in a folder; None: it can. Raises OSError."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return None
    if not (folder / STORM).exists():
        return f"not empty, and not the folder of a storm benchmark; {ANOTHER}"
    known = [part for part in parts if (folder / part.name / "scenario.toml").exists()]
    return next((why for part in known if (why := _differs(part, folder / part.name))), None)


def _differs(part: Part, folder: Path) -> str | None:
    """Return why what a folder has is not of this sweep; None: it is."""
    if to_toml(load(folder / "scenario.toml")) != to_toml(part.plan.base):
        return f"has {part.name} with other settings or policies; {ANOTHER}"
    if unfinished(folder) is None and not _is_current(part.plan, results.read(folder)[1]):
        return f"has {part.name} of another version of the engine or of a policy; {ANOTHER}"
    return None


def _is_current(plan: Plan, table: "pa.Table") -> bool:
    """Whether a finished table holds the worlds that would be run now."""
    first = plan.points[0]
    now = {world_of(version.scenario) for version in varied(plan.base, first.settings)}
    return now <= set(table["world"].to_pylist())


def run(parts: Sequence[Part], roster: Roster, options: SweepOptions, folder: Path, tell: Progress) -> Outcome:
    """Run what is left of the benchmark in a folder; an interrupt keeps what is done.

    Raises OSError, CheckpointError for a part that another process is at or another version began, and PoolError
    and ClusterError for whoever runs the worlds.
    """
    rows: list[dict[str, Any]] = []
    failures: list[str] = []
    done = 0
    for part in parts:
        table, interrupted = _table(part, options, folder / part.name, _added(done, tell))
        rows += contests.rows_of(part.name, part.plan, table, roster.oracle.name)
        failures += _failures(part, table)
        if interrupted:
            return Outcome(rows, failures, True)
        done += count_of(part.plan)
    return Outcome(rows, failures, False)


def _added(done: int, tell: Progress) -> Progress:
    return lambda more: tell(done + more)


def _table(part: Part, options: SweepOptions, folder: Path, tell: Progress) -> "tuple[pa.Table, bool]":
    """Return the rows of a part, and whether it was interrupted; what is not done yet is run."""
    if (folder / SUMMARY).exists() and unfinished(folder) is None:
        return results.read(folder)[1], False
    begun = _begun(part.plan, options._replace(name=part.name), folder)
    with begun.lock:
        outcome = run_sweep(part.plan, options, begun.checkpoints, tell)
        table, _ = finish(begun, part.plan, outcome, check(part.plan))
    return table, outcome.interrupted


def _begun(plan: Plan, options: SweepOptions, folder: Path) -> Begun[Path]:
    if unfinished(folder) == SWEEP:
        return reopen(SWEEP, folder)
    folder.mkdir(parents=True, exist_ok=True)
    return begin(SWEEP, folder, plan.base, check(plan), options._replace(out=None)._asdict(), force=False)


def _failures(part: Part, table: "pa.Table") -> Iterator[str]:
    for row in results.failures(table):
        where = ", ".join(str(row[key]) for key in ("case", "arm") if row[key] is not None)
        yield f"{part.name}, {where}, point {row['point']}, replication {row['replication']}: {row['error']}"
