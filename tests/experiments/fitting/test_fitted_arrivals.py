"""Launches by hour of the week, bursts, idle time-outs: planted, and found again."""

import numpy as np
import pytest
from meterstorm.experiments.fitting.arrivals import (
    HOUR_S,
    WEEK_H,
    WEEK_S,
    arrivals,
    operational,
    operational_gaps,
    profile,
)
from meterstorm.experiments.fitting.spikes import spikes
from scipy import stats

from support.lab import CONFIDENCE

MONDAY, THURSDAY = "2024-01-01T00:00:00", "2024-01-04T10:30:00"
SHAPE = np.array([0.2 + 3.0 * (day < 5) * (8 <= hour < 18) for day in range(7) for hour in range(24)])


def launches(weeks, an_hour, number, begin_s=0.0):
    """A Poisson process with the rate of SHAPE, from so long after a Monday on."""
    rng = np.random.default_rng(number)
    counts = rng.poisson(np.tile(SHAPE * an_hour, weeks + 1))
    times = np.repeat(np.arange(len(counts)), counts) * HOUR_S + rng.uniform(0, HOUR_S, counts.sum())
    return np.sort(times[(times >= begin_s) & (times < begin_s + weeks * WEEK_S)] - begin_s)


@pytest.mark.parametrize(("origin", "begin_s"), [(MONDAY, 0.0), (THURSDAY, 3 * 86400.0 + 10.5 * HOUR_S)])
def test_the_profile_of_a_week_is_found_again(origin, begin_s):
    weeks, an_hour = 10, 20.0
    found = arrivals(launches(weeks, an_hour, 1, begin_s), origin, weeks * WEEK_S)
    counts = found.factors * found.rate_per_s * HOUR_S * weeks
    expected = SHAPE * an_hour * weeks
    assert ((counts - expected) ** 2 / expected).sum() < stats.chi2.ppf(CONFIDENCE, WEEK_H)
    assert found.business_share == pytest.approx(50 * 3.2 / SHAPE.sum(), abs=0.02)
    assert found.factors.mean() == pytest.approx(1.0)


@pytest.mark.parametrize("burst", [1, 2, 5])
def test_bursts_vary_as_many_times_as_they_are_large(burst):
    weeks = 12
    times = np.repeat(launches(weeks, 4.0, 2), burst)
    found = arrivals(times, MONDAY, weeks * WEEK_S)
    free = (weeks - 1) * WEEK_H
    low, high = stats.chi2.interval(CONFIDENCE, free)
    assert burst * low / free * 0.97 < found.dispersion < burst * high / free * 1.03


def test_constant_intervals_do_not_vary():
    found = arrivals(np.arange(1, 2000) * 600.0, MONDAY, 2000 * 600.0)
    assert found.cv == pytest.approx(0.0, abs=1e-9)
    assert found.rate_per_s == pytest.approx(1 / 600.0, rel=0.01)


def test_hours_that_the_log_does_not_have_are_those_of_their_time_of_day():
    times = np.concatenate([86400.0 * day + 9 * HOUR_S + np.arange(60) * 60.0 for day in range(2)])
    factors = arrivals(times, MONDAY, 2 * 86400.0).factors.reshape(7, 24)
    assert (factors == factors[0]).all() and factors[0].nonzero()[0].tolist() == [9]


def test_the_engine_s_profile_has_the_mean_of_the_hours():
    found = arrivals(launches(4, 5.0, 3), MONDAY, 4 * WEEK_S)
    points = np.array(profile(found))
    assert (points[0, 0], points[-1, 0]) == (0.0, WEEK_H)
    assert np.trapezoid(points[:, 1], points[:, 0]) == pytest.approx(WEEK_H)
    assert points[1:-1, 1] == pytest.approx(found.factors)


def test_in_time_that_goes_as_fast_as_launches_come_they_are_a_poisson_process():
    weeks = 8
    times = launches(weeks, 3.0, 4)
    found = arrivals(times, MONDAY, weeks * WEEK_S)
    gaps = operational_gaps([times], found, MONDAY)
    assert gaps.mean() * len(times) == pytest.approx(weeks * WEEK_S, rel=0.01)
    assert stats.kstest(gaps / gaps.mean(), "expon").pvalue > 1e-3
    assert stats.kstest(np.diff(times) / np.diff(times).mean(), "expon").pvalue < 1e-9
    assert operational(np.array([0.0, WEEK_S, 2.5 * WEEK_S])[:2], found) == pytest.approx([0.0, WEEK_S])


@pytest.mark.parametrize("share", [0.03, 0.1])
@pytest.mark.parametrize("time_s", [1800.0, 7200.0])
def test_idle_time_outs_are_found(share, time_s):
    rng = np.random.default_rng(7)
    times = np.round(rng.lognormal(7.5, 1.5, 4000))
    cut = rng.choice(4000, round(share * 4000), replace=False)
    times[cut] = np.round(time_s + rng.uniform(-5, 5, len(cut)))
    (found,) = spikes(times)
    assert found.time_s == pytest.approx(time_s, abs=5.0)
    assert share <= found.share <= share + 0.02


@pytest.mark.parametrize("number", range(5))
def test_smooth_times_have_none(number):
    assert spikes(np.round(np.random.default_rng(number).lognormal(7.5, 1.5, 4000))) == []
