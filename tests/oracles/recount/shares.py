"""Whole parts in proportion to weights."""

import math
from fractions import Fraction


def shared_out(total: int, weights: list[float]) -> list[int]:
    """`total` in whole parts; what is left over goes to the largest remainders, first ones first."""
    exact = [Fraction(weight) * total / sum(map(Fraction, weights)) for weight in weights]
    parts = [math.floor(part) for part in exact]
    by_remainder = sorted(range(len(parts)), key=lambda n: parts[n] - exact[n])
    for n in by_remainder[: total - sum(parts)]:
        parts[n] += 1
    return parts
