"""Intervals over replications, against scipy's."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterstorm.experiments.metrics.intervals import estimate, paired_difference
from scipy import stats

SAMPLES = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30)


def close(a: float, b: float, scale: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9 * max(1.0, scale))


@given(SAMPLES, st.sampled_from([0.9, 0.95, 0.99]))
def test_an_estimate_is_students_interval(values, confidence):
    found = estimate(values, confidence)
    scale = max(map(abs, values))
    assert close(found.mean, np.mean(values), scale)
    error = np.std(values, ddof=1) / math.sqrt(len(values))
    assert close(found.half_width, stats.t.isf((1 - confidence) / 2, len(values) - 1) * error, scale)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=2, max_size=30))
def test_a_paired_difference_is_that_of_the_paired_t_test(pairs):
    a, b = np.array(pairs).T
    found = paired_difference(a, b)
    differences = a - b
    scale = max(abs(a).max(), abs(b).max())
    if np.ptp(differences) > 1e-6 * scale:
        low, high = stats.ttest_rel(a, b).confidence_interval(0.95)
        assert close(found.mean - found.half_width, low, scale)
        assert close(found.mean + found.half_width, high, scale)


def test_pairing_removes_what_both_share():
    a, b = [1.0, 50.0, 900.0], [0.0, 49.0, 899.0]
    assert paired_difference(a, b) == (1.0, 0.0)
    assert estimate(a).half_width > 1000


@given(st.floats(1e-6, 1e9), st.lists(st.integers(-8, 8), min_size=2, max_size=30), st.floats(-1e6, 1e6))
def test_values_that_differ_in_their_last_bits_are_alike(value, steps, far):
    """So are differences of numbers that are alike, however small they are beside these."""
    noisy = [value + step * math.ulp(value) for step in steps]
    assert estimate(noisy).half_width == 0
    assert paired_difference(noisy, [value] * len(noisy)) == (0, 0)
    assert paired_difference(noisy, [far] * len(noisy)).half_width == 0


def test_values_that_differ_by_more_than_bits_are_not_alike():
    assert estimate([64.0, 64.0 + 1e-9]).half_width > 0
    assert paired_difference([64.0, 64.0 + 1e-9], [64.0, 64.0]).half_width > 0


def test_one_value_has_no_interval():
    assert estimate([4.0]) == (4.0, None)
    assert paired_difference([4.0], [1.0]) == (3.0, None)


def test_an_infinite_value_makes_the_mean_infinite():
    assert estimate([1.0, math.inf]) == (math.inf, math.inf)
    assert estimate([math.inf]) == (math.inf, None)


def test_pairs_must_match():
    with pytest.raises(ValueError, match="longer"):
        paired_difference([1.0], [1.0, 2.0])
