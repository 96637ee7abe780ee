"""Hunting: the smallest schedule of faults that makes a metric what it should not be."""

import json
import random
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..metrics.metrics import Value
from ..runs.run import run_world
from ..scenario import Scenario, ScenarioError, Version, replications
from ..scenario.files import varied
from ..scenario.judgements import Compare
from ..scenario.wall_rules import check_virtual
from .goals import Comparison, mean
from .schedules import Schedule, bounds_of, schedules
from .space import refuse_several_arms

SHRINKS = 1000  # schedules tried to make the first one that breaks it smaller
REPEATED = 10  # times as many draws as trials, at most: a schedule may be drawn more than once

Progress = Callable[[float], None]  # told how many schedules were tried


class Outcome(NamedTuple):
    """What a schedule came to."""

    value: Value  # of the metric: the mean over the replications
    digests: tuple[str, ...]  # of each
    metrics: tuple[Mapping[str, Value], ...]  # of each

    def differs(self, other: "Outcome") -> bool:
        """Whether any metric differs that applies in the other one."""
        pairs = zip(self.metrics, other.metrics, strict=True)
        return any(theirs[name] not in (None, mine[name]) for mine, theirs in pairs for name in theirs)


class Hunted(NamedTuple):
    """The end of a hunt; no schedule where none was found."""

    schedule: Schedule | None
    outcome: Outcome  # with the schedule; without faults where there is none
    baseline: Outcome  # without faults
    found_after: int  # schedules tried until the first one that breaks it
    tried: int
    is_shrunk: bool  # to the end
    is_interrupted: bool


def prepared(base: Scenario) -> Scenario:
    """Return a scenario without its faults and cases, which a hunt makes itself, and what is said of these.

    Raises ScenarioError.
    """
    check_virtual(base, "the worlds of a hunt")
    refuse_several_arms(base)
    without = {"faults": (), "cases": (), "compare": Compare(), "expect": (), "article": ""}
    return base.model_copy(update=without)


def outcome_of(version: Version, metric: str) -> Outcome:
    """Run every replication of a version; raises ValueError and InvariantViolation (actors/engine/)."""
    worlds = [run_world(version.scenario, number) for number in replications(version.scenario.run)]
    return Outcome(
        mean(one.metrics[metric] for one in worlds),
        tuple(f"{one.digest:016x}" for one in worlds),
        tuple(one.metrics for one in worlds),
    )


def _with_faults(base: Scenario, schedule: Schedule) -> Version:
    """Return the only version of a scenario, with a schedule of faults; raises ScenarioError."""
    (version,) = varied(base, {"faults": schedule})
    return version


def baseline_of(base: Scenario, breaks: Comparison) -> Outcome:
    """Return what a scenario comes to without faults; ScenarioError if there is nothing to hunt for then."""
    found = outcome_of(_with_faults(base, []), breaks.metric)
    if breaks.is_factor and found.value is None:
        words = f"{breaks.metric} does not apply without faults; compare it with a number"
        raise ScenarioError([f"--breaks {breaks.text}: {words}"])
    if breaks.holds(found.value, found.value):
        words = f"holds without any fault: {breaks.metric} is {found.value:g}; there is nothing to hunt for"
        raise ScenarioError([f"--breaks {breaks.text}: {words}"])
    return found


def hunt(base: Scenario, breaks: Comparison, trials: int, faults: int, on_progress: Progress) -> Hunted:
    """Look for a schedule that breaks a scenario, and make it as small as it can be.

    An interrupt ends it; once something is found it only ends the shrinking. Raises ScenarioError, too, and what
    `outcome_of` raises.
    """
    from hypothesis import HealthCheck, Phase, Verbosity, find, settings
    from hypothesis.errors import NoSuchExample, Unsatisfiable

    baseline = baseline_of(base, breaks)
    quarry = _Quarry(base, breaks, baseline, trials, on_progress)
    chosen = settings(
        max_examples=REPEATED * trials,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    strategy = schedules(bounds_of(base, faults))
    try:
        found = find(strategy, quarry.breaks, settings=chosen, random=random.Random(base.run.seed))
    except (NoSuchExample, Unsatisfiable, _NothingFound):
        return Hunted(None, baseline, baseline, 0, len(quarry.seen), True, False)
    outcome, tried = quarry.seen[_key(found)], len(quarry.seen)
    is_shrunk, is_interrupted = not quarry.is_over, quarry.is_interrupted
    return Hunted(found, outcome, baseline, quarry.found_after, tried, is_shrunk, is_interrupted)


class _NothingFound(BaseException):
    """All trials are made; Hypothesis would take an Exception for what it looks for."""


class _Quarry:
    """What is hunted, and what every schedule tried came to."""

    def __init__(
        self, base: Scenario, breaks: Comparison, baseline: Outcome, trials: int, on_progress: Progress
    ) -> None:
        self._base, self._comparison, self._baseline = base, breaks, baseline
        self._trials, self._on_progress = trials, on_progress
        self.seen: dict[str, Outcome] = {}
        self.found_after = 0  # 0: not yet
        self.is_over = False  # nothing new is tried any more
        self.is_interrupted = False

    def breaks(self, schedule: Schedule) -> bool:
        """Whether a schedule breaks it; none that is new does once the hunt is over."""
        key = _key(schedule)
        if key not in self.seen and not self._try(key, schedule):
            return False
        return self._is_broken(self.seen[key])

    def _is_broken(self, outcome: Outcome) -> bool:
        """Whether a world is as it must not be, and its faults have changed anything that is measured."""
        return outcome.differs(self._baseline) and self._comparison.holds(outcome.value, self._baseline.value)

    def _try(self, key: str, schedule: Schedule) -> bool:
        """Run a schedule; return whether that was done."""
        if not self.found_after and len(self.seen) >= self._trials:
            raise _NothingFound
        self.is_over = self.is_over or (self.found_after > 0 and len(self.seen) >= self.found_after + SHRINKS)
        if self.is_over:
            return False
        try:
            self.seen[key] = outcome_of(_with_faults(self._base, schedule), self._comparison.metric)
        except KeyboardInterrupt:
            if not self.found_after:
                raise
            self.is_over = self.is_interrupted = True
            return False
        self._on_progress(len(self.seen))
        if not self.found_after and self._is_broken(self.seen[key]):
            self.found_after = len(self.seen)
        return True


def _key(schedule: Schedule) -> str:
    return json.dumps(schedule, sort_keys=True)
