"""What is searched for: `METRIC:min`, and comparisons of a metric with a number."""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from ..metrics.metrics import Value
from ..metrics.names import METRICS
from ..metrics.operators import OPERATORS
from ..scenario.axes import NUMBER
from ..scenario.wording import ScenarioError, unknown_metric

SIGNS = [sign for sign in OPERATORS if sign != "!="]
COMPARISON = re.compile(rf"(\w+)\s*({'|'.join(SIGNS)})\s*({NUMBER}|inf)(x?)")
DIRECTIONS: dict[str, Literal["minimize", "maximize"]] = {"min": "minimize", "max": "maximize"}


class Objective(NamedTuple):
    """A metric to make as small or as large as can be."""

    metric: str
    direction: str  # of DIRECTIONS


class Comparison(NamedTuple):
    """A metric compared with a number, or with that many times its value without faults."""

    text: str
    metric: str
    operator: str  # of SIGNS
    number: float
    is_factor: bool

    def holds(self, value: Value, baseline: Value = None) -> bool:
        """Whether a value compares like this; one that does not apply never does."""
        return value is not None and OPERATORS[self.operator](value, self.bound(baseline))

    def bound(self, baseline: Value = None) -> float:
        """Return the number to compare with; `baseline` is the metric without faults."""
        if not self.is_factor:
            return self.number
        assert baseline is not None  # refused before anything is compared
        return self.number * baseline

    def violation(self, value: Value) -> float:
        """Return how far a value is on the wrong side of the bound; 0 or less: it is on the right one."""
        if value is None:
            return math.inf
        if value == self.number:
            return 0.0
        return value - self.number if self.operator == "<=" else self.number - value


def objectives(texts: Iterable[str]) -> tuple[Objective, ...]:
    """Return the objectives of `METRIC:min` and `METRIC:max`; raises ScenarioError."""
    found = tuple(_objective(text) for text in texts)
    if not found:
        raise ScenarioError(["--objective: missing; name what is best, as --objective denial_fraction:min"])
    _refuse_repeated("--objective", [objective.metric for objective in found])
    return found


def constraints(texts: Iterable[str]) -> tuple[Comparison, ...]:
    """Return the constraints of `METRIC <= NUMBER` and `METRIC >= NUMBER`; raises ScenarioError."""
    found = tuple(comparison("--subject-to", text) for text in texts)
    for one in found:
        if one.operator not in ("<=", ">=") or one.is_factor:
            raise ScenarioError([f"--subject-to {one.text}: must be METRIC <= NUMBER or METRIC >= NUMBER"])
    _refuse_repeated("--subject-to", [f"{one.metric} {one.operator}" for one in found])
    return found


def comparison(option: str, text: str) -> Comparison:
    """Return a comparison such as `wait_s_p99 <= 30`, `time_to_recover_s == inf` or `denials > 2x`."""
    match = COMPARISON.fullmatch(text.strip())
    if not match or (match[3] == "inf" and match[4]):
        words = "METRIC, one of <= >= == < >, and a number, inf, or 2x: twice what it is without faults"
        raise ScenarioError([f"{option} {text}: not a comparison; write {words}"])
    name, sign, number, times = match.groups()
    _check_metric(option, text, name)
    return Comparison(f"{name} {sign} {number}{times}", name, sign, float(number), bool(times))


def _objective(text: str) -> Objective:
    name, colon, direction = text.strip().partition(":")
    if not colon or direction not in DIRECTIONS:
        words = "write METRIC:min or METRIC:max, like denial_fraction:min"
        raise ScenarioError([f"--objective {text}: not an objective; {words}"])
    _check_metric("--objective", text, name)
    return Objective(name, direction)


def _check_metric(option: str, text: str, name: str) -> None:
    if name not in METRICS:
        raise ScenarioError([f"{option} {text}: {unknown_metric(name)}"])


def _refuse_repeated(option: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ScenarioError([f"{option} {name}: given {names.count(name)} times; once is enough"])


def mean(values: Iterable[Value]) -> Value:
    """Return the mean of those values that apply; None: none does."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None
