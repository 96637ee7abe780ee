"""Bursts: launches that follow each other more closely than chance would have it within their hour of the week."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .arrivals import HOUR_S, WEEK_H, Arrivals, since_monday_s

WINDOWS_S = (1.0, 3.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0, 3600.0)
TOLD_MAX_S = 60.0  # the longest window that is put in words
GAPS_MAX = 0.5  # of it, in mean gaps: in a longer one nearly all launches follow another one anyway
DEVIATIONS = 3.3  # by which chance alone exceeds its share once in 2,000 times


class Bursts(NamedTuple):
    """Shares of the launches that come within WINDOWS_S after the one before."""

    seen: Any
    at_random: Any  # those of a Poisson process with the rate of each launch's hour of the week
    is_by_chance: bool  # whether such a process has as many within the window that is told
    told: int  # the row of that window


def bursts(times_s: Sequence[float], found: Arrivals, origin: str, tick_s: float) -> Bursts:
    """Return how launches at these times since the origin follow on each other, whoever launches.

    `tick_s` is what the log rounds times down to, 0: nothing. True gaps are up to half of it longer than logged.
    """
    times = np.sort(np.asarray(times_s, float)) + since_monday_s(origin)
    gaps = np.diff(times)
    rates = found.rate_per_s * found.factors[(times[1:] // HOUR_S).astype(int) % WEEK_H]
    seen = np.array([(gaps <= window_s).mean() for window_s in WINDOWS_S])
    chances = [-np.expm1(-rates * (window_s + tick_s / 2)) for window_s in WINDOWS_S]
    told = _told(1 / float(rates.mean()))
    chance = chances[told]
    deviation = math.sqrt(float((chance * (1 - chance)).sum())) / len(gaps)
    is_by_chance = bool(seen[told] - chance.mean() <= DEVIATIONS * deviation)
    return Bursts(seen, np.array([chance.mean() for chance in chances]), is_by_chance, told)


def _told(gap_s: float) -> int:
    """Return the row of the longest window that tells bursts from launches that come evenly, such a gap apart."""
    longest_s = min(TOLD_MAX_S, GAPS_MAX * gap_s)
    return max(0, int(np.searchsorted(WINDOWS_S, longest_s, side="right")) - 1)
