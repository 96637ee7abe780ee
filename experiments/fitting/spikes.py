"""Idle time-outs: durations near which far more sessions end than just before or after."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

WIDTH_S = 20.0  # of a spike
AROUND = 10  # widths to each side that show what is normal there
SHARE_MIN = 0.01  # of all sessions
P_MAX = 1e-9
LEAST_S = 120.0  # shorter sessions are of one hurry or another
BACKGROUND_MIN = 0.5  # sessions that are expected anyhow: none around is no certainty


class Spike(NamedTuple):
    """Sessions that end as if cut off."""

    time_s: float  # their median
    share: float  # of all sessions


def spikes(holds_s: Sequence[float]) -> list[Spike]:
    """Return the spikes of holds, the earliest first."""
    times = np.sort(np.asarray(holds_s, float))
    inside = _within(times, times, WIDTH_S)
    around = _within(times, times - AROUND * WIDTH_S, (2 * AROUND + 1) * WIDTH_S) - inside
    expected = np.maximum(around / (2 * AROUND), BACKGROUND_MIN)
    is_spike = (
        (inside >= SHARE_MIN * len(times)) & (times >= LEAST_S) & (stats.poisson.sf(inside - 1, expected) < P_MAX)
    )
    found: list[Spike] = []
    for n in sorted(np.flatnonzero(is_spike), key=lambda n: -inside[n]):
        if all(abs(times[n] - spike.time_s) > 2 * WIDTH_S for spike in found):
            own = times[(times >= times[n]) & (times <= times[n] + WIDTH_S)]
            found.append(Spike(float(np.median(own)), len(own) / len(times)))
    return sorted(found)


def _within(times: Any, begins: Any, width: float) -> Any:
    """Return how many times are within a width from each begin."""
    return np.searchsorted(times, begins + width, "right") - np.searchsorted(times, begins, "left")
