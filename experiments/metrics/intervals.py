"""Means over independent replications, with their intervals."""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Estimate(NamedTuple):
    """A mean over replications and the half-width of its confidence interval (None for a single one)."""

    mean: float
    half_width: float | None


def estimate(values: Sequence[float], confidence: float = 0.95) -> Estimate:
    """Return the mean and the half-width of its Student-t interval; both are infinite when a value is."""
    n = len(values)
    if math.inf in values and -math.inf in values:
        return Estimate(0.0, math.inf)  # the mean could be anything
    mean = math.fsum(values) / n
    if n == 1:
        return Estimate(mean, None)
    if not math.isfinite(mean):
        return Estimate(mean, math.inf)
    from scipy import special

    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return Estimate(mean, float(special.stdtrit(n - 1, 0.5 + confidence / 2)) * deviation / math.sqrt(n))


def paired_difference(a: Sequence[float], b: Sequence[float], confidence: float = 0.95) -> Estimate:
    """Return the estimate of mean(a - b), replication by replication: both met the same users.

    Equal infinities differ by 0.
    """
    return estimate([0.0 if x == y else x - y for x, y in zip(a, b, strict=True)], confidence)
