"""Bursts: launches that come sooner after each other than at random within their hour of the week."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .arrivals import HOUR_S, WEEK_H, Arrivals, since_monday_s

WINDOWS_S = (1.0, 3.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0, 3600.0)
TOLD_S = 60.0  # the window that is put in words
DEVIATIONS = 3.3  # by which chance alone exceeds its share once in 2,000 times


class Bursts(NamedTuple):
    """Shares of the launches that come within WINDOWS_S after the one before."""

    seen: Any
    at_random: Any  # those of a Poisson process with the rate of each launch's hour of the week
    is_by_chance: bool  # whether such a process has as many within TOLD_S


def bursts(times_s: Sequence[float], found: Arrivals, origin: str) -> Bursts:
    """Return how launches at these times since the origin follow on each other, whoever launches."""
    times = np.sort(np.asarray(times_s, float)) + since_monday_s(origin)
    gaps = np.diff(times)
    rates = found.rate_per_s * found.factors[(times[1:] // HOUR_S).astype(int) % WEEK_H]
    seen = np.array([(gaps <= window_s).mean() for window_s in WINDOWS_S])
    chances = [-np.expm1(-rates * window_s) for window_s in WINDOWS_S]
    told = chances[WINDOWS_S.index(TOLD_S)]
    deviation = math.sqrt(float((told * (1 - told)).sum())) / len(gaps)
    excess = seen[WINDOWS_S.index(TOLD_S)] - told.mean()
    return Bursts(seen, np.array([chance.mean() for chance in chances]), bool(excess <= DEVIATIONS * deviation))
