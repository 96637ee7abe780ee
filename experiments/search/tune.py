"""Tuning: trials that Optuna asks for are points of a sweep, and the best are judged by replications of their own.

Optuna keeps nothing on disk. Told the same results, it asks for the same trials, so resuming a tuning replays it
and finds its worlds already done.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..metrics.metrics import Value
from ..scenario import replications
from ..sweeps.options import SweepOptions
from ..sweeps.points import Plan, Point
from ..sweeps.results import collect
from ..sweeps.run import Outcome, run_sweep
from .goals import DIRECTIONS, Comparison, Objective, mean
from .space import Space, suggested

if TYPE_CHECKING:
    import pyarrow as pa
    from optuna import Study, Trial

BATCH = 10  # trials asked for at a time, however many processes there are: the result must not depend on these
FRESH_MIN = 10  # replications that judge a point: fewer would say little about an interval

Progress = Callable[[float], None]  # told how many worlds are done


class Goal(NamedTuple):
    """What is best, what must hold, and how many trials are made."""

    objectives: tuple[Objective, ...]
    constraints: tuple[Comparison, ...]
    trials: int

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that the goal names, each once."""
        names = [one.metric for one in self.objectives] + [one.metric for one in self.constraints]
        return tuple(dict.fromkeys(names))


class Score(NamedTuple):
    """What a point came to."""

    values: tuple[float, ...]  # of the objectives
    violations: tuple[float, ...]  # of the constraints; 0 or less: it holds


class Found(NamedTuple):
    """What the trials have found: the best points, in order; no constraint holds at them if not `is_feasible`."""

    plan: Plan
    best: tuple[int, ...]
    is_feasible: bool
    trials: int
    failed: int  # trials without a score
    outcome: Outcome


class ReplayError(Exception):
    """A folder holds other trials than those that Optuna asks for."""


def search(space: Space, goal: Goal, options: SweepOptions, folder: Path, on_progress: Progress) -> Found:
    """Run the trials whose worlds a folder does not have yet; return what is best of all.

    An interrupt ends it early: then the outcome says so. Raises ReplayError, and what `run_sweep` raises.
    """
    study = _study(goal, space.base.run.seed)
    points: dict[str, Point] = {}
    asked: list[tuple[Trial, Point]] = []
    while True:
        batch = [_ask(study, space, points) for _ in range(min(BATCH, goal.trials - len(asked)))]
        asked += batch
        plan = Plan(space.base, space.axes, tuple(points.values()), is_tuning=True)
        _check_kept(plan, folder)
        outcome = run_sweep(plan, options, folder, on_progress)
        if outcome.interrupted:
            return Found(plan, (), False, len(asked), 0, outcome)
        scores = scored(collect(plan, folder), replications(space.base.run), goal)
        for trial, point in batch:
            _tell(study, trial, goal, scores.get(point.number))
        if len(asked) == goal.trials:
            failed = sum(point.number not in scores for _, point in asked)
            best, is_feasible = _best(study, asked, goal)
            return Found(plan, best, is_feasible, goal.trials, failed, outcome)


def judge(found: Found, options: SweepOptions, folder: Path, on_progress: Progress) -> Outcome:
    """Run the best points with the numbers of replications that no trial has seen.

    The best of many trials is in part the luckiest: the replications that chose it are kinder to it than others.
    """
    run = found.plan.base.run
    numbers = fresh(found.plan)
    updated = run.model_copy(update={"first_replication": numbers.start, "replications": len(numbers)})
    base = found.plan.base.model_copy(update={"run": updated})
    plan = found.plan._replace(base=base, points=tuple(found.plan.points[number] for number in found.best))
    return run_sweep(plan, options, folder, on_progress)


def fresh(plan: Plan) -> range:
    """Return the numbers of the replications that judge the best points."""
    run = plan.base.run
    first = run.first_replication + run.replications
    return range(first, first + max(run.replications, FRESH_MIN))


def _study(goal: Goal, seed: int) -> "Study":
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed % 2**32)
    return optuna.create_study(directions=[DIRECTIONS[one.direction] for one in goal.objectives], sampler=sampler)


def _ask(study: "Study", space: Space, points: dict[str, Point]) -> "tuple[Trial, Point]":
    """Ask for a trial; one that sets what an earlier one has set is at the same point."""
    trial = study.ask()
    settings = suggested(space, trial)
    return trial, points.setdefault(repr(settings), Point(len(points), settings))


def _tell(study: "Study", trial: "Trial", goal: Goal, score: Score | None) -> None:
    if score is None:
        from optuna.trial import TrialState

        study.tell(trial, state=TrialState.FAIL)
        return
    for constraint, violation in zip(goal.constraints, score.violations, strict=True):
        trial.set_constraint(constraint.text, violation)
    study.tell(trial, score.values)


def scored(table: "pa.Table", numbers: range, goal: Goal) -> dict[int, Score]:
    """Return the scores of points, from the rows of their worlds; one with a failed world has none.

    An objective is the mean over cases and replications. A constraint must hold in every case, in the mean over
    replications. Those that judge the best points are not counted.
    """
    rows = table.select(["point", "case", "replication", "error", *goal.metrics]).to_pylist()
    points: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        if row["replication"] in numbers:
            points.setdefault(row["point"], []).append(row)
    scores = {number: _score(worlds, goal) for number, worlds in points.items()}
    return {number: score for number, score in scores.items() if score is not None}


def _score(worlds: Sequence[Mapping[str, Any]], goal: Goal) -> Score | None:
    if any(world["error"] is not None for world in worlds):
        return None
    values = [mean(world[one.metric] for world in worlds) for one in goal.objectives]
    if None in values:
        return None
    return Score(tuple(v for v in values if v is not None), violations(worlds, goal.constraints))


def violations(worlds: Sequence[Mapping[str, Any]], constraints: Sequence[Comparison]) -> tuple[float, ...]:
    """Return for each constraint by how much it fails in the worst case; 0 or less: it holds in all."""
    cases = dict.fromkeys(world["case"] for world in worlds)
    return tuple(max(one.violation(mean(_of(worlds, case, one.metric))) for case in cases) for one in constraints)


def _of(worlds: Iterable[Mapping[str, Any]], case: str | None, metric: str) -> list[Value]:
    return [world[metric] for world in worlds if world["case"] == case]


def _best(study: "Study", asked: "Sequence[tuple[Trial, Point]]", goal: Goal) -> tuple[tuple[int, ...], bool]:
    """Return the best points, or the one nearest to keeping the constraints, and whether they are kept."""
    from optuna.trial import TrialState

    points = [point.number for _, point in asked]
    kept = [points[trial.number] for trial in study.best_trials]
    if kept:
        return tuple(sorted(set(kept)))[: None if len(goal.objectives) > 1 else 1], True
    trials = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    if not trials:
        return (), False
    nearest = min(trials, key=lambda trial: sum(max(0.0, amount) for amount in trial.constraints.values()))
    return (points[nearest.number],), False


def _check_kept(plan: Plan, folder: Path) -> None:
    """Raise ReplayError if a folder has a point at which other things are set than here."""
    from ..runs.table import cell

    columns = ["point", *(axis.key for axis in plan.axes)]
    for row in collect(plan, folder).select(columns).to_pylist():
        number = row.pop("point")
        if number < len(plan.points):
            mine = {key: cell(value) for key, value in plan.points[number].settings.items()}
            if {key: value for key, value in row.items() if value is not None} != mine:
                raise ReplayError(f"point {number} is another one now; another version of Optuna may be why")
