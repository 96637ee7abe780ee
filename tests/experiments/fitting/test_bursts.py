"""Bursts: what comes at random has none; those that are planted are found, as many as there are."""

import numpy as np
import pytest
from meterstorm.experiments.fitting.arrivals import HOUR_S, WEEK_H, WEEK_S, arrivals
from meterstorm.experiments.fitting.bursts import TOLD_S, WINDOWS_S, bursts

MONDAY = "2024-01-01T00:00:00"
WEEKS = 20
BUSY = np.array([0.2 + 3.0 * (day < 5) * (8 <= hour < 18) for day in range(7) for hour in range(24)])
TOLD = WINDOWS_S.index(TOLD_S)


def at_random(an_hour, number):
    """A Poisson process, far busier in working hours."""
    rng = np.random.default_rng(number)
    counts = rng.poisson(np.tile(BUSY * an_hour, WEEKS))
    return np.repeat(np.arange(WEEKS * WEEK_H), counts) * HOUR_S + rng.uniform(0, HOUR_S, counts.sum())


def of(times):
    return bursts(times, arrivals(times, MONDAY, WEEKS * WEEK_S), MONDAY)


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
    found = of(np.arange(0.0, WEEKS * WEEK_S, TOLD_S + 1.0))
    assert found.is_by_chance
    assert (found.seen[TOLD], found.seen[TOLD + 1]) == (0.0, 1.0)
