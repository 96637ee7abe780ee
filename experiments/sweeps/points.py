"""The points of a sweep: a value for every key that is varied, as far as the key applies there.

A policy's parameter applies at a point whose policy has it. Points whose policy lacks it are the same whatever the
parameter's axis says, and come once.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..runs.folder import TUNING
from ..runs.inputs import Input, inputs_of
from ..scenario import Scenario, ScenarioError, Version
from ..scenario.axes import DRAWN, Axis, axes
from ..scenario.choices import Resolve, Resolved, resolver
from ..scenario.files import varied
from ..scenario.wall_rules import check_virtual
from ..scenario.wording import show
from .designs import rows

POINTS_MAX = 1_000_000  # the process that hands them out has all in memory
PARAMETER = re.compile(r"(?P<policy>(?:.*\.)?policies\.(?P<kind>\w+))\.(?P<name>\w+)", re.DOTALL)


class Point(NamedTuple):
    """A point: its number, and what it sets."""

    number: int
    settings: Mapping[str, Any]


class Plan(NamedTuple):
    """What a sweep runs: a scenario, its axes, and its points in order."""

    base: Scenario
    axes: tuple[Axis, ...]
    points: tuple[Point, ...]
    is_tuning: bool = False  # whether its points were asked for one after the other, not laid out beforehand

    @property
    def design(self) -> str:
        """How its points were chosen."""
        return TUNING if self.is_tuning else self.base.sweep.design


def plan(base: Scenario) -> Plan:
    """Return the plan of a scenario's sweep; raises ScenarioError for axes that make none."""
    check_virtual(base, "the worlds of a sweep or a tuning")
    varying = axes_of(base)
    design, seed = base.sweep, base.run.seed
    _check_size(design.design, varying, design.samples)
    conditions = conditions_of(varying)
    made: dict[str, dict[str, Any]] = {}
    for row in rows(design.design, varying, design.samples, seed):
        settings = _applying(varying, row, conditions)
        made.setdefault(repr(settings) if design.design == "grid" else str(len(made)), settings)
    return Plan(base, varying, tuple(Point(number, settings) for number, settings in enumerate(made.values())))


def axes_of(base: Scenario) -> tuple[Axis, ...]:
    """Return the axes of a scenario; raises ScenarioError where there are none."""
    varying = tuple(axes(base.sweep))
    if not varying:
        raise ScenarioError(["sweep.vary: empty; name what to vary, as --vary clients.count=100,200,400"])
    return varying


def _check_size(design: str, varying: Sequence[Axis], samples: int) -> None:
    counts = [len(axis.values) for axis in varying]
    blocks = len(varying) + 2 if design == "saltelli" else 1
    size = samples * blocks if design in DRAWN else math.prod(counts) if design == "grid" else counts[0]
    if size > POINTS_MAX:
        raise ScenarioError([f"sweep: {size:,} points are too many; at most {POINTS_MAX:,} are allowed"])


Conditions = dict[str, tuple[str, frozenset[Any]]]  # key: the key of a policy's name, and the names it applies to


def conditions_of(varying: Sequence[Axis]) -> Conditions:
    """Return for each parameter of a policy whose name is varied, too, the names of the policies that have it."""
    names = {axis.key: axis for axis in varying}
    resolve = resolver()
    found: Conditions = {}
    for axis in varying:
        match = PARAMETER.fullmatch(axis.key)
        name_key = f"{match['policy']}.name" if match else ""
        policies = names[name_key].values if name_key in names else ()
        if match and match["name"] != "name" and policies:
            having = frozenset(name for name in policies if _has(resolve, match["kind"], name, match["name"]))
            if not having:
                words = f"no policy of {name_key} has it: {', '.join(map(show, policies))}"
                raise ScenarioError([f"sweep.vary.{axis.key}: {words}"])
            found[axis.key] = name_key, having
    return found


def _has(resolve: Resolve, kind: str, name: Any, parameter: str) -> bool:
    """Whether a policy has a parameter; one that cannot be resolved is left to the check of its value."""
    if (kind, parameter) == ("failover", "within"):  # any may be within wrappers
        return True
    resolved = resolve(kind, name, {}) if isinstance(name, str) else Resolved(error="not a name")
    return bool(resolved.error) or parameter in type(resolved.policy)._fields


def _applying(varying: Sequence[Axis], row: Sequence[Any], conditions: Conditions) -> dict[str, Any]:
    chosen = dict(zip((axis.key for axis in varying), row, strict=True))
    return {key: value for key, value in chosen.items() if applies(key, chosen, conditions)}


def applies(key: str, chosen: Mapping[str, Any], conditions: Conditions) -> bool:
    """Whether a key has a meaning beside what is chosen for the others."""
    name_key, having = conditions.get(key, ("", frozenset([None])))
    return chosen.get(name_key) in having


def check(plan: Plan) -> list[Input]:
    """Return the files that a sweep names; raises ScenarioError for a value that no version can have.

    Each value is tried by itself, at the first point that has it: beside the first values of the other axes. A
    combination that breaks a rule shows when its worlds are run. Raises ValueError for a file that is not there.
    """
    made: list[Version] = []
    errors: list[str] = []
    for point in _first_with_each(plan):
        try:
            made += varied(plan.base, point.settings)
        except ScenarioError as error:
            errors += error.errors
    if errors:
        raise ScenarioError(errors)
    return inputs_of(version.scenario for version in made)


def typical(plan: Plan) -> Iterator[Version]:
    """Yield the versions of the first point that has each value of an axis."""
    for point in _first_with_each(plan):
        yield from varied(plan.base, point.settings)


def _first_with_each(plan: Plan) -> Iterator[Point]:
    """Yield the first point that has each value of an axis, or the lowest and the highest number of its range."""
    for axis in plan.axes:
        having = [point for point in plan.points if axis.key in point.settings]
        if axis.values:
            first = {repr(point.settings[axis.key]): point for point in reversed(having)}
            yield from first.values()
        elif having:
            yield min(having, key=lambda point: point.settings[axis.key])
            yield max(having, key=lambda point: point.settings[axis.key])
