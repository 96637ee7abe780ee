"""Many comparisons at once: by hand, and how often they are right where the truth is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterstorm.experiments.comparisons.families import bonferroni, compare, holm
from meterstorm.experiments.metrics.paired import paired

from support.lab import is_by_chance

INF = math.inf
TRUTH = 0.7  # by which the arm exceeds its baseline
N = 8


def test_bonferroni_shares_the_risk():
    assert bonferroni(0.95, 1) == pytest.approx(0.95)
    assert bonferroni(0.95, 10) == pytest.approx(0.995)
    assert bonferroni(0.9, 4) == pytest.approx(0.975)
    assert bonferroni(0.9, 0) == pytest.approx(0.9)


def test_holm_by_hand():
    assert holm([]) == []
    assert holm([0.03]) == [0.03]
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])  # 3 x 0.01, then 2 x 0.03 is the most
    assert holm([0.5, 0.001, 0.4, 0.02]) == pytest.approx([0.8, 0.004, 0.8, 0.06])
    assert holm([0.6, 0.6]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_keeps_the_order_and_lies_between_p_and_bonferroni(ps):
    adjusted = holm(ps)
    assert all(p <= found <= min(1.0, p * len(ps)) for p, found in zip(ps, adjusted, strict=True))
    order = np.argsort(ps, kind="stable")
    assert np.all(np.diff(np.array(adjusted)[order]) >= 0)
    if ps:
        assert adjusted[order[0]] == min(1.0, ps[order[0]] * len(ps))


def test_only_comparisons_that_are_tested_count():
    pairs = [([1.0, 2.5], [0.0, 1.0]), ([None, 1.0], [0.0, 0.0]), ([INF, 3.0], [2.0, 5.0]), ([], [])]
    tested, single, infinite, nothing = compare(pairs)
    assert {one.family for one in (tested, single, infinite, nothing)} == {2}
    assert tested.paired == paired(*pairs[0])
    assert (
        tested.simultaneous == paired(*pairs[0], 0.975).difference.half_width > tested.paired.difference.half_width
    )
    assert [one.p_holm for one in (tested, infinite)] == holm([tested.paired.p, infinite.paired.p])
    assert (infinite.simultaneous, single.simultaneous, single.p_holm, nothing.p_holm) == (None,) * 4


def test_a_single_comparison_is_not_corrected():
    (one,) = compare([([1.0, 2.5, 2.0], [0.0, 1.0, 0.0])], 0.9)
    assert one.family == 1
    assert one.simultaneous == pytest.approx(one.paired.difference.half_width)
    assert one.p_holm == one.paired.p


def drawn(family: int, truth: float, seed: int, runs: int):
    """Families of comparisons of normal values whose noise is mostly that of the replication, shared by both."""
    draw = np.random.default_rng(seed)
    for _ in range(runs):
        common = draw.normal(0, 10, (family, N))
        baseline, noise = common + draw.normal(0, 1, (family, N)), draw.normal(0, 2, (family, N))
        yield compare([*zip(common + noise + truth, baseline, strict=True)], 0.9)


def covers(one, half_width: float) -> bool:
    return bool(abs(one.paired.difference.mean - TRUTH) <= half_width)


def test_intervals_cover_the_truth_as_often_as_they_say():
    found = [one for (one,) in drawn(1, TRUTH, 1, 1500)]
    assert is_by_chance(sum(covers(one, one.paired.difference.half_width) for one in found), 1500, 0.9)
    widths = [one.paired.difference.half_width for one in found]
    assert np.mean(widths) < 2.5  # t(7) at 90 % of sqrt(5 / 8) is 1.5: the shared noise of 10 cancels out


def test_simultaneous_intervals_all_hold_as_often_as_they_say():
    """Of independent comparisons, by (1 - 0.1 / 5) ** 5; each by itself, together seldom enough to see it."""
    found = list(drawn(5, TRUTH, 2, 1000))
    together = sum(all(covers(one, one.simultaneous) for one in family) for family in found)
    assert is_by_chance(together, 1000, 0.98**5)
    alone = sum(all(covers(one, one.paired.difference.half_width) for one in family) for family in found)
    assert is_by_chance(alone, 1000, 0.9**5)


def test_holm_finds_a_difference_where_there_is_none_as_seldom_as_it_says():
    found = list(drawn(5, 0.0, 3, 1000))
    wrong = sum(any(one.p_holm <= 0.1 for one in family) for family in found)
    assert is_by_chance(wrong, 1000, 1 - 0.98**5)
    careless = sum(any(one.paired.p <= 0.1 for one in family) for family in found)
    assert is_by_chance(careless, 1000, 1 - 0.9**5)


def test_the_sign_test_errs_as_often_as_it_says():
    """Of 9 fair signs, 0, 1, 8 or 9 are positive with a chance of 20 / 512; that is where p is below 0.05."""
    draw, wrong = np.random.default_rng(4), 0
    for _ in range(2000):
        ours, theirs = (np.where(draw.random(9) < 0.3, INF, draw.random(9)) for _ in range(2))
        theirs[np.isinf(ours)] = draw.random(np.isinf(ours).sum())  # no ties
        swapped = draw.random(9) < 0.5
        a, b = np.where(swapped, theirs, ours), np.where(swapped, ours, theirs)
        ((one),) = compare([([INF, *a], [INF, *b])])
        assert one.paired.test == "sign"
        wrong += one.paired.p < 0.05
    assert is_by_chance(wrong, 2000, 20 / 512)
