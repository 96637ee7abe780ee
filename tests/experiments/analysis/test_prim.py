"""PRIM finds boxes that were planted, words and parameters that do not apply among them, and none in noise."""

import math
from typing import Any

import numpy as np
import pytest
from meterstorm.experiments.analysis.boxes import Column, Levels, Span, column, mask
from meterstorm.experiments.analysis.prim import CHANCE_MAX, QUASI_P_MAX, Discovery, discover, quasi_p, search
from scipy import stats

POINTS = 400


def drawn(seed: int, axes: int = 4, points: int = POINTS) -> tuple[list[Column], Any, Any]:
    draws = np.random.default_rng(seed)
    x = draws.random((points, axes))
    return [column(f"x{i}", x[:, i]) for i in range(axes)], x, draws


def restrictions(found: Discovery, box: int = 0) -> dict[int, Any]:
    return {one.column: one.kept for one in found.boxes[box].restrictions}


@pytest.mark.parametrize("seed", range(3))
def test_a_planted_box_is_recovered(seed: int):
    columns, x, _ = drawn(seed)
    bad = (x[:, 0] > 0.5) & (x[:, 2] > 0.2) & (x[:, 2] < 0.7)
    found = discover(columns, bad.astype(float))
    (box,) = found.boxes
    kept = restrictions(found)
    assert set(kept) == {0, 2}
    inside = mask(columns, tuple(kept.get(i, Span()) for i in range(4)))
    assert (inside != bad).sum() <= 0.02 * POINTS
    assert box.density == bad[inside].mean() and box.mass == inside.mean()
    assert box.coverage == bad[inside].sum() / bad.sum()
    assert box.density_held_out > 0.8
    assert all(one.quasi_p < 1e-6 for one in box.restrictions)


def test_a_planted_box_in_noise_is_recovered():
    columns, x, draws = drawn(4, points=1000)
    planted = (x[:, 1] < 0.4) & (x[:, 3] > 0.5)
    bad = np.where(planted, draws.random(1000) < 0.8, draws.random(1000) < 0.05)
    found = discover(columns, bad.astype(float))
    kept = restrictions(found)
    assert set(kept) == {1, 3}
    assert kept[1].high == pytest.approx(0.4, abs=0.05) and kept[3].low == pytest.approx(0.5, abs=0.05)
    assert found.boxes[0].density == pytest.approx(0.8, abs=0.1)


def test_two_planted_boxes_are_covered_by_two():
    columns, x, _ = drawn(2)
    first, second = (x[:, 0] > 0.6) & (x[:, 1] > 0.3), (x[:, 0] < 0.2) & (x[:, 2] > 0.4)
    found = discover(columns, (first | second).astype(float))
    assert len(found.boxes) >= 2
    assert sum(box.coverage for box in found.boxes) > 0.95
    for box in found.boxes:  # two ways to count the bad points that it holds
        assert box.coverage * found.base_rate == pytest.approx(box.density * box.mass)
    assert all(box.density > 0.9 for box in found.boxes)


def test_words_are_dropped_one_by_one():
    columns, x, draws = drawn(5, axes=2)
    words = draws.choice(["immediate", "jitter", "never", "stay"], POINTS).astype(object)
    bad = np.isin(words, ["immediate", "stay"]) & (x[:, 0] < 0.5)
    columns.append(column("name", words))
    found = discover(columns, bad.astype(float))
    kept = restrictions(found)
    assert set(kept) == {0, 2}
    assert kept[2] == Levels(frozenset({0, 3}), 4)
    assert columns[2].levels == ["immediate", "jitter", "never", "stay"]


def test_where_a_parameter_does_not_apply_it_does_not_matter_or_it_is_what_matters():
    columns, x, draws = drawn(6, axes=2)
    applies = draws.random(POINTS) < 0.6
    delays = np.where(applies, x[:, 1], math.nan)
    columns[1] = column("delay_s", delays)
    found = discover(columns, (~applies | (x[:, 1] > 0.5)).astype(float))
    assert restrictions(found)[1].nulls and restrictions(found)[1].low == pytest.approx(0.5, abs=0.05)
    found = discover(columns, (applies & (x[:, 1] > 0.5)).astype(float))
    assert not restrictions(found)[1].nulls
    truths = np.array([None if k % 3 == 0 else k % 3 == 1 for k in range(POINTS)], object)
    levels = column("flag", truths)
    assert levels.levels == [False, True, None]
    found = discover([columns[0], levels], np.array([truth is None for truth in truths], float))
    assert restrictions(found) == {1: Levels(frozenset({2}), 3)}


def test_words_are_not_dropped_before_their_time():
    """A level is many points at once: dropped first, it takes good and bad of the box with it."""
    alike = []
    for seed in range(12):
        columns, x, draws = drawn(seed)
        words = draws.choice(["a", "b", "c", "d"], POINTS).astype(object)
        planted = (x[:, 0] > 0.5) & (x[:, 1] < 0.6) & np.isin(words, ["a", "b"])
        bad = np.where(planted, draws.random(POINTS) < 0.8, draws.random(POINTS) < 0.1).astype(float)
        columns.append(column("w", words))
        inside = mask(columns, search(columns, bad))
        alike.append(2 * (inside & planted).sum() / (inside.sum() + planted.sum()))
    assert np.mean(alike) > 0.86


def test_noise_has_no_boxes():
    """Claims are as rare as CHANCE_MAX says, and what is found in vain has the base rate on points held out."""
    sweeps, claims, densities = 30, 0, []
    for seed in range(sweeps):
        columns, _, draws = drawn(100 + seed, axes=3, points=80)
        found = discover(columns, (draws.random(80) < 0.1).astype(float))
        claims += bool(found.boxes)
        if found.vain is not None and found.vain.restrictions:
            densities.append(found.vain.density_held_out - found.base_rate)
            assert found.vain.density > found.base_rate
            assert all(one.quasi_p <= QUASI_P_MAX for one in found.vain.restrictions)
    assert stats.binomtest(claims, sweeps, CHANCE_MAX, "greater").pvalue > 0.001
    assert len(densities) > 10
    assert abs(np.mean(densities)) < 0.05


def test_bad_shares_of_replications_count_as_shares():
    columns, x, _ = drawn(8)
    bad = np.where(x[:, 0] > 0.5, 0.75, 0.0)
    found = discover(columns, bad)
    assert set(restrictions(found)) == {0}
    assert found.boxes[0].density == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_or_nothing_has_no_boxes(share: float):
    columns, _, _ = drawn(9)
    assert discover(columns, np.full(POINTS, share)) == Discovery(share, [], None)


def test_a_quasi_p_value_is_a_binomial_chance():
    columns, x, _ = drawn(10, axes=2)
    bad = ((x[:, 0] > 0.5) & (np.arange(POINTS) % 3 > 0)).astype(float)
    box = (Span(low=0.5), Span(high=0.6))
    inside, without = mask(columns, box), x[:, 1] <= 0.6
    law = stats.binom.sf(bad[inside].sum() - 1, inside.sum(), bad[without].mean())
    assert quasi_p(columns, bad, box, 0) == pytest.approx(law)


def test_points_that_are_equal_are_one_piece_of_evidence():
    """Or a box around the copies of a single bad point would hold on points held out, which are copies too."""
    x = np.repeat(np.random.default_rng(0).permutation(20) / 20, 10)
    found = discover([column("x", x)], (x == x[70]).astype(float))
    assert found.boxes == []
    assert found.vain is not None and found.vain.density > 0.9 > found.vain.density_held_out
