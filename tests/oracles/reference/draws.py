"""Random durations."""

import math
from random import Random


def draw(kind: str, mean: float, cv: float, stream: Random) -> float:
    """One value of a distribution that is named by its mean and, for two of them, its cv."""
    if kind == "constant" or mean == 0 or (cv == 0 and kind in {"lognormal", "gamma"}):
        return mean
    if kind == "exponential":
        return stream.expovariate(1 / mean)
    if kind == "lognormal":
        sigma2 = math.log(1 + cv * cv)
        return stream.lognormvariate(math.log(mean) - sigma2 / 2, math.sqrt(sigma2))
    if kind == "gamma":
        return stream.gammavariate(1 / cv**2, mean * cv**2)
    raise ValueError(kind)
