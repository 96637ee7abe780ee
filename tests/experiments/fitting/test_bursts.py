"""Bursts: what comes at random has none; those that are planted are found, as many as there are."""

import numpy as np
import pytest
from meterstorm.experiments.fitting.arrivals import HOUR_S, WEEK_H, WEEK_S, arrivals
from meterstorm.experiments.fitting.bursts import TOLD_MAX_S, WINDOWS_S, bursts

MONDAY = "2024-01-01T00:00:00"
WEEKS = 20
BUSY = np.array([0.2 + 3.0 * (day < 5) * (8 <= hour < 18) for day in range(7) for hour in range(24)])
TOLD = WINDOWS_S.index(TOLD_MAX_S)


def at_random(an_hour, number):
    """A Poisson process, far busier in working hours."""
    rng = np.random.default_rng(number)
    counts = rng.poisson(np.tile(BUSY * an_hour, WEEKS))
    return np.repeat(np.arange(WEEKS * WEEK_H), counts) * HOUR_S + rng.uniform(0, HOUR_S, counts.sum())


def of(times, tick_s=0.0, weeks=WEEKS):
    return bursts(times, arrivals(times, MONDAY, weeks * WEEK_S), MONDAY, tick_s)


@pytest.mark.parametrize("an_hour", [1.0, 20.0])
def test_launches_at_random_have_no_bursts_however_busy_the_hours(an_hour):
    found = of(at_random(an_hour, 1))
    assert found.is_by_chance
    assert found.seen == pytest.approx(found.at_random, abs=0.03)


@pytest.mark.parametrize("also", [0.05, 0.5])
def test_launches_that_bring_another_one_are_found(also):
    """A share of launches has another one 0.5 s later: of all launches they are also / (1 + also)."""
    times = at_random(2.0, 2)
    second = np.random.default_rng(3).uniform(size=len(times)) < also
    found = of(np.concatenate([times, times[second] + 0.5]))
    assert not found.is_by_chance
    assert found.seen[0] - found.at_random[0] == pytest.approx(also / (1 + also), rel=0.15)


def test_even_launches_have_fewer_than_chance():
    found = of(np.arange(0.0, WEEKS * WEEK_S, TOLD_MAX_S + 1.0))
    assert found.is_by_chance
    assert (found.seen[TOLD], found.seen[TOLD + 1]) == (0.0, 1.0)


@pytest.mark.parametrize("gap_s", [3.0, 10.0, 40.0, 60.0, 61.0, 200.0])
def test_launches_at_even_gaps_are_no_bursts_however_short_the_gaps(gap_s):
    """Each comes within 60 s after another one, which is more than chance has, and yet none come together."""
    assert of(np.arange(0.0, WEEK_S, gap_s), 1.0, 1).is_by_chance


def test_even_launches_of_working_hours_are_no_bursts():
    """The nights between would make their mean gap three times as long."""
    times = np.arange(0.0, 4 * WEEK_S, 40.0)
    assert of(times[np.tile(BUSY, 4)[(times // HOUR_S).astype(int)] > 1.0], 1.0, 4).is_by_chance


@pytest.mark.parametrize(("an_hour", "told_s"), [(10, 60.0), (120, 10.0), (600, 1.0)])
def test_clusters_are_found_however_busy_the_site(an_hour, told_s):
    """Five launches within 2 s: at 600 an hour nearly all launches come within 60 s after another one."""
    rng = np.random.default_rng(4)
    begins = rng.uniform(0.0, WEEK_S, rng.poisson(an_hour / 5 * WEEK_H))
    times = (begins[:, None] + rng.uniform(0.0, 2.0, (len(begins), 5))).ravel()
    found = of(times[times < WEEK_S], 0.0, 1)
    assert not found.is_by_chance
    assert WINDOWS_S[found.told] == told_s
    assert found.seen[found.told] > 0.7


@pytest.mark.parametrize("an_hour", [10.0, 60.0, 400.0])
def test_launches_at_random_have_no_bursts_in_whole_seconds_either(an_hour):
    """A gap that is logged as 60 s may be one of nearly 61 s, as often as one of 59 s."""
    weeks = 52
    rng = np.random.default_rng(5)
    times = np.floor(np.sort(rng.uniform(0.0, weeks * WEEK_S, rng.poisson(an_hour * weeks * WEEK_H))))
    found = of(times, 1.0, weeks)
    assert found.is_by_chance
    assert found.seen == pytest.approx(found.at_random, abs=0.005)
