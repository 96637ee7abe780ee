"""Designs: which combinations of the axes' values are tried, as shares of the axes or as the values themselves.

Points are drawn by scipy.stats.qmc, from the seed of the run: equal seed, equal points.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..scenario.axes import Axis

Row = tuple[Any, ...]  # a value of each axis


def rows(kind: str, axes: Sequence[Axis], samples: int, seed: int) -> list[Row]:
    """Return the rows of a design of a kind in DESIGNS (scenario/axes.py), in order.

    A saltelli design has axes + 2 blocks of `samples` rows: A, B, and A with one column of B each (Saltelli et
    al. 2010, Computer Physics Communications 181, 259-270): what first-order and total Sobol indices need.
    """
    if kind == "grid":
        return list(itertools.product(*(axis.values for axis in axes)))
    if kind == "zip":
        return list(zip(*(axis.values for axis in axes), strict=True))
    return [_row(axes, shares) for shares in _DRAWN[kind](len(axes), samples, seed)]


def _row(axes: Sequence[Axis], shares: Iterable[float]) -> Row:
    return tuple(axis.at(float(u)) for axis, u in zip(axes, shares, strict=True))


def _sobol(axes: int, samples: int, seed: int) -> Any:
    from scipy.stats import qmc

    # Whole powers of 2 are balanced; the first rows of the next one are as good as any other number gets.
    power = (samples - 1).bit_length()
    return qmc.Sobol(axes, rng=np.random.default_rng(seed)).random_base2(power)[:samples]


def _lhs(axes: int, samples: int, seed: int) -> Any:
    from scipy.stats import qmc

    return qmc.LatinHypercube(axes, rng=np.random.default_rng(seed)).random(samples)


def _random(axes: int, samples: int, seed: int) -> Any:
    return np.random.default_rng(seed).random((samples, axes))


def _saltelli(axes: int, samples: int, seed: int) -> Any:
    both = _sobol(2 * axes, samples, seed)
    a, b = both[:, :axes], both[:, axes:]
    mixed = [np.where(np.arange(axes) == column, b, a) for column in range(axes)]
    return np.concatenate([a, b, *mixed])


_DRAWN: dict[str, Callable[[int, int, int], Any]] = {
    "sobol": _sobol,
    "lhs": _lhs,
    "random": _random,
    "saltelli": _saltelli,
}
