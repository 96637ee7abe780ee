"""Weibull's distribution by its mean and its coefficient of variation; arrays are rows of times.

Chance 1 - exp(-(t / scale)^shape); moments and the equation of maximum likelihood are those of Johnson, Kotz and
Balakrishnan, Continuous Univariate Distributions 1, 2nd ed. 1994, chapter 21.
"""

import math
from typing import Any

import numpy as np
from scipy import special

SHAPES = (0.05, 1000.0)  # coefficients of variation of 400,000, and of next to nothing
STEPS = 12  # of Newton's method; each one at most halves or doubles the shape
HALVINGS = 60
OF_LOGARITHMS = math.pi / math.sqrt(6.0)  # their deviation, times the shape


def fit(times: Any) -> tuple[Any, Any]:
    """Return mean and coefficient of variation of the likeliest distribution of each row."""
    logs = np.log(times)
    below = logs - logs.max(axis=-1, keepdims=True)  # so that no power overflows
    middle = below.mean(axis=-1, keepdims=True)
    shape = np.clip(OF_LOGARITHMS / np.maximum(logs.std(axis=-1, keepdims=True), 1e-9), *SHAPES)
    for _ in range(STEPS):
        powers = np.exp(shape * below)
        total, first, second = (_sum(powers * below**order) for order in (0, 1, 2))
        miss = first / total - 1 / shape - middle
        slope = second / total - (first / total) ** 2 + 1 / shape**2
        shape = np.clip(np.clip(shape - miss / slope, shape / 2, shape * 2), *SHAPES)
    powers = np.exp(shape * below).mean(axis=-1, keepdims=True)
    scale = np.exp(logs.max(axis=-1, keepdims=True) + np.log(powers) / shape)
    return scale * special.gamma(1 + 1 / shape), _cv(shape)


def chance(times: Any, mean: Any, cv: Any) -> Any:
    """Return the chance of being below times."""
    shape, scale = _shape_and_scale(mean, cv)
    return -np.expm1(-((times / scale) ** shape))


def quantile(chances: Any, mean: Any, cv: Any) -> Any:
    """Return the times that are exceeded with one minus these chances."""
    shape, scale = _shape_and_scale(mean, cv)
    return scale * (-np.log1p(-chances)) ** (1 / shape)


def _sum(values: Any) -> Any:
    return values.sum(axis=-1, keepdims=True)


def _cv(shape: Any) -> Any:
    return np.sqrt(np.expm1(special.gammaln(1 + 2 / shape) - 2 * special.gammaln(1 + 1 / shape)))


def _shape_and_scale(mean: Any, cv: Any) -> tuple[Any, Any]:
    """Find the shape by halving: the larger it is, the less the times vary."""
    low, high = (np.full_like(np.asarray(cv, float), edge) for edge in SHAPES)
    for _ in range(HALVINGS):
        middle = np.sqrt(low * high)
        is_more = _cv(middle) > cv
        low, high = np.where(is_more, middle, low), np.where(is_more, high, middle)
    return high, mean / special.gamma(1 + 1 / high)
