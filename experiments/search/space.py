"""The space that a tuning searches: axes, where a policy's parameter exists only beside a policy that has it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..scenario import Scenario, ScenarioError
from ..scenario.axes import Axis
from ..scenario.wording import show
from ..sweeps.points import Conditions, Plan, Point, applies, axes_of, conditions_of

if TYPE_CHECKING:
    from optuna import Trial


class Space(NamedTuple):
    """A scenario, its axes, and where those apply that depend on another."""

    base: Scenario
    axes: tuple[Axis, ...]
    conditions: Conditions

    @property
    def ends(self) -> Plan:
        """A point for each value of an axis or each end of its range, the other axes at their first values."""
        return Plan(self.base, self.axes, tuple(_ends(self)))

    def applying(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is chosen, less what does not apply."""
        return {key: value for key, value in chosen.items() if applies(key, chosen, self.conditions)}


def space_of(base: Scenario) -> Space:
    """Return the space of a scenario's axes; raises ScenarioError for axes that make none."""
    refuse_several_arms(base)
    varying = axes_of(base)
    return Space(base, varying, conditions_of(varying))


def refuse_several_arms(base: Scenario) -> None:
    """Raise ScenarioError for a scenario that compares arms."""
    if len(base.arms) > 1:
        names = ", ".join(show(arm.name) for arm in base.arms)
        words = "one policy at a time; choose with --arm NAME, or drop them with --arms none"
        raise ScenarioError([f"arms: there are {len(base.arms)}, {names}; {words}"])


def _ends(space: Space) -> Iterator[Point]:
    firsts = {axis.key: axis.at(0.0) for axis in space.axes}
    for axis in space.axes:
        for value in axis.values or (axis.at(0.0), axis.at(1.0)):
            chosen = {**firsts, axis.key: value}
            if axis.key in space.conditions:
                name_key, having = space.conditions[axis.key]
                names = next(other.values for other in space.axes if other.key == name_key)
                chosen[name_key] = next(name for name in names if name in having)
            yield Point(0, space.applying(chosen))


def suggested(space: Space, trial: "Trial") -> dict[str, Any]:
    """Return what a trial sets, as its sampler suggests it."""
    chosen: dict[str, Any] = {}
    for axis in sorted(space.axes, key=lambda axis: axis.key in space.conditions):  # policies, then parameters
        if applies(axis.key, chosen, space.conditions):
            chosen[axis.key] = _suggest(axis, trial)
    return chosen


def _suggest(axis: Axis, trial: "Trial") -> Any:
    if axis.values:  # by number: a value may be a list or a table
        return axis.values[trial.suggest_categorical(axis.key, tuple(range(len(axis.values))))]
    if not axis.is_whole:
        return trial.suggest_float(axis.key, axis.low, axis.high, log=axis.is_log)
    low, high = (max(round(end), 1 if axis.is_log else round(end)) for end in (axis.low, axis.high))
    return trial.suggest_int(axis.key, low, high, log=axis.is_log)
