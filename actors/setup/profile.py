"""The day profile: factors of the launch rate between hours, with their integral."""

from typing import Any

import numpy as np

from ..state.allocation import zeros
from ..state.schedule import POINT
from .scenario import Scenario, ns


def day_profile(scenario: Scenario) -> Any:
    """Return rows of POINT from hour 0 to the profile's last hour; empty when launches come evenly."""
    given = _whole_day(list(scenario.workload.profile))
    points = zeros(len(given), POINT)
    points["hour"] = [ns(hour * 3600) for hour, _ in given]
    points["factor"] = [factor for _, factor in given]
    spans = np.diff(points["hour"]) * (points["factor"][1:] + points["factor"][:-1]) / 2
    points["integral"][1:] = np.cumsum(spans)
    return points


def _whole_day(given: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points of (hour, factor) with one at hour 0."""
    if len(given) == 1:  # the same factor all day
        return [(0.0, given[0][1]), (24.0, given[0][1])]
    if given and given[0][0] > 0:  # the day before ended with the last factor
        return [(0.0, given[-1][1]), *given]
    return given
