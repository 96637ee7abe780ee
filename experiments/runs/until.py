"""Runs that add replications until the intervals are narrow enough: `--until`."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..analysis.stopping import Goal, parse_goal, shortfall, wanted
from ..metrics.groups import sizes
from ..metrics.metrics import Value
from ..metrics.names import named
from ..scenario import Scenario, versions
from ..scenario.wording import metric_of_one_of, refuse
from .options import Options
from .results import Results


class Known(NamedTuple):
    """What a goal's metric is in the replications of a version."""

    name: str  # of case and arm, for people
    goal: Goal
    values: list[Value]


def check_groups(scenario: Scenario, goals: Sequence[str]) -> None:
    """Raise ValueError for a goal of a group of clients that no version of the scenario has."""
    found = [named(parse_goal(text).metric) for text in goals]
    if all(metric.group is None for metric in found):
        return
    known = list(dict.fromkeys(name for version in versions(scenario) for name in sizes(version.scenario)))
    for metric in found:
        if metric.group is not None and metric.group not in known:
            raise ValueError(refuse("--until", str(metric), metric_of_one_of(known, metric.group)))


def extensions(results: Results, options: Options) -> Iterator[Scenario]:
    """Yield the scenario with more replications, for as long as the results still have too few.

    All versions get the same number, so that they can be compared: the run equals one started with that number.
    """
    while (count := _needed(results, options)) > results.scenario.run.replications:
        run = results.scenario.run.model_copy(update={"replications": count})
        yield results.scenario.model_copy(update={"run": run})


def shortfalls(results: Results, options: Options) -> list[str]:
    """Return in words which intervals are not as narrow as asked, and why."""
    return [
        f"--until: {known.name}{known.goal.metric}: {why}"
        for known in _known(results, options)
        if (why := shortfall(known.values, known.goal))
    ]


def _needed(results: Results, options: Options) -> int:
    needs = (wanted(known.values, known.goal) for known in _known(results, options))
    return min(max(needs, default=0), options.at_most)


def _known(results: Results, options: Options) -> Iterator[Known]:
    for goal in map(parse_goal, options.until):
        for result in results.versions:
            name = "".join(f"{part}, " for part in (result.version.case, result.version.arm) if part)
            yield Known(name, goal, [row.value(goal.metric) for row in result.replications])
