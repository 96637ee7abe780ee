"""Shares of true denials, licenses needed, and intervals by days."""

import math

import numpy as np
import pytest
from meterstorm.experiments.whatif import answers, days
from meterstorm.experiments.whatif.demand import DAY_S, demands
from meterstorm.experiments.whatif.oracle import GIVE_UP, Fate, Rules
from scipy import stats

from support.made_sites import of_sessions, site

RULES = Rules((), GIVE_UP)


def demand_of(made):
    (found,) = demands(made).values()
    return found


def alike(users, count):
    """On each of so many days as many users come at once, for an hour."""
    rows = [
        (DAY_S * day + 1000.0 + n, DAY_S * day + 4600.0, f"u{n}") for day in range(count) for n in range(users)
    ]
    return demand_of(of_sessions(rows, users, DAY_S * count))


@pytest.mark.parametrize(("target", "expected"), [(0.0, 20), (0.04, 20), (0.05, 19), (0.1, 18), (0.99, 1)])
def test_as_many_licenses_are_needed_as_leave_the_share_that_is_allowed(target, expected):
    """Of 20 at once, each license less denies one; and on days that are alike all resamples say the same."""
    assert answers.needed(alike(20, 6), RULES, 300.0, 200, target) == (expected, expected, expected)


def test_licenses_needed_are_at_least_those_of_the_worst_days_if_nobody_may_be_denied():
    rows = [(DAY_S * day + n, DAY_S * day + 3600.0, f"u{n}") for day in range(10) for n in range(5 + (day == 3))]
    needed = answers.needed(demand_of(of_sessions(rows, 6, 10 * DAY_S)), RULES, 300.0, 400, 0.0)
    assert needed == (6, 5, 6)  # a third of the resamples has no day like the fourth


@pytest.mark.parametrize(("again_s", "denied"), [(299.0, 0), (300.0, 0), (301.0, 1)])
def test_a_denial_is_true_unless_its_user_has_a_license_within_the_window(again_s, denied):
    times = [0.0, 1.0, 1.0 + again_s]
    events = list(zip(times, ["out", "denied", "out"], ["a", "b", "b"], strict=True))
    demand = demand_of(site(events, [(0.0, 50.0, "a"), (times[2], 900.0, "b")], 1, 1000.0))
    found = answers.exact(demand, Rules(demand.owned), 300.0, 200, None)
    assert (found.denials.value, found.denied.value) == (1, denied)
    assert found.wait_s.value == (None if again_s > 300.0 else pytest.approx(again_s, abs=1.0))


def test_another_launch_of_the_user_may_have_the_license():
    rows = [(0.0, 100.0, "a"), (10.0, 20.0, "b"), (110.0, 120.0, "b")]
    demand = demand_of(of_sessions(rows, 1, 1000.0))
    assert answers.exact(demand, RULES, 100.0, 200, 1).denied.value == 0
    assert answers.exact(demand, RULES, 99.0, 200, 1).denied.value == 1


@pytest.mark.parametrize("count", [1, 4, 5])
def test_with_few_days_there_are_no_intervals(count):
    found = answers.exact(alike(4, count), RULES, 300.0, 200, 3)
    assert (found.share.value, found.denied.value) == (0.25, count)
    assert (found.share.low is None) == (count < days.DAYS_MIN) == (found.denials.low is None)
    assert (answers.needed(alike(4, count), RULES, 300.0, 200, 0.0).low is None) == (count < days.DAYS_MIN)


def test_intervals_are_those_of_sums_of_independent_days():
    """Of many days the sum is normal: its interval is as wide as its deviation says."""
    by_day = np.zeros((400, len(days.COLUMNS)))
    by_day[:, days.LAUNCHES] = 100
    by_day[:, days.DENIED] = np.random.default_rng(5).binomial(100, 0.1, 400)
    drawn = days.draws(400, 4000)
    width = 2 * stats.norm.ppf(0.975) * by_day[:, days.DENIED].std() * math.sqrt(400)
    value, low, high = days.total(by_day, drawn, days.DENIED)
    assert high - low == pytest.approx(width, rel=0.06) and low < value < high
    share = days.ratio(by_day, drawn, days.DENIED, days.LAUNCHES)
    assert share == pytest.approx((value / 40_000, low / 40_000, high / 40_000))


def test_days_are_counted_apart():
    demand = alike(2, 3)
    fates = [Fate(0, launch.attempts_s[0]) for launch in demand.launches]
    fates[2:4] = [Fate(3, math.inf), Fate(1, demand.launches[3].attempts_s[0] + 60.0)]
    assert days.counts(demand, fates, 300.0).tolist() == [[2, 0, 0, 0, 0], [2, 4, 1, 60, 1], [2, 0, 0, 0, 0]]
