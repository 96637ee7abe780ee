"""Distributions are found again, with their parameters; none is taken where none fits."""

import math

import numpy as np
import pytest
from meterstorm.experiments.fitting.families import EMPIRICAL, FAMILIES, P_MIN, best, fits, law
from scipy import stats

from support.lab import CONFIDENCE, is_by_chance

N = 1500
TRUE = [("exponential", 1.0), ("lognormal", 1.5), ("gamma", 0.5), ("gamma", 1.8)]
MEAN = 3000.0


def drawn(name, cv, number, size=N):
    return FAMILIES[name].law(MEAN, cv).rvs(size, random_state=np.random.default_rng(number))


@pytest.mark.parametrize(("name", "cv"), TRUE)
def test_a_family_is_found_again_with_its_parameters(name, cv):
    """The mean by its deviation, and the cv by that of its estimates from other samples."""
    found = fits(drawn(name, cv, 1))
    taken = best(found, [])
    if name != "exponential":  # which is a gamma distribution, too
        assert taken.name == name
    fit = next(one for one in found if one.name == name)
    assert fit.p >= P_MIN
    others = np.array([FAMILIES[name].fit(drawn(name, cv, number)) for number in range(2, 102)])
    for value, true, column in ((fit.mean_s, MEAN, others[:, 0]), (fit.cv, cv, others[:, 1])):
        width = stats.norm.ppf(0.5 + CONFIDENCE / 2) * column.std()
        assert width < 0.35 * true
        assert value == pytest.approx(true, abs=width)
        assert column.mean() == pytest.approx(true, abs=width)


@pytest.mark.parametrize("name", ["exponential", "lognormal", "gamma"])
@pytest.mark.parametrize("rounded", [False, True])
def test_a_true_family_is_refused_as_seldom_as_p_says(name, rounded):
    """Short times in whole seconds, too, whose ties alone would refuse any continuous distribution."""
    samples, refused = 60, 0
    for number in range(samples):
        times = drawn(name, 1.0 if name == "exponential" else 1.4, number, 150) / (300.0 if rounded else 1.0)
        refused += next(fit for fit in fits(np.round(times) if rounded else times) if fit.name == name).p < P_MIN
    assert is_by_chance(refused, samples, P_MIN)


def test_where_none_fits_the_times_themselves_are_taken():
    times = np.concatenate([drawn("exponential", 1.0, 1), np.full(N // 5, 7200.0)])
    found = fits(times)
    assert max(fit.p for fit in found) < P_MIN
    taken = best(found, times)
    assert (taken.name, taken.mean_s) == (EMPIRICAL, pytest.approx(times.mean()))
    assert taken.cv == pytest.approx(times.std() / times.mean())


def test_distances_are_those_of_scipy():
    times = drawn("gamma", 1.8, 5)
    for fit in fits(times):
        assert fit.distance == pytest.approx(stats.kstest(times, law(fit).cdf).statistic, abs=1e-9)


def test_the_likelihood_is_at_its_maximum():
    times = drawn("gamma", 1.2, 6)
    for name in ("lognormal", "gamma"):
        mean, cv = FAMILIES[name].fit(times)
        top = FAMILIES[name].law(mean, cv).logpdf(times).sum()
        for a, b in ((1.01, 1.0), (0.99, 1.0), (1.0, 1.01), (1.0, 0.99)):
            assert FAMILIES[name].law(mean * a, cv * b).logpdf(times).sum() < top


def test_times_of_0_count_as_half_a_tick():
    found = fits([0.0] * 10 + [1.0] * 30 + [2.0] * 20)
    assert all(math.isfinite(fit.mean_s) and fit.cv > 0 for fit in found)
