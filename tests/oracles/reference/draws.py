"""Random durations."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from random import Random


def observed(file: str, column: str) -> list[float]:
    """The values of a CSV file's column, in order; none where no file is named."""
    if not file:
        return []
    with Path(file).open(newline="") as lines:
        return sorted(float(row[column]) for row in csv.DictReader(lines))


def draw(kind: str, mean: float, cv: float, stream: Random, values: Sequence[float] = ()) -> float:
    """One value of a distribution that is named by its mean and, for two of them, its cv; or one of the values."""
    if kind == "empirical":
        return values[stream.randrange(len(values))]
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
