"""The steps of a tuning: its goal, its folder, its trials, and the best points."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..reports import sweep as report
from ..reports import tables
from ..reports.numbers import number
from ..reports.summary import to_json
from ..runs.begun import Begun
from ..runs.folder import TUNING
from ..runs.inputs import Input
from ..runs.table import VIOLATED
from ..runs.unfinished import default_folder
from ..scenario import Scenario, ScenarioError, counted, versions
from ..search import goals, tune
from ..search.extra import require
from ..search.space import Space, space_of
from ..sweeps import results
from ..sweeps.options import SweepOptions
from ..sweeps.points import check
from ..sweeps.run import Outcome
from .console import (
    FAILED_WORLDS,
    INTERRUPTED,
    INVARIANT,
    WRONG_INPUT,
    announce_compilation,
    fail,
    output,
    print_warning,
    progress,
)
from .sweeping import go_on, running_in, set_up, way_on

if TYPE_CHECKING:
    import pyarrow as pa

    from ..search.options import TuneOptions


class Task(NamedTuple):
    """A space, what is looked for in it, and the files that it names."""

    space: Space
    goal: tune.Goal
    inputs: list[Input]


def run(scenario: Scenario, options: "TuneOptions") -> None:
    """Tune a scenario from the beginning."""
    task = _task(scenario, options)
    goal = [*options.objectives, *options.constraints]
    folder = options.out or default_folder(f"{options.name}-{TUNING}", scenario, *goal)
    _finish(set_up(TUNING, folder, scenario, task.inputs, options), task, options)


def resume(folder: Path, as_json: bool) -> None:
    """Go on with the tuning in a folder."""
    from ..search.options import TuneOptions

    begun = go_on(TUNING, folder)
    options = TuneOptions(**begun.options)._replace(as_json=as_json)
    task = _task(begun.scenario, options)
    announce_compilation()
    _finish(begun, task, options)


def _task(scenario: Scenario, options: "TuneOptions") -> Task:
    try:
        found = goals.objectives(options.objectives), goals.constraints(options.constraints)
        require("Optuna", "tune")
        space = space_of(scenario)
        return Task(space, tune.Goal(*found, scenario.sweep.samples), check(space.ends))
    except (ScenarioError, ValueError) as error:
        fail(WRONG_INPUT, str(error))


def _finish(begun: Begun[Path], task: Task, options: "TuneOptions") -> None:
    """Make the trials that are left, judge the best points, write the folder, and print these."""
    folder, running, began_s = begun.folder, SweepOptions(workers=options.workers), time.monotonic()
    with begun.lock, running_in(folder):
        found = _search(begun, task, running)
        outcome = _judge(begun, found, running) if found.best else found.outcome
        table = results.collect(found.plan, begun.checkpoints)
        outcome = outcome._replace(wall_s=time.monotonic() - began_s)
        content = _summary(task.goal, found._replace(outcome=outcome), table, folder)
        report.write_folder(folder, found.plan, table, content, task.inputs)
        if not outcome.interrupted:
            results.forget(begun.checkpoints)
    if options.as_json:
        print(to_json(content))
    elif content["best"]:
        _show(task.goal, found, table, content, folder)
    if outcome.interrupted:
        fail(INTERRUPTED, f"interrupted; kept {counted(table.num_rows, 'world')}{way_on(folder)}")
    _tell_failures(content, [row["error"] for row in results.failures(table)])


def _search(begun: Begun[Path], task: Task, running: SweepOptions) -> tune.Found:
    base, trials = task.space.base, task.goal.trials
    total = trials * len(versions(base)) * base.run.replications
    try:
        with progress(counted(trials, "trial"), total) as advance:
            return tune.search(task.space, task.goal, running, begun.checkpoints, advance)
    except tune.ReplayError as error:
        fail(WRONG_INPUT, f"{begun.folder}: {error}; begin it anew")


def _judge(begun: Begun[Path], found: tune.Found, running: SweepOptions) -> Outcome:
    total = len(found.best) * len(versions(found.plan.base)) * len(tune.fresh(found.plan))
    title = f"{counted(len(found.best), 'best point')} once more"
    with progress(title, total) as advance:
        return tune.judge(found, running, begun.checkpoints, advance)


def _summary(goal: tune.Goal, found: tune.Found, table: "pa.Table", folder: Path) -> dict[str, Any]:
    """Return the content of summary.json: that of a sweep, and the best points."""
    source = str(folder / "scenario.toml")
    fresh = tune.fresh(found.plan)
    of_sweep = report.summary(found.plan, table, found.outcome, source)
    return of_sweep | {
        "worlds": table.num_rows,
        "objectives": [f"{one.metric}:{one.direction}" for one in goal.objectives],
        "constraints": [one.text for one in goal.constraints],
        "trials": found.trials,
        "failed_trials": found.failed,
        "feasible": found.is_feasible,
        "judged_by": {"first_replication": fresh.start, "replications": len(fresh)},
        "best": [_best(goal, found, table, point, source) for point in found.best],
    }


def _best(goal: tune.Goal, found: tune.Found, table: "pa.Table", point: int, source: str) -> dict[str, Any]:
    judged, fresh = _judged(found, table, [point]), tune.fresh(found.plan)
    rows = judged.to_pylist()
    again = {"point": point, "replication": fresh.start, "arm": rows[0]["arm"] if rows else None}
    failing = zip(goal.constraints, tune.violations(rows, goal.constraints), strict=True) if rows else ()
    return {
        "point": point,
        "settings": dict(found.plan.points[point].settings),
        "cases": [
            {"case": group.case, "metrics": {name: _estimate(group, name) for name in goal.metrics}}
            for group in report.groups(found.plan, judged, goal.metrics)
        ],
        "violated": [one.text for one, amount in failing if amount > 0],
        "command": report.command(found.plan, again, source, len(fresh)),
    }


def _judged(found: tune.Found, table: "pa.Table", points: "list[int] | tuple[int, ...]") -> "pa.Table":
    """Return the rows of the replications that judge points."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_fresh = pc.greater_equal(table["replication"], tune.fresh(found.plan).start)
    return table.filter(pc.and_(is_fresh, pc.is_in(table["point"], pa.array(points, pa.int32()))))


def _estimate(group: report.Group, name: str) -> dict[str, Any] | None:
    from ..metrics.intervals import estimate

    known = [value for row in group.values if (value := row[name]) is not None]
    return number(estimate(known)) if known else None


def _show(goal: tune.Goal, found: tune.Found, table: "pa.Table", content: dict[str, Any], folder: Path) -> None:
    """Print the best points with intervals, and the command that runs each."""
    console, fresh = output(), tune.fresh(found.plan)
    report.show_table(console, found.plan, _judged(found, table, found.best), goal.metrics)
    sought = ", ".join(content["objectives"])
    if goal.constraints:
        sought += f" where {' and '.join(content['constraints'])}"
    what = "best of" if found.is_feasible else "no trial keeps the constraints; this one comes nearest of"
    console.print(
        f"{what} {counted(found.trials, 'trial')} for {sought}; the numbers are of replications {fresh.start} to "
        f"{fresh.stop - 1}, which no trial has seen"
    )
    for best in content["best"]:
        if found.is_feasible and best["violated"]:
            console.print(f"point {best['point']}: in these, {' and '.join(best['violated'])} does not hold")
        console.print(f"point {best['point']}: {best['command']}")
    console.print(tables.closing(content, folder))


def _tell_failures(content: dict[str, Any], errors: list[str]) -> None:
    """Say why trials have failed; end the command if all have, or if it is a defect of ours."""
    trials = content["trials"]
    defect = next((error for error in errors if error.startswith(VIOLATED)), None)
    if defect:
        fail(INVARIANT, defect)
    why = errors[0] if errors else "an objective does not apply: it is null"
    if content["failed_trials"] == trials:
        fail(FAILED_WORLDS, f"all of {counted(trials, 'trial')} failed: {why}")
    if content["failed_trials"]:
        print_warning(f"{content['failed_trials']} of {counted(trials, 'trial')} failed: {why}")
