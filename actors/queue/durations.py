"""Durations as whole numbers. One that does not fit outlasts any run."""

import numpy as np

from ..compiled.jit import inlined
from ..state.rows import LONGEST

_MS_MAX = 2**31 - 1  # what a letter's value holds


@inlined
def whole(duration):
    """Return a duration >= 0 in whole ns, rounded; LONGEST for one that is longer, or no number."""
    return np.int64(min(np.float64(LONGEST), duration) + 0.5)


@inlined
def to_value(seconds):
    """Return a duration >= 0 s as the value of a letter: whole ms; more than 24 days as whole s, negated."""
    if seconds * 1000.0 <= _MS_MAX:
        return np.int64(seconds * 1000.0)
    return -np.int64(min(np.float64(_MS_MAX), seconds))


@inlined
def from_value(value):
    """Return the duration, s, that the value of a letter stands for."""
    return value * 0.001 if value >= 0 else -np.float64(value)
