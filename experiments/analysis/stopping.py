"""When there are enough replications: the half-width of the mean's 95 % interval is within a goal.

Checking again and again until an interval is narrow makes it cover too rarely. So the minimum is 20 replications,
and checks are few: the next one is where the goal should be met, judging by the results so far, within bounds.
`coverage.py` measures how often intervals still cover.
"""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from ..metrics.intervals import estimate
from ..metrics.names import METRICS, METRICS_OF_GROUPS, named
from ..scenario.wording import metric_of_groups, refuse, unknown_metric

LEAST = 20  # replications, before which no interval is trusted
STEP, STEP_SHARE = 10, 0.2  # the fewest more, as a number and as a share of what there is
GROWTH_MAX = 2  # the most at the next look, times what there is: an early variance may be far off

NEVER = 10**9


class Goal(NamedTuple):
    """A half-width that the interval of a metric is to have: in its unit, or as a share of its mean."""

    metric: str
    half_width: float
    is_relative: bool


def parse_goal(text: str) -> Goal:
    """Return what "denial_fraction:5%", "wait_s_mean:0.1" or "groups.NAME.attempts:5" mean; raises ValueError."""
    metric, colon, size = text.rpartition(":")
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+(?:e-?[0-9]+)?)\s*(%?)\s*", size)
    if not colon or not match or not 0 < float(match[1]) < math.inf:
        allowed = "METRIC:HALF-WIDTH with a half-width above 0, as denial_fraction:5% or wait_s_mean:0.1"
        raise ValueError(refuse("--until", text, allowed))
    found = named(metric)
    if found.group is None and metric not in METRICS:
        raise ValueError(f"--until {text}: {unknown_metric(metric)}")
    if found.group is not None and found.metric not in METRICS_OF_GROUPS:
        raise ValueError(refuse("--until", metric, metric_of_groups(found)))
    return Goal(metric, float(match[1]) / (100 if match[2] else 1), bool(match[2]))


def parse_goal_of_all(text: str) -> Goal:
    """Return a goal of a metric of all clients, for sweeps, which keep none of groups; raises ValueError."""
    goal = parse_goal(text)
    if named(goal.metric).group is not None:
        raise ValueError(refuse("--until", text, "of a metric of all clients: a sweep keeps none of groups"))
    return goal


def is_enough(values: Sequence[float | None], goal: Goal) -> bool:
    """Return whether the interval is narrow enough; of a metric that is always 0, after the least number."""
    return len(values) >= LEAST and obstacle(values) is None and estimated_need(values, goal) <= len(values)


def wanted(values: Sequence[float | None], goal: Goal) -> int:
    """Return how many replications to have before the next look; what has an obstacle is not waited for."""
    if len(values) >= LEAST and obstacle(values):
        return 0
    return replications_needed(values, goal)


def shortfall(values: Sequence[float | None], goal: Goal) -> str | None:
    """Return in words why the interval is not as narrow as asked; None: it is."""
    if is_enough(values, goal):
        return None
    return obstacle(values) or f"{len(values)} replications are too few"


def obstacle(values: Sequence[float | None]) -> str | None:
    """Return in words why there is no interval, however many replications there are; None: there is one."""
    nulls, infinite = sum(value is None for value in values), sum(map(_is_infinite, values))
    if nulls:
        return f"it does not apply in {nulls} of {len(values)} replications"
    return f"it is infinite in {infinite} of {len(values)} replications" if infinite else None


def caveat(values: Sequence[float]) -> str | None:
    """Return in words what values that are all equal cannot tell: their interval has no width, whatever is rare.

    What happens in a share p of replications is missed by n of them with probability (1 - p)**n; here 5 %.
    """
    if len(set(values)) > 1:
        return None
    share = 1 - 0.05 ** (1 / len(values))
    return f"all {len(values)} values are equal; what happens in {100 * share:.2g} % of replications may be unseen"


def _is_infinite(value: float | None) -> bool:
    return value is not None and math.isinf(value)


def replications_needed(values: Sequence[float | None], goal: Goal) -> int:
    """Return how many replications there should be before the next look; as many as there are: enough.

    Where `obstacle` says why there is no interval, that is never.
    """
    count = len(values)
    if count < LEAST:
        return LEAST
    if is_enough(values, goal):
        return count
    least = count + max(STEP, math.ceil(STEP_SHARE * count))
    need = estimated_need(values, goal) if obstacle(values) is None else 0
    return max(least, min(need, GROWTH_MAX * count))


def estimated_need(values: Sequence[float | None], goal: Goal) -> int:
    """Return how many replications would meet the goal if mean and deviation are as they seem now.

    A half-width falls with the root of their number. At least two finite values are needed. A mean of 0 with a
    deviation is never known to a share of itself.
    """
    count = len(values)
    mean, half_width = estimate([value for value in values if value is not None])
    assert half_width is not None
    wanted = goal.half_width * abs(mean) if goal.is_relative else goal.half_width
    if half_width <= wanted:
        return count
    ratio = half_width / wanted if wanted > 0 else math.inf
    return max(count + 1, math.ceil(min(NEVER, count * ratio**2)))
