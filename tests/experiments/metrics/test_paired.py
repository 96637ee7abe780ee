"""Paired comparisons, against scipy's tests and by hand where values are infinite or missing."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterstorm.experiments.metrics.intervals import Estimate
from meterstorm.experiments.metrics.paired import paired, sign_test
from scipy import stats

INF = math.inf
NUMBERS = st.integers(-1000, 1000).map(lambda number: number / 8)  # sums of them are exact
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=20)


@given(PAIRS, st.sampled_from([0.8, 0.95, 0.999]))
def test_finite_values_are_compared_as_the_paired_t_test_does(pairs, confidence):
    ours, theirs = zip(*pairs, strict=True)
    found = paired(ours, theirs, confidence)
    assert (found.n, found.left_out, found.infinite, found.baseline_infinite) == (len(pairs), 0, 0, 0)
    assert (found.test, found.median_difference) == ("t", None)
    assert found.mean == pytest.approx(sum(ours) / len(ours))
    assert found.baseline_mean == pytest.approx(sum(theirs) / len(theirs))
    assert found.difference.mean == pytest.approx(found.mean - found.baseline_mean, abs=1e-9)
    differences = [a - b for a, b in pairs]
    if min(differences) < max(differences):
        test = stats.ttest_rel(ours, theirs)
        low, high = test.confidence_interval(confidence)
        assert found.p == pytest.approx(test.pvalue, rel=1e-6)
        assert 2 * found.difference.half_width == pytest.approx(high - low)
    else:
        assert (found.difference.half_width, found.p) == (0, float(differences[0] == 0))


@given(PAIRS, st.lists(st.booleans(), min_size=40, max_size=40))
def test_infinite_values_are_compared_by_their_order_only(pairs, are_infinite):
    ours = [INF if gone else a for (a, _), gone in zip(pairs, are_infinite, strict=False)]
    theirs = [INF if gone else b for (_, b), gone in zip(pairs, are_infinite[20:], strict=False)]
    wins, losses = (
        sum(map(float.__gt__, map(float, x), map(float, y))) for x, y in ((ours, theirs), (theirs, ours))
    )
    p = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert sign_test(ours, theirs) == pytest.approx(p)
    found = paired(ours, theirs)
    if INF in ours or INF in theirs:
        assert (found.test, found.difference) == ("sign", None)
        assert found.p == pytest.approx(p)
        assert found.sign == (wins > losses) - (wins < losses)
    else:
        assert found.sign == (sum(ours) > sum(theirs)) - (sum(ours) < sum(theirs))


def test_the_sign_is_that_of_most_pairs_and_not_of_infinite_values():
    """One is never served, and in each of 19 pairs it is less: less, by the sign test."""
    found = paired([INF, *[1.0] * 19], [2.0] * 20)
    assert (found.infinite, found.baseline_infinite, found.sign) == (1, 0, -1)
    assert found.p == pytest.approx(2 * 21 / 2**20)
    assert paired([2.0] * 20, [INF, *[1.0] * 19]).sign == 1


def test_infinite_values_by_hand():
    found = paired([INF, INF, 5.0, 9.0, 1.0], [INF, 3.0, 2.0, 2.0, 7.0])
    assert (found.n, found.infinite, found.baseline_infinite) == (5, 2, 1)
    assert (found.mean, found.baseline_mean, found.difference) == (None, None, None)
    assert found.median_difference == 3  # of 3, 7 and -6
    assert found.p == pytest.approx(2 * (1 + 4) / 16)  # three of four are larger: one or none is less


def test_the_mean_of_the_side_that_is_finite_is_kept():
    found = paired([INF, INF], [3.0, 5.0])
    assert (found.mean, found.baseline_mean) == (None, 4.0)
    assert (found.median_difference, found.p) == (None, 0.5)


def test_a_replication_in_which_one_does_not_apply_is_left_out_of_both():
    found = paired([1.0, None, 3.0, 7.0], [0.0, 9.0, None, 2.0])
    assert (found.n, found.left_out, found.mean, found.baseline_mean) == (2, 2, 4.0, 1.0)
    assert found.difference.mean == 3
    assert paired([1.0, 7.0], [0.0, 2.0]) == found._replace(left_out=0)


def test_an_infinite_value_whose_partner_is_missing_does_not_count():
    assert paired([INF, 2.0, 3.0], [None, 1.0, 1.0]).test == "t"


@pytest.mark.parametrize("values", [[], [None, None]])
def test_without_a_pair_there_is_nothing_to_say(values):
    found = paired(values, [1.0] * len(values))
    assert found == (0, len(values), None, None, 0, 0, None, None, None, None, 0)


def test_one_replication_has_a_difference_and_no_interval():
    found = paired([3.0], [1.0])
    assert (found.difference, found.test, found.p) == (Estimate(2.0, None), None, None)
    found = paired([INF], [1.0])
    assert (found.infinite, found.difference, found.test, found.p) == (1, None, None, None)


def test_values_that_are_not_of_the_same_replications_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        paired([1.0, 2.0], [1.0])
