"""Distributions are found again, with their parameters; none is taken where none fits."""

import math

import numpy as np
import pytest
from meterstorm.experiments.fitting.families import EMPIRICAL, FAMILIES, P_MIN, TABLED, best, drawn_from, fit, fits
from scipy import optimize, special, stats

from support.lab import CONFIDENCE, is_by_chance

N = 1500
TRUE = [("exponential", 1.0), ("lognormal", 1.5), ("gamma", 0.5), ("gamma", 1.8), ("weibull", 0.5), ("weibull", 2)]
MEAN = 3000.0


def law(name, cv, mean=MEAN):
    """The distribution as scipy has it."""
    if name == "lognormal":
        sigma = math.sqrt(math.log1p(cv * cv))
        return stats.lognorm(sigma, scale=mean * math.exp(-sigma * sigma / 2))
    if name == "weibull":
        shape = optimize.brentq(lambda k: stats.weibull_min(k).std() / stats.weibull_min(k).mean() - cv, 0.1, 100)
        return stats.weibull_min(shape, scale=mean / special.gamma(1 + 1 / shape))
    return stats.gamma(cv**-2, scale=mean * cv**2)  # the exponential has a cv of 1


def drawn(name, cv, number, size=N):
    return law(name, cv).rvs(size, random_state=np.random.default_rng(number))


def estimate(name, times):
    """Mean and cv of a fit."""
    return tuple(float(value[0]) for value in FAMILIES[name].fit(np.asarray(times)))


@pytest.mark.parametrize(("name", "cv"), TRUE)
def test_a_family_is_found_again_with_its_parameters(name, cv):
    """The mean by its deviation, and the cv by that of its estimates from other samples."""
    found = fits(drawn(name, cv, 1))
    taken = best(found, [])
    if name != "exponential":  # which is a gamma distribution, too
        assert taken.name == name
    own = next(one for one in found if one.name == name)
    assert own.p >= P_MIN
    others = np.array([estimate(name, drawn(name, cv, number)) for number in range(2, 102)])
    for value, true, column in ((own.mean_s, MEAN, others[:, 0]), (own.cv, cv, others[:, 1])):
        width = stats.norm.ppf(0.5 + CONFIDENCE / 2) * column.std()
        assert width < 0.35 * true
        assert value == pytest.approx(true, abs=width)
        assert column.mean() == pytest.approx(true, abs=width)


CASES = [
    ("exponential", False),
    ("lognormal", False),
    ("gamma", False),
    ("weibull", False),
    ("exponential", True),
    ("lognormal", True),
]


@pytest.mark.parametrize(("name", "rounded"), CASES)
def test_a_true_family_is_refused_as_seldom_as_p_says(name, rounded):
    """Times of ten seconds in whole seconds, too, whose ties alone would refuse any continuous distribution."""
    samples, refused, rng = 160, 0, np.random.default_rng(0)
    for number in range(samples):
        times = drawn(name, 1.0 if name == "exponential" else 1.4, number, 150) / (300.0 if rounded else 1.0)
        refused += fit(name, np.round(times) if rounded else times, float(rounded), rng).p < P_MIN
    assert is_by_chance(refused, samples, P_MIN)


def test_where_none_fits_the_times_themselves_are_taken():
    times = np.concatenate([drawn("exponential", 1.0, 1), np.full(N // 5, 7200.0)])
    found = fits(times)
    assert max(one.p for one in found) < P_MIN
    taken = best(found, times)
    assert (taken.name, taken.mean_s) == (EMPIRICAL, pytest.approx(times.mean()))
    assert taken.cv == pytest.approx(times.std() / times.mean())


def test_distances_are_those_of_scipy():
    times = drawn("gamma", 1.8, 5)
    for one in fits(times):
        assert one.distance == pytest.approx(
            stats.kstest(times, law(one.name, one.cv, one.mean_s).cdf).statistic, abs=1e-9
        )


def test_the_likelihood_is_at_its_maximum():
    times = drawn("gamma", 1.2, 6)
    for name in ("lognormal", "gamma", "weibull"):
        mean, cv = estimate(name, times)
        top = law(name, cv, mean).logpdf(times).sum()
        for a, b in ((1.01, 1.0), (0.99, 1.0), (1.0, 1.01), (1.0, 0.99)):
            assert law(name, cv * b, mean * a).logpdf(times).sum() < top


def test_times_of_0_count_as_half_a_tick():
    found = fits([0.0] * 10 + [1.0] * 30 + [2.0] * 20)
    assert all(math.isfinite(one.mean_s) and one.cv > 0 for one in found)


@pytest.mark.parametrize("name", FAMILIES)
def test_quantiles_and_chances_are_those_of_scipy(name):
    parts, cv = np.linspace(0.01, 0.99, 50), 1.0 if name == "exponential" else 1.3
    quantiles = FAMILIES[name].quantile(parts, MEAN, cv)
    assert quantiles == pytest.approx(law(name, cv).ppf(parts))
    assert FAMILIES[name].chance(quantiles, MEAN, cv) == pytest.approx(parts)


@pytest.mark.parametrize("cv", [0.3, 1.7])
def test_what_the_engine_does_not_have_is_drawn_from_quantiles(cv):
    taken = fit("weibull", drawn("weibull", cv, 3), 0.0, np.random.default_rng(0))
    table = drawn_from(taken, None)
    assert len(table) == TABLED
    assert table.mean() == pytest.approx(taken.mean_s)
    assert stats.kstest(table, law("weibull", taken.cv, taken.mean_s).cdf).statistic < 1e-3
    assert drawn_from(taken._replace(name="gamma"), None) is None


@pytest.mark.filterwarnings("error")
def test_times_that_are_all_the_same_are_fitted_too():
    found = fits([3600.0] * 50)
    assert all(0 <= one.distance <= 1 for one in found)
    taken = best(found, [])
    assert (taken.mean_s, taken.cv) == (pytest.approx(3600.0, rel=1e-3), pytest.approx(0.0, abs=0.01))
