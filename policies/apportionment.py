"""Splitting a whole number of licenses, or of clients, in proportion to weights."""

import math
from collections.abc import Sequence
from typing import Any

Numbers = Sequence[float] | Any  # also an array of numpy


def share_out(total: int, weights: Numbers, floors: Numbers | None = None) -> list[int]:
    """Split `total` in proportion to `weights` (evenly if all are 0), nobody below their floor (0 if not given).

    Both have shape (n,), and so has the result; the floors must not exceed the total. A share that would fall
    below its floor is set to the floor, and the others split the rest by weight; leftovers of rounding go to the
    largest remainders, first one first. Exact, so that equal remainders are equal.
    """
    shares = _in_proportion(weights)
    least = [0] * len(shares) if floors is None else [int(floor) for floor in floors]
    result = list(least)
    free = list(range(len(shares)))  # those not held at the floor
    while free:
        rest = total - sum(result) + sum(result[k] for k in free)
        parts = shares if any(shares[k] for k in free) else [1] * len(shares)
        whole = sum(parts[k] for k in free)
        below = {k for k in free if rest * parts[k] < least[k] * whole}
        if not below:
            for k in free:
                result[k] = rest * parts[k] // whole
            for k in sorted(free, key=lambda k: -(rest * parts[k] % whole))[: total - sum(result)]:
                result[k] += 1
            break
        free = [k for k in free if k not in below]
    return result


def _in_proportion(weights: Numbers) -> list[int]:
    """Return whole numbers in the same proportion."""
    ratios = [float(weight).as_integer_ratio() for weight in weights]
    common = math.lcm(*(denominator for _, denominator in ratios))
    return [numerator * (common // denominator) for numerator, denominator in ratios]
