"""Distributions fitted to observed times, and how well each one fits.

Fits are by maximum likelihood. The distance is Kolmogorov and Smirnov's, its p by parametric bootstrap: how often
a sample of the fitted distribution, rounded as a log rounds and fitted again, lies as far from its own fit. If
many times are rounded to 0, a true distribution is rejected more often than p says.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from . import weibull

RESAMPLES = 199
TESTED_MAX = 5_000  # values used to test the distance, drawn at random if there are more
P_MIN = 0.05  # a distribution with less does not fit
SEED = 1
EMPIRICAL = "empirical"
VARIANCES = (1e-9, 50.0)  # of logarithms: times that are all the same, and such as are beyond any clock
TABLED = 10_000  # times that stand for a distribution that the engine does not have


class Fit(NamedTuple):
    """A distribution, by its mean and its coefficient of variation, and how well it fits."""

    name: str  # one of FAMILIES, or EMPIRICAL
    mean_s: float
    cv: float
    distance: float
    p: float


class Family(NamedTuple):
    """A family of distributions by mean and coefficient of variation; arrays are rows of times."""

    fit: Callable[[Any], tuple[Any, Any]]
    chance: Callable[[Any, Any, Any], Any]  # of being below times
    quantile: Callable[[Any, Any, Any], Any]  # at such chances


def _fit_exponential(times: Any) -> tuple[Any, Any]:
    mean = times.mean(axis=-1, keepdims=True)
    return mean, np.ones_like(mean)


def _fit_lognormal(times: Any) -> tuple[Any, Any]:
    logs = np.log(times)
    variance = np.clip(logs.var(axis=-1, keepdims=True), *VARIANCES)
    return np.exp(logs.mean(axis=-1, keepdims=True) + variance / 2), np.sqrt(np.expm1(variance))


def _fit_gamma(times: Any) -> tuple[Any, Any]:
    """Fit the shape by Newton's method, in 1 / shape (Minka, Estimating a Gamma distribution, 2002)."""
    mean = times.mean(axis=-1, keepdims=True)
    gap = np.maximum(np.log(mean) - np.log(times).mean(axis=-1, keepdims=True), 1e-9)
    shape = (3 - gap + np.sqrt((gap - 3) ** 2 + 24 * gap)) / (12 * gap)
    for _ in range(5):
        miss = np.log(shape) - special.digamma(shape) - gap
        shape = 1 / (1 / shape + miss / (shape**2 * (1 / shape - special.polygamma(1, shape))))
    return mean, shape**-0.5


def _lognormal(mean: Any, cv: Any) -> tuple[Any, Any]:
    """Return mean and deviation of the logarithm."""
    variance = np.log1p(cv * cv)
    return np.log(mean) - variance / 2, np.sqrt(variance)


def _chance_lognormal(times: Any, mean: Any, cv: Any) -> Any:
    middle, deviation = _lognormal(mean, cv)
    return special.ndtr((np.log(times) - middle) / deviation)


def _quantile_lognormal(chances: Any, mean: Any, cv: Any) -> Any:
    middle, deviation = _lognormal(mean, cv)
    return np.exp(middle + deviation * special.ndtri(chances))


FAMILIES = {
    "exponential": Family(
        _fit_exponential,
        lambda times, mean, cv: -np.expm1(-times / mean),
        lambda chances, mean, cv: -mean * np.log1p(-chances),
    ),
    "lognormal": Family(_fit_lognormal, _chance_lognormal, _quantile_lognormal),
    "gamma": Family(
        _fit_gamma,
        lambda times, mean, cv: special.gammainc(cv**-2, times / (mean * cv**2)),
        lambda chances, mean, cv: mean * cv**2 * special.gammaincinv(cv**-2, chances),
    ),
    "weibull": Family(weibull.fit, weibull.chance, weibull.quantile),
}
OF_THE_ENGINE = frozenset({"exponential", "lognormal", "gamma"})


def fits(times: Sequence[float]) -> list[Fit]:
    """Return a fit of each family, the nearest first. Times are >= 0; 0 stands for half of the log's tick."""
    rng = np.random.default_rng(SEED)
    found = np.asarray(times, float)
    tested = rng.choice(found, TESTED_MAX, replace=False) if len(found) > TESTED_MAX else found
    tick = 1.0 if np.all(tested == np.round(tested)) else 0.0
    return sorted((fit(name, tested, tick, rng) for name in FAMILIES), key=lambda one: one.distance)


def fit(name: str, times: Any, tick: float, rng: Any) -> Fit:
    """Return the fit of a family to times that the log rounds to `tick`; 0: it does not."""
    mean, cv, distance = (float(found[0]) for found in _nearest(name, times, tick))
    drawn = FAMILIES[name].quantile(rng.uniform(size=(RESAMPLES, len(times))), mean, cv)
    as_far = _nearest(name, np.round(drawn) if tick else drawn, tick)[2] >= distance
    return Fit(name, mean, cv, distance, (1 + int(as_far.sum())) / (1 + RESAMPLES))


def best(found: Sequence[Fit], times: Sequence[float]) -> Fit:
    """Return the nearest fit of those that are not refused; the times themselves where all are."""
    for one in found:
        if one.p >= P_MIN:
            return one
    mean = float(np.mean(times))
    return Fit(EMPIRICAL, mean, float(np.std(times)) / mean if mean else 0.0, 0.0, 1.0)


def drawn_from(taken: Fit, times: Any) -> Any | None:
    """Return the times that the engine draws from; None: it has the distribution itself.

    They are the times themselves, or equally likely quantiles with the mean of the distribution.
    """
    if taken.name in OF_THE_ENGINE:
        return None
    if taken.name == EMPIRICAL:
        return times
    parts = (np.arange(TABLED) + 0.5) / TABLED
    found = FAMILIES[taken.name].quantile(parts, taken.mean_s, taken.cv)
    return found * (taken.mean_s / found.mean())


def _nearest(name: str, times: Any, tick: float) -> tuple[Any, Any, Any]:
    """Return the fit to each row of times, and its distance from them."""
    positive = np.sort(np.maximum(times, tick / 2 or 1e-9), axis=-1)
    mean, cv = FAMILIES[name].fit(positive)
    chances = FAMILIES[name].chance(positive, mean, cv)
    steps = np.arange(positive.shape[-1] + 1) / positive.shape[-1]
    distance = np.maximum((steps[1:] - chances).max(axis=-1), (chances - steps[:-1]).max(axis=-1))
    return mean[..., 0].reshape(-1), cv[..., 0].reshape(-1), distance.reshape(-1)
