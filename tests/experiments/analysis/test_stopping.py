"""The stop rule: goals, when there is enough, how many more, and how often intervals then cover the mean."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterstorm.experiments.analysis import coverage
from meterstorm.experiments.analysis.stopping import (
    LEAST,
    Goal,
    caveat,
    estimated_need,
    is_enough,
    obstacle,
    parse_goal,
    replications_needed,
)
from scipy import stats

VALUES = st.lists(st.floats(0, 1e6), min_size=2, max_size=80)
GOALS = st.builds(Goal, st.just("denials"), st.floats(1e-3, 1e3), st.booleans())


def half_width(values: list[float]) -> float:
    return float(stats.t.isf(0.025, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("denial_fraction:5%", Goal("denial_fraction", 0.05, True)),
        ("wait_s_mean:0.1", Goal("wait_s_mean", 0.1, False)),
        ("denials: .5 %", Goal("denials", 0.005, True)),
        ("time_to_recover_s:1e2", Goal("time_to_recover_s", 100.0, False)),
    ],
)
def test_goals(text: str, goal: Goal):
    assert parse_goal(text) == pytest.approx(goal)


@pytest.mark.parametrize("text", ["denials", "denials:", "denials:5 %%", "denials:0", "denials:-1", "denials:inf"])
def test_what_is_no_goal(text: str):
    with pytest.raises(ValueError, match="is not allowed; it must be METRIC:HALF-WIDTH") as error:
        parse_goal(text)
    assert text in str(error.value)


def test_a_goal_for_what_is_no_metric():
    with pytest.raises(ValueError, match=r'denial_fractoin is not a metric \(did you mean "denial_fraction"\?\)'):
        parse_goal("denial_fractoin:5%")


@given(VALUES, GOALS)
def test_enough_is_students_interval_within_the_goal(values, goal):
    wanted = goal.half_width * (abs(np.mean(values)) if goal.is_relative else 1)
    width = half_width(values)
    if math.isclose(width, wanted, rel_tol=1e-6, abs_tol=1e-9):
        return
    assert is_enough(values, goal) == (len(values) >= LEAST and width < wanted)


@given(VALUES, GOALS)
def test_looks_are_few_and_never_too_far(values, goal):
    needed, count = replications_needed(values, goal), len(values)
    if count < LEAST:
        assert needed == LEAST
    elif is_enough(values, goal):
        assert needed == count
    else:
        assert max(count + 10, 1.2 * count) <= needed <= max(count + 10, math.ceil(0.2 * count) + count, 2 * count)


def test_the_estimated_need_meets_the_goal_if_the_deviation_stays():
    values, goal = list(np.random.default_rng(1).normal(10, 3, 50)), Goal("denials", 0.02, True)
    need = estimated_need(values, goal)
    shrunk = half_width(values) * math.sqrt(50 / need)
    assert 0.99 * 0.02 * np.mean(values) < shrunk <= 0.02 * np.mean(values)
    assert replications_needed(values, goal) == 100 < need


def test_zeros_are_enough_after_the_least_number_and_what_they_may_hide_is_told():
    goal = Goal("denials", 0.05, True)
    assert [replications_needed([0.0] * n, goal) for n in (0, 1, 19, 20, 21)] == [20, 20, 20, 20, 21]
    words = caveat([0.0] * 20)
    assert words is not None and words.startswith("all 20 values are equal; what happens in 14 %")
    assert stats.binom.pmf(0, 20, 0.14) == pytest.approx(0.05, abs=0.002)
    assert caveat([0.0, 1.0]) is None


def test_a_mean_of_zero_that_varies_is_never_known_to_a_share_of_itself():
    values = [-1.0, 1.0] * 20
    assert not is_enough(values, Goal("denials", 0.5, True))
    assert replications_needed(values, Goal("denials", 0.5, True)) == 80
    assert is_enough(values, Goal("denials", 0.5, False))


@pytest.mark.parametrize(
    ("odd", "words"),
    [(math.inf, "it is infinite in 2 of 40 replications"), (None, "it does not apply in 2 of 40 replications")],
)
def test_infinite_and_missing_values_are_never_enough(odd: float | None, words: str):
    values = [odd, odd, *[1.0] * 38]
    goal = Goal("time_to_recover_s", 5.0, False)
    assert obstacle(values) == words
    assert not is_enough(values, goal)
    assert replications_needed(values, goal) == 50
    assert obstacle([1.0]) is None


@pytest.mark.parametrize("population", coverage.POPULATIONS[:4], ids=lambda population: population.name)
def test_intervals_cover_the_mean_nearly_as_often_as_they_say(population: coverage.Population):
    """By no more than 6 points less than 95 %, the price of stopping early; for a skewed population, too."""
    found = coverage.measure(population._replace(goal=2 * population.goal), 150)
    assert found.constant == 0
    assert stats.binomtest(found.covered, found.experiments, 0.89, "less").pvalue > 0.001


def test_what_is_rare_ends_as_often_with_equal_values_as_chance_has_it():
    rare = coverage.POPULATIONS[4]._replace(goal=0.5)
    found = coverage.measure(rare, 150)
    assert stats.binomtest(found.constant, 150, 0.98**LEAST).pvalue > 0.001
    assert found.covered <= found.experiments - found.constant
