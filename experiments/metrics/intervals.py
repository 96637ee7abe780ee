"""Means over independent replications, with their intervals."""

import math
from collections.abc import Sequence
from typing import NamedTuple

NOISE = 1e-13  # of the largest value: smaller differences are rounding in the last bits


class Estimate(NamedTuple):
    """A mean over replications and the half-width of its confidence interval (None for a single one)."""

    mean: float
    half_width: float | None


def estimate(values: Sequence[float], confidence: float = 0.95) -> Estimate:
    """Return the mean and the half-width of its Student-t interval; both are infinite when a value is.

    Values that are equal except for rounding have an interval of 0.
    """
    return _estimate(values, _size(values), confidence)


def paired_difference(a: Sequence[float], b: Sequence[float], confidence: float = 0.95) -> Estimate:
    """Return the estimate of mean(a - b), replication by replication: both met the same users."""
    differences = [difference(x, y) for x, y in zip(a, b, strict=True)]
    return _estimate(differences, _size([*a, *b]), confidence)


def difference(x: float, y: float) -> float:
    """Return x - y: 0 if they are equal except for rounding, and for equal infinities."""
    return 0.0 if math.isclose(x, y, rel_tol=NOISE) else x - y


def _size(values: Sequence[float]) -> float:
    """Return how large the finite ones of some values are."""
    return max((abs(value) for value in values if math.isfinite(value)), default=0.0)


def _estimate(values: Sequence[float], size: float, confidence: float) -> Estimate:
    """Return the estimate of values that were computed from numbers as large as `size`."""
    n = len(values)
    if math.inf in values and -math.inf in values:
        return Estimate(0.0, math.inf)  # the mean could be anything
    mean = math.fsum(values) / n
    if n == 1:
        return Estimate(mean, None)
    if not math.isfinite(mean):
        return Estimate(mean, math.inf)
    if max(values) - min(values) <= NOISE * size:
        return Estimate(mean, 0.0)
    from scipy import special

    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return Estimate(mean, float(special.stdtrit(n - 1, 0.5 + confidence / 2)) * deviation / math.sqrt(n))
