"""Distributions that the engine has, fitted to observed times, and how well each one fits.

By maximum likelihood. The distance is Kolmogorov and Smirnov's; its p is by parametric bootstrap: as often does a
sample of the fitted distribution, rounded as a log rounds and fitted again, lie as far from its own fit.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import special, stats

RESAMPLES = 199
TESTED_MAX = 5_000  # values of which the distance is tested, drawn from more
P_MIN = 0.05  # a distribution with less does not fit
SEED = 1
EMPIRICAL = "empirical"


class Fit(NamedTuple):
    """A distribution, by its mean and its coefficient of variation, and how well it fits."""

    name: str  # one of FAMILIES, or EMPIRICAL
    mean_s: float
    cv: float
    distance: float
    p: float


class Family(NamedTuple):
    """A family of distributions."""

    fit: Callable[[Any], tuple[float, float]]  # mean and coefficient of variation of times
    law: Callable[[float, float], Any]  # the distribution of these


def _exponential(times: Any) -> tuple[float, float]:
    return float(times.mean()), 1.0


def _lognormal(times: Any) -> tuple[float, float]:
    logs = np.log(times)
    variance = float(min(logs.var(), 50.0))
    return math.exp(float(logs.mean()) + variance / 2), math.sqrt(math.expm1(variance))


def _gamma(times: Any) -> tuple[float, float]:
    """Fit the shape by Newton's method from Minka's estimate (Estimating a Gamma distribution, 2002)."""
    mean = float(times.mean())
    gap = max(math.log(mean) - float(np.log(times).mean()), 1e-9)
    shape = (3 - gap + math.sqrt((gap - 3) ** 2 + 24 * gap)) / (12 * gap)
    for _ in range(5):
        slope = 1 / shape - special.polygamma(1, shape)
        shape = 1 / (1 / shape + (math.log(shape) - special.digamma(shape) - gap) / (shape**2 * slope))
    return mean, float(shape**-0.5)


def _lognormal_law(mean: float, cv: float) -> Any:
    sigma = math.sqrt(math.log1p(cv * cv))
    return stats.lognorm(sigma, scale=mean * math.exp(-sigma * sigma / 2))


FAMILIES = {
    "exponential": Family(_exponential, lambda mean, cv: stats.expon(scale=mean)),
    "lognormal": Family(_lognormal, _lognormal_law),
    "gamma": Family(_gamma, lambda mean, cv: stats.gamma(cv**-2, scale=mean * cv**2)),
}


def fits(times: Sequence[float]) -> list[Fit]:
    """Return a fit of each family, the nearest first. Times are >= 0; 0 stands for half of the log's tick."""
    rng = np.random.default_rng(SEED)
    found = np.asarray(times, float)
    tested = rng.choice(found, TESTED_MAX, replace=False) if len(found) > TESTED_MAX else found
    tick = 1.0 if np.all(tested == np.round(tested)) else 0.0
    return sorted((_fit(name, tested, tick, rng) for name in FAMILIES), key=lambda fit: fit.distance)


def best(found: Sequence[Fit], times: Sequence[float]) -> Fit:
    """Return the nearest fit of those that are not refused; the times themselves where all are."""
    for fit in found:
        if fit.p >= P_MIN:
            return fit
    mean = float(np.mean(times))
    return Fit(EMPIRICAL, mean, float(np.std(times)) / mean if mean else 0.0, 0.0, 1.0)


def law(fit: Fit) -> Any:
    """Return a fitted family's distribution."""
    return FAMILIES[fit.name].law(fit.mean_s, fit.cv)


def _fit(name: str, times: Any, tick: float, rng: Any) -> Fit:
    mean, cv, distance = _nearest(name, times, tick)
    drawn = FAMILIES[name].law(mean, cv).rvs((RESAMPLES, len(times)), random_state=rng)
    rounded = np.round(drawn) if tick else drawn
    as_far = sum(_nearest(name, row, tick)[2] >= distance for row in rounded)
    return Fit(name, mean, cv, distance, (1 + as_far) / (1 + RESAMPLES))


def _nearest(name: str, times: Any, tick: float) -> tuple[float, float, float]:
    """Return the fit to times, and its distance from them."""
    positive = np.maximum(times, tick / 2 or 1e-9)
    mean, cv = FAMILIES[name].fit(positive)
    chances = FAMILIES[name].law(mean, cv).cdf(np.sort(positive))
    steps = np.arange(len(times) + 1) / len(times)
    return mean, cv, float(max((steps[1:] - chances).max(), (chances - steps[:-1]).max()))
