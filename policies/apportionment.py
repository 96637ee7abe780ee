"""Splitting a whole number of licenses, or of clients, in proportion to weights."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Counts = NDArray[np.int64]


def share_out(total: int, weights: ArrayLike, floors: Counts) -> Counts:
    """Split `total` in proportion to `weights` (evenly if all are 0), nobody below their floor.

    Shapes (n,); the floors must not exceed the total. Whoever would fall below their floor gets just it, and
    the others share the rest by weight; leftovers of rounding go to the largest remainders, first one first.
    Exact, so that equal remainders are equal.
    """
    shares = _in_proportion(np.asarray(weights).tolist())
    result = [int(floor) for floor in floors]
    free = list(range(len(shares)))  # who is not held at the floor
    while free:
        rest = total - sum(result) + sum(result[k] for k in free)
        parts = shares if any(shares[k] for k in free) else [1] * len(shares)
        whole = sum(parts[k] for k in free)
        below = {k for k in free if rest * parts[k] < int(floors[k]) * whole}
        if not below:
            for k in free:
                result[k] = rest * parts[k] // whole
            for k in sorted(free, key=lambda k: -(rest * parts[k] % whole))[: total - sum(result)]:
                result[k] += 1
            break
        free = [k for k in free if k not in below]
    return np.array(result, dtype=np.int64)


def _in_proportion(weights: list[float]) -> list[int]:
    """Return whole numbers in the same proportion."""
    ratios = [weight.as_integer_ratio() for weight in weights]
    common = math.lcm(*(denominator for _, denominator in ratios))
    return [numerator * (common // denominator) for numerator, denominator in ratios]
