"""One metric of one arm beside that of its baseline, replication by replication: both met the same users.

If all values are finite, the mean difference has a Student-t interval and a t test. Infinite values have no mean,
so the sign test then asks whether one of the two is larger more often: only their order counts.
"""

import math
from collections.abc import Sequence
from statistics import median
from typing import Literal, NamedTuple

from .intervals import Estimate, paired_difference
from .metrics import Value


class Paired(NamedTuple):
    """What the replications say to which the metric applies in both: `n` of them."""

    n: int
    left_out: int  # replications in which the metric does not apply to one of the two
    mean: float | None  # None: some values are infinite, or there are none
    baseline_mean: float | None
    infinite: int  # of the n values, those that are infinite
    baseline_infinite: int
    difference: Estimate | None  # of the means; None as there
    median_difference: float | None  # of the replications in which both are finite, where in others one is not
    test: Literal["t", "sign"] | None  # None: fewer than two replications
    p: float | None
    sign: int  # the direction that p refers to: 1: more (in the mean, or more often), -1: less, 0: neither


def paired(values: Sequence[Value], baseline: Sequence[Value], confidence: float = 0.95) -> Paired:
    """Compare values with those of the same replications of the baseline; None is one that does not apply."""
    both = [(a, b) for a, b in zip(values, baseline, strict=True) if a is not None and b is not None]
    ours, theirs = [float(a) for a, _ in both], [float(b) for _, b in both]
    infinite, theirs_infinite = sum(map(math.isinf, ours)), sum(map(math.isinf, theirs))
    is_finite = bool(both) and not infinite and not theirs_infinite
    difference = paired_difference(ours, theirs, confidence) if is_finite else None
    differences = [a - b for a, b in zip(ours, theirs, strict=True) if math.isfinite(a) and math.isfinite(b)]
    test: Literal["t", "sign"] | None = None if len(both) < 2 else "t" if difference else "sign"
    return Paired(
        len(both),
        len(values) - len(both),
        _mean(ours),
        _mean(theirs),
        infinite,
        theirs_infinite,
        difference,
        None if is_finite or not differences else median(differences),
        test,
        _p(test, difference, ours, theirs, confidence),
        _sign(difference.mean if difference else balance(ours, theirs)),
    )


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values and all(map(math.isfinite, values)) else None


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _p(
    test: str | None,
    difference: Estimate | None,
    ours: Sequence[float],
    theirs: Sequence[float],
    confidence: float,
) -> float | None:
    if test is None:
        return None
    return t_test(difference, len(ours), confidence) if difference else sign_test(ours, theirs)


def t_test(difference: Estimate, n: int, confidence: float) -> float:
    """Return the two-sided p-value of a mean of n differences with its interval: how far is 0 from it?"""
    from scipy import special

    assert difference.half_width is not None  # n is at least 2
    if difference.half_width == 0:
        return 1.0 if difference.mean == 0 else 0.0
    t = difference.mean / difference.half_width * special.stdtrit(n - 1, 0.5 + confidence / 2)
    return float(2 * special.stdtr(n - 1, -abs(t)))


def sign_test(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the exact two-sided p-value of how often one value of a pair is the larger.

    Equal ones do not count, equal infinities among them.
    """
    from scipy import special

    untied = sum(a != b for a, b in zip(ours, theirs, strict=True))
    rarer = (untied - abs(balance(ours, theirs))) // 2
    return min(1.0, 2 * float(special.bdtr(rarer, untied, 0.5)))


def balance(ours: Sequence[float], theirs: Sequence[float]) -> int:
    """Return in how many more pairs ours is the larger than theirs is: the sign test's statistic."""
    return sum((a > b) - (a < b) for a, b in zip(ours, theirs, strict=True))
